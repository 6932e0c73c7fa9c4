#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# SIGHUP: established streams go on; a configuration with an error changes nothing, and status says so until it is mended. And the
# access log, whose file is made anew behind the sandbox, and whose disk becomes full.
. "$(dirname "$0")/lab.sh"
mkdir logs && mount -t tmpfs -o size=256k,mode=755 tmpfs logs || fail "no tmpfs"
log=$lab/logs/access.log
hub_modules="  - {module: access_log, file: $log, targets: plain, format: json}"
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

# ---- the access log

sed -i '/^    deny: /d' node.yaml
reload node
# logged FILE TEXT FIELD...: await a line with this text, and say its fields
has_line() { grep -qF "$2" "$1" 2>/dev/null; }
logged() {
	logged_file=$1 logged_text=$2
	shift 2
	await 10 "a line with $logged_text" has_line "$logged_file" "$logged_text"
	for f; do grep -F "$logged_text" "$logged_file" | tail -n 1 | json - "d[\"$f\"]"; done | tr '\n' ' '
}
same "made by who runs" "600" "$(stat -c %a "$log")"
noise 100000 >www.www/file
via_http -o got http://four.lab-internet.com/file || fail "no file"
via_socks -o got https://four.lab-internet.com/file || fail "no file"
same "a line says what was" "frontend_connect node tcp ok " "$(logged "$log" '"four.lab-internet.com:80"' frontend exit protocol result)"
check "with the bytes" [ "$(logged "$log" '"four.lab-internet.com:443"' bytes_in)" -gt 100000 ]
same "a refusal is there" "frontend_socks5 0 denied " "$(logged "$log" '"11.0.9.9:80","bytes_in":0' frontend bytes_in result)"
check "and nothing in the log" sh -c "! grep -F four.lab-internet hub.log"

mv "$log" logs/renamed
reload hub
await 5 "the new file" [ -f "$log" ]
tool ask socks 192.168.7.20 81 >/dev/null
same "renamed, reloaded: the next line is in a new file" "denied " "$(logged "$log" 192.168.7.20:81 result)"
check "and not in the old one" not has_line logs/renamed 192.168.7.20:81
if command -v logrotate >/dev/null; then
	sed "s|^/var/log/restunnel/|$lab/logs/|; /^\tsu /d" "$RESTUNNEL_SRC/contrib/logrotate/restunnel" >rotate.conf && chmod 644 rotate.conf
	logrotate -f -s "$lab/rotate.state" rotate.conf >rotate.log 2>&1 || fail "logrotate: $(cat rotate.log)"
	check "logrotate has rotated it" [ -f "$log.1" ]
	tool ask socks 192.168.7.20 82 >/dev/null
	same "without being told: the next line is in a new file" "denied " "$(logged "$log" 192.168.7.20:82 result)"
else
	say "not tried: logrotate is not installed"
fi

cat /dev/zero >logs/full 2>/dev/null # until it is; and what is begun has no room
mv "$log" logs/last
tool ask socks 192.168.7.20 83 >/dev/null
said_degraded() { alerts hub | grep -q '^access-log: .*no space is left'; }
await 5 "status to say that the disk is full" said_degraded
moving "a full disk"
rm logs/full
same "it goes on by itself" "denied " "$(logged "$log" 192.168.7.20:83 result)"
none_left() { [ -z "$(alerts hub)" ]; }
await 5 "status to be good again" none_left
if [ "$(hub status --json | json - 'd["sandbox"]["landlock"]')" != unavailable ]; then
	mount -t tmpfs -o mode=755 tmpfs logs || fail "no tmpfs"
	tool ask socks 192.168.7.20 84 >/dev/null
	said_anew() { hub status | grep -q 'a directory that was made anew needs a restart'; }
	await 5 "status to say that another directory is beyond the sandbox" said_anew
	umount logs
	same "the one before: it goes on" "denied " "$(logged "$log" 192.168.7.20:84 result)"
fi
check "every line is a whole one" python3 -c "import json, sys; [json.loads(l) for l in open(sys.argv[1])]" "$log"

# asked twice it does not wait for the stream
kill "$(pid_of hub)"
await 5 "the hub to be asked" grep -q ': stopping: ' hub.log
stop hub || fail "the hub ended with status $?"
same "what the stop has cut off is there" 1 "$(grep -c '"11.0.9.9:7","bytes_in":[1-9]' "$log")"
wait "$(pid_of hold)"
stop node || fail "the node ended with status $?"
say "$test_name: passed"
