# SPDX-License-Identifier: BSD-2-Clause
"""machine.py: what figures depend on, and what of it is missing here."""
import os
import time

import lab
import process


def processor_name():
    names = [line.partition(":")[2].strip() for line in process.read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def describe(peers):
    """{what: text}; of the peers that are there."""
    versions = {p.module.__name__: "%s: %s" % (p.module.__name__.rpartition(".")[2], p.module.version()) for p in peers}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": "%s, %s, %d processors, %.1f GiB; load before it began: %s" % (
            os.uname().release, processor_name(), len(os.sched_getaffinity(0)),
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, process.read("/proc/loadavg").split()[0]),
        "congestion control": "%s where a program doesn't choose; it may choose: %s" % (
            lab.congestion(), process.read("/proc/sys/net/ipv4/tcp_allowed_congestion_control").strip()),
        "programs": "; ".join(versions.values()),
    }


def lacks_lines():
    """Why there can be no emulated line, or None."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as e:
        return "/dev/net/tun: %s (modprobe tun)" % e.strerror
    return None


def findings():
    """Texts about what makes figures other than they could be."""
    near, far = lab.processors()
    if near == far:
        yield "there is one processor only: client, hub, exit and target share it"
    if "bbr" not in process.read("/proc/sys/net/ipv4/tcp_allowed_congestion_control").split():
        yield ("BBR may not be chosen (modprobe tcp_bbr; sysctl net.ipv4.tcp_allowed_congestion_control='reno cubic bbr'): "
               "lossy shows what restunnel does without")
    if not process.cpu_seconds([os.getpid()]):
        yield "the kernel does not count the CPU time of threads (CONFIG_SCHED_INFO): nothing here has it"
    if os.nice(0):
        yield "this runs at nice %d: so do the measured programs" % os.nice(0)
