#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""hold.py HOST FILE: a stream through SOCKS5 to an echo server (port 7) that goes to and fro ten times a second; the count of
round trips is in FILE. Ends with status 1 when the stream breaks."""
import os
import sys
import time

import socks

s = socks.connect(sys.argv[1], 7)
n = 0
while True:
    n += 1
    word = b"%08d" % n
    s.sendall(word)
    if socks.exactly(s, 8) != word:
        sys.exit("other bytes came back")
    with open(sys.argv[2] + ".new", "w") as f:
        f.write(str(n))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    time.sleep(0.1)
