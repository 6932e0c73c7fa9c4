"use strict";
// The dashboard's page. State comes as server-sent events: a snapshot, then patches. All texts become text nodes, never markup.

const $ = id => document.getElementById(id);
const API = "/api/v1/";
const SAMPLES = 120; // of a graph, a second each
const NEWS = 200; // kept

function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {}))
    if (typeof v === "function") e["on" + k] = v;
    else if (v !== undefined && v !== null && v !== false) e.setAttribute(k, v === true ? "" : v);
  e.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
  return e;
}
const SVG = "http://www.w3.org/2000/svg";
function svg(tag, attributes, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}
// Only what differs is written: nothing flickers, nothing loses its place, nothing is read out twice.
function put(e, text) { if (e.textContent !== text) e.textContent = text; }
function show(e, on) { if (e.hidden === !!on) e.hidden = !on; }

// ---- words and numbers

const plural = (n, one, many) => n + " " + (n === 1 ? one : many || one + "s");
function bytes(n) {
  if (n === null || n === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (n >= 999.5 && i < 4) { n /= 1000; i++; }
  return (i && n < 9.95 ? n.toFixed(1) : Math.round(n)) + " " + units[i];
}
function duration(s) {
  s = Math.max(0, Math.round(s));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min" + (s < 600 && s % 60 ? " " + s % 60 + " s" : "");
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}
function ago(at) {
  const s = (now() - at) / 1000;
  if (s < -5) return "in " + duration(-s);
  return s < 5 ? "just now" : duration(s) + " ago";
}
const since = text => text ? ago(Date.parse(text)) : "never";
const RESULT = {
  refused: "the target refused the connection", unreachable: "the target could not be reached", timeout: "it took too long",
  denied: "the exit's filter refused the target", dns: "the name does not resolve", no_exit: "no exit, or the wanted one is away",
  overload: "too much at once", reset: "the other end broke it off", truncated: "the tunnel broke", internal: "an internal error",
  addrtype: "this kind of address can't be reached", selector: "the wish for an exit was not understood",
  protocol: "another protocol, or not understood", login: "no username, or a malformed one", abandoned: "the program went away first",
};
const EVENTS = { // "": not shown
  "exit.up": "{exit} is online, from {address}", "exit.down": "{exit} is away: {reason}", "device.enrolled": "{name} was paired",
  "device.revoked": "{name} was revoked", "stream.close": "A connection through {exit} broke: {result}", "pair.created": "A pairing link was made",
  "hub.up": "Connected to {hub}", "hub.down": "Lost {hub}: {reason}", "config.reloaded": "A new configuration is in effect", "stream.open": "",
};
function eventText(e) {
  let t = EVENTS[e.event];
  if (t === undefined) t = e.event + ": " + Object.keys(e.fields).map(k => k + " {" + k + "}").join(", ");
  return t.replace(/\{(\w+)\}/g, (all, k) => k === "result" ? RESULT[e.fields[k]] || e.fields[k] : e.fields[k] ?? (k === "exit" ? "the exit" : "unknown"));
}

// ---- what is known

let state = null, commands = [], news = new Map(), clock = 0, heardAt = 0, ready = false;
const traffic = new Map(); // public key: samples {down, up}, and the last counters
const now = () => Date.now() + clock; // of the hub
const verbs = () => state ? state.verbs : {};
const answers = verb => Object.values(verbs()[verb] || {});
const status = () => answers("status")[0] || {};
const devices = () => answers("devices").flatMap(a => a.devices || []);
const isHub = () => answers("devices").length > 0;
const has = verb => commands.some(c => c.name === verb);

function apply(value, patch) {
  if (Array.isArray(patch)) return patch[0];
  for (const k of Object.keys(patch))
    if (patch[k] === 0) delete value[k];
    else value[k] = apply(value[k], patch[k]);
  return value;
}

// A sample is the mean of three seconds: programs read in gulps.
function grow(list, recent, v) {
  recent.push(v);
  if (recent.length > 3) recent.shift();
  list.push(recent.reduce((a, b) => a + b) / recent.length);
  if (list.length > SAMPLES) list.shift();
}
function sample(at) {
  const seen = new Set();
  for (const d of devices()) {
    let t = traffic.get(d.public_key);
    seen.add(d.public_key);
    if (!t) traffic.set(d.public_key, t = { at, down: [], up: [], recent: { down: [], up: [] }, in: d.bytes_in, out: d.bytes_out });
    const s = (at - t.at) / 1000;
    if (s < 0.9) continue;
    grow(t.down, t.recent.down, Math.max(0, d.bytes_in - t.in) / s);
    grow(t.up, t.recent.up, Math.max(0, d.bytes_out - t.out) / s);
    Object.assign(t, { at, in: d.bytes_in, out: d.bytes_out });
  }
  for (const key of traffic.keys()) if (!seen.has(key)) traffic.delete(key);
}

// ---- talking to it

async function call(path, body) {
  const options = { headers: {}, cache: "no-store" };
  if (body) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
    options.headers["X-Restunnel-Token"] = localStorage.getItem("restunnel-token") || "";
  }
  let r, answer;
  try {
    r = await fetch(API + path, options);
    answer = await r.json();
  } catch { throw { code: "lost", error: "the hub does not answer", remedy: null }; }
  if (r.status === 401 || answer.code === "wrong-token") askLogin();
  if (!r.ok) throw answer;
  return answer;
}
const why = e => (e.error || String(e)) + (e.remedy ? " — " + e.remedy : "");

let source = null, hiddenTimer = 0, retryTimer = 0;
function connect() {
  clearTimeout(retryTimer);
  if (source) source.close();
  source = new EventSource(API + "events");
  source.addEventListener("snapshot", e => take(JSON.parse(e.data)));
  source.addEventListener("update", e => take(JSON.parse(e.data)));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) refused();
    tick();
  };
}
function disconnect() {
  if (source) source.close();
  source = null;
}
// An HTTP error, or the hub is down and this browser gives up: find out which.
async function refused() {
  disconnect();
  try { await call("status"); } catch (e) { if (e.code === "login-needed") return; }
  retryTimer = setTimeout(connect, 2000);
}

async function take(m) {
  const first = !ready;
  clock = m.at - Date.now();
  heardAt = Date.now();
  if (m.state) state = m.state;
  else if (m.patch) state = apply(state, m.patch);
  const fresh = m.news.filter(e => !news.has(e.seq) || news.get(e.seq).at !== e.at).sort((a, b) => a.seq - b.seq);
  if (m.state) news = new Map();
  for (const e of m.state ? m.news : fresh) news.set(e.seq, e);
  for (const seq of [...news.keys()].slice(0, -NEWS)) news.delete(seq); // pages stay open for days
  if (m.state) commands = (await call("commands").catch(() => ({ commands }))).commands;
  ready = true;
  sample(m.at);
  if (!first) fresh.forEach(heard);
  render();
}
function heard(e) {
  if (/^(exit|device|hub|config)\./.test(e.event)) put($("say"), eventText(e));
  if (pairing && pairing.follow === e.event && e.fields[pairing.key] === pairing.answer[pairing.key]) arrived(e);
}

// ---- login

function askLogin() {
  disconnect();
  ready = false;
  document.body.className = "wait";
  put($("sentence"), "Who are you?");
  put($("heard"), "");
  show($("live"), false);
  show($("login"), true);
}
async function login(token) {
  try {
    const a = await call("login", { token });
    localStorage.setItem("restunnel-token", a.token);
    show($("login"), false);
    put($("sentence"), "Connecting…");
    connect();
  } catch (e) {
    askLogin();
    put($("login-error"), why(e));
  }
}
$("login-form").onsubmit = e => {
  e.preventDefault();
  login($("login-link").value.trim().replace(/^.*#login=/, ""));
};
$("logout").onclick = async () => {
  const yes = await ask({ title: "Log out everywhere?", text: "Every browser that is logged in needs a new link from `restunnel dashboard`.", yes: "Log out" });
  if (yes === null) return;
  await call("logout", {}).catch(e => put($("say"), why(e)));
  localStorage.removeItem("restunnel-token");
  askLogin();
};

// ---- asking

// A question in a dialog: the text that was typed ("" where nothing is asked for), or null. `run` is tried before it closes.
function ask({ title, text, label, value, must, yes, danger, run }) {
  put($("ask-h"), title);
  put($("ask-text"), text || "");
  put($("ask-label"), label || "");
  put($("ask-error"), "");
  show($("ask-field"), label);
  const input = $("ask-input"), ok = $("ask-yes"), dialog = $("ask");
  input.value = value || "";
  put(ok, yes);
  ok.className = danger ? "danger" : "main";
  const judge = () => { ok.disabled = !!must && input.value.trim() !== must; };
  input.oninput = judge;
  judge();
  return new Promise(resolve => {
    let result = null;
    $("ask-no").onclick = () => dialog.close();
    dialog.querySelector("form").onsubmit = async e => {
      e.preventDefault();
      if (ok.disabled) return;
      ok.disabled = true;
      try {
        if (run) await run(input.value.trim());
        result = input.value.trim();
        dialog.close();
      } catch (x) { put($("ask-error"), why(x)); judge(); }
    };
    dialog.onclose = () => resolve(result);
    dialog.showModal();
    (danger ? $("ask-no") : label ? input : ok).focus();
  });
}
async function revoke(d) {
  const yes = await ask({
    title: "Revoke " + d.name + "?", danger: true, yes: "Revoke " + d.name, label: "Type its name to confirm", must: d.name,
    text: "Its tunnel ends at once, and so " + (d.streams === 1 ? "does the connection that is" : "do the " + d.streams + " connections that are") +
      " open through it. To use it again you have to pair it again.",
    run: () => call("revoke", { device: d.public_key }),
  });
  if (yes !== null) put($("say"), d.name + " was revoked");
}
const rename = d => ask({
  title: "Rename " + d.name, label: "New name", value: d.name, yes: "Rename", text: "Programs that choose this exit by name must use the new one.",
  run: name => call("rename", { old: d.public_key, "new-name": name }),
});
const tag = d => ask({
  title: "Tags of " + d.name, label: "Tags, with spaces between", value: d.tags.join(" "), yes: "Save",
  text: "Programs can ask for any exit with a tag: tag-mobile.",
  run: text => call("tag", { device: d.public_key, tags: text.split(/[\s,]+/).filter(Boolean) }),
});

// ---- copying

function code(text, name) {
  const c = el("code", {}, text);
  return addCopy(el("div", { class: "code" }, el("pre", {}, c)), name);
}
function addCopy(box, name) {
  const b = el("button", { type: "button", class: "small", "aria-label": "Copy" + (name ? " " + name : "") }, "Copy");
  b.onclick = async () => {
    const c = box.querySelector("code");
    try {
      await navigator.clipboard.writeText(c.textContent);
      put(b, "Copied");
    } catch {
      getSelection().selectAllChildren(c);
      put(b, "Selected");
    }
    setTimeout(() => put(b, "Copy"), 2000);
  };
  box.append(b);
  return box;
}

// ---- pairing

let pairing = null, pairWanted = null; // wanted: null as long as nobody has said
$("pair-open").onclick = () => { pairWanted = true; render(); $("pair-name").focus(); };
$("pair-close").onclick = () => { endPairing(); pairWanted = false; render(); $("pair-open").focus(); };
function endPairing() {
  pairing = null;
  show($("pair-open-one"), false);
  show($("pair-form"), true);
  $("pair-qr").replaceChildren();
}
async function drawQr(text, into) {
  const q = await call("qr", { text });
  const path = q.rows.map((row, y) => [...row.matchAll(/1+/g)].map(m => `M${m.index + 4} ${y + 4}h${m[0].length}v1h-${m[0].length}z`).join("")).join("");
  const size = q.size + 8;
  into.replaceChildren(svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": "QR code", "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: path, fill: "#000" })));
}
$("pair-form").onsubmit = async e => {
  e.preventDefault();
  put($("pair-error"), "");
  try {
    const name = $("pair-name").value.trim();
    const a = await call("pair", name ? { name } : {});
    const c = commands.find(x => x.name === "pair");
    pairing = { answer: a, until: Date.parse(a.expires_at), follow: c.follow, key: c.follow_key, text: c.follow_text };
    put($("pair-command"), "sudo " + a.command);
    put($("pair-url"), a.url);
    put($("pair-note"), a.note || "");
    await drawQr(a.url, $("pair-qr"));
    show($("pair-form"), false);
    show($("pair-open-one"), true);
    show($("arrived"), false);
    put($("say"), "The link is there. It is good for 15 minutes.");
    tick();
  } catch (x) { put($("pair-error"), why(x)); }
};
function arrived(e) {
  const text = pairing.text.replace(/\{(\w+)\}/g, (all, k) => e.fields[k] ?? "");
  endPairing();
  pairWanted = false;
  $("pair-name").value = "";
  put($("arrived-text"), text + ". Compare it with what the device shows.");
  show($("arrived"), true);
  put($("say"), text);
}

$("arrived-ok").onclick = () => show($("arrived"), false);

// ---- the page

function sentence() {
  const all = devices(), on = all.filter(d => d.online), s = status();
  if (!isHub()) return s.sentence || "";
  if (!all.length) return "No device is paired yet: nothing can leave";
  if (!on.length) return "No exit is online: nothing leaves";
  if (on.length > 1) return on.length === all.length ? "All " + on.length + " exits are online" : on.length + " of " + all.length + " exits online";
  const through = "verything leaves through " + on[0].name + (on[0].exit_address ? " (" + on[0].exit_address + ")" : "");
  return all.length === 1 ? "E" + through : "1 of " + all.length + " exits online; e" + through;
}

function tick() {
  const silent = Date.now() - heardAt, lost = ready && silent > 5000;
  if (lost && document.body.className !== "lost") put($("say"), "The hub does not answer");
  document.body.className = !ready ? "wait" : lost ? "lost" : "";
  if (ready) {
    put($("heard"), lost ? "The hub does not answer. Last heard " + duration(silent / 1000) + " ago." : "");
    document.title = lost ? "✕ restunnel" : title();
    const icon = lost ? "/lost.svg" : status().state === "ok" ? "/up.svg" : "/down.svg";
    if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
  }
  if (pairing) {
    const left = (pairing.until - now()) / 1000;
    if (left > 0) {
      put($("pair-left"), duration(left));
      if (left < 600 && left > 300) put($("say"), "The link is good for ten minutes more.");
      else if (left < 300) put($("say"), "The link is good for less than five minutes.");
    } else {
      endPairing();
      put($("pair-error"), "The link has expired. Make a new one.");
    }
  }
}
const title = () => isHub() ? devices().filter(d => d.online).length + "/" + devices().length + " exits · restunnel" : "restunnel";

function render() {
  show($("login"), false);
  show($("live"), true);
  put($("sentence"), sentence());
  document.querySelector(".mark").classList.toggle("down", status().state !== "ok");
  renderAlerts();
  renderExits();
  const empty = isHub() && !devices().length;
  show($("exits"), isHub() && !empty);
  show($("pair"), isHub() && has("pair") && (pairWanted ?? empty));
  show($("pair-close"), !empty);
  renderTables();
  renderNews();
  renderHealth();
  renderSnippets();
  renderVerbs();
  tick();
}

// Children of `parent` made once for each key, and kept in the order of `list`.
function keyed(parent, list, key, make, update) {
  const have = new Map([...parent.children].map(c => [c.dataset.key, c]));
  const taken = new Set();
  let at = parent.firstElementChild;
  for (const item of list) {
    let k = String(key(item));
    while (taken.has(k)) k += " "; // two that look alike are still two
    taken.add(k);
    let c = have.get(k);
    have.delete(k);
    if (!c) {
      c = make(item);
      c.dataset.key = k;
    }
    if (c === at) at = at.nextElementSibling;
    else parent.insertBefore(c, at);
    update(c, item);
  }
  for (const c of have.values()) c.remove();
}

function renderAlerts() {
  const list = (status().alerts || []).filter(a => a.code !== "no-device");
  keyed($("alerts"), list, a => a.code + a.text, () => el("div", { class: "alert" }, el("p", {}, el("strong")), el("p", {})), (e, a) => {
    put(e.querySelector("strong"), a.text);
    put(e.lastChild, a.remedy || "");
  });
}

const cell = (label, cls) => el("td", { "data-label": label, class: cls });
function exitRow(d) {
  const td = {
    name: cell("Exit", "first"), state: cell("State"), addr: cell("Leaves from", "addr"), rtt: cell("Round trip", "num"), streams: cell("Streams", "num"),
    traffic: cell("Traffic"), acts: cell("", "acts"),
  };
  td.name.append(el("div", {}, el("span", { class: "name" }), el("span", { class: "why mono" }), el("div", { class: "tags" })));
  td.state.append(el("div", {}, el("span", { class: "state" }), el("span", { class: "why" })));
  const graph = svg("svg", { class: "graph", viewBox: `0 0 ${SAMPLES} 32`, preserveAspectRatio: "none", role: "img" }, svg("title", {}), svg("path", { class: "d", "vector-effect": "non-scaling-stroke" }), svg("path", { class: "u", "vector-effect": "non-scaling-stroke" }));
  td.traffic.append(el("div", {}, graph, el("div", { class: "rate" }, el("span", { class: "d" }), " ", el("span", { class: "u" }))));
  const row = el("tr", {}, ...Object.values(td));
  const act = (text, fn) => el("button", { type: "button", class: "small", click: () => fn(row.device) }, text);
  td.acts.append(act("Rename", rename), " ", act("Tags", tag), " ", act("Revoke", revoke));
  return Object.assign(row, { td });
}
function updateExit(row, d) {
  const { td } = row, q = (cell, s) => cell.querySelector(s);
  row.device = d;
  put(q(td.name, ".name"), d.name);
  put(q(td.name, ".why"), d.fingerprint || "");
  keyed(q(td.name, ".tags"), d.tags, t => t, t => el("span", { class: "tag" }, t), () => {});
  const s = q(td.state, ".state");
  s.className = "state " + (d.online ? "ok" : "away");
  put(s, d.online ? "online" : "away");
  put(q(td.state, ".why"), d.online ? (d.version ? "version " + d.version : "") : "last seen " + since(d.last_seen) + (d.disconnect_reason ? ": " + d.disconnect_reason : ""));
  put(td.addr, d.exit_address || "–");
  put(td.rtt, d.rtt_ms === null ? "–" : d.rtt_ms + " ms");
  put(td.streams, String(d.streams));
  for (const b of td.acts.children) b.setAttribute("aria-label", b.textContent + " " + d.name);
  drawTraffic(td.traffic, traffic.get(d.public_key));
}
function drawTraffic(cell, t) {
  if (!t || cell.drawn === t.at) return;
  cell.drawn = t.at;
  const top = Math.max(10000, ...t.down, ...t.up), x = i => SAMPLES - t.down.length + i, y = v => (31 - 29 * v / top).toFixed(1);
  const line = list => list.map((v, i) => (i ? "L" : "M") + x(i) + " " + y(v)).join("");
  const down = t.down[t.down.length - 1] || 0, up = t.up[t.up.length - 1] || 0;
  cell.querySelector("path.d").setAttribute("d", t.down.length ? line(t.down) + `L${SAMPLES - 1} 32L${x(0)} 32Z` : "");
  cell.querySelector("path.u").setAttribute("d", line(t.up));
  put(cell.querySelector("title"), `Two minutes: now ${bytes(down)}/s down, ${bytes(up)}/s up; peak ${bytes(Math.max(0, ...t.down))}/s down, ${bytes(Math.max(0, ...t.up))}/s up`);
  put(cell.querySelector("span.d"), "↓ " + bytes(down) + "/s");
  put(cell.querySelector("span.u"), "↑ " + bytes(up) + "/s");
}
const renderExits = () => keyed($("exit-rows"), devices(), d => d.public_key, exitRow, updateExit);

// ---- what other modules show live

function viewText(type, v) {
  if (v === null || v === undefined) return "–";
  switch (type) {
    case "bytes": return bytes(v);
    case "time": return since(v);
    case "online": return v ? "online" : "away";
    case "ms": return v + " ms";
    case "list": return [].concat(v).join(", ");
    default: return v === true ? "yes" : v === false ? "no" : typeof v === "object" ? JSON.stringify(v) : String(v);
  }
}
function viewInto(e, type, v) {
  if (type === "online") e.className = "state " + (v ? "ok" : "away");
  put(e, viewText(type, v));
}
function table(c) {
  const head = c.view.map(v => el("th", { scope: "col" }, v.label || v.field));
  return el("section", { class: "table" }, el("h2", {}), el("table", { class: "small" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {})), el("p", { class: "quiet" }));
}
function renderTables() {
  const list = commands.filter(c => c.live && c.view_items && c.name !== "devices" && verbs()[c.name])
    .flatMap(c => Object.entries(verbs()[c.name]).filter(([on]) => !on || c.instances.includes(on)).map(([on, a]) => ({ c, on, items: a[c.view_items] || [] })));
  keyed($("tables"), list, t => t.c.name + " " + t.on, t => table(t.c), (e, t) => {
    put(e.querySelector("h2"), t.c.name[0].toUpperCase() + t.c.name.slice(1) + (Object.keys(verbs()[t.c.name]).length > 1 ? " of " + t.on : ""));
    show(e.querySelector("table"), t.items.length);
    put(e.querySelector("p"), t.items.length ? "" : t.c.empty || "None.");
    keyed(e.querySelector("tbody"), t.items.map((item, i) => ({ item, i })), r => r.i,
      () => el("tr", {}, ...t.c.view.map((v, i) => el("td", { "data-label": v.label || v.field, class: i ? undefined : "first" }, el("span")))),
      (row, r) => t.c.view.forEach((v, i) => viewInto(row.children[i].firstChild, v.type, r.item[v.field])));
  });
}

// ---- lately

function renderNews() {
  const list = [...news.values()].filter(e => eventText(e)).sort((a, b) => b.at - a.at || b.seq - a.seq).slice(0, 12);
  keyed($("news-list"), list, e => e.at + "." + e.seq, e => el("li", {}, el("time", { datetime: new Date(e.at).toISOString() }), el("span", {}, eventText(e))),
    (li, e) => put(li.firstChild, ago(e.at)));
  const refused = {};
  for (const [k, n] of Object.entries(state.metrics || {})) {
    const m = /^restunnel_frontend_connections_total\{.*result="(\w+)"/.exec(k);
    if (m && m[1] !== "ok" && n) refused[m[1]] = (refused[m[1]] || 0) + n;
  }
  const rows = Object.entries(refused).sort((a, b) => b[1] - a[1]);
  keyed($("refusals"), rows.length ? [0] : [], () => "r", () => el("div", {}, el("h3", {}, "Refused since the start"), el("ul", { class: "news" })), e =>
    keyed(e.lastChild, rows, r => r[0], r => el("li", {}, el("time"), el("span", {}, RESULT[r[0]] || r[0])), (li, r) => put(li.firstChild, plural(r[1], "time"))));
  show($("news"), list.length || rows.length);
}

// ---- health

const KNOCKS = { opened: "opened", junk: "junk", replay: "replayed", unknown: "of strangers", limited: "too many" };
function renderHealth() {
  const s = status(), facts = [["Up for", duration(s.uptime_s || 0)], ["Memory", bytes(s.rss_bytes)], ["Version", s.version], ["Sandbox", s.sandbox && s.sandbox.text, true]];
  const knocks = Object.entries(state.metrics || {}).map(([k, n]) => [/^restunnel_knocks_total\{.*result="(\w+)"/.exec(k), n]).filter(([m, n]) => m && n);
  if (isHub()) facts.splice(2, 0, ["Knocks at the port", knocks.map(([m, n]) => n + " " + (KNOCKS[m[1]] || m[1])).join(", ") || "none"]);
  keyed($("facts"), facts.filter(f => f[1]), f => f[0], f => el("div", { class: f[2] && "wide" }, el("dt", {}, f[0]), el("dd")), (e, f) => put(e.lastChild, String(f[1])));
  keyed($("parts"), s.modules || [], m => m.name, () => el("tr", {}, cell("Part", "first"), cell("State"), cell("Listens on", "mono"), cell("In words")), (row, m) => {
    const [name, st, listen, text] = row.children;
    put(name, m.name === m.module ? m.name : m.name + " (" + m.module + ")");
    if (!st.firstChild) st.append(el("span"));
    st.firstChild.className = "state " + (m.state === "ok" ? "ok" : m.state === "down" ? "down" : "away");
    put(st.firstChild, m.state);
    put(listen, (m.listen || []).join(", "));
    put(text, m.text);
  });
}

// ---- snippets

const SNIPPETS = { // by what is needed: the address of a SOCKS5 entry (s), of an HTTP proxy (h)
  "curl": ({ s, h }) => `curl -x ${s || h} https://example.com/`,
  "the environment": ({ h }) => h && `export http_proxy=${h} https_proxy=${h} HTTPS_PROXY=${h}\nexport no_proxy=localhost,127.0.0.1,::1`,
  "Python": ({ h }) => h && `import requests\nproxies = dict.fromkeys(("http", "https"), "${h}")\nprint(requests.get("https://example.com/", proxies=proxies).text)`,
  "Node": ({ h }) => h && `import { ProxyAgent, fetch } from "undici"\nconst dispatcher = new ProxyAgent("${h}")\nconsole.log(await (await fetch("https://example.com/", { dispatcher })).text())`,
  "git": ({ s, h }) => `git -c http.proxy=${s || h} clone https://example.com/project.git`,
  "Docker": ({ h }) => h && `docker run --rm --network host -e http_proxy=${h} -e https_proxy=${h} curlimages/curl https://example.com/`,
};
function options(select, list) { // of [value, text]
  if ([...select.options].map(o => o.value + "=" + o.text).join() === list.map(x => x[0] + "=" + x[1]).join()) return;
  const chosen = select.value;
  select.replaceChildren(...list.map(x => el("option", { value: x[0] }, x[1])));
  if (list.some(x => x[0] === chosen)) select.value = chosen;
}
function renderSnippets() {
  const listens = module => (status().modules || []).filter(m => m.module === module).flatMap(m => m.listen || []).find(l => !l.startsWith("unix:"));
  const socks = listens("frontend_socks5"), http = listens("frontend_connect"), user = $("snippet-exit").value ? $("snippet-exit").value + ":x@" : "";
  const at = { s: socks && "socks5h://" + user + socks, h: http && "http://" + user + http };
  show($("snippets"), devices().length && (socks || http));
  if (!socks && !http) return;
  options($("snippet-exit"), [["", "the best exit"], ...devices().map(d => [d.name, d.name])]);
  options($("snippet-for"), Object.keys(SNIPPETS).filter(k => SNIPPETS[k](at)).map(k => [k, k]));
  put($("snippet"), SNIPPETS[$("snippet-for").value](at));
}
$("snippet-exit").onchange = $("snippet-for").onchange = renderSnippets;

// ---- all verbs

// Several modules may have a verb of one name; then it is said whose it is.
const whose = c => commands.filter(x => x.name === c.name).length > 1 && c.module || "";
function verbForm(c) {
  const out = el("output", {}), fields = c.args.map(a => {
    const id = ["v", c.name, a.key, whose(c)].filter(Boolean).join("-");
    const input = a.choices ? el("select", { id }, ...(a.required || a.default ? [] : [el("option", { value: "" }, "–")]), ...a.choices.map(x => el("option", { value: x }, x)))
      : el("input", { id, type: a.secret ? "password" : "text", required: a.required, placeholder: a.default, autocomplete: "off" });
    if (a.choices && a.default) input.value = a.default;
    return { a, input, label: el("label", { for: id }, a.key, " ", el("span", { class: "quiet" }, a.doc || "")) };
  });
  const on = c.instances.length > 1 ? el("select", { "aria-label": "Instance" }, ...c.instances.map(n => el("option", { value: n }, n))) : null;
  const button = el("button", { class: c.confirm ? "danger" : "main" }, "Run " + c.name);
  const form = el("form", {}, ...fields.flatMap(f => [f.label, f.input]), on, el("div", { class: "row" }, button), out);
  form.onsubmit = async e => {
    e.preventDefault();
    const args = on ? { on: on.value } : whose(c) ? { on: c.instances[0] } : {};
    for (const { a, input } of fields) if (input.value) args[a.key] = a.list ? input.value.split(/[\s,]+/).filter(Boolean) : input.value;
    if (c.confirm && await ask({ title: "Run " + c.name + "?", text: c.doc, yes: c.name, danger: true }) === null) return;
    button.disabled = true;
    out.replaceChildren();
    try {
      const query = new URLSearchParams(Object.entries(args).flatMap(([k, v]) => [].concat(v).map(x => [k, x])));
      const a = c.readonly ? await call(c.name + (String(query) ? "?" + query : "")) : await call(c.name, args);
      out.replaceChildren(...await answer(c, a));
    } catch (x) { out.replaceChildren(el("p", { class: "bad" }, why(x))); }
    button.disabled = false;
  };
  return form;
}
async function answer(c, a) {
  const value = (v, item) => el("span", v.type === "online" ? { class: "state " + (item[v.field] ? "ok" : "away") } : {}, viewText(v.type, item[v.field]));
  if (c.view_items) {
    const items = a[c.view_items] || [];
    if (!items.length) return [el("p", {}, c.empty || "None.")];
    return [el("table", { class: "small" }, el("thead", {}, el("tr", {}, ...c.view.map(v => el("th", { scope: "col" }, v.label || v.field)))),
      el("tbody", {}, ...items.map(item => el("tr", {}, ...c.view.map(v => el("td", { "data-label": v.label || v.field }, value(v, item)))))))];
  }
  const out = [];
  for (const v of c.view.filter(x => a[x.field] !== null && a[x.field] !== undefined)) {
    if (v.type === "sentence") out.push(el("pre", {}, String(a[v.field])));
    else if (v.type === "command" || v.type === "qr") out.push(el("p", {}, v.label || v.field), code(String(a[v.field])));
    else out.push(el("p", {}, (v.label || v.field) + ": ", value(v, a)));
    if (v.type === "qr") {
      const box = el("div", { class: "qr" });
      await drawQr(a[v.field], box);
      out.push(box);
    }
  }
  return out.length ? out : [el("p", {}, "Done.")];
}
function renderVerbs() {
  keyed($("verb-list"), commands, c => c.name + " " + whose(c), c => {
    const d = el("details", { class: "verb" }, el("summary", {}, el("strong", {}, c.name), whose(c) && " of " + whose(c), " ", el("span", { class: "quiet" }, c.doc || "")));
    d.ontoggle = () => { if (d.open && d.children.length === 1) d.append(verbForm(c)); };
    return d;
  }, () => {});
}

// ---- beginning, hiding, end

document.querySelectorAll(".code").forEach(box => addCopy(box, ""));
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(disconnect, 30000);
  else if (!source && ready) connect();
});
setInterval(tick, 1000);
function loginByLink() {
  const link = /^#login=(.+)$/.exec(location.hash);
  if (!link) return false;
  history.replaceState(null, "", location.pathname);
  login(link[1]);
  return true;
}
window.onhashchange = loginByLink;
if (!loginByLink()) connect();
