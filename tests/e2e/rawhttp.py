#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""rawhttp.py status FILE: send each line of FILE (\\r and \\n in it as such) to the HTTP proxy over a connection of its own, and
print the line after the status of the answer.
rawhttp.py websocket USER HOST:PORT: a websocket through the proxy and its echo; prints "echo".
rawhttp.py urllib USER URL...: fetch with urllib, print the bodies."""
import socket
import sys
import urllib.request

PROXY = ("127.0.0.1", 1081)


def status(text):
    s = socket.create_connection(PROXY, 30)
    s.sendall(text.encode().decode("unicode_escape").encode("latin-1"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        block = s.recv(65536)
        if not block:
            break
        answer += block
    return answer.split(b" ")[1].decode() if answer else "nothing"


def websocket(user, target):
    import base64
    s = socket.create_connection(PROXY, 30)
    login = base64.b64encode((user + ":x").encode()).decode()
    s.sendall(("GET http://%s/ws HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nProxy-Authorization: Basic %s\r\n\r\n"
               % (target, target, login)).encode())
    f = s.makefile("rb")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += f.readline()
    if b" 101 " not in head or b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" not in head:
        sys.exit(head.decode())
    frame = b"\x81\x84\0\0\0\0echo"
    s.sendall(frame)
    got = f.read(len(frame))
    s.shutdown(socket.SHUT_WR)
    if got != frame or f.read() != b"":
        sys.exit("no echo, or more than that")
    print("echo")


def fetch(user, urls):
    proxy = urllib.request.ProxyHandler({"http": "http://%s:x@%s:%d" % ((user,) + PROXY)})
    opener = urllib.request.build_opener(proxy)
    for url in urls:
        print(opener.open(url, timeout=30).read().decode(), end="")


if sys.argv[1] == "status":
    for line in open(sys.argv[2]):
        print(status(line.rstrip("\n")), line, end="")
elif sys.argv[1] == "websocket":
    websocket(*sys.argv[2:])
else:
    fetch(sys.argv[2], sys.argv[3:])
