# SPDX-License-Identifier: BSD-2-Clause
"""supervisor.py COMMAND...: runs it as systemd runs a unit with FileDescriptorStoreMax=, as far as sd_notify(3) and sd_listen_fds(3)
go: what the command stores with FDSTORE=1 is held here, and given to the next one. When the command dies it is not started
again until SIGUSR1 comes. SIGTERM ends both. Prints "started PID", "died", "stored NAME", "removed NAME"."""
import array
import os
import signal
import socket
import subprocess
import sys
import tempfile

path = os.path.join(tempfile.mkdtemp(), "notify")
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(path)
notify.settimeout(0.1)
store = []  # (name, fd)
child = None
again = stop = False


def on_signal(number, frame):
    global again, stop
    if number == signal.SIGUSR1:
        again = True
    else:
        stop = True


def say(*words):
    print(*words, flush=True)


def start():
    global child
    # descriptors 3 and up, in this order; the pid is known to the child only
    fds = [fd for _, fd in store]
    env = dict(os.environ, NOTIFY_SOCKET=path)
    script = 'export LISTEN_PID=$$; exec "$@"'
    if fds:
        env.update(LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=":".join(n for n, _ in store))
    else:
        script = 'exec "$@"'

    def place():
        high = [os.dup(fd) for fd in fds]
        while high and min(high) < 3 + len(high):
            high = [os.dup(fd) for fd in high]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.closerange(3 + len(high), 512)

    child = subprocess.Popen(["/bin/sh", "-c", script, "sh"] + sys.argv[1:], env=env, preexec_fn=place, close_fds=False)
    say("started", child.pid)


def message():
    try:
        data, ancillary, _, _ = notify.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
    except (TimeoutError, InterruptedError):
        return
    fds = array.array("i")
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
    lines = data.decode().split("\n")
    name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
    if "FDSTORE=1" in lines:
        store.extend((name, fd) for fd in fds)
        say("stored", name)
    elif "FDSTOREREMOVE=1" in lines:
        for n, fd in [s for s in store if s[0] == name]:
            os.close(fd)
            store.remove((n, fd))
        say("removed", name)
    else:  # BARRIER=1: its sender waits until its descriptor is closed
        for fd in fds:
            os.close(fd)


for s in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
    signal.signal(s, on_signal)
start()
alive = True
while not stop:
    message()
    if alive and child.poll() is not None:
        alive = False
        say("died")
    if again and not alive:
        again = False
        alive = True
        start()
if alive:
    child.terminate()
    while child.poll() is None:
        message()
    sys.exit(child.returncode)
