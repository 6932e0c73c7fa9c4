#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""follow.py CONTROL-SOCKET EVENT...: print the events of a running restunnel, one JSON document a line, as they come."""
import json
import os
import socket
import sys

# a path of any length: by the directory's descriptor
directory = os.open(os.path.dirname(sys.argv[1]), os.O_RDONLY | os.O_DIRECTORY)
s = socket.socket(socket.AF_UNIX)
s.connect("/proc/self/fd/%d/%s" % (directory, os.path.basename(sys.argv[1])))
s.sendall(json.dumps({"follow": sys.argv[2:]}).encode() + b"\n")
lines = s.makefile()
if "ok" not in json.loads(next(lines)):
    sys.exit("refused")
print("following", flush=True)
for line in lines:
    print(line, end="", flush=True)
