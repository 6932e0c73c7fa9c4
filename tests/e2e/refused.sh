#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A hub, even a compromised one, can't reach the exit's network: every target in refused.targets gets SOCKS5 reply 0x02 and
# HTTP 403, and not one packet leaves the node for anywhere but the hub and the DNS server.
. "$(dirname "$0")/lab.sh"
cat >zone <<E
lan.lab-internet.com 192.168.7.20
lan6.lab-internet.com 2600:11:7::20
ula.lab-internet.com fd07::20
own.lab-internet.com 11.0.7.20
loop.lab-internet.com 127.0.0.1
mapped.lab-internet.com ::ffff:192.168.7.20
mixed.lab-internet.com 11.0.9.9
mixed.lab-internet.com 192.168.7.20
router.lab-internet.com 11.0.1.1
node.local 192.168.7.10
router.lan 192.168.7.1
intranet 192.168.7.20
E
lab_start paired
web neighbour lan
web router nat
web itself node

at node nft -f - <<E
table inet lab {
	counter strays { }
	chain output {
		type filter hook output priority 0
		ip daddr 11.0.0.1 th dport 9000 accept
		ip6 daddr 2600:11::1 th dport 9000 accept
		ip daddr 11.0.9.53 th dport 53 accept
		meta l4proto { igmp, icmp, ipv6-icmp } accept
		counter name strays
	}
}
E
strays() { at node nft list counter inet lab strays | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
no_strays() { at node nft reset counter inet lab strays >/dev/null; }

# The controls: all of these are there, and the counter sees whoever goes there
for url in http://192.168.7.20/ http://11.0.7.20/ http://11.0.8.20/ 'http://[fd07::20]/' 'http://[2600:11:7::20]/'; do
	no_strays
	same "the node's machine itself reaches $url" "this is neighbour" "$(at node curl -sS -m 10 "$url")"
	[ "$(strays)" -gt 0 ] || fail "the counter of packets doesn't work"
done
same "and its router's page" "this is router" "$(at node curl -sS -m 10 http://11.0.1.1/)"
no_strays
same "the exit reaches what is public" "this is www" "$(via_socks http://11.0.9.9/)"
[ "$(strays)" -gt 0 ] || fail "the counter of packets doesn't work"

rm -f neighbour.access router.access itself.access
for w in neighbour router itself; do stop $w; web $w "$(case $w in neighbour) echo lan ;; router) echo nat ;; *) echo node ;; esac)"; done
no_strays

tool ask both "$e2e/refused.targets" >answers || fail "asking ended early, after: $(tail -n 1 answers)"
same "all targets were asked" "$(wc -l <"$e2e/refused.targets")" "$(wc -l <answers)"
# a target that can't be written in a request is 400 by HTTP where the proxy's own syntax check comes first
awk '!($3 == 2 && ($4 == 403 || $4 == "-" || ($4 == 400 && $1 ~ /%|:0$/)))' answers >wrong
[ ! -s wrong ] || fail "not refused with 0x02 and 403 (target, port, SOCKS, HTTP): $(tr '\n' ';' <wrong)"
say "ok: $(wc -l <answers) targets were refused with 0x02 and 403"
same "packets that left for anywhere but the hub and the DNS server" 0 "$(strays)"
same "requests that the neighbour, the router and the node's machine saw" "" "$(cat neighbour.access router.access itself.access)"

# The name's answer changes after it was judged: what was judged is what is dialled
echo 'flip.lab-internet.com 11.0.9.9' >>zone
same "a public name" "this is www" "$(via_socks http://flip.lab-internet.com/)"
sed -i 's/^flip.*/flip.lab-internet.com 192.168.7.20/' zone
same "the same name, now at the neighbour's address" 2 "$(tool ask socks flip.lab-internet.com 80)"

# A new address on the LAN is refused at once, without a restart
at node ip addr add 11.0.66.10/24 dev eth0
at lan ip addr add 11.0.66.20/24 dev eth0
denied() { [ "$(tool ask socks 11.0.66.20 80)" = 2 ]; }
await 5 "a network that has just come to be refused" denied
say "ok: a network that has just come is refused"

# So is what a route of its own has come for, by whichever table, and allowed again when it has gone
socks_reply() { tool ask socks "$1" 80; }
routed() { [ "$(socks_reply 11.0.9.9)" = "$1" ]; }
check "a public address is reached" routed 0
for way in "11.0.9.9 via 192.168.7.20" "11.0.9.0/24 via 192.168.7.20 metric 5"; do
	at node ip route add $way
	check "routed by '$way', it is refused" routed 2
	at node ip route del $way
	check "without that, it is reached" routed 0
done
at node ip route add default via 192.168.7.20 table 100
at node ip rule add to 11.0.9.9 table 100
check "by a rule for it, it is refused" routed 2
at node ip rule del to 11.0.9.9 table 100
check "without that, it is reached" routed 0
at node ip route add default via 192.168.7.20 metric 900
check "a second default route, for emergencies, changes nothing" routed 0

# Without IPv6, names that have both kinds of addresses work, and an IPv6 address is out of reach
at node ip -6 route del default
same "without IPv6, a name with both kinds of addresses" "this is www" "$(via_socks http://www.lab-internet.com/)"
same "without IPv6, an IPv6 address" 4 "$(socks_reply 2600:11:9::9)"
same "without IPv6, one that is forbidden" 2 "$(socks_reply fd07::20)"

# Without a default route nothing is reached, and status says why
at node ip route add 11.0.0.1 via 192.168.7.1
at node ip route flush exact default
check "without a default route, nothing is reached" routed 4
node status --json >status.json
same "and the node says so" no-default-route \
	"$(json status.json 'next((a["code"] for a in d["alerts"] if "default" in a["code"]), None)')"
well_ended
