# SPDX-License-Identifier: BSD-2-Clause
# terminal.py [--until TEXT] COMMAND...: run it on a terminal of 80x24 and print what it shows, without carriage returns.
# Its exit status is ours. With --until, COMMAND is killed as soon as it has shown TEXT (status 0), and after 20 s (99).
import fcntl, os, pty, select, signal, struct, sys, termios, time

args = sys.argv[1:]
until = None
if args[0] == "--until":
    until, args = args[1].encode(), args[2:]
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.05)  # the window's size comes first
    os.execvp(args[0], args)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
shown, end, status = b"", time.time() + 20 * int(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1")), None
while status is None:
    if select.select([fd], [], [], 0.2)[0]:
        try:
            some = os.read(fd, 65536)
        except OSError:
            some = b""
        if not some:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        shown += some
    if status is None and until and until in shown:
        os.kill(pid, signal.SIGKILL)
        status = 0
    if status is None and time.time() > end:
        os.kill(pid, signal.SIGKILL)
        status = 99
sys.stdout.buffer.write(shown.replace(b"\r", b""))
sys.exit(status)
