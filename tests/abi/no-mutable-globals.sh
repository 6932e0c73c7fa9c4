#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A module has no variable that outlives a call and no constructor: many instances, and later many loops, share its
# code. Constants are fine, also those that need relocation (.data.rel.ro).
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

is_build sanitizers && skip 'sanitizers add variables of their own'
is_build coverage && skip 'coverage adds counters'

look() { # look FILE LABEL
	$OBJDUMP -t "$1" | awk -v label="$2" '
		# VALUE FLAGS SECTION<tab>SIZE [visibility] NAME; the section itself is there as a symbol too
		{
			split($0, half, "\t")
			n = split(half[1], left, " ")
			section = left[n]
			name = right[split(half[2], right, " ")]
			mutable = section ~ /^\.(data|bss|tdata|tbss|sdata|sbss|ldata|lbss)(\.|$)/ && section !~ /^\.data\.rel\.ro(\.|$)/
			if (section == "*COM*" || mutable && name != section) print label ": " name " in " section
		}'
	$OBJDUMP -h "$1" | awk -v label="$2" '$2 ~ /^\.(init_array|ctors|fini_array|dtors)/ { print label ": a constructor or destructor (" $2 ")" }'
}

cat >"$scratch/scrap.c" <<'EOF'
static int counter;
static const char *word = "a";
static _Thread_local int each;
static const char *const fine[] = {"a", "b"};
static const int good = 3;
const char *f(int i);
const char *f(int i)
{
	static int calls = 1;
	counter += i + calls++ + each++;
	if (counter > good) word = fine[i];
	return word;
}
EOF
$CC -O0 -fPIC -c -o "$scratch/scrap.o" "$scratch/scrap.c" || exit 99
look "$scratch/scrap.o" scrap >"$scratch/proof"
for name in counter word each calls; do
	grep -q "[ .]$name" "$scratch/proof" || : >"$scratch/proof"
done
grep -Eq ' (fine|good)' "$scratch/proof" && : >"$scratch/proof"
can_fail "$scratch/proof" 'static int counter'

found=0
for o in "$RESTUNNEL_BUILD"/modules/*/.libs/*.o "$RESTUNNEL_BUILD"/modules/*/*.o; do
	case $o in *'*'*) continue ;; esac
	found=$((found + 1))
	look "$o" "${o#"$RESTUNNEL_BUILD"/}"
done >"$scratch/findings"
[ "$found" -gt 0 ] || skip 'no module was built'
echo "$found object files"
finish "$scratch/findings" 'What an instance remembers belongs into its own struct (ctx->self).'
