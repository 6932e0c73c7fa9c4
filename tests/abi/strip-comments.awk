# SPDX-License-Identifier: BSD-2-Clause
# C source with its comments blanked, line by line; strings stay.
{
	out = ""
	n = length($0)
	quote = ""
	for (i = 1; i <= n; i++) {
		c = substr($0, i, 1)
		two = substr($0, i, 2)
		if (comment) {
			if (two == "*/") { comment = 0; i++ }
		} else if (quote != "") {
			out = out c
			if (c == "\\") out = out substr($0, ++i, 1)
			else if (c == quote) quote = ""
		} else if (two == "/*") {
			comment = 1
			out = out " "
			i++
		} else if (two == "//") {
			break
		} else {
			if (c == "\"" || c == "'") quote = c
			out = out c
		}
	}
	print out
}
