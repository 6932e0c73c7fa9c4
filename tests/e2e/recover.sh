#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Either side is killed and started again; the path is cut and mended; the node moves: the tunnel comes back by itself.
. "$(dirname "$0")/lab.sh"
lab_start paired
works() { [ "$(via_socks -m 5 http://11.0.9.9/ 2>/dev/null)" = "this is www" ]; }
check "traffic" works

killed() { kill -9 "$(pid_of "$1")"; wait "$(pid_of "$1")"; }

for i in 1 2 ${full:+3 4 5 6 7 8 9 10}; do
	killed node
	run_node
	check "status --wait after the node was killed ($i)" usable
	await 10 "traffic after the node was killed" works

	killed hub
	run_hub
	check "status --wait after the hub was killed ($i)" usable
	await 10 "traffic after the hub was killed" works
done

# in order, too
stop node || fail "the node ended with status $?"
away() { [ "$(tool ask socks 11.0.9.9 80)" = 3 ]; }
await 5 "0x03 while the exit is away" away
same "HTTP says 503" 503 "$(tool ask http 11.0.9.9 80)"
not hub status --wait=1 >/dev/null || fail "status --wait says usable without an exit"
same "status" down "$(hub status --json | json - 'd["state"].replace("degraded", "down")')"
run_node
check "status --wait after the node was stopped" usable
stop hub || fail "the hub ended with status $?"
run_hub
check "status --wait after the hub was stopped" usable
await 10 "traffic" works

# The node has a second way out, as a phone has, and loses the first: "Wi-Fi to LTE" and back. It notices by itself.
seconds() { date +%s.%N; }
within() { awk -v from="$2" -v to="$3" -v most="$(($1 * patience))" 'BEGIN { print to - from; exit to - from > most }'; }
# moves TEXT SOURCE CMD...: after CMD, the hub soon has another tunnel, from SOURCE. It is found out within 2 s that the old one is
# dead; one second more is for this test's own looking.
moves() {
	moves_text=$1 moves_source=$2 moves_old=$(tunnel_source)
	shift 2
	moves_from=$(seconds)
	"$@"
	await 10 "$moves_text: the tunnel" moved
	moves_took=$(within 3 "$moves_from" "$(seconds)") || fail "$moves_text: it took $moves_took s"
	say "ok: $moves_text: after $moves_took s"
	await 5 "$moves_text: traffic" works
	same "$moves_text: the web server saw it" "$moves_source" "$(tail -n 1 www.access | cut -d' ' -f1)"
}
tunnel_source() { hub devices --json | json - 'd["devices"][0]["online"] and d["devices"][0]["address"]'; }
moved() {
	case $(tunnel_source) in "$moves_old") return 1 ;; "$moves_source"*) return 0 ;; *) return 1 ;; esac
}
link node eth9 net lte
address node eth9 11.0.40.10/24
address net lte 11.0.40.1/24
at node ip route add default via 11.0.40.1 metric 900
same_tunnel() { [ "$(tunnel_source)" = "$first_tunnel" ]; }
first_tunnel=$(tunnel_source)
never 2 "another default route of less worth ends the tunnel" not same_tunnel
cable() { at node ip link set eth0 "$1"; }
moves "its cable is pulled" 11.0.40.10 cable down
back() { cable up && at node ip route add default via 192.168.7.1 && at node ip route del default via 11.0.40.1; }
moves "and plugged in again, and the other way is gone" 11.0.1.1 back
other() {
	at node ip addr del 192.168.7.10/24 dev eth0 && at node ip addr add 192.168.7.77/24 dev eth0 &&
		at node ip route replace default via 192.168.7.1
}
moves "its address is taken away, and it gets another one" 11.0.1.1 other

# the router forgets its connections and the node gets another public address
at nat ip addr add 11.0.1.77/24 dev wan
at nat ip addr del 11.0.1.1/24 dev wan
at nat ip addr show dev wan | grep -q 11.0.1.77 || at nat ip addr add 11.0.1.77/24 dev wan
at nat ip route replace default via 11.0.1.254
await 60 "traffic from the new address" works
say "ok: traffic after the public address changed"
same "the web server saw it" 11.0.1.77 "$(tail -n 1 www.access | cut -d' ' -f1)"
well_ended
