#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The HTTP proxy as a proxy: http:// addresses without CONNECT, by real clients, to real servers, through the exit that was
# asked for. Bodies of every kind, kept connections, websockets, what a hostile client says, what a broken server does.
. "$(dirname "$0")/lab.sh"
hub_modules='  - module: frontend_connect
    name: strict
    listen: 127.0.0.1:1082
    username: required
    to: tunnel
  - module: frontend_connect
    name: pinned
    listen: 127.0.0.1:1083
    exit: away
    to: tunnel'
lab_start
hub_conf
run_hub
pair_node home
second_exit
spawn origin net python3 "$e2e/origin.py" 11.0.9.9 8080
await 10 "the second server" grep -q ready origin.log

# proxied USER CURL-ARGUMENTS...: as via_http, without CONNECT
proxied() {
	proxied_user=$1
	shift
	at hub curl -sS -m $((60 * patience)) --noproxy '' -x "http://$proxied_user:x@127.0.0.1:1081" "$@"
}
odd=http://11.0.9.9:8080
www=http://four.lab-internet.com
from() { tail -n 1 "${1:-www.access}" | cut -d' ' -f1; }
last() { tail -n 1 origin.log; }

# ---- which exit

for user in home away; do
	case $user in home) address=11.0.1.1 ;; *) address=11.0.2.1 ;; esac
	same "curl, by $user" "this is www" "$(proxied $user $www/)"
	same "... from there" $address "$(from)"
	same "wget, by $user" "this is www" "$(at hub env http_proxy=http://127.0.0.1:1081 wget -qO- --proxy-user=$user --proxy-password=x $www/)"
	same "... from there" $address "$(from)"
	same "urllib, by $user" "this is www" "$(tool rawhttp urllib $user $www/)"
	same "... from there" $address "$(from)"
	same "websocket, by $user" echo "$(tool rawhttp websocket $user 11.0.9.9:8080)"
	same "... from there" "GET /ws $address" "$(last | cut -d' ' -f1-3)"
done
same "curl after a challenge" "this is www" "$(at hub curl -sS --noproxy '' --proxy-anyauth -x http://away:x@127.0.0.1:1082 $www/)"
same "... from there" 11.0.2.1 "$(from)"
same "without a username" 407 "$(at hub curl -sS -o refusal -w '%{http_code}' --noproxy '' -x http://127.0.0.1:1082 $www/)"
check "... and with words" grep -q 'http://EXIT:x@HOST:PORT' refusal
same "the entry's exit" "this is www" "$(at hub curl -sS --noproxy '' -x http://127.0.0.1:1083 $www/)"
same "... from there" 11.0.2.1 "$(from)"
rm -f www.access.n && wc -l <www.access >www.access.n
same "an exit that there isn't" 407 "$(proxied nobody -o refusal -w '%{http_code}' $www/)"
same "... and the server was not asked" "$(cat www.access.n)" "$(wc -l <www.access)"

# ---- heads

proxied home -H 'Connection: x-hop' -H 'X-Hop: 1' -H 'X-End: 2' -H 'TE: trailers' -H 'Host: other.example' "$odd/head" | tr -d '\r' >head
same "the request line" "GET /head HTTP/1.1" "$(sed -n 1p head)"
same "Host is the address's" "Host: 11.0.9.9:8080" "$(grep -i '^host:' head)"
check "what is for the server arrives" grep -q '^X-End: 2$' head
not grep -qiE '^(proxy-|te:|x-hop|connection|via|forwarded|x-forwarded|x-real)' head || fail "this should not be in the head: $(cat head)"
say "ok: what is for the proxy does not, and nothing is added"

# ---- connections that are kept

same "one connection of the client for three requests" "1 0 0 " \
	"$(proxied home -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} ' "$odd/head?1" "$odd/head?2" "$www/")"
same "one of the proxy for two" 1 "$(grep -E '/head\?[12]' origin.log | cut -d' ' -f4 | sort -u | wc -l)"

# ---- bodies

mib=${full:+512}
mib=${mib:-24}
noise $((mib * 1048576)) >www.www/file
expected=$(sum www.www/file)
same "$mib MiB down" "$expected" "$(proxied home $www/file | sum)"
same "PUT of a known length, 100 Continue" 201 "$(proxied home -v -o /dev/null -w '%{http_code}' -H 'Expect: 100-continue' -T www.www/file $www/up1 2>verbose)"
check "... which was heard" grep -q '^< HTTP/1.1 100 Continue' verbose
same "... arrived" "$expected" "$(sum www.www/up1)"
same "PUT in chunks" 201 "$(proxied away -o /dev/null -w '%{http_code}' -T - $www/up2 <www.www/file)"
same "... arrived" "$expected" "$(sum www.www/up2)"
same "204" 204 "$(proxied home -o body -w '%{http_code}' -T www.www/index.html $www/up2)"
same "HEAD, and another request on the same connection" "200 0 this is www" \
	"$(proxied home -o /dev/null -w '%{http_code} ' -I $www/file --next -sS -m 60 --noproxy '' -x http://home:x@127.0.0.1:1081 -w '%{num_connects} ' -o body $www/; cat body)"
same "304" 304 "$(proxied home -o body -w '%{http_code}' -z www.www/index.html $www/index.html)"
same "to the end of the connection" "to the end" "$(proxied home $odd/end)"
same "... by HTTP/1.0" "to the end" "$(proxied home $odd/old)"
same "... for a client of HTTP/1.0" "to the end" "$(proxied home --http1.0 $odd/end)"
same "100 Continue of another server" 100000 "$(head -c 100000 www.www/file | proxied home -H 'Expect: 100-continue' -T - $odd/put)"
same "413 before the body" 413 "$(head -c 5000000 www.www/file | proxied home -o body -w '%{http_code}' -H 'Expect:' -T - $odd/refuse 2>/dev/null)"

# ---- broken off is seen as broken off

for kind in length chunked end; do
	proxied home $odd/cut/$kind >body 2>/dev/null
	status=$?
	case $status in 18 | 56) say "ok: cut/$kind: curl says $status" ;; *) fail "cut/$kind: curl says $status" ;; esac
	same "... what had come" part "$(cat body)"
done

# ---- refusals in words

# refusal NAME STATUS ERROR URL
refusal() {
	same "$1" "$2" "$(proxied home -D refusal.head -o refusal -w '%{http_code}' "$4")"
	check "... by Proxy-Status" grep -q "^Proxy-Status: restunnel; error=$3; details=" refusal.head
	same "... in words and with a remedy" 2 "$(wc -l <refusal)"
}
refusal "a name that does not exist" 502 dns_error http://nothing.lab-internet.com/
refusal "a closed port" 502 connection_refused http://11.0.9.9:81/
refusal "the exit's own network" 403 destination_ip_prohibited http://192.168.7.20/
same "an answer with two lengths" 502 "$(proxied home -o refusal -w '%{http_code}' $odd/broken)"

# ---- two messages that look like one

seen=$(wc -l <origin.log)
cat >hostile <<'E'
GET /smuggled HTTP/1.1\r\nHost: 11.0.9.9:8080\r\n\r\n
POST http://11.0.9.9:8080/put HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
E
while read -r head; do
	printf '%s' 'POST http://11.0.9.9:8080/put HTTP/1.1\r\n' "$head" '\r\n\r\n0\r\n\r\n'
	printf '%s\n' 'GET http://11.0.9.9:8080/smuggled HTTP/1.1\r\n\r\n'
done >>hostile <<'E'
Content-Length: 4\r\nTransfer-Encoding: chunked
Content-Length: 4\r\nContent-Length: 0
Content-Length: 4,4
Content-Length: +4
Transfer-Encoding : chunked
X: y\r\n Transfer-Encoding: chunked
X: y\nTransfer-Encoding: chunked
Connection: Content-Length\r\nContent-Length: 4
Host: a\r\nHost: b
E
tool rawhttp status "$lab/hostile" >judged || fail "hostile requests: $(cat judged)"
same "hostile requests that were not refused" "" "$(grep -v '^400 ' judged)"
same "... of so many" 11 "$(wc -l <judged)"
same "... and the server saw nothing of them" "$seen" "$(wc -l <origin.log)"
printf '%s\n' 'POST http://11.0.9.9:8080/put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nGET http://11.0.9.9:8080/smuggled HTTP/1.1\r\n\r\n' >hostile
same "a chunk without a size" 400 "$(tool rawhttp status "$lab/hostile" | cut -d' ' -f1)"
not grep -q smuggled origin.log || fail "the server got a request that was no request"

# ---- apt

if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
	mkdir -p deb/DEBIAN apt/lists/partial apt/archives/partial www.www/debian
	printf 'Package: lab\nVersion: 1\nArchitecture: all\nMaintainer: lab <lab@example.com>\nDescription: lab\n' >deb/DEBIAN/control
	dpkg-deb -b deb www.www/debian/lab.deb >/dev/null || fail "dpkg-deb"
	{
		cat deb/DEBIAN/control
		echo "Filename: ./lab.deb"
		echo "Size: $(stat -c %s www.www/debian/lab.deb)"
		echo "SHA256: $(sum www.www/debian/lab.deb)"
	} >www.www/debian/Packages
	echo "deb [trusted=yes] $www/debian ./" >apt/sources
	: >apt/status
	apt() {
		at hub apt-get -qq -o Dir::Etc::SourceList="$lab/apt/sources" -o Dir::Etc::SourceParts=- -o Dir::State="$lab/apt" \
			-o Dir::State::Lists="$lab/apt/lists" -o Dir::State::status="$lab/apt/status" -o Dir::Cache="$lab/apt" \
			-o APT::Sandbox::User=root -o Acquire::http::Proxy=http://away:x@127.0.0.1:1081 "$@" >apt.log 2>&1 || fail "apt: $(cat apt.log)"
	}
	apt update
	apt download lab
	same "apt" "$(sum www.www/debian/lab.deb)" "$(sum lab_1_all.deb)"
	same "... from there" 11.0.2.1 "$(from)"
fi

# ---- the end waits for what is under way

proxied home "$odd/slow?$lab/go" >slow.body 2>slow.error &
slow=$!
await 10 "half of a body" grep -q 'GET /slow' origin.log
kill -TERM "$(pid_of hub)"
await 5 "the hub to drain" grep -q 'stopping: connections under way' hub.log
never 1 "the hub ends before the answer" not alive hub
: >go
wait $slow || fail "the download was broken off: $(cat slow.error)"
same "a download under way at the end" firstafter "$(cat slow.body)"
wait "$(pid_of hub)" || fail "hub: status $?"
for p in home away; do stop $p || fail "$p ended with status $?"; done
say "$test_name: passed"
