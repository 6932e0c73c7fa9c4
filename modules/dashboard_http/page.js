"use strict";
// The rest of the page, from the top: the sentence, alerts, pairing, tables of other modules, news, health, snippets, all commands.

// ---- copying

function code(text, name) {
  const c = el("code", {}, text);
  return addCopy(el("div", { class: "code" }, el("pre", {}, c)), name);
}
function addCopy(box, name) {
  const b = el("button", { type: "button", class: "small", "aria-label": "Copy" + (name ? " " + name : "") }, "Copy");
  b.onclick = async () => {
    const c = box.querySelector("code");
    let done = true;
    try {
      await navigator.clipboard.writeText(c.textContent);
    } catch { // not allowed: the old way, or the hand of who reads this
      getSelection().selectAllChildren(c);
      done = document.execCommand("copy");
    }
    put(b, done ? "Copied" : "Selected");
    say(b.textContent);
    setTimeout(() => put(b, "Copy"), 2000);
  };
  box.append(b);
  return box;
}

// ---- pairing

let pairing = null, pairWanted = false;
$("pair-open").onclick = () => { pairWanted = true; render(); $("pair-name").focus(); };
$("pair-close").onclick = () => { if (pairing) withdraw(pairing.answer); endPairing(); pairWanted = false; render(); $("pair-open").focus(); };
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
    pairing = { answer: a, until: Date.parse(a.expires_at), c, told: 15 };
    put($("pair-command"), "sudo " + a.command);
    put($("pair-url"), a.url);
    put($("pair-note"), a.note || "");
    await drawQr(a.url, $("pair-qr"));
    if (!pairing || pairing.answer !== a) return; // closed, withdrawn or used meanwhile
    show($("pair-form"), false);
    show($("pair-open-one"), true);
    show($("arrived"), false);
    say("The link is there. It is good for 15 minutes.");
    tick();
    $("pair-command").closest(".code").querySelector("button").focus();
  } catch (x) { put($("pair-error"), why(x)); }
};
const followText = (text, e) => text.replace(/\{(\w+)\}/g, (all, k) => e.fields[k] ?? "");
function arrived(e) {
  const text = followText(pairing.c.follow_text, e), here = $("pair").contains(document.activeElement);
  endPairing();
  pairWanted = false;
  $("pair-name").value = "";
  put($("arrived-text"), text + ". Compare it with what the device shows.");
  show($("arrived"), true);
  if (here) $("arrived-ok").focus();
  say(text);
}
$("arrived-ok").onclick = () => {
  show($("arrived"), false);
  focusNear($("exit-rows"));
};

// Links that nobody has used yet, also those made elsewhere
const openLinks = () => answers("pairings").flatMap(a => a.pairings || []);
const linkName = p => p.name ? "the link for " + p.name : "a link without a name";
async function withdraw(p) {
  try {
    await call("withdraw", { pairing: p.pairing });
  } catch (e) { say(why(e)); } // it was used meanwhile, or is too old
}
function voidPairing(text) {
  const here = $("pair-open-one").contains(document.activeElement);
  endPairing();
  put($("pair-error"), text);
  if (here) $("pair-name").focus();
}
function renderLinks() {
  const list = openLinks().filter(p => !pairing || p.pairing !== pairing.answer.pairing);
  keyed($("links-list"), list, p => p.pairing, p => el("li", {}, el("span"), el("button", { type: "button", class: "small", "aria-label": "Withdraw " + linkName(p), click: () => withdraw(p) }, "Withdraw")),
    (li, p) => put(li.firstChild, linkName(p).replace(/^./, c => c.toUpperCase()) + ": made " + since(p.made_at) + ", good for " + duration((Date.parse(p.expires_at) - now()) / 1000) + " more"));
  show($("links"), list.length);
}
function heard(e) {
  const { c, answer } = pairing || {}, ours = c && e.fields[c.follow_key] === answer[c.follow_key];
  if (ours && e.event === c.follow_end) voidPairing(followText(c.follow_end_text, e));
  else if (ours && e.event === c.follow) arrived(e);
  else if (/^(exit|device|hub|config|default)\.|^pair\.withdrawn/.test(e.event)) say(eventText(e));
}

// ---- the page

function hubSentence(all) {
  const on = all.filter(h => h.online), [one] = all;
  if (all.length > 1) return "Connected to " + (on.length === all.length ? "all " + on.length : (on.length || "none") + " of " + all.length) + " hubs";
  return on.length ? "Connected to " + one.name : "Not connected to " + one.name + (one.last_error ? ": " + one.last_error : "");
}
function sentence() {
  const all = devices(), on = all.filter(d => d.online), s = status();
  if (!isHub()) return hubs().length ? hubSentence(hubs()) : s.sentence || "";
  if (!all.length) return "No device is paired yet: nothing can leave";
  if (!on.length) return "No exit is online: nothing leaves";
  const count = on.length === all.length ? "All " + on.length + " exits are online" : on.length + " of " + all.length + " exits online";
  const name = defaultExit(), its = name ? all.filter(d => d.default) : on, up = its.filter(d => d.online);
  if (!up.length) return (all.length > 1 ? count : on[0].name + " is online") + "; what names no exit fails: " + name +
    (its.length ? " is away" : /^tag-/.test(name) ? " belongs to no device" : " is not paired");
  if (!name && on.length > 1) return count;
  const through = " leaves through " + (name || on[0].name) + (up.length === 1 && up[0].exit_address ? " (" + up[0].exit_address + ")" : "");
  if (all.length === 1) return "Everything" + through;
  return count + (up.length < on.length ? "; what names no exit" : "; everything") + through; // the others may be asked for
}

function sum() {
  const others = isHub() ? devices() : hubs();
  const t = others.map(d => traffic.get(d.public_key)).filter(Boolean), all = side => rate(t.reduce((n, x) => n + last(x[side]), 0));
  return others.length ? plural(others.reduce((n, d) => n + d.streams, 0), "connection") + " open; ↓ " + all("down") + " ↑ " + all("up") : "";
}

function tick() {
  const asleep = ready && !waiting, silent = Date.now() - heardAt, lost = ready && !asleep && Date.now() - Math.max(heardAt, wokeAt) > SILENCE;
  if (lost && document.body.className !== "lost") say("The hub does not answer");
  document.body.className = !ready || asleep ? "wait" : lost ? "lost" : "";
  if (ready) {
    put($("heard"), asleep ? "" : lost ? "The hub does not answer. Last heard " + duration(silent / 1000) + " ago." : sum());
    document.title = lost ? "✕ restunnel" : asleep ? "restunnel" : title();
    const icon = lost || asleep ? "/lost.svg" : status().state === "ok" ? "/up.svg" : "/down.svg";
    if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
  }
  if (pairing) {
    const left = (pairing.until - now()) / 1000;
    if (left > 0) {
      put($("pair-left"), duration(left));
      for (const m of [10, 5, 1])
        if (left < 60 * m && pairing.told > m) say("The link is good for " + plural(pairing.told = m, "minute") + " more.");
    } else {
      voidPairing("The link has expired: make a new one");
    }
  }
}
const title = () => (status().state === "ok" ? "" : "▲ ") + (isHub() ? devices().filter(d => d.online).length + "/" + devices().length + " exits · restunnel" :
  hubs().length ? hubs().filter(h => h.online).length + "/" + hubs().length + " hubs · restunnel" : "restunnel");

function render() {
  show($("login"), false);
  show($("live"), true);
  put($("sentence"), sentence());
  document.querySelector(".mark").classList.toggle("down", status().state !== "ok");
  renderAlerts();
  renderExits();
  const empty = isHub() && !devices().length, here = $("exits").contains(document.activeElement);
  show($("exits"), isHub() && !empty);
  show($("pair"), isHub() && has("pair") && (pairWanted || empty));
  if (here && empty) focusNear($("exit-rows"));
  show($("pair-close"), !empty);
  renderLinks();
  renderTables();
  renderNews();
  renderHealth();
  renderSnippets();
  renderVerbs();
  tick();
}

function renderAlerts() {
  const list = (status().alerts || []).filter(a => a.code !== "no-device");
  const make = a => {
    const box = el("div", { class: "alert" }, el("p", {}, el("strong")), el("p", {}));
    say(() => box.isConnected ? a.text : ""); // one that is over already would only crowd out what ended it
    return box;
  };
  keyed($("alerts"), list, a => a.code + a.text, make, (e, a) => {
    put(e.querySelector("strong"), a.text.replace(/[:;] (?=\/)/g, "$&\n")); // a line for each place in a file
    put(e.lastChild, a.remedy || "");
  });
}

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
// Whatever a module has there, it is rows
const itemsOf = (c, a) => [].concat(a[c.view_items] ?? []).map(x => x ?? {});
const counts = c => ["bytes_in", "bytes_out"].every(f => c.view.some(v => v.field === f));
function table(c) {
  const head = c.view.map(v => el("th", { scope: "col" }, v.label || v.field));
  if (counts(c)) head.push(el("th", { scope: "col" }, "TRAFFIC"));
  return el("section", { class: "table" }, el("h2", {}), el("table", { class: "small" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {})), el("p", { class: "quiet" }));
}
function renderTables() {
  const list = commands.filter(c => c.live && c.view_items && !["devices", "pairings"].includes(c.name) && verbs()[c.name])
    .flatMap(c => Object.entries(verbs()[c.name]).filter(([on]) => !on || c.instances.includes(on)).map(([on, a]) => ({ c, on, items: itemsOf(c, a) })));
  keyed($("tables"), list, t => t.c.name + " " + t.on, t => table(t.c), (e, t) => {
    put(e.querySelector("h2"), t.c.name[0].toUpperCase() + t.c.name.slice(1) + (Object.keys(verbs()[t.c.name]).length > 1 ? " of " + t.on : ""));
    show(e.querySelector("table"), t.items.length);
    put(e.querySelector("p"), t.items.length ? "" : t.c.empty || "None.");
    keyed(e.querySelector("tbody"), t.items.map((item, i) => ({ item, i })), r => r.i,
      () => el("tr", {}, ...t.c.view.map((v, i) => el("td", { "data-label": v.label || v.field, class: i ? undefined : "first" }, el("span"))),
        counts(t.c) ? el("td", { "data-label": "TRAFFIC", class: "traffic idle" }, graph()) : null),
      (row, r) => {
        t.c.view.forEach((v, i) => viewInto(row.children[i].firstChild, v.type, r.item[v.field]));
        if (counts(t.c)) drawTraffic(row.lastChild, traffic.get(flowKey(r.item)));
      });
  });
}

// ---- lately

function renderNews() {
  const have = {}, few = e => !/^stream/.test(e.event) || count(have, e.event) <= 3;
  const list = [...news.values()].filter(e => eventText(e)).sort((a, b) => b.at - a.at || b.seq - a.seq).filter(few).slice(0, 12);
  keyed($("news-list"), list, e => e.at + "." + e.seq, e => el("li", {}, el("time", { datetime: new Date(e.at).toISOString(), title: new Date(e.at).toLocaleString() }), el("span", {}, eventText(e))),
    (li, e) => put(li.firstChild, ago(e.at)));
  const refused = {};
  for (const [k, n] of Object.entries(state.metrics || {})) {
    const m = /^restunnel_frontend_connections_total\{.*result="(\w+)"/.exec(k);
    if (m && m[1] !== "ok" && n) refused[m[1]] = (refused[m[1]] || 0) + n;
  }
  const rows = Object.entries(refused).sort((a, b) => b[1] - a[1]);
  keyed($("refusals"), rows.length ? [0] : [], () => "r", () => el("div", {}, el("h3", {}, "Refused since the start"), el("ul", { class: "news" })), e =>
    keyed(e.lastChild, rows, r => r[0], r => el("li", {}, el("b"), el("span", {}, RESULT[r[0]] || r[0])), (li, r) => put(li.firstChild, plural(r[1], "time"))));
  show($("news"), list.length || rows.length);
}

// ---- health

const KNOCKS = { opened: "opened", junk: "junk", replay: "replayed", unknown: "of strangers", limited: "too many" };
const CONCEAL = { closed: "closed: nothing seems to be there", filtered: "filtered: like behind a firewall", none: "open, and silent: scans see it" };
// [label's value, number] of all of one name that are not 0
const metric = (name, label) => Object.entries(state.metrics || {}).filter(([k, n]) => n && k.startsWith(name + "{"))
  .map(([k, n]) => [new RegExp(label + '="(\\w+)"').exec(k)?.[1], n]);
function renderHealth() {
  const s = status(), knocks = metric("restunnel_knocks_total", "result").map(([k, n]) => n + " " + (KNOCKS[k] || k)).join(", ");
  facts($("facts"), [
    ["Up for", duration(s.uptime_s || 0)], ["Memory", bytes(s.rss_bytes)], ["Version", s.version],
    ["The tunnel's port", metric("restunnel_conceal", "mode").map(([k]) => CONCEAL[k] || k).join(", ")],
    ["Knocks at the port", isHub() && (knocks || "none")], ["Sandbox", s.sandbox && s.sandbox.text, true],
  ]);
  keyed($("parts"), s.modules || [], m => m.name, () => el("tr", {}, el("th", { scope: "row", class: "first" }), cell("State"), cell("Listens on", "mono"), cell("In words")), (row, m) => {
    const [name, st, listen, text] = row.children;
    put(name, m.name === m.module ? m.name : m.name + " (" + m.module + ")");
    if (!st.firstChild) st.append(el("span"));
    st.firstChild.className = "state " + (m.state === "ok" ? "ok" : m.state === "down" ? "down" : "away");
    put(st.firstChild, m.state);
    put(listen, (m.listen || []).join(", "));
    put(text, m.text);
  });
}

// ---- snippets: the line for a program, through an exit, by the entry that suits both

const SCHEMES = { frontend_socks5: "socks5h", frontend_connect: "http" };
const SNIPPETS = { // with the address of a SOCKS5 entry (s), of an HTTP proxy (h)
  "curl": ({ s, h }) => `curl -x ${s || h} https://example.com/`,
  "the environment": ({ s, h }) => h ? `export http_proxy=${h} https_proxy=${h} HTTPS_PROXY=${h}\nexport no_proxy=localhost,127.0.0.1,::1`
    : `export all_proxy=${s} ALL_PROXY=${s} no_proxy=localhost,127.0.0.1,::1`,
  "Python": ({ s, h }) => `import requests${h ? "" : " # pip install requests[socks]"}\nproxies = dict.fromkeys(("http", "https"), "${h || s}")\nprint(requests.get("https://example.com/", proxies=proxies).text)`,
  "Node": ({ h }) => h && `import { ProxyAgent, fetch } from "undici"\nconst dispatcher = new ProxyAgent("${h}")\nconsole.log(await (await fetch("https://example.com/", { dispatcher })).text())`,
  "git": ({ s, h }) => `git -c http.proxy=${s || h} clone https://example.com/project.git`,
  "Docker": ({ s, h }) => `docker run --rm --network host ${h ? `-e http_proxy=${h} -e https_proxy=${h}` : `-e all_proxy=${s}`} curlimages/curl https://example.com/`,
};
const entries = () => (status().modules || []).filter(m => SCHEMES[m.module]).flatMap(m => (m.listen || []).map(listen => {
  const o = config[m.name] || {};
  return { listen, scheme: SCHEMES[m.module], unix: listen.startsWith("unix:"), exit: o.exit || "", username: o.username, users: o["users-file"] };
}));
// What stands before the address for this exit ("": the default, or the best; "any"; "home"; "tag-mobile"); null: this entry can't be asked for it.
function userOf(e, exit) {
  const wanted = exit || defaultExit() || "any", term = /^(any$|tag-)/.test(wanted) ? wanted : "exit-" + wanted;
  if (e.users) return (exit === e.exit ? "USER" : "USER-" + term) + ":PASSWORD@";
  if (exit === e.exit && e.username !== "required") return "";
  if (e.username === "off") return null;
  return wanted + ":x@";
}
// Where the exit is fixed nothing can go wrong; where a username is required no program keeps it to itself.
const rank = (e, exit) => 8 * e.unix + (e.users ? 4 : 0) + (exit === e.exit ? 0 : e.username === "required" ? 1 : 2);
function entryFor(scheme, exit) {
  return entries().filter(e => e.scheme === scheme && userOf(e, exit) !== null).sort((a, b) => rank(a, exit) - rank(b, exit))[0];
}
function addressOf(e, exit) {
  const at = e.unix ? "127.0.0.1:" + (e.scheme === "http" ? 1081 : 1080) : e.listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
  return { at, url: e.scheme + "://" + userOf(e, exit) + at, path: e.unix && e.listen.slice(5) };
}
function options(select, list) { // of [value, text]
  if ([...select.options].map(o => o.value + "=" + o.text).join() === list.map(x => x[0] + "=" + x[1]).join()) return;
  const chosen = select.value;
  select.replaceChildren(...list.map(x => el("option", { value: x[0] }, x[1])));
  if (list.some(x => x[0] === chosen)) select.value = chosen;
}
function renderSnippets() {
  const all = devices().sort((a, b) => collator.compare(a.name, b.name)), tags = [...new Set(all.flatMap(d => d.tags))].sort(collator.compare);
  show($("snippets"), all.length && entries().length);
  options($("snippet-exit"), [["", defaultExit() ? "the default exit, " + defaultExit() : "the best exit"], ...(defaultExit() ? [["any", "the best exit"]] : []), ...all.map(d => [d.name, d.name]), ...tags.map(t => ["tag-" + t, "any tagged " + t])]);
  const exit = $("snippet-exit").value, s = entryFor("socks5h", exit), h = entryFor("http", exit);
  const at = { s: s && addressOf(s, exit).url, h: h && addressOf(h, exit).url };
  options($("snippet-for"), Object.keys(SNIPPETS).filter(k => (s || h) && SNIPPETS[k](at)).map(k => [k, k]));
  const text = $("snippet-for").value ? SNIPPETS[$("snippet-for").value](at) : "", notes = [];
  put($("snippet"), text);
  show($("snippet").closest(".code"), text);
  if (!text) notes.push("No entry of the configuration lets a program choose this exit: give one `exit: " + exit + "`, or `username: optional`.");
  if (all.some(d => d.name === exit && !d.online)) notes.push(exit + " is away: until it is back this is refused.");
  if (text.includes("USER")) notes.push("USER and PASSWORD are those of `restunnel passwd`.");
  if (exit && h && text.includes(at.h) && exit !== h.exit && h.username !== "required" && !h.users)
    notes.push("Programs that send a username only when they are asked, as git does, leave by another exit here: give the entry at " + h.listen + " `username: required`, or `exit: " + exit + "`.");
  for (const e of [s, h].filter(e => e && text.includes(addressOf(e, exit).url))) {
    const { at, path } = addressOf(e, exit);
    notes.push((path ? "First: ssh -N -L " : "From another machine first: ssh -N -L ") + at.split(":").pop() + ":" + (path || at) + " HUB");
  }
  put($("snippet-note"), notes.join("\n"));
}
$("snippet-exit").onchange = $("snippet-for").onchange = renderSnippets;

// ---- all verbs

// Several modules may have a verb of one name; then it is said whose it is.
const whose = c => commands.filter(x => x.name === c.name && meant(x)).length > 1 && c.module || "";
function verbForm(c) {
  const out = el("div", { class: "answer", role: "status" }), fields = c.args.map(a => {
    const id = ["v", c.name, a.key, whose(c)].filter(Boolean).join("-");
    const input = a.choices ? el("select", { id }, ...(a.required || a.default ? [] : [el("option", { value: "" }, "–")]), ...a.choices.map(x => el("option", { value: x }, x)))
      : el("input", { id, type: a.secret ? "password" : "text", required: a.required, placeholder: a.default || a.words.replace(/^a text$/, ""), autocomplete: a.secret ? "new-password" : "off", autocapitalize: "none", spellcheck: "false" });
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
    const items = itemsOf(c, a);
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
  keyed($("verb-list"), commands.filter(meant), c => c.name + " " + whose(c), c => {
    const d = el("details", { class: "verb" }, el("summary", {}, el("strong", {}, c.name), whose(c) && " of " + whose(c), " ", el("span", { class: "quiet" }, c.doc || "")));
    d.ontoggle = () => { if (d.open && d.children.length === 1) d.append(verbForm(c)); };
    return d;
  }, () => {});
}

// ---- beginning

document.querySelectorAll(".code").forEach(box => addCopy(box, box.dataset.name));
setInterval(tick, 1000);
put($("sentence"), "Connecting…");
if (!loginByLink()) begin();
look();
