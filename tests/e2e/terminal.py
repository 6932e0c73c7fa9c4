# SPDX-License-Identifier: BSD-2-Clause
# terminal.py [--until TEXT [--resize ROWSxCOLUMNS] [--interrupt]] COMMAND...: run it on a terminal of 80x24 and print what it shows,
# without carriage returns. Its exit status is ours, as a shell tells it. With --until, COMMAND is killed as soon as it has shown TEXT (status 0),
# and after 20 s (99). With --resize the window gets another size then, and it must show TEXT once more, which alone is printed; with
# --interrupt Ctrl-C is typed, and it has to end by itself.
import fcntl, os, pty, select, signal, struct, sys, termios, time

args, until, sizes, interrupt = sys.argv[1:], None, [], False
while args[0].startswith("--"):
    if args[0] == "--interrupt":
        interrupt, args = True, args[1:]
    else:
        if args[0] == "--until":
            until = args[1].encode()
        else:
            sizes = [[int(n) for n in args[1].split("x")]]
        args = args[2:]
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.05)  # the window's size comes first
    os.execvp(args[0], args)


def resize(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(24, 80)
begun = b""  # what a new picture begins with: the rest of the old one may still come
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
    if begun and begun in shown:
        shown, begun = shown[shown.index(begun):], b""
    if status is None and until and not begun and until in shown:
        if sizes:
            resize(*sizes.pop())
            shown, begun = b"", b"\033[H"
        elif interrupt:
            os.write(fd, b"\3")
            until = None
        else:
            os.kill(pid, signal.SIGKILL)
            status = 0
    if status is None and time.time() > end:
        os.kill(pid, signal.SIGKILL)
        status = 99
sys.stdout.buffer.write(shown.replace(b"\r", b""))
sys.exit(status if status >= 0 else 128 - status)
