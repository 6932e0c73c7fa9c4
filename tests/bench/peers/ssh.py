# SPDX-License-Identifier: BSD-2-Clause
"""OpenSSH's remote dynamic forwarding: the exit connects to the hub (ssh -R), whose sshd offers SOCKS5. One TCP connection for all."""
import os
import subprocess

import lab
import process

NEEDS = ("ssh", "sshd", "ssh-keygen")
VARIANTS = {"ssh-chacha": "chacha20-poly1305@openssh.com", "ssh-aes128": "aes128-gcm@openssh.com"}

SSHD = """
Port 2222
ListenAddress {hub}
HostKey {work}/host
AuthorizedKeysFile {work}/user.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
"""


def version():
    return subprocess.run(["ssh", "-V"], stderr=subprocess.PIPE, text=True).stderr.split(",")[0].strip()


def listening(tunnel):
    return tunnel.net.hub.run("ss", "-Htln", "sport = :2222")


def start(tunnel, cipher):
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(tunnel.work, key)], check=True)
    conf = tunnel.file("sshd_config", SSHD.format(hub=lab.HUB, work=tunnel.work))
    tunnel.hub(subprocess.run(["sh", "-c", "command -v sshd"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip(), "-D", "-e", "-f", conf)
    process.wait(5, lambda: listening(tunnel), "sshd")
    tunnel.exit("ssh", "-F", "none", "-N", "-c", cipher, "-p", "2222", "-i", os.path.join(tunnel.work, "user"), "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes",
                "-R", "127.0.0.1:1080", "root@" + lab.HUB)
    return "socks:127.0.0.1:1080"
