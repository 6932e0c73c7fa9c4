#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Make ./configure after a git checkout. Needs autoconf, automake, libtool and pkg-config.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake libtoolize pkg-config; do
	command -v "$tool" >/dev/null || {
		echo "autogen.sh: $tool not found: apt install autoconf automake libtool pkg-config" >&2
		exit 1
	}
done
exec autoreconf --force --install "$@"
