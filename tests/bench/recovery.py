#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""recovery.py URL PORTS: through the SOCKS proxy of this machine ask for URL ten times a second, each time anew and without waiting for
those before, until one is answered. With PORTS, "40001,40002,": before that, wait for a connection to port 9000 that comes from none of
them, at most a minute. Ends with status 1 when nothing is answered in two."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import socks

answered = threading.Event()


def ask(host, path):
    try:
        s = socks.connect(host, 80)
        s.settimeout(20)
        s.sendall(b"GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path.encode(), host.encode()))
        if s.recv(12).endswith(b" 200"):
            answered.set()
    except (OSError, EOFError, socks.Refused):
        pass


def connected():
    """Ports of the other ends of this machine's established connections at port 9000."""
    with open("/proc/net/tcp") as f:
        rows = [line.split()[1:4] for line in f.readlines()[1:]]
    return {int(there.split(":")[1], 16) for here, there, state in rows if state == "01" and here.endswith(":2328")}


def await_another(ports):
    end = time.monotonic() + 60
    while connected() <= ports and time.monotonic() < end:
        time.sleep(0.05)


def main():
    host, _, path = sys.argv[1].removeprefix("http://").partition("/")
    ports = {int(p) for p in sys.argv[2].split(",") if p}
    if ports:
        await_another(ports)
    for _ in range(1200):
        threading.Thread(target=ask, args=(host, "/" + path), daemon=True).start()
        if answered.wait(0.1):
            os._exit(0)
    os._exit(1)


main()
