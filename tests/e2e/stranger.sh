#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# doc/protocol.md is enough: a node in another language, which shares no code with this one, is paired, makes a tunnel, joins it
# with further connections, changes its keys and serves streams; what a hub must not answer is not answered.
. "$(dirname "$0")/lab.sh"
hub_modules="
  - {module: frontend_socks5, name: early, listen: 127.0.0.1:1082, to: tunnel, optimistic: true}"
lab_start
hub_conf
run_hub
url=$(new_url) && [ -n "$url" ] || fail "pair gave no URL"
spawn stranger node python3 "$e2e/stranger.py" "$url"
known() { alive stranger || fail "the stranger has ended: $(tail -n 2 stranger.log)"; grep -q ready stranger.log; }
await 40 "the stranger to serve" known
same "its name" a-stranger "$(hub devices --json | json - 'd["devices"][0]["name"]')"
check "it is online" online a-stranger
same "a page through it" stranger "$(via_socks http://www.lab-internet.com/)"
same "refused" 5 "$(tool ask socks 11.0.9.9 81)"
same "what it says of itself" '[64, "battery", null, null]' \
	"$(hub devices --json | json - '[d["devices"][0][k] for k in ("battery_percent", "power", "network", "started_at")]')"
# one round trip: the request goes behind the CONNECT, to a node that answers neither before it has both
same "optimistic: the request comes before the answer" stranger "$(via_socks -x socks5h://127.0.0.1:1082 http://www.lab-internet.com:82/)"
check "else it waits for the answer" not via_socks -m 2 http://www.lab-internet.com:82/ 2>/dev/null
same "optimistic, refused" reset "$(tool ask late 11.0.9.9 81)"
same "datagrams, cut anywhere" "0 11.0.9.9 7
600 11.0.9.9 7
1500 2600:11:9::9 7" "$(tool datagrams echo 11.0.9.9 7 0 600; tool datagrams echo 2600:11:9::9 7 1500)"
for what in "refused: before any knock" "refused: after the enrolment" "refused: while the tunnel is up" "observed: 11.0.1.1" \
	"silence: a recording of message 1" "silence: a flipped bit" "silence: without its attempt" "shut: in time" "refused: an old counter" \
	"joined, by a knock in a SYN" "silence: an index twice" "ended: an unknown frame" "ended: a stream that was never opened"; do
	check "$what" grep -q "$what" stranger.log
done
stop hub || fail "the hub ended with status $?"
gone() { not alive stranger; }
await 10 "the stranger to notice" gone
check "it was told why" grep -q "close, reason 6" stranger.log
say "stranger: passed"
