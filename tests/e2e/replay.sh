#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Somebody on the line has recorded knocks and a whole connection of a node, and sends them again from where he is: as they are, in
# other orders, changed; while a token is out, while the tunnel is up, after the hub was started again. The port opens to nobody.
. "$(dirname "$0")/lab.sh"
sends=10000
[ -z "${replay_mode:-}" ] || sends=3000
[ -z "$full" ] || sends=40000
lab_start
hub_more="    conceal: ${replay_mode:-auto}"
hub_conf
run_hub
if grep -q "hides as: closed" hub.log; then expected=refused; else expected=silent; fi
say "the port: $expected"
key=$(new_url | sed 's|noise://\(.*\)@.*|\1|')

counts() { hub metrics 2>/dev/null | sed -n 's/^restunnel_knocks_total{.*result="\([a-z]*\)".*} \([0-9.e+]*\)$/\1 \2/p'; }
count() { counts | awk -v r="$1" '$1 == r { print $2 }'; }
all() { counts | awk '{ n += $2 } END { print n + 0 }'; }

# ---- record: enrolment, connections, and attempts that come to nothing because nothing but knocks gets through

spawn record net python3 "$e2e/replay.py" record tonat "$lab/recorded"
await 10 "the recorder" grep -q ready record.log
pair_node
at net nft add table ip cut
at net nft add chain ip cut forward '{ type filter hook forward priority 0; }'
at net nft add rule ip cut forward 'tcp dport 9000 tcp flags & (syn|ack) == syn meta length < 150 drop'
at net nft add rule ip cut forward 'udp dport 9000 meta length != 220 drop'
faked=$(find /usr/lib /usr/local/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
[ -z "$sanitized" ] || faked=
stop node || fail "the node ended with status $?"
if [ -n "$faked" ]; then
	# where time flies, a node knocks often: its pauses are short for us
	wanted=300
	[ -z "$full" ] || wanted=10000
	spawn node node env LD_PRELOAD="$faked" FAKETIME="+0 x1000" $RESTUNNEL run -c "$lab/node.yaml"
else
	wanted=15
	spawn node node $RESTUNNEL run -c "$lab/node.yaml"
fi
heard() { [ "$(grep -c -e udp -e syn recorded)" -ge $wanted ]; }
await 1${full:+0}20 "$wanted knocks on the wire" heard
stop node || fail "the node ended with status $?"
at net nft delete table ip cut
run_node # the last one that the hub hears is a new one: a knock that it never heard would open, once
check "the tunnel is usable" usable
await 5 "its knock on the wire" grep -q . recorded
stop record || fail "the recorder"
say "recorded: $(grep -c udp recorded) datagrams, $(grep -c syn recorded) SYNs, $(grep -c tcp recorded) first messages"

# ---- again

# replayed TEXT: all of it; the port is probed all the time
replayed() {
	spawn probe net python3 "$e2e/replay.py" probe 11.0.0.1 $expected
	await 10 "the probe" grep -q ready probe.log
	opened=$(count opened) before=$(all)
	whole=$(at net python3 "$e2e/replay.py" knocks recorded 11.0.0.1 $sends "$key") || fail "knocks: $whole"
	added() { [ $(($(all) - before)) = "$whole" ]; }
	await 10 "$whole knocks to be counted (there are $(($(all) - before)))" added
	stop probe || fail "$1: $(tail -n 1 probe.log)"
	same "$1: of $sends, $whole of a knock's length, none opened" "$opened" "$(count opened)"
	say "    the port was $expected $(tail -n 1 probe.log); $(counts | tr '\n' ' ')"
	: >probe.log
}
replayed "while a token is out and the tunnel is up"
stop hub || fail "the hub ended with status $?"
run_hub
check "the tunnel is usable after the hub's restart" usable
replayed "after a restart"
stop node || fail "the node ended with status $?"
kill -9 "$(pid_of hub)"; wait "$(pid_of hub)"
run_hub
replayed "after it was killed, and nobody is connected"

# ---- a recorded connection

again() { at "$1" python3 "$e2e/replay.py" first recorded 11.0.0.1 "$2"; }
check "message 1 again, by the stranger: $expected, as garbage" again net $expected
# The neighbour is let in while the port is open to the node's address, which is his, too. There he gets what garbage gets.
at nat nft add table ip cut
at nat nft add chain ip cut forward '{ type filter hook forward priority 0; }'
at nat nft add rule ip cut forward 'ip saddr 192.168.7.10 tcp dport 9000 drop'
run_node
open_now() { again lan "accepted, and silent" >again.log 2>&1; }
await 20 "the port to be open for the neighbour" open_now
same "garbage gets it, and both recordings" 3 "$(grep -c ': accepted, and silent' again.log)"
check "but not the stranger, meanwhile" again net $expected
at nat nft delete table ip cut
check "the tunnel is usable" usable
check "and with it the window is over for the neighbour" again lan $expected
well_ended
