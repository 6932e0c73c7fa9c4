# SPDX-License-Identifier: BSD-2-Clause
#
# lab.sh - a small internet in network namespaces, for the end-to-end tests. A test begins with
#
#	. "$(dirname "$0")/lab.sh"
#	lab_start
#
# and then runs itself again inside mount, PID and network namespaces of its own: whatever happens to it, nothing is
# left behind, and nothing reaches the machine's network. Without the rights for that it exits 77 (skipped).
#
#	hub 11.0.0.1 ------.          .------ nat 11.0.1.1 ----(LAN)---- node 192.168.7.10
#	    2600:11::1      \        /        2600:11:1::1    |          fd07::10 2600:11:7::10
#	                     net: 11.0.9.9, 2600:11:9::9      '------- lan 192.168.7.20 11.0.7.20
#	                     nginx, DNS, sshd, ...                       fd07::20 2600:11:7::20
#
# IPv4 from the LAN is masqueraded, so `net` sees the node as 11.0.1.1; IPv6 is routed. Addresses look public because an
# exit refuses everything else. No test waits for a fixed time where it could wait for a condition: see await.
#
# Needs: ip (iproute2), nft (nftables), nsenter and unshare (util-linux), nginx, openssl, curl, python3.

: "${e2e:=$(cd "$(dirname "$0")" && pwd)}"
: "${RESTUNNEL_SRC:=$(cd "$e2e/../.." && pwd)}" "${RESTUNNEL_BUILD:=$PWD}"
: "${RTUN_TEST_MODULE_DIR:=$RESTUNNEL_BUILD/.modules}"
# RESTUNNEL=/usr/bin/restunnel tests an installed program
: "${RESTUNNEL:=$RESTUNNEL_BUILD/restunnel --module-dir $RTUN_TEST_MODULE_DIR --template-dir $RESTUNNEL_SRC/conf}"
export RESTUNNEL_SRC RESTUNNEL_BUILD RTUN_TEST_MODULE_DIR RESTUNNEL
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY NOTIFY_SOCKET MAKEFLAGS MAKELEVEL
export LC_ALL=C NO_COLOR=1 PYTHONDONTWRITEBYTECODE=1
test_name=$(basename "$0" .sh)

# Sanitizers make everything slower: deadlines are multiplied by this.
patience=${CK_TIMEOUT_MULTIPLIER:-1}
case " ${RESTUNNEL_BUILD_KIND:-} " in *" sanitizers "*) sanitized=yes ;; *) sanitized= ;; esac
# tests/e2e/*.sh are small in "make check", of the promised size with RTUN_E2E_FULL=1
full=${RTUN_E2E_FULL:+yes}

# ---- into namespaces

skip() { echo "skipped: $*"; exit 77; }

if [ -z "${lab_inside:-}" ]; then
	for tool in ip nft nsenter unshare nginx openssl curl python3; do
		PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || skip "$tool is not installed (see contrib/test)"
	done
	if [ "$(id -u)" = 0 ]; then user=; else user=-Ur; fi
	spaces="unshare $user -nmpf --mount-proc --kill-child"
	$spaces true 2>/dev/null || skip "no right to make namespaces: run as root, or allow user namespaces"
	lab=$(mktemp -d "${TMPDIR:-/tmp}/restunnel-$test_name.XXXXXX") || exit 1
	# the inner run ends at a signal by itself (it is in the same process group); then this one tidies up
	trap 'rm -rf "$lab"' EXIT
	trap : INT TERM HUP
	lab_inside=$lab PATH=$PATH:/usr/sbin:/sbin $spaces "${lab_shell:-/bin/sh}" "$0" "$@"
	status=$?
	[ -z "${RTUN_E2E_KEEP:-}" ] || { trap - EXIT; echo "kept: $lab"; }
	exit $status
fi

lab=$lab_inside
trap 'exit 143' INT TERM HUP
trap 'exit 1' USR1
trap 'lab_status=$?; lab_end; exit $lab_status' EXIT
started=$(date +%s)
cd "$lab" || exit 1
chmod 755 "$lab"

# ---- saying, failing, waiting

say() { echo "[$(($(date +%s) - started)) s] $*"; }
# also from inside $(...): the test ends
fail() {
	say "FAILED: $*" | tee "$lab/failed" >&2
	kill -USR1 $$
	exit 1
}

# check TEXT CMD...: CMD must succeed
check() {
	check_text=$1
	shift
	if "$@"; then say "ok: $check_text"; else fail "$check_text"; fi
}

not() { if "$@"; then return 1; else return 0; fi; }

# same TEXT EXPECTED FOUND
same() { [ "$2" = "$3" ] && say "ok: $1" || fail "$1: expected '$2', found '$3'"; }

# await SECONDS TEXT CMD...: until CMD succeeds
await() {
	await_text=$2
	await_end=$(($(date +%s) + $1 * patience))
	shift 2
	until "$@"; do
		[ "$(date +%s)" -lt "$await_end" ] || fail "waited in vain for: $await_text"
		sleep 0.05
	done
}

# never SECONDS TEXT CMD...: CMD must not succeed for so long
never() {
	never_text=$2
	never_end=$(($(date +%s) + $1))
	shift 2
	while [ "$(date +%s)" -lt "$never_end" ]; do
		not "$@" || fail "must not happen: $never_text"
		sleep 0.1
	done
	say "ok: $never_text: never"
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }
# quantile FILE P: of the numbers in it
quantile() { sort -n "$1" | awk -v p="$2" '{ x[NR] = $1 } END { i = int(p * NR + 0.999); if (i < 1) i = 1; if (i > NR) i = NR; print x[i] }'; }

# ---- places and programs in them

# at PLACE CMD...: run there, in the foreground
at() {
	at_place=$1
	shift
	nsenter -t "$(cat "$lab/place.$at_place")" -n -- "$@"
}

# spawn NAME PLACE CMD...: run there in the background, output in NAME.log, process id in NAME.pid
spawn() {
	spawn_name=$1 spawn_place=$2
	shift 2
	(exec nsenter -t "$(cat "$lab/place.$spawn_place")" -n -- "$@") >>"$lab/$spawn_name.log" 2>&1 </dev/null &
	echo $! >"$lab/$spawn_name.pid"
}

pid_of() { cat "$lab/$1.pid"; }
alive() { kill -0 "$(pid_of "$1")" 2>/dev/null; }

# stop NAME [SIGNAL]: and wait for its end; status as the shell tells it
stop() {
	stop_pid=$(pid_of "$1")
	kill "-${2:-TERM}" "$stop_pid" 2>/dev/null
	wait "$stop_pid"
}

# listening PLACE PORT: does a TCP socket listen there?
listening() { [ -n "$(at "$1" ss -Hltn "sport = :$2")" ]; }

# ---- the network

moved_out() { [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$1/ns/net")" ]; }
place() {
	unshare -n sleep 100000 </dev/null >/dev/null 2>&1 &
	echo $! >"$lab/place.$1"
	await 5 "namespace $1" moved_out "$!"
	at "$1" ip link set lo up
	# addresses are usable at once, and nobody asks who has them
	at "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
}

# link PLACE DEVICE PLACE DEVICE
link() {
	at "$1" ip link add name "$2" type veth peer name "$4" netns "$(cat "$lab/place.$3")"
	at "$1" ip link set "$2" up
	at "$3" ip link set "$4" up
}

# address PLACE DEVICE ADDRESS/LENGTH...
address() {
	address_place=$1 address_device=$2
	shift 2
	for a in "$@"; do
		case $a in *:*) nodad=nodad ;; *) nodad= ;; esac
		at "$address_place" ip addr add "$a" dev "$address_device" $nodad
	done
}

# route PLACE PREFIX GATEWAY
route() { at "$1" ip route add "$2" via "$3"; }

lab_network() {
	for p in hub net nat node lan; do place $p; done

	link net tohub hub up0
	address net tohub 11.0.0.254/24 2600:11::fe/64
	address hub up0 11.0.0.1/24 2600:11::1/64
	route hub default 11.0.0.254
	route hub default 2600:11::fe

	link net tonat nat wan
	address net tonat 11.0.1.254/24 2600:11:1::fe/64
	address nat wan 11.0.1.1/24 2600:11:1::1/64
	route nat default 11.0.1.254
	route nat default 2600:11:1::fe
	route net 2600:11:7::/64 2600:11:1::1

	at nat ip link add name lan0 type bridge
	at nat ip link set lan0 up
	address nat lan0 192.168.7.1/24 fd07::1/64 2600:11:7::1/64
	for p in node lan; do
		link nat to$p $p eth0
		at nat ip link set to$p master lan0
	done
	# 11.0.7.0/24 looks public, but is on the node's own LAN
	address node eth0 192.168.7.10/24 11.0.7.10/24 fd07::10/64 2600:11:7::10/64
	address lan eth0 192.168.7.20/24 11.0.7.20/24 fd07::20/64 2600:11:7::20/64
	for p in node lan; do
		route $p default 192.168.7.1
		route $p default 2600:11:7::1
	done
	# and 11.0.8.0/24 is behind a VPN: a route that is not the default route
	route node 11.0.8.0/24 192.168.7.20
	address lan lo 11.0.8.20/32

	address net lo 11.0.9.9/32 11.0.9.53/32 2600:11:9::9/128
	for p in net nat; do
		at $p sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	done
	at nat nft -f - <<-E
		table ip nat {
			chain postrouting {
				type nat hook postrouting priority 100
				oifname "wan" masquerade
			}
		}
	E
}

# lab_firewall PORT: the hub's firewall lets nothing in but to this port, and what IPv6 needs to find a neighbour
lab_firewall() {
	at hub nft -f - <<-E
		table inet firewall {
			chain input {
				type filter hook input priority 0; policy drop;
				ct state established,related accept
				iifname "lo" accept
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
				tcp dport $1 accept
				udp dport $1 accept
			}
		}
	E
}

# ---- servers

# Everything under this mount namespace asks the lab's own DNS server
lab_dns() {
	mount -t tmpfs tmpfs /run || fail "no tmpfs on /run"
	resolv=$(readlink -m /etc/resolv.conf)
	mkdir -p "$(dirname "$resolv")" && { [ -e "$resolv" ] || : >"$resolv"; } || fail "no $resolv"
	echo 'nameserver 11.0.9.53' >"$lab/resolv.conf"
	mount --bind "$lab/resolv.conf" "$resolv" || fail "can't replace /etc/resolv.conf"
	cat >>"$lab/zone" <<-E
		www.lab-internet.com 11.0.9.9
		www.lab-internet.com 2600:11:9::9
		four.lab-internet.com 11.0.9.9
		six.lab-internet.com 2600:11:9::9
	E
	spawn dns net python3 "$e2e/dnsd.py" 11.0.9.53 "$lab/zone"
	await 10 "the DNS server" grep -q ready "$lab/dns.log"
}

lab_certificates() {
	mkdir "$lab/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=lab-ca \
		-keyout "$lab/tls/ca.key" -out "$lab/tls/ca.pem" 2>/dev/null &&
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=www.lab-internet.com \
		-keyout "$lab/tls/www.key" -out "$lab/tls/www.csr" 2>/dev/null &&
	echo 'subjectAltName=DNS:*.lab-internet.com,IP:11.0.9.9,IP:2600:11:9::9' >"$lab/tls/ext" &&
	openssl x509 -req -in "$lab/tls/www.csr" -CA "$lab/tls/ca.pem" -CAkey "$lab/tls/ca.key" -CAcreateserial -days 2 \
		-extfile "$lab/tls/ext" -out "$lab/tls/www.pem" 2>/dev/null || fail "openssl made no certificate"
}

# web NAME PLACE [tls]: nginx on port 80 (and 443), files in NAME.www, uploads with PUT; who asked is in NAME.access
web() {
	mkdir -p "$lab/$1.www" "$lab/$1.tmp"
	echo "this is $1" >"$lab/$1.www/index.html"
	cat >"$lab/$1.conf" <<-E
		user root root;
		daemon off; master_process off; pid $lab/$1.nginx; error_log $lab/$1.error;
		events { worker_connections 4096; }
		http {
			log_format who '\$remote_addr \$request \$status';
			access_log $lab/$1.access who;
			client_body_temp_path $lab/$1.tmp; proxy_temp_path $lab/$1.tmp; fastcgi_temp_path $lab/$1.tmp;
			uwsgi_temp_path $lab/$1.tmp; scgi_temp_path $lab/$1.tmp;
			sendfile on; default_type application/octet-stream;
			server {
				listen 80; listen [::]:80;
				${3:+listen 443 ssl; listen [::]:443 ssl;
				ssl_certificate $lab/tls/www.pem; ssl_certificate_key $lab/tls/www.key;}
				root $lab/$1.www; client_max_body_size 0; dav_methods PUT;
			}
		}
	E
	spawn "$1" "$2" nginx -p "$lab" -e "$lab/$1.error" -c "$lab/$1.conf"
	await 10 "nginx at $2" listening "$2" 80
}

# ssh_start: sshd at net, 11.0.9.9; ssh_at PLACE ARGUMENTS...: its client, which may log in there as root
ssh_start() {
	ssh-keygen -q -t ed25519 -N '' -f id && ssh-keygen -q -t ed25519 -N '' -f host || return 1
	cp id.pub authorized && chmod 600 authorized
	mkdir -p -m 755 /run/sshd
	spawn sshd net "$(command -v sshd)" -D -e -f /dev/null -h "$lab/host" -o ListenAddress=11.0.9.9 -o UsePAM=no \
		-o StrictModes=no -o AuthorizedKeysFile="$lab/authorized" -o PermitRootLogin=yes -o PidFile=none
	await 5 "sshd" listening net 22
}
ssh_at() {
	ssh_place=$1
	shift
	at "$ssh_place" ssh -F none -i "$lab/id" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR -o ConnectTimeout=20 "$@"
}
# can_ssh: both, unless they don't work here: then it says so, and fails
can_ssh() {
	if ! command -v ssh >/dev/null || ! command -v sshd >/dev/null || ! ssh_start; then
		say "not tried: ssh (OpenSSH's client and server are not installed)"
	elif ! ssh_at net root@11.0.9.9 true 2>direct.log; then
		# e.g. in a user namespace, where sshd can't change its user
		say "not tried: ssh does not work here even without a proxy: $(tail -n 1 direct.log)"
	else
		return 0
	fi
	return 1
}

# noise BYTES: that many unpredictable bytes, fast
noise() {
	openssl enc -aes-128-ctr -pass "pass:$1.$(date +%N)" -nosalt -pbkdf2 -iter 1 -in /dev/zero 2>/dev/null | head -c "$1"
}

sum() { sha256sum "$@" | cut -d' ' -f1; }

# ---- restunnel

# Configurations of their own, so that a test can add lines: hub_more goes to the tunnel's entry, hub_modules to the end
hub_conf() {
	cat >"$lab/hub.yaml" <<-E
		data-dir: $lab/hub
		log: {level: ${log_level:-info}, format: text}
		modules:
		  - module: keystore_file
		  - module: transport_noise
		    name: tunnel
		    role: hub
		    listen: ["0.0.0.0:9000", "[::]:9000"]
		    public: ${hub_public:-11.0.0.1:9000}
		    keystore: keystore_file
		${hub_more:-}
		  - module: frontend_socks5
		    listen: 127.0.0.1:1080
		    to: ${frontends_to:-tunnel}
		  - module: frontend_connect
		    listen: 127.0.0.1:1081
		    to: ${frontends_to:-tunnel}
		${hub_modules:-}
	E
}

# node_conf [NAME]: NAME.yaml, default node
node_conf() {
	cat >"$lab/${1:-node}.yaml" <<-E
		data-dir: $lab/${1:-node}
		log: {level: ${log_level:-info}, format: text}
		modules:
		  - module: keystore_file
		  - module: ipfilter
		${filter_more:-}
		  - module: exit_dialer
		    name: internet
		    filter: ipfilter
		  - module: transport_noise
		    role: node
		    keystore: keystore_file
		    to: internet
	E
}

# rt PLACE CONFIG VERB ARGUMENTS...
rt() {
	rt_place=$1 rt_conf=$2 rt_verb=$3
	shift 3
	at "$rt_place" $RESTUNNEL "$rt_verb" -c "$lab/$rt_conf.yaml" "$@"
}
hub() { rt hub hub "$@"; }
node() { rt node node "$@"; }

# run_hub, run_node [NAME]: start it; it is ready when its control socket answers
run_hub() {
	mkdir -p -m 700 "$lab/hub"
	spawn hub hub $RESTUNNEL run -c "$lab/hub.yaml"
	await 10 "the hub" answers hub hub
}
run_node() {
	mkdir -p -m 700 "$lab/${1:-node}"
	spawn "${1:-node}" node $RESTUNNEL run -c "$lab/${1:-node}.yaml"
	await 10 "the node" answers node "${1:-node}"
}
answers() {
	alive "$2" || fail "$2 has ended: $(tail -n 3 "$lab/$2.log")"
	rt "$1" "$2" status --json >"$lab/answer" 2>/dev/null && [ -s "$lab/answer" ]
}

# json FILE-or-'-' EXPRESSION: of Python, where d is the document; nothing for None
json() { python3 "$e2e/json_get.py" "$@"; }

# new_url [pair's arguments]: a pairing URL
new_url() { hub pair --json "$@" | json - 'd["url"]'; }

# pair_node [NAME]: make, enrol and run a node, until the tunnel is usable
pair_node() {
	node_conf "${1:-node}"
	mkdir -p -m 700 "$lab/${1:-node}"
	url=$(new_url --name "${1:-node}") && [ -n "$url" ] || fail "pair gave no URL"
	rt node "${1:-node}" enroll "$url" >"$lab/enroll.log" 2>&1 || fail "enroll: $(cat "$lab/enroll.log")"
	run_node "${1:-node}"
	check "the tunnel of ${1:-node} is usable" usable
}
# second_exit: `away`, elsewhere: the servers see 11.0.2.1, and it has no IPv6
second_exit() {
	place away
	link net toaway away up0
	address net toaway 11.0.2.254/24
	address away up0 11.0.2.1/24
	route away default 11.0.2.254
	node_conf away
	mkdir -m 700 away
	rt away away enroll "$(new_url --name away)" >enroll.away 2>&1 || fail "enroll: $(cat enroll.away)"
	run_away
}
run_away() {
	spawn away away $RESTUNNEL run -c "$lab/away.yaml"
	await $((20 * patience)) "the second exit" online away
}
usable() { hub status --wait=$((20 * patience)) >/dev/null; }

# online NAME: does the hub say so?
online() { [ "$(hub devices --json | json - "[x['online'] for x in d['devices'] if x['name'] == '$1'][0]")" = true ]; }

# via_socks, via_http CURL-ARGUMENTS...: from the hub's machine (-p: CONNECT for http:// too)
via_socks() { at hub curl -sS -m $((120 * patience)) --noproxy '' --cacert "$lab/tls/ca.pem" -x socks5h://127.0.0.1:1080 "$@"; }
via_http() { at hub curl -sS -m $((120 * patience)) --noproxy '' --cacert "$lab/tls/ca.pem" -p -x http://127.0.0.1:1081 "$@"; }

# a Python program of the tests, on the hub's machine
tool() {
	tool_name=$1
	shift
	at hub python3 "$e2e/$tool_name.py" "$@"
}

rss_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(pid_of "$1")/status"; }

# ---- beginning and end

# lab_start: the network, DNS, the web server; lab_start paired: also a hub and a node, ready
lab_start() {
	lab_network
	lab_dns
	lab_certificates
	web www net tls
	say "the lab is up"
	[ "${1:-}" = paired ] || return 0
	hub_conf
	run_hub
	pair_node
}

# well_ended: hub and node stop on SIGTERM with status 0 (a sanitizer's findings make it another)
well_ended() {
	for p in node hub; do
		stop $p || fail "$p ended with status $?"
	done
	say "ok: hub and node ended well"
	say "$test_name: passed"
}

lab_end() {
	if [ "$lab_status" != 0 ] && [ "$lab_status" != 77 ]; then
		for f in "$lab"/*.log; do
			[ -s "$f" ] || continue
			echo "---- the end of ${f##*/}:"
			tail -n 40 "$f"
		done
		# once more where it is seen: of a long log often only the end is kept
		[ ! -e "$lab/failed" ] || cat "$lab/failed"
	fi
	for f in "$lab"/*.pid "$lab"/place.*; do
		[ -e "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null
	done
}
