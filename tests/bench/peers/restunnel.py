# SPDX-License-Identifier: BSD-2-Clause
"""restunnel: hub and node, paired on the spot, at its defaults. RESTUNNEL is the program; else it is the build directory's."""
import json
import os
import subprocess

import lab
import process

NEEDS = ()
# what the frontend's entry has more
VARIANTS = {"restunnel": "", "restunnel-optimistic": "optimistic: true"}
ONLY = {"restunnel-optimistic": ("first",)}

options = []  # "KEY: VALUE" for both ends of the tunnel

HUB_CONF = """
data-dir: {data}
modules:
  - module: keystore_file
  - module: transport_noise
    name: tunnel
    role: hub
    listen: {hub}:9000
    public: {hub}:9000
    keystore: keystore_file
{options}
  - module: frontend_socks5
    listen: 127.0.0.1:1080
    to: tunnel
    {frontend}
"""
NODE_CONF = """
data-dir: {data}
modules:
  - module: keystore_file
  - module: ipfilter
  - {{module: exit_dialer, name: internet, filter: ipfilter}}
  - module: transport_noise
    role: node
    keystore: keystore_file
    filter: ipfilter
    to: internet
{options}
"""


def words():
    build, source = os.environ["RESTUNNEL_BUILD"], os.path.dirname(os.path.dirname(lab.HERE))
    own = os.path.join(build, "restunnel")
    if "RESTUNNEL" in os.environ or not os.access(own, os.X_OK):
        return os.environ.get("RESTUNNEL", "restunnel").split()
    return [own, "--module-dir", os.environ.get("RTUN_TEST_MODULE_DIR", os.path.join(build, ".modules")), "--template-dir", os.path.join(source, "conf")]


def output(*arguments):
    return subprocess.run([*words(), *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def version():
    told = output("--version").splitlines()
    return "%s (%s)" % (told[0], told[-1])


def set_options(words):
    """KEY:VALUE, for both ends of all tunnels from now on."""
    options[:] = [w.replace(":", ": ", 1) for w in words]


def told_options():
    return "; ".join(options) or "all options at their defaults"


def lacks(variant):
    """Why this program has no such variant, or None."""
    key = VARIANTS[variant].partition(":")[0]
    try:
        known = [line.partition(":")[0] for line in output("modules", "frontend_socks5").splitlines()]
    except (OSError, subprocess.CalledProcessError) as e:
        return "%s (build it, and run this in the build directory; or say RESTUNNEL=/usr/bin/restunnel)" % e
    return "this restunnel knows no `%s`" % key if key and key not in known else None


def configure(directory, template, frontend=""):
    """Its configuration file in a new directory."""
    os.mkdir(directory, 0o700)
    path = os.path.join(directory, "restunnel.yaml")
    with open(path, "w") as f:
        f.write(template.format(data=directory, hub=lab.HUB, frontend=frontend, options="\n".join("    " + o for o in options)))
    return path


def hub_up(conf):
    """To be called when the hub was started: returns when it answers."""
    control = os.path.join(os.path.dirname(conf), "control.sock")
    process.wait(20, lambda: os.path.exists(control), "the hub's " + control)


def enrol(hub, hub_conf, node, node_conf, name):
    """Pairs the node of that configuration, which is not running yet; hub and node are places."""
    url = json.loads(hub.run(*words(), "pair", "-c", hub_conf, "--json", "--name", name))["url"]
    node.run(*words(), "enroll", "-c", node_conf, url)


def start(tunnel, frontend):
    hub = configure(os.path.join(tunnel.work, "hub"), HUB_CONF, frontend)
    node = configure(os.path.join(tunnel.work, "node"), NODE_CONF)
    tunnel.hub(*words(), "run", "-c", hub)
    hub_up(hub)
    enrol(tunnel.net.hub, hub, tunnel.net.exit, node, "exit")
    tunnel.exit(*words(), "run", "-c", node)
    return "socks:127.0.0.1:1080"
