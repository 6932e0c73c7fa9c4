#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The gate alone, with nothing but a program that opens it (gate_host.c): what a stranger sees with nmap, in single packets and with a
# clock. A port behind a closed gate is like its neighbours on a host that answers, a port behind a filtered one like its
# neighbours behind a firewall that drops everything; whatever happens behind the gate, and after its end.
. "$(dirname "$0")/lab.sh"
command -v nmap >/dev/null || skip "nmap is not installed (see contrib/test)"
host=$RESTUNNEL_BUILD/tests/e2e/gate_host timing=$RESTUNNEL_BUILD/tests/e2e/timing
v4=11.1.0.1 v6=2600:11:a::1
controls="9001 8999 9500 7000 20000 30001 41000"
if [ -n "$full" ]; then count=10000; else count=4000; fi

# stranger 11.1.0.66 --- hub 11.1.0.1 | 11.2.0.1 --- friend 11.2.0.7
for p in hub stranger friend; do place $p; done
link hub tostranger stranger up0
link hub tofriend friend up0
address hub tostranger $v4/24 $v6/64
address hub tofriend 11.2.0.1/24 2600:11:b::1/64
address stranger up0 11.1.0.66/24 2600:11:a::66/64
address friend up0 11.2.0.7/24 2600:11:b::7/64
route friend 11.1.0.0/24 11.2.0.1
route friend 2600:11:a::/64 2600:11:b::1
mkfifo commands

# ---- the host

run_host() {
	: >host.log
	spawn host hub "$host" "$1" "$lab/commands" 0.0.0.0:9000 '[::]:9000'
	await 10 "the gate" grep -q '^ready syn' host.log
	answered=0
}
tell() {
	echo "$*" >commands
	answered=$((answered + 1))
	await 10 "an answer to '$*'" has_answered
}
has_answered() { [ "$(grep -c '^done' host.log)" -ge $answered ]; }

# ---- the stranger's views of it, over both families at once

# both STATE TOOL ARGUMENTS...: scan.py TOOL ADDRESS ARGUMENTS; nmap leaves what it found, for the next time
both() {
	both_state=$1 both_tool=$2
	shift 2
	for a in $v4 $v6; do
		if [ "$both_tool" = nmap ]; then both_file=$lab/nmap.$mode.$a; else both_file=; fi
		at stranger python3 "$e2e/scan.py" "$both_tool" $a "$@" $both_file >"scan.$a" 2>&1 &
		echo $! >"scan.$a.pid"
	done
	for a in $v4 $v6; do
		wait "$(cat "scan.$a.pid")" || { cat "scan.$a"; fail "$both_state: $both_tool tells the port apart ($a)"; }
		say "ok: $both_state: $both_tool, $a: $(sed 's/ reason_ttl=[0-9]*//' "scan.$a" | paste -s -d,)"
	done
}

alike() {
	both "$1" nmap 9000 9001 9500
	both "$1" packets 9000 9001
}

# takes_as_long STATE
takes_as_long() {
	# the stranger shall have as many answers as he wants
	unlimited 0 0
	for a in $v4 $v6; do
		for kind in syn knock datagram; do
			at stranger "$timing" $kind $a $count 9000 $controls >timing.out 2>&1 || { cat timing.out; fail "$1: time tells the port apart ($kind, $a)"; }
			say "ok: $1: $kind, $a: $(tail -n 1 timing.out)"
		done
	done
	unlimited 6168 0-1,3-127
}
unlimited() { at hub sh -c "echo $1 >/proc/sys/net/ipv4/icmp_ratemask; echo $2 >/proc/sys/net/ipv6/icmp/ratemask"; }

# ---- the friend

# connects ADDRESS [PLACE]: and keeps it, in the background
connects() {
	at "${2:-friend}" python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[1], 9000), 10)
print("connected", flush=True)
sys.stdin.read()' "$1" <hold >connected 2>&1 &
	await 15 "a connection from ${2:-friend} to $1" grep -q connected connected
	await 10 "that the host has it" grep -q "^accepted" host.log
}

knocks() {
	at friend python3 -c '
import socket, sys
for address in sys.argv[1:]:
	family = socket.AF_INET6 if ":" in address else socket.AF_INET
	socket.socket(family, socket.SOCK_DGRAM).sendto(b"d" * 192, (address, 9000))
	s = socket.socket(family, socket.SOCK_STREAM)
	s.setblocking(False)
	s.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
	try:
		s.sendto(b"s" * 192, socket.MSG_FASTOPEN, (address, 9000))
	except BlockingIOError:
		pass
' $v4 $v6
	for what in "udp 11.2.0.7:[0-9]* 100" "syn 11.2.0.7:[0-9]* 115" "udp .2600:11:b::7.:[0-9]* 100" "syn .2600:11:b::7.:[0-9]* 115"; do
		await 10 "knock $what" grep -q "^knock $what" host.log
	done
	say "ok: $mode: datagrams and SYNs are heard, over IPv4 and IPv6"
}

# states MODE
states() {
	run_host $mode
	alike "$mode, idle"
	if [ $mode = closed ]; then takes_as_long "$mode, idle"; fi
	knocks

	tell admit 0 11.2.0.7 600000
	tell admit 1 2600:11:b::7 600000
	connects $v4
	alike "$mode, another one is admitted and connected"
	if [ $mode = closed ]; then takes_as_long "$mode, another one is admitted"; fi

	tell admit 0 11.2.0.7 1
	tell shut 1
	alike "$mode, he is shut out again"
	# the same mode as a program on its last legs would leave it
	tell admit 0 11.2.0.7 600000
	if [ $mode = filtered ]; then tell keep; fi
	stop host KILL
	alike "$mode, killed"
}

mkfifo hold
exec 9<>hold

mode=closed
alike "nothing runs" # and leaves what all states are compared with
states

mode=filtered
lab_firewall 9000
states
say "gate: passed"
