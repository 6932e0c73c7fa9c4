#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The sandbox is closed around every product, and a module behind it gets nowhere (tests/modules/tm_escape tries). Who runs it
# as root for another user's data-dir keeps just what `prepare` may need, and only until then.
. "$(dirname "$0")/lab.sh"

# A machine with a battery, as /sys shows it: links into /sys/devices
mkdir -p bat class/power_supply class/net
if mount --bind bat /sys/devices/virtual/misc && mount --bind class /sys/class; then machine=yes; else machine=; fi
ln -s ../../devices/virtual/misc class/power_supply/BAT0
printf 'Battery\n' >bat/type
printf '64\n' >bat/capacity
printf 'Discharging\n' >bat/status
lab_start paired

# ---- the products

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$(pid_of "$1")/status"; }
confined() { # confined NAME: the kernel says so
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do same "$1: $set" 0000000000000000 "$(field "$1" $set)"; done
	same "$1: NoNewPrivs" 1 "$(field "$1" NoNewPrivs)"
	if [ -n "$seccomp" ]; then same "$1: Seccomp" 2 "$(field "$1" Seccomp)"; fi
}
sandbox() { rt "$1" "$2" status --json | json - "d['sandbox']['$3']"; }
if $RESTUNNEL --version | grep -q 'libseccomp yes'; then seccomp=on; else seccomp=; fi
landlock=$(sandbox hub hub landlock)
case $landlock in abi*) ;; *) landlock= ;; esac
say "seccomp: ${seccomp:-not built in}, Landlock: ${landlock:-not in this kernel}"

mkdir -m 700 local etc
sed "s|/var/lib/restunnel|$lab/local|" "$RESTUNNEL_SRC/conf/local.yaml" >local.yaml
spawn local node $RESTUNNEL run -c "$lab/local.yaml"
await 10 "the local proxy" listening node 1080
for p in hub node local; do confined $p; done
same "hub: status" "none" "$(sandbox hub hub capabilities)"
same "hub: needs" '["udp"]' "$(sandbox hub hub needs)"
same "node: needs" '["connect", "udp", "resolve", "machine"]' "$(sandbox node node needs)"
if [ -n "$machine" ]; then
	same "node: its battery, from behind the sandbox" '[64, "battery"]' "$(hub devices --json | json - '[d["devices"][0][k] for k in ("battery_percent", "power")]')"
fi
check "status tells people, too" sh -c "$(printf 'nsenter -t %s -n -- %s status -c %s' "$(cat place.hub)" "$RESTUNNEL" "$lab/hub.yaml") | grep -q '^sandbox: no capabilities'"
same "it works all the same" "this is www" "$(via_socks http://www.lab-internet.com/)"
stop local || fail "local.yaml: status $?"
stop hub || fail "the hub ended with status $?"
sed -i 's/^\( *\)listen: 127.0.0.1:1080/&\n\1datagrams: refuse/' hub.yaml
run_hub
same "without datagrams, a hub needs nothing" "[]" "$(sandbox hub hub needs)"

# ---- a module that tries to get out

mkdir -p conf outside allowed
echo secret >outside/file
echo fine >allowed/file
spawn web2 hub python3 -m http.server -b 127.0.0.1 8088
await 10 "somebody to connect to" listening hub 8088

# escape NEEDS TRY...: what it says is in escape.log, its end in $ended (of the shell: 159 is SIGSYS)
escape() {
	escape_needs=$1
	shift
	rm -rf escape
	mkdir -m 700 escape
	cat >conf/escape.yaml <<-E
		data-dir: $lab/escape
		modules:
		  - {module: tm_escape, try: [$(echo "$*" | tr ' ' ,)], needs: $escape_needs, port: 8088, path: $lab/outside/file, allowed-file: $lab/allowed/file}
	E
	: >escape.log
	spawn escape hub $RESTUNNEL run -c "$lab/conf/escape.yaml"
	await 20 "its end, or all its attempts" escape_done
	stop escape
	ended=$?
}
escape_done() { ! alive escape || grep -q 'has started' escape.log; }
# outcome NAME WORDS
outcome() { same "$1${escape_needs:+ (needs $escape_needs)}" "$2" "$(sed -n "s/^tried $1: //p" escape.log)"; }
denied="Permission denied" not_permitted="Operation not permitted" nowhere="Function not implemented"

escape nothing unheard-of io-uring shadow passwd read write create allowed data tcp tcp6 udp raw packet netlink unix connect host-connect bind \
	listen udp-use fastopen fastopen-later message-later datagram-later owner code code-later fork thread kill raise chmod setuid-bit statm
same "its end" 0 $ended
if [ -n "$seccomp" ]; then
	for t in tcp tcp6 udp raw packet netlink unix connect bind listen udp-use fastopen fastopen-later message-later datagram-later; do outcome $t "$denied"; done
	for t in unheard-of io-uring chmod setuid-bit; do outcome $t "$nowhere"; done
	for t in code code-later kill owner; do outcome $t "$not_permitted"; done
	[ -n "$sanitized" ] || outcome fork "$denied"
fi
if [ -n "$seccomp" ]; then check "the log says which need was not declared" grep -q 'it needs RTUN_NEED_CONNECT' escape.log; fi
for t in thread raise data; do outcome $t ok; done
if [ -n "$landlock" ]; then
	for t in shadow read write create; do outcome $t "$denied"; done
	[ -n "$sanitized" ] || outcome passwd "$denied"
fi
for t in allowed statm; do outcome $t ok; done

# what is declared is open, and nothing else
for pair in connect:connect,host-connect,tcp,tcp6,fastopen udp:udp,udp-use,datagram-later resolve:udp,passwd netlink:netlink listen:bind,listen unix:unix; do
	need=${pair%%:*}
	open=$(echo "${pair#*:}" | tr , ' ')
	escape "$need" $open raw packet shadow read
	same "needs $need: its end" 0 $ended
	not grep -q RTUN_NEED_ escape.log || fail "needs $need: the log misses a need"
	for t in $open; do outcome "$t" ok; done
	if [ -n "$seccomp" ]; then for t in raw packet; do outcome $t "$denied"; done; fi
	if [ -n "$landlock" ]; then for t in shadow read; do outcome $t "$denied"; done; fi
done

# with connect, a port of one's own is still closed by Landlock
case $landlock in
"abi "[4-9]*|"abi "[1-9][0-9]*)
	escape connect bind
	outcome bind "$denied"
	escape resolve connect
	outcome connect "$denied" ;;
esac

# what only an intruder does ends the process
if [ -n "$seccomp" ]; then
	deadly="exec exec-thread bpf mount unshare insmod"
	[ -n "$sanitized" ] || deadly="$deadly ptrace"
	for t in $deadly; do
		escape nothing $t
		same "$t ends it" 159 $ended
		outcome $t ""
	done
fi

# ---- the owner's switch

alert() { at hub $RESTUNNEL status -c "$lab/conf/escape.yaml" --json | json - '[a["code"] for a in d["alerts"]]'; }
rm -rf escape; mkdir -m 700 escape
sed -i '1a sandbox: false
	s/try: [[][^]]*], //' conf/escape.yaml
spawn escape hub $RESTUNNEL run -c "$lab/conf/escape.yaml"
off() { [ "$(alert 2>/dev/null)" = '["sandbox-off"]' ]; }
await 10 "status to tell that it is off" off
for set in CapInh CapPrm CapEff CapBnd CapAmb; do same "off: $set all the same" 0000000000000000 "$(field escape $set)"; done
same "off: Seccomp" 0 "$(field escape Seccomp)"
sed -i '/^sandbox/d' conf/escape.yaml
not at hub $RESTUNNEL reload -c "$lab/conf/escape.yaml" 2>reload.err || fail "a reload took another sandbox"
check "another sandbox needs a restart" grep -q 'another `sandbox` needs a restart' reload.err
stop escape || fail "off: status $?"

# ---- reload: no code any more

: >escape.log
spawn escape hub $RESTUNNEL run -c "$lab/conf/escape.yaml"
await 10 "it to start" grep -q 'has started' escape.log
echo '  - {module: tm_provider}' >>conf/escape.yaml
not at hub $RESTUNNEL reload -c "$lab/conf/escape.yaml" 2>reload.err || fail "a reload loaded a module"
check "a new module needs a restart" grep -q 'needs a restart: .*tm_provider.so is not loaded' reload.err
stop escape || fail "reload: status $?"

# ---- as root, for another user

if [ "$(awk '{ print $3 }' /proc/self/uid_map)" -gt 65534 ]; then
	rm -rf escape; mkdir -m 700 escape; chown 65534:65534 escape
	sed -i '/tm_provider/d' conf/escape.yaml
	same "a verb keeps nothing" '["0", 65534]' "$(at hub $RESTUNNEL rights -c "$lab/conf/escape.yaml" --json | json - '[d["capabilities"], d["user"]]')"
	: >escape.log
	spawn escape hub $RESTUNNEL run -c "$lab/conf/escape.yaml"
	await 10 "it to start" grep -q 'has started' escape.log
	check "prepare has the rights for the network" grep -q 'prepared by user 65534 with 8000003400' escape.log
	check "start has none" grep -q 'started by user 65534 with 0' escape.log
	confined escape
	same "the user" "65534	65534	65534	65534" "$(field escape Uid)"
	stop escape || fail "another user: status $?"
else
	say "without more users to choose from: another user's data-dir was not tried"
fi
well_ended
