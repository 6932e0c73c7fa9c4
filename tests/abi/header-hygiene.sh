#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every public header compiles alone, twice over, as C99, GNU C11 and C++17 without a warning; includes no library's
# header; and brings no name into its includer but rtun_... and RTUN_...
. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"

include=$RESTUNNEL_SRC/core/include
warnings='-Wall -Wextra -Werror'
# no -Wshadow for C++: there a function may not be named like a struct, which C programmers do (stat)
c_warnings='-Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes'

for cxx in "${CXX:-c++}" g++ clang++ none; do
	[ "$cxx" = none ] || command -v "${cxx%% *}" >/dev/null && break
done
[ "$cxx" = none ] && echo 'note: no C++ compiler, C++17 was not tried'

try() { # try HEADER COMPILER FLAGS...: prints what the compiler says when it fails
	header=$1
	shift
	printf '#include <%s>\n#include <%s>\nextern int lint;\n' "$header" "$header" >"$scratch/alone"
	# shellcheck disable=SC2086
	"$@" $warnings -I"$include" -fsyntax-only "$scratch/alone" >"$scratch/says" 2>&1 || {
		echo "$header: does not compile alone: $*"
		sed 's/^/    /' "$scratch/says"
	}
}

libraries() { # libraries HEADER
	printf '#include <%s>\n' "$1" >"$scratch/alone.c"
	$CC -std=gnu11 -I"$include" -M "$scratch/alone.c" | tr ' \\' '\n\n' |
		grep -E '/(ev|yaml|microhttpd|sodium|jansson|ares|png|qrencode|check|config)\.h$|/(openssl|sodium)/' |
		sed "s|^|$1: includes |"
}

names() { # names HEADER DIR
	printf '#include <%s>\n' "$1" >"$scratch/alone.c"
	$CC -std=gnu11 -I"$include" -E -dD "$scratch/alone.c" >"$scratch/alone.i" || echo "$1: not preprocessed"
	awk -v dir="$2" -f "$RESTUNNEL_SRC/tests/abi/header-names.awk" "$scratch/alone.i" | sed "s|^|$1: |"
}

look() { # look HEADER DIR
	# shellcheck disable=SC2086 # CC and CXX may have arguments
	{
		try "$1" $CC -x c -std=c99 -pedantic $c_warnings
		try "$1" $CC -x c -std=gnu11 $c_warnings
		[ "$cxx" = none ] || try "$1" $cxx -x c++ -std=c++17
	}
	libraries "$1"
	names "$1" "$2"
}

# A header with every offence, and none of what is allowed
mkdir -p "$scratch/scrap/openssl"
: >"$scratch/scrap/openssl/evp.h"
cat >"$scratch/scrap/bad.h" <<'EOF'
#include <openssl/evp.h>
#include <stdint.h>
#define BAD_MACRO 1
struct bad_tag { int (*allowed_member)(int allowed_parameter); };
enum rtun_e { BAD_ENUMERATOR = 1, BAD_SECOND };
typedef uint32_t bad_type;
typedef void bad_function_type(void *);
typedef int (*bad_pointer_type)(void);
struct rtun_fine; struct rtun_fine2 { struct { uint32_t a; } b[2]; uint64_t c; };
int bad_function(struct rtun_fine *allowed_parameter);
extern const uint8_t bad_variable[4];
typedef struct rtun_fine2 *rtun_fine3;
static inline int bad_inline(int allowed) { int allowed_local = allowed; if (allowed) { return 1; } return allowed_local; }
static inline __attribute__((unused)) uint32_t *rtun_ok(uint32_t *x) { return x; }
EOF
kept=$include
include=$scratch/scrap
look bad.h "$scratch/scrap" >"$scratch/proof"
for what in 'macro BAD_MACRO' 'struct bad_tag' 'enumerator BAD_ENUMERATOR' 'enumerator BAD_SECOND' 'name bad_type' \
	'function bad_function_type' 'name bad_pointer_type' 'function bad_function' 'name bad_variable' \
	'function bad_inline' 'includes .*openssl/evp.h' 'does not compile alone'; do
	grep -q "bad.h: $what" "$scratch/proof" || { echo "not found: $what"; cat "$scratch/proof"; : >"$scratch/proof"; break; }
done
grep -Ei ': [a-z]+ (rtun_|allowed)' "$scratch/proof" && : >"$scratch/proof"
can_fail "$scratch/proof" 'a bad header'
include=$kept

for header in $(cd "$include" && find restunnel -name '*.h' | sort); do
	look "$header" "$include/restunnel"
done >"$scratch/findings"
finish "$scratch/findings" 'Public headers are for any C or C++ program, and all their names begin with rtun_ or RTUN_.'
