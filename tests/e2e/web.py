#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Drive Chromium by chromedriver (W3C WebDriver), a step for each call: web.py FILE COMMAND ARGUMENTS...

start [PORT [SIZE]]  a browser, by the chromedriver at PORT, whose user has chosen that size of text; FILE remembers the session
go URL               open it
until SECONDS JS     wait until the expression is true; prints its value
js JS                print the expression's value
click CSS            type CSS TEXT       clear CSS
key NAME             Tab, Enter, Escape: to what has the focus
shot PNG [CSS]       of the page as a whole, or of an element
phone | tablet | desktop | size WIDTH HEIGHT    the window's      dark | light | forced   the user's wish
tab                  another one, at the same address; from now on all is done there
close                this tab; from now on all is done in the newest other
named                print how many controls and pictures of each kind a screen reader finds, and fail when one has no name
html FILE            the document as it is now
cdp COMMAND [JSON]   of the DevTools protocol; prints its answer
errors               print what the console says, and fail when that is anything
quit
"""
import base64
import json
import sys
import time
import urllib.error
import urllib.request

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c"}
NAMED = "button link textbox searchbox combobox image img region dialog DisclosureTriangle heading".split()
FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage --no-proxy-server --window-size=1180,900").split()


def request(url, method, body=None):
    data = None if body is None else json.dumps(body).encode()
    r = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(r, timeout=60) as f:
            return json.load(f)["value"]
    except urllib.error.HTTPError as e:
        sys.exit("%s: %s" % (url.rsplit("/", 1)[1], json.load(e)["value"]["message"].split("\n")[0]))


class Browser:
    def __init__(self, file):
        self.file = file

    def start(self, port="9515", size="16"):
        options = {"binary": "/usr/bin/chromium", "args": FLAGS + ["--user-data-dir=" + self.file + ".profile"],
                   "prefs": {"webkit": {"webprefs": {"default_font_size": int(size)}}}}
        wish = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        base = "http://127.0.0.1:%s/session" % port
        session = request(base, "POST", {"capabilities": {"alwaysMatch": wish}})["sessionId"]
        with open(self.file, "w") as f:
            f.write(base + "/" + session)

    def post(self, path, **body):
        return request(open(self.file).read() + path, "POST", body)

    def devtools(self, command, **params):
        return self.post("/goog/cdp/execute", cmd=command, params=params)

    def cdp(self, command, params="{}"):
        print(json.dumps(self.devtools(command, **json.loads(params))))

    def element(self, css):
        return "/element/" + list(self.post("/element", using="css selector", value=css).values())[0]

    def go(self, url):
        self.post("/url", url=url)

    def tab(self):
        url = self.eval("location.href")
        self.post("/window", handle=self.post("/window/new", type="tab")["handle"])
        self.go(url)

    def close(self):
        handles = request(open(self.file).read() + "/window", "DELETE")
        self.post("/window", handle=handles[-1])

    def eval(self, expression):
        return self.post("/execute/sync", script="return (%s)" % expression, args=[])

    def js(self, expression):
        value = self.eval(expression)
        print(value if isinstance(value, str) else json.dumps(value))

    def until(self, seconds, expression):
        end = time.monotonic() + float(seconds)
        while not self.eval(expression):
            if time.monotonic() > end:
                sys.exit("waited in vain for: %s; the page says: %s" % (expression, self.eval("document.body.innerText")))
            time.sleep(0.05)
        self.js(expression)

    def click(self, css):
        self.post(self.element(css) + "/click")

    def type(self, css, text):
        self.post(self.element(css) + "/value", text=text)

    def clear(self, css):
        self.post(self.element(css) + "/clear")

    def key(self, name):
        self.post("/actions", actions=[{"type": "key", "id": "keys", "actions": [
            {"type": kind, "value": KEYS[name]} for kind in ("keyDown", "keyUp")]}])

    def shot(self, png, css=None):
        clip = {}
        if css:
            box = self.eval("(r => ({x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height, scale: 2}))"
                            "(document.querySelector('%s').getBoundingClientRect())" % css)
            clip = {"clip": box}
        image = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, **clip)["data"]
        with open(png, "wb") as f:
            f.write(base64.b64decode(image))

    def size(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=int(width), height=int(height), deviceScaleFactor=1, mobile=mobile)

    def phone(self):
        self.size(390, 844, True)

    def tablet(self):
        self.size(768, 1024, True)

    def desktop(self):
        self.size(1180, 900, False)

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def dark(self):
        self.scheme("dark")

    def light(self):
        self.scheme("light")

    def forced(self):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])

    def named(self):
        self.devtools("Accessibility.enable")
        seen = {}
        for node in self.devtools("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if role in NAMED and not node.get("ignored"):
                seen.setdefault(role, []).append(node.get("name", {}).get("value", "").strip())
        for role, names in seen.items():
            if "" in names:
                sys.exit("%s: one of %s has no name" % (role, names))
        print(" ".join("%s=%d" % (role, len(names)) for role, names in sorted(seen.items())))

    def html(self, file):
        with open(file, "w") as f:
            f.write("<!DOCTYPE html>" + self.eval("document.documentElement.outerHTML"))

    def errors(self):
        lines = [x["message"] for x in self.post("/se/log", type="browser")]
        lines = [x for x in lines if not x.startswith("chrome://")]  # the browser's own first page
        if lines:
            sys.exit("the console says: " + "\n".join(lines))

    def quit(self):
        request(open(self.file).read(), "DELETE")


getattr(Browser(sys.argv[1]), sys.argv[2])(*sys.argv[3:])
