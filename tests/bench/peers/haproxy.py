# SPDX-License-Identifier: BSD-2-Clause
"""haproxy at both ends, TLS 1.3 between them, one TCP connection per stream. It has no SOCKS and forwards to the target only, and
it's the hub that connects to the exit: the best case for it."""
import os
import resource
import subprocess

import lab

NEEDS = ("haproxy", "openssl")
VARIANTS = {"haproxy-chacha": "TLS_CHACHA20_POLY1305_SHA256"}

CONF = """
global
    maxconn {connections}
    nbthread 1
    tune.bufsize 32768
defaults
    mode tcp
    maxconn {connections}
    timeout connect 5s
    timeout client 600s
    timeout server 600s
frontend in
    bind {bind}
    default_backend out
backend out
    server one {server}
"""


def version():
    return " ".join(subprocess.run(["haproxy", "-v"], stdout=subprocess.PIPE, text=True).stdout.split()[:3])


def start(tunnel, cipher):
    key, cert, both = (os.path.join(tunnel.work, n) for n in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=exit",
                    "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    with open(key) as k, open(cert) as c:
        tunnel.file("both.pem", k.read() + c.read())
    tls = "ciphersuites " + cipher
    connections = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 100
    far = CONF.format(bind="%s:8443 ssl crt %s %s ssl-min-ver TLSv1.3" % (lab.EXIT, both, tls), server=lab.TARGET, connections=connections)
    near = CONF.format(bind="127.0.0.1:1080", server="%s:8443 ssl verify none %s force-tlsv13" % (lab.EXIT, tls), connections=connections)
    tunnel.exit("haproxy", "-db", "-f", tunnel.file("exit.cfg", far))
    tunnel.hub("haproxy", "-db", "-f", tunnel.file("hub.cfg", near))
    return "plain:127.0.0.1:1080"
