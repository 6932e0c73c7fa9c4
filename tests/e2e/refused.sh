#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A hub, even a compromised one, can't reach the exit's network, whatever name servers say: every target in refused.targets
# gets SOCKS5 reply 0x02 and HTTP 403, and datagrams no answer; not one packet leaves the node for anywhere but the hub and the DNS server, nor
# is there one on the links to containers and to a second gateway.
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
mixed6.lab-internet.com 2600:11:9::9
mixed6.lab-internet.com fd07::20
mixed46.lab-internet.com 11.0.9.9
mixed46.lab-internet.com 2600:11:7::20
zero.lab-internet.com 0.0.0.0
zero6.lab-internet.com ::
mapped0.lab-internet.com ::ffff:0.0.0.0
metadata.lab-internet.com 169.254.169.254
nat64.lab-internet.com 64:ff9b::192.168.7.20
sixtofour.lab-internet.com 2002:c0a8:714::1
isatap.lab-internet.com 2600:11:9::5efe:c0a8:714
container.lab-internet.com 11.0.20.2
cname-local.lab-internet.com CNAME node.local
cname-localhost.lab-internet.com CNAME localhost
cname-lan.lab-internet.com CNAME lan.lab-internet.com
cname-cname.lab-internet.com CNAME cname-lan.lab-internet.com
cname-www.lab-internet.com CNAME four.lab-internet.com
rebind.lab-internet.com 11.0.9.9 then 192.168.7.20
localhost 127.0.0.1
router.lab-internet.com 11.0.1.1
node.local 192.168.7.10
router.lan 192.168.7.1
intranet 192.168.7.20
E
lab_start paired

# Containers behind a bridge, and a second gateway with a network behind it and a default route of last resort
place box
place gate
at node ip link add docker0 type bridge
at node ip link set docker0 up
link node veth0 box eth0
at node ip link set veth0 master docker0
address node docker0 172.17.0.1/16 11.0.20.1/24
address box eth0 172.17.0.2/16 11.0.20.2/24
link node eth2 gate eth0
address node eth2 11.0.30.1/24 2600:30::1/64
address gate eth0 11.0.30.2/24 2600:30::2/64
address gate lo 11.0.31.7/32 2600:31::7/128
route node 11.0.31.0/24 11.0.30.2
route node 2600:31::/64 2600:30::2
at node ip route add default via 11.0.30.2 metric 950
at node ip route add default via 2600:30::2 metric 9000

# name=place of the servers that must not be reached
servers='neighbour=lan router=nat itself=node container=box gateway=gate'
for w in $servers; do web ${w%=*} ${w#*=}; done

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

links='eth0 docker0 eth2'
captured() { grep -q "$2" "capture.$1.log"; }
for l in $links; do
	spawn capture.$l node python3 "$e2e/capture.py" $l
	await 10 "the capture on $l" captured $l ready
done

# The controls: all of these are there, and counter and captures see whoever goes there
while read -r name l address; do
	no_strays
	same "the node's machine itself reaches $address" "this is $name" "$(at node curl -sS -m 10 "http://$address/" </dev/null)"
	[ "$(strays)" -gt 0 ] || fail "the counter of packets doesn't work"
	await 5 "$address in the capture on $l" captured $l "> $(echo "$address" | tr -d '[]')\$"
done <<E
neighbour eth0 192.168.7.20
neighbour eth0 11.0.7.20
neighbour eth0 11.0.8.20
neighbour eth0 [fd07::20]
neighbour eth0 [2600:11:7::20]
container docker0 172.17.0.2
container docker0 11.0.20.2
gateway eth2 11.0.30.2
gateway eth2 11.0.31.7
gateway eth2 [2600:31::7]
E
same "and its router's page" "this is router" "$(at node curl -sS -m 10 http://11.0.1.1/)"
no_strays
same "the exit reaches what is public" "this is www" "$(via_socks http://11.0.9.9/)"
[ "$(strays)" -gt 0 ] || fail "the counter of packets doesn't work"
no_strays
echo '11.0.9.9 9' >public
tool datagrams ask public >answers || fail "no datagram was sent"
[ "$(strays)" -gt 0 ] || fail "the counter doesn't see a datagram to what is public"

for w in $servers; do
	stop ${w%=*}
	rm -f ${w%=*}.access
	web ${w%=*} ${w#*=}
done
# What is over is over, and nobody looks whether a neighbour of then is still there
quiet() { [ -z "$(at node ss -Htn exclude listening exclude time-wait | grep -v :9000)" ]; }
await 10 "the end of all connections" quiet
for p in node nat lan box gate; do at $p ip neigh flush all; done
no_strays
for l in $links; do wc -l <capture.$l.log >capture.$l.from; done

tool ask both "$e2e/refused.targets" >answers || fail "asking ended early, after: $(tail -n 1 answers)"
same "all targets were asked" "$(wc -l <"$e2e/refused.targets")" "$(wc -l <answers)"
# a target that can't be written in a request is 400 by HTTP where the proxy's own syntax check comes first
awk '!($3 == 2 && ($4 == 403 || $4 == "-" || ($4 == 400 && $1 ~ /%|:0$/)))' answers >wrong
[ ! -s wrong ] || fail "not refused with 0x02 and 403 (target, port, SOCKS, HTTP): $(tr '\n' ';' <wrong)"
say "ok: $(wc -l <answers) targets were refused with 0x02 and 403"
# The same as datagrams. What was not sent is no longer on its way when one that is behind all of them has come out, and names of
# which one kind of address is missing have waited for that.
tool datagrams ask "$e2e/refused.targets" >answers || fail "datagrams could not be sent: $(tail -n 1 answers)"
same "datagrams to all of them got no answer" "sent $(wc -l <"$e2e/refused.targets") answers 0" "$(tr '\n' ' ' <answers | sed 's/ $//')"
refused_datagrams() { [ "$(node metrics | sed -n 's/^restunnel_dialer_datagrams_dropped_total{.*reason="\(name\|refused\)".*} //p' | awk '{ n += $1 } END { print n }')" = "$1" ]; }
await 10 "all of them to be dropped" refused_datagrams "$(grep -vc x00 "$e2e/refused.targets")"
same "packets that left for anywhere but the hub and the DNS server" 0 "$(strays)"
same "requests that their servers saw" "" "$(for w in $servers; do cat ${w%=*}.access; done)"

# capture_since DEVICE NETWORK: what was on it until now. Somebody who does not exist in the network is looked for, and when
# that is in the capture, all before it is.
capture_since() {
	at node curl -s -m 0.3 "http://$2.99/" >/dev/null
	await 5 "the end of the capture on $1" captured $1 "? $2.99\$"
	sed "1,$(cat capture.$1.from)d; /? $2.99\$/,\$d" capture.$1.log
}
same "packets on the bridge to the containers" "" "$(capture_since docker0 172.17.0)"
same "packets on the link to the second gateway" "" "$(capture_since eth2 11.0.30)"
# between node and gateway, which look for each other; hub and DNS server
same "other packets on the LAN" "" "$(capture_since eth0 192.168.7 | grep -Ev \
	-e '^192\.168\.7\.10 > 11\.0\.(0\.1|9\.53)$' -e '^11\.0\.(0\.1|9\.53) > 192\.168\.7\.10$' -e '^\? (192\.168\.7\.10?|2600:11:7::10?|fe80:.*)$')"

# The reasons have reached the hub, and tell nothing about the network
hub metrics >metrics || fail "no metrics"
for rule in name address port; do
	check "the hub counts refusals: $rule" grep -Eq "^restunnel_refusals_total\{exit=\"node\",rule=\"$rule\"\} [1-9]" metrics
done
check "none is unknown" grep -q '^restunnel_refusals_total{exit="node",rule="other"} 0' metrics
check "one is in its log" grep -q 'exit node refused a target' hub.log
check "without what it was" not grep -Eq '192\.168\.7|fd07|11\.0\.20|172\.17' hub.log
for t in 192.168.7.20 11.0.31.7 11.0.1.1; do
	same "the reason for $t" "restunnel: address: not a public one" "$(tool ask why $t 80)"
done

# The name's answer changes after it was judged: what was judged is what is dialled
echo 'flip.lab-internet.com 11.0.9.9' >>zone
same "a public name" "this is www" "$(via_socks http://flip.lab-internet.com/)"
sed -i 's/^flip.*/flip.lab-internet.com 192.168.7.20/' zone
same "the same name, now at the neighbour's address" 2 "$(tool ask socks flip.lab-internet.com 80)"
same "a name whose second answer is the neighbour's address" "this is www" "$(via_socks http://rebind.lab-internet.com/)"
same "when it is asked for again" 2 "$(tool ask socks rebind.lab-internet.com 80)"
same "a name that is an alias of a public one" "this is www" "$(via_socks http://cname-www.lab-internet.com/)"

# An IPv4 address of the LAN behind a prefix that only this network's NAT64 knows, and its name servers
translated='2600:64::c0a8:714'
at net ip addr add $translated/128 dev lo
at net ip addr add 2600:64::b00:909/128 dev lo
same "before anybody says so, it is an address like others" 0 "$(tool ask socks $translated 80)"
echo 'ipv4only.arpa 2600:64::c000:aa' >>zone
at node ip addr add 11.0.67.10/32 dev lo
translation_known() { [ "$(tool ask socks $translated 80)" = 2 ]; }
await 10 "what is translated to an address of the LAN to be refused" translation_known
say "ok: after a change of the network it is known for what it is"
same "what is translated to a public address" 0 "$(tool ask socks 2600:64::b00:909 80)"

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
at node ip -6 route flush exact default
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
