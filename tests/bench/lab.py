# SPDX-License-Identifier: BSD-2-Clause
"""lab.py: three machines in private network namespaces, and a line between the first two.

    hub 11.0.0.1 ---- veth, or link.c ---- exit 11.0.0.2 ---- 11.0.0.3 target 11.0.9.9

The addresses look public, and the target is behind the exit's default route, because restunnel's exits refuse everything
else. enter() moves the program into mount, PID and network namespaces of its own: however it ends, nothing is left.
"""
import collections
import os
import resource
import signal
import subprocess
import sys

import process

HUB, EXIT, TARGET = "11.0.0.1", "11.0.0.2", "11.0.9.9:9000"
HERE = os.path.dirname(os.path.abspath(__file__))
SCRATCH = "/run/bench"  # a tmpfs of ours: see enter
TOOLS = ("ip", "nsenter", "setpriv", "taskset", "unshare")
FILES = 65536


class Line(collections.namedtuple("Line", "mbit rtt loss queue")):
    """rtt in ms, loss in percent of each way's packets, queue in KiB"""

    def words(self):
        """link's arguments"""
        return self.mbit, self.rtt / 2, self.loss, self.queue


def missing(programs):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return [p for p in programs if not any(os.access(os.path.join(d, p), os.X_OK) for d in path.split(":"))]


def enter():
    """Returns in the inner program; the outer one only waits for it and hands signals on. Ends with 77 where it has no right to."""
    if "bench_inside" in os.environ:
        furnish()
        return
    os.environ.setdefault("RESTUNNEL_BUILD", os.getcwd())
    lacking = missing(TOOLS)
    if lacking:
        skip("%s: not installed (iproute2, util-linux)" % ", ".join(lacking))
    user = [] if os.geteuid() == 0 else ["-Ur"]
    spaces = ["setpriv", "--pdeathsig", "KILL", "unshare", *user, "-nmpf", "--mount-proc", "--kill-child"]
    tried = subprocess.run([*spaces, "true"], stderr=subprocess.PIPE, text=True)
    if tried.returncode:
        skip("can't make namespaces (run it as root): " + tried.stderr.strip())
    inner = subprocess.Popen([*spaces, sys.executable, *sys.argv], env=dict(os.environ, bench_inside="1"), start_new_session=True)

    def forward(number, _frame):
        for pid in process.children(inner.pid):
            os.kill(pid, number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    sys.exit(inner.wait())


def skip(why):
    print("skipped: " + why, file=sys.stderr)
    sys.exit(77)


def furnish():
    def interrupt(_number, _frame):
        raise KeyboardInterrupt
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    for name in [n for n in os.environ if n.lower().endswith("_proxy") or n in ("NOTIFY_SOCKET", "MAKEFLAGS", "MAKELEVEL")]:
        del os.environ[name]
    os.environ.update(LC_ALL="C", NO_COLOR="1", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    for d in (SCRATCH, "/run/netns", "/run/sshd"):
        os.makedirs(d)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    except ValueError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def program(name):
    """load, target or link: of the build directory, or else compiled on the spot."""
    built = os.path.join(os.environ["RESTUNNEL_BUILD"], "tests/bench", name)
    if os.access(built, os.X_OK):
        return built
    made = os.path.join(SCRATCH, name)
    if not os.path.exists(made):
        sources = [os.path.join(HERE, s) for s in {"load": ("load.c", "load_modes.c", "dial.c")}.get(name, (name + ".c",))]
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", made, *sources], check=True)
    return made


def preload(name):
    """NAME.c as a library for LD_PRELOAD, compiled on the spot."""
    made = os.path.join(SCRATCH, name + ".so")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", made, os.path.join(HERE, name + ".c")], check=True)
    return made


class Place:
    """A machine. cpu: the processor on which its programs run; None: any."""

    def __init__(self, name, cpu=None):
        self.name, self.cpu, self.path = name, cpu, "/run/netns/" + name
        self.roots = []
        subprocess.run(["ip", "netns", "add", name], check=True)

    def command(self, words):
        pin = [] if self.cpu is None else ["taskset", "-c", str(self.cpu)]
        return ["nsenter", "--net=" + self.path, "--", *pin, *words]

    def run(self, *words, **more):
        """The output of a program that ends by itself."""
        return subprocess.run(self.command(words), check=True, text=True, stdout=subprocess.PIPE, **more).stdout

    def spawn(self, words, log, **more):
        """A process whose output goes to the file `log`. With stdout=... its standard output does not."""
        with open(log, "ab") as out:
            p = subprocess.Popen(self.command(words), stdin=subprocess.DEVNULL, stderr=out, **{"stdout": out, **more})
        self.roots.append(p.pid)
        return p

    def remove(self):
        process.end(self.roots)
        subprocess.run(["ip", "netns", "del", self.name], check=True)


# Enough ports for one connection after the other, and one congestion control for all who don't choose their own
SETTINGS = """
ip link set lo up
cd /proc/sys/net/ipv4
echo 1200 65500 >ip_local_port_range
echo 1 >tcp_tw_reuse
echo 8192 >tcp_max_tw_buckets
echo 1 >ip_forward
echo $1 >tcp_congestion_control
"""
# Two places, each with its device and its address
VETH = "ip -n $1 link add name $2 type veth peer name $5 netns $4"
JOIN = """
ip -n $1 addr add $3 peer $6 dev $2
ip -n $4 addr add $6 peer $3 dev $5
ip -n $1 link set $2 up txqueuelen 10000
ip -n $4 link set $5 up txqueuelen 10000
"""
ROUTES = """
ip -n target addr add 11.0.9.9 dev lo
ip -n target route add 11.0.0.1 via 11.0.0.2
ip -n exit route add default via 11.0.0.3
ip -n hub route add 11.0.9.9 via 11.0.0.2
"""


def shell(script, *arguments):
    subprocess.run(["sh", "-ec", script, "sh", *arguments], check=True)


def congestion():
    """What the lab's sockets have by default: cubic, as on most machines, where the system allows it."""
    allowed = process.read("/proc/sys/net/ipv4/tcp_allowed_congestion_control").split()
    return "cubic" if "cubic" in allowed else process.read("/proc/sys/net/ipv4/tcp_congestion_control").strip()


def processors():
    """(that of client and hub, that of exit and target); the same one where there is only one."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[0], cpus[min(1, len(cpus) - 1)]


class Lab:
    """A context: the machines, the line, the target, which is ready."""

    def __init__(self, line=None, pin=True):
        self.line = line
        self.places = []
        near, far = processors() if pin else (None, None)
        self.hub, self.exit, self.target = self.place("hub", near), self.place("exit", far), self.place("target", far)
        self.counters = os.path.join(SCRATCH, "target.counters")

    def place(self, name, cpu=None):
        """One that goes with it."""
        self.places.append(Place(name, cpu))
        return self.places[-1]

    def __enter__(self):
        try:
            for p in self.places:
                p.run("sh", "-ec", SETTINGS, "sh", congestion())
            shell(VETH + JOIN, "exit", "out", EXIT, "target", "in", "11.0.0.3")
            if self.line:
                self.ready(self.hub, [program("link"), self.hub.path, "line", self.exit.path, "line", *map(str, self.line.words())])
            shell(JOIN if self.line else VETH + JOIN, "hub", "line", HUB, "exit", "line", EXIT)
            shell(ROUTES)
            self.ready(self.target, [program("target"), TARGET, self.counters])
        except BaseException:
            self.__exit__()
            raise
        return self

    def ready(self, place, words):
        p = place.spawn(words, os.path.join(SCRATCH, "lab.log"), stdout=subprocess.PIPE, text=True)
        if p.stdout.readline() != "ready\n":
            raise RuntimeError("%s: %s" % (os.path.basename(words[0]), process.read(os.path.join(SCRATCH, "lab.log"))))

    def __exit__(self, *_):
        for p in self.places:
            p.remove()
