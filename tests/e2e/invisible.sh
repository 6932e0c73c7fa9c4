#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A hub, and what a stranger can see of it: nothing. For nmap's scans and for single packets, over IPv4 and IPv6, its port is as two
# neighbours where nothing is, in each state of its life: closed among closed ones, and silent behind a firewall that drops
# everything. (gate.sh does the same with the gate alone, and measures how long answers take.)
. "$(dirname "$0")/lab.sh"
command -v nmap >/dev/null || skip "nmap is not installed (see contrib/test)"
timing=$RESTUNNEL_BUILD/tests/e2e/timing
v4=11.0.0.1 v6=2600:11::1
controls="9001 8999 9500 7000 20000 30001 41000"
if [ -n "$full" ]; then count=10000; else count=3000; fi

# ---- the stranger's view

# alike STATE: over both families at once. What nmap finds when nothing runs is what it must find ever after
alike() {
	for a in $v4 $v6; do
		{ at net python3 "$e2e/scan.py" nmap $a 9000 9001 9500 "$lab/nmap.$mode.$a" &&
			at net python3 "$e2e/scan.py" packets $a 9000 9001; } >"scan.$a" 2>&1 &
		echo $! >"scan.$a.pid"
	done
	for a in $v4 $v6; do
		wait "$(cat "scan.$a.pid")" || { cat "scan.$a"; fail "$1: the port shows ($a)"; }
	done
	say "ok: $1: nothing shows"
}

takes_as_long() {
	for a in $v4 $v6; do
		for kind in syn knock datagram; do
			at net "$timing" $kind $a $count 9000 $controls >timing.out 2>&1 || { cat timing.out; fail "$1: time tells the port apart ($kind, $a)"; }
			say "ok: $1: $kind, $a: $(tail -n 1 timing.out)"
		done
	done
}

# ---- the hub and its node

start_hub() {
	mkdir -p -m 700 "$lab/hub"
	rm -rf kept && mkdir kept
	: >hub.log
	spawn hub hub python3 "$e2e/supervise.py" "$lab/kept" $RESTUNNEL run -c "$lab/hub.yaml"
	await 10 "the hub" answers hub hub
}
kill_hub() {
	kill -9 "$(cat kept/child.pid)"
	await 5 "its end" grep -q '^ended' hub.log
}

# A node that comes and goes all the time: it knocks, connects, shakes hands, and is cut off
restless() {
	while :; do
		nsenter -t "$(cat "$lab/place.node")" -n -- timeout -s KILL 1 $RESTUNNEL run -c "$lab/node.yaml"
	done >restless.log 2>&1
}
came_and_went() { [ "$(grep -c 'node is online' hub.log)" -gt $(($1 + 3)) ]; }

states() {
	hub_more="    conceal: $mode"
	rm -rf hub node
	hub_conf
	start_hub
	alike "$mode, idle"
	if [ $mode = closed ]; then takes_as_long "$mode, idle"; fi
	pair_node
	alike "$mode, connected"
	if [ $mode = closed ] || [ -n "$full" ]; then
		new_url >/dev/null
		alike "$mode, connected, and a token is out"
	fi
	stop node || fail "the node ended with status $?"

	were=$(grep -c 'node is online' hub.log)
	restless &
	restless_pid=$!
	alike "$mode, a node knocks and connects again and again"
	if [ $mode = closed ]; then takes_as_long "$mode, a node knocks and connects again and again"; fi
	await 20 "the node to have come and gone" came_and_went "$were"
	kill $restless_pid
	wait $restless_pid 2>/dev/null
	say "it came $(($(grep -c 'node is online' hub.log) - were)) times"

	kill_hub
	alike "$mode, just killed"
	kill -USR1 "$(pid_of hub)"
	await 10 "the hub again" answers hub hub
	if [ -n "$full" ]; then alike "$mode, started again"; fi
	run_node
	check "and the node is back" usable
	stop node || fail "the node ended with status $?"
	stop hub
}

lab_network
# the stranger shall have as many answers as he wants
at hub sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratemask; echo 0 >/proc/sys/net/ipv6/icmp/ratemask' 2>/dev/null

mode=closed
alike "nothing runs"
states

mode=filtered
lab_firewall 9000
states
say "invisible: passed"
