#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The life of a device: a token works once and dies with the hub; rename, devices, hubs, forget; revoke ends what is
# running at once and leaves only silence; so does deleting the device from devices.yaml.
# (That a token dies after 15 minutes is a unit test: it needs another clock.)
. "$(dirname "$0")/lab.sh"
hub_more='    conceal: none'
lab_start
hub_conf
run_hub
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the server" grep -q ready server.log

# try_enroll NAME URL: with a data directory of its own
try_enroll() {
	node_conf "$1"
	mkdir -p -m 700 "$lab/$1"
	rt node "$1" enroll "$2" >"$lab/enroll.$1" 2>&1
}
names() { hub devices --json | json - '" ".join(sorted(x["name"] for x in d["devices"]))'; }

# ---- tokens
hub pair --json --name home >pair.json || fail "pair"
url=$(json pair.json 'd["url"]')
same "pair: schema" 1 "$(json pair.json 'd["schema"]')"
same "pair: name" home "$(json pair.json 'd["name"]')"
same "the URL's form" true "$(json pair.json '__import__("re").fullmatch(r"noise://[A-Za-z0-9_-]{43}@11\.0\.0\.1:9000\?token=[A-Za-z0-9_-]{43}", d["url"]) is not None')"
check "the command is single-quoted" grep -q "'$url'" pair.json
same "it expires in 15 minutes" true "$(json pair.json '890 < (__import__("datetime").datetime.fromisoformat(d["expires_at"].replace("Z", "+00:00")).timestamp() - __import__("time").time()) <= 901')"
not grep -q "${url##*=}" hub.log || fail "the token is in the hub's log"

check "a token works" try_enroll node "$url"
check "and again for the same device" try_enroll node "$url"
other=$(new_url)
wrong=${other%=*}=$(head -c 32 /dev/urandom | base64 | tr +/ -_ | tr -d =)
# each of these waits a while for an answer that does not come: so at the same time
(try_enroll second "$url") &
second=$!
(try_enroll third "$wrong") &
third=$!
wait $second && fail "a token worked for a second device"
say "ok: another device is refused with the same token: $(head -n 1 enroll.second)"
wait $third && fail "a wrong token worked"
say "ok: a wrong token is refused: $(head -n 1 enroll.third)"
same "devices" home "$(names)"

stop hub
run_hub
not try_enroll second "$other" || fail "a token outlived the hub"
say "ok: a token does not outlive the hub"

# links that nobody has used: listed, without what is in them, and withdrawn
links() { hub pairings --json | json - '" ".join(str(x["name"]) for x in d["pairings"])'; }
same "none is open" "" "$(links)"
url=$(new_url --name one)
other=$(new_url)
hub pair --json --name two >pair.json || fail "pair"
hub pairings --json >pairings.json || fail "pairings"
same "three are" "one None two" "$(links)"
not grep -qE "noise:|$(json pair.json 'd["url"]' | sed 's/.*=//')" pairings.json || fail "pairings tells the token"
same "one by its pairing" "$(json pair.json 'd["pairing"] + " " + d["expires_at"]')" "$(json pairings.json '" ".join(d["pairings"][2][k] for k in ("pairing", "expires_at"))')"
hub help --words withdraw >words.withdraw && hub help --words revoke >words.revoke || fail "help --words"
check "completion: withdraw is about pairings" grep -qx "$(json pair.json 'd["pairing"]')" words.withdraw
check "and not about devices" not grep -qx "$(hub devices --json | json - 'd["devices"][0]["name"]')" words.withdraw
check "and revoke about devices, not about links" not grep -qx one words.revoke
hub help --words >words.hub && node help --words >words.node || fail "help --words"
check "completion: the verbs of a hub" grep -qx revoke words.hub
check "and none of a node" not grep -qx enroll words.hub
check "a node's" grep -qx enroll words.node
check "and none of a hub" not grep -qxE "revoke|passwd" words.node
node help >help.node || fail "help"
check "nor in the list of them" not grep -q revoke help.node
check "but its own" grep -q '^  enroll' help.node
node pair >pair.node 2>&1 && fail "a node made a link"
check "a hub's verb on a node, which does not run: says why" grep -q "nothing in .*node.yaml has the verb pair" pair.node
check "withdraw, by name" hub withdraw one
check "by pairing" hub withdraw "$(json pair.json 'd["pairing"]')"
same "one is left" "None" "$(links)"
hub withdraw one >withdraw.log 2>&1 && fail "it was withdrawn twice"
check "there is none by that name any more" grep -q "no open pairing link is called one" withdraw.log
spawn waits hub python3 "$e2e/terminal.py" $RESTUNNEL pair -c "$lab/hub.yaml" --name waits
there() { case " $(links) " in *" waits "*) ;; *) return 1 ;; esac; }
await $((10 * patience)) "a link that somebody waits for on a terminal" there
check "withdraw it" hub withdraw waits
wait "$(pid_of waits)"
same "who waits fails" 1 $?
check "and is told" grep -q "The link was withdrawn: make a new one" waits.log
try_enroll second "$other" || fail "the link that was left"
hub revoke "$(hub devices --json | json - '[x["name"] for x in d["devices"] if x["name"] != "home"][0]')" >/dev/null || fail "revoke"
(try_enroll third "$url") &
third=$!
for i in 1 2 3 4 5 6 7 8; do hub pair --json >pair.json || fail "pair $i"; done
hub pair --json >pair.log 2>&1 && fail "a ninth link"
check "eight are open: the remedy" grep -q "restunnel withdraw" pair.log
check "withdraw all" hub withdraw all
same "none is open now" "" "$(links)"
wait $third && fail "a link that was withdrawn worked"
say "ok: one that was withdrawn gets silence: $(head -n 1 enroll.third)"

# enrolling from standard input, with a name of its own; a taken one gets -2
url=$(new_url)
node_conf second
(echo "$url" | rt node second enroll --name home) >enroll.second 2>&1 || fail "enroll from standard input: $(cat enroll.second)"
same "a taken name" "home home-2" "$(names)"
check "revoke" hub revoke home-2
same "devices after it" home "$(names)"

# ---- who is who
run_node
check "the tunnel is usable" usable
check "rename" hub rename home living-room
same "devices: the new name" living-room "$(names)"
same "and it is online" true "$(online living-room && echo true)"
for field in public_key fingerprint tags online enrolled_at last_seen address exit_address rtt_ms streams bytes_in bytes_out version disconnect_reason; do
	json "$(hub devices --json >devices.json; echo devices.json)" "d['devices'][0]['$field']" >/dev/null || fail "devices has no $field"
done
same "devices: the address it came from" 11.0.1.1 "$(json devices.json 'd["devices"][0]["address"].rsplit(":", 1)[0]')"
hub devices >devices.txt
check "devices, for people" grep -q living-room devices.txt
same "hubs" "true 11.0.0.1:9000" "$(node hubs --json | json - 'str(d["hubs"][0]["online"]).lower() + " " + d["hubs"][0]["address"]')"
same "hubs: the address that the hub sees" 11.0.1.1 "$(node hubs --json | json - 'd["hubs"][0]["observed_address"].rsplit(":", 1)[0]')"

# ---- revoke
download() { spawn download hub curl -sS -m 60 -x socks5h://127.0.0.1:1080 -o /dev/null "http://11.0.9.9:19/" --http0.9; }
downloading() { [ "$(hub devices --json | json - 'd["devices"][0]["bytes_in"]')" -gt 1000000 ]; }
download
await 10 "a download to run" downloading
before=$(date +%s%N)
hub revoke living-room --json >revoke.json || fail "revoke"
while alive download; do [ $(($(date +%s%N) - before)) -lt 5000000000 ] || fail "the download survived"; sleep 0.02; done
ms=$((($(date +%s%N) - before) / 1000000))
[ $ms -lt $((1000 * patience)) ] || fail "the download lived on for $ms ms"
say "ok: it was over $ms ms after revoke began"
same "which said so" "revoked living-room; 1 connection through it ended" "$(json revoke.json 'd["sentence"]')"
same "devices" "" "$(names)"
same "no exit, no traffic" 3 "$(tool ask socks 11.0.9.9 80)"
not_online() { [ "$(node hubs --json | json - 'd["hubs"][0]["online"]')" = false ]; }
await 20 "the node to notice" not_online
back() { [ "$(hub status --json | json - 'd["state"]')" = ok ]; }
never 4 "a revoked device gets in again" back
check "a connection gets only silence" tool silence 11.0.0.1 9000 3
stop node

# ---- deleting the line is the same
pair_node node
same "a revoked device may be enrolled anew" 1 "$(hub devices --json | json - 'len(d["devices"])')"
download
await 10 "a download to run" downloading
: >hub/devices.yaml
never 1 "an empty devices.yaml ends the download" not alive download
echo 'devices: []' >hub/devices.yaml
ended() { not alive download; }
await 5 "the download to end after the entry was deleted" ended
say "ok: deleting the entry ended the download"
same "no exit" 3 "$(tool ask socks 11.0.9.9 80)"
never 3 "a deleted device gets in again" back

# ---- forget
address=$(node hubs --json | json - 'd["hubs"][0]["name"]')
check "forget" node forget "$address"
same "hubs" 0 "$(node hubs --json | json - 'len(d["hubs"])')"
well_ended
