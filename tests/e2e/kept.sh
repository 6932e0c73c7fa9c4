#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A filtered port stays silent while the hub is dead, because its supervisor keeps the sockets; and who knocks then is let in by
# the next one.
. "$(dirname "$0")/lab.sh"
lab_start
hub_more='    conceal: filtered'
hub_conf
mkdir -m 700 hub kept
spawn hub hub python3 "$e2e/supervise.py" "$lab/kept" $RESTUNNEL run -c "$lab/hub.yaml"
await 10 "the hub" answers hub hub
pair_node
check "it hides as filtered" grep -q "hides as: filtered" hub.log
say "$(grep -c '^kept' hub.log) sockets are kept: $(sed -n 's/^kept //p' hub.log | tr '\n' ' ')"
same "doctor: port-kept" true "$(hub doctor --json | json - '[c["ok"] for c in d["checks"] if c["code"] == "port-kept"][0]')"

spawn record net python3 "$e2e/replay.py" record tonat "$lab/recorded"
await 10 "the recorder" grep -q ready record.log
spawn probe net python3 "$e2e/replay.py" probe 11.0.0.1 silent
spawn probe6 net python3 "$e2e/replay.py" probe 2600:11::1 silent
for p in probe probe6; do await 10 "the probe" grep -q ready $p.log; done
silent() { alive probe && alive probe6 || fail "$1: $(tail -qn 1 probe.log probe6.log)"; }
ended() { [ "$(grep -c ^ended hub.log)" -gt "$1" ]; }
knocks() { grep -c -e udp -e syn recorded; }

for i in 1 2 ${full:+3 4 5 6 7 8}; do
	before=$(knocks) ends=$(grep -c ^ended hub.log)
	kill -9 "$(cat kept/child.pid)"
	await 5 "its end" ended "$ends"
	more() { [ "$(knocks)" -gt "$before" ]; }
	await 20 "the node to knock at a dead hub" more
	kill -STOP "$(pid_of node)" # it says no more
	said=$(($(knocks) - before))
	never 2 "the dead hub's port shows ($i)" not alive probe
	t=$(date +%s%N)
	kill -USR1 "$(pid_of hub)"
	await 10 "the hub" answers hub hub
	opened() { [ "$(hub metrics | sed -n 's/^restunnel_knocks_total{.*result="opened".*} //p')" -gt 0 ]; }
	await 5 "what was knocked meanwhile to be heard" opened
	kill -CONT "$(pid_of node)"
	check "the node is back ($i)" usable
	say "    $((($(date +%s%N) - t) / 1000000)) ms after the start; it had knocked $said times before"
	silent "after $i kills"
done
stop probe || fail "IPv4: $(tail -n 1 probe.log)"
stop probe6 || fail "IPv6: $(tail -n 1 probe6.log)"
say "ok: the port was silent all the time: IPv4 $(tail -n 1 probe.log), IPv6 $(tail -n 1 probe6.log)"
stop record || fail "the recorder"
well_ended
