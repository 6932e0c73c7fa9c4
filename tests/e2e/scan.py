# SPDX-License-Identifier: BSD-2-Clause
"""
Does a port look like ports where nothing is? Run from a stranger's place; ADDRESS may be IPv4 or IPv6.

    scan.py nmap ADDRESS PORT CONTROL CONTROL [FILE]
        nmap -sS -sA -sF -sN -sX -sU -sV of all three: state, reason and TTL must be the same. What was found is written to
        FILE (without port numbers); if that is there already it must be the same too: so a hub that runs is compared with one
        that doesn't.
    scan.py packets ADDRESS PORT CONTROL
        One probe of each kind to both ports; the answers must be as many, and alike in all fields that don't repeat the probe.

Exit status 0: no difference; 1: the differences.
"""
import concurrent.futures, os, select, socket, struct, subprocess, sys, time, xml.etree.ElementTree

SCANS = ["-sS", "-sA", "-sF", "-sN", "-sX", "-sU", "-sV"]


# ---- nmap

def run_nmap(scan, address, ports):
    command = ["nmap", "-n", "-Pn", "--reason", "-oX", "-", scan, "-p", ",".join(map(str, ports))]
    if scan == "-sU":  # the kernel sends one "port unreachable" a second
        command += ["--scan-delay", "1100ms", "--max-retries", "3"]
    if ":" in address:
        command.append("-6")
    out = subprocess.run(command + [address], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"{' '.join(command)}: {out.stderr}")
    return out.stdout


def look_of(port):
    """Of an element <port>: all but the number, and the name that belongs to the number."""
    state = port.find("state")
    look = [port.get("protocol"), *(f"{k}={v}" for k, v in sorted(state.attrib.items()))]
    service = port.find("service")
    if service is not None and service.get("method") != "table":
        look += [f"{k}={v}" for k, v in sorted(service.attrib.items())]
    look += [f"script {s.get('id')}" for s in port.findall("script")]
    return " ".join(look)


def nmap(address, ports, file=None):
    run_nmap("-sS", address, ports)  # the first scan of a host takes other ways: addresses are resolved, times are not known
    with concurrent.futures.ThreadPoolExecutor(len(SCANS)) as pool:
        found = dict(zip(SCANS, pool.map(lambda scan: run_nmap(scan, address, ports), SCANS)))
    differences, lines = [], []
    for scan in SCANS:
        looks = {int(p.get("portid")): look_of(p) for p in xml.etree.ElementTree.fromstring(found[scan]).iter("port")}
        if set(looks) != set(ports):
            differences.append(f"{scan}: told of {sorted(looks)}, not of {ports}")
            continue
        lines.append(f"{scan} {looks[ports[0]]}")
        for control in ports[1:]:
            if looks[control] != looks[ports[0]]:
                differences.append(f"{scan}: {ports[0]} is '{looks[ports[0]]}', {control} is '{looks[control]}'")
    text = "".join(line + "\n" for line in lines)
    if file and os.path.exists(file):
        with open(file) as f:
            before = f.read()
        if before != text:
            differences.append(f"before:\n{before}now:\n{text}")
    elif file and not differences:
        with open(file, "w") as f:
            f.write(text)
    return differences, text


# ---- packets

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
# MSS, SACK permitted, timestamps, no operation, window scale: what Linux and nmap send
OPTIONS = bytes.fromhex("020405b4" "0402" "080a00000001" "00000000" "01" "030307")
PROBES = [(f"tcp flags {flags:02x}", "tcp", (flags, b"", b"")) for flags in
          (SYN, ACK, FIN, 0, FIN | PSH | URG, SYN | FIN, SYN | ACK, RST, RST | ACK, FIN | ACK, 0xff)]
PROBES += [("SYN with options", "tcp", (SYN, OPTIONS, b""))]
PROBES += [(f"SYN with {n} bytes", "tcp", (SYN, OPTIONS, b"k" * n)) for n in (1, 191, 192, 193, 1200)]
PROBES += [(f"ACK with {n} bytes", "tcp", (ACK | PSH, b"", b"k" * n)) for n in (1, 192)]
PROBES += [(f"datagram of {n} bytes", "udp", b"k" * n) for n in
           ((0, 1, 191, 192, 193, 1200) if os.environ.get("RTUN_E2E_FULL") else (1, 192))]
SEQ, ACKED = 0x10203040, 0x50607080


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Stranger:
    def __init__(self, address):
        self.v6 = ":" in address
        self.family = socket.AF_INET6 if self.v6 else socket.AF_INET
        self.address = address
        with socket.socket(self.family, socket.SOCK_DGRAM) as s:
            s.connect((address, 9))
            self.own = s.getsockname()[0]
        self.raw = {name: socket.socket(self.family, socket.SOCK_RAW, number) for name, number in
                    (("tcp", socket.IPPROTO_TCP), ("udp", socket.IPPROTO_UDP))}
        # sees all, before anybody else
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86dd if self.v6 else 0x0800))
        self.pack = lambda ip: socket.inet_pton(self.family, ip)

    def segment(self, kind, source, target, what):
        if kind == "tcp":
            flags, options, data = what
            options += b"\0" * (-len(options) % 4)
            head = struct.pack("!HHIIBBHHH", source, target, SEQ, ACKED, (20 + len(options)) // 4 << 4, flags, 1024, 0, 0) + options
            at = 16
        else:
            data, head, at = what, struct.pack("!HHHH", source, target, 8 + len(what), 0), 6
        protocol = socket.IPPROTO_TCP if kind == "tcp" else socket.IPPROTO_UDP
        pseudo = self.pack(self.own) + self.pack(self.address) + struct.pack("!II", len(head + data), protocol)
        sum16 = checksum(pseudo + head + data) or 0xffff
        return head[:at] + struct.pack("!H", sum16) + head[at + 2:] + data

    def send(self, kind, source, target, what):
        packet = self.segment(kind, source, target, what)
        self.raw[kind].sendto(packet, (self.address, 0))
        return packet

    def answers(self, seconds):
        """(IP header, what follows) of all that comes from the other side within that time"""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.tap], [], [], left)[0]:
                return
            packet, where = self.tap.recvfrom(65535)
            if where[2] == socket.PACKET_OUTGOING:
                continue
            if self.v6 and packet[8:24] == self.pack(self.address):
                yield packet[:40], packet[40:]
            elif not self.v6 and packet[12:16] == self.pack(self.address):
                length = (packet[0] & 15) * 4
                yield packet[:length], packet[length:]


def ip_fields(head, v6):
    if v6:
        return f"class and flow {'set' if head[0] & 15 or head[1] >> 4 else '0'}, payload {struct.unpack('!H', head[4:6])[0]}, hops {head[7]}"
    _, tos, length, ident, fragment, ttl = struct.unpack("!BBHHHB", head[:9])
    return f"header {len(head)}, tos {tos}, length {length}, id {'set' if ident else 0}, fragment {fragment:04x}, ttl {ttl}"


def relation(number, what):
    """Sequence numbers: how they relate to the probe's."""
    known = {0: "0", SEQ: "its seq", ACKED: "its ack"}
    return known.get(number) or (f"its seq + {number - SEQ}" if 0 <= number - SEQ < 70000 else "another " + what)


def tcp_fields(p):
    _, _, seq, ack, offset, flags, window, _, urgent = struct.unpack("!HHIIBBHHH", p[:20])
    return (f"tcp seq {relation(seq, 'seq')}, ack {relation(ack, 'ack')}, flags {flags:02x}, reserved {offset & 15}, window {window}, urgent {urgent}, "
            f"options {p[20:(offset >> 4) * 4].hex() or 'none'}, {len(p) - (offset >> 4) * 4} bytes")


def quoted_ports(p, v6):
    """Of the packet that an ICMP error quotes; None: it is no error"""
    inner = p[8:]
    at = 40 if v6 else (inner[0] & 15) * 4 if inner else 0
    return struct.unpack("!HH", inner[at:at + 4]) if len(inner) >= at + 4 else None


def describe(head, p, v6):
    """(source port of the probe, target port, all that should be alike)"""
    protocol = head[6] if v6 else head[9]
    fields = ip_fields(head, v6)
    if protocol == socket.IPPROTO_TCP:
        target, source = struct.unpack("!HH", p[:4])
        return source, target, f"{fields}; {tcp_fields(p)}"
    if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
        ports = quoted_ports(p, v6)
        if ports:
            return *ports, f"{fields}; icmp type {p[0]} code {p[1]} rest {p[4:8].hex()}, quotes {len(p) - 8} bytes"
        return None
    return 0, 0, f"{fields}; protocol {protocol}, {len(p)} bytes"


def packets(address, ports):
    stranger = Stranger(address)
    found = {}  # by source and target port

    def collect(seconds):
        for head, p in stranger.answers(seconds):
            answer = describe(head, p, stranger.v6)
            if answer and answer[:2] in found:
                found[answer[:2]].append(answer[2])

    sources = dict(zip((name for name, _, _ in PROBES), range(40000, 50000)))
    for kind in "tcp", "udp":
        for name, what in ((name, what) for name, k, what in PROBES if k == kind):
            for port in ports:
                found[sources[name], port] = []
                stranger.send(kind, sources[name], port, what)
            if kind == "udp":  # of "port unreachable" the kernel sends one a second
                collect(2.1)
        collect(1)
    differences = []
    for name, source in sources.items():
        ours, other = found[source, ports[0]], found[source, ports[1]]
        if ours != other:
            differences.append(f"{name}:\n  {ports[0]}: {ours}\n  {ports[1]}: {other}")
    answers = sum(len(found[source, ports[1]]) for source in sources.values())
    return differences, f"{len(PROBES)} probes of either port, {answers} answers\n"


def main(arguments):
    try:
        what, address, ports = arguments[0], arguments[1], arguments[2:]
        file = ports.pop() if what == "nmap" and len(ports) == 4 else None
        ports = [int(p) for p in ports]
        if (what, len(ports)) not in (("nmap", 3), ("packets", 2)):
            raise ValueError
    except (IndexError, ValueError):
        sys.exit(__doc__)
    differences, text = nmap(address, ports, file) if what == "nmap" else packets(address, ports)
    print(text, end="")
    for d in differences:
        print(f"{what} tells them apart: {d}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
