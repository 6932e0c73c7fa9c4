#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""unit_filter.py UNIT USER CMD...: run CMD as user number USER with the capabilities of the unit's AmbientCapabilities=, behind
the filter that systemd would make of its SystemCallFilter= lines (with its own sets, as `systemd-analyze syscall-filter` tells
them). To be run as root; needs no systemd to be running."""
import ctypes
import errno
import os
import subprocess
import sys

ALLOW = 0x7FFF0000
CAPS = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_BPF": 39}
PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 24, 38, 47, 2
libc = ctypes.CDLL(None, use_errno=True)


def sets():
    found, name = {}, None
    for line in subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               check=True, universal_newlines=True).stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            name = word
            found[name] = []
        elif name and word and not word.startswith("#"):
            found[name].append(word)
    return found


def calls(word, known):
    if not word.startswith("@"):
        return {word}
    return set().union(*(calls(w, known) for w in known.get(word, [])))


def allowed(unit):
    known, result = sets(), set()
    for line in open(unit):
        key, _, value = line.strip().partition("=")
        if key != "SystemCallFilter":
            continue
        words = set().union(*(calls(w, known) for w in value.lstrip("~").split()))
        result = result - words if value.startswith("~") else result | words
    return result | calls("@default", known)


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become(unit, user):
    caps = [CAPS[w] for line in open(unit) if line.startswith("AmbientCapabilities=") for w in line.split("=")[1].split()]
    cap = 0
    while True:
        if cap not in caps and libc.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0):
            break
        cap += 1
    check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    words = [sum(1 << c % 32 for c in caps if c // 32 == w) for w in (0, 1)]
    check(libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[words[0]] * 3 + [words[1]] * 3)))
    for cap in caps:
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def main():
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    names = allowed(sys.argv[1])
    if "read" not in names:
        sys.exit("unit_filter: no usable filter in %s" % sys.argv[1])
    ctx = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(0x00050000 | errno.EPERM)))
    for name in sorted(names):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number != -1:
            lib.seccomp_rule_add(ctx, ctypes.c_uint32(ALLOW), number, 0)
    become(sys.argv[1], int(sys.argv[2]))
    if lib.seccomp_load(ctx):
        sys.exit("unit_filter: the filter can't be loaded")
    os.execvp(sys.argv[3], sys.argv[3:])


main()
