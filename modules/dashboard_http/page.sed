# SPDX-License-Identifier: BSD-2-Clause
# Of the page's files, what only people need goes: indentation, comments, spaces around operators. No text of the page has one of these.
s/^ *//
/^\/\/ /d
s/ \/\/ [^"'`]*$//
s/ => /=>/g
s/ === /===/g
s/ !== /!==/g
s/ && /\&\&/g
s/ || /||/g
s/ ?? /??/g
