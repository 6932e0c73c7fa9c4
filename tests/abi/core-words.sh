#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The core knows no protocol and no role: these words are for modules. Comments and the command line's files
# (core/cli*) may use them.
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

look() { # look FILE LABEL
	strip_comments "$1" | grep -nwiE 'hub|socks|socks5|noise' | sed "s|^|$2:|"
}

printf '/* hub */ int hubs; // noise\n/* socks\n socks */ char *s = "a // Hub"; /* noise */\n' >"$scratch/scrap.c"
look "$scratch/scrap.c" scrap >"$scratch/proof"
grep -v '^scrap:3: .* = "a // Hub"; *$' "$scratch/proof" && : >"$scratch/proof"
can_fail "$scratch/proof" 'hub in a string'

cd "$RESTUNNEL_SRC" || exit 99
RESTUNNEL_SRC=.
for f in core/*.[ch] core/include/restunnel/*.h; do
	case $f in core/cli*) continue ;; esac
	look "$f" "$f"
done >"$scratch/findings"
finish "$scratch/findings" 'The core contains no word of a protocol or a role (doc/architecture.md, 1): this belongs into a module or its configuration.'
