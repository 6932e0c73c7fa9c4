#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""silence.py HOST PORT SECONDS: connect many times and send nothing, junk of many lengths and kinds, and half closes. For
SECONDS none of the connections may get a byte, an end of stream or a reset. Prints what was different and exits 1."""
import os
import random
import select
import socket
import sys
import time

HOST, PORT, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

# What people and scanners send first, and lengths around those of a handshake's messages
GREETINGS = [b"", b"\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n", b"\x05\x01\x00", b"EHLO x\r\n",
             b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(506)]
LENGTHS = [1, 2, 3, 16, 31, 32, 33, 47, 48, 64, 95, 96, 97, 112, 128, 144, 160, 176, 192, 208, 256, 512, 1024, 4096, 65535,
           65536, 65537, 300000]


def connection(junk, half_close, pieces):
    s = socket.create_connection((HOST, PORT), 5)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(5)
    try:
        for piece in pieces(junk):
            s.sendall(piece)
        if half_close:
            s.shutdown(socket.SHUT_WR)
    except OSError as e:
        sys.exit("%d bytes were not taken: %s" % (len(junk), e))
    return s


def whole(junk):
    return [junk] if junk else []


def split(junk):
    at = random.randint(0, len(junk))
    return [junk[:at], junk[at:]]


def main():
    kinds = [(g, "greeting") for g in GREETINGS] + [(os.urandom(n), "random") for n in LENGTHS]
    # length prefixes that announce a message that never comes, or one of exactly this size
    kinds += [(n.to_bytes(2, "big") + os.urandom(n), "framed") for n in (0, 1, 48, 96, 128, 192, 1000)]
    kinds += [(b"\xff\xff", "framed"), (b"\x00\x60", "framed")]
    open_ones = {}
    for junk, kind in kinds:
        for half_close in (False, True):
            pieces = split if len(junk) in (96, 128) else whole
            s = connection(junk, half_close, pieces)
            open_ones[s] = "%d bytes (%s)%s" % (len(junk), kind, ", then a half close" if half_close else "")
    wrong = []
    end = time.monotonic() + SECONDS
    while open_ones and time.monotonic() < end:
        for s in select.select(list(open_ones), [], [], end - time.monotonic() if end > time.monotonic() else 0)[0]:
            try:
                got = s.recv(100)
                found = "%d bytes came back" % len(got) if got else "it was closed"
            except OSError as e:
                found = str(e)
            wrong.append("%s: %s" % (open_ones.pop(s), found))
    print("%d connections, %d not silent" % (len(kinds) * 2, len(wrong)))
    sys.exit("\n".join(wrong) if wrong else 0)


main()
