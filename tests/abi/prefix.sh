#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# rtun_ and RTUN_ mark the public ABI and nothing else: the core defines no function, variable or macro of that name.
# (The rtun_ functions that modules call are inline, in the public headers.)
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

symbols() { # symbols FILE LABEL
	$NM --defined-only -g "$1" | awk -v label="$2" '$NF ~ /^rtun_/ { print label ": defines " $NF }'
}

macros() { # macros FILE LABEL
	strip_comments "$1" | grep -nE '^[[:space:]]*#[[:space:]]*define[[:space:]]+(rtun_|RTUN_)' | sed "s|^|$2:|"
}

printf 'int rtun_x(void);\nint rtun_x(void) { return 0; }\n#define RTUN_X 1\n' >"$scratch/scrap.c"
$CC -c -o "$scratch/scrap.o" "$scratch/scrap.c" || exit 99
symbols "$scratch/scrap.o" scrap >"$scratch/proof"
can_fail "$scratch/proof" 'rtun_x()'
macros "$scratch/scrap.c" scrap >"$scratch/proof"
can_fail "$scratch/proof" '#define RTUN_X'

found=0
for o in "$RESTUNNEL_BUILD"/core/.libs/*.o "$RESTUNNEL_BUILD"/core/*.o; do
	case $o in *'*'*) continue ;; esac
	found=$((found + 1))
	symbols "$o" "${o#"$RESTUNNEL_BUILD"/}"
done >"$scratch/findings"
[ "$found" -gt 0 ] || skip 'the core was not built'

cd "$RESTUNNEL_SRC" || exit 99
RESTUNNEL_SRC=.
for f in core/*.[ch]; do macros "$f" "$f"; done >>"$scratch/findings"
finish "$scratch/findings" 'Names that only the core uses begin with the noun of their file.'
