#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# How long a node takes to come in, and what floods at the hub's port do to it, to the hub and to a download. Run by hand in the
# build directory: ../tests/bench/knock.sh [latency] [floods]. Makes its own network namespaces, and tables for README.md.
#	TRIES=20 reconnects each; ROUNDS=3 downloads of SECONDS_DOWN=3 each; LINE="" or e.g. 200mbit: the node's line upwards; MODE=closed
e2e=$(cd "$(dirname "$0")/../e2e" && pwd)
[ $# -gt 0 ] || set -- latency floods
. "$e2e/lab.sh"
: "${TRIES:=20}" "${ROUNDS:=3}" "${SECONDS_DOWN:=3}" "${LINE:=}" "${MODE:=closed}"

flood=$RESTUNNEL_BUILD/tests/bench/flood line=$RESTUNNEL_BUILD/tests/bench/link
[ -x "$flood" ] && [ -x "$line" ] || fail "$flood or $line is not there: make check TESTS="
lab_start
place stranger
link net tostranger stranger eth0
address net tostranger 11.0.3.254/24
address stranger eth0 11.0.3.2/24
route stranger default 11.0.3.254
route net 11.66.0.0/16 11.0.3.2 # whose addresses the stranger forges
at stranger nft add table ip quiet
at stranger nft add chain ip quiet input '{ type filter hook input priority 0; policy drop; }'
at net sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
[ -z "$LINE" ] || at nat tc qdisc add dev wan root tbf rate "$LINE" burst 256k latency 50ms || fail "tc"
truncate -s 100G www.www/big
hub_more="    conceal: $MODE"
hub_conf
run_hub
pair_node
key=$(new_url | sed 's|noise://\(.*\)@.*|\1|' | python3 -c 'import base64, sys; print(base64.urlsafe_b64decode(sys.stdin.read().strip() + "=").hex())')

lines() { grep -c "connected as" "$1.log"; }
more_lines() { [ "$(lines node)" -gt "$before" ]; }

# reconnects NAME: NAME.each gets what the node says for each; NAME.all from its start until then, also ms
reconnects() {
	: >"$1.each"; : >"$1.all"
	for i in $(seq "$TRIES"); do
		kill -9 "$(pid_of node)"; wait "$(pid_of node)" 2>/dev/null
		before=$(lines node) t=$(now_ms)
		spawn node node $RESTUNNEL run -c "$lab/node.yaml"
		tries=0
		until more_lines || [ $tries = 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
		echo $(($(now_ms) - t)) >>"$1.all"
		sed -n 's/.*connected as .*, in \([0-9]*\) ms.*/\1/p' node.log | tail -n 1 >>"$1.each"
	done
}

latency() {
	echo
	echo "| round trip, ms | median, ms | p95 | most | 2 round trips + 60 ms |"
	echo "|---|---|---|---|---|"
	for rtt in 0 20 100 200; do
		[ $rtt = 0 ] || delay_of $rtt
		reconnects "rtt$rtt"
		echo "| $rtt | $(quantile "rtt$rtt.each" 0.5) | $(quantile "rtt$rtt.each" 0.95) | $(quantile "rtt$rtt.each" 1) | $((2 * rtt + 60)) |"
		[ $rtt = 0 ] || { stop delay 2>/dev/null; route hub default 11.0.0.254; }
	done
	check "usable" usable
}
# Between the hub and everybody, until it is stopped
delay_of() {
	: >delay.log
	spawn delay net "$line" "/proc/$(cat place.net)/ns/net" delay "/proc/$(cat place.hub)/ns/net" delay 0 $(($1 / 2)) 0 0
	await 5 "the delay" grep -q ready delay.log
	at net ip link set delay up
	at hub ip link set delay up
	at net ip route add 11.0.0.1/32 dev delay
	at hub ip route replace default dev delay
	at node ping -c 2 -i 0.2 -q 11.0.0.1 | sed -n 's/^rtt/    rtt/p' >&2
}

# ---- floods

# MB/s
speed() {
	at hub curl -s -o /dev/null -m "$SECONDS_DOWN" --noproxy '' -w '%{speed_download}\n' "$@" http://11.0.9.9/big | awk '{ printf "%.0f\n", $1 / 1000000 }'
}
tunnel() { speed -x socks5h://127.0.0.1:1080; }
cpu() { awk '{ print $14 + $15 }' "/proc/$(pid_of hub)/stat"; } # 1/100 s
metrics() { hub metrics | sed -n 's/^restunnel_knocks_total{.*result="\([a-z]*\)".*} /\1 /p' | tr '\n' ' '; }
# median FILE; percent A B
median() { quantile "$1" 0.5; }
percent() { awk "BEGIN { printf \"%.0f\", $2 ? 100 * $1 / $2 : 0 }"; }

# flood_row TEXT ARGUMENTS-OF-FLOOD...: with and without it by turns, because the machine has other things to do, too
flood_row() {
	text=$1
	shift
	await 60 "the node" online node
	rm -f calm busy calm_direct busy_direct flood.log
	for i in $(seq "$ROUNDS"); do
		tunnel >>calm; speed >>calm_direct
		spawn flood stranger "$flood" "$@" 600
		sleep 1
		tunnel >>busy; speed >>busy_direct
		stop flood
	done
	rss=$(rss_kib hub)
	spawn flood stranger "$flood" "$@" 600
	sleep 1
	c=$(cpu) t=$(now_ms)
	sleep 5
	idle=$(percent $(($(cpu) - c)) $((($(now_ms) - t) / 10)))
	rss_after=$(rss_kib hub)
	reconnects flood_row
	stop flood
	set -- $(awk '{ n += $1; s += $2; c += $3 } END { printf "%.0f %.0f", n / s / 1000, 100 * c / s }' flood.log)
	echo "| $text | $1 | $2 | $idle | $rss → $rss_after |" \
		"$(median calm) → $(median busy) ($(percent "$(median busy)" "$(median calm)")%) |" \
		"$(median calm_direct) → $(median busy_direct) ($(percent "$(median busy_direct)" "$(median calm_direct)")%) |" \
		"$(quantile flood_row.all 0.5) / $(quantile flood_row.all 0.99) |"
	echo "    $(metrics)" >&2
}

floods() {
	echo
	echo "| flood | kpps reached | its CPU, % of one | the hub's, % | hub's RSS, KiB | through the tunnel, MB/s | direct, MB/s | the node is back, ms p50 / p99 |"
	echo "|---|---|---|---|---|---|---|---|"
	reconnects calm
	echo "| none | | | | | | | $(quantile calm.all 0.5) / $(quantile calm.all 0.99) |"
	flood_row "datagrams of 192 bytes, junk" udp 192 junk 11.0.3.2/32 11.0.0.1 9000 80000
	flood_row "datagrams of 191 bytes" udp 191 junk 11.0.3.2/32 11.0.0.1 9000 80000
	flood_row "knocks with a right mac1, one source" udp 192 "$key" 11.0.3.2/32 11.0.0.1 9000 20000
	flood_row "the same, from a forged /16" udp 192 "$key" 11.66.0.0/16 11.0.0.1 9000 20000
	flood_row "SYNs, forged /16" syn 0 junk 11.66.0.0/16 11.0.0.1 9000 80000
	flood_row "SYNs with 192 bytes of junk, forged /16" syn 192 junk 11.66.0.0/16 11.0.0.1 9000 80000
	flood_row "SYNs with a right mac1, forged /16" syn 192 "$key" 11.66.0.0/16 11.0.0.1 9000 20000
}

echo "$(uname -r), $(nproc) processors ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), conceal: $MODE, line: ${LINE:-not limited}, $TRIES tries"
for part; do $part; done
well_ended
