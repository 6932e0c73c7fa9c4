# SPDX-License-Identifier: BSD-2-Clause
"""process.py: what processes cost, and their end. A list of process ids stands for them and all their descendants."""
import os
import signal
import time


def read(path):
    """A file of /proc, empty when it is gone."""
    try:
        with open(path) as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def listing(path):
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError):
        return []


def children(pid):
    return [int(c) for t in listing("/proc/%d/task" % pid) for c in read("/proc/%d/task/%s/children" % (pid, t)).split()]


def family(pids):
    return [q for p in pids for q in [p] + family(children(p))]


def cpu_seconds(pids):
    """User and system time of all their threads. (stat has the same, rounded to 10 ms.)"""
    stats = [read("/proc/%d/task/%s/schedstat" % (p, t)) for p in family(pids) for t in listing("/proc/%d/task" % p)]
    return sum(int(s.split()[0]) for s in stats if s) / 1e9


def rss_kib(pids):
    lines = [line for p in family(pids) for line in read("/proc/%d/status" % p).splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def alive(pid):
    stat = read("/proc/%d/stat" % pid)
    return bool(stat) and stat.rpartition(")")[2].split()[0] not in "ZX"


def wait(seconds, condition, text):
    """Until condition() is true, which is returned; TimeoutError when it takes longer."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError("waited %d s in vain for %s" % (seconds, text))
        time.sleep(0.02)


def end(pids):
    """At once: they have nothing to lose."""
    pids = family(pids)
    for p in filter(alive, pids):
        os.kill(p, signal.SIGKILL)
    wait(10, lambda: not any(map(alive, pids)), "processes to end")
