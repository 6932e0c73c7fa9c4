#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Rules before the tunnel: by domain, address, port, frontend and time; an exit of their own; reloaded. And an exit that is strict.
. "$(dirname "$0")/lab.sh"
frontends_to=rules
# rules LINE...: the hub's configuration with these
rules() {
	hub_modules="  - module: frontend_socks5
    name: other
    listen: 127.0.0.1:1082
    to: rules
  - module: rules
    to: tunnel
    rules: ["
	for line in "$@"; do
		hub_modules="$hub_modules
      {$line},"
	done
	hub_modules="$hub_modules
    ]"
	hub_conf
}
rules
lab_start
echo 'only.lab-internet.com 11.0.9.9' >>zone
hub_conf
run_hub
pair_node home
second_exit
spawn who net python3 "$e2e/choose.py" serve 7000
await 10 "the server that says who asks" grep -q ready who.log
reply() { tool choose reply "$@"; }
from() { at hub curl -sS -m $((20 * patience)) -x "socks5h://${3:+$3:x@}127.0.0.1:$1" "http://$2:7000/" 2>/dev/null || echo "failed $?"; }
reload() { hub reload >reload.log 2>&1; }

same "no rule: allowed" 0 "$(reply '' 11.0.9.9 7000)"

# ---- allow, deny

rules 'domains: lab-internet.com, ports: "80-90", action: deny' \
	'addresses: [11.0.9.0/24, "2600:11:9::/48"], ports: ["7001", "80"], action: deny' \
	'frontends: [other], domains: [www.lab-internet.com], action: allow' \
	'frontends: [other], action: deny'
reload || fail "reload: $(cat reload.log)"
same "a name, by its domain and port" 2 "$(reply '' four.lab-internet.com 80)"
same "by HTTP" 403 "$(tool ask http four.lab-internet.com 80)"
same "which says why" "a rule of this hub denies it" "$(tool ask why four.lab-internet.com 80 | grep -o 'a rule of this hub denies it')"
same "another port" 0 "$(reply '' four.lab-internet.com 7000)"
same "the address behind it is another matter" 0 "$(reply '' 11.0.9.9 7000)"
same "an address, by its prefix" 2 "$(reply '' 11.0.9.9 80)"
same "IPv6" 2 "$(reply '' 2600:11:9::9 80)"
same "a name that stands for it is not" 4 "$(reply '' nothing.lab-internet.com 7001)"
same "a frontend: the first rule counts" 0 "$(reply '' www.lab-internet.com 7000 1082)"
same "a frontend" 2 "$(reply '' four.lab-internet.com 7000 1082)"
check "it is counted" [ "$(hub metrics | sed -n 's/^restunnel_rules_total{.*action="deny".*} //p')" -ge 6 ]

# ---- route

rules 'domains: [only.lab-internet.com], action: route, exit: away' 'ports: "7000", action: route, exit: tag-lab'
hub tag home lab >/dev/null || fail "tag"
reload || fail "reload: $(cat reload.log)"
for _ in 1 2 3; do
	same "by a rule" 11.0.2.1 "$(from 1080 only.lab-internet.com)"
	same "by a tag" 11.0.1.1 "$(from 1080 four.lab-internet.com)"
done
same "a username is stronger" 11.0.1.1 "$(from 1080 only.lab-internet.com home)"
same "a session goes with it" 11.0.2.1 "$(from 1080 only.lab-internet.com session-1)"
stop away
away_gone() { not online away; }
await 10 "the hub to know" away_gone
same "the rule's exit is away: nothing leaves from another" 3 "$(reply '' only.lab-internet.com 7000)"

# ---- time: what is now, and what is not

now=$(date +%H:%M) day=$(date +%a | tr A-Z a-z)
rules "times: \"$day\", ports: \"7000\", action: deny"
reload || fail "reload: $(cat reload.log)"
[ "$(date +%a | tr A-Z a-z)" != "$day" ] || same "today" 2 "$(reply '' 11.0.9.9 7000)"
rules "times: [\"$(date -d '2 days' +%a | tr A-Z a-z)\"], action: deny"
reload || fail "reload: $(cat reload.log)"
same "the day after tomorrow" 0 "$(reply '' 11.0.9.9 7000)"

# ---- mistakes: each at its place, and nothing changes

# mistakes ROW...: what \`check\` says, of the first rule's line (0) and of those after it
mistakes() {
	not hub check >check.log 2>&1 || fail "check took it"
	mistakes_line=$(grep -n '^    rules: \[' hub.yaml | cut -d: -f1)
	for row in "$@"; do
		# shellcheck disable=SC2254
		case $(cat check.log) in *hub.yaml:$((mistakes_line + 1 + ${row%%:*})):*error:\ *${row#*:}*) say "ok: $row" ;; *) cat check.log; fail "not said: $row" ;; esac
	done
}
rules 'domains: ["*.x.org"], action: deny' 'ports: ["80", "99999"], action: deny' 'times: "9-17", action: deny'
mistakes '0:"\*.x.org" is not a domain' '1:"99999" is not a port' '2:"9-17" is not a time'
rules 'action: maybe' 'action: route' 'exit: home, action: deny' 'acton: deny' 'domain: x.org, action: deny' 'action: [deny]'
mistakes '0:action: "maybe"' '1:"exit" is missing' '2:"exit" is only for action: route' '3:did you mean "action"' '4:did you mean "domains"' '5:action: expected'
not reload || fail "reload took it"
same "the old rules go on" 0 "$(reply '' 11.0.9.9 7000)"
same "the documentation has the keys" 2 "$(hub modules rules | grep -cE 'rules\[\]\.(domains|times)')"
rules
reload || fail "reload: $(cat reload.log)"

# ---- strict: the exit's own list; refusals are an address's, a name's or a port's

stop home
filter_more='    strict: true
    allow:
      - {domains: [four.lab-internet.com], ports: "7000"}
      - {addresses: [11.0.9.9/32, 192.168.7.0/24], ports: ["80", "7000-7010"]}
      - {addresses: [2600:11:9::9/128]}'
node_conf home
run_node home
await $((15 * patience)) "home to be back" online home
for row in 0=four.lab-internet.com:7000 2=four.lab-internet.com:80 2=only.lab-internet.com:7000 0=11.0.9.9:80 5=11.0.9.9:7001 2=11.0.9.9:443 \
	0=2600:11:9::9:7000 2=11.0.9.53:80 2=192.168.7.20:80; do
	where=${row#*=}
	same "strict: $where" "${row%%=*}" "$(reply home "${where%:*}" "${where##*:}")"
done
for why in name address port; do
	check "counted: $why" [ "$(hub metrics | sed -n "s/^restunnel_refusals_total{.*exit=\"home\",rule=\"$why\".*} //p")" -ge 1 ]
done
sed -i 's/ports: "7000"/ports: "80"/' home.yaml
rt node home reload >/dev/null || fail "reload of the node"
same "reloaded" "0 2" "$(reply home four.lab-internet.com 80) $(reply home four.lab-internet.com 7000)"
sed -i 's/, ports: "80"//; s/domains: .four.*}/domains: []}/' home.yaml
not rt node home check >check.log 2>&1 || fail "check took an empty list"
check "an empty list is refused" grep -q 'domains: the list is empty' check.log
sed -i 's/domains: \[\]//' home.yaml
not rt node home check >check.log 2>&1 || fail "check took an entry that allows everything"
check "an entry that names nothing is refused" grep -q 'would allow everything' check.log
sed -i '/strict: true/d' home.yaml
not rt node home check >check.log 2>&1 || fail "check took allow without strict"
check "so is a list without strict" grep -q '"allow" is only for strict: true' check.log

stop home && stop hub || fail "something did not end well"
say "$test_name: passed"
