# SPDX-License-Identifier: BSD-2-Clause
"""nodes.py: a hub with many nodes, which are real processes."""
import concurrent.futures
import json
import os
import time

import lab
import process
from peers import restunnel

# A hub works out the senders of 20 knocks a second of one address, and of 200 in all; a node knocks twice until it is in.
HOMES = 20   # addresses that nodes come from, by turns
AT_ONCE = 2  # are enrolled


class Nodes:
    """A hub, and as many nodes as asked for."""

    def __init__(self, net, template=restunnel.HUB_CONF, before=()):
        """before: words before the hub's command."""
        self.net, self.conf = net, restunnel.configure(os.path.join(lab.SCRATCH, "hub"), template)
        self.hub = [net.hub.spawn([*before, *restunnel.words(), "run", "-c", self.conf], os.path.join(lab.SCRATCH, "hub.log")).pid]
        restunnel.hub_up(self.conf)
        self.count, self.measured = 0, (0, process.rss_kib(self.hub))
        self.homes = [self.home(i) for i in range(HOMES)]

    def home(self, i):
        home = self.net.place("home%d" % i)
        home.run("sh", "-ec", lab.SETTINGS, "sh", lab.congestion())
        lab.shell(lab.VETH + lab.JOIN + "ip -n $4 route add default via $3", "hub", home.name, lab.HUB, home.name, "up0", "11.1.%d.2" % i)
        return home

    def enrol(self, n):
        home, name = self.homes[n % HOMES], "node-%d" % n
        conf = restunnel.configure(os.path.join(lab.SCRATCH, name), restunnel.NODE_CONF)
        restunnel.enrol(self.net.hub, self.conf, home, conf, name)
        return home, conf

    def grow(self, count):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for home, conf in pool.map(self.enrol, range(self.count, count)):
                home.spawn([*restunnel.words(), "run", "-c", conf], os.path.join(lab.SCRATCH, home.name + ".log"))
        self.count = count
        process.wait(60 + count / 5, self.all_online, "%d nodes to be online" % count)

    def all_online(self):
        devices = json.loads(self.net.hub.run(*restunnel.words(), "devices", "-c", self.conf, "--json"))["devices"]
        return sum(d["online"] for d in devices) == self.count

    def row(self, count, seconds):
        self.grow(count)
        time.sleep(min(seconds, 10))  # what they do once, at the beginning
        before = process.cpu_seconds(self.hub)
        time.sleep(seconds)
        cpu = (process.cpu_seconds(self.hub) - before) / seconds
        rss, further = process.rss_kib(self.hub), count - self.measured[0]
        per_node = (rss - self.measured[1]) / further
        self.measured = count, rss
        return {"nodes": count, "hub_cpu": cpu, "hub_rss_kib": rss, "kib_per_further_node": per_node}


class Hub:
    """A peer of tunnel.py: a hub with a dashboard and many exits, which get streams by turns."""
    CONF = restunnel.HUB_CONF.replace("    {frontend}\n", "    strategy: round-robin\n") + "  - module: dashboard_http\n"
    # The homes reach the target through the hub's machine, but not through its restunnel.
    ROUTES = """
ip -n target route add 11.1.0.0/16 via 11.0.0.2
ip -n exit route add 11.1.0.0/16 via 11.0.0.1
"""

    def __init__(self, count, before=()):
        self.count, self.before = count, before

    def start(self, t):
        lab.shell(self.ROUTES)
        self.nodes = Nodes(t.net, self.CONF, self.before)
        t.roots["hub"] += self.nodes.hub
        self.nodes.grow(self.count)
        return "socks:127.0.0.1:1080"

    def link(self, net):
        """That logs in to the dashboard, once."""
        return json.loads(net.hub.run(*restunnel.words(), "dashboard", "-c", self.nodes.conf, "--json"))["url"]
