#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""dnsd.py ADDRESS ZONE-FILE: the lab's DNS server, over UDP. Lines of the file: NAME ADDRESS, or NAME CNAME OTHER, or
NAME ADDRESS then ADDRESS: the second one from the second question on. It is read again for each question, so a test can
change an answer. Unknown names get NXDOMAIN."""
import ipaddress
import socket
import struct
import sys

A, CNAME, AAAA = 1, 5, 28
asked = set()  # (name, type): those that there were questions about


def zone(path):
    names = {}
    for line in open(path):
        name, *value = line.lower().split()
        names.setdefault(name, []).append(value)
    return names


def packed(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def addresses(rows, kind, again):
    for row in rows:
        a = ipaddress.ip_address(row[-1 if again else 0])
        if kind == (A if a.version == 4 else AAAA):
            yield a.packed


def record(owner, kind, rdata):
    return packed(owner) + struct.pack("!HHIH", kind, 1, 1, len(rdata)) + rdata


def question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0], at + 5


def answer(packet, names):
    name, kind, end = question(packet)
    flags = 0x8580 | (0 if name in names else 3)
    again = (name, kind) in asked
    asked.add((name, kind))
    records = []
    while name in names and names[name][0][0] == "cname":
        records.append(record(name, CNAME, packed(names[name][0][1])))
        name = names[name][0][1]
    records += [record(name, kind, a) for a in addresses(names.get(name, []), kind, again)]
    return packet[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + packet[12:end] + b"".join(records)


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[1], 53))
    print("ready", flush=True)
    while True:
        packet, peer = s.recvfrom(4096)
        try:
            s.sendto(answer(packet, zone(sys.argv[2])), peer)
        except (IndexError, struct.error, ValueError, UnicodeError) as e:
            print("ignored a question:", e, flush=True)


main()
