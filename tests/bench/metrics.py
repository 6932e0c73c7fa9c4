# SPDX-License-Identifier: BSD-2-Clause
"""metrics.py: what is measured, and how. figures.py has the names of what comes out."""
import collections
import time

import lab
from figures import STREAMS

# seconds of one measurement, and before it until it is steady; the same on slow and long lines; how many streams
Size = collections.namedtuple("Size", "seconds warm line_seconds line_warm idle many crowd busy check")


def size(seconds, small):
    if small:
        return Size(seconds, 0.05, 6 * seconds, 0.1, 20, 50, 200, 20, 1 << 16)
    return Size(seconds, 0.3, 6 * seconds, 3, 1000, 5000, 10000, 200, 1 << 22)


WAYS = ("down", "up")
FAST = None
LONG = lab.Line(1000, 100, 0, 12500)
SLOW = lab.Line(20, 40, 0, 250)
LOSSY = lab.Line(20, 60, 1, 250)
LINES = (FAST, LONG, SLOW, LOSSY)


# ---- on the fast path

def memory(t, size):
    """RSS of hub and exit without streams, and with 1,000 idle ones that have carried a request each"""
    base = t.rss()
    if any(base):
        yield "rss.hub", base[0] / 1024
        yield "rss.exit", base[1] / 1024
        yield from idle(t, "some", size.idle, base, size.warm)


def many(t, size):
    """the same with 5,000 idle ones"""
    yield from idle(t, "many", size.many, t.rss(), size.warm)


def idle(t, word, n, base, warm):
    with t.flow("idle", n, warm) as flow:
        for side, before, after in zip(("hub", "exit"), base, t.rss()):
            yield "idle.%s.%s" % (word, side), (after - before) / flow.streams


def bulk(t, size):
    """MB/s and CPU per GiB of 1 and 8 streams, each way"""
    for n in (1, 8):
        for way in WAYS:
            with t.flow(way, n, size.warm) as flow:
                w = t.window(flow, size.seconds)
            yield "bulk.%d.%s" % (n, way), w.mbps
            yield "cpu.%d.%s" % (n, way), w.per_gib(w.cpu)
            if n == 8:
                yield "cpu.hub." + way, w.per_gib(w.hub_cpu)
                yield "cpu.exit." + way, w.per_gib(w.exit_cpu)


def connect(t, size):
    """new connections with one small request each, 1, 16 and 64 at a time: rate, time, CPU"""
    for n in (1, 16, 64):
        found = t.requests("connect", n, size.seconds)
        yield "connect.%d" % n, found["per_second"]
        yield "connect.%d.p50" % n, found["p50_us"] / 1000
        yield "connect.%d.cpu" % n, 1e6 * (found["hub_cpu"] + found["exit_cpu"]) / found["requests"] or None


def request(t, size):
    """time of small requests on an open stream, alone and beside 4 downloads or uploads"""
    yield "request.idle", t.requests("request", 1, size.seconds, 1)["p50_us"]
    for way in WAYS:
        with t.flow(way, 4, size.warm):
            found = t.requests("request", 1, size.seconds, 1)
            yield "request." + way, found["p50_us"]
            yield "request.%s.p99" % way, found["p99_us"]


def stall(t, size):
    """what 4 streams keep beside one that nobody reads, and what that one costs"""
    for way in WAYS:
        with t.flow(way, 4, size.warm) as flow:
            # alone, beside it, and alone again
            before, rss = t.window(flow, size.seconds), sum(t.rss())
            with t.flow("stall-" + way, 1, 2 * size.warm):
                beside, grown = t.window(flow, size.seconds), sum(t.rss())
            time.sleep(size.warm)
            after = t.window(flow, size.seconds)
        yield "stall.%s.kept" % way, 2 * beside.mbps / (before.mbps + after.mbps)
        yield "stall.%s.growth" % way, grown - rss if rss else None


def crowd(t, size):
    """what 200 busy streams keep beside 10,000 idle ones"""
    def busy():
        with t.flow("down", size.busy, 2 * size.warm) as flow:
            return t.window(flow, size.seconds).mbps
    before = busy()
    with t.flow("idle", size.crowd, size.warm):
        beside = busy()
    yield "crowd.mbps", before
    yield "crowd.kept", 2 * beside / (before + busy())


# ---- on lines

def first(t, size):
    """1 Gbit/s, 100 ms: round trips from connect() to the end of a short answer"""
    yield "first", t.requests("connect", 1, size.line_seconds)["p50_us"] / 1000 / LONG.rtt


def long(t, size):
    """1 Gbit/s, 100 ms: MB/s of 1 and 8 streams down"""
    for n in (1, 8):
        with t.flow("down", n, size.line_warm) as flow:
            yield "long.%d" % n, t.window(flow, size.line_seconds).mbps
            t.note_connections("long, %s" % STREAMS[n])


def slow(t, size):
    """20 Mbit/s, 40 ms: time of small requests beside 4 uploads or downloads, and their MB/s"""
    for way in WAYS:
        with t.flow(way, 4, size.line_warm) as flow:
            before = t.sample(flow)
            yield "slow." + way, t.requests("request", 1, size.line_seconds, 20)["p50_us"] / 1000
            yield "slow.%s.mbps" % way, t.since(before, flow).mbps
            t.note_connections("slow")


def lossy(t, size):
    """20 Mbit/s, 60 ms, 1 % loss: part of the line's rate that one upload reaches"""
    with t.flow("up", 1, size.line_warm) as flow:
        yield "lossy", t.window(flow, size.line_seconds).mbps / (LOSSY.mbit / 8)
        t.note_connections("lossy")


# against: the peers with which it says something; None: all. --peers overrides it.
Metric = collections.namedtuple("Metric", "word line measure against")
METRICS = (
    Metric("memory", FAST, memory, None),
    Metric("bulk", FAST, bulk, None),
    Metric("connect", FAST, connect, None),
    Metric("request", FAST, request, None),
    Metric("stall", FAST, stall, None),
    Metric("many", FAST, many, ("restunnel",)),
    Metric("crowd", FAST, crowd, ("restunnel",)),
    Metric("first", LONG, first, ("restunnel", "restunnel-optimistic", "direct")),
    Metric("long", LONG, long, ("restunnel", "direct")),
    Metric("slow", SLOW, slow, ("restunnel", "direct", "ssh-chacha", "haproxy-chacha")),
    Metric("lossy", LOSSY, lossy, ("restunnel", "direct")),
)
