#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""dnsd.py ADDRESS ZONE-FILE: the lab's DNS server, over UDP. Lines of the file: NAME ADDRESS. It is read again for each
question, so a test can change an answer. Unknown names get NXDOMAIN."""
import ipaddress
import socket
import struct
import sys

A, AAAA = 1, 28


def zone(path):
    names = {}
    for line in open(path):
        name, address = line.split()
        names.setdefault(name.lower(), []).append(ipaddress.ip_address(address))
    return names


def question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0], at + 5


def answer(packet, names):
    name, kind, end = question(packet)
    found = [a for a in names.get(name, []) if kind == (A if a.version == 4 else AAAA)]
    flags = 0x8580 | (0 if name in names else 3)
    reply = packet[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + packet[12:end]
    for a in found:
        reply += struct.pack("!HHHIH", 0xC00C, kind, 1, 1, len(a.packed)) + a.packed
    return reply


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[1], 53))
    print("ready", flush=True)
    while True:
        packet, peer = s.recvfrom(4096)
        try:
            s.sendto(answer(packet, zone(sys.argv[2])), peer)
        except (IndexError, struct.error, ValueError) as e:
            print("ignored a question:", e, flush=True)


main()
