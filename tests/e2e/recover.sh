#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Either side is killed and started again; the path is cut and mended: the tunnel comes back by itself.
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

# the router forgets its connections and the node gets another public address
at nat ip addr add 11.0.1.77/24 dev wan
at nat ip addr del 11.0.1.1/24 dev wan
at nat ip addr show dev wan | grep -q 11.0.1.77 || at nat ip addr add 11.0.1.77/24 dev wan
at nat ip route replace default via 11.0.1.254
await 60 "traffic from the new address" works
say "ok: traffic after the public address changed"
same "the web server saw it" 11.0.1.77 "$(tail -n 1 www.access | cut -d' ' -f1)"
well_ended
