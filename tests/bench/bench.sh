#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The benchmarks work: a round, too small and too short to mean anything, has a value for every figure, and a ratio for some.
: "${RESTUNNEL_SRC:=$(cd "$(dirname "$0")/../.." && pwd)}" "${RESTUNNEL_BUILD:=$PWD}"
export RESTUNNEL_SRC RESTUNNEL_BUILD
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

# measured NAME PROGRAM ARGUMENTS...: its tables are in NAME.md, its values in NAME.json
measured() {
	name=$1 program=$2
	shift 2
	python3 "$RESTUNNEL_SRC/tests/bench/$program" --json "$out/$name.json" "$@" >"$out/$name.md" 2>"$out/$name.err"
	status=$?
	[ $status = 0 ] || cat "$out/$name.md" "$out/$name.err"
	[ $status = 0 ] || exit $status
}
measured all run --small --rounds 1 --seconds 0.05 --peers restunnel
measured beside run --small --rounds 2 --seconds 0.05 --peers direct --only connect
measured dashboard dashboard --nodes 2 --streams 4 --readers 2 --seconds 0.5 --rounds 1 --only idle
measured scale scale --nodes 1,2 --streams 10,20 --seconds 0.3

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$RESTUNNEL_SRC/tests/bench" python3 - "$out" <<-'END'
	import json, sys
	from figures import FIGURES

	def read(name):
	    with open(sys.argv[1] + "/" + name) as f:
	        return json.load(f) if name.endswith(".json") else f.read()

	found = read("all.json")
	lines = not any("no emulated lines" in n for n in found["notes"])
	wanted = {k for k in FIGURES if lines or k.partition(".")[0] not in ("first", "long", "slow", "lossy")}
	values = found["rounds"][0]["restunnel"]
	assert set(values) == wanted, set(values) ^ wanted
	# a rate is 0 where the machine has no time for us; growth of a little is 0
	assert all(v > 0 for k, v in values.items() if FIGURES[k].unit not in ("1/s", "KiB")), values
	measured = [{peer for peer in r if r[peer]} for r in read("beside.json")["rounds"]]
	assert measured == [{"restunnel", "direct"}] * 2, measured
	assert "| restunnel ÷ | direct |" in read("beside.md"), read("beside.md")
	looked = read("dashboard.json")["rows"]
	assert [r["readers"] for r in looked] == [0, 2] and all(r["turns"]["cpu"]["turns"] and not r["errors"] for r in looked), looked
	assert looked[1]["metrics"] and looked[1]["messages_per_second"], looked
	grown = read("scale.json")
	assert [r["nodes"] for r in grown["nodes"]] == [1, 2] and [r["streams"] for r in grown["streams"]] == [10, 20], grown
END
