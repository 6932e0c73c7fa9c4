#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""valid.py FILE: does it parse as HTML without a single error (html5lib, where it is installed), is every id there once, and is
everything there that is referred to by its id? Prints what is not, and fails."""
import sys
from html.parser import HTMLParser

REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.wanted, self.bad = [], [], []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.bad.append("an attribute twice: <%s %s>" % (tag, " ".join(names)))
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in REFERENCES:
                self.wanted += value.split()
            if name.startswith("on") or name == "style":
                self.bad.append("what the policy refuses: %s of <%s>" % (name, tag))


text = open(sys.argv[1]).read()
page = Page()
page.feed(text)
bad = page.bad + ["twice: #" + i for i in set(page.ids) if page.ids.count(i) > 1] + ["nowhere: #" + i for i in page.wanted if i not in page.ids]
if len(page.ids) < 20:
    bad.append("this is not the page: it has %d ids" % len(page.ids))
try:
    import html5lib
    parser = html5lib.HTMLParser()
    parser.parse(text)
    bad += ["line %d column %d: %s %s" % (*place, code, data) for place, code, data in parser.errors]
except ImportError:
    print("not tried: html5lib is not installed", file=sys.stderr)
if bad:
    sys.exit("\n".join(bad))
