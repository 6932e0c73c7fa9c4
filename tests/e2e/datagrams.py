# SPDX-License-Identifier: BSD-2-Clause
"""datagrams.py COMMAND...: a client of UDP ASSOCIATE (RFC 1928), which has no library here.

reply [unix:PATH] [USER]      what the proxy answers to the request
echo HOST PORT SIZE...        what was sent and comes back, for each size "SIZE FROM" or "SIZE lost"
forward PORT HOST TO          a forwarder: datagrams to 127.0.0.1:PORT go to HOST:TO, and back; "ready", then until it is ended
hold                          an association, "ready PORT"; until standard input ends, or "ended" when the proxy ends it
hostile HOST PORT             see hostile()
ask FILE                      a datagram to each "TARGET PORT" of a file, as ask.py reads it; then "sent N", "answers N"
latency HOST PORT N           N exchanges with an echo, 20 ms apart: "median 90% worst lost", in ms
flood HOST PORT               datagrams without end, as fast as it goes; "ready" after the first
"""
import ipaddress
import os
import select
import socket
import struct
import sys
import time

PROXY = os.environ.get("PROXY", "127.0.0.1:1080")


def endpoint(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def packed(host, port):
    """An address as in SOCKS5."""
    try:
        ip = ipaddress.ip_address(host)
        return bytes([1 if ip.version == 4 else 4]) + ip.packed + struct.pack(">H", port)
    except ValueError:
        name = host.encode("latin-1")
        return bytes([3, len(name)]) + name + struct.pack(">H", port)


def unpacked(p):
    """("host", port) and what is behind it."""
    if p[0] == 3:
        end = 2 + p[1]
        host = p[2:end].decode("latin-1")
    else:
        end = 5 if p[0] == 1 else 17
        host = str(ipaddress.ip_address(p[1:end]))
    return (host, struct.unpack(">H", p[end:end + 2])[0]), p[end + 2:]


class Association:
    def __init__(self, user=None, announced=None, proxy=PROXY, may_fail=False):
        if proxy.startswith("unix:"):
            self.tcp = socket.socket(socket.AF_UNIX)
            self.tcp.connect(proxy[5:])
        else:
            self.tcp = socket.create_connection(endpoint(proxy), 60)
        self.tcp.sendall(b"\5\1\2" if user else b"\5\1\0")
        self.take(2)
        if user:
            self.tcp.sendall(bytes([1, len(user)]) + user.encode() + b"\1x")
            self.take(2)
        self.tcp.sendall(b"\5\3\0" + packed(*(announced or ("0.0.0.0", 0))))
        head = self.take(4)
        self.code = head[1]
        if self.code and not may_fail:
            sys.exit("refused: %d" % self.code)
        self.server, _ = unpacked(head[3:] + self.take(6 if head[3] == 1 else 18))
        self.udp = socket.socket(socket.AF_INET6 if ":" in self.server[0] else socket.AF_INET, socket.SOCK_DGRAM)

    def take(self, n):
        got = b""
        while len(got) < n:
            more = self.tcp.recv(n - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def send(self, host, port, payload, fragment=0):
        self.udp.sendto(bytes([0, 0, fragment]) + packed(host, port) + payload, self.server)

    def receive(self, seconds=2):
        """Where from, and the payload; None: nothing has come."""
        if not select.select([self.udp], [], [], seconds)[0]:
            return None
        p, peer = self.udp.recvfrom(65536)
        assert peer[:2] == self.server and p[:3] == b"\0\0\0", "an answer from elsewhere, or not by the RFC"
        return unpacked(p[3:])


def reply(*args):
    args = list(args)
    proxy = args.pop(0) if args and args[0].startswith("unix:") else PROXY
    print(Association(user=args[0] if args else None, proxy=proxy, may_fail=True).code)


def echo(host, port, *sizes):
    a = Association()
    for size in map(int, sizes):
        sent = os.urandom(size)
        a.send(host, int(port), sent)
        got = a.receive()
        print(size, "lost" if not got else "wrong" if got[1] != sent else "%s %d" % got[0])


def forward(port, host, to):
    a, here, back = Association(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), None
    here.bind(("127.0.0.1", int(port)))
    print("ready", flush=True)
    while True:
        for s in select.select([here, a.udp], [], [])[0]:
            if s is here:
                p, back = here.recvfrom(65536)
                a.send(host, int(to), p)
            else:
                here.sendto(a.receive()[1], back)


def hold():
    a = Association()
    a.send("11.0.9.9", 7, b"x")
    a.receive()
    print("ready", a.server[1], flush=True)
    for s in select.select([a.tcp, sys.stdin], [], [])[0]:
        if s is a.tcp and not a.tcp.recv(1):
            print("ended", flush=True)


def hostile(host, port):
    """What must not get through, then the proof that the association lives: one word for each."""
    a, port = Association(), int(port)

    def silent(what):
        print(what, "silent" if a.receive(0.3) is None else "ANSWERED", flush=True)

    a.send(host, port, b"latch")
    assert a.receive()[1] == b"latch"
    mine, a.udp = a.udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.send(host, port, b"another port")
    silent("another port")
    a.udp.close()
    a.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.udp.bind(("127.0.0.2", 0))
    a.send(host, port, b"another address")
    silent("another address")
    a.udp.close()
    a.udp = mine
    a.send(host, port, b"a fragment", fragment=1)
    silent("a fragment")
    for p in (b"", b"\0\0\0", b"\0\0\0\1\1\2", b"\0\0\0\2" + bytes(10), b"\0\0\0\3\0\0\7", b"\0\0\0\3\3a\0b\0\7"):
        a.udp.sendto(p, a.server)
    silent("malformed")
    a.send(host, port, b"still there")
    print("alive" if a.receive() == ((host, port), b"still there") else "DEAD")
    announced = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    announced.bind(("127.0.0.1", 0))
    a = Association(announced=announced.getsockname())
    a.send(host, port, b"not the one that was announced")
    silent("not announced")
    a.udp = announced
    a.send(host, port, b"announced")
    print("announced" if a.receive() else "DEAD")


def ask(path):
    a, n = Association(), 0
    for line in open(path):
        target, port = line.split()
        a.send(target.encode().decode("unicode_escape"), int(port), b"are you there?")
        n += 1
    print("sent", n, flush=True)
    print("answers", sum(1 for _ in iter(lambda: a.receive(1), None)))


def latency(host, port, n):
    a, took = Association(), []
    for i in range(int(n)):
        sent = struct.pack(">I", i) + bytes(60)
        begun = time.monotonic()
        a.send(host, int(port), sent)
        got = a.receive(1)
        while got and got[1] != sent:
            got = a.receive(1)
        if got:
            took.append(1000 * (time.monotonic() - begun))
        time.sleep(0.02)
    took.sort()
    print("%.1f %.1f %.1f %d" % (took[len(took) // 2], took[len(took) * 9 // 10], took[-1], int(n) - len(took)))


def flood(host, port):
    a, told = Association(), False
    while True:
        a.send(host, int(port), bytes(1200))
        if not told:
            print("ready", flush=True)
            told = True
        while select.select([a.udp], [], [], 0)[0]:
            a.udp.recvfrom(65536)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
