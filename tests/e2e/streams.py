#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""streams.py COUNT HOST PORT KIB: COUNT streams through SOCKS5 to an echo server, all open at the same time; then each sends
KIB KiB of its own and must get exactly that back."""
import asyncio
import resource
import sys
import time

import socks

COUNT, HOST, PORT, KIB = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


async def transfer(i, pair):
    r, w = pair
    block = (b"stream %06d " % i * 80)[:1024]
    for n in range(KIB):
        w.write(block)
        await w.drain()
    w.write_eof()
    back = await r.read(-1)
    w.close()
    if back != block * KIB:
        raise ValueError("stream %d: %d of %d bytes came back, or others" % (i, len(back), KIB * 1024))


async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    t = time.monotonic()
    pairs = await asyncio.gather(*(socks.open_async(HOST, PORT) for _ in range(COUNT)))
    opened = time.monotonic()
    print("%d streams are open after %.1f s" % (len(pairs), opened - t), flush=True)
    await asyncio.gather(*(transfer(i, p) for i, p in enumerate(pairs)))
    print("%d KiB each went there and back in %.1f s" % (KIB, time.monotonic() - opened))


asyncio.run(main())
