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

ssh_start() {
	ssh-keygen -q -t ed25519 -N '' -f id && ssh-keygen -q -t ed25519 -N '' -f host || return 1
	cp id.pub authorized && chmod 600 authorized
	mkdir -p -m 755 /run/sshd
	spawn sshd net "$(command -v sshd)" -D -e -f /dev/null -h "$lab/host" -o ListenAddress=11.0.9.9 -o UsePAM=no \
		-o StrictModes=no -o AuthorizedKeysFile="$lab/authorized" -o PermitRootLogin=yes -o PidFile=none
	await 5 "sshd" listening net 22
}
# The command line of ssh; $1 is the place, then its arguments
ssh_at() {
	ssh_place=$1
	shift
	at "$ssh_place" ssh -F none -i "$lab/id" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR -o ConnectTimeout=20 "$@"
}

if ! command -v ssh >/dev/null || ! command -v sshd >/dev/null || ! ssh_start; then
	say "not tried: ssh (OpenSSH's client and server are not installed)"
elif ! ssh_at net root@11.0.9.9 true 2>direct.log; then
	# e.g. in a user namespace, where sshd can't change its user
	say "not tried: ssh does not work here even without a proxy: $(tail -n 1 direct.log)"
else
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
