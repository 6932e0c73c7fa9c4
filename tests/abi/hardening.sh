#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Did the hardening flags reach the program and the modules? (Linkers and libtool lose some silently.)
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

: "${READELF:=readelf}"
is_build sanitizers && skip 'a sanitizer build is not a hardened one'
command -v "$READELF" >/dev/null || skip 'no readelf'
[ "$(uname -s)" = Linux ] || skip 'known for Linux only'

look() { # look FILE LABEL
	$READELF -hldW "$1" >"$scratch/elf" 2>/dev/null || { echo "$2: not an ELF file"; return; }
	grep -q '^  Type: *DYN' "$scratch/elf" || echo "$2: not position-independent"
	grep -q 'GNU_RELRO' "$scratch/elf" || echo "$2: no RELRO"
	grep -Eq 'BIND_NOW|Flags:.* NOW' "$scratch/elf" || echo "$2: lazy binding (-z now)"
	grep 'GNU_STACK' "$scratch/elf" | grep -q 'RWE' && echo "$2: executable stack"
	grep -q 'NOOPEN' "$scratch/elf" && echo "$2: -z nodlopen: could not be loaded"
}

printf 'int main(void) { return 0; }\n' >"$scratch/scrap.c"
if $CC -fno-pie -no-pie -Wl,-z,norelro -Wl,-z,lazy -o "$scratch/scrap" "$scratch/scrap.c" 2>/dev/null; then
	look "$scratch/scrap" scrap >"$scratch/proof"
	[ "$(wc -l <"$scratch/proof")" -eq 3 ] || : >"$scratch/proof"
	can_fail "$scratch/proof" 'a soft program'
fi

for f in "$RESTUNNEL_BUILD"/restunnel "$RESTUNNEL_BUILD"/modules/*/.libs/*.so; do
	case $f in *'*'*) continue ;; esac
	look "$f" "${f#"$RESTUNNEL_BUILD"/}"
done >"$scratch/findings"
finish "$scratch/findings" 'See configure.ac, "hardening".'
