#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""delay.py MILLISECONDS: makes the device `delay` (TUN); each IP packet that is sent to it comes back from it so much later, in
order. For kernels without netem, and for few packets."""
import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000
delay = float(sys.argv[1]) / 1000
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"delay", IFF_TUN | IFF_NO_PI))
print("ready", flush=True)
waiting = collections.deque()
while True:
    left = waiting[0][0] - time.monotonic() if waiting else None
    if left is not None and left <= 0:
        os.write(tun, waiting.popleft()[1])
        continue
    if select.select([tun], [], [], left)[0]:
        packet = os.read(tun, 65536)
        waiting.append((time.monotonic() + delay, packet))
