#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""stall.py COUNT HOST: COUNT streams through SOCKS5 that read nothing from an endless sender (port 19), and as many that send
to a server that reads nothing (port 9), until neither takes more. Prints "stalled" then, and holds them until it is killed."""
import select
import socket
import sys
import time

import socks

COUNT, HOST = int(sys.argv[1]), sys.argv[2]
readers = [socks.connect(HOST, 19, buffer=16384) for _ in range(COUNT)]
writers = [socks.connect(HOST, 9) for _ in range(COUNT)]
block, sent, last = bytes(65536), 0, time.monotonic()
for w in writers:
    w.setblocking(False)
while time.monotonic() - last < 1:
    for w in select.select([], writers, [], 0.2)[1]:
        try:
            sent += w.send(block)
            last = time.monotonic()
        except BlockingIOError:
            pass
print("stalled after sending %d bytes" % sent, flush=True)
while True:
    time.sleep(1000)
