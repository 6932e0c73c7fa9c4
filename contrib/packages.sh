# SPDX-License-Identifier: BSD-2-Clause
#
# packages.sh - what restunnel's build and tests need on Debian and Ubuntu. Sourced by quickstart and test:
#
#	need_packages $build_packages ...	installs those that are missing, and says so

build_packages="gcc make libc6-dev autoconf automake libtool pkg-config libev-dev libsodium-dev libyaml-dev libc-ares-dev
	libjansson-dev libqrencode-dev libpng-dev libssl-dev libseccomp-dev libmicrohttpd-dev"
demo_packages="iproute2 util-linux curl python3"
test_packages="$demo_packages check faketime nftables nginx openssl procps ncat netcat-openbsd openssh-client openssh-server systemd
	nmap bind9-dnsutils git wget aria2 proxychains4 python3-requests python3-socks prometheus logrotate"
# Ubuntu has browsers as snaps only: there, tests/e2e/clients.sh does without them and without Node
if grep -qs '^ID=debian' /etc/os-release; then
	test_packages="$test_packages chromium chromium-driver python3-html5lib zbar-tools firefox-esr nodejs node-undici node-axios node-https-proxy-agent"
fi

missing_packages() {
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || printf '%s ' "$package"
	done
}

# No service of a package that only tests need (nginx, sshd) may start: policy-rc.d forbids it while apt-get runs. A policy
# that is already there stays.
without_services() {
	policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then "$@"; return; fi
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null && $as_root chmod 755 $policy
	"$@"
	without_services_status=$?
	$as_root rm -f $policy
	return $without_services_status
}

need_packages() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		echo "This is not Debian or Ubuntu: nothing is installed. Needed are what these packages hold: $*" >&2
		return 0
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	as_root=
	if [ "$(id -u)" != 0 ]; then
		as_root=sudo
		command -v sudo >/dev/null || { echo "Run this as root first, or: apt-get install $missing" >&2; return 1; }
	fi
	echo "Installing what is missing: $missing"
	apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0"
	packages_log=$(mktemp)
	# shellcheck disable=SC2086
	if $apt update >"$packages_log" 2>&1 && without_services $apt install -y --no-install-recommends $missing >>"$packages_log" 2>&1; then
		rm -f "$packages_log"
	else
		tail -n 20 "$packages_log" >&2
		rm -f "$packages_log"
		echo "apt-get could not install them" >&2
		return 1
	fi
}
