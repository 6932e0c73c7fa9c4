#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Streams whose reader stalls, on either side, slow down nobody else, and memory stays bounded.
. "$(dirname "$0")/lab.sh"
lab_start paired
count=20
[ -z "$full" ] || count=200
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the server" grep -q ready server.log
noise 33554432 >www.www/file
expected=$(sum www.www/file)

# how many milliseconds a download takes
download_ms() {
	download_begin=$(date +%s%N)
	[ "$(via_socks http://11.0.9.9/file | sum)" = "$expected" ] || fail "the download is not what it should be"
	echo $((($(date +%s%N) - download_begin) / 1000000))
}
download_ms >/dev/null
alone=$(download_ms)
same "memory is known" true "$([ "$(rss_kib hub)" -gt 0 ] && [ "$(rss_kib node)" -gt 0 ] && echo true)"

spawn stalled hub python3 "$e2e/stall.py" $count 11.0.9.9
await 60 "streams to stall" grep -q stalled stalled.log
say "$count streams each way: $(cat stalled.log)"
beside=$(download_ms)
say "32 MiB alone: $alone ms, beside stalled streams: $beside ms"
# generous, since the machine may be busy with other tests: head-of-line blocking would make it stand still
[ "$beside" -lt $((alone * 4 + 2000 * patience)) ] || fail "stalled streams slow down others"

hub_kib=$(rss_kib hub) node_kib=$(rss_kib node)
for i in 1 2 3; do download_ms >/dev/null; done
say "memory: hub $hub_kib, then $(rss_kib hub) KiB; node $node_kib, then $(rss_kib node) KiB"
if [ -z "$sanitized" ]; then
	for p in hub node; do
		[ "$(rss_kib $p)" -lt 131072 ] || fail "$p uses $(rss_kib $p) KiB"
	done
	[ "$(rss_kib hub)" -lt $((hub_kib + 16384)) ] && [ "$(rss_kib node)" -lt $((node_kib + 16384)) ] || fail "memory grows"
fi
# the servers' ends, too: what was sent to one that never reads would go on being owed to it
stop server KILL
stop stalled KILL
same "afterwards" "this is www" "$(via_socks http://11.0.9.9/)"
well_ended
