#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""capture.py DEVICE: one line for each packet on it, in or out: "FROM > TO", and for ARP and neighbour discovery "? TARGET":
who is looked for. What a kernel sends to its link by itself (multicast listeners, routers) is left out."""
import ipaddress
import socket
import sys

ETH_P_ALL, ARP, IPV4, IPV6, ICMPV6 = 3, 0x0806, 0x0800, 0x86dd, 58
CHATTER = (130, 131, 132, 133, 134, 143)  # types of ICMPv6
NEIGHBOURS = (135, 136)


def line(kind, p):
    if kind == ARP and len(p) >= 28:
        return "? %s" % ipaddress.ip_address(p[24:28])
    if kind == IPV4 and len(p) >= 20:
        return "%s > %s" % (ipaddress.ip_address(p[12:16]), ipaddress.ip_address(p[16:20]))
    if kind != IPV6 or len(p) < 40:
        return "? type %04x" % kind
    at = 48 if p[6] == 0 else 40  # multicast listeners have a hop-by-hop header
    icmp = p[at] if len(p) > at and (p[40] if p[6] == 0 else p[6]) == ICMPV6 else 0
    if icmp in CHATTER:
        return None
    if icmp in NEIGHBOURS and len(p) >= at + 24:
        return "? %s" % ipaddress.ip_address(p[at + 8:at + 24])
    return "%s > %s" % (ipaddress.ip_address(p[8:24]), ipaddress.ip_address(p[24:40]))


def main():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    s.bind((sys.argv[1], ETH_P_ALL))
    print("ready", flush=True)
    while True:
        p, (_, kind, *_) = s.recvfrom(65536)
        said = line(kind, p)
        if said:
            print(said, flush=True)


main()
