# SPDX-License-Identifier: BSD-2-Clause
"""turns.py: what turns.c has counted of a process: how long each turn of its loop took."""
import mmap
import os
import struct

import lab

SLOT = 0.05  # ms
FIELDS = struct.Struct("=2001Q")


class Turns:
    """before: words that start a program whose turns are counted."""

    def __init__(self):
        path = os.path.join(lab.SCRATCH, "turns")
        # a sanitizer's library wants to be the first that is loaded, but need not be
        asan = "ASAN_OPTIONS=verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")
        self.before = ["env", asan, "LD_PRELOAD=" + lab.preload("turns"), "TURNS=" + path]
        with open(path, "w+b") as f:
            f.truncate(2 * FIELDS.size)
            self.memory = mmap.mmap(f.fileno(), 2 * FIELDS.size, prot=mmap.PROT_READ)

    def read(self):
        return {kind: FIELDS.unpack_from(self.memory, i * FIELDS.size) for i, kind in enumerate(("cpu", "wall"))}


def longest(slots):
    return max((i + 1 for i, n in enumerate(slots) if n), default=0) * SLOT


def quantile(slots, q):
    left = q * sum(slots)
    for i, n in enumerate(slots):
        left -= n
        if left <= 0:
            return (i + 1) * SLOT
    return 0


def between(before, after):
    """{cpu, wall: {n, seconds, p99, p9999, most, over5}}, times in ms, rounded up to 0.05; 100 is "100 or more"."""
    found = {}
    for kind in before:
        total, *slots = (b - a for a, b in zip(before[kind], after[kind]))
        found[kind] = {"turns": sum(slots), "seconds": total / 1e9, "p99": quantile(slots, 0.99), "p9999": quantile(slots, 0.9999),
                       "most": longest(slots), "over_1": sum(slots[round(1 / SLOT):]), "over_5": sum(slots[round(5 / SLOT):])}
    return found
