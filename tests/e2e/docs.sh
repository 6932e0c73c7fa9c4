#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The documentation and the program say the same: verbs and options that pages show are there, YAML blocks pass `restunnel check`,
# the module of doc/module-abi.md compiles and is loaded, the protocol's numbers are those of wire.h, and what a page refers to exists.
: "${RESTUNNEL_SRC:=$(cd "$(dirname "$0")/../.." && pwd)}" "${RESTUNNEL_BUILD:=$PWD}"
: "${RTUN_TEST_MODULE_DIR:=$RESTUNNEL_BUILD/.modules}" "${CC:=cc}"
export RESTUNNEL_SRC RESTUNNEL_BUILD RTUN_TEST_MODULE_DIR PYTHONDONTWRITEBYTECODE=1 LC_ALL=C
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/restunnel-docs.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -m 700 "$work/data" "$work/modules" || exit 1
cp -L "$RTUN_TEST_MODULE_DIR"/*.so "$work/modules/" 2>/dev/null

awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$RESTUNNEL_SRC/doc/module-abi.md" >"$work/echo.c"
loads=yes
case " ${RESTUNNEL_BUILD_KIND:-} " in *" sanitizers "*) loads=no ;; esac # it would need the same flags
# shellcheck disable=SC2086
$CC -std=c11 -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion -Wno-unused-function -Wno-unused-const-variable -Werror \
	-I"$RESTUNNEL_SRC/core/include" -O2 -fPIC -fvisibility=hidden -shared -Wl,-z,defs -o "$work/modules/echo.so" "$work/echo.c" || {
	echo "FAILED: the C blocks of doc/module-abi.md do not compile"
	exit 1
}
# Where it can't be loaded, its verbs are not asked about.
foreign=
[ $loads = yes ] || { rm "$work/modules/echo.so" && foreign=$(sed -n 's/.*\.name = "\([a-z][a-z-]*-[a-z-]*\)".*/\1/p' "$work/echo.c"); }
export DOCS_FOREIGN="$foreign"
python3 "$RESTUNNEL_SRC/tests/e2e/docs.py" "$work"
