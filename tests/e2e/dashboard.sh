#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The dashboard without a browser: who is let in (Host, Origin, Sec-Fetch-Site, cookies, tokens), the API, events, metrics; a unix
# socket; a node. Clients that are slow, stuck or many, beside a download: it goes on as without them.
. "$(dirname "$0")/lab.sh"
[ -e "$RTUN_TEST_MODULE_DIR/dashboard_http.so" ] || case " ${RESTUNNEL_BUILD_KIND:-} " in
*" static "*) ;; *) skip "built without libmicrohttpd" ;; esac

echo 0123456789abcdef-metrics >"$lab/metrics.token"
chmod 600 "$lab/metrics.token"
hub_modules="
  - {module: frontend_socks5, name: for-browsers, listen: 127.0.0.1:1082, exit: node, to: tunnel}
  - {module: dashboard_http, proxy-pac: [\"away=127.0.0.1:1083\", \"node=127.0.0.1:1082\"]}
  - {module: dashboard_http, name: other, listen: \"unix:$lab/dash.sock\"}
  - {module: dashboard_http, name: scraped, listen: 127.0.0.1:8081, metrics-token-file: $lab/metrics.token, allow-users: [root]}
  - {module: dashboard_http, name: theirs, listen: [127.0.0.1:8082, \"unix:$lab/theirs.sock\"], allow-users: ['65534']}"
lab_start paired

link() { hub dashboard --on "${1:-dashboard_http}" --json | json - 'd["url"]'; }
dash() { tool dashboard "$@" || fail "dashboard.py $1"; }

dash matrix "$(link)" "$(link)"
say "ok: only the owner's own requests are let in"
dash unix "$lab/dash.sock" "$(link other)"
say "ok: and behind a unix socket"
same "which its owner and root may use" "ssh -L 8080:$lab/dash.sock root@$(uname -n)" "$(hub dashboard --on other --json | json - 'd["forward"]')"
dash events "$(link)"
say "ok: a snapshot, then updates"
hub commands --json | dash openapi "$(link)"
say "ok: the API is described"
dash limit "$(link)" node
say "ok: limits of an exit, by the API"
same "and the command line sees that they are gone" "" "$(hub devices --json | json - 'd["devices"][0]["down_limit_bps"]')"
dash logout "$(link)"
say "ok: logging out ends open event streams, and links"
dash pace "$(link)"
say "ok: who has no login waits for his turn, who has one does not"
mkfifo "$lab/new.link"
spawn hammer hub sh -c "python3 '$e2e/dashboard.py' hammer '$(link)' <'$lab/new.link'"
exec 9>"$lab/new.link"
await 10 "the wrong logins" grep -q ready "$lab/hammer.log"
link >&9
exec 9>&-
wait "$(pid_of hammer)" || fail "hammer: $(tail -n 5 "$lab/hammer.log")"
say "ok: who tries wrong logins without end keeps nobody out"

size=0
for f in "" page.css words.js talk.js exits.js page.js; do
	size=$((size + $(at hub curl -sSf "http://127.0.0.1:8080/$f" | wc -c)))
done
check "the page is below 60 KiB: $size bytes" [ $((size < 61440 && size > 20000)) = 1 ]

# ---- metrics

via_socks -o /dev/null http://www.lab-internet.com/
dash metrics "" 'restunnel_exit_up{exit="node"}' 'restunnel_exit_rtt_seconds{exit="node"}' 'restunnel_streams{exit="node"}' \
	'restunnel_exit_start_time_seconds{exit="node"}' 'restunnel_streams_total{exit="node",result="ok"}' 'restunnel_bytes_total{exit="node",direction="in"}' 'restunnel_knocks_total{result="opened"}'
at hub curl -sS http://127.0.0.1:8080/metrics >"$lab/metrics"
hub metrics >"$lab/metrics.cli"
same "the same metrics as on the command line" "$(sed 's/ .*//' "$lab/metrics.cli" | sort)" "$(sed 's/ .*//' "$lab/metrics" | sort)"
if command -v promtool >/dev/null; then check "promtool finds nothing" promtool check metrics <"$lab/metrics"; fi
code() { at hub curl -s -o /dev/null -w '%{http_code}' "$@"; }
same "a token, where one is asked for" 401 "$(code http://127.0.0.1:8081/metrics)"
same "a wrong one" 401 "$(code -H 'Authorization: Bearer 0123456789abcdef-metricz' http://127.0.0.1:8081/metrics)"
same "the right one" 200 "$(code -H 'Authorization: Bearer 0123456789abcdef-metrics' http://127.0.0.1:8081/metrics)"
same "programs of other users are not let in" 000 "$(code http://127.0.0.1:8082/)"
same "nor by the unix socket" 000 "$(code --unix-socket "$lab/theirs.sock" http://localhost/)"
same "which is open to all that they may be told" 666 "$(stat -c %a "$lab/theirs.sock")"

# ---- a proxy auto-configuration

same "the first one" 'function FindProxyForURL(url, host) { return "SOCKS5 127.0.0.1:1083"; }' "$(at hub curl -s http://127.0.0.1:8080/proxy.pac)"
same "by name" 'function FindProxyForURL(url, host) { return "SOCKS5 127.0.0.1:1082"; }' "$(at hub curl -s 'http://127.0.0.1:8080/proxy.pac?exit=node')"
same "none of that name" 404 "$(code 'http://127.0.0.1:8080/proxy.pac?exit=nod')"
same "nor where none is wanted" 404 "$(code http://127.0.0.1:8081/proxy.pac)"

# ---- hostile clients beside a download

noise 24000000 >"$lab/www.www/big"
before=$(sum "$lab/www.www/big")
hub_kib=$(rss_kib hub)
spawn hostile hub python3 "$e2e/dashboard.py" hostile "$(link)"
await 20 "the hostile clients" grep -q ready "$lab/hostile.log"
spawn big hub curl -sS --limit-rate 4M -x socks5h://127.0.0.1:1080 -o "$lab/big" http://www.lab-internet.com/big
while alive big; do
	via_socks -o /dev/null -w '%{time_total}\n' http://www.lab-internet.com/ >>"$lab/small" || fail "a small request beside them"
	sleep 0.1
done
check "small requests, too: p50 $(quantile small 0.5) s, the slowest $(quantile small 1) s" [ "$(quantile small 1 | sed 's/\..*//')" -lt $((3 * patience)) ]
same "a download beside them" "$before" "$(sum "$lab/big")"
: >"$lab/hostile.stop"
wait "$(pid_of hostile)" || fail "hostile clients: $(tail -n 5 "$lab/hostile.log")"
say "ok: beside them $(tail -n 1 "$lab/hostile.log")"
say "memory: hub $hub_kib, then $(rss_kib hub) KiB"
# AddressSanitizer keeps for a while what was freed
[ -n "$sanitized" ] || check "memory is as it was, nearly" [ "$(rss_kib hub)" -lt $((hub_kib + 16384)) ]

# ---- a session outlives a restart; logging out ends all of them

cookies() { at hub curl -sS -b "$lab/jar" -c "$lab/jar" "$@"; }
token=$(cookies -H 'Content-Type: application/json' -d "{\"token\":\"$(link | sed 's/.*=//')\"}" http://127.0.0.1:8080/api/v1/login | json - 'd["token"]')
status() { cookies -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/api/v1/status; }
same "logged in" 200 "$(status)"
stop hub || fail "the hub ended with status $?"
run_hub
await 10 "the same login after a restart" test "$(status)" = 200
same "all are logged out" 200 "$(cookies -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -H "X-Restunnel-Token: $token" http://127.0.0.1:8080/api/v1/logout)"
same "so this one" 401 "$(status)"

# ---- where it may listen

refuse() { # refuse CODE TEXT: the configuration on standard input
	cat >"$lab/c.yaml"
	not at hub $RESTUNNEL check -c "$lab/c.yaml" --json >"$lab/check.json" || fail "$2: check found nothing"
	same "$2" "$1" "$(json "$lab/check.json" 'd["errors"][0]["code"]')"
}
printf 'data-dir: %s/x\nmodules:\n  - {module: dashboard_http, proxy-pac: "home=x\\";alert(1)"}\n' "$lab" | refuse bad-value "no script in a name"
printf 'data-dir: %s/x\nmodules:\n  - {module: dashboard_http, listen: "0.0.0.0:8080"}\n' "$lab" | refuse not-loopback "never beyond loopback"
printf 'data-dir: %s/x\nmodules:\n  - {module: dashboard_http, allow-users: [no-such-user]}\n' "$lab" | refuse bad-value "allow-users are users"
{ cat "$lab/node.yaml"; echo '  - {module: dashboard_http}'; } | refuse listen-port "a node listens on no port"
cp "$lab/node.yaml" "$lab/n.yaml"
echo "  - {module: dashboard_http, listen: \"unix:$lab/node.sock\"}" >>"$lab/n.yaml"
stop node || fail "the node ended with status $?"
mv "$lab/n.yaml" "$lab/node.yaml"
run_node
check "the tunnel is usable again" usable
there() { at node curl -sS --unix-socket "$lab/node.sock" -b "$lab/jar.node" -c "$lab/jar.node" "$@"; }
token=$(node dashboard --json | json - 'd["url"].split("=")[1]')
there -o /dev/null -H 'Content-Type: application/json' -d "{\"token\":\"$token\"}" http://localhost/api/v1/login
same "but on a unix socket, and shows its hubs there" true "$(there http://localhost/api/v1/hubs | json - 'd["hubs"][0]["online"]')"
same "of the verbs, only those of a node" "forget" "$(there http://localhost/api/v1/commands | json - '" ".join(c["name"] for c in d["commands"] if c["name"] in ("forget", "revoke") and c["instances"])')"
check "nobody listens at the node" [ -z "$(at node ss -Hltn)" ]
well_ended
