#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""choose.py serve PORT: a web server that answers with the address it is asked from; /hold never ends.
choose.py reply USER HOST PORT [PROXY-PORT]: the SOCKS5 reply to this username ("" : none), 0 for success.
choose.py hold USER HOST PORT: says "open" once connected, then how it ended.
choose.py kept USER HOST:PORT FILE: two requests over one connection to the HTTP proxy, the second one when FILE exists."""
import base64
import http.server
import os
import socket
import sys
import time

import socks


class Who(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (self.client_address[0].removeprefix("::ffff:") + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def connect(user, host, port, proxy=1080):
    s = socket.create_connection(("127.0.0.1", int(proxy)), 30)
    if user:
        s.sendall(b"\x05\x01\x02")
        name = user.encode()
        if socks.exactly(s, 2) == b"\x05\x02":
            s.sendall(b"\x01" + bytes([len(name)]) + name + b"\x01x")
        if socks.exactly(s, 2) != b"\x01\x00":
            return s, 255
    else:
        s.sendall(b"\x05\x01\x00")
        socks.exactly(s, 2)
    s.sendall(socks.request(host, int(port)))
    head = socks.exactly(s, 5)
    if not head[1]:
        socks.exactly(s, socks.bound_length(head[3], head[4]) - 1)
    return s, head[1]


def serve(port):
    server = Server(("::", int(port)), Who)
    print("ready", flush=True)
    server.serve_forever()


def reply(*where):
    print(connect(*where)[1])


def hold(*where):
    s, code = connect(*where)
    print("open" if code == 0 else "refused %d" % code, flush=True)
    s.settimeout(None)
    try:
        print("ended" if not s.recv(1) else "data", flush=True)
    except OSError as e:
        print("broken:", e, flush=True)


def kept(user, target, name):
    s = socket.create_connection(("127.0.0.1", 1081), 30)
    login = base64.b64encode((user + ":x").encode()).decode()
    f = s.makefile("rb")
    for i in range(2):
        while i and not os.path.exists(name):
            time.sleep(0.02)
        s.sendall(("GET http://%s/ HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n" % (target, target, login)).encode())
        length = 0
        while (line := f.readline().strip().lower()):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        print(f.read(length).decode(), end="", flush=True)


{"serve": serve, "reply": reply, "hold": hold, "kept": kept}[sys.argv[1]](*sys.argv[2:])
