#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The systemd units: their score, and that restunnel runs with just the rights and system calls that they give.
. "$(dirname "$0")/lab.sh"
units=$RESTUNNEL_SRC/contrib/systemd
command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 250 ] || skip "systemd $version can't judge a unit that is not installed"

# ---- the score, of 10: less is better

score() { (cd "$units" && systemd-analyze --no-pager security --offline=yes --threshold="$2" "restunnel-$1.service" >"$lab/score.$1" 2>&1); }
not score hub 1 || fail "a score of 0.1: this test finds nothing"
for unit in hub:16 node:15; do
	score ${unit%:*} ${unit#*:} || fail "$(cat score.${unit%:*})"
	say "ok: $(sed -n 's/^.*Overall/overall/p' score.${unit%:*})"
done
check "the hub's sockets are kept, a node has none" sh -c "grep -q ^FileDescriptorStoreMax= '$units/restunnel-hub.service' && ! grep ^FileDescriptorStoreMax= '$units/restunnel-node.service'"
for u in hub node; do
	systemd-analyze --no-pager verify "$units/restunnel-$u.service" >verify 2>&1
	not grep -E 'restunnel-.*(Unknown|Failed to parse|Invalid|ignoring)' verify || fail "restunnel-$u.service is not understood"
	check "restunnel-$u.service: the sandbox may be closed" grep -q '^SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp' "$units/restunnel-$u.service"
done

# ---- at work, as user 65534, behind the filter

[ "$(awk '{ print $3 }' /proc/self/uid_map)" -gt 65534 ] || { say "without more users to choose from: not run"; exit 0; }
as_unit() { # as_unit UNIT CMD...; LeakSanitizer needs a call that no unit gives
	unit=$1
	shift
	cp "$units/restunnel-$unit.service" .
	[ -z "$sanitized" ] || echo 'SystemCallFilter=ptrace' >>"restunnel-$unit.service"
	spawn "$unit" "$unit" python3 "$e2e/unit_filter.py" "$lab/restunnel-$unit.service" 65534 "$@"
}
setpriv --reuid=65534 --clear-groups test -x "$RESTUNNEL_BUILD/restunnel" -a -r "$RTUN_TEST_MODULE_DIR" ||
	{ say "user 65534 can't reach the build's directory: not run"; exit 0; }

lab_start
hub_conf
node_conf
mkdir -m 700 hub node && chown 65534:65534 hub node
as_unit hub $RESTUNNEL run -c "$lab/hub.yaml"
await 10 "the hub" answers hub hub
url=$(new_url --name node) && [ -n "$url" ] || fail "pair gave no URL"
node enroll "$url" >enroll.log 2>&1 || fail "enroll: $(cat enroll.log)"
as_unit node $RESTUNNEL run -c "$lab/node.yaml"
await 10 "the node" answers node node
check "the tunnel is usable" usable
same "SOCKS5" "this is www" "$(via_socks http://www.lab-internet.com/)"
spawn echo net python3 "$e2e/server.py" 11.0.9.9
await 10 "the echo" grep -q ready echo.log
same "datagrams" "100 11.0.9.9 7" "$(tool datagrams echo 11.0.9.9 7 100)"
stranger() { at net python3 -c "import socket; s = socket.socket(); s.settimeout(3); s.connect(('11.0.0.1', 9000))" >stranger.log 2>&1; }
not stranger || fail "the unit's rights leave the port open to strangers"
# The unit's capabilities are exactly those that a closed port takes
check "a stranger gets a RST, as from a port where nothing is" grep -q 'Connection refused' stranger.log
check "and the hub says that it is closed" grep -q 'the port hides as: closed; knocks are heard as datagrams and in SYNs' hub.log
for p in hub node; do
	same "$p: its sandbox is complete" "$(rt $p $p status --json | json - 'd["sandbox"]["state"]')" on
	same "$p: the user" 65534 "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of $p)/status")"
	for set in CapInh CapPrm CapEff CapAmb; do
		same "$p: $set" 0000000000000000 "$(sed -n "s/^$set:[[:space:]]*//p" "/proc/$(pid_of $p)/status")"
	done
done
# a kernel (here: a filter) without Landlock and seccomp: a warning, no failure
stop hub || fail "the hub ended with status $?"
grep -v '^SystemCallFilter=landlock' restunnel-hub.service >old-kernel.service
echo 'SystemCallFilter=bpf capset' >>old-kernel.service
spawn hub hub python3 "$e2e/unit_filter.py" "$lab/old-kernel.service" 65534 $RESTUNNEL run -c "$lab/hub.yaml"
await 10 "the hub" answers hub hub
same "without a kernel for it: alert" '["sandbox-partial"]' "$(hub status --json | json - '[a["code"] for a in d["alerts"] if a["code"].startswith("sandbox")]')"
same "without a kernel for it: status" 'partial unavailable unavailable' \
	"$(hub status --json | json - '" ".join(d["sandbox"][k] for k in ("state", "seccomp", "landlock"))')"
check "without a kernel for it: log" grep -q 'the sandbox is not complete: no Landlock: .*; no seccomp: ' hub.log
check "without a kernel for it: it works" usable
well_ended
