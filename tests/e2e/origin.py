#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""origin.py ADDRESS PORT: a web server that does what nginx does not. It prints each request's method, path, the client's
address and the number of its connection. Paths:

/head          the request's head as it came
/ws            a websocket, if asked: then echo, byte for byte
/ws/frames     the same for browsers: each small frame comes back as a server's
/end           a body that ends with the connection
/old           the same by HTTP/1.0
/cut/length, /cut/chunked, /cut/end    bodies that are broken off (the last one with RST)
/put           reads the body, after 100 Continue if that is expected, and answers its size
/refuse        413 at once; the body is dropped, as a server does that wants its answer to be heard
/slow          half of a body; the rest when the file FILE exists: /slow?FILE
/broken        an answer with both Content-Length and Transfer-Encoding
"""
import asyncio
import base64
import hashlib
import os
import socket
import struct
import sys

count = 0


def reply(status, body, *more):
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), "".join(h + "\r\n" for h in more))).encode() + body


def abort(w):
    w.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    w.transport.abort()


async def read_body(r, w, head):
    if head.get("expect") == "100-continue":
        w.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if head.get("transfer-encoding") != "chunked":
        return await r.readexactly(int(head.get("content-length", 0)))
    body = b""
    while size := int(await r.readline(), 16):
        body += await r.readexactly(size)
        await r.readline()
    await r.readline()
    return body


async def frame(r):
    size = (await r.readexactly(2))[1] & 0x7f
    mask = await r.readexactly(4)
    return bytes([0x81, size]) + bytes(b ^ mask[i % 4] for i, b in enumerate(await r.readexactly(size)))


async def websocket(r, w, head, read):
    key = head["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    w.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())
    while block := await read(r):
        w.write(block)
        await w.drain()


async def slow(w, name):
    w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
    while not os.path.exists(name):
        await asyncio.sleep(0.02)
    w.write(b"after")


# body, whether the connection goes on
FIXED = {
    "/end": b"HTTP/1.1 200 OK\r\n\r\nto the end\n",
    "/old": b"HTTP/1.0 200 OK\r\n\r\nto the end\n",
    "/cut/length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart\n",
    "/cut/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npart\n\r\n",
    "/cut/end": b"HTTP/1.1 200 OK\r\n\r\npart\n",
    "/refuse": reply("413 Content Too Large", b"too large\n"),
    "/broken": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


async def request(r, w):
    text = (await r.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = text[:-4].split("\r\n")
    head = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in fields)}
    path = line.split()[1]
    print(line.rsplit(" ", 1)[0], w.get_extra_info("peername")[0], w.number, flush=True)
    if path in ("/ws", "/ws/frames"):
        await websocket(r, w, head, frame if path == "/ws/frames" else lambda r: r.read(65536))
        return False
    if path.startswith("/slow?"):
        await slow(w, path[6:])
        return True
    if path in FIXED:
        w.write(FIXED[path])
        await w.drain()
        if path == "/cut/end":
            await asyncio.sleep(0.2)  # what was sent before an RST should arrive
            abort(w)
        return False
    body = await read_body(r, w, head)
    w.write(reply("200 OK", text.encode("latin-1") if path == "/head" else b"%d\n" % len(body)))
    return True


async def client(r, w):
    global count
    count += 1
    w.number = count
    try:
        while await request(r, w):
            await w.drain()
        if w.can_write_eof() and not w.is_closing():
            w.write_eof()
            while await asyncio.wait_for(r.read(1 << 20), 2):
                pass
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        pass
    finally:
        w.close()


async def main():
    await asyncio.start_server(client, sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
