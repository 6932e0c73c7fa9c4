#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What an exit is used for is limited: connections, speed, bytes in a month; by the verb and by hand; it outlives restarts.
. "$(dirname "$0")/lab.sh"
lab_start paired
spawn who net python3 "$e2e/choose.py" serve 7000
await 10 "the server that says who asks" grep -q ready who.log
noise 2000000 >www.www/file
device() { hub devices --json | json - "d['devices'][0]['$1']"; }
refused() { [ "$(tool choose reply '' 11.0.9.9 7000)" = 1 ]; }
works() { [ "$(via_socks http://11.0.9.9:7000/ 2>/dev/null)" = 11.0.1.1 ]; }

same "no limits" 0 "$(hub devices --json | json - "[d['devices'][0][k] for k in ('streams_limit', 'up_limit_bps', 'down_limit_bps', 'month_limit_bytes')].count(None) - 4")"

# ---- connections

hub limit node --streams 2 >limit.log || fail "limit"
check "it is shown" grep -q 'Streams at once: *2' limit.log
for i in 1 2; do
	spawn held$i hub python3 "$e2e/choose.py" hold '' 11.0.9.9 7000
	await 10 "connection $i" grep -q open held$i.log
done
check "a third one is refused" refused
tool ask why 11.0.9.9 7000 >why.log
check "... and told why" grep -q "limit reached: 2 connections through exit node" why.log
same "HTTP" 503 "$(tool ask http 11.0.9.9 7000)"
same "status" limit-reached "$(hub status --json | json - 'd["alerts"][0]["code"]')"
hub limit node --streams 1 >/dev/null || fail "limit --streams 1"
same "of one" "tunnel: limit reached: 1 connection through exit node" "$(hub status --json | json - 'd["alerts"][0]["text"]')"
hub limit node --streams 2 >/dev/null || fail "limit --streams 2"
same "metrics" 2 "$(hub metrics | sed -n 's/^restunnel_limit_streams{.*exit="node".*} //p')"
stop held1
await 5 "room for one more" works
stop held2
hub limit node --streams none >/dev/null || fail "limit --streams none"
same "none" "" "$(device streams_limit)"

# ---- speed: 2 MB at 8 Mbit/s take two seconds, less what may come at once

timed() { at hub curl -sS -o /dev/null -m 60 --noproxy '' -x socks5h://127.0.0.1:1080 -w '%{time_total}' "$@"; }
within() { awk -v t="$1" -v from="$2" -v to="$(($3 * patience))" 'BEGIN { exit !(t >= from && t <= to) }'; }
hub limit node --down 8Mbit --up 4Mbit >/dev/null || fail "limit --down"
t=$(timed http://11.0.9.9/file)
check "down, in $t s" within "$t" 1.7 10
t=$(timed -T www.www/file http://11.0.9.9/up)
check "up, in $t s" within "$t" 3.5 15
same "shown in bits" "8000000 4000000" "$(device down_limit_bps) $(device up_limit_bps)"
hub limit node --down none --up none >/dev/null || fail "limit none"
fast() { within "$(timed http://11.0.9.9/file)" 0 1; }
await 20 "full speed, without a limit" fast

# ---- bytes in a month

used=$(device month_bytes)
check "they are counted: $used" [ "$used" -gt 6000000 ]
hub limit node --monthly "$((used / 1048576 + 1))MiB" >/dev/null || fail "limit --monthly"
via_socks http://11.0.9.9/file >part 2>/dev/null && fail "all of it came"
check "what was open ended" [ "$(wc -c <part)" -lt 2000000 ]
check "nothing new is taken" refused
same "status" limit-reached "$(hub status --json | json - 'd["alerts"][0]["code"]')"
check "the tunnel is up" online node
stop hub || fail "the hub ended with status $?"
same "usage.yaml is its owner's" 600 "$(stat -c %a hub/usage.yaml)"
run_hub
await $((20 * patience)) "the exit to be back" online node
check "after a restart, too" refused
check "as much as before" [ "$(device month_bytes)" -ge "$used" ]

# ---- by hand, and wrong ones

sed -i 's/monthly: .*/streams: 1/' hub/devices.yaml
await 10 "the edit to count" works
same "read from devices.yaml" 1 "$(device streams_limit)"
cp hub/devices.yaml before
for wrong in "--down 5" "--down 1kbit" "--streams 0" "--monthly 5" "--up 1Tbit"; do
	not hub limit node $wrong >wrong.log 2>&1 || fail "limit $wrong was taken"
	check "refused: $wrong" [ -s wrong.log ]
done
check "nothing has changed" cmp hub/devices.yaml before
hub limit node --streams none >/dev/null || fail "limit none"
check "no trace of it" not grep -q streams hub/devices.yaml
well_ended
