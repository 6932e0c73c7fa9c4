#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The programs of doc/clients.md, with and without a challenge, with a missing, an empty and a real password: the last table
# there says what each of them does, and the web server, which exit it did it from. Programs that are not installed are skipped.
# Arguments are rows to try, without any all are. RTUN_CLIENTS_SHOW=1 prints what was found instead of comparing it.
. "$(dirname "$0")/lab.sh"
# An `optional` entry leads elsewhere than home: whose username got lost is seen there
hub_modules='  - {module: frontend_socks5, name: socks-optional, listen: 127.0.0.1:1180, exit: away, to: tunnel}
  - {module: frontend_socks5, name: socks-required, listen: 127.0.0.1:1181, username: required, to: tunnel}
  - {module: frontend_socks5, name: socks-exit, listen: 127.0.0.1:1182, username: off, exit: home, to: tunnel}
  - {module: frontend_connect, name: http-optional, listen: 127.0.0.1:1190, exit: away, to: tunnel}
  - {module: frontend_connect, name: http-required, listen: 127.0.0.1:1191, username: required, to: tunnel}
  - {module: frontend_connect, name: http-exit, listen: 127.0.0.1:1192, username: off, exit: home, to: tunnel}'
lab_start
hub_conf
run_hub
pair_node home
second_exit
spawn origin net python3 "$e2e/origin.py" 11.0.9.9 8080
await 10 "the websocket server" grep -q ready origin.log

# ---- what is fetched

host=four.lab-internet.com
export HOME="$lab" GIT_TERMINAL_PROMPT=0 NODE_EXTRA_CA_CERTS="$lab/tls/ca.pem" NODE_PATH=/usr/share/nodejs SSL_CERT_FILE="$lab/tls/ca.pem" \
	REQUESTS_CA_BUNDLE="$lab/tls/ca.pem" GIT_SSL_CAINFO="$lab/tls/ca.pem" MOZ_HEADLESS=1 MOZ_CRASHREPORTER_DISABLE=1
git init -q --bare www.www/repo.git && (cd www.www/repo.git && git update-server-info) || fail "git init"
{
	echo '<!DOCTYPE html><title>page</title>'
	seq 100 | sed 's|.*|<img src="/i/&.svg">|'
	cat <<-'S'
		<script>
		onload = () => {
			const ws = new WebSocket('ws://11.0.9.9:8080/ws/frames')
			ws.onopen = () => ws.send('hello')
			ws.onmessage = m => fetch('/done?' + m.data)
		}
		</script>
	S
} >www.www/page.html
mkdir www.www/i
for i in $(seq 100); do echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >www.www/i/$i.svg; done
python=
for p in python3 /usr/bin/python3; do "$p" -c 'import requests, socks' 2>/dev/null && { python=$p; break; }; done
can_ssh && ssh=yes || ssh=

# ---- the programs: each is given $scheme $login $port, and $user $pass

proxy() { echo "${1:-http}://${login}127.0.0.1:$port"; }
url() { echo "${1:-http}://$host/"; }
have() { command -v "$1" >/dev/null; }
# not the function of that name
has_module() { env node -e "require('$1')" 2>/dev/null </dev/null; }
fetch_curl() { at hub curl -sfSp -m 20 --noproxy '' --cacert tls/ca.pem -o body "$@"; }
fetch_ssh() {
	# the address goes where the web server writes its own
	ssh_at hub -o ProxyCommand="ncat $1 ${user:+--proxy-auth $user${pass+:$pass}} --proxy 127.0.0.1:$port %h %p" root@11.0.9.9 \
		"echo \"\${SSH_CLIENT%% *} ssh\" >>$lab/www.access"
}
fetch_proxychains() {
	printf '%s\n' strict_chain quiet_mode proxy_dns '[ProxyList]' "socks5 127.0.0.1 $port $user ${pass-}" >chains
	at hub proxychains4 -q -f chains curl -sfS -m 20 -o body "$(url)"
}

can_curl() { :; }
c_curl_socks5() { fetch_curl -x "$(proxy socks5h)" "$(url)"; }
c_curl_socks4() { fetch_curl -x "$(proxy socks4a)" "$(url)"; }
c_curl_http() { at hub curl -sfS -m 20 --noproxy '' -o body -x "$(proxy)" "$(url)"; }
c_curl_https() { fetch_curl -x "$(proxy)" "$(url https)"; }
c_curl_anyauth() { fetch_curl --proxy-anyauth -x "$(proxy)" "$(url)"; }
can_wget() { have wget; }
c_wget_http() { at hub env http_proxy="$(proxy)" wget -q -t 1 -T 20 -O body "$(url)"; }
c_wget_https() { at hub env https_proxy="$(proxy)" wget -q -t 1 -T 20 --ca-certificate=tls/ca.pem -O body "$(url https)"; }
can_git() { have git; }
c_git_socks5() { at hub git -c http.proxy="$(proxy socks5h)" ls-remote "$(url)repo.git"; }
c_git_http() { at hub git -c http.proxy="$(proxy)" ls-remote "$(url)repo.git"; }
c_git_https() { at hub git -c http.proxy="$(proxy)" ls-remote "$(url https)repo.git"; }
can_apt() { [ -x /usr/lib/apt/apt-helper ]; }
fetch_apt() { at hub /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=0 -o Acquire::http::Proxy="$1" download-file "$(url)" body.apt; }
c_apt_socks5() { fetch_apt "$(proxy socks5h)"; }
c_apt_http() { fetch_apt "$(proxy)"; }
can_ssh_by() { [ -n "$ssh" ] && have ncat; }
c_ssh_socks5() { fetch_ssh "--proxy-type socks5 --proxy-dns remote"; }
c_ssh_http() { fetch_ssh "--proxy-type http"; }
can_requests() { [ -n "$python" ]; }
fetch_python() { at hub "$python" "$e2e/clients.py" "$@"; }
c_requests_socks5() { fetch_python requests "$(proxy socks5h)" "$(url)"; }
c_requests_http() { fetch_python requests "$(proxy)" "$(url)"; }
c_requests_https() { fetch_python requests "$(proxy)" "$(url https)"; }
can_urllib() { [ -n "$python" ]; }
c_urllib_socks5() { fetch_python pysocks "$(proxy socks5h)" "$(url)"; }
c_urllib_http() { fetch_python urllib "$(proxy)" "$(url)"; }
c_urllib_https() { fetch_python urllib "$(proxy)" "$(url https)"; }
can_undici() { has_module undici; }
fetch_node() { at hub node "$e2e/clients.js" "$@"; }
c_undici_http() { fetch_node undici "$(proxy)" "$(url)"; }
can_axios() { has_module axios; }
c_axios_http() { fetch_node axios "$(proxy)" "$(url)"; }
can_agent() { has_module https-proxy-agent; }
c_agent_https() { fetch_node agent "$(proxy)" "$(url https)"; }
can_aria2() { have aria2c; }
c_aria2_http() { at hub aria2c -q --connect-timeout=20 -d "$lab" -o body.aria2 --allow-overwrite=true --http-proxy="$(proxy)" "$(url)"; }
can_proxychains() { have proxychains4; }
c_proxychains_socks5() { fetch_proxychains; }

# Browsers stay: the page has a hundred pictures, then a websocket, then it tells the server that it is done
page_done() { tail -n "+$((before + 1))" www.access | grep -q "GET /done?hello"; }
logins_refused() { hub metrics | sed -n "s/^restunnel_frontend_connections_total{frontend=\"$1\",result=\"login\".*} //p" | grep . || echo 0; }
was_refused() { [ "$(logins_refused $kind-required)" -gt "$refused_before" ]; }
page_over() { alive browser || return 0; if [ "$entry" = required ]; then was_refused; else page_done; fi; }
browse() {
	kind=$1 refused_before=$(logins_refused "$1-required")
	shift
	[ -z "${preferences:-}" ] || printf '%s\n' "$preferences" >"$profile/user.js"
	spawn browser hub "$@"
	await $((40 * patience)) "the page in $1" page_over
	stop browser KILL 2>/dev/null
	page_done || return 1
	same "all pictures" 100 "$(tail -n "+$((before + 1))" www.access | grep -c ' GET /i/')" >&2
	same "the websocket" "GET /ws/frames 11.0.1.1" "$(tail -n 1 origin.log | cut -d' ' -f1-3)" >&2
}
can_chromium() { have chromium; }
new_profile() { profile=$(mktemp -d "$lab/profile.XXXXXX"); }
chromium_by() {
	new_profile
	browse "$1" chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir="$profile" --proxy-server="$2://127.0.0.1:$port" \
		"http://$host/page.html"
}
c_chromium_socks5() { chromium_by socks socks5; }
c_chromium_http() { chromium_by http http; }
can_firefox() { have firefox-esr; }
firefox_by() {
	new_profile
	preferences='user_pref("network.proxy.type", 1);
user_pref("network.proxy.socks_remote_dns", true);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("services.settings.server", "data:,#");
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("dom.security.https_first", false);'
	for p in $2; do preferences="$preferences
user_pref(\"network.proxy.$p\", \"127.0.0.1\");
user_pref(\"network.proxy.${p}_port\", $port);"; done
	browse "$1" firefox-esr --headless --no-remote --profile "$profile" "http://$host/page.html"
	browse_status=$?
	preferences=
	return $browse_status
}
c_firefox_socks5() { firefox_by socks socks; }
c_firefox_http() { firefox_by http "http ssl"; }

# ---- the table

# outcome ID ENTRY LOGIN: what it did
outcome() {
	entry=$2 login=$3 before=$(wc -l <www.access)
	user=${login%%[:@]*}
	case $login in *:*) pass=${login#*:} pass=${pass%@} ;; *) unset pass ;; esac
	case $1 in *socks*) port=118 ;; *) port=119 ;; esac
	case $entry in optional) port=${port}0 ;; required) port=${port}1 ;; exit) port=${port}2 ;; esac
	if "c_$1" >client.log 2>&1 </dev/null; then
		await 5 "an entry in the server's log ($1)" more_access
	fi
	case $(tail -n "+$((before + 1))" www.access | cut -d' ' -f1 | sort -u | xargs) in
	11.0.1.1) echo home ;;
	11.0.2.1) echo default ;;
	"") echo refused ;;
	*) echo both ;;
	esac
}
more_access() { [ "$(wc -l <www.access)" -gt "$before" ]; }

sed -n '/^| program | `home@`/,/^$/{/^|[ -]*program/d; /^|---/d; s/[|`*]/ /g; p}' "$RESTUNNEL_SRC/doc/clients.md" >table
: >skipped
rows_wanted=$*
# It is about those programs, not about this one: sanitizers look at a few
[ -z "$sanitized" ] || : "${rows_wanted:=curl_socks5 curl_socks4 git_https requests_http chromium_socks5}"
judge_row() {
	id=$1
	shift
	program=${id%%_*}
	[ "$program" != ssh ] || program=ssh_by
	"can_$program" || { echo "$program" >>skipped; return 0; }
	found=
	for cell in "optional home@" "optional home:@" "optional home:x@" "required " "required home@" "required home:@" "required home:x@" "exit "; do
		expected=${1--}
		[ $# = 0 ] || shift
		if [ "$expected" = - ]; then found="$found -"; continue; fi
		was=$(outcome "$id" "${cell% *}" "${cell#* }")
		found="$found $was"
		[ -n "${RTUN_CLIENTS_SHOW:-}" ] || [ "$was" = "$expected" ] || fail "$id, $cell: expected $expected, found $was: $(tail -n 3 client.log)"
	done
	say "ok: $id:$found"
}
rows=0
while read -r row; do
	[ -n "$row" ] || continue
	rows=$((rows + 1))
	case " ${rows_wanted:-${row%% *}} " in *" ${row%% *} "*) ;; *) continue ;; esac
	# shellcheck disable=SC2086
	judge_row $row
done <table
check "there is a table" [ "$rows" -gt 20 ]
[ ! -s skipped ] || say "skipped, because not installed: $(sort -u skipped | xargs)"
for p in home away hub; do stop $p || fail "$p ended with status $?"; done
say "$test_name: passed"
