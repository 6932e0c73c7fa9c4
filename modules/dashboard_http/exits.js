"use strict";
// The exits: a row for each, what can be done with it, and its traffic.

const SAMPLES = 120; // of a graph, a second each
const MANY = 12; // exits: from here on they can be searched

// ---- asking

// A question in a dialog: the text that was typed ("" where nothing is asked for), or null. `run` is tried before it closes.
// `text` may be a function, which is asked again as things change.
let askText = () => "";
function ask({ title, text, label, value, must, yes, danger, run }) {
  put($("ask-h"), title);
  askText = typeof text === "function" ? text : () => text || "";
  put($("ask-text"), askText());
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
    dialog.onclose = () => {
      if (document.activeElement === document.body) focusNear($("exit-rows")); // what had asked is gone
      resolve(result);
    };
    dialog.showModal();
    (danger ? $("ask-no") : label ? input : ok).focus();
  });
}
async function revoke(d) {
  let answer;
  const streams = () => {
    const n = (devices().find(x => x.public_key === d.public_key) || d).streams;
    return !n ? "; no connection is open through it" : n === 1 ? ", and so does the connection that is open through it" :
      ", and so do the " + n + " connections that are open through it";
  };
  const yes = await ask({
    title: "Revoke " + d.name + "?", danger: true, yes: "Revoke " + d.name, label: "Type its name to confirm", must: d.name,
    text: () => "Its tunnel ends at once" + streams() + ". To use it again you have to pair it again." +
      (d.default ? " It is the default exit: without it, what names no exit fails until you choose another default." : ""),
    run: async () => { answer = await call("revoke", { device: d.public_key }); },
  });
  if (yes !== null) say(d.name + " was revoked" + ended(answer.streams));
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

// ---- the default exit: for what names none

const defaultExit = () => (answers("devices").find(a => a.default) || {}).default || ""; // a name, or tag-TAG
const makeDefault = d => ask({
  title: "Make " + d.name + " the default exit?", yes: "Make default",
  text: "What names no exit leaves through " + d.name + " only. While it is away, such connections fail. Those that name one go on as before.",
  run: () => call("default", { exit: d.name }),
});
const noDefault = () => ask({
  title: "No default exit?", yes: "Use the best one", text: "What names no exit leaves through the best one that is online.",
  run: () => call("default", { exit: "any" }),
});
function updateDefault(row, d) {
  keyed(row.td.name.querySelector(".mark-default"), d.default ? ["default"] : [], x => x, x => el("span", { class: "tag" }, x), () => {});
  for (const b of row.querySelectorAll(".menu button")) if (b.verb === "default") show(b, has("default") && defaultExit() !== d.name);
}
function renderDefault() {
  keyed($("default-exit"), defaultExit() ? [defaultExit()] : [], x => x, x => el("p", { class: "row" },
    el("span", {}, "What names no exit leaves through " + x + " only."), el("button", { type: "button", class: "small", click: noDefault }, "Use the best one instead")), () => {});
}

// ---- what is known, and what can be done

// All that is known of one, as long as the dialog is open
const limited = (n, words) => n === null || n === undefined ? "no limit" : words(n);
const NETWORK = { wired: "on a cable", wifi: "on Wi-Fi", mobile: "on a mobile network" };
const FACTS = [
  ["State", d => d.online ? "online" : "away: last seen " + since(d.last_seen) + (d.disconnect_reason ? ": " + d.disconnect_reason : "")],
  ["Leaves from", d => d.exit_address], ["Connects from", d => d.address], ["Version", d => d.version],
  ["Its machine", d => [d.power === "mains" && "on mains", battery(d), d.network && NETWORK[d.network]].filter(Boolean).join(", ")],
  ["Default exit", d => d.default && "yes: what names no exit leaves through it"],
  ["Started", d => d.started_at && since(d.started_at)], ["Paired", d => since(d.enrolled_at)], ["Its key", d => d.fingerprint],
  ["Since the hub's start", d => bytes(d.bytes_in) + " down, " + bytes(d.bytes_out) + " up"], ["This month", d => bytes(d.month_bytes)],
  ["Connections at once", d => limited(d.streams_limit, String)], ["Speed down", d => limited(d.down_limit_bps, bits)],
  ["Speed up", d => limited(d.up_limit_bps, bits)], ["In a month", d => limited(d.month_limit_bytes, bytes)], ["Reached", d => d.limit_reached],
];
function about(d) {
  $("about").dataset.of = d.public_key;
  renderAbout();
  $("about").showModal();
}
function renderAbout() {
  const d = devices().find(x => x.public_key === $("about").dataset.of);
  put($("about-h"), d ? d.name : "It was revoked");
  facts($("about-facts"), d ? FACTS.map(([label, words]) => [label, words(d)]) : []);
}
function facts(dl, list) { // of [label, text, wide]
  keyed(dl, list.filter(f => f[1]), f => f[0], f => el("div", { class: f[2] && "wide" }, el("dt", {}, f[0]), el("dd")), (e, f) => put(e.lastChild, String(f[1])));
}

const ACTIONS = [ // what it says, what it does, the verb that it needs
  ["Details", about], ["Make default", makeDefault, "default"], ["Rename", rename, "rename"], ["Tags", tag, "tag"], ["Revoke", revoke, "revoke"],
];

// ---- menus: one open at a time

const closeMenus = except => document.querySelectorAll("details.menu[open]").forEach(m => { if (m !== except) m.open = false; });
for (const type of ["click", "focusin"]) document.addEventListener(type, e => closeMenus(e.target.closest("details.menu")));
document.addEventListener("keydown", e => {
  const open = e.key === "Escape" && document.querySelector("details.menu[open]");
  if (open) open.firstElementChild.focus();
  if (open) closeMenus();
});
function menu(row) {
  const summary = el("summary", {}, "⋯");
  const items = ACTIONS.map(([text, run, verb]) => {
    const b = el("button", { type: "button" }, text);
    b.onclick = () => {
      summary.focus(); // to which a dialog gives the focus back
      closeMenus();
      run(row.device);
    };
    return Object.assign(b, { verb });
  });
  return el("details", { class: "menu" }, summary, el("div", {}, ...items));
}
function updateMenu(m, d) {
  const name = (e, text) => { if (e.getAttribute("aria-label") !== text) e.setAttribute("aria-label", text); };
  name(m.firstChild, "Actions for " + d.name);
  for (const b of m.lastChild.children) {
    name(b, b.textContent + " " + d.name);
    show(b, !b.verb || has(b.verb));
  }
}

// ---- traffic

const traffic = new Map(); // key: samples {down, up}, and the last counters

// What has some: exits, hubs, whatever a module counts bytes of
const flows = () => Object.values(verbs()).flatMap(v => Object.values(v)).flatMap(a => Object.values(a || {}).filter(Array.isArray).flat())
  .filter(x => x && Number.isInteger(x.bytes_in) && Number.isInteger(x.bytes_out));
const flowKey = x => x.public_key || x.name;

// A sample is the mean of three seconds: programs read in gulps.
function grow(list, recent, v) {
  recent.push(v);
  if (recent.length > 3) recent.shift();
  list.push(recent.reduce((a, b) => a + b) / recent.length);
  if (list.length > SAMPLES) list.shift();
}
function sample(at) {
  const seen = new Set();
  for (const d of flows()) {
    const key = flowKey(d);
    let t = traffic.get(key);
    seen.add(key);
    if (!t) traffic.set(key, t = { at, down: [], up: [], recent: { down: [], up: [] }, in: d.bytes_in, out: d.bytes_out });
    const s = (at - t.at) / 1000;
    if (s < 0.9) continue;
    grow(t.down, t.recent.down, Math.max(0, d.bytes_in - t.in) / s);
    grow(t.up, t.recent.up, Math.max(0, d.bytes_out - t.out) / s);
    Object.assign(t, { at, in: d.bytes_in, out: d.bytes_out });
  }
  for (const key of traffic.keys()) if (!seen.has(key)) traffic.delete(key);
}
const last = list => list[list.length - 1] || 0;
function graph() {
  const path = name => svg("path", { class: name, "vector-effect": "non-scaling-stroke" });
  const g = svg("svg", { class: "graph", viewBox: `0 0 ${SAMPLES} 32`, preserveAspectRatio: "none", role: "img" }, svg("title", {}), path("d"), path("u"));
  return el("div", {}, g, el("div", { class: "rate" }, el("span", { class: "d" }), " ", el("span", { class: "u" }), " ", el("span", { class: "quiet" })));
}
function drawTraffic(cell, t) {
  if (!t || cell.drawn === t.at) return;
  cell.drawn = t.at;
  const most = Math.max(0, ...t.down, ...t.up), top = Math.max(10000, most), x = i => SAMPLES - t.down.length + i, y = v => (31 - 29 * v / top).toFixed(1);
  const line = list => list.map((v, i) => (i ? "L" : "M") + x(i) + " " + y(v)).join("");
  const down = last(t.down), up = last(t.up), q = s => cell.querySelector(s);
  q("path.d").setAttribute("d", most ? line(t.down) + `L${SAMPLES - 1} 32L${x(0)} 32Z` : "");
  q("path.u").setAttribute("d", most ? line(t.up) : "");
  cell.classList.toggle("idle", !most);
  put(q("title"), `Two minutes: now ${rate(down)} down, ${rate(up)} up; peak ${rate(Math.max(0, ...t.down))} down, ${rate(Math.max(0, ...t.up))} up`);
  put(q("span.d"), "↓ " + rate(down));
  put(q("span.u"), "↑ " + rate(up));
  put(q("span.quiet"), most ? "peak " + rate(most) : "");
}

// ---- rows

const cell = (label, cls) => el("td", { "data-label": label, class: cls });
function exitRow() {
  const td = {
    name: el("th", { scope: "row", class: "first" }, el("span", { class: "name" }), " ", el("span", { class: "mark-default" }), el("div", { class: "tags" })),
    state: cell("State", "how"), addr: cell("Leaves from", "addr"), version: cell("Version"), rtt: cell("Round trip", "num"),
    streams: cell("Streams", "num"), traffic: cell("Traffic", "traffic idle"), acts: cell("", "acts"),
  };
  td.state.append(el("div", {}, el("span", { class: "state" }), el("span", { class: "why" })));
  td.traffic.append(graph());
  const row = Object.assign(el("tr", {}, ...Object.values(td)), { td });
  td.acts.append(menu(row));
  return row;
}
// What an exit says of its machine, where it matters
const battery = d => (d.battery_percent ?? null) === null ? "" : "battery " + d.battery_percent + " %" + (d.power === "charging" ? ", charging" : "");
const machine = d => [d.power === "mains" ? "" : battery(d), d.network === "mobile" ? "on a mobile network" : ""].filter(Boolean).join(", ");
function updateExit(row, d) {
  const { td } = row, q = (cell, s) => cell.querySelector(s);
  row.device = d;
  put(q(td.name, ".name"), d.name);
  keyed(q(td.name, ".tags"), d.tags, t => t, t => el("span", { class: "tag" }, t), () => {});
  const s = q(td.state, ".state");
  s.className = "state " + (d.online ? "ok" : "away");
  put(s, d.online ? "online" : "away");
  put(q(td.state, ".why"), d.online ? [d.limit_reached, machine(d)].filter(Boolean).join("; ") : "last seen " + since(d.last_seen) + (d.disconnect_reason ? ": " + d.disconnect_reason : ""));
  put(td.addr, d.exit_address || "–");
  put(td.version, d.version || "–");
  put(td.rtt, d.rtt_ms === null ? "–" : d.rtt_ms + " ms");
  put(td.streams, String(d.streams));
  drawTraffic(td.traffic, traffic.get(d.public_key));
  updateMenu(td.acts.firstChild, d);
  updateDefault(row, d);
}
const collator = new Intl.Collator("en", { numeric: true });
const says = d => [d.name, ...d.tags, d.default ? "default" : "", d.exit_address, d.fingerprint, d.online ? "online" : "away"].join(" ").toLowerCase();
function renderExits() {
  const all = devices().sort((a, b) => collator.compare(a.name, b.name)), words = $("exit-find").value.toLowerCase().split(/\s+/);
  const found = all.filter(d => words.every(w => says(d).includes(w)));
  show($("exit-filter"), all.length > MANY || words.join(""));
  put($("exit-found"), words.join("") ? found.length + " of " + all.length : "");
  keyed($("exit-rows"), found, d => d.public_key, exitRow, updateExit);
  renderDefault();
  if ($("about").open) renderAbout();
  if ($("ask").open) put($("ask-text"), askText());
}
$("exit-find").oninput = renderExits;
