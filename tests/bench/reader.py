#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""reader.py URL READERS SECONDS: who looks at a dashboard: so many readers of its events, and /metrics, as fresh as it comes. URL has a login.
Prints a JSON object."""
import http.client
import json
import os
import select
import socket
import sys
import time
import urllib.parse

PAUSE = 1.05  # s between two looks at the metrics: they are rendered anew each second


def ask(address, method, path, headers=(), body=None):
    c = http.client.HTTPConnection(*address, timeout=60)
    c.request(method, path, body, dict(headers))
    r = c.getresponse()
    text = r.read()
    c.close()
    if r.status != 200:
        sys.exit("%s: %d %s" % (path, r.status, text[:200]))
    return r, text


def login(address, token):
    r, _ = ask(address, "POST", "/api/v1/login", {"Content-Type": "application/json"}, json.dumps({"token": token}))
    return r.getheader("Set-Cookie").split(";")[0]


def reader(address, cookie):
    s = socket.create_connection(address)
    s.sendall(("GET /api/v1/events HTTP/1.1\r\nHost: %s:%d\r\nCookie: %s\r\n\r\n" % (*address, cookie)).encode())
    return s


def main():
    url, seconds = urllib.parse.urlparse(sys.argv[1]), float(sys.argv[3])
    address = url.hostname, url.port
    cookie = login(address, url.fragment.partition("=")[2])
    readers = [reader(address, cookie) for _ in range(int(sys.argv[2]))]
    end, scrape, times, got, updates, size = time.monotonic() + seconds, time.monotonic(), [], 0, 0, 0
    while time.monotonic() < end:
        ready = select.select(readers, [], [], max(0, min(end, scrape) - time.monotonic()))[0]
        for s in ready:
            text = s.recv(1 << 20)
            if not text:
                sys.exit("a reader was cut")
            got += len(text)
            updates += text.count(b"event: ")
        if time.monotonic() >= scrape:
            began = time.monotonic()
            size = len(ask(address, "GET", "/metrics")[1])
            times.append(1000 * (time.monotonic() - began))
            scrape = began + PAUSE
    times.sort()
    print(json.dumps({"bytes_per_second": got / seconds, "messages_per_second": updates / seconds, "metrics_bytes": size, "metrics": len(times),
                      "metrics_p50_ms": times[len(times) // 2], "metrics_p99_ms": times[int(0.99 * (len(times) - 1))], "metrics_max_ms": times[-1]}))
    os._exit(0)


main()
