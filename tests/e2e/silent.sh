#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The tunnel's port says nothing to a stranger: no byte, no end of stream, no reset, whatever is sent, and however much.
# (That each connection ends at a deadline of more than 60 s is a unit test, with a virtual clock.)
. "$(dirname "$0")/lab.sh"
hub_more='    conceal: none'
seconds=4
[ -z "$full" ] || seconds=58
lab_start paired

# The control: the same against other servers finds something
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the echo server" grep -q ready server.log
not tool silence 11.0.9.9 7 1 >/dev/null 2>&1 || fail "an echo server counts as silent: this test finds nothing"
not tool silence 11.0.9.9 80 1 >/dev/null 2>&1 || fail "a web server counts as silent: this test finds nothing"

strangers() { at net python3 "$e2e/silence.py" "$1" 9000 $seconds; }
check "IPv4: silence" strangers 11.0.0.1
check "IPv6: silence" strangers 2600:11::1
same "and the tunnel did not mind" "this is www" "$(via_socks http://11.0.9.9/)"
# strangers are not worth a line each
[ "$(wc -l <hub.log)" -lt 200 ] || fail "the hub wrote $(wc -l <hub.log) lines about it"
well_ended
