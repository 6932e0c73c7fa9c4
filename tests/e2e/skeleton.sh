#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A third party's module: contrib/module-skeleton is copied, built against an installed restunnel by pkg-config alone, put into
# the installed module directory, and traffic goes through it.
. "$(dirname "$0")/lab.sh"
case " ${RESTUNNEL_BUILD_KIND:-} " in *" static "*) skip "a static build loads no modules" ;; esac
case " ${RESTUNNEL_BUILD_KIND:-} " in *" coverage "*) skip "an installation of a coverage build is no use" ;; esac
: "${PKG_CONFIG:=pkg-config}" "${CC:=cc}"
export CC

inst=$lab/inst
${MAKE:-make} -C "$RESTUNNEL_BUILD" install DESTDIR="$inst" >install.log 2>&1 || fail "make install"
pc=$(find "$inst" -name restunnel.pc)
[ -n "$pc" ] || fail "no restunnel.pc was installed"
prefix=$(PKG_CONFIG_PATH=${pc%/*} $PKG_CONFIG --variable=prefix restunnel)
# the installation lies below $inst: so does its prefix, then, and everything that is made of it
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG="$PKG_CONFIG --define-variable=prefix=$inst$prefix"
restunnel_program=$(find "$inst" -type f -name restunnel -perm -100)
module_dir=$($PKG_CONFIG --variable=moduledir restunnel)
check "the modules are in pkg-config's moduledir" test -f "$module_dir/ipfilter.so"
[ -z "$(find "$inst" -name '*.la')" ] || fail ".la files were installed"

cp -R "$RESTUNNEL_SRC/contrib/module-skeleton" mine && chmod -R u+w mine
# a warning is an error here; nothing of this tree is in reach but by pkg-config
env -u CPPFLAGS -u LDFLAGS -u RESTUNNEL_SRC CFLAGS='-O2 -Werror' ${MAKE:-make} -C mine >make.log 2>&1 || fail "the skeleton does not build: $(tail -n 5 make.log)"
${MAKE:-make} -C mine install >>make.log 2>&1 || fail "the skeleton's make install: $(tail -n 5 make.log)"
check "it is in the module directory" test -f "$module_dir/skeleton.so"
same "what it exports" rtun_module "$(${NM:-nm} -D --defined-only mine/skeleton.so | sed 's/.* //')"

RESTUNNEL="$restunnel_program --module-dir $module_dir"
hub_modules="
  - module: skeleton
    name: counted
    to: tunnel
    limit: 1MiB
    label: guests"
frontends_to=counted
lab_start paired

for word in limit label skeleton-count skeleton.closed rtun.dialer/1; do
	hub modules skeleton >modules.txt 2>&1
	grep -q -e "$word" modules.txt || fail "restunnel modules skeleton tells nothing of $word"
done
say "ok: restunnel modules skeleton"

spawn follow hub python3 "$e2e/follow.py" "$lab/hub/control.sock" 'skeleton.*'
await 10 "events to be followed" grep -q following follow.log
same "SOCKS5 through it" "this is www" "$(via_socks http://www.lab-internet.com/)"
same "HTTP through it" "this is www" "$(via_http https://www.lab-internet.com/)"
same "its command" "guests 2 true" "$(hub skeleton-count --json | json - '"%s %d %s" % (d["label"], d["streams"], str(d["bytes"] > 1000).lower())')"
same "its command with --on" guests "$(hub skeleton-count --json --on counted | json - 'd["label"]')"
two_events() { [ "$(grep -c skeleton.closed follow.log)" = 2 ]; }
await 10 "its events" two_events
grep skeleton.closed follow.log | head -n 1 | sed 's/^[^{]*//' >event.json
same "its event" "counted guests ok" "$(json event.json '"%s %s %s" % (d["instance"], d["fields"]["label"], d["fields"]["result"])')"

spawn echo net python3 "$e2e/server.py" 11.0.9.9
await 10 "the echo" grep -q ready echo.log
same "datagrams through it" "100 11.0.9.9 7" "$(tool datagrams echo 11.0.9.9 7 100)"

# the limit
noise 3000000 >www.www/file
via_socks http://11.0.9.9/file >part 2>curl.log && fail "a stream of 3 MB went through a limit of 1 MiB"
# the client's own system may drop what it had received when the reset comes, so the event says how much it was
[ "$(stat -c %s part)" -le 1048576 ] || fail "$(stat -c %s part) bytes came through a limit of 1 MiB"
limited() { grep skeleton.closed follow.log | grep denied >limited.txt; }
await 10 "an event about the limit" limited
same "the limit" 1048576 "$(sed 's/^[^{]*//' limited.txt | json - 'd["fields"]["bytes"]')"
well_ended
