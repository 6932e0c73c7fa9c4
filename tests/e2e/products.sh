#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The configurations in conf/ run as they are shipped (only addresses and directories are put in), and so does what `init`
# writes: three products of one program, told apart by nothing but YAML.
. "$(dirname "$0")/lab.sh"
lab_start

# shipped NAME: conf/NAME.yaml with this lab's directory and address
shipped() {
	mkdir -p -m 700 "$lab/$1"
	sed "s|/var/lib/restunnel|$lab/$1|; s|^\( *\)# public: vps\.example\.net:9000.*|\1public: 11.0.0.1:9000|" "$RESTUNNEL_SRC/conf/$1.yaml" >"$1.yaml" || fail "no conf/$1.yaml"
}
tunnel_works() {
	run_hub
	hub pair --json --name home >pair.json || fail "pair"
	node enroll "$(json pair.json 'd["url"]')" || fail "enroll"
	run_node
	check "$1: the tunnel is usable" usable
	same "$1: SOCKS5" "this is www" "$(via_socks http://www.lab-internet.com/)"
	same "$1: HTTP" "this is www" "$(via_http https://www.lab-internet.com/)"
	same "$1: it left from the exit" 11.0.1.1 "$(tail -n 1 www.access | cut -d' ' -f1 | sed 's/2600:11:7::10/11.0.1.1/')"
	stop node && stop hub || fail "$1: hub or node did not end well"
}

shipped hub
shipped node
shipped local
# a build without libmicrohttpd has no dashboard: as `init` does, without its paragraph
case " ${RESTUNNEL_BUILD_KIND:-} " in
*" static "*) ;;
*) [ -e "$RTUN_TEST_MODULE_DIR/dashboard_http.so" ] || { awk -v RS= -v ORS='\n\n' '!/module: dashboard_http/' hub.yaml >h && mv h hub.yaml; } ;;
esac
for p in hub node local; do check "check conf/$p.yaml" rt hub $p check; done
tunnel_works "conf/"

# local.yaml: the node's machine without a tunnel
spawn local node $RESTUNNEL run -c "$lab/local.yaml"
await 10 "the local proxy" listening node 1080
same "local.yaml" "this is www" "$(at node curl -sS -m 20 -x socks5h://127.0.0.1:1080 https://www.lab-internet.com/ --cacert tls/ca.pem)"
at node python3 "$e2e/ask.py" socks 192.168.7.20 80 >answer || fail "ask"
same "local.yaml refuses the LAN" 2 "$(cat answer)"
stop local || fail "local.yaml: status $?"

# what init writes; a second init never overwrites
rm -rf hub node hub.yaml node.yaml
init() {
	at hub $RESTUNNEL init "$@" >>init.log 2>&1
}
if [ -e "$RTUN_TEST_MODULE_DIR/dashboard_http.so" ]; then # where it is not, as without libmicrohttpd
	mkdir fewer
	for so in "$RTUN_TEST_MODULE_DIR"/*.so; do
		case $so in */dashboard_http.so) ;; *) ln -s "$(readlink -f "$so")" "fewer/${so##*/}" ;; esac
	done
	at hub $RESTUNNEL --module-dir "$lab/fewer" init hub -c "$lab/hub.yaml" --data-dir "$lab/hub" >fewer.log 2>&1 || fail "init hub without the dashboard: $(cat fewer.log)"
	check "init hub without the dashboard says so" grep -q 'dashboard_http is not installed' fewer.log
	check "and leaves its entry out" not grep -q dashboard "$lab/hub.yaml"
	check "check" at hub $RESTUNNEL --module-dir "$lab/fewer" check -c "$lab/hub.yaml"
	rm -rf hub hub.yaml
fi
check "init hub" init hub -c "$lab/hub.yaml" --data-dir "$lab/hub" --listen 0.0.0.0:9000 --public 11.0.0.1:9000
check "init node" init node -c "$lab/node.yaml" --data-dir "$lab/node" --name cellar
for p in hub node; do
	before=$(sum $p.yaml $p/${p}_key.bin)
	init $p -c "$lab/$p.yaml" --data-dir "$lab/$p"
	same "$p: a second init changes nothing" "$before" "$(sum $p.yaml $p/${p}_key.bin)"
	same "$p: the key's mode" 600 "$(stat -c %a $p/${p}_key.bin)"
	same "$p: the key's size" 32 "$(stat -c %s $p/${p}_key.bin)"
	same "$p: data-dir's mode" 700 "$(stat -c %a $p)"
	check "$p: check" rt hub $p check
done
tunnel_works "init"
say "$test_name: passed"
