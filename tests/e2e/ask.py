#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ask.py socks|http|why HOST PORT: print what the proxy answers to a CONNECT: the SOCKS5 reply (0: success), the HTTP status
or the first line of HTTP's reason.
ask.py late HOST PORT: the SOCKS5 reply of an optimistic entry at port 1082, or after a success how the connection ends: "reset", "end",
or that there is "data".
ask.py both FILE: for each line "HOST PORT" of the file print "HOST PORT SOCKS-REPLY HTTP-STATUS"; \\xNN in HOST is that byte."""
import sys
from concurrent.futures import ThreadPoolExecutor

import socks


def both(line):
    host, port = line.split()
    name = host.encode().decode("unicode_escape")
    # what can't be written in a request line without breaking it is asked by SOCKS only
    http = socks.http_status(name, int(port)) if name.isprintable() else "-"
    return host, port, socks.reply(name, int(port)), http


def late(host, port):
    try:
        return "data" if socks.connect(host, port, ("127.0.0.1", 1082)).recv(1) else "end"
    except ConnectionResetError:
        return "reset"
    except socks.Refused as e:
        return e.code


if sys.argv[1] == "both":
    with ThreadPoolExecutor(8) as pool: # refusals take their time
        for answer in pool.map(both, open(sys.argv[2])):
            print(*answer, flush=True)
else:
    ask = {"socks": socks.reply, "http": socks.http_status, "why": socks.http_why, "late": late}[sys.argv[1]]
    print(ask(sys.argv[2], int(sys.argv[3])))
