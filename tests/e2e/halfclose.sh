#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Each direction of a stream ends on its own: uploads that end with shutdown(), in both orders, and ssh, which relies on it.
. "$(dirname "$0")/lab.sh"
lab_start paired
spawn server net python3 "$e2e/server.py" 11.0.9.9
await 10 "the server" grep -q ready server.log

for bytes in 0 1 100000 20000000; do
	check "$bytes bytes, shutdown, then the answer" tool halfclose client-first 11.0.9.9 $bytes
	sent=$(tool halfclose server-first 11.0.9.9 $bytes) || fail "$bytes bytes after the server's end of stream"
	await 10 "all $bytes bytes to arrive after the server's end of stream" grep -qx "13: $sent" server.log
	say "ok: the server's end of stream, then $bytes bytes"
done

# ---- ssh with a ProxyCommand

if can_ssh; then
	noise 5000000 >file
	for proxy in "ncat --proxy-type socks5 --proxy 127.0.0.1:1080 %h %p" "nc -X 5 -x 127.0.0.1:1080 %h %p" \
			"ncat --proxy-type http --proxy 127.0.0.1:1081 %h %p"; do
		program=${proxy%% *}
		command -v "$program" >/dev/null || continue
		[ "$program" != nc ] || nc -h 2>&1 | grep -q -e '-X' || continue
		# up and down at once, ended by an end of stream each way
		same "ssh by $program" "$(sum file)" "$(ssh_at hub -o ProxyCommand="$proxy" root@11.0.9.9 cat <file | sum)"
	done
fi
well_ended
