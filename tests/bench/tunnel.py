# SPDX-License-Identifier: BSD-2-Clause
"""tunnel.py: a peer that is up in a lab, traffic through it, and what that costs."""
import collections
import contextlib
import json
import mmap
import os
import select
import shutil
import struct
import subprocess
import time

import lab
import process

WORK = os.path.join(lab.SCRATCH, "work")


class Window(collections.namedtuple("Window", "seconds bytes hub_cpu exit_cpu")):
    """What happened in a time: bytes that arrived at client or target, CPU seconds of the tunnel's processes."""

    @property
    def mbps(self):
        return self.bytes / self.seconds / 1e6

    @property
    def cpu(self):
        return self.hub_cpu + self.exit_cpu

    def per_gib(self, seconds):
        """None: nothing arrived, or there are no processes."""
        return seconds / (self.bytes / 2**30) if seconds and self.bytes else None


class Counters:
    """struct counters of bench.h."""
    FIELDS = struct.Struct("=5Q")
    Values = collections.namedtuple("Values", "received sent connections requests errors")

    def __init__(self, path):
        with open(path, "rb") as f:
            self.memory = mmap.mmap(f.fileno(), self.FIELDS.size, prot=mmap.PROT_READ)

    def read(self):
        return self.Values._make(self.FIELDS.unpack(self.memory))


# Streams that go on until they are closed
Flow = collections.namedtuple("Flow", "counters streams")


class Tunnel:
    """A context. A peer's start() gets it, to put its processes into t.hub() and t.exit() and its files into t.work."""

    def __init__(self, net, peer, check):
        self.net, self.peer, self.check = net, peer, check
        self.work, self.path, self.loads = WORK, None, 0
        self.roots = {"hub": [], "exit": []}
        self.errors = 0  # of the loads since take_errors()
        self.notes = set()
        self.target = Counters(net.counters)

    def __enter__(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.mkdir(self.work, 0o700)
        try:
            self.path = self.peer.start(self)
            process.wait(30, self.usable, "a way through it")
            if not self.echoes(self.check):
                raise RuntimeError("other bytes came back than were sent")
        except BaseException as e:
            self.__exit__()
            if isinstance(e, Exception):
                raise RuntimeError("\n".join([str(e), *self.logs()])) from e
            raise
        self.errors = 0
        return self

    def __exit__(self, *_):
        process.end(self.roots["hub"] + self.roots["exit"])

    # ---- for peers

    def side(self, name):
        return self.net.hub if name == "hub" else self.net.exit

    def spawn(self, side, words):
        self.roots[side].append(self.side(side).spawn(words, os.path.join(self.work, side + ".log")).pid)

    def hub(self, *words):
        self.spawn("hub", words)

    def exit(self, *words):
        self.spawn("exit", words)

    def file(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def logs(self):
        """Their last lines."""
        return ["    %s: %s" % (side, line) for side in self.roots
                for line in process.read(os.path.join(self.work, side + ".log")).splitlines()[-4:]]

    # ---- costs

    def cpu(self):
        return process.cpu_seconds(self.roots["hub"]), process.cpu_seconds(self.roots["exit"])

    def rss(self):
        """KiB: (hub, exit)"""
        return process.rss_kib(self.roots["hub"]), process.rss_kib(self.roots["exit"])

    def sample(self, flow):
        received = self.target.read().received + (flow.counters.read().received if flow else 0)
        return (time.monotonic(), received, *self.cpu())

    def calm(self):
        """Until what went before is over: thousands of streams that close, data under way."""
        def idle():
            w = self.window(None, 0.05)
            return w.cpu < 0.05 * w.seconds
        process.wait(30, idle, "it to become idle")

    def since(self, before, flow):
        return Window._make(b - a for a, b in zip(before, self.sample(flow)))

    def window(self, flow, seconds):
        """So long, and longer while nothing of a flow arrives, which is an error after 10 s."""
        before = self.sample(flow)
        time.sleep(seconds)
        if flow:
            process.wait(10, lambda: self.since(before, flow).bytes, "data of %d streams" % flow.streams)
        return self.since(before, flow)

    def note_connections(self, metric):
        """How many TCP connections go over the line now, and their congestion controls, which decide much there."""
        told = [p.run("ss", "-Htin", "state", "established", "( src %s or dst %s )" % (lab.HUB, lab.HUB)) for p in self.net.places]
        known = set(process.read("/proc/sys/net/ipv4/tcp_available_congestion_control").split())
        count = sum(not line.startswith("\t") for line in told[0].splitlines())
        self.notes.add("%s: TCP connections over the line: %d (%s)" % (metric, count, ", ".join(sorted(known & set(" ".join(told).split())))))

    # ---- traffic

    def load(self, mode, *arguments):
        self.loads += 1
        counters = os.path.join(self.work, "load.%d" % self.loads)
        words = [lab.program("load"), counters, self.path, lab.TARGET, mode, *map(str, arguments)]
        return self.net.hub.spawn(words, os.path.join(self.work, "load.log"), stdout=subprocess.PIPE, text=True), counters

    def answer(self, p, seconds):
        """The line that it says, '' when it says none in time."""
        return p.stdout.readline() if select.select([p.stdout], [], [], seconds)[0] else ""

    def finish(self, p):
        p.kill()
        p.wait()
        p.stdout.close()

    def usable(self):
        if not all(process.alive(p) for roots in self.roots.values() for p in roots):
            raise RuntimeError("a process has ended")
        return self.echoes(65536)

    def echoes(self, size):
        p, _ = self.load("check", size)
        try:
            return bool(self.answer(p, 30)) and p.wait(5) == 0
        finally:
            self.finish(p)

    @contextlib.contextmanager
    def flow(self, mode, streams, warm=0):
        """warm: seconds until it may be measured"""
        p, counters = self.load(mode, streams)
        try:
            words = self.answer(p, 60).split()
            if not words or words[0] != "ready":
                raise RuntimeError("%s: %d streams were not open in a minute" % (mode, streams))
            flow = Flow(Counters(counters), int(words[1]))
            time.sleep(warm)
            yield flow
            self.errors += flow.counters.read().errors
        finally:
            self.finish(p)

    def requests(self, mode, streams, seconds, pause=0):
        """What load says at its end, and the CPU seconds of hub and exit meanwhile (its start and end among it)."""
        before = self.cpu()
        p, _ = self.load(mode, streams, seconds, pause)
        try:
            line = self.answer(p, seconds + 60)
            if not line:
                raise RuntimeError("%s: no answer" % mode)
            found = json.loads(line)
        finally:
            self.finish(p)
        found["hub_cpu"], found["exit_cpu"] = (b - a for a, b in zip(before, self.cpu()))
        self.errors += found["errors"]
        if not found["requests"]:
            raise RuntimeError("%s: no request was answered, %d errors" % (mode, found["errors"]))
        return found

    def take_errors(self):
        taken, self.errors = self.errors, 0
        return taken
