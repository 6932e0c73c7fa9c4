#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Datagrams from a SOCKS5 client (UDP ASSOCIATE) to the internet and back, through the tunnel and without one: names, IPv4 and
# IPv6, small and large; nobody else's datagrams get in at either end; nothing private is reached; ends are ends.
. "$(dirname "$0")/lab.sh"
lab_start paired

spawn echo net python3 "$e2e/server.py" 11.0.9.9 2600:11:9::9
await 10 "the echo" grep -q ready echo.log
udp() { tool datagrams "$@"; }
same "echo" "x" "$(udp echo 11.0.9.9 7 100)"
well_ended
