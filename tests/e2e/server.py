#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""server.py [ADDRESS...]: what the tests talk to beside the web server. Ports:

7   echo, of datagrams too
9   reads nothing, ever
11  reads to the end of stream, then answers "BYTES SHA256" and closes
13  sends 1 MiB and its end of stream first, then reads to the end, and prints "13: BYTES SHA256"
19  sends without end
"""
import asyncio
import hashlib
import resource
import socket
import sys

BLOCK = bytes(range(256)) * 256


async def digest(r):
    n, h = 0, hashlib.sha256()
    while True:
        block = await r.read(65536)
        if not block:
            return "%d %s" % (n, h.hexdigest())
        n += len(block)
        h.update(block)


async def echo(r, w):
    while True:
        block = await r.read(65536)
        if not block:
            break
        w.write(block)
        await w.drain()


async def deaf(r, w):
    w.transport.pause_reading()
    await asyncio.sleep(100000)


async def read_then_answer(r, w):
    w.write((await digest(r)).encode())


async def answer_then_read(r, w):
    for _ in range(16):
        w.write(BLOCK)
        await w.drain()
    w.write_eof()
    print("13:", await digest(r), flush=True)


async def endless(r, w):
    while True:
        w.write(BLOCK)
        await w.drain()


def echo_datagrams(address):
    """By hand: asyncio does not send empty ones."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.bind((address, 7))
    asyncio.get_running_loop().add_reader(s, lambda: s.sendto(*s.recvfrom(65536)))


def closing(serve):
    async def run(r, w):
        try:
            await serve(r, w)
            await w.drain()
        except OSError:
            pass
        finally:
            w.close()
    return run


PORTS = {7: echo, 9: deaf, 11: read_then_answer, 13: answer_then_read, 19: endless}


async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for address in sys.argv[1:]:
        for port, serve in PORTS.items():
            await asyncio.start_server(closing(serve), address, port, backlog=4096)
        echo_datagrams(address)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
