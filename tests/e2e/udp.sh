#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Datagrams of a SOCKS5 client (UDP ASSOCIATE) to the internet and back, through the tunnel and without one: dig and an echo, names,
# IPv4 and IPv6, small and large. Nobody else's datagrams get in at either end, and each end is the end of all. What the exit
# refuses is in refused.sh.
. "$(dirname "$0")/lab.sh"
PATH=$PATH:/usr/sbin:/sbin command -v dig >/dev/null || skip "dig is not installed (see contrib/test)"
hub_modules="
  - {module: frontend_socks5, name: by-unix, listen: \"unix:$lab/socks\", to: tunnel}
  - {module: frontend_socks5, name: six, listen: \"[::1]:1082\", to: tunnel}
  - {module: frontend_socks5, name: none, listen: 127.0.0.1:1083, to: tunnel, datagrams: refuse}
  - {module: frontend_socks5, name: few, listen: 127.0.0.1:1084, to: tunnel, max-associations: 1, association-timeout: 2s}"
lab_start paired

udp() { tool datagrams "$@"; }
through() { PROXY=$1 udp "$2" "$3" "$4" "$5"; }
# dropped PLACE CONFIG REASON: how many datagrams were, in all
dropped() { rt $1 $2 metrics | sed -n "s/^restunnel_.*_datagrams_dropped_total{.*reason=\"$3\".*} //p" | awk '{ n += $1 } END { print n + 0 }'; }

spawn echo net python3 "$e2e/server.py" 11.0.9.9 2600:11:9::9
await 10 "the echo" grep -q ready echo.log

# A real client: dig, which knows nothing of SOCKS, through a forwarder
spawn forward hub python3 "$e2e/datagrams.py" forward 5353 11.0.9.53 53
await 10 "the forwarder" grep -q ready forward.log
dug() { at hub dig @127.0.0.1 -p 5353 +short +timeout=2 +tries=3 "$@"; }
same "dig" 11.0.9.9 "$(dug www.lab-internet.com A)"
same "dig, IPv6" 2600:11:9::9 "$(dug www.lab-internet.com AAAA)"
same "five questions" "5 11.0.9.9" "$(for i in $(seq 5); do dug four.lab-internet.com A; done | sort | uniq -c | sed 's/^ *//')"
same "dig, a name that does not exist" NXDOMAIN "$(at hub dig @127.0.0.1 -p 5353 +timeout=2 nothing.lab-internet.com | sed -n 's/.*status: \([A-Z]*\).*/\1/p')"

same "to an address" "0 11.0.9.9 7
1 11.0.9.9 7
1200 11.0.9.9 7
9000 11.0.9.9 7
60000 11.0.9.9 7" "$(udp echo 11.0.9.9 7 0 1 1200 9000 60000)"
same "IPv6" "1200 2600:11:9::9 7" "$(udp echo 2600:11:9::9 7 1200)"
same "to a name, resolved at the exit" "1200 11.0.9.9 7" "$(udp echo www.lab-internet.com 7 1200)"
same "to a name with IPv6 only" "10 2600:11:9::9 7" "$(sed -i '/^six/d' zone; echo 'six.lab-internet.com 2600:11:9::9' >>zone; udp echo six.lab-internet.com 7 10)"
same "the client's end is IPv6" "1200 11.0.9.9 7" "$(through '[::1]:1082' echo 11.0.9.9 7 1200)"

# Replies
same "by username" 0 "$(udp reply exit-node)"
same "by a username that names no exit" 1 "$(udp reply nobody)"
same "on a unix socket" 7 "$(udp reply "unix:$lab/socks")"
same "where datagrams are refused" 7 "$(PROXY=127.0.0.1:1083 udp reply)"

# The client's end
same "what must not get in" "another port silent
another address silent
a fragment silent
malformed silent
alive
not announced silent
announced" "$(udp hostile 11.0.9.9 7)"
same "counted: strangers" 3 "$(dropped hub hub stranger)"
same "counted: fragments" 1 "$(dropped hub hub fragment)"
same "counted: malformed" 6 "$(dropped hub hub malformed)"

# The exit's end: whoever was not sent to is not heard
mkfifo in && spawn quiet hub sh -c "exec python3 '$e2e/datagrams.py' hold <'$lab/in'"
exec 9>in
await 10 "an association" grep -q ready quiet.log
port=$(at node ss -Hunap | awk '/restunnel/ && $5 !~ /\*:?[1-9]/ { n = split($4, a, ":"); print a[n] }' | head -n 1)
[ -n "$port" ] || fail "the exit has no socket: $(at node ss -Hunap)"
before=$(dropped node node unexpected)
at lan python3 - <<E
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"a neighbour", ("192.168.7.10", $port))
E
heard() { [ "$(dropped node node unexpected)" -gt "$before" ]; }
await 5 "a neighbour's datagram to be dropped" heard
say "ok: a neighbour's datagram was dropped"

# Ends. The client's connection: then all is gone, at both ends
sockets() { at $1 ss -Hunap | grep -c '"restunnel"'; }
[ "$(sockets hub)" -gt 0 ] || fail "no socket on the hub"
exec 9>&-
stop forward
no_sockets() { [ "$(at $1 ss -Hunap | grep '"restunnel"' | grep -vc ":9000 ")" = 0 ]; }
await 5 "the hub's sockets to be gone" no_sockets hub
await 5 "the exit's sockets to be gone" no_sockets node
say "ok: associations end with their clients' connections"

# Limits of the entry
mkfifo in2 && spawn only hub env PROXY=127.0.0.1:1084 sh -c "exec python3 '$e2e/datagrams.py' hold <'$lab/in2'"
exec 9>in2
await 10 "an association" grep -q ready only.log
same "one more than max-associations" 1 "$(PROXY=127.0.0.1:1084 udp reply)"
await 10 "the end after association-timeout" grep -q ended only.log
say "ok: an idle association ends"
exec 9>&-

# The exit goes away: so does the association, and its client is told by the end of its connection
mkfifo in3 && spawn left hub sh -c "exec python3 '$e2e/datagrams.py' hold <'$lab/in3'"
exec 9>in3
await 10 "an association" grep -q ready left.log
kill -9 "$(pid_of node)"
await 10 "the end of the association" grep -q ended left.log
say "ok: when the exit is killed, the association ends"
away() { not online node; }
await 10 "the hub to know" away
same "no exit" 3 "$(udp reply)"
exec 9>&-

# Without a tunnel: conf/local.yaml
mkdir -p -m 700 local
sed "s|/var/lib/restunnel|$lab/local|" "$RESTUNNEL_SRC/conf/local.yaml" >local.yaml
spawn local node $RESTUNNEL run -c "$lab/local.yaml"
await 10 "the local proxy" listening node 1080
same "local.yaml: an echo" "1200 11.0.9.9 7" "$(at node python3 "$e2e/datagrams.py" echo 11.0.9.9 7 1200)"
same "local.yaml: the LAN" "10 lost" "$(at node python3 "$e2e/datagrams.py" echo 192.168.7.20 7 10)"
stop local || fail "local.yaml: status $?"
stop hub || fail "the hub ended with status $?"
say "$test_name: passed"
