#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""supervise.py DIRECTORY COMMAND...: what systemd does for a unit with FileDescriptorStoreMax=. Keeps the sockets that the command
hands over and gives them to the next one. SIGUSR1: start it again, which does not happen by itself. SIGTERM: end it, and end with
its status. Says "pid N", "kept NAME", "dropped NAME", "ended STATUS"; pid is also in DIRECTORY/child.pid."""
import array
import os
import selectors
import signal
import socket
import sys

directory, command = sys.argv[1], sys.argv[2:]
store = []  # of [name, descriptor]
child = 0


def say(*words):
    print(*words, flush=True)


def start():
    global child
    child = os.fork()
    if child == 0:
        high = [os.dup2(fd, 200 + i) for i, (_, fd) in enumerate(store)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.closerange(3 + len(high), 400)
        env = dict(os.environ, NOTIFY_SOCKET=directory + "/notify", FDSTORE="64")
        if store:
            env.update(LISTEN_FDS=str(len(store)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(name for name, _ in store))
        os.execvpe(command[0], command, env)
    open(directory + "/child.pid", "w").write(str(child))
    say("pid", child)


def hear(s):
    text, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(64))
    fds = array.array("i")
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data)
    lines = text.decode().split("\n")
    name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
    if "FDSTORE=1" in lines:
        store.extend([name, fd] for fd in fds)
        say("kept", name)
    else:
        for fd in fds:
            os.close(fd)
    if "FDSTOREREMOVE=1" in lines:
        for entry in [e for e in store if e[0] == name]:
            store.remove(entry)
            os.close(entry[1])
        say("dropped", name)


def main():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(directory + "/notify")
    signals, to = socket.socketpair()
    to.setblocking(False)
    signal.set_wakeup_fd(to.fileno())
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    select = selectors.DefaultSelector()
    select.register(s, selectors.EVENT_READ)
    select.register(signals, selectors.EVENT_READ)
    ending = False
    start()
    while True:
        for key, _ in select.select():
            if key.fileobj is s:
                hear(s)
                continue
            for number in signals.recv(100):
                if number == signal.SIGUSR1:
                    start()
                elif number == signal.SIGTERM:
                    ending = True
                    os.kill(child, signal.SIGTERM)
                else:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                    if pid == child:
                        say("ended", os.waitstatus_to_exitcode(status))
                        if ending:
                            sys.exit(os.waitstatus_to_exitcode(status))


main()
