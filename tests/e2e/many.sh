#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 1,000 streams at the same time through one tunnel, started with the usual soft limit of 1024 descriptors.
. "$(dirname "$0")/lab.sh"
kib=16
[ -z "$full" ] || kib=256
ulimit -S -n 1024 2>/dev/null
lab_start paired
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the echo server" grep -q ready server.log

check "1,000 streams" tool streams 1000 11.0.9.9 7 "$kib"
no_streams() { [ "$(hub devices --json | json - 'd["devices"][0]["streams"]')" = 0 ]; }
await 10 "the streams to be gone" no_streams
same "afterwards" "this is www" "$(via_socks http://11.0.9.9/)"
well_ended
