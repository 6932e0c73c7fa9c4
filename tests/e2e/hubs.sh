#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A node with two hubs: one dies, the other notices nothing. A frozen node's place is taken at once by another process with its key.
# SIGTERM with streams under way, at either end: no new ones, the old ones go on; again, and it is over.
. "$(dirname "$0")/lab.sh"
place hub2
lab_start paired
link net tohub2 hub2 up0
address net tohub2 11.0.5.254/24
address hub2 up0 11.0.5.1/24
route hub2 default 11.0.5.254
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the echo server" grep -q ready server.log
sed "s|$lab/hub|$lab/hub2|; s|11.0.0.1|11.0.5.1|" hub.yaml >hub2.yaml
mkdir -m 700 hub2
spawn hub2 hub2 $RESTUNNEL run -c "$lab/hub2.yaml"
await 10 "the second hub" answers hub2 hub2
url=$(rt hub2 hub2 pair --json | json - 'd["url"]')
check "the node, running, enrolls with a second hub" node enroll "$url"

# ---- several hubs

hubs_are() { [ "$(node hubs --json | json - '" ".join("%s:%s" % (h["address"], h["online"]) for h in d["hubs"])')" = "$1" ]; }
works_at() { [ "$(at "$1" curl -sS -m 5 --noproxy '' -x socks5h://127.0.0.1:1080 http://11.0.9.9/ 2>/dev/null)" = "this is www" ]; }
both="11.0.0.1:9000:True 11.0.5.1:9000:True"
await 10 "hubs: both are online" hubs_are "$both"
check "traffic of the first" works_at hub
await 5 "traffic of the second" works_at hub2

# hold NAME PLACE: a stream that goes to and fro; goes_on NAME: it does
hold() {
	spawn "$1" "$2" python3 "$e2e/hold.py" 11.0.9.9 "$lab/$1.count"
	await 10 "the stream $1" [ -s "$1.count" ]
}
risen() { [ "$(cat "$1.count")" -gt "$count" ]; }
goes_on() {
	count=$(cat "$1.count")
	await 5 "the stream $1 to go on" risen "$1"
}
hold second hub2
kill -9 "$(pid_of hub)"; wait "$(pid_of hub)"
await 5 "hubs: the first is away" hubs_are "11.0.0.1:9000:False 11.0.5.1:9000:True"
goes_on second
same "why it is" true "$(node hubs --json | json - 'bool(d["hubs"][0]["last_error"]) and not d["hubs"][1]["last_error"]')"
check "traffic of the second" works_at hub2
run_hub
await 10 "hubs: both again" hubs_are "$both"
await 5 "traffic of the first" works_at hub
goes_on second
say "ok: the second hub's stream has outlived the first hub"

# ---- another process with the same key, while the hub believes that the first is well

cp -a node twin
rm -f twin/lock twin/control.sock
node_conf twin
kill -STOP "$(pid_of node)"
spawn twin lan $RESTUNNEL run -c "$lab/twin.yaml"
await 3 "traffic through the new process" works_at hub
same "the hub has one device, online" "node:true" "$(hub devices --json | json - '"".join("%s:%s" % (x["name"], str(x["online"]).lower()) for x in d["devices"])')"
check "it said so" grep -q "node is away: replaced by a new tunnel of the same device" hub.log
kill -9 "$(pid_of node)"; wait "$(pid_of node)"
mv twin.pid node.pid
gone() { not alive second; }
await 5 "the second hub's stream, which was the frozen one's, to end" gone

# ---- the end, with streams under way

hold first hub
kill "$(pid_of node)"
refused() { [ "$(tool ask socks 11.0.9.9 80)" = 3 ]; }
await 5 "a node that stops to take no new connection" refused
goes_on first
stop node || fail "the node ended with status $?"
say "ok: after a second SIGTERM it ended"
ended() { not alive first; }
await 5 "its stream to end" ended
run_node
check "the tunnel is usable again" usable

hold last hub
kill "$(pid_of hub)"
closed() { not listening hub 1080; }
await 5 "a hub that stops to take no new clients" closed
goes_on last
stop hub || fail "the hub ended with status $?"
say "ok: after a second SIGTERM it ended"
told() { grep -q "disconnected: the hub is shutting down" node.log; }
await 5 "the node to be told" told
run_hub
await 5 "traffic" works_at hub
stop hub2 || fail "the second hub ended with status $?"
well_ended
