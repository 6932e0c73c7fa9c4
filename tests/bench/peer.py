# SPDX-License-Identifier: BSD-2-Clause
"""peer.py: what restunnel is measured beside. Each file in peers/ (or named on the command line) describes one program:

    NEEDS       programs that must be installed
    VARIANTS    {name of a row: what start() gets for it}
    version()   a text for the report
    start(tunnel, variant)  starts it: see tunnel.Tunnel. Returns the path for dial.h: direct, plain:ADDRESS:PORT or socks:ADDRESS:PORT
    lacks(name) (may be missing) why a variant is not to be had, or None
    ONLY        (may be missing) {variant: the metrics that it is for}
"""
import importlib
import importlib.util
import os

import lab

# In this order in tables
KNOWN = ("restunnel", "direct", "ssh", "haproxy", "shadowsocks")


class Peer:
    def __init__(self, module, name):
        self.module, self.name = module, name

    def start(self, tunnel):
        return self.module.start(tunnel, self.module.VARIANTS[self.name])

    def takes(self, metric, named):
        """named: it was asked for by --peers, and not only where it says something."""
        only = getattr(self.module, "ONLY", {}).get(self.name)
        return metric.word in only if only else named or not metric.against or self.name in metric.against

    def lacks(self):
        lacking = lab.missing(self.module.NEEDS)
        if lacking:
            return "not installed: " + ", ".join(lacking)
        return self.module.lacks(self.name) if hasattr(self.module, "lacks") else None


def peers_of(module):
    return [Peer(module, name) for name in module.VARIANTS]


def known():
    return [p for k in KNOWN for p in peers_of(importlib.import_module("peers." + k))]


def of_file(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return peers_of(module)


def chosen(words):
    """Of names of variants or of programs, and paths of files."""
    found = []
    for word in words:
        if word.endswith(".py"):
            found += of_file(word)
        else:
            some = [p for p in known() if word in (p.name, p.module.__name__.rpartition(".")[2])]
            if not some:
                raise ValueError("there is no peer %s; there are %s, and FILE.py" % (word, ", ".join(p.name for p in known())))
            found += some
    return found
