#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A browser's or curl's traffic goes through SOCKS5 and HTTP to IPv4, IPv6 and names, byte for byte, both ways, and leaves
# from the exit. Two more entries are optimistic.
. "$(dirname "$0")/lab.sh"
hub_modules="
  - {module: frontend_socks5, name: early-socks, listen: 127.0.0.1:1082, to: tunnel, optimistic: true}
  - {module: frontend_connect, name: early-http, listen: 127.0.0.1:1083, to: tunnel, optimistic: true}"
lab_start paired

mib=${full:+1024}
mib=${mib:-64}
noise $((mib * 1048576)) >www.www/file
expected=$(sum www.www/file)

# download NAME PROXY-FUNCTION URL
download() {
	same "$1: $mib MiB down" "$expected" "$($2 "$3" | sum)"
}
# upload NAME PROXY-FUNCTION URL
upload() {
	$2 -f -T www.www/file "$3" || fail "$1: up"
	same "$1: $mib MiB up" "$expected" "$(sum "www.www/${3##*/}")"
	rm -f "www.www/${3##*/}"
}
# page NAME PROXY-FUNCTION URL: a small one, to be quick about the many combinations
page() { same "$1" "this is www" "$($2 "$3")"; }

download "SOCKS5" via_socks http://www.lab-internet.com/file
download "HTTP CONNECT, TLS" via_http https://www.lab-internet.com/file
upload "SOCKS5, TLS" via_socks https://www.lab-internet.com/up1
upload "HTTP CONNECT" via_http http://www.lab-internet.com/up2

for proxy in via_socks via_http; do
	for scheme in http https; do
		for host in 11.0.9.9 '[2600:11:9::9]' four.lab-internet.com six.lab-internet.com; do
			page "$proxy $scheme $host" $proxy "$scheme://$host/"
		done
	done
done

# names were resolved at the exit: only the node's machine ever asked, and the hub has no resolver of its own here
same "who asked the web server" "11.0.1.1 2600:11:7::10" "$(cut -d' ' -f1 www.access | sort -u | tr '\n' ' ' | sed 's/ $//')"

# replies that clients act on
same "a name that does not exist" 4 "$(tool ask socks nothing.lab-internet.com 80)"
same "the same by HTTP" 502 "$(tool ask http nothing.lab-internet.com 80)"
same "a closed port" 5 "$(tool ask socks 11.0.9.9 81)"
same "the same by HTTP" 502 "$(tool ask http 11.0.9.9 81)"

# optimistic: the same bytes; success is said first, so what fails later is a broken connection, and counts as what it was
early_socks() { via_socks -x socks5h://127.0.0.1:1082 "$@"; }
early_http() { via_http -x http://127.0.0.1:1083 "$@"; }
# heard CURL-ARGUMENTS...: what curl heard of the proxy, and how it ended; "failed": while it sent or while it received
heard() { early_http -o early.page -w '%{http_connect}' "$@" 2>/dev/null; echo " $?" | sed 's/5[56]/failed/'; }
# count FRONTEND RESULT: in the metrics
count() { hub metrics | sed -n "s/^restunnel_frontend_connections_total{.*frontend=\"$1\",result=\"$2\".*} //p"; }

download "optimistic SOCKS5, TLS" early_socks https://www.lab-internet.com/file
upload "optimistic HTTP CONNECT" early_http http://www.lab-internet.com/up3
for proxy in early_socks early_http; do page "$proxy, a name" $proxy https://www.lab-internet.com/; done
same "a closed port" "200 failed" "$(heard http://11.0.9.9:81/)"
same "a name that does not exist" "200 failed" "$(heard http://nothing.lab-internet.com/)"
same "the same by SOCKS5" reset "$(tool ask late nothing.lab-internet.com 80)"
same "counted: ok" 2 "$(count early-http ok)"
same "counted: refused" 1 "$(count early-http refused)"
same "counted: dns" "1 1" "$(count early-http dns) $(count early-socks dns)"
same "an exit that there is not" "407 failed" "$(heard -U nobody:x http://11.0.9.9/)"

same "devices: bytes were counted" true "$(hub devices --json | json - 'd["devices"][0]["bytes_in"] > 1000000')"

stop node || fail "the node ended with status $?"
away() { not online node; }
await 10 "the hub to know that the node is away" away
same "optimistic, no exit" "503 failed" "$(heard http://11.0.9.9/)"
same "counted: no exit" 1 "$(count early-http no_exit)"
stop hub || fail "the hub ended with status $?"
say "$test_name: passed"
