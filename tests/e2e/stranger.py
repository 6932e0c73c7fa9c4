# SPDX-License-Identifier: BSD-2-Clause
"""stranger.py URL: a node that shares no code with restunnel, written from doc/protocol.md alone. Knocks, enrols, makes a tunnel,
tries what a hub must answer with silence or by ending the connection, changes its keys, then serves streams: port 80 gets an HTTP
answer; so does port 82, but its OK comes only behind the request; any other is refused; datagrams come back. "ready" when it serves; ends when the hub closes. Slow, and careless about side channels: a test."""
import base64
import hashlib
import hmac
import os
import re
import socket
import struct
import sys
import time

P = 2**255 - 19


def x25519(k, u):
    k = int.from_bytes(k, "little") & ~(7 | 1 << 255) & (1 << 255) - 1 | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, x1, 1
    for t in reversed(range(255)):
        if k >> t & 1:
            x2, x3, z2, z3 = x3, x2, z3, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3, x2, e = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P, aa * bb % P, aa - bb
        z2 = e * (aa + 121665 * e) % P
        if k >> t & 1:
            x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(k):
    return x25519(k, b"\t" + bytes(31))


def block(key, counter, nonce):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    w = s[:]

    def add(a, b, d, n):
        w[a] = w[a] + w[b] & 0xffffffff
        v = w[d] ^ w[a]
        w[d] = (v << n | v >> 32 - n) & 0xffffffff

    for i in range(80):
        a = i % 4
        turn = 0 if i // 4 % 2 == 0 else 1
        b, c, d = 4 + (a + turn) % 4, 8 + (a + 2 * turn) % 4, 12 + (a + 3 * turn) % 4
        add(a, b, d, 16), add(c, d, b, 12), add(a, b, d, 8), add(c, d, b, 7)
    return struct.pack("<16I", *[x + y & 0xffffffff for x, y in zip(s, w)])


def crypt(key, nonce, p):
    stream = b"".join(block(key, 1 + i, nonce) for i in range((len(p) + 63) // 64))
    return bytes(x ^ y for x, y in zip(p, stream))


def tag(key, nonce, aad, c):
    k = block(key, 0, nonce)
    r, s, h = int.from_bytes(k[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff, int.from_bytes(k[16:32], "little"), 0
    m = aad + bytes(-len(aad) % 16) + c + bytes(-len(c) % 16) + struct.pack("<QQ", len(aad), len(c))
    for i in range(0, len(m), 16):
        h = (h + int.from_bytes(m[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (h + s & (1 << 128) - 1).to_bytes(16, "little")


def nonce_of(n):
    return bytes(4) + struct.pack("<Q", n)


def seal(key, n, aad, p):
    c = crypt(key, nonce_of(n), p)
    return c + tag(key, nonce_of(n), aad, c)


def unseal(key, n, aad, c):
    if tag(key, nonce_of(n), aad, c[:-16]) != c[-16:]:
        sys.exit("a ciphertext of the hub is not authentic")
    return crypt(key, nonce_of(n), c[:-16])


def blake(*parts):
    return hashlib.blake2b(b"".join(parts)).digest()


def keyed(key, message, n):
    return hashlib.blake2b(message, key=key, digest_size=n).digest()


def hkdf(ck, ikm, n):
    temp, out, last = hmac.new(ck, ikm, hashlib.blake2b).digest(), [], b""
    for i in range(1, n + 1):
        last = hmac.new(temp, last + bytes([i]), hashlib.blake2b).digest()
        out.append(last)
    return out


class Handshake:
    """The initiator of X, IKpsk1 or IKpsk2."""

    def __init__(self, pattern, prologue, s, rs, psk):
        self.ck = ("Noise_%s_25519_ChaChaPoly_BLAKE2b" % pattern).encode().ljust(64, b"\0")
        self.pattern, self.s, self.rs, self.psk, self.e = pattern, s, rs, psk, os.urandom(32)
        self.h = blake(blake(self.ck, prologue), rs)

    def mix_key(self, ikm):
        self.ck, k = hkdf(self.ck, ikm, 2)
        self.k, self.n = k[:32], 0

    def mix_psk(self, pattern):
        if pattern == self.pattern:
            self.ck, t, k = hkdf(self.ck, self.psk, 3)
            self.h = blake(self.h, t)
            self.k, self.n = k[:32], 0

    def mix_e(self, e):
        self.h = blake(self.h, e)
        if self.psk:
            self.mix_key(e)

    def encrypt(self, p):
        c = seal(self.k, self.n, self.h, p)
        self.h, self.n = blake(self.h, c), self.n + 1
        return c

    def message_1(self, payload):
        e = public(self.e)
        self.mix_e(e)
        self.mix_key(x25519(self.e, self.rs))
        s = self.encrypt(public(self.s))
        self.mix_key(x25519(self.s, self.rs))
        self.mix_psk("IKpsk1")
        return e + s + self.encrypt(payload)

    def message_2(self, m):
        """The payload, and the keys of both directions: ours first."""
        self.mix_e(m[:32])
        self.mix_key(x25519(self.e, m[:32]))
        self.mix_key(x25519(self.s, m[:32]))
        self.mix_psk("IKpsk2")
        p = unseal(self.k, self.n, self.h, m[32:])
        self.h = blake(self.h, m[32:])
        a, b = hkdf(self.ck, b"", 2)
        return p, a[:32], b[:32]


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def tlvs(p):
    found = {}
    while p and p[0]:
        n = p[1] << 8 | p[2]
        found[p[0]], p = p[3:3 + n], p[3 + n:]
    return found


class Node:
    def __init__(self, url):
        m = re.fullmatch(r"noise://([\w-]{43})@([\d.]+):(\d+)\?token=([\w-]{43})", url)
        self.hub, self.token = (base64.urlsafe_b64decode(m[i] + "=") for i in (1, 4))
        self.address, self.s, self.psk = (m[2], int(m[3])), os.urandom(32), None
        self.counter = int(time.time() * 1000)

    def knock(self, attempt, count=1, token=None, by_syn=False):
        self.counter += 1
        payload = tlv(8, attempt) + tlv(4, struct.pack(">Q", self.counter)) + tlv(3, bytes([count])) + tlv(201, b"news")
        if token:
            payload += tlv(9, token)
        body = Handshake("X", b"restunnel/1 knock", self.s, self.hub, None).message_1(payload.ljust(80, b"\0"))
        knock = keyed(keyed(self.hub, b"restunnel/1 knock", 32), body, 16) + body
        if by_syn:
            carry_in_syn(knock, self.address)
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(knock, self.address)
        return knock

    def open_door(self, **more):
        """Knock, and wait until the port opens: the attempt's id, and a connection."""
        attempt = os.urandom(16)
        for _ in range(20):
            self.knock(attempt, **more)
            time.sleep(0.1)
            try:
                return attempt, socket.create_connection(self.address, 5)
            except ConnectionRefusedError:
                pass
        sys.exit("the port does not open")

    def refused(self, what):
        try:
            socket.create_connection(self.address, 5)
        except ConnectionRefusedError:
            print("refused:", what, flush=True)
            return
        sys.exit("%s: the port is open" % what)

    def shuts(self, what):
        """An attempt that nobody completed: after its 3 s the port is shut again."""
        for _ in range(50):
            time.sleep(0.1)
            try:
                socket.create_connection(self.address, 5).close()
            except ConnectionRefusedError:
                print("shut:", what, flush=True)
                return
        sys.exit("%s: the port stays open" % what)

    def first(self, pattern, psk, session, index=0, count=1, attempt=bytes(16)):
        self.counter += 1
        hs = Handshake(pattern, b"restunnel/1" + attempt, self.s, self.hub, psk)
        # a window of 1000 bytes, and a TLV that nobody knows yet
        payload = (tlv(1, session) + tlv(2, bytes([index])) + tlv(3, bytes([count])) + tlv(4, struct.pack(">Q", self.counter))
                   + tlv(200, b"news") + tlv(5, struct.pack(">I", 1000)) + tlv(6, b"stranger") + tlv(10, b"\xc8\x11"))
        return hs, hs.message_1(payload.ljust(160, b"\0"))

    def connect(self, *args, token=None, by_syn=False, **more):
        more["attempt"], t = self.open_door(token=token, by_syn=by_syn)
        hs, message = self.first(*args, **more)
        return Connection(self, t, hs, message)

    def silence(self, what, change, *args, **more):
        """A message 1 on a connection for which the port has opened; `change` makes it a bad one."""
        more["attempt"], t = self.open_door()
        t.sendall(change(self.first(*args, **more)[1], more["attempt"]))
        t.settimeout(1.5)
        try:
            sys.exit("%s: not silence but %d bytes" % (what, len(t.recv(1000))))
        except TimeoutError:
            print("silence:", what, flush=True)
        t.close()

    def enrol(self):
        token_id = keyed(self.token, b"restunnel/1 token id", 16)
        c = self.connect("IKpsk1", keyed(self.token, b"restunnel/1 token enrol", 32), os.urandom(16), token=token_id)
        c.send((0x0c, 0, tlv(1, b"A Stranger!")))
        name = tlvs(c.wait(0x0d))[1].decode()
        seed = keyed(self.token, b"restunnel/1 token device", 32)
        self.psk = keyed(seed, b"restunnel/1 device psk" + c.h + self.hub + public(self.s), 32)
        c.send((0x0a, 0, tlv(5, b"\6")))
        c.t.close()
        print("enrolled as", name, flush=True)


def carry_in_syn(knock, address):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
        try:
            s.sendto(knock, socket.MSG_FASTOPEN, address)
        except BlockingIOError:
            pass


class Connection:
    def __init__(self, node, t, hs, message):
        self.node, self.t = node, t
        self.t.settimeout(60)
        self.t.sendall(message)
        self.message, self.waiting, self.ours, self.theirs = message, [], 0, 0
        payload, self.key, self.their_key = hs.message_2(self.take(256))
        self.hello, self.h = tlvs(payload), hs.h

    def take(self, n):
        got = b""
        while len(got) < n:
            more = self.t.recv(n - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def send(self, *frames):
        c = seal(self.key, self.ours, b"", b"".join(struct.pack(">BBHI", t, 0, len(p), i) + p for t, i, p in frames))
        self.ours += 1
        self.t.sendall(struct.pack(">H", len(c)) + c)

    def frame(self):
        while not self.waiting:
            p = unseal(self.their_key, self.theirs, b"", self.take(struct.unpack(">H", self.take(2))[0]))
            self.theirs += 1
            while p:
                kind, _, n, i = struct.unpack(">BBHI", p[:8])
                if kind == 8:
                    self.send((9, 0, p[8:8 + n]))
                elif kind not in (9, 0x0b):  # INFO only informs
                    self.waiting.append((kind, i, p[8:8 + n]))
                p = p[8 + n:]
        return self.waiting.pop(0)

    def wait(self, wanted):
        kind, _, p = self.frame()
        if kind != wanted:
            sys.exit("frame %#x came instead of %#x" % (kind, wanted))
        return p

    def rekey(self):
        hs = Handshake("IKpsk2", b"restunnel/1 rekey" + self.h, self.node.s, self.node.hub, self.node.psk)
        self.send((0x0e, 0, hs.message_1(b"")))
        _, key, self.their_key = hs.message_2(self.wait(0x0f))
        self.send((0x10, 0, b""))
        self.key, self.ours, self.theirs, self.h = key, 0, 0, hs.h

    def must_end(self, what, *frames):
        self.send(*frames)
        try:
            while True:
                self.frame()
        except (EOFError, ConnectionResetError):
            print("ended:", what, flush=True)

    def serve(self):
        asked, given, late, datagrams = {}, {}, {}, {}
        ok = tlv(4, b"\0\0")
        while True:
            kind, i, p = self.frame()
            if kind == 1 and tlvs(p).get(10) == b"\x11":
                datagrams[i] = b""
                self.send((2, i, ok))
            elif kind == 4 and i in datagrams:
                self.send((7, i, struct.pack(">I", len(p))))
                datagrams[i] += p
                while len(datagrams[i]) > 2 and len(datagrams[i]) >= (end := 2 + (datagrams[i][0] << 8 | datagrams[i][1])):
                    whole, datagrams[i] = datagrams[i][:end], datagrams[i][end:]
                    self.send(*((4, i, bytes([b])) for b in whole))  # cut anywhere
            elif kind == 5 and i in datagrams:
                self.send((5, i, b""))
            elif kind == 1 and tlvs(p)[4] in (b"\0P", b"\0R"):
                asked[i], given[i], late[i] = b"", 0, tlvs(p)[4] == b"\0R"
                if not late[i]:
                    self.send((2, i, ok))
            elif kind == 1:
                self.send((3, i, tlv(5, b"\1") + tlv(6, b"only port 80")))
            elif kind == 4:
                given[i] += len(p)
                if given[i] > 1000:
                    sys.exit("the hub sent more than the window")
                asked[i] += p
                if asked[i].endswith(b"\r\n\r\n"):
                    if late[i]:
                        self.send((2, i, ok))
                    head = b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n"
                    self.send((7, i, struct.pack(">I", len(p))), (4, i, head + b"st"), (4, i, b""), (4, i, b"ranger\n"), (5, i, b""))
            elif kind == 10:
                print("close, reason %d" % tlvs(p)[5][0], flush=True)


def main():
    node, session = Node(sys.argv[1]), os.urandom(16)
    node.refused("before any knock")
    node.enrol()
    node.refused("after the enrolment")
    c = node.connect("IKpsk2", node.psk, session)
    c.send((8, 0, b"12345678"))  # a first record: now the tunnel counts
    node.refused("while the tunnel is up")
    print("observed:", ".".join(str(b) for b in c.hello[7]), flush=True)
    node.silence("a recording of message 1", lambda m, a: c.message, "IKpsk2", node.psk, session)
    node.silence("a flipped bit", lambda m, a: m[:100] + bytes([m[100] ^ 1]) + m[101:], "IKpsk2", node.psk, session, 1, 3)
    node.silence("without its attempt", lambda m, a: node.first("IKpsk2", node.psk, session, 1, 3)[1], "IKpsk2", node.psk, session)
    node.shuts("in time")
    node.counter -= 1000
    node.knock(os.urandom(16))
    time.sleep(0.2)
    node.refused("an old counter")
    node.counter += 2000
    other = node.connect("IKpsk2", node.psk, session, 1, 3, by_syn=True)
    print("joined, by a knock in a SYN", flush=True)
    node.silence("an index twice", lambda m, a: m, "IKpsk2", node.psk, session, 1, 3)
    other.must_end("an unknown frame", (0x7f, 0, b""))
    other = node.connect("IKpsk2", node.psk, session, 2, 3)
    other.must_end("a stream that was never opened", (4, 99, b"data"))
    c.send((0x80, 7, b"from later versions"), (0x0b, 0, b"anything"),
           (0x0b, 0, tlv(99, b"later") + tlv(15, b"\x40") + tlv(16, b"\2") + tlv(17, b"\x7f")))
    c.rekey()
    c.rekey()
    print("ready", flush=True)
    try:
        c.serve()
    except EOFError:
        print("the hub has closed", flush=True)


main()
