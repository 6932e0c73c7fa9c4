# SPDX-License-Identifier: BSD-2-Clause
# Reads the output of `cc -E -dD` and prints each name that a file below DIR (-v dir=...) brings into the program of
# whoever includes it, and that does not begin with rtun_ or RTUN_. Knows as much C as headers need.

/^#[ \t]*define[ \t]/ {
	if (own) {
		name = $2
		sub(/\(.*/, "", name)
		if (name !~ /^RTUN_/ && name !~ /^RESTUNNEL_[A-Z0-9_]*_H$/) report("macro " name)
	}
	next
}
/^# [0-9]+ "/ || /^#line / {
	where = $0
	sub(/^[^"]*"/, "", where)
	sub(/".*/, "", where)
	own = index(where, dir) > 0
	next
}
/^#/ { next }
own { text = text " " $0 }
END { walk() }

function report(what) { if (!(what in seen)) { seen[what] = 1; print what } }

function name_of(what, name) { if (name !~ /^rtun_|^RTUN_/) report(what " " name) }

# Next token of `text` into `tok`; 0 at the end.
function token() {
	sub(/^[ \t]+/, "", text)
	if (text == "") return 0
	if (match(text, /^[A-Za-z_][A-Za-z_0-9]*/) || match(text, /^[0-9][A-Za-z0-9_.]*/) ||
	    match(text, /^"([^"\\]|\\.)*"/) || match(text, /^'([^'\\]|\\.)*'/)) {
		tok = substr(text, 1, RLENGTH)
		text = substr(text, RLENGTH + 1)
	} else {
		tok = substr(text, 1, 1)
		text = substr(text, 2)
	}
	return 1
}

# A statement at file level is collected into t[1..n], braces and all; then judged.
function walk(    depth, paren, n, t, i, body, kind) {
	while (token()) {
		# __attribute__((...)), __extension__ and the like say nothing about names
		if (tok == "__attribute__" || tok == "__asm__" || tok == "_Static_assert") { skip_parens(); continue }
		if (tok ~ /^__(extension__|inline|inline__|restrict|const|volatile__)$/ || tok ~ /^(inline|_Noreturn)$/) continue
		t[++n] = tok
		if (tok == "{") depth++
		if (tok == "}") depth--
		if (depth == 0 && tok == ";") { judge(t, n); n = 0 }
		# a function's body ends its statement
		if (depth == 0 && tok == "}" && is_function(t, n)) { judge(t, n); n = 0 }
	}
}

function skip_parens(    d) {
	while (token()) {
		if (tok == "(") d++
		if (tok == ")" && --d == 0) return
	}
}

# Is the first brace preceded by a parenthesis?
function is_function(t, n,    i) {
	for (i = 1; i <= n; i++)
		if (t[i] == "{") return t[i - 1] == ")"
	return 0
}

function judge(t, n,    i, d, in_enum, p, flat, m, end) {
	# tags and enumerators, wherever they are (not in bodies: those are nobody's names)
	end = n
	if (is_function(t, n))
		for (end = 1; t[end] != "{"; end++) ;
	for (i = 1; i <= end; i++) {
		if (t[i] ~ /^(struct|union|enum)$/ && t[i + 1] ~ /^[A-Za-z_]/ && t[i + 1] !~ /^(iovec|timespec|sockaddr)$/)
			name_of(t[i], t[i + 1])
		if (t[i] == "enum" && (t[i + 1] == "{" || t[i + 2] == "{")) in_enum = 1
		if (in_enum && (t[i] == "{" || t[i] == ",") && t[i + 1] ~ /^[A-Za-z_]/) name_of("enumerator", t[i + 1])
		if (t[i] == "}") in_enum = 0
	}
	# the declared name: take out everything in braces first
	for (i = 1; i <= end; i++) {
		if (t[i] == "{") { d++; continue }
		if (t[i] == "}") { d--; continue }
		if (d == 0) flat[++m] = t[i]
	}
	if (flat[1] ~ /^(struct|union|enum)$/ && (m <= 3 && flat[m] == ";" || flat[2] == ";")) return
	for (i = 2; i <= m; i++) {
		if (flat[i] == "(" && flat[i + 1] == "*") {
			# pointer to function: (*NAME)
			name_of("name", flat[i + 2])
			return
		}
		if (flat[i] ~ /^[([;=]$/) {
			if (flat[i - 1] ~ /^[A-Za-z_]/) name_of(flat[i] == "(" ? "function" : "name", flat[i - 1])
			return
		}
	}
	if (m && is_function(t, n)) name_of("function", flat[m])
}
