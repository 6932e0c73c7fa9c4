# SPDX-License-Identifier: BSD-2-Clause
"""figures.py: the rows of the report's tables, in their order."""
import collections

MORE, LESS = "↑", "↓"

# digits after the point; better: which is; ratio: is restunnel compared with the peers by it?
Figure = collections.namedtuple("Figure", "text unit digits better ratio", defaults=(True,))

STREAMS = {1: "1 stream", 8: "8 streams"}
BESIDE = {"down": "downloads", "up": "uploads"}


def rows():
    for n, streams in STREAMS.items():
        for way in BESIDE:
            yield "bulk.%d.%s" % (n, way), Figure("%s %s" % (streams, way), "MB/s", 0, MORE)
    for n, streams in STREAMS.items():
        for way in BESIDE:
            yield "cpu.%d.%s" % (n, way), Figure("CPU, hub + exit, %s %s" % (streams, way), "s/GiB", 2, LESS)
    for side in ("hub", "exit"):
        for way in BESIDE:
            yield "cpu.%s.%s" % (side, way), Figure("CPU, %s alone, 8 streams %s" % (side, way), "s/GiB", 2, LESS, False)
    for n in (1, 16, 64):
        yield "connect.%d" % n, Figure("connections, %d at a time" % n, "1/s", 0, MORE)
    for n in (1, 16, 64):
        yield "connect.%d.p50" % n, Figure("connection and small request, p50, %d at a time" % n, "ms", 2, LESS, False)
    for n in (1, 16, 64):
        yield "connect.%d.cpu" % n, Figure("CPU, hub + exit, per connection, %d at a time" % n, "µs", 0, LESS)
    yield "request.idle", Figure("small request, p50, else idle", "µs", 0, LESS)
    for way, beside in BESIDE.items():
        yield "request." + way, Figure("small request, p50, beside 4 " + beside, "µs", 0, LESS)
        yield "request.%s.p99" % way, Figure("small request, p99, beside 4 " + beside, "µs", 0, LESS, False)
    for side in ("hub", "exit"):
        yield "rss." + side, Figure("RSS, %s, no stream" % side, "MiB", 1, LESS)
    for some, n in (("some", "1,000"), ("many", "5,000")):
        for side in ("hub", "exit"):
            yield "idle.%s.%s" % (some, side), Figure("RSS, %s, per idle stream, of %s" % (side, n), "KiB", 2, LESS, some == "some")
    for way, stalled in (("down", "download that nobody reads"), ("up", "upload that nobody reads")):
        yield "stall.%s.kept" % way, Figure("what 4 others keep beside 1 " + stalled, "of 1", 2, MORE, False)
        yield "stall.%s.growth" % way, Figure("RSS, hub + exit, that it costs", "KiB", 0, LESS, False)
    yield "crowd.mbps", Figure("200 streams down", "MB/s", 0, MORE, False)
    yield "crowd.kept", Figure("what they keep beside 10,000 idle ones", "of 1", 2, MORE, False)
    for n, streams in STREAMS.items():
        yield "long.%d" % n, Figure("1 Gbit/s, 100 ms: %s down" % streams, "MB/s", 1, MORE)
    yield "first", Figure("1 Gbit/s, 100 ms: connection and first byte", "round trips", 2, LESS)
    for way, beside in reversed(BESIDE.items()):
        yield "slow." + way, Figure("20 Mbit/s, 40 ms: small request, p50, beside 4 " + beside, "ms", 0, LESS)
        yield "slow.%s.mbps" % way, Figure("20 Mbit/s, 40 ms: these 4 " + beside, "MB/s", 2, MORE)
    yield "lossy", Figure("20 Mbit/s, 60 ms, 1 % loss: 1 stream up", "of the line", 2, MORE)


FIGURES = dict(rows())
