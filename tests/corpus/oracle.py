#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
#
# A second opinion on which addresses are public, for tests/unit/test_ipfilter. Written from the registries' rows as
# sorted intervals of whole numbers, and sharing nothing with the module: no table, no way of matching.
#
#   oracle.py COUNT [SEED]   writes records of 17 bytes. First 'N' and what a name server says about ipv4only.arpa, one
#                            for each prefix of NAT64; then COUNT times 'a' or 'd' (allow, deny) with 4, or 'A' or 'D'
#                            with 16 bytes of address (those of IPv4 padded with zeros)
import bisect
import ipaddress
import random
import sys

# https://www.iana.org/assignments/iana-ipv4-special-registry, then multicast
IPV4 = """0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24
192.52.193.0/24 192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24
203.0.113.0/24 240.0.0.0/4 255.255.255.255/32 224.0.0.0/4""".split()

# https://www.iana.org/assignments/iana-ipv6-special-registry but for mapped and NAT64 addresses, which are judged by the
# IPv4 address inside, then what is deprecated, multicast, or outside of 2000::/3
IPV6 = """::1/128 ::/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128
2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16
2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10
::/96 ::ffff:0:0:0/96 fec0::/10 ff00::/8 3ffe::/16
::/3 4000::/2 8000::/1""".split()


def intervals(rows):
    merged = []
    for low, high in sorted((int(n[0]), int(n[-1])) for n in map(ipaddress.ip_network, rows)):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return [i[0] for i in merged], [i[1] for i in merged]


LOW4, HIGH4 = intervals(IPV4)
LOW6, HIGH6 = intervals(IPV6)
MAPPED = 0xffff
NAT64 = int(ipaddress.ip_address("64:ff9b::")) >> 32
ISATAP = (0x00005efe, 0x02005efe)
# What a network might have of its own (RFC 6052): one of each length, and two that are private whatever is in them
LEARNED = [(int(n.network_address), n.prefixlen) for n in map(ipaddress.ip_network, """2a01:64::/32 2a02:64:4000::/40
2a03:64:4848::/48 2a04:64:5656:5600::/56 2a05:64:64:64::/64 2a06:64:96:96:0:96::/96 fd64::/96 64:ff9b:1::/48""".split())]


def inside(n, low, high):
    i = bisect.bisect_right(low, n) - 1
    return i >= 0 and n <= high[i]


def public4(n):
    return not inside(n, LOW4, HIGH4)


def place(bits):
    """In hexadecimal digits without the reserved octet, which is at 16."""
    return bits // 4 if bits <= 64 else bits // 4 - 2


def embed(network, bits, v4):
    digits = "%032x" % network
    digits = digits[:16] + digits[18:]
    digits = digits[:place(bits)] + "%08x" % v4 + digits[place(bits) + 8:]
    return int(digits[:16] + "00" + digits[16:], 16)


def extract(n, bits):
    digits = "%032x" % n
    return int((digits[:16] + digits[18:])[place(bits):][:8], 16)


def hides(n):
    """What networks of NAT64 make of it: the IPv4 address inside."""
    return [extract(n, bits) for network, bits in LEARNED if (n ^ network) >> (128 - bits) == 0]


def public6(n):
    if n >> 32 in (MAPPED, NAT64):
        return public4(n & 0xffffffff)
    if (n >> 32) & 0xffffffff in ISATAP and not public4(n & 0xffffffff):
        return False
    return not inside(n, LOW6, HIGH6) and all(map(public4, hides(n)))


EDGES4 = LOW4 + HIGH4
EDGES6 = LOW6 + HIGH6 + [int(ipaddress.ip_network(r)[i]) for r in IPV6 for i in (0, -1)]


def random4(r):
    kind = r.random()
    if kind < 0.4:
        return r.getrandbits(32)
    n = r.choice(EDGES4)
    if kind < 0.7:
        return (n + r.randint(-3, 3)) % 2**32
    return n ^ (1 << r.randrange(32)) ^ r.getrandbits(8)


def random6(r):
    kind = r.random()
    if kind < 0.2:
        return r.getrandbits(128)
    if kind < 0.4:
        return (0x2 << 124 | r.getrandbits(124)) if r.getrandbits(1) else (0x2001 << 112 | r.getrandbits(112))
    if kind < 0.55:
        return r.choice((MAPPED, NAT64)) << 32 | random4(r)
    if kind < 0.65:
        return 0x2a << 120 | r.getrandbits(50) << 64 | r.choice(ISATAP + (0x5eff,)) << 32 | random4(r)
    if kind < 0.68:
        return (r.choice((MAPPED, NAT64)) ^ (1 << r.randrange(96))) << 32 | random4(r)
    if kind < 0.7:
        # 6to4, and Teredo with server and client
        return r.choice((0x2002 << 112 | random4(r) << 80, 0x20010000 << 96 | random4(r) << 64 | random4(r) ^ 0xffffffff))
    if kind < 0.75:
        network, bits = r.choice(LEARNED)
        noise = r.getrandbits(128 - bits) if r.getrandbits(1) else 0
        flip = 1 << r.randrange(128) if r.random() < 0.1 else 0
        return embed(network | noise, bits, random4(r)) ^ flip
    n = r.choice(EDGES6)
    if kind < 0.85:
        return (n + r.randint(-3, 3)) % 2**128
    return n ^ (1 << r.randrange(128)) ^ r.getrandbits(40)


def main():
    count = int(sys.argv[1])
    r = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    out = bytearray()
    for network, bits in LEARNED:
        out += b"N" + embed(network, bits, r.choice((0xc00000aa, 0xc00000ab))).to_bytes(16, "big")
    for _ in range(count):
        if len(out) > 1 << 20:
            sys.stdout.buffer.write(out)
            out.clear()
        if r.getrandbits(1):
            n = random4(r)
            out += (b"a" if public4(n) else b"d") + n.to_bytes(4, "big") + bytes(12)
        else:
            n = random6(r)
            out += (b"A" if public6(n) else b"D") + n.to_bytes(16, "big")
    sys.stdout.buffer.write(out)


main()
