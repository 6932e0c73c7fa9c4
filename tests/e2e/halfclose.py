#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""halfclose.py client-first|server-first HOST BYTES: an upload that ends with shutdown(), through SOCKS5, to server.py.

client-first: send, SHUT_WR, then read the answer (port 11).
server-first: read to the end of stream first, then send, then SHUT_WR (port 13); prints "BYTES SHA256" of what was sent."""
import hashlib
import os
import socket
import sys

import socks


def upload(s, total):
    h, left = hashlib.sha256(), total
    while left:
        block = os.urandom(min(left, 65536))
        s.sendall(block)
        h.update(block)
        left -= len(block)
    s.shutdown(socket.SHUT_WR)
    return "%d %s" % (total, h.hexdigest())


def read_all(s):
    got = b""
    while True:
        block = s.recv(65536)
        if not block:
            return got
        got += block


def main():
    order, host, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
    s = socks.connect(host, 11 if order == "client-first" else 13)
    if order == "client-first":
        sent = upload(s, total)
        answer = read_all(s).decode()
        if answer != sent:
            sys.exit("sent %s, but the answer was '%s'" % (sent, answer))
    else:
        got = read_all(s)
        if got != bytes(range(256)) * 256 * 16:
            sys.exit("the server's MiB came as %d bytes, or others" % len(got))
        sent = upload(s, total)
        # the server closes when it has read everything: until then the connection must stand
        s.settimeout(60)
    print(sent)


main()
