"use strict";
// Elements, words and numbers, of which the page is made. All texts become text nodes, never markup.

const $ = id => document.getElementById(id);

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

// Children of `parent` made once for each key, and kept in the order of `list`. Who had the focus and goes leaves it to the heading.
function keyed(parent, list, key, make, update) {
  const have = new Map([...parent.children].map(c => [c.dataset.key, c])), keys = [], taken = new Set();
  for (const item of list) {
    let k = String(key(item));
    while (taken.has(k)) k += " "; // two that look alike are still two
    taken.add(k);
    keys.push(k);
  }
  for (const [k, c] of have) {
    if (taken.has(k)) continue;
    if (c.contains(document.activeElement)) focusNear(parent);
    c.remove();
  }
  let at = parent.firstElementChild;
  list.forEach((item, i) => {
    let c = have.get(keys[i]);
    if (!c) {
      c = make(item);
      c.dataset.key = keys[i];
    }
    if (c === at) at = at.nextElementSibling;
    else parent.insertBefore(c, at);
    update(c, item);
  });
}
// To the heading there, or to where one goes on.
function focusNear(e) {
  const to = [e.closest("section").querySelector("h2"), $("exits-h"), $("pair-name"), $("sentence")].find(x => x && x.offsetParent);
  if (to !== $("pair-name")) to.tabIndex = -1;
  to.focus();
}

// To a screen reader: what comes together is said as one, and of many only the first three. `text` may be a function: it is asked
// when it is said, and "" is not said.
let unsaid = [];
function say(text) {
  if (!unsaid.length) setTimeout(() => {
    const all = [...new Set(unsaid.map(t => typeof t === "function" ? t() : t))].filter(Boolean);
    unsaid = [];
    if (all.length) $("say").textContent = all.slice(0, 3).join(". ") + (all.length > 3 ? ". And " + (all.length - 3) + " more." : "");
  }, 800);
  unsaid.push(text);
}

const count = (all, k) => all[k] = (all[k] || 0) + 1;
const plural = (n, one, many) => n + " " + (n === 1 ? one : many || one + "s");
function scaled(n, step, units) {
  let i = 0;
  while (n >= step - 0.5 && i < units.length - 1) { n /= step; i++; }
  return (i && n < 9.95 ? n.toFixed(1) : Math.round(n)) + " " + units[i];
}
// In the units in which limits are given, here and in a terminal
const bytes = n => n === null || n === undefined ? "" : scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const bits = n => scaled(n, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
const rate = n => bits(8 * n); // of bytes in a second
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
  addrtype: "this kind of address can't be reached", selector: "the exit that was asked for is not known",
  protocol: "another protocol, or not understood", login: "no username, or a malformed one", abandoned: "the program went away first",
  unsupported: "the exit or the proxy does not do this",
};
const EVENTS = { // "": not shown
  "exit.up": "{exit} is online, from {address}", "exit.down": "{exit} is away: {reason}", "device.enrolled": "{name} was paired, from {address}",
  "device.revoked": f => f.name + " was revoked" + ended(f.streams), "device.changed": "{name} was changed", "session.moved": "A session moved from {from} to {exit}",
  "stream.close": "A connection through {exit} broke: {result}", "stream.open": "", "pair.created": "A pairing link was made",
  "pair.withdrawn": "A pairing link was withdrawn", "default.changed": f => f.exit === "any" ? "No exit is the default any more" : "The default exit is " + f.exit,
  "stream.refused": "Refused: {target} through {frontend}: {result}",
  "hub.up": "Connected to {hub}", "hub.down": "Lost {hub}: {reason}", "config.reloaded": "A new configuration is in effect",
};
const ended = n => n ? "; " + plural(n, "connection") + " through it ended" : "";
function eventText(e) {
  let t = EVENTS[e.event];
  if (typeof t === "function") return t(e.fields);
  if (t === undefined) t = e.event + ": " + Object.keys(e.fields).map(k => k + " {" + k + "}").join(", ");
  return t.replace(/\{(\w+)\}/g, (all, k) => k === "result" ? RESULT[e.fields[k]] || e.fields[k] : e.fields[k] ?? (k === "exit" ? "the exit" : "unknown"));
}
const why = e => (e.error || String(e)) + (e.remedy ? " — " + e.remedy : "");
