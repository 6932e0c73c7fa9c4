# SPDX-License-Identifier: BSD-2-Clause
"""shadowsocks-libev, one TCP connection per stream; it's the hub that connects to the exit, which listens."""
import subprocess

import lab

NEEDS = ("ss-local", "ss-server")
VARIANTS = {"shadowsocks-chacha": "chacha20-ietf-poly1305"}


def version():
    words = subprocess.run(["ss-local", "-h"], stdout=subprocess.PIPE, text=True).stdout.split()
    return " ".join(words[:2])


def start(tunnel, cipher):
    common = ("-s", lab.EXIT, "-p", "8388", "-k", "benchmark", "-m", cipher, "-t", "600", "--no-delay")
    tunnel.exit("ss-server", *common)
    tunnel.hub("ss-local", *common, "-b", "127.0.0.1", "-l", "1080")
    return "socks:127.0.0.1:1080"
