#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Which exit a connection leaves from: by username, by entry, by strategy; sessions; what happens when the exit dies, or can't
# take it. Two exits: home (the servers see 11.0.1.1) and away (11.0.2.1, without IPv6).
. "$(dirname "$0")/lab.sh"
hub_modules='  - {module: frontend_socks5, name: fixed, listen: 127.0.0.1:1082, exit: home, to: tunnel}
  - {module: frontend_socks5, name: sticky, listen: 127.0.0.1:1083, strategy: sticky, to: tunnel}
  - {module: frontend_socks5, name: turns, listen: 127.0.0.1:1084, strategy: round-robin, to: tunnel}
  - {module: frontend_socks5, name: dice, listen: 127.0.0.1:1085, strategy: random, to: tunnel}'
lab_start
hub_conf
run_hub
pair_node home
second_exit
hub tag home lab wide >/dev/null && hub tag away lab >/dev/null || fail "tag"

spawn who net python3 "$e2e/choose.py" serve 7000
await 10 "the server that says who asks" grep -q ready who.log
# from PORT [USER [HOST]]: from where the server was asked, or curl's status
from() { at hub curl -sS -m $((20 * patience)) -x "socks5h://${2:+$2:x@}127.0.0.1:$1" "http://${3:-11.0.9.9}:7000/" 2>/dev/null || echo "failed $?"; }
# repeat N CMD...: each line of output once, sorted, in one line
repeat() {
	repeat_n=$1
	shift
	for _ in $(seq "$repeat_n"); do "$@"; done | sort | uniq -c | awk '{ printf "%s%s*%s", (NR > 1 ? " " : ""), $1, $2 }'
}
both() { case $1 in *11.0.1.1*11.0.2.1*) [ "$2" -ge 1 ] ;; *) return 1 ;; esac; }

# ---- by username, by entry

for row in home=11.0.1.1 exit-away=11.0.2.1 tag-wide=11.0.1.1 away-session-1=11.0.2.1; do
	same "username ${row%=*}" "${row#*=}" "$(from 1080 "${row%=*}")"
done
same "the entry's exit" 3*11.0.1.1 "$(repeat 3 from 1082)"
same "the username is stronger" 11.0.2.1 "$(from 1082 away)"
check "any, too" both "$(repeat 8 from 1084 any)" 1
for user in nobody tag-x exit home-x-any; do same "refused: $user" 1 "$(tool choose reply "$user" 11.0.9.9 7000)"; done

# ---- several exits, and nobody chooses: `check` warns, and its exit status is 0

hub check --json >check.json || fail "check: $(cat check.json)"
same "check warns for the entries that leave it open" "exit-chosen exit-chosen 0" "$(json check.json '" ".join(x["code"] for x in d["warnings"]) + " " + str(len(d["errors"]))')"
check "at their lines" [ "$(sed -n "$(json check.json 'd["warnings"][0]["line"]')p" hub.yaml | grep -c frontend_)" = 1 ]
not hub check --strict 2>/dev/null || fail "check --strict"
hub default home >/dev/null && hub check 2>check.log || fail "check"
same "none with a default exit" "" "$(cat check.log)"
hub default any >/dev/null || fail "default any"

# ---- by default: only for who asks for none, and not while it is away

hub default nobody >default.log 2>&1 && fail "an unknown exit became the default"
check "unknown: not taken" grep -q "there is no device called nobody" default.log
for row in tag-wide=11.0.1.1 away=11.0.2.1; do
	hub default "${row%=*}" >/dev/null || fail "default"
	same "default ${row%=*}" "4*${row#*=}" "$(repeat 4 from 1084)"
done
same "also with a session" 11.0.2.1 "$(from 1080 session-9)"
same "the username is stronger" 11.0.1.1 "$(from 1080 home)"
same "the entry's exit is stronger" 11.0.1.1 "$(from 1082)"
check "any, too" both "$(repeat 8 from 1084 any)" 1
same "devices" "away False True" "$(hub devices --json | json - 'd["default"] + " " + " ".join(str(x["default"]) for x in sorted(d["devices"], key=lambda x: x["name"] != "home"))')"
says() { hub status --json | grep -q "$1"; }
check "status" says "2 of 2 exits online, the default is away (11.0.2.1)"
hub default any >/dev/null || fail "default any"
check "any again" both "$(repeat 8 from 1084)" 1

# ---- strategies

case $(repeat 8 from 1080) in 8*) say "ok: best" ;; *) fail "best: $(repeat 8 from 1080)" ;; esac
same "round-robin" "5*11.0.1.1 5*11.0.2.1" "$(repeat 10 from 1084)"
check "random" both "$(repeat 30 from 1085)" 1
case $(repeat 10 from 1083) in 10*) say "ok: sticky" ;; *) fail "sticky: $(repeat 10 from 1083)" ;; esac
case $(repeat 10 from 1080 session-42) in 10*) say "ok: a session" ;; *) fail "a session" ;; esac
same "a session by round-robin" "$(from 1080 any-session-7)" "$(from 1084 any-session-7)"
same "with a tag" 4*11.0.1.1 "$(repeat 4 from 1084 tag-wide-session-7)"

# ---- another try: away has no IPv6, and is asked every other time

same "an exit that can't is passed over" 6*2600:11:7::10 "$(repeat 6 from 1084 any '[2600:11:9::9]')"
same "but not if it was asked for" 4 "$(tool choose reply away 2600:11:9::9 7000)"
tried() { hub metrics | sed -n "s/^restunnel_streams_total{.*exit=\"$1\",result=\"$2\".*} //p"; }
check "both were asked" [ "$(tried away unreachable)" -ge 2 ]
same "refused by the target: no other is asked" 5 "$(tool choose reply any 11.0.9.9 81)"
same "... once" 1 "$( (tried home refused; tried away refused) | paste -sd+)"

# ---- the exit of a session dies

where() { case $1 in 11.0.1.1) echo home ;; *) echo away ;; esac; }
first=$(from 1080 session-42)
carrier=$(where "$first")
spawn held hub python3 "$e2e/choose.py" hold session-42 11.0.9.9 7000
await 10 "a connection of the session" grep -q open held.log
killed=$(date +%s)
kill -9 "$(pid_of "$carrier")"
wait "$(pid_of "$carrier")"
await $((15 * patience)) "the connection to break" grep -qE "broken|ended" held.log
say "ok: its connection broke"
await $((15 * patience)) "the hub to know" not online "$carrier"
seen=$(hub devices --json | json - "[x['last_seen'] for x in d['devices'] if x['name'] == '$carrier'][0]")
check "it was last seen when its tunnel ended" [ "$(date -d "$seen" +%s)" -ge "$killed" ]
second=$(from 1080 session-42)
case $second in "$first" | failed*) fail "the session went on at $second" ;; esac
say "ok: the next one is at $(where "$second")"
check "the log says so" grep -q "a session goes on at exit $(where "$second"); it was at $carrier" hub.log
same "an exit by name stays away" 3 "$(tool choose reply "$carrier" 11.0.9.9 7000)"
same "with a session, too" 3 "$(tool choose reply "$carrier-session-1" 11.0.9.9 7000)"
[ "$carrier" = away ] || same "by the entry, too" 3 "$(tool choose reply '' 11.0.9.9 7000 1082)"
hub default "$carrier" >/dev/null || fail "default"
same "by default, too" 3 "$(tool choose reply '' 11.0.9.9 7000)"
same "by default, with a session" 3 "$(tool choose reply session-42 11.0.9.9 7000)"
check "and who asks for any is served" [ "$(from 1084 any)" = "$second" ]
check "status tells" says '"default-away"'
hub default any >/dev/null || fail "default any"
same "everything else uses the other one" "4*$second" "$(repeat 4 from 1085)"
if [ "$carrier" = home ]; then run_node home; else run_away; fi
await $((15 * patience)) "it to be back" online "$carrier"
same "the session stays where it is" "4*$second" "$(repeat 4 from 1080 session-42)"

# ---- kept HTTP connections: a name is another device's now

hub rename home other >/dev/null && hub rename away home >/dev/null || fail "rename"
same "home is the other one" 11.0.2.1 "$(from 1080 home)"
tool choose kept home 11.0.9.9:7000 renamed.go >renamed.log 2>&1 &
renaming=$!
await 10 "the first answer" grep -q 11.0.2.1 renamed.log
hub rename home away >/dev/null && hub rename other home >/dev/null || fail "rename back"
: >renamed.go
wait $renaming || fail "$(cat renamed.log)"
same "a kept connection, before and after" "11.0.2.1 11.0.1.1" "$(tr '\n' ' ' <renamed.log | sed 's/ $//')"

# by default, too: the exit that it had is not the default now
tool choose kept session-5 11.0.9.9:7000 default.go >default.log 2>&1 &
keeping=$!
await 10 "the first answer" grep -q "^11\." default.log
if grep -q "^11.0.1.1" default.log; then other=away moved="11.0.1.1 11.0.2.1"; else other=home moved="11.0.2.1 11.0.1.1"; fi
hub default $other >/dev/null || fail "default"
: >default.go
wait $keeping || fail "$(cat default.log)"
same "a kept connection, before and after another default" "$moved" "$(tr '\n' ' ' <default.log | sed 's/ $//')"
hub default any >/dev/null || fail "default any"

# ---- a reload

sed -i 's/strategy: sticky/strategy: round-robin/; s/name: tunnel/&\n    session-ttl: 1s/' hub.yaml
hub reload >/dev/null || fail "reload"
same "another strategy" "2*11.0.1.1 2*11.0.2.1" "$(repeat 4 from 1083)"
a=$(from 1084 any-session-t)
sleep 1.2
same "after its time the session chooses anew" "1" "$([ "$a" != "$(from 1084 any-session-t)" ] && echo 1)"

# ---- the default exit: renamed, kept, revoked

hub default home >/dev/null && hub rename home house >/dev/null || fail "default, rename"
stop hub
run_hub
await $((30 * patience)) "the exits to be back" online away
same "it goes along with the name, and outlives the hub" '"house"' "$(hub devices --json | json - '__import__("json").dumps(d["default"])')"
hub revoke house --json >revoke.json || fail "revoke"
same "revoke: sentence" "revoked house; no connection went through it" "$(json revoke.json 'd["sentence"]')"
same "a default that is revoked: nothing leaves" 3 "$(tool choose reply '' 11.0.9.9 7000)"
same "but by name" 11.0.2.1 "$(from 1080 away)"
check "status tells" says '"default-unknown"'
hub tag away rare >/dev/null && hub default tag-rare >/dev/null && hub tag away >/dev/null || fail "default tag-rare"
check "a tag that nobody has" says "the default, tag-rare, belongs to no device: what names no exit fails"

stop home && stop away && stop hub || fail "something did not end well"
say "$test_name: passed"
