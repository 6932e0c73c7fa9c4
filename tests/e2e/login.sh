#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Who gets in: a users-file, made by `passwd`, read again by a reload; an entry that other machines reach; programs of some
# users of the machine only; SOCKS4 and SOCKS4a.
. "$(dirname "$0")/lab.sh"
hub_modules="  - module: frontend_socks5
    name: socks
    listen: [127.0.0.1:1090, '11.0.0.1:1090']
    expose-beyond-loopback: true
    users-file: $lab/hub/users
    to: tunnel
  - module: frontend_connect
    name: http
    listen: 127.0.0.1:1091
    username: off
    users-file: $lab/hub/users
    to: tunnel
  - module: frontend_socks5
    name: mine
    listen: [127.0.0.1:1092, 'unix:$lab/mine.sock']
    allow-users: [root]
    to: tunnel
  - module: frontend_socks5
    name: theirs
    listen: [127.0.0.1:1093, 'unix:$lab/theirs.sock']
    allow-users: ['65534', daemon]
    to: tunnel"
lab_start
hub_conf
mkdir -m 700 hub

# ---- passwd, without the daemon and with it

passwd() { printf '%s\n' "$2" | hub passwd "$1" --on socks --json | json - 'd["sentence"]'; }
same "passwd without a daemon" "alice may log in at socks with this password." "$(passwd alice 'Pa:ss wörd')"
same "... one line, for its owner only" "600 1" "$(stat -c %a hub/users) $(grep -c '^alice:\$argon2id\$' hub/users)"
run_hub
pair_node home
same "... and with it" "bob may log in at socks with this password." "$(passwd bob second)"
same "... both are there" "alice bob" "$(cut -d: -f1 hub/users | xargs)"
echo x | not hub passwd a-exit-b --on socks 2>refused || fail "passwd a-exit-b"
check "a name that would choose an exit" grep -q 'no name of a user' refused

# ---- who gets in

url=http://four.lab-internet.com/
# get PROXY: the page, or curl's exit status and the proxy's answer
get() { at "${from:-hub}" curl -sS -m 30 --noproxy '' -o page -w '%{http_code} ' -x "$1" $url 2>/dev/null; echo $?; }
p='Pa%3Ass%20w%C3%B6rd'
same "SOCKS5" "200 0" "$(get socks5h://alice:$p@127.0.0.1:1090)"
same "... a wrong password" "000 97" "$(get socks5h://alice:second@127.0.0.1:1090)"
same "... none" "000 97" "$(get socks5h://127.0.0.1:1090)"
same "... another user" "000 97" "$(get socks5h://carol:$p@127.0.0.1:1090)"
same "... with an exit" "200 0" "$(get socks5h://alice-exit-home:$p@127.0.0.1:1090)"
same "... which there isn't" "000 97" "$(get socks5h://alice-exit-away:$p@127.0.0.1:1090)"
same "... SOCKS4" "000 97" "$(get socks4a://alice@127.0.0.1:1090)"
same "HTTP" "200 0" "$(get http://bob:second@127.0.0.1:1091)"
same "... a wrong password" "407 0" "$(get http://bob:first@127.0.0.1:1091)"
check "... in words" grep -q "and USER's password" page
same "... none" "407 0" "$(get http://127.0.0.1:1091)"
same "... by CONNECT" "200 0" "$(at hub curl -sS -m 30 -p --noproxy '' -o page -w '%{http_code} ' -x http://bob:second@127.0.0.1:1091 $url; echo $?)"
from=net
same "from another machine" "200 0" "$(get socks5h://bob:second@11.0.0.1:1090)"
same "... without a login" "000 97" "$(get socks5h://11.0.0.1:1090)"
from=

# ---- guessing: whoever was wrong five times is not heard any more, but who is known

for i in 1 2 3 4 5 6 7; do get "http://bob:guess$i@127.0.0.1:1091" >/dev/null; done
same "after guesses, a known login" "200 0" "$(get http://bob:second@127.0.0.1:1091)"

# ---- reload

cp hub/users users.before
: >hub/users
echo 'dave:secret' >>hub/users
not hub reload 2>refused || fail "a reload with a broken users-file"
check "a reload with a broken users-file" grep -q "users:1: this is no hash" refused
not grep -q secret refused hub.log || fail "a reload tells what was in the file"
same "... changes nothing" "200 0" "$(get http://bob:second@127.0.0.1:1091)"
chmod 644 hub/users
not hub check 2>refused || fail "a users-file that all can read"
check "a users-file that all can read" grep -q 'can be read or written by others' refused
grep '^alice' users.before >hub/users
chmod 600 hub/users
kill -HUP "$(pid_of hub)"
await 10 "a reload" grep -q 'configuration reloaded' hub.log
same "without bob" "407 0" "$(get http://bob:second@127.0.0.1:1091)"

# ---- programs of some users

as_nobody() { at hub setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
if as_nobody true 2>/dev/null; then
	same "its own user" 200 "$(at hub curl -sS -m 30 -o page -w '%{http_code}' -x socks5h://127.0.0.1:1092 $url)"
	not at hub curl -sS -m 30 -o page -x socks5h://127.0.0.1:1093 $url 2>/dev/null || fail "root at the port of another user"
	same "another one" 200 "$(as_nobody curl -sS -m 30 -o /dev/null -w '%{http_code}' -x socks5h://127.0.0.1:1093 $url)"
	not as_nobody curl -sS -m 30 -o /dev/null -x socks5h://127.0.0.1:1092 $url 2>/dev/null || fail "another user at root's port"
	check "who was refused is told" grep -q 'user 65534 is not among those who may connect' hub.log
	# The answer to a greeting, then the end
	greet() { printf '\005\001\000' | as_nobody nc -N -U -w 10 "$1" 2>/dev/null | od -An -tx1; }
	same "a unix socket" " 05 00" "$(greet "$lab/theirs.sock")"
	same "... of somebody else" "" "$(greet "$lab/mine.sock")"
fi

# ---- SOCKS4

same "SOCKS4a" "200 0" "$(get socks4a://127.0.0.1:1080)"
same "... by name of the exit" "200 0" "$(get socks4a://home@127.0.0.1:1080)"
same "... which there isn't" "000 97" "$(get socks4a://away@127.0.0.1:1080)"
same "SOCKS4" "200 0" "$(url=http://11.0.9.9/ get socks4://127.0.0.1:1080)"

# ---- no open relay

cat >open.yaml <<-Y
	data-dir: $lab/open
	modules:
	  - module: ipfilter
	  - {module: exit_dialer, name: internet, filter: ipfilter}
	  - {module: frontend_socks5, listen: "0.0.0.0:1080", expose-beyond-loopback: true, users-file: $lab/hub/users, to: internet}
Y
not rt hub open check 2>refused || fail "an open relay"
check "an entry to this machine's own network can't be exposed" grep -q 'that would be an open relay' refused

for p in home hub; do stop $p || fail "$p ended with status $?"; done
say "$test_name: passed"
