# SPDX-License-Identifier: BSD-2-Clause
# What the lints share; each reads it with `. "${RESTUNNEL_SRC:-.}/tests/abi/lint.sh"`.
# By hand, from the top of the tree: RESTUNNEL_BUILD=build-directory sh tests/abi/NAME.sh
set -u
RESTUNNEL_SRC=${RESTUNNEL_SRC:-.}
RESTUNNEL_BUILD=${RESTUNNEL_BUILD:-.}
: "${CC:=cc}" "${NM:=nm}" "${OBJDUMP:=objdump}"
LC_ALL=C
export LC_ALL

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM

skip() {
	echo "skipped: $*"
	exit 77
}

# is_build WORD: was it configured that way? (shared static sanitizers coverage)
is_build() {
	case " ${RESTUNNEL_BUILD_KIND:-} " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# finish FINDINGS-FILE "what it means": the end of a lint
finish() {
	[ -s "$1" ] || exit 0
	cat "$1"
	echo
	echo "$2"
	exit 1
}

# can_fail FINDINGS-FILE: a lint that finds nothing in a scrap made to offend proves nothing
can_fail() {
	[ -s "$1" ] && return 0
	echo "this lint does not find what it looks for ($2)"
	exit 99
}

strip_comments() {
	awk -f "$RESTUNNEL_SRC/tests/abi/strip-comments.awk" "$1"
}
