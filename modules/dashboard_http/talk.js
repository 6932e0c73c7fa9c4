"use strict";
// What is known, and how it comes: a snapshot, then patches, as server-sent events; one connection for all tabs of a browser.

const API = "/api/v1/";
const SILENCE = 5000; // ms without a word: the hub is lost
const NEWS = 16; // kept of each kind, as the hub does: any program can make some in any number, and they must not hide the others

let state = null, commands = [], config = {}, news = new Map();
let version = null, clock = 0, heardAt = 0, wokeAt = Date.now(), ready = false;
let served = ""; // the version of restunnel whose page this is
const now = () => Date.now() + clock; // of the hub
const verbs = () => state ? state.verbs : {};
const answers = verb => Object.values(verbs()[verb] || {});
const status = () => answers("status")[0] || {};
const devices = () => answers("devices").flatMap(a => a.devices || []);
const hubs = () => answers("hubs").flatMap(a => a.hubs || []); // of a node
const isHub = () => answers("devices").length > 0;
const meant = c => !c.module || c.instances.length > 0; // for what is configured here
const has = verb => commands.some(c => c.name === verb && meant(c));

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
  if (path !== "login" && (r.status === 401 || answer.code === "wrong-token")) {
    tabs.postMessage({ type: "login" });
    askLogin();
  }
  if (!r.ok) throw answer;
  return answer;
}

// ---- what comes

function apply(value, patch) {
  if (Array.isArray(patch)) return patch[0];
  for (const k of Object.keys(patch))
    if (patch[k] === 0) delete value[k];
    else value[k] = apply(value[k], patch[k]);
  return value;
}
function take(type, id, m) {
  const whole = type === "snapshot", first = !ready;
  clock = m.at - Date.now();
  heardAt = Date.now();
  version = id;
  if (whole) state = m.state;
  else if (m.patch) state = apply(state, m.patch);
  const fresh = m.news.filter(e => !news.has(e.seq) || news.get(e.seq).at !== e.at).sort((a, b) => a.seq - b.seq);
  if (whole) news = new Map();
  for (const e of whole ? m.news : fresh) news.set(e.seq, e);
  const have = {};
  for (const [seq, e] of [...news].reverse()) if (count(have, e.event) > NEWS) news.delete(seq); // pages stay open for days
  served ||= status().version || "";
  if (whole && (status().version || served) !== served) location.reload(); // an upgrade has a page of its own
  sample(m.at);
  if (!first) fresh.forEach(heard);
  if (whole || fresh.some(e => e.event === "config.reloaded")) describe();
  else if (ready) render();
}
// What can be done here, and what is configured: it changes only with the configuration.
async function describe() {
  try {
    const [c, o] = await Promise.all([call("commands"), call("config")]);
    commands = c.commands;
    config = {};
    for (const x of o.options) (config[x.on] ||= {})[x.option] = x.value[0] === '"' ? JSON.parse(x.value) : x.value;
  } catch { if (!source && !waiting) return; }
  ready = true;
  render();
}

// ---- one connection: a browser has six for a server, and seven tabs would wait for each other for ever. Who holds the lock reads, and
// passes on what it hears. A tab that is hidden gives it up.

const tabs = "BroadcastChannel" in self ? new BroadcastChannel("restunnel") : { postMessage() {} };
let source = null, waiting = null, letGo = null, hiddenTimer = 0, retryTimer = 0;

function want() {
  if (waiting) return;
  waiting = new AbortController();
  wokeAt = Date.now();
  if (!navigator.locks) return connect();
  const held = () => new Promise(done => { letGo = done; connect(); });
  navigator.locks.request("restunnel", { signal: waiting.signal }, held).catch(() => {});
  tabs.postMessage({ type: "hello" });
}
function leave() {
  if (waiting) waiting.abort();
  disconnect();
  if (letGo) letGo();
  waiting = letGo = null;
}
function connect() {
  disconnect();
  source = new EventSource(API + "events");
  for (const type of ["snapshot", "update"])
    source.addEventListener(type, e => {
      const m = { type, id: Number(e.lastEventId), m: JSON.parse(e.data) };
      tabs.postMessage(m);
      take(type, m.id, m.m);
    });
  source.onerror = () => {
    if (source && source.readyState === EventSource.CLOSED) refused();
    tick();
  };
}
function disconnect() {
  clearTimeout(retryTimer);
  if (source) source.close();
  source = null;
}
// An HTTP error, or the hub is down and this browser gives up: find out which.
async function refused() {
  disconnect();
  try { await call("status"); } catch (e) { if (e.code === "login-needed") return; }
  if (waiting) retryTimer = setTimeout(connect, 2000);
}
tabs.onmessage = ({ data }) => {
  if (data.type === "login") askLogin();
  else if (data.type === "hello") {
    if (source && state) tabs.postMessage({ type: "snapshot", id: version, again: true, m: { at: now(), state, news: [...news.values()] } });
  } else if (source || !waiting || (data.again && ready && data.id === version)) return;
  else if (data.type === "update" && data.id !== version + 1) tabs.postMessage({ type: "hello" });
  else take(data.type, data.id, data.m);
};
function look() {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => { leave(); tick(); }, 30000);
  else if (ready) want();
}
document.addEventListener("visibilitychange", look);

// ---- login

function askLogin() {
  leave();
  ready = false;
  version = null;
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
  } catch (e) {
    // a link that was used already does no harm to who is logged in
    if (!await call("status").catch(() => null)) {
      askLogin();
      put($("login-error"), why(e));
      return;
    }
  }
  begin();
}
function begin() {
  show($("login"), false);
  put($("login-error"), "");
  put($("sentence"), "Connecting…");
  want();
}
$("login-form").onsubmit = e => {
  e.preventDefault();
  login($("login-link").value.trim().replace(/^.*#login=/, ""));
};
// Logged in in another tab
window.addEventListener("storage", e => { if (e.key === "restunnel-token" && e.newValue && !ready) begin(); });
$("logout").onclick = async () => {
  const yes = await ask({ title: "Log out everywhere?", text: "Every browser that is logged in needs a new link from `restunnel dashboard`.", yes: "Log out" });
  if (yes === null) return;
  await call("logout", {}).catch(e => say(why(e)));
  localStorage.removeItem("restunnel-token");
  tabs.postMessage({ type: "login" });
  askLogin();
};
function loginByLink() {
  const link = /^#login=(.+)$/.exec(location.hash);
  if (!link) return false;
  history.replaceState(null, "", location.pathname);
  login(link[1]);
  return true;
}
window.addEventListener("hashchange", loginByLink);
