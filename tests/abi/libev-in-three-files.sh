#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# libev is known to three files; everything else uses loops, timers and work by their own names.
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

look() { # look FILE LABEL
	case $2 in core/loop.c | core/timer.c | core/work.c) return ;; esac
	strip_comments "$1" | grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]ev(\+\+)?\.h[>"]' | sed "s|^|$2:|"
}

printf '/* #include <a.h> */ \n # include <ev.h>\n' >"$scratch/scrap.c"
look "$scratch/scrap.c" core/scrap.c >"$scratch/proof"
can_fail "$scratch/proof" '#include <ev.h>'

cd "$RESTUNNEL_SRC" || exit 99
RESTUNNEL_SRC=.
find core modules -name '*.[ch]' | sort | while read -r f; do look "$f" "$f"; done >"$scratch/findings"
finish "$scratch/findings" 'Only core/loop.c, core/timer.c and core/work.c may include <ev.h>.'
