#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `restunnel doctor` of the built program: healthy, not running, and what may be wrong; a third-party module's part (greeter,
# tests/modules); the report. Uses no network: the proxy listens on a unix socket.
set -u
e2e=$(cd "$(dirname "$0")" && pwd)
: "${RESTUNNEL_SRC:=$(cd "$e2e/../.." && pwd)}" "${RESTUNNEL_BUILD:=$PWD}"
: "${RTUN_TEST_MODULE_DIR:=$RESTUNNEL_BUILD/.modules}"
program=${RESTUNNEL_PROGRAM:-$RESTUNNEL_BUILD/restunnel}
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
[ -e "$RTUN_TEST_MODULE_DIR/greeter.so" ] || { echo "failed: $RTUN_TEST_MODULE_DIR/greeter.so is missing"; exit 1; }
unset NOTIFY_SOCKET RESTUNNEL
export LC_ALL=C.UTF-8 NO_COLOR=1 PYTHONDONTWRITEBYTECODE=1
ulimit -n "$(ulimit -Hn)"

work=$(mktemp -d "${TMPDIR:-/tmp}/restunnel-dr.XXXXXX") || exit 1
daemon=
tidy() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null
	rm -rf "$work"
}
trap tidy EXIT
trap 'exit 143' INT TERM HUP
cd "$work" || exit 1
chmod 755 .

# a directory with good modules only: the others would be a finding
mkdir mods
for m in ipfilter exit_dialer frontend_socks5 greeter; do
	[ ! -e "$RTUN_TEST_MODULE_DIR/$m.so" ] || ln -s "$RTUN_TEST_MODULE_DIR/$m.so" mods/
done

failures=0
fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}
R() { "$program" --module-dir "$work/mods" -c c.yaml "$@"; }
# run STATUS ARGS...: its output goes to ./out and ./err
run() {
	wanted=$1
	shift
	R "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$wanted" ] || { fail "status $got instead of $wanted: restunnel $*"; sed 's/^/  /' out err; }
}
has() { grep -qF -- "$2" "$1" || { fail "'$2' is not in $1:"; sed 's/^/  /' "$1"; }; }
hasnt() { ! grep -qF -- "$2" "$1" || { fail "'$2' is in $1:"; sed 's/^/  /' "$1"; }; }
# ok CODE: what the last `doctor --json` said to it (the first of several); "missing"
ok() { python3 "$e2e/json_get.py" out "next((repr(c['ok']) for c in d['checks'] if c['code'] == '$1'), 'missing')"; }
# found STATUS [CODE OK]...
found() {
	run "$1" doctor --json
	shift
	while [ $# -gt 0 ]; do
		[ "$(ok "$1")" = "$2" ] || { fail "$1 is $(ok "$1") instead of $2:"; sed 's/^/  /' out; }
		shift 2
	done
}
config() { # greeting, more options
	cat >c.yaml <<-EOF
		data-dir: $work/data
		modules:
		  - module: ipfilter
		  - module: exit_dialer
		    name: internet
		    filter: ipfilter
		  - module: frontend_socks5
		    listen: unix:$work/proxy.sock
		    to: internet
		  - module: greeter
		    greeting: $1
	EOF
}
start() {
	"$program" --module-dir "$work/mods" -c c.yaml run >>daemon.log 2>&1 </dev/null &
	daemon=$!
	R status --wait=30 >/dev/null 2>&1 || { fail "the daemon did not start"; cat daemon.log; exit 1; }
}
stop() {
	kill "$daemon"
	wait "$daemon"
	daemon=
}

# ---- not running

run 1 doctor
has out "there is no c.yaml"
has out "  help: check the path after -c"
found 1 configuration False running missing

config hello
found 1 configuration True running False data-dir None clock True polite missing
[ ! -e data ] || fail "doctor made data-dir"

mkdir -m 755 data
found 1 running False data-dir False polite missing
run 1 doctor
has out "help: chmod 700"
chmod 700 data
found 1 running False data-dir True polite True
run 1 doctor
has out "no              Is restunnel running?"
has out "help: start it"
has out "if it ended by itself its log says why: journalctl -u 'restunnel*'"
[ -z "$(find data -name control.sock)" ] || fail "doctor left a socket"

config oi
found 1 polite False
printf '    volume: 12\n    wolume: 1\n' >>c.yaml
found 1 configuration False running False polite missing
run 1 doctor
has out "c.yaml:12:13: "
has out "c.yaml:13:5: "
printf 'modules: [\n' >c.yaml
found 1 configuration False

# not one word of it can be read: nobody knows which data-dir is meant
mkdir c.d && mv c.yaml c.d/ && ln -s c.d c.yaml
found 1 configuration False running missing data-dir missing
rm -r c.yaml c.d

# ---- running: the `local` product

config hello
start
found 0 running True same-program True configuration True configuration-current True data-dir True disk-space True clock True open-files True state True polite True module True
python3 "$e2e/json_get.py" out 'd["schema"], d["ok"]' | grep -qx '\[1, true\]' || fail "schema, ok"
run 0 doctor
has out "yes             greeter: Is the greeting polite? hello"
has out "Nothing wrong was found"
hasnt out "help:"

# on the daemon's own command, as a page would ask it; and there is but one verb of that name
R help --words | grep -cx doctor | grep -qx 1 || fail "completion offers doctor not once"
R help --words doctor | grep -qx -- --report || fail "completion of doctor"
R --help | grep -c '^  doctor' | grep -qx 1 || fail "help shows doctor not once"
run 0 help doctor
has out "--report"
run 2 doctor --on greeter
R modules greeter | grep -q doctor && fail "the part of greeter is shown as a verb"

config oi
found 1 configuration-current False polite True running True
run 0 reload
found 1 configuration-current True polite False
run 1 doctor
has out "! greeter: oi"
has out "  help: choose another \`greeting:\`"
config hello
printf '    volume: 6\n' >>c.yaml
run 1 reload
found 1 configuration-current False reload-failed False
printf '    volume: 6\n' >>c.yaml # a key twice
found 1 configuration False configuration-current False
config hello
run 0 reload
cp c.yaml other.yaml
"$program" --module-dir "$work/mods" -c other.yaml doctor --json >out 2>err && fail "another file than the one that runs"
[ "$(ok same-program)" = False ] || fail "same-program: $(cat out)"
chmod 711 data
found 1 data-dir False
chmod 700 data

ln -s "$RTUN_TEST_MODULE_DIR/tm_badabi.so" mods/
found 1 module False
has out tm_badabi
rm mods/tm_badabi.so

# who may not ask can't tell; that is no finding
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --clear-groups true 2>/dev/null && setpriv --reuid 65534 --clear-groups test -x "$program"; then
	setpriv --reuid 65534 --clear-groups "$program" --module-dir "$work/mods" -c c.yaml doctor --json >out 2>err || fail "another user: $(cat out err)"
	[ "$(ok running)" = None ] || fail "another user: $(cat out)"
	has out sudo
fi

# ---- the report

# what is kept about others is met in texts again: whole, without the port, with dashes; the greeting is cut, so not removed as one
cat >data/peers.yaml <<-EOF
	records:
	  - name: "far away"
	    address: "vps.Example.net:9000"
	  - name: cellar
	    host: "[2001:db8::7]:9000"
EOF
config 'vps-example-net vps.Example.net cellar 2001-db8-7 far away and so on, for longer than it shows'
run 0 reload
run 0 doctor --report peers.txt
has peers.txt "Is the greeting polite? <removed> <removed> <removed> <removed> <removed> and"
for part in xample cellar 2001 "far away"; do hasnt peers.txt "$part"; done
rm data/peers.yaml
config 'a secret word'
run 0 reload
run 0 doctor --report report.txt
[ "$(stat -c %a report.txt)" = 600 ] || fail "mode of the report"
has err "Read it before you send it"
for part in "==== versions" "$("$program" --version | head -n 1)" "$(uname -r)" "greeting: <removed>" "name: internet" "data-dir: <removed>" \
	'"state": "ok"' "==== doctor" "Is the greeting polite? <removed>"; do has report.txt "$part"; done
for part in "secret word" "$work" "proxy.sock"; do hasnt report.txt "$part"; done
cp report.txt before.txt
run 1 doctor --report report.txt
has err "exists already"
cmp -s report.txt before.txt || fail "an old report was overwritten"
run 1 doctor --report none/such.txt
stop
run 1 doctor --json --report second.txt
python3 "$e2e/json_get.py" out 'd["ok"]' >/dev/null || fail "--json with --report"
has second.txt "(nobody answered)"
: >c.yaml
run 1 doctor --report third.txt
has third.txt "# file 1"

[ $failures = 0 ] && echo "doctor: passed"
exit $((failures > 0))
