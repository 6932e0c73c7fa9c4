#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Knocks and connections to a hub's port 9000, recorded on the wire and sent again by somebody else.

    replay.py record DEVICE FILE                        until SIGTERM: what passes there towards port 9000, one line each:
                                                        "udp HEX" (a datagram), "syn HEX" (its data), "tcp HEX" (a first 256 bytes)
    replay.py knocks FILE HOST COUNT HUBKEY             as they are, in other orders, with flipped bits, cut short, by datagram and
                                                        by SYN; COUNT packets in all. Prints how many of them had a knock's length
    replay.py probe HOST refused|silent                 until SIGTERM: connect again and again; nothing else may come of it (silent:
                                                        nor of datagrams)
    replay.py first FILE HOST refused|silent            message 1 again, and garbage, on connections: are they refused, or accepted
                                                        and then silent?

HUBKEY: as in a pairing URL. Half of the changed knocks get a mac1 that is right again: everybody who knows the hub's public key
can do that."""
import base64
import hashlib
import os
import random
import signal
import socket
import struct
import sys
import time

KNOCK, PORT = 192, 9000
stopped = False


def on_term(*_):
    global stopped
    stopped = True


# ---- record

def layers(packet):
    """Protocol and everything behind the IP header, of an Ethernet frame; or None."""
    kind = struct.unpack_from("!H", packet, 12)[0]
    if kind == 0x0800:
        p = packet[14:14 + struct.unpack_from("!H", packet, 16)[0]]
        return p[9], p[(p[0] & 15) * 4:]
    if kind == 0x86dd:
        return packet[20], packet[54:54 + struct.unpack_from("!H", packet, 18)[0]]
    return None


def record(device, path):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind((device, 0))
    s.settimeout(0.1)
    print("ready", flush=True)
    out = open(path, "w", 1)
    while True:
        try:
            packet, about = s.recvfrom(4096)
        except TimeoutError:
            if stopped:
                return
            continue
        found = layers(packet) if about[2] != socket.PACKET_OUTGOING else None
        if not found or len(found[1]) < 20 or struct.unpack_from("!H", found[1], 2)[0] != PORT:
            continue
        kind, p = found
        if kind == socket.IPPROTO_UDP:
            out.write("udp %s\n" % p[8:].hex())
        elif kind == socket.IPPROTO_TCP:
            data = p[(p[12] >> 4) * 4:]
            if data and p[13] & 2:
                out.write("syn %s\n" % data.hex())
            elif len(data) == 256:
                out.write("tcp %s\n" % data.hex())


def recorded(path, *kinds):
    return [bytes.fromhex(line.split()[1]) for line in open(path) if line.split()[0] in kinds]


# ---- send again

def by_datagram(data, address, family):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.sendto(data, address)


def by_syn(data, address, family):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
        try:
            s.sendto(data, socket.MSG_FASTOPEN, address)
        except BlockingIOError:
            pass


def changed(knock, mac_key):
    how = random.randrange(5)
    if how == 0:
        return knock
    body = bytearray(knock)
    if how == 1:
        at = random.randrange(8 * KNOCK)
        body[at // 8] ^= 1 << at % 8
    elif how == 2:
        body = body[:random.randrange(KNOCK)]
    elif how == 3:
        keep = random.randrange(KNOCK)
        body[keep:] = bytes(KNOCK - keep)
    else:
        body += os.urandom(random.randrange(1, 64))
    if len(body) > 16 and random.randrange(2):
        body[:16] = hashlib.blake2b(bytes(body[16:]), key=mac_key, digest_size=16).digest()
    return bytes(body)


def knocks(path, host, count, hub_key):
    all_knocks = recorded(path, "udp", "syn")
    if not all_knocks or any(len(k) != KNOCK for k in all_knocks):
        sys.exit("%d knocks were recorded, or some of another length" % len(all_knocks))
    key = base64.urlsafe_b64decode(hub_key + "=")
    mac_key = hashlib.blake2b(b"restunnel/1 knock", key=key, digest_size=32).digest()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    todo = all_knocks + all_knocks[::-1]
    random.shuffle(todo[len(all_knocks):])
    while len(todo) < count:
        todo.append(changed(random.choice(all_knocks), mac_key))
    whole = 0
    for i, knock in enumerate(todo[:count]):
        (by_syn if i % 3 == 0 else by_datagram)(knock, (host, PORT), family)
        whole += len(knock) == KNOCK
        if i % 50 == 0:
            time.sleep(0.01)  # no flood: the counts must add up
    print(whole)


# ---- connect

def try_to_connect(host, seconds=0.05):
    """What a stranger sees: a socket that is connected, or the word for what there was instead."""
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(seconds)
    try:
        s.connect((host, PORT))
        return s
    except ConnectionRefusedError:
        word = "refused"
    except TimeoutError:
        word = "silent"
    except OSError as e:
        word = str(e)
    s.close()
    return word


def datagram_is_answered(s):
    """Also by "port unreachable"."""
    try:
        s.send(b"anybody there?")
        s.recv(100)
    except BlockingIOError:
        return False
    except ConnectionRefusedError:
        pass
    return True


def probe(host, expected):
    n = 0
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect((host, PORT))
    print("ready", flush=True)
    while not stopped:
        found = try_to_connect(host)
        if found != expected:
            sys.exit("the port was %s, not %s, after %d times" % (found, expected, n))
        if expected == "silent" and datagram_is_answered(s):
            sys.exit("a datagram was answered, after %d times" % n)
        n += 1
        if expected == "refused":
            time.sleep(0.002)
    print("%d times" % n)


def first(path, host, expected):
    messages = recorded(path, "tcp")
    if not messages:
        sys.exit("no message 1 was recorded")
    for what, message in [("a recording", messages[0]), ("the last recording", messages[-1]), ("garbage", os.urandom(256))]:
        found = try_to_connect(host, 1)
        if isinstance(found, socket.socket):
            found.sendall(message)
            found.settimeout(1.5)
            try:
                got = found.recv(1000)
                found = "answered by %d bytes" % len(got) if got else "closed"
            except TimeoutError:
                found = "accepted, and silent"
        print("%s: %s" % (what, found), flush=True)
        if found != expected:
            sys.exit(1)


def main():
    signal.signal(signal.SIGTERM, on_term)
    verb, a = sys.argv[1], sys.argv[2:]
    if verb == "record":
        record(a[0], a[1])
    elif verb == "knocks":
        knocks(a[0], a[1], int(a[2]), a[3])
    elif verb == "probe":
        probe(a[0], a[1])
    else:
        first(a[0], a[1], a[2])


main()
