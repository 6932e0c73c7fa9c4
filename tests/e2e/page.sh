#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The dashboard's page in a real Chromium: logged in by the link, a real node paired from the QR code on the screen, seen to come
# online, a download that moves the graph, renamed, revoked, its streams die; the hub restarts; screenshots go to page.shots.
. "$(dirname "$0")/lab.sh"
[ -e "$RTUN_TEST_MODULE_DIR/dashboard_http.so" ] || case " ${RESTUNNEL_BUILD_KIND:-} " in
*" static "*) ;; *) skip "built without libmicrohttpd" ;; esac
for tool in chromium chromedriver zbarimg; do
	command -v $tool >/dev/null || skip "$tool is not installed (see contrib/test)"
done

browser() { at hub python3 "$e2e/web.py" "$lab/browser" "$@" 2>"$lab/browser.error" || fail "in the browser: $1 ${2:-}: $(cat "$lab/browser.error")"; }
console() { at hub python3 "$e2e/web.py" "$lab/browser" errors 2>"$lab/console"; }
named() { browser named >"$lab/named" && say "ok: all that is seen has a name$1: $(cat "$lab/named")"; }
sees() { browser until $((20 * patience)) "$2" >/dev/null && say "ok: $1"; }
# act EXIT WHAT: from the exit's menu
act() {
	browser click "[aria-label='Actions for $1']"
	browser click "[aria-label='$2 $1']"
}
shot() { browser shot "$shots/$1.png"; }
# whole STATE: the document as it is then
whole() {
	browser html "$lab/page.html"
	check "the page is right: $1" /usr/bin/python3 "$e2e/valid.py" "$lab/page.html"
}
shots=$RESTUNNEL_BUILD/tests/e2e/page.shots
mkdir -p "$shots"

hub_modules="
  - {module: frontend_socks5, name: for-browsers, listen: 127.0.0.1:1082, exit: home, to: tunnel}
  - {module: frontend_connect, name: for-git, listen: 127.0.0.1:1084, username: required, to: tunnel}
  - module: dashboard_http"
lab_start
hub_conf
run_hub
spawn driver hub chromedriver --port=9515
await 20 "chromedriver" listening hub 9515
browser start
browser desktop

browser go http://127.0.0.1:8080/
sees "without a login it asks for one" '!document.querySelector("#login").hidden && document.querySelector("#live").hidden'
shot login
console && fail "the console should have told of the 401"
check "and nothing else is wrong" not grep -v ' 401 ' "$lab/console"
browser go "$(hub dashboard --json | json - 'd["url"]')"
sees "the link logs in" '!document.querySelector("#live").hidden'
sees "the link has left the address" '!location.hash'
sees "empty: the pairing card is open" '!document.querySelector("#pair-form").hidden && /No device/.test(document.querySelector("h1").textContent)'
whole "empty"
named " when empty"
shot empty

# ---- pairing

browser type '#pair-name' home
browser key Enter
sees "a link and its QR code" 'document.querySelector("#pair-qr svg") && !document.querySelector("#pair-open-one").hidden'
whole "pairing"
named " when pairing"
shot pair
browser shot "$lab/qr.png" '#pair-qr svg'
url=$(zbarimg -q --raw "$lab/qr.png" 2>/dev/null)
same "the QR code is the link" "$(browser js 'document.querySelector("#pair-url").textContent')" "$url"
node_conf
echo "  - {module: dashboard_http, listen: \"unix:$lab/node.sock\"}" >>node.yaml
mkdir -p -m 700 "$lab/node"
node enroll "$url" >"$lab/enroll.log" || fail "enroll: $(cat "$lab/enroll.log")"
sees "the card closes by itself" 'document.querySelector("#pair").hidden && /home has arrived/.test(document.querySelector("#arrived-text").textContent)'
fingerprint=$(hub devices --json | json - 'd["devices"][0]["fingerprint"]')
sees "with the key's fingerprint" "document.querySelector('#arrived-text').textContent.includes('$fingerprint')"
run_node
sees "online, without a reload" 'document.querySelector("h1").textContent === "Everything leaves through home (11.0.1.1)"'
sees "said to a screen reader" '/home is online/.test(document.querySelector("#say").textContent)'

# ---- traffic

truncate -s 1G "$lab/www.www/big"
rate() { browser js '[...document.querySelectorAll(".rate .d")].map(e => e.textContent)[0]'; }
same "nothing flows" "↓ 0 bit/s" "$(rate)"
spawn get hub curl -sS -m 500 -x socks5h://home:x@127.0.0.1:1080 --limit-rate 2M -o /dev/null http://www.lab-internet.com/big
sees "a download moves the figures" '/Mbit/.test(document.querySelector(".rate .d").textContent)'
sees "and the graph" '/L\d+ [0-9.]+L/.test(document.querySelector(".graph path.d").getAttribute("d"))'
sees "which has words, too" '/peak [0-9.]+ [kM]bit/.test(document.querySelector(".graph title").textContent)'
sees "it is counted" '[...document.querySelectorAll("td")].some(e => e.dataset.label === "Streams" && e.textContent === "1")'
via_socks http://home:x@127.0.0.1/ >/dev/null 2>&1
sees "a refusal, in words" '/filter refused/.test(document.querySelector("#refusals").textContent)'
flood='({ length: 300 }, (x, i) => ({ seq: 1e9 + i, at: now(), event: "stream.refused", fields: { target: "a.bc:80", frontend: "f", result: "no_exit" } }))'
browser js "take('update', version, { at: now(), patch: null, news: Array.from$flood })" >/dev/null
sees "a flood of refusals hides nothing else" '/home was paired/.test(document.querySelector("#news-list").textContent) && /Refused/.test(document.querySelector("#news-list").textContent)'
shot light
browser dark
shot dark
browser phone
sees "no sideways scrolling on a phone" 'document.documentElement.scrollWidth <= 390'
shot phone
browser light
browser desktop
named ""
check "a screen reader finds the graph" grep -q image "$lab/named"

# ---- zoom, keyboard

browser size 590 450
sees "nor at 200 %" 'document.documentElement.scrollWidth <= 590'
browser desktop
browser js 'document.querySelector("[aria-label=\"Actions for home\"]").focus()' >/dev/null
browser key Enter
browser key Tab
sees "a menu by keyboard" 'document.activeElement.textContent === "Details" && document.activeElement.offsetParent'
browser key Escape
sees "Escape closes it, and the focus is where it was" '!document.querySelector(".menu[open]") && document.activeElement.matches("summary")'
browser key Enter
browser key Tab
browser key Enter
sees "details" 'document.querySelector("#about").open && /no limit/.test(document.querySelector("#about-facts").textContent)'
named " in a dialog"
browser key Escape
before=$(browser js heardAt)
sees "the focus outlives updates" "heardAt > $before + 2000 && document.activeElement.matches('summary')"

# ---- snippets

choose() { browser js "(() => { document.querySelector('#snippet-for').value = '$1'; document.querySelector('#snippet-exit').value = '$2'; renderSnippets(); })()" >/dev/null; }
snippet() { # snippet PROGRAM EXIT LINE
	choose "$1" "$2"
	same "$1 through ${2:-the best}" "$3" "$(browser js 'document.querySelector("#snippet").textContent' | sed -n 1p)"
}
snippet curl "" 'curl -x socks5h://127.0.0.1:1080 https://example.com/'
snippet curl home 'curl -x socks5h://127.0.0.1:1082 https://example.com/'
snippet "the environment" home 'export http_proxy=http://home:x@127.0.0.1:1084 https_proxy=http://home:x@127.0.0.1:1084 HTTPS_PROXY=http://home:x@127.0.0.1:1084'
snippet git home 'git -c http.proxy=socks5h://127.0.0.1:1082 clone https://example.com/project.git'
snippet Docker "" 'docker run --rm --network host -e http_proxy=http://127.0.0.1:1081 -e https_proxy=http://127.0.0.1:1081 curlimages/curl https://example.com/'
choose curl home
same "the line works as it stands" "this is www" "$(at hub sh -c "$(browser js 'document.querySelector("#snippet").textContent' | sed 's|curl|curl -sS -m 60|; s|https://example.com|http://www.lab-internet.com|')")"
entry() { # entry OPTIONS-OF-THE-ENTRY EXIT USERNAME: what its address begins with
	same "for '$2', where $1" "$3" "$(browser js "userOf({exit: '', username: 'optional', $1}, '$2')")"
}
entry "username: 'required'" "" any:x@
entry "username: 'off'" home null
entry "username: 'off', exit: 'home'" home ""
entry "exit: 'home'" away away:x@
entry "exit: 'home'" "" any:x@
entry "users: '/users'" home USER-exit-home:PASSWORD@
entry "users: '/users'" tag-fast USER-tag-fast:PASSWORD@
entry "users: '/users', exit: 'home'" home USER:PASSWORD@
entry "users: '/users'" "" USER:PASSWORD@
same "a unix socket is forwarded first" "127.0.0.1:1080 /run/s" "$(browser js '(a => a.at + " " + a.path)(addressOf({scheme: "socks5h", unix: true, listen: "unix:/run/s", exit: ""}, ""))')"

# ---- changes

fits='[...document.querySelectorAll("#exits *, #news *, #health *")].every(e => e.closest("svg, .sr, thead") || e.getBoundingClientRect().right <= e.closest("section").getBoundingClientRect().right) && document.documentElement.scrollWidth <= innerWidth'

act home Tags
browser type '#ask-input' 'mobile fast'
browser key Enter
sees "tagged" 'document.querySelectorAll(".tag").length === 2'
act home 'Make default'
browser click '#ask-yes'
sees "the default exit" '/default/.test(document.querySelector("#exit-rows th").textContent) && /through home only/.test(document.querySelector("#default-exit").textContent)'
same "on the hub, too" home "$(hub devices --json | json - 'd["default"]')"
same "with another one online, which may be asked for" "All 2 exits are online; what names no exit leaves through home (11.0.1.1)" \
	"$(browser js '(() => { const l = answers("devices")[0].devices; l.push({ ...l[0], name: "other", default: false }); const s = sentence(); l.pop(); return s; })()')"
sees "it can't be made so twice" 'document.querySelector("[aria-label=\"Make default home\"]").hidden'
hub default any >/dev/null || fail "default any"
sees "and none again" '!document.querySelector("#default-exit button") && !/default/.test(document.querySelector("#exit-rows th").textContent)'
hub default home >/dev/null || fail "default"
sees "one made in a terminal" 'document.querySelector("#default-exit button")'
browser click '#default-exit button'
browser click '#ask-yes'
none_default() { [ "$(hub devices --json | json - 'd["default"]')" = "" ]; }
await $((10 * patience)) "the best one to be used instead" none_default
act home Rename
browser clear '#ask-input'
browser type '#ask-input' 'Bad Name'
browser click '#ask-yes'
sees "a bad name is refused, with the reason" 'document.querySelector("#ask").open && document.querySelector("#ask-error").textContent.length > 10'
browser clear '#ask-input'
browser type '#ask-input' 'living-room'
browser key Enter
sees "renamed" 'document.querySelector(".name").textContent === "living-room"'
same "on the hub, too" living-room "$(hub devices --json | json - 'd["devices"][0]["name"]')"
browser click '#verbs summary'
verbs=$(hub commands --json | json - 'len([c for c in d["commands"] if not c["module"] or c["instances"]])')
sees "every verb of a hub is there, and none of a node" "document.querySelectorAll('.verb').length === $verbs && !/forget/.test(document.querySelector('#verb-list').textContent)"
form() { echo "[...document.querySelectorAll('.verb')].find(v => v.querySelector('summary').textContent.startsWith('$1 '))"; }
browser js "$(form limit).open = true" >/dev/null
sees "the form of one" 'document.querySelector("#v-limit-device")'
browser type '#v-limit-device' living-room
browser type '#v-limit-streams' 7
browser type '#v-limit-down' 200Mbit
browser key Enter
sees "limits, by its form" "/Streams at once: 7/.test($(form limit).querySelector('.answer').textContent)"
same "on the hub, too" "7 200000000 None" "$(hub devices --json | json - '" ".join(str(d["devices"][0][k]) for k in ("streams_limit", "down_limit_bps", "up_limit_bps"))')"
browser clear '#v-limit-down'
browser type '#v-limit-down' fast
browser key Enter
sees "what is no rate is refused, with the reason" "/does not begin with a number/.test($(form limit).querySelector('.answer').textContent)"
browser click '#pair-open'
browser type '#pair-name' 'never-comes'
browser key Enter
sees "another link" '!document.querySelector("#pair-open-one").hidden'
hub withdraw never-comes >/dev/null || fail "withdraw"
sees "withdrawn in a terminal" '/The link was withdrawn/.test(document.querySelector("#pair-error").textContent) && document.querySelector("#pair-open-one").hidden'
sees "the focus is where a new one is made" 'document.activeElement.id === "pair-name"'
browser key Enter
sees "a new one" '!document.querySelector("#pair-open-one").hidden && !document.querySelector("#pair-error").textContent'
hub pair --name elsewhere --json >/dev/null || fail "pair"
sees "one that was made elsewhere" '/The link for elsewhere: made just now, good for/.test(document.querySelector("#links").textContent)'
shot links
browser click '[aria-label="Withdraw the link for elsewhere"]'
sees "withdrawn" 'document.querySelector("#links").hidden'
no_link() { [ "$(hub pairings --json | json - 'len(d["pairings"])')" = 0 ]; }
browser click '#pair-close'
await $((10 * patience)) "closing the card to withdraw its link" no_link
browser js "$(form pair).open = true" >/dev/null
browser js "$(form pair).querySelector('button').click()" >/dev/null
sees "a time to come is told as one" "/Valid until: in 1[45] min/.test($(form pair).querySelector('.answer').textContent)"
browser js "$(form 'passwd of frontend_socks5').open = true" >/dev/null
sees "one that two modules have says whose it is" 'document.querySelector("#v-passwd-name-frontend_socks5")'
browser type '#v-passwd-name-frontend_socks5' someone
browser type '#v-passwd-password-frontend_socks5' secret
browser key Enter
sees "and goes to it" "/users-file/.test($(form 'passwd of frontend_socks5').querySelector('.answer').textContent)"
whole "with commands"
named " with commands"

browser js "(() => { if (unsaid.length) unsaid = ['']; const s = status(), real = s.alerts; s.alerts = [{code: 'c', text: 'of a moment', remedy: ''}]; renderAlerts(); s.alerts = real; renderAlerts(); for (const n of [1, 1, 2, 3, 4]) say('thing ' + n); })()" >/dev/null
sees "an alert that is over is not said; what is said twice is said once, and of many the first three" 'document.querySelector("#say").textContent === "thing 1. thing 2. thing 3. And 1 more."'

# odd() is a verb of another module
browser js 'window.odd = (rows) => { commands.push({name: "odd", live: true, module: "m", instances: ["m"], args: [], view: [{field: "name", label: "NAME", type: "text"}], view_items: "odds"}); state.verbs.odd = {m: {odds: rows}}; render(); const t = [...document.querySelectorAll("#tables td")].map(e => e.textContent).join(); delete state.verbs.odd; commands.pop(); render(); return t; }' >/dev/null
same "a module's odd rows harm no page" '–,–,good' "$(browser js 'odd([null, "text", {name: "good"}])')"
same "nor does what is no list" '–' "$(browser js 'odd("text")')"
same "the list does not grow" "$verbs" "$(browser js 'document.querySelectorAll(".verb").length')"
long=a-name-as-long-as-names-may-be-x
hub rename living-room $long >/dev/null || fail "rename"
sees "the longest name" "document.querySelector('.name').textContent === '$long'"
sees "nothing sticks out" "$fits"
shot long
browser tablet
sees "nor on a tablet" "$fits"
browser phone
sees "nor on a phone" "$fits"
browser desktop
hub rename $long living-room >/dev/null || fail "rename"
sees "named as before" 'document.querySelector("[aria-label=\"Revoke living-room\"]")'

# ---- the page of the node: on a unix socket, to which ssh leads

if can_ssh; then
	spawn forward hub ssh -F none -i "$lab/id" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-N -L "127.0.0.1:8090:$lab/node.sock" root@11.0.9.9
	await 10 "the way to the node's page" listening hub 8090
	browser go "$(node dashboard --json | json - 'd["url"]' | sed 's|//[^/]*|//localhost:8090|')"
	sees "a node's page says where it is connected" 'document.querySelector("h1").textContent === "Connected to 11-0-0-1"'
	sees "and shows its own traffic" '/↑ .*Mbit/.test(document.querySelector("#tables .rate").textContent) && /L\d+ [0-9.]+L/.test(document.querySelector("#tables .graph path.u").getAttribute("d"))'
	sees "no exits, no pairing" 'document.querySelector("#exits").hidden && document.querySelector("#pair").hidden'
	shot node
	browser phone
	sees "no sideways scrolling on a phone" 'document.documentElement.scrollWidth <= 390'
	browser desktop
	named " on the node's page"
	browser go http://127.0.0.1:8080/
	sees "back at the hub" 'document.querySelector("[aria-label=\"Revoke living-room\"]")'
fi
check "the download goes on" alive get
act living-room Revoke
sees "revoking says how many streams die" '/the connection that is open/.test(document.querySelector("#ask-text").textContent)'
sees "Cancel has the focus" 'document.activeElement.id === "ask-no"'
browser type '#ask-input' living
sees "not without the whole name" 'document.querySelector("#ask-yes").disabled'
browser type '#ask-input' -room
browser click '#ask-yes'
sees "revoked" '/No device is paired/.test(document.querySelector("h1").textContent)'
sees "the focus is where one goes on" 'document.activeElement.id === "pair-name"'
wait "$(pid_of get)" && fail "the download outlived its exit"
say "ok: its streams died"

# ---- many tabs, hidden tabs

for n in 1 2 3 4 5 6 7; do browser tab; done
sees "the eighth tab is live" 'ready && Date.now() - heardAt < 2000'
same "by one connection" "1 browser connected" "$(hub status --json | json - '[m["text"] for m in d["modules"] if m["module"] == "dashboard_http"][0]')"
for n in 1 2 3 4 5 6 7; do browser close; done
sees "the last goes on by itself" 'source && ready && Date.now() - heardAt < 2000'
browser js '(() => { const later = setTimeout; setTimeout = (f, ms) => later(f, ms === 30000 ? 10 : ms); })()' >/dev/null
hide() { browser js "(() => { Object.defineProperty(document, 'hidden', {value: $1, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); })()" >/dev/null; }
hide true
sees "a hidden one reads no more, and says nothing is wrong" '!source && document.title === "restunnel"'
hide false
sees "seen again, it goes on" 'source && Date.now() - heardAt < 2000 && document.body.className === ""'

# ---- a restart

before=$(browser js 'performance.timeOrigin')
stop hub KILL
sees "a lost hub is seen" 'document.body.className === "lost" && /Last heard/.test(document.querySelector("#heard").textContent)'
shot lost
console # connections refused
check "nothing on the console so far" not grep -v -e net::ERR -e "\(rename\|limit\) - .* 400 " -e "passwd - .* 4" "$lab/console"
run_hub
sees "it comes back by itself" 'document.body.className === "" && !document.querySelector("#heard").textContent'
same "without a reload" "$before" "$(browser js 'performance.timeOrigin')"
browser js '(() => { served = "0.0.9"; })()' >/dev/null
stop hub KILL
run_hub
sees "an upgrade: the page is loaded anew" "performance.timeOrigin > $before && ready && served === status().version"
console || check "nothing since but refused connections" not grep -v -e net::ERR -e "\(rename\|limit\) - .* 400 " -e "passwd - .* 4" "$lab/console"
same "nothing was loaded from elsewhere" 0 "$(browser js 'performance.getEntriesByType("resource").filter(e => !e.name.startsWith("http://127.0.0.1:8080/")).length')"
browser quit
well_ended
