# SPDX-License-Identifier: BSD-2-Clause
"""socks.py: SOCKS5 and HTTP CONNECT clients for the test programs; the least that speaks the protocols, so that what a
server answers can be looked at."""
import ipaddress
import socket
import struct


class Refused(Exception):
    """The proxy said no; `code` is its SOCKS reply or HTTP status."""

    def __init__(self, code):
        super().__init__("refused: %s" % (code,))
        self.code = code


def request(host, port):
    """The CONNECT request: literals as addresses, everything else as a name."""
    try:
        a = ipaddress.ip_address(host)
        target = bytes([1 if a.version == 4 else 4]) + a.packed
    except ValueError:
        name = host.encode("latin-1")
        target = bytes([3, len(name)]) + name
    return b"\x05\x01\x00" + target + struct.pack("!H", port)


def bound_length(kind, first):
    return {1: 4, 3: 1 + first, 4: 16}[kind] + 2


def exactly(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            raise EOFError("the proxy closed after %d of %d bytes" % (len(got), n))
        got += more
    return got


def connect(host, port, proxy=("127.0.0.1", 1080), timeout=60, buffer=None):
    """A blocking socket to the target through a SOCKS5 proxy."""
    s = socket.socket()
    if buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    s.settimeout(timeout)
    s.connect(proxy)
    s.sendall(b"\x05\x01\x00")
    if exactly(s, 2) != b"\x05\x00":
        raise Refused("method")
    s.sendall(request(host, port))
    head = exactly(s, 5)
    if head[1]:
        s.close()
        raise Refused(head[1])
    exactly(s, bound_length(head[3], head[4]) - 1)
    return s


async def open_async(host, port, proxy=("127.0.0.1", 1080)):
    """An asyncio reader and writer to the target through a SOCKS5 proxy."""
    import asyncio
    r, w = await asyncio.open_connection(*proxy)
    w.write(b"\x05\x01\x00")
    await r.readexactly(2)
    w.write(request(host, port))
    head = await r.readexactly(5)
    if head[1]:
        w.close()
        raise Refused(head[1])
    await r.readexactly(bound_length(head[3], head[4]) - 1)
    return r, w


def http_connect(host, port, proxy, timeout):
    s = socket.create_connection(proxy, timeout)
    target = "[%s]" % host if ":" in host else host
    s.sendall(("CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (target, port, target, port)).encode("latin-1"))
    return s


def http_why(host, port, proxy=("127.0.0.1", 1081), timeout=60):
    """The first line of the body of an HTTP proxy's refusal of a CONNECT."""
    s = http_connect(host, port, proxy, timeout)
    said = b""
    while more := s.recv(4096):
        said += more
    s.close()
    return said.decode().partition("\r\n\r\n")[2].split("\n")[0]


def http_status(host, port, proxy=("127.0.0.1", 1081), timeout=60):
    """What an HTTP proxy answers to CONNECT."""
    s = http_connect(host, port, proxy, timeout)
    line = b""
    while not line.endswith(b"\n"):
        c = s.recv(1)
        if not c:
            break
        line += c
    s.close()
    return int(line.split()[1]) if line else 0


def reply(host, port, **more):
    """What a SOCKS5 proxy replies: 0 is success."""
    try:
        connect(host, port, **more).close()
        return 0
    except Refused as e:
        return e.code
