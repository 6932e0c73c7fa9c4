#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The command line of the built program: exit statuses, what goes where, help, init, check, verbs of a module (greeter,
# tests/modules) with and without the daemon. Uses no network.
set -u
e2e=$(cd "$(dirname "$0")" && pwd)
: "${RESTUNNEL_SRC:=$(cd "$e2e/../.." && pwd)}" "${RESTUNNEL_BUILD:=$PWD}"
: "${RTUN_TEST_MODULE_DIR:=$RESTUNNEL_BUILD/.modules}"
program=${RESTUNNEL_PROGRAM:-$RESTUNNEL_BUILD/restunnel}
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
[ -e "$RTUN_TEST_MODULE_DIR/greeter.so" ] || { echo "failed: $RTUN_TEST_MODULE_DIR/greeter.so is missing"; exit 1; }
unset NO_COLOR NOTIFY_SOCKET RESTUNNEL
export LC_ALL=C.UTF-8 TERM=xterm PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d "${TMPDIR:-/tmp}/restunnel-cli.XXXXXX") || exit 1
chmod 755 "$work"
daemon= watcher=
tidy() {
	for pid in $daemon $watcher; do kill "$pid" 2>/dev/null; done
	rm -rf "$work"
}
trap tidy EXIT
trap 'exit 143' INT TERM HUP
cd "$work" || exit 1

failures=0
fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}
R() {
	"$program" --module-dir "$RTUN_TEST_MODULE_DIR" --template-dir "$RESTUNNEL_SRC/conf" "$@"
}
# run STATUS ARGS...: restunnel with these arguments; its output goes to ./out and ./err
run() {
	wanted=$1
	shift
	R "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$wanted" ] || { fail "status $got instead of $wanted: restunnel $*"; sed 's/^/  /' out err; }
}
tty() {
	python3 "$e2e/terminal.py" "$program" --module-dir "$RTUN_TEST_MODULE_DIR" "$@"
}
has() { # has FILE TEXT
	grep -qF -- "$2" "$1" || { fail "'$2' is not in $1:"; sed 's/^/  /' "$1"; }
}
hasnt() {
	! grep -qF -- "$2" "$1" || { fail "'$2' is in $1:"; sed 's/^/  /' "$1"; }
}
empty() {
	[ ! -s "$1" ] || { fail "$1 should be empty:"; sed 's/^/  /' "$1"; }
}
same() { # same WHAT WANTED GOT
	[ "$2" = "$3" ] || fail "$1: '$3' instead of '$2'"
}
# json FILE EXPRESSION: true of the document d
json() {
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), d' "$1" "$2" || fail "not so in $1: $2"
}
escapes() {
	grep -q "$(printf '\033')\[" "$1"
}

# ---- wrong usage, help

run 2; has err 'what to do?'; empty out
run 2 chek; has err "there is no verb 'chek'; did you mean check?"; has err 'help: restunnel --help'
run 2 gret; has err 'did you mean greet?'
run 2 xyzzyx; has err "there is no verb 'xyzzyx'"
run 2 --nope; has err 'no option --nope'
run 2 check --stric; has err 'did you mean --strict?'
run 2 check surplus; has err 'one argument too many'
run 2 check --strict=perhaps; has err "not 'perhaps'"
run 2 check -c; has err '--config needs a value'
run 2 init hub --on x; has err 'init has no option --on'
run 2 run --json; has err 'run has no option --json'
json out 'd["schema"] == 1 and d["code"] == "usage" and d["error"]'
run 0 --version; has out 'module ABI'; has out 'libpng'; empty err
run 0 --version --json; json out 'd["schema"] == 1 and d["version"] and "libpng" in d["features"]'
run 0 --help; has out 'Verbs of greeter'; has out 'Examples'; empty err
cp out help
run 0 help; cmp -s help out || fail 'help and --help differ'
run 0 help --json; json out '{"init", "check", "greet"} <= {c["name"] for c in d["commands"]}'
# a path may be longer than a line
awk 'length > 84 && NF > 1 { print "line too long: " $0; bad = 1 } END { exit bad }' help || fail 'help is too wide'
run 0 help --words
for verb in $(cat out); do
	run 0 "$verb" --help; has out "Usage: restunnel $verb"; empty err
	cp out help
	run 0 "$verb" -h; cmp -s help out || fail "$verb: -h and --help differ"
	run 0 help "$verb"; cmp -s help out || fail "$verb: help and --help differ"
done
run 0 greet --help; has out '--times TIMES'; has out 'from 1 to 9; default 1'; has out 'restunnel greet ann --times 2'
run 0 invite --help; has out '--qr=HOW'; has out '--png FILE'; has out 'needs the running daemon'
has out 'Usage: restunnel invite'; has out '[WORD]'; has out '[--qr=HOW] [--png FILE] [--json] [-c FILE]'
run 0 status --help; has out '[--wait[=SECONDS]]'
run 0 help reload -c none.yaml; has out 'Usage: restunnel reload [--json] [-c FILE]'
run 0 reload --help -c none.yaml; has out 'needs the running daemon'
run 0 help -c none.yaml; has out '  reload '
run 0 help --words invite; has out '--png'; has out '--name'

# ---- check

run 1 check -c none.yaml; has err 'none.yaml'
cat >wrong.yaml <<-X
	data-dir: $work/data
	modules:
	  - module: greeter
	    greting: hi
	    volume: 12
	    manner: rude
	  - module: greeter
	  - module: gretter
	    name: other
X
run 1 check -c wrong.yaml; empty out
same 'mistakes, one line each' 5 "$(wc -l <err)"
for line in 'wrong.yaml:4:5: error: ' 'wrong.yaml:5:13: error: ' 'wrong.yaml:6:13: error: ' 'wrong.yaml:7:' 'wrong.yaml:8:13: error: '; do
	has err "$line"
done
has err '"greeting"'
has err '"greeter"'
escapes err && fail 'colour in a pipe'
run 1 check --json -c wrong.yaml; empty err
json out 'd["schema"] == 1 and d["ok"] is False and len(d["errors"]) == 5 and
	all({"file", "line", "column", "code", "text", "remedy"} <= set(e) for e in d["errors"])'
tty check -c wrong.yaml >out && fail 'status 0 of a wrong configuration'
has out '5 mistakes'; has out '^'
cat >good.yaml <<-X
	data-dir: $work/data
	modules:
	  - module: greeter
	    greeting: good day
X
run 0 check -c good.yaml; empty out; empty err
run 0 check --strict --json -c good.yaml; json out 'd["ok"] is True and d["errors"] == []'
if [ -e "$RTUN_TEST_MODULE_DIR/frontend_socks5.so" ] && [ -e "$RTUN_TEST_MODULE_DIR/transport_noise.so" ]; then
	cat >twice.yaml <<-X
		data-dir: $work/data
		modules:
		  - module: ipfilter
		  - module: exit_dialer
		  - module: frontend_socks5
		    to: exit_dialer
		    name: a
		    listen: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1"]
		  - module: frontend_socks5
		    to: exit_dialer
		    name: b
		    listen: ["[::1]:1", "127.0.0.2:2", "127.0.0.1:2"]
		  - {module: frontend_socks5, to: exit_dialer, name: c, listen: ["unix:/tmp/x", "unix:/tmp/y", "unix:/tmp/x"]}
		  - module: keystore_file
		  - {module: transport_noise, name: d, role: hub, listen: "0.0.0.0:2"}
	X
	run 1 check -c twice.yaml
	has err "twice.yaml:8:44: error: 'a' would listen on 127.0.0.1:1, where 'a' does already (twice.yaml:8:14: 127.0.0.1:1)"
	has err "twice.yaml:12:40: error: 'b' would listen on 127.0.0.1:2, where 'a' does already (twice.yaml:8:29: 127.0.0.1:2)"
	has err "'c' would listen on unix:/tmp/x"
	has err "'d' would listen on 0.0.0.0:2, where 'a' does already (twice.yaml:8:29: 127.0.0.1:2)"
	same 'clashes' 4 "$(grep -c 'would listen' err)"
fi
tty check -c good.yaml >out || fail 'check on a terminal'
has out 'good.yaml:'; has out 'good'
[ ! -e data ] || fail 'check made data-dir'
mkdir data; chmod 755 data
run 1 check -c good.yaml; has err "good.yaml:1:11: error: data-dir $work/data can be entered by others (mode 755, not 700); chmod 700"
run 1 check -c wrong.yaml; has err 'can be entered by others'; has err '"greeting"'
same 'what check left in data-dir' '' "$(ls data)"
chmod 700 data
run 0 check -c good.yaml; empty err
rmdir data
echo >data
run 1 check -c good.yaml; has err "can't open data-dir $work/data: Not a directory"
rm data

# ---- init

mkdir templates
cat >templates/hello.yaml <<-X
	# A friendly machine
	data-dir: /nonexistent/x      # init: --data-dir
	modules:
	  # what it says
	  - module: greeter
	    # greeting: hello         # init: --public
X
hello() { run "$1" --template-dir "$work/templates" init hello -c "$work/new/etc/hello.yaml" --data-dir "$work/hello" "$2"; }
hello 0 '--public=a "b"'; empty err; empty out
has new/etc/hello.yaml "    greeting: \"a \\\"b\\\"\""
has new/etc/hello.yaml "data-dir: \"$work/hello\""
has new/etc/hello.yaml '# what it says'
hasnt new/etc/hello.yaml 'init:'
same 'mode of the file' 644 "$(stat -c %a new/etc/hello.yaml)"
same 'mode of data-dir' 700 "$(stat -c %a hello)"
[ -e hello/greeter ] || fail 'init did not set the module up'
before=$(cksum <new/etc/hello.yaml)
hello 1 --public=other; has err 'exists already'
same 'the file after a second init' "$before" "$(cksum <new/etc/hello.yaml)"
rm -r new hello
hello 2 --listen=127.0.0.1:1; has err 'init hello has no option --listen'
[ ! -e new/etc/hello.yaml ] || fail 'a refused init left a file'
run 1 --template-dir "$work/templates" init hello -c "$work/early.yaml" --data-dir "$work/no/parent"
has err 'so it was not kept'; has err 'help: make the directory above it first'
[ ! -e early.yaml ] || fail 'init kept a file for which no key could be made'
echo '    volume: 99' >>templates/hello.yaml
hello 1 --public=x; has err 'too big'
[ ! -e new/etc/hello.yaml ] || fail 'init kept a file that would not run'
run 2 init nothing -c x.yaml; has err "there is no template 'nothing'"
run 2 init ../../etc/passwd -c x.yaml
run 0 init; has out 'hub'; has out 'node'; has out 'local'
run 0 init --json; json out '[t["name"] for t in d["templates"]] == ["hub", "local", "node"]'

# the ones that are shipped, as they stand and as init writes them
run 0 modules --json
installed=$(python3 -c 'import json; print(*[m["name"] for m in json.load(open("out"))["modules"] if not m.get("error")])')
lacks() {
	for m in $(sed -n 's/^ *- module: *\([a-z0-9_]*\).*/\1/p' "$1"); do
		case " $installed " in *" $m "*) ;; *) echo "$m" ;; esac
	done
}
for file in "$RESTUNNEL_SRC"/conf/*.yaml; do
	name=$(basename "$file" .yaml)
	missing=
	for m in $(lacks "$file"); do
		[ ! -e "$RESTUNNEL_SRC/modules/$m/$m.c" ] || fail "conf/$name.yaml: the module $m is here, but can't be used"
		missing="$missing $m"
	done
	if [ -n "$missing" ]; then
		echo "not tried: conf/$name.yaml, for want of$missing"
		continue
	fi
	run 0 check -c "$file"
	run 0 init "$name" -c "$work/$name.yaml" --data-dir "$work/data-$name"
	run 0 check -c "$work/$name.yaml"
	for key in $(sed -n 's/.*# init: --//p' "$file"); do
		case $key in
		listen) value=127.0.0.1:9999 ;;
		public) value=vps.example.net:9000 ;;
		data-dir) continue ;;
		*) value=cellar ;;
		esac
		run 0 init "$name" -c "$work/$name-$key.yaml" --data-dir "$work/data-$name-$key" "--$key" "$value"
		has "$name-$key.yaml" "\"$value\""
		rm -rf "$name-$key.yaml" "data-$name-$key"
	done
done

# ---- verbs without the daemon

run 0 greet ann bob -c good.yaml; has out 'Name: ann'; has out 'With: bob'; hasnt out 'good day'; empty err
run 0 greet ann --json -c good.yaml; json out 'd["schema"] == 1 and d["sentence"] == "good day, ann"'; empty err
run 2 greet -c good.yaml; has err 'greet needs NAME'
run 2 greet Ann --times 12 -c good.yaml; has err 'not a name'; has err 'too big'
run 2 greet ann --on nobody -c good.yaml; has err "no instance named 'nobody'"
run 2 greet ann --qr=utf8 -c good.yaml; has err 'it has no --qr'
run 2 greet ann --png none.png -c good.yaml
[ ! -e none.png ] || fail 'an empty picture was left behind'
run 1 greet nobody -c good.yaml; has err "nobody can't be greeted"; has err 'help: greet somebody'; empty out
run 1 greet nobody --json -c good.yaml; json out 'd["code"] == "nobody" and d["error"] and d["remedy"]'
run 0 friends -c good.yaml; has out 'ann\x1b[31m  online  3 min ago  2.0 KiB'
run 0 friends --json -c good.yaml; json out 'd["friends"][0]["bytes"] == 2048'
run 0 strangers -c good.yaml; empty out
run 1 greet ann -c wrong.yaml; has err 'wrong.yaml:4:5'; has err "can't be used"
run 1 greet ann -c none.yaml; has err 'there is no configuration none.yaml'
run 1 invite word -c good.yaml; has err 'invite needs the running daemon'; has err 'restunnel run'
run 1 status -c good.yaml; has err 'restunnel is not running'; has err 'help: start it'
run 1 status --json -c good.yaml; json out 'd["state"] == "down" and d["alerts"][0]["code"] == "not-running" and d["modules"] == []'
run 1 status --wait=0 -c good.yaml
run 1 status -c "$work"; has err "can't be read: Is a directory"; hasnt err 'not running'
run 2 status --wait=soon -c good.yaml
run 2 status --wait --watch -c good.yaml

# ---- colour

tty friends -c good.yaml >out; escapes out || fail 'no colour on a terminal'
NO_COLOR=1 tty friends -c good.yaml >out; escapes out && fail 'colour despite NO_COLOR'
TERM=dumb tty friends -c good.yaml >out; escapes out && fail 'colour on a dumb terminal'
tty friends --color=never -c good.yaml >out; escapes out && fail 'colour despite --color=never'
run 0 friends --color=always -c good.yaml; escapes out || fail 'no colour despite --color=always'
tty strangers -c good.yaml >out; has out 'Nobody.'

# ---- as root: data-dir's owner

if [ "$(id -u)" = 0 ] && python3 -c 'import os, sys
os.setgid(65534); os.setuid(65534); open(sys.argv[1]); open(sys.argv[2])' "$RTUN_TEST_MODULE_DIR/greeter.so" good.yaml 2>/dev/null; then
	sed "s|data-dir:.*|data-dir: $work/owned|" good.yaml >owned.yaml
	mkdir -m 700 owned && chown 65534:65534 owned
	run 0 greet ann -c owned.yaml
	same "what root's command leaves in data-dir" 65534:65534 "$(stat -c %u:%g owned/* | sort -u)"
else
	echo 'not tried: acting as the owner of data-dir (root only, and the build must be readable for others)'
fi

# ---- the daemon

"$program" --module-dir "$RTUN_TEST_MODULE_DIR" run -c good.yaml >daemon.log 2>&1 &
daemon=$!
run 0 status --wait=20 -c good.yaml; has out 'greeter'
run 0 status --json -c good.yaml
json out 'd["schema"] == 1 and d["state"] == "ok" and d["sentence"] and d["rss_bytes"] > 0 and d["modules"][0]["name"] == "greeter" and
	{"version", "uptime_s", "alerts"} <= set(d)'
python3 "$e2e/terminal.py" --until '"state"' "$program" --module-dir "$RTUN_TEST_MODULE_DIR" status --watch --json -c good.yaml >out
same 'lines of --watch --json' 1 "$(wc -l <out)"
# one that has no answer keeps no other from being seen
json out 'd["state"] == "ok" and "awaited" not in d["verbs"] and d["verbs"]["friends"]["greeter"]["friends"][0]["bytes"] == 2048'
watch() { # watch [--resize ROWSxCOLUMNS] [--interrupt] TEXT: until it is shown
	python3 "$e2e/terminal.py" --until "$@" "$program" --module-dir "$RTUN_TEST_MODULE_DIR" status --watch --color=never -c good.yaml >out
}
watch '0 B/s' --interrupt; same 'the end of --watch' 130 $?
has out 'ann\x1b[31m  online  3 min ago'; has out 'greeter'; has out 'up '
watch 'ann' --resize 9x30; same 'in a small window' 0 $?
same 'columns of a small window' yes "$(sed 's/\x1b\[[HJK]//g' out | awk '{ if (length($0) > w) w = length($0) } END { print w <= 30 ? "yes" : w }')"
"$program" --module-dir "$RTUN_TEST_MODULE_DIR" status --watch -c good.yaml >watched & watcher=$! # not R, whose shell would be killed instead
run 0 greet ann -c good.yaml; has out 'Name: ann'
run 2 gret -c good.yaml; has err 'did you mean greet?'
run 0 reload -c good.yaml; empty err
cp good.yaml good.copy; echo '    volum: 3' >>good.yaml
run 1 reload -c good.yaml; has err 'good.yaml:5:'; has err 'not reloaded'
sed 's/- module: greeter/- {module: greeter, name: other}/; /greeting:/d' good.copy >good.yaml
run 1 reload -c good.yaml; has err "good.yaml: removing the instance 'greeter' needs a restart"
mv good.copy good.yaml
# names for completion: what the module's lists say, but nothing that a shell would have to quote
run 0 help --words greet -c good.yaml; has out 'bea'; hasnt out 'ann'
run 2 invite -c good.yaml; has err 'invite needs WORD'
R invite -c good.yaml >out 2>err <<-X || fail 'a word from standard input'
	sesame
X
has out 'greet://example.net/?word=x'; has out "    restunnel greet 'me'"; has out 'in 15 min'; escapes out && fail 'a QR code in a pipe'
run 0 invite w --json -c good.yaml; json out 'd["url"] and d["word"] == "w"'; same 'lines of --json' 1 "$(wc -l <out)"
run 0 invite w --qr=ascii -c good.yaml; has out '##############'
run 0 invite w --qr=none -c good.yaml; hasnt out '####'
if R --version | grep -q 'libpng yes'; then
	run 0 invite w --png code.png -c good.yaml
	same 'mode of the picture' 600 "$(stat -c %a code.png)"
	same 'the picture' PNG "$(head -c 4 code.png | tail -c 3)"
	run 1 invite w --png /nonexistent/code.png -c good.yaml; has err '/nonexistent/code.png: No such file'
	# what is there is replaced by a whole picture, or left as it is
	echo old >kept.png; chmod 644 kept.png
	run 0 invite w --png kept.png -c good.yaml; same 'the new picture' PNG "$(head -c 4 kept.png | tail -c 3)"
	echo old >kept.png
	run 2 greet ann --png kept.png -c good.yaml
	same 'a file after a refused --png' old "$(cat kept.png)"
	(trap '' XFSZ; ulimit -f 0; R invite w --png kept.png -c good.yaml 2>/dev/null | cat >/dev/null)
	same 'a file after a picture that could not be written' old "$(cat kept.png)"
	mkfifo pipe.png; ln -s kept.png link.png
	mknod -m 666 node.png c 1 3 2>/dev/null || ln -s /dev/null node.png # a node of our own: only root may make one
	for thing in pipe.png link.png node.png "$work"; do
		run 1 invite w --png "$thing" -c good.yaml; has err "$thing: this is not a regular file"
	done
	[ -p pipe.png ] && [ -L link.png ] && [ -c node.png ] || fail 'what is no regular file was replaced'
	same 'the file behind a link' old "$(cat kept.png)"
	same 'what is left of pictures' '' "$(find . -maxdepth 1 -name '*.png.*')"
	same 'mode of the device' 666 "$(stat -Lc %a node.png)"
else
	run 1 invite w --png code.png -c good.yaml; has err 'without libpng'
fi
# on a terminal: the code, then waiting for the one who was invited, and nobody else
tty invite w --name cat -c good.yaml >followed &
follower=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	R greet dog -c good.yaml >/dev/null
	R greet cat -c good.yaml >/dev/null
	kill -0 $follower 2>/dev/null || break
	sleep 0.2
done
wait $follower || fail "following: status $?"
has followed '▀'; has followed 'Waiting'; has followed 'cat has come'; hasnt followed 'dog has come'
# a daemon that has gone is told as such, at once
kill $daemon
wait $daemon || fail "run: status $? after SIGTERM"
daemon=
run 1 invite w -c good.yaml; has err 'invite needs the running daemon'
# who watches is told, and told when it is back
lines_of() { grep -cF -- "$1" watched; }
until_watched() { # until_watched TEXT: it is there once more than before
	for i in $(seq 200); do
		[ "$(lines_of "$1")" -gt "$2" ] && return
		sleep 0.1
	done
	fail "--watch does not say '$1'"
}
until_watched 'last heard' 0
"$program" --module-dir "$RTUN_TEST_MODULE_DIR" run -c good.yaml >daemon.log 2>&1 &
daemon=$!
until_watched 'version ' "$(lines_of 'version ')"
seen=$(lines_of 'last heard')
until_watched 'Working' "$(lines_of Working)"
until_watched 'Working' "$(lines_of Working)"
same 'what a watcher is told when all is well' "$seen" "$(lines_of 'last heard')"
kill $watcher $daemon
wait $daemon || fail "run: status $? after SIGTERM"
daemon= watcher=

# the tables of two are told apart
printf '%s\n' "data-dir: $work/data" modules: '  - {module: greeter, name: one}' '  - {module: greeter, name: two}' >two.yaml
"$program" --module-dir "$RTUN_TEST_MODULE_DIR" run -c two.yaml >daemon.log 2>&1 &
daemon=$!
run 0 status --wait=20 -c two.yaml
python3 "$e2e/terminal.py" --until 'two:' "$program" --module-dir "$RTUN_TEST_MODULE_DIR" status --watch --color=never -c two.yaml >out
has out 'one:'
kill $daemon
wait $daemon || fail "run: status $? after SIGTERM"
daemon=

# ---- modules

run 0 modules greeter; has out 'volume'; has out 'from 1 to 11'; has out 'greeter.greeted'; has out 'Invite somebody'
run 0 modules greeter --json; json out 'd["schema"] == 1 and d["options"][0]["key"] == "greeting" and d["commands"][4]["name"] == "invite"'
run 1 modules nope; has err "'nope'"
run 0 modules --schema
json out 'd["$schema"] == "http://json-schema.org/draft-07/schema#" and
	"greeter" in [m["properties"]["module"]["const"] for m in d["properties"]["modules"]["items"]["oneOf"]]'
# who reads only the beginning gets no complaint
R modules --schema 2>err | head -c 1 >/dev/null; empty err

[ $failures = 0 ] || { echo "cli: $failures failed"; exit 1; }
echo 'cli: passed'
