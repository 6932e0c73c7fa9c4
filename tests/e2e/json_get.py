#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""json_get.py FILE|- EXPRESSION: print what a Python expression finds in a JSON document `d`. Booleans as true/false,
None as nothing; exits 1 where the expression fails."""
import json
import sys

try:
    d = json.load(sys.stdin if sys.argv[1] == "-" else open(sys.argv[1]))
    found = eval(sys.argv[2], {"d": d})
except Exception as e:
    sys.exit("json_get: %s: %s: %s" % (sys.argv[2], type(e).__name__, e))
if isinstance(found, bool):
    print(str(found).lower())
elif found is not None:
    print(found if isinstance(found, str) else json.dumps(found))
