#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the dashboard lets in, and what not: dashboard.py COMMAND ARGUMENTS...

matrix LINK     every combination of Host, Origin and Sec-Fetch-Site; logins, cookies, tokens; methods and bodies
unix PATH LINK  the same where it listens on a unix socket
events LINK     a snapshot, then updates; prints how many a second
hostile         clients that are slow, stuck or many, as long as the file ./hostile.stop isn't there; prints "ready"
metrics         the text of /metrics, judged by the rules of the format
limit LINK EXIT  the verb `limit`: set, shown, taken away, refused
logout LINK     who reads events, and links that were not used yet, go with all logins
pace LINK       requests without a login have a pace, those with one pass them
hammer LINK     wrong logins, as fast as it goes, do not keep out who has a new link: its text comes on standard input, after "ready"
openapi LINK    the API's description against what `restunnel commands --json` (standard input) says

LINK is what `restunnel dashboard` prints. Exits 1 with a line for each surprise."""
import http.client
import itertools
import json
import os
import re
import select
import socket
import sys
import threading
import time

HOST, PORT = "127.0.0.1", 8080
surprises = []


class Unix(http.client.HTTPConnection):
    path = None

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(method, path, headers=(), body=None, host=None):
    """status, headers, body; `headers` are pairs, and only they are sent."""
    c = Unix("localhost", timeout=20) if Unix.path else http.client.HTTPConnection(HOST, PORT, timeout=20)
    c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for k, v in ([("Host", host or "%s:%d" % (HOST, PORT))] if host != "" else []) + list(headers):
        c.putheader(k, v)
    if body is not None:
        c.putheader("Content-Length", str(len(body)))
    c.endheaders(body.encode() if body is not None else None)
    r = c.getresponse()
    answer = r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read().decode()
    c.close()
    return answer


def expect(what, wanted, got):
    if wanted != got:
        surprises.append("%s: expected %s, found %s" % (what, wanted, got))


JSON = ("Content-Type", "application/json")


def login(link, **more):
    token = link.split("#login=")[1].strip()
    return ask("POST", "/api/v1/login", [JSON], json.dumps({"token": token}), **more)


def session(link):
    status, headers, body = login(link)
    expect("login", 200, status)
    return ("Cookie", headers["set-cookie"].split(";")[0]), ("X-Restunnel-Token", json.loads(body)["token"]), headers


def hosts(names):
    for host, status in names.items():
        expect("Host %r" % host, status, ask("GET", "/", host=host)[0])
    expect("two Hosts", 400, ask("GET", "/", [("Host", "127.0.0.1:8080")])[0])


def combinations(cookie):
    """The page's code and an answer of the API, by everything that a browser may say about where a request comes from."""
    good_host = "127.0.0.1:8080"
    for host, origin, site, path in itertools.product(
            (good_host, "localhost:8080", "evil.example:8080"),
            (None, "http://127.0.0.1:8080", "http://localhost:8080", "http://evil.example:8080", "http://127.0.0.1:9999", "null", "https://127.0.0.1:8080", ""),
            (None, "none", "same-origin", "same-site", "cross-site", "nonsense"), ("/", "/api/v1/status", "/metrics")):
        headers = [cookie] + ([("Origin", origin)] if origin is not None else []) + ([("Sec-Fetch-Site", site)] if site else [])
        good_origin = origin is None or origin == "http://" + host
        wanted = 421 if "evil" in host else 403 if not good_origin or site not in (None, "none", "same-origin") else 200
        expect("%s from %s, %s, at %s" % (path, origin, site, host), wanted, ask("GET", path, headers, host=host)[0])


def safe_answer(headers):
    csp = headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"):
        expect("CSP has " + part, True, part in csp)
    expect("CSP is strict", None, re.search("unsafe|data:|http|\\*", csp))
    expect("no-store", "no-store", headers["cache-control"])
    expect("nosniff", "nosniff", headers["x-content-type-options"])
    expect("no CORS", [], [k for k in headers if k.startswith("access-control")])


def logins(link):
    for name, body in {"none": "{}", "nonsense": '{"token": "x"}', "a number": '{"token": 5}', "another": '{"token": "%s"}' % ("A" * 43)}.items():
        expect("login with " + name, 403, ask("POST", "/api/v1/login", [JSON], body)[0])
    expect("login, another type", 415, ask("POST", "/api/v1/login", [("Content-Type", "text/plain")], "{}")[0])
    expect("login with much", 413, ask("POST", "/api/v1/login", [JSON], '{"token": "%s", "a": [%s]}' % ("A" * 43, ",".join("1" * 30000)))[0])
    expect("login by GET", 405, ask("GET", "/api/v1/login")[0])
    cookie, token, headers = session(link)
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        expect("the cookie has " + part, True, part in headers["set-cookie"])
    expect("the cookie's name", True, bool(re.match("restunnel-[0-9a-f]{8}-(8080|unix)=", headers["set-cookie"])))
    expect("the link again", 403, login(link)[0])
    safe_answer(headers)
    safe_answer(ask("GET", "/")[1])
    return cookie, token


def requests(cookie, token):
    wrong = ("Cookie", cookie[1][:-1] + ("A" if cookie[1][-1] != "A" else "B"))
    other = ("Cookie", cookie[1].replace("restunnel-", "restunnel-0"))
    pair = "/api/v1/pair", '{"name": "x"}'
    for what, wanted, got in (
            ("status without a login", 401, ask("GET", "/api/v1/status")),
            ("events without a login", 401, ask("GET", "/api/v1/events")),
            ("what isn't there, without a login", 401, ask("GET", "/api/v1/nothing")),
            ("status with a wrong cookie", 401, ask("GET", "/api/v1/status", [wrong])),
            ("status with another's cookie", 401, ask("GET", "/api/v1/status", [other])),
            ("status", 200, ask("GET", "/api/v1/status", [("Cookie", "a=b; %s; c=d" % cookie[1])])),
            ("what isn't there", 404, ask("GET", "/api/v1/nothing", [cookie])),
            ("pair by GET", 405, ask("GET", pair[0], [cookie])),
            ("pair without a token", 403, ask("POST", pair[0], [cookie, JSON], pair[1])),
            ("pair with a wrong token", 403, ask("POST", pair[0], [cookie, JSON, (token[0], "A" * 43)], pair[1])),
            ("pair with the token alone", 401, ask("POST", pair[0], [token, JSON], pair[1])),
            ("pair as a form", 415, ask("POST", pair[0], [cookie, token, ("Content-Type", "text/plain")], pair[1])),
            ("pair without a type", 415, ask("POST", pair[0], [cookie, token], pair[1])),
            ("pair with no JSON", 400, ask("POST", pair[0], [cookie, token, JSON], "{")),
            ("pair with a list", 400, ask("POST", pair[0], [cookie, token, JSON], "[]")),
            ("pair with another argument", 400, ask("POST", pair[0], [cookie, token, JSON], '{"nam": "x"}')),
            ("pair on nobody", 404, ask("POST", pair[0], [cookie, token, JSON], '{"on": "nobody"}')),
            ("an argument that is no UTF-8", 400, ask("GET", "/api/v1/openapi.json?x=%ff", [cookie])),
            ("half a character", 400, ask("GET", "/api/v1/status?on=%e2%82", [cookie])),
            ("half an escape", 400, ask("GET", "/api/v1/status?on=a%2", [cookie])),
            ("none at all", 400, ask("GET", "/api/v1/status?o%zzn=a", [cookie])),
            ("a NUL", 400, ask("GET", "/api/v1/status?on=a%00", [cookie])),
            ("in the path", 400, ask("GET", "/api/v1/stat%fes", [cookie])),
            ("an escape that is one", 404, ask("GET", "/api/v1/status?on=%e2%82%ac", [cookie])),
            ("plainly", 200, ask("GET", "/api/v1/st%61tus", [cookie])),
            ("status by POST", 405, ask("POST", "/api/v1/status", [cookie, token, JSON], "{}")),
            ("revoke of nobody", 409, ask("POST", "/api/v1/revoke", [cookie, token, JSON], '{"device": "nobody"}')),
            ("too much", 413, ask("POST", pair[0], [cookie, token, JSON], '"' + "x" * 70000 + '"')),
            ("pair", 200, ask("POST", pair[0], [cookie, token, JSON], pair[1])),
            ("OPTIONS", 405, ask("OPTIONS", pair[0], [cookie, token])),
            ("HEAD", 200, ask("HEAD", "/")),
            ("TRACE", 405, ask("TRACE", "/"))):
        expect(what, wanted, got[0])
        if got[0] >= 400 and got[2] and wanted != 413:
            expect(what + ": code and error", True, {"code", "error"} <= set(json.loads(got[2])))
    expect("pair's answer", {"schema", "name", "url", "command", "expires_at"}, {"schema", "name", "url", "command", "expires_at"} & set(json.loads(
        ask("POST", pair[0], [cookie, token, JSON], pair[1])[2])))


def lock(link):
    """Too many wrong ones lock the door, also for a good link made before; a new link (the next test's) opens it."""
    for _ in range(10):
        ask("POST", "/api/v1/login", [JSON], "{}")
    expect("locked", 429, ask("POST", "/api/v1/login", [JSON], "{}")[0])
    expect("locked, for this one too", 429, login(link)[0])


def matrix(link, again):
    hosts({"127.0.0.1:8080": 200, "localhost:8080": 200, "[::1]:8080": 200, "evil.example:8080": 421, "127.0.0.1": 421, "localhost": 421,
           "127.0.0.1:80": 421, "127.0.0.1:08080": 421, "127.0.0.1:8080.evil.example": 421, "127.0.0.1.evil.example:8080": 421, "2130706433:8080": 421,
           "localhost.:8080": 421, "LOCALHOST:8080": 421, "localhost:8080@evil.example": 421, "0.0.0.0:8080": 421, "[::ffff:127.0.0.1]:8080": 421, " ": 421})
    cookie, token = logins(link)
    combinations(cookie)
    requests(cookie, token)
    lock(again)


def unix(path, link):
    global HOST
    Unix.path = path
    hosts({"127.0.0.1:8080": 200, "localhost:8080": 200, "localhost:1": 200, "localhost:65535": 200, "localhost": 200, "[::1]:99": 200,
           "evil.example:8080": 421, "localhost:0": 421, "localhost:65536": 421, "localhost:99999999999": 421, "localhost:": 421, "localhost:80x": 421, "localhost.evil.example:8080": 421})
    requests(*logins(link))


# ---- events

def stream(cookie, receive=None):
    s = socket.socket(socket.AF_UNIX if Unix.path else socket.AF_INET)
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(20)
    s.connect(Unix.path or (HOST, PORT))
    s.sendall(("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n%s: %s\r\n\r\n" % cookie).encode())
    return s


def patched(value, patch):
    if isinstance(patch, list):
        return patch[0]
    for k, p in patch.items():
        if isinstance(value, list):
            value[int(k)] = patched(value[int(k)], p)
        elif p == 0:
            value.pop(k, None)
        else:
            value[k] = patched(value.get(k), p)
    return value


def events(link):
    cookie, token, _ = session(link)
    f = stream(cookie).makefile("rb")
    head = b"".join(iter(f.readline, b"\r\n"))
    expect("its type", True, b"text/event-stream" in head)
    state, count, begun, kind = None, 0, 0, None
    while count < 8:
        line = f.readline()
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
        if not line.startswith(b"data: "):
            continue
        data = json.loads(line[6:])
        if state is None:
            expect("the first one", "snapshot", kind)
            state = data["state"]
            begun = time.monotonic()
            ask("POST", "/api/v1/pair", [cookie, token, JSON], "{}")
            continue
        expect("the others", "update", kind)
        count += 1
        state = patched(state, data["patch"]) if data["patch"] else state
        news = [e["event"] for e in data["news"]]
        if news:
            expect("the news", ["pair.created"], news)
            begun_news = True
    rate = count / (time.monotonic() - begun)
    expect("at most 2 updates a second", True, rate < 2.3)
    expect("the news came", True, "begun_news" in locals())
    status = json.loads(ask("GET", "/api/v1/status", [cookie])[2])
    drop = ("uptime_s", "rss_bytes", "modules")
    expect("patched, it is what status says", {k: v for k, v in status.items() if k not in drop},
           {k: v for k, v in state["verbs"]["status"][""].items() if k not in drop})
    print("%.1f updates a second" % rate)


def changed(cookie, token, verb, **args):
    status, _, body = ask("POST", "/api/v1/" + verb, [cookie, token, JSON], json.dumps(args))
    return status, json.loads(body)


def limit(link, device):
    """As the page's form sends it, all texts; and with a number."""
    cookie, token, _ = session(link)
    keys = ("streams_limit", "up_limit_bps", "down_limit_bps", "month_limit_bytes")

    def look(what, wanted, **args):
        status, answer = changed(cookie, token, "limit", device=device, **args)
        expect(what, [200] + wanted, [status] + [answer.get(k) for k in keys])

    look("no limits", [None] * 4)
    look("limits", [2, 4000000, 8000000, 50 << 30], streams="2", up="4Mbit", down="8Mbit", monthly="50GiB")
    look("limits, shown", [2, 4000000, 8000000, 50 << 30])
    look("a number", [3, 4000000, 8000000, 50 << 30], streams=3)
    devices = json.loads(ask("GET", "/api/v1/devices", [cookie])[2])["devices"]
    expect("devices has them", [3, 4000000, 8000000, 50 << 30], [devices[0][k] for k in keys])
    for what, code, args in (("no rate", "bad-argument", {"down": "fast"}), ("no number", "bad-argument", {"streams": "-1"}),
                             ("a list", "bad-argument", {"streams": [1]}), ("unknown", "bad-argument", {"sideways": "1Mbit"})):
        status, answer = changed(cookie, token, "limit", device=device, **args)
        expect("limit, " + what, (400, code), (status, answer.get("code")))
    expect("limit of nobody", 409, changed(cookie, token, "limit", device="nobody")[0])
    expect("limit without a token", 403, ask("POST", "/api/v1/limit", [cookie, JSON], json.dumps({"device": device, "streams": "1"}))[0])
    expect("limit by GET", 405, ask("GET", "/api/v1/limit?device=%s&streams=1" % device, [cookie])[0])
    look("as before", [3, 4000000, 8000000, 50 << 30])
    look("none again", [None] * 4, streams="none", up="none", down="none", monthly="none")


def logout(link):
    cookie, token, _ = session(link)
    other = changed(cookie, token, "dashboard", on="dashboard_http")[1]["url"]
    f = stream(cookie)
    expect("events flow", True, f.recv(16) != b"")
    expect("logged out", 200, changed(cookie, token, "logout")[0])
    try:
        end = time.monotonic() + 10
        while f.recv(65536) and time.monotonic() < end:
            pass
        expect("events end", True, time.monotonic() < end)
    except ConnectionResetError:
        pass
    expect("a link made before", 403, login(other)[0])
    expect("the cookie", 401, ask("GET", "/api/v1/status", [cookie])[0])


def hammer(link):
    body = json.dumps({"token": "A" * 43}).encode()
    request = (b"POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    s = socket.create_connection((HOST, PORT))

    def many():
        for _ in range(30):
            s.sendall(request)
            s.recv(65536)

    many()
    expect("one made before", 429, login(link)[0])
    print("ready", flush=True)
    new = sys.stdin.readline()
    many()
    expect("a new one", 200, login(new)[0])


def pace(link):
    """Eight that ask on and on without a login are answered 100 times a second, after 50; who has one is not kept waiting by them."""
    cookie, _, _ = session(link)
    request = b"GET /up.svg HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
    crowd = [socket.create_connection((HOST, PORT)) for _ in range(8)]
    begun, answers, own = time.monotonic(), 0, 0
    for s in crowd:
        s.sendall(request)
    while time.monotonic() < begun + 2:
        for s in select.select(crowd, [], [], 0.05)[0]:
            answers += s.recv(65536).count(b"HTTP/1.1 200")
            s.sendall(request)
        own += ask("GET", "/api/v1/status", [cookie])[0] == 200
    most = 50 + 100 * (time.monotonic() - begun)
    expect("some are answered", True, answers > 20)
    expect("%d answers to strangers, of %d at most" % (answers, most), True, answers <= most + 2)
    expect("the owner is", True, own > 5)
    print("%d answers to strangers, %d to the owner" % (answers, own))


# ---- hostile clients

def begun(streams):
    """Each has an answer, of which nothing is read here: who has none yet is cut first when room is made."""
    for s in streams:
        expect("an answer begins", 1, len(s.recv(1, socket.MSG_PEEK)))


def late(cookie):
    """Who reads nothing for a while, but goes on before 20 s are over, misses nothing that matters."""
    got, end = b"", time.monotonic() + 20
    while True:
        s = stream(cookie, receive=2048)
        begun([s])
        if s.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200" or time.monotonic() > end:
            break
        s.close()  # those that have left are not counted out yet
        time.sleep(0.1)
    time.sleep(3)
    s.settimeout(10)
    while got.count(b"event: ") < 3 and time.monotonic() < end + 20:
        more = s.recv(65536)
        if not more:
            break
        got += more
    s.close()
    return got.count(b"event: ")


def connect():
    s = socket.socket()
    s.settimeout(20)
    s.connect((HOST, PORT))
    return s


class Owner(threading.Thread):
    """A page that is open all the time, and a request each second: how long nothing came, and how long the slowest took."""

    def __init__(self, cookie):
        super().__init__(daemon=True)
        self.cookie, self.stream, self.gap, self.slowest, self.updates = cookie, stream(cookie), 0, 0, 0

    def run(self):
        heard = asked = time.monotonic()
        while not os.path.exists("hostile.stop"):
            if select.select([self.stream], [], [], 0.1)[0]:
                self.updates += self.stream.recv(1 << 16).count(b"event: update")
                heard = time.monotonic()
            self.gap = max(self.gap, time.monotonic() - heard)
            if time.monotonic() > asked + 1:
                asked = time.monotonic()
                expect("the owner's status", 200, ask("GET", "/api/v1/status", [self.cookie])[0])
                self.slowest = max(self.slowest, time.monotonic() - asked)


def flood():
    """As many connections and requests as one program makes, by turns: with a request, with half of one, with none."""
    requests = itertools.cycle((b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", b"GET /metrics HT", b""))
    while not os.path.exists("hostile.stop"):
        try:
            with socket.create_connection((HOST, PORT), timeout=0.2) as s:
                s.sendall(next(requests))
                s.recv(65536)
        except OSError:
            pass


def refill(many, begin, go_on):
    """Those that were cut begin again."""
    for i, s in enumerate(many):
        try:
            s.send(go_on)
        except OSError:
            many[i] = connect()
            many[i].sendall(begin)


def hostile(link):
    cookie, _, _ = session(link)
    owner = Owner(cookie)
    head = b"POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
    stuck = [stream(cookie, receive=2048) for _ in range(7)]  # who never read
    half = [stream(cookie) for _ in range(8)]
    for s in half:
        s.shutdown(socket.SHUT_WR)
    begun([owner.stream] + stuck + half)
    owner.start()
    idle = [connect() for _ in range(70)]  # more than there may be
    slow = [connect() for _ in range(10)]  # a head that never ends
    drip = [connect() for _ in range(10)]  # and a body
    floods = [threading.Thread(target=flood, daemon=True) for _ in range(2)]
    for t in floods:
        t.start()
    print("ready", flush=True)
    while not os.path.exists("hostile.stop"):
        refill(slow, b"GET / HTTP/1.1\r\n", b"X: y\r\n")
        refill(drip, head, b" ")
        many = connect()  # 10,000 lines of head
        try:
            many.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(10000)) + b"\r\n")
            while many.recv(65536):
                pass
        except OSError:
            pass
        many.close()
        long = connect()  # and a line of a megabyte; and pipelined ones whose answers nobody reads
        try:
            long.sendall(b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n")
        except OSError:
            pass
        long.close()
        pipeline = connect()
        pipeline.settimeout(0.2)
        try:
            pipeline.sendall(b"GET /page.js HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n" * 2000)
        except OSError:
            pass
        pipeline.close()
    for t in floods + [owner]:
        t.join()
    print("the owner: %d updates, a gap of %.1f s at most, %.2f s for the slowest request" % (owner.updates, owner.gap, owner.slowest))
    expect("the owner's page stays live", True, owner.updates > 2 and owner.gap < 4)
    expect("and is answered quickly", True, owner.slowest < 2)
    began = time.monotonic()
    expect("the page is there beside them", 200, ask("GET", "/")[0])
    expect("quickly", True, time.monotonic() - began < 2)
    expect("who half-closed is served, too", True, b"event: update" in half[0].recv(1 << 20))
    for s in half:
        s.close()
    expect("who reads late is still served", True, late(cookie) >= 3)
    expect("idle ones were cut to make room", True, any(select.select([s], [], [], 0)[0] for s in idle))


# ---- metrics

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(r'(%s)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$' % NAME)


def metrics(*wanted):
    """The text format 0.0.4: each name once, HELP and TYPE before its samples, no sample twice."""
    status, headers, text = ask("GET", "/metrics", [("Authorization", "Bearer " + t) for t in wanted[:1]])
    expect("status", 200, status)
    expect("type", "text/plain; version=0.0.4; charset=utf-8", headers["content-type"])
    expect("ends with a line", True, text.endswith("\n"))
    kinds, helps, seen, current = {}, set(), set(), None
    for line in text.splitlines():
        m = re.match(r"# (HELP|TYPE) (%s) ?(.*)$" % NAME, line)
        if m:
            kind, name, rest = m.groups()
            if kind == "HELP":
                expect("HELP once of " + name, False, name in helps)
                helps.add(name)
                current = name
            else:
                expect("TYPE after HELP of " + name, current, name)
                expect("TYPE of " + name, True, rest in ("counter", "gauge"))
                kinds[name] = rest
            continue
        m = SAMPLE.match(line)
        expect("a sample: " + line, True, bool(m))
        if m:
            expect("together: " + line, current, m[1])
            expect("once: " + line, False, (m[1], m[2]) in seen)
            seen.add((m[1], m[2]))
            expect("counters end with _total, others not: " + m[1], kinds[m[1]] == "counter", m[1].endswith("_total"))
            expect("begins with restunnel_: " + m[1], True, m[1].startswith("restunnel_"))
    for name in wanted[1:]:
        expect("has " + name, True, any(name.split("{")[0] == n and (name.split("{")[1:] or [""])[0].rstrip("}") in (l or "") for n, l in seen))
    print("%d samples" % len(seen))


def openapi(link):
    cookie, _, _ = session(link)
    d = json.loads(ask("GET", "/api/v1/openapi.json", [cookie])[2])
    commands = json.load(sys.stdin)["commands"]
    expect("version", "3.0.3", d["openapi"])
    expect("a path for each verb", {"/api/v1/" + c["name"] for c in commands}, set(d["paths"]))
    passwd = d["paths"]["/api/v1/passwd"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["on"]["enum"]
    expect("a command of several modules", {"frontend_socks5", "for-browsers", "frontend_connect"}, set(passwd))
    for c in commands:
        o = d["paths"]["/api/v1/" + c["name"]]
        expect("method of " + c["name"], ["get" if c["readonly"] else "post"], list(o))
        o = list(o.values())[0]
        names = [p["name"] for p in o["parameters"]] if c["readonly"] else list(o["requestBody"]["content"]["application/json"]["schema"]["properties"])
        expect("arguments of " + c["name"], [a["key"] for a in c["args"]] + (["on"] if c["instances"] else []), names)


globals()[sys.argv[1]](*sys.argv[2:])
if surprises:
    sys.exit("\n".join(surprises))
