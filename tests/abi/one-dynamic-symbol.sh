#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A module's shared object defines exactly one dynamic symbol, rtun_module, and asks the program for none.
# Test modules that break this on purpose: tm_nosymbol.
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

look() { # look FILE
	name=${1##*/}
	# shellcheck disable=SC2086 # CC and NM may have arguments
	$NM -D --defined-only "$1" >"$scratch/defined" || { echo "$name: nm failed"; return; }
	awk '{ print $NF }' "$scratch/defined" | grep -Ev '^_*(asan|ubsan|lsan|sanitizer|odr_asan|sancov|gcov)' | sort -u >"$scratch/names"
	echo rtun_module | comm -13 - "$scratch/names" | sed "s|^|$name: also exports |"
	echo rtun_module | comm -23 - "$scratch/names" | sed "s|^|$name: does not export |"
	$NM -D --undefined-only "$1" | awk '{ print $NF }' | grep '^rtun_' | sed "s|^|$name: needs from the program |"
}

printf 'extern int rtun_x(void); int also(void); int also(void) { return rtun_x(); }\n' >"$scratch/scrap.c"
$CC -shared -fPIC -o "$scratch/scrap.so" "$scratch/scrap.c" || exit 99
look "$scratch/scrap.so" >"$scratch/proof"
for finding in 'also exports also' 'does not export rtun_module' 'needs from the program rtun_x'; do
	grep -q "$finding" "$scratch/proof" || : >"$scratch/proof"
done
can_fail "$scratch/proof" 'symbols of a shared object'

found=0
for so in "$RESTUNNEL_BUILD"/modules/*/.libs/*.so "$RESTUNNEL_BUILD"/tests/modules/*/.libs/*.so; do
	case $so in *'*'* | */tm_nosymbol.so) continue ;; esac
	found=$((found + 1))
	look "$so"
done >"$scratch/findings"
[ "$found" -gt 0 ] || skip 'no module was built as a shared object'
echo "$found modules"
finish "$scratch/findings" 'See "Entry" in doc/architecture.md: everything in a module is static but RTUN_MODULE().'
