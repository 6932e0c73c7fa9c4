#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# SIGHUP: established streams go on; a configuration with an error changes nothing, and status says so until it is mended.
. "$(dirname "$0")/lab.sh"
lab_start paired
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the echo server" grep -q ready server.log
spawn hold hub python3 "$e2e/hold.py" 11.0.9.9 "$lab/turns"

# moving TEXT: the stream makes a few more round trips
turns() { cat turns 2>/dev/null || echo 0; }
more_turns() { [ "$(turns)" -ge "$turns_wanted" ]; }
moving() {
	alive hold || fail "$1: the stream broke: $(tail -n 1 hold.log)"
	turns_wanted=$(($(turns) + 3))
	await 10 "$1: the stream to go on" more_turns
	say "ok: $1: the stream goes on"
}
alerts() { rt "$1" "$1" status --json | json - '" ".join(a["code"] + ": " + a["text"] for a in d["alerts"])'; }
moving "before"

# reload NAME: and wait until that is done, one way or the other (the log says which)
reload() {
	lines=$(wc -l <"$1.log")
	kill -HUP "$(pid_of "$1")"
	await 10 "$1 to reload" said_more "$1" "$lines"
}
said_more() { [ "$(tail -n +"$(($2 + 1))" "$1.log" | grep -ci 'reload\|configuration')" -gt 0 ]; }

for p in hub node; do
	reload $p
	same "$p: alerts after a good reload" "" "$(alerts $p)"
	moving "$p, unchanged"
done

# a broken one
for p in hub node; do
	cp $p.yaml $p.good
	echo '  - module: no_such_module' >>$p.yaml
	not rt $p $p check 2>check.log || fail "check likes a broken configuration"
	grep -q "$p.yaml:[0-9]*:[0-9]*: " check.log || fail "check names no place: $(cat check.log)"
	reload $p
	[ -n "$(alerts $p)" ] || fail "$p: status doesn't tell of the failed reload"
	say "ok: $p: $(alerts $p)"
	moving "$p, broken configuration"
	same "$p: new streams, too" "this is www" "$(via_socks http://11.0.9.9/)"
	cp $p.good $p.yaml
	reload $p
	same "$p: alerts after mending it" "" "$(alerts $p)"
	moving "$p, mended configuration"
done

# and one that is good and changes something
sed -i 's/^  - module: ipfilter$/&\n    deny: 11.0.9.0\/24/' node.yaml
reload node
denied() { [ "$(tool ask socks 11.0.9.9 80)" = 2 ]; }
await 5 "the new deny: to count" denied
say "ok: deny: counts after a reload"
stop hold KILL
well_ended
