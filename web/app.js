// The dashboard. It shows what the admin API says and does what its user presses; texts of servers and
// clients only ever become text nodes.

const key = "mcpmux-session";
const at = (id) => document.getElementById(id);
let secret = read();
let timer = 0;

// Private windows may refuse to store anything; the login then lasts as long as the page.
function read() {
  try { return localStorage.getItem(key) || ""; } catch { return ""; }
}

function keep(value) {
  secret = value;
  try { value ? localStorage.setItem(key, value) : localStorage.removeItem(key); } catch { /* see read */ }
}

class LoggedOut extends Error {}

async function request(method, path, body) {
  const headers = { "X-Mcpmux-Session": secret };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const text = await answer.json().then((v) => v.error.message, () => answer.statusText);
  if (answer.status === 401) throw new LoggedOut(text);
  throw new Error(text);
}

const api = (method, path, body) => request(method, "/api/v1/" + path, body);
const part = encodeURIComponent;

// login redeems the ticket in the fragment and takes it out of the address.
async function login() {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
  if (!ticket) return;
  history.replaceState(null, "", location.pathname);
  keep((await request("POST", "/session", { ticket })).secret);
}

function element(tag, text, className) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

// button makes a button that does something once at a time. Its name, which says of what it is, keeps the
// focus on it when the page is drawn anew.
function button(text, name, act) {
  const b = element("button", text);
  b.type = "button";
  b.dataset.name = name;
  b.setAttribute("aria-label", name);
  b.addEventListener("click", () => perform(b, act));
  return b;
}

async function perform(control, act) {
  control.disabled = true;
  try {
    await act();
    problem("");
  } catch (err) {
    failed(err);
  } finally {
    control.disabled = false;
  }
  await refresh();
}

function problem(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

function failed(err) {
  if (err instanceof LoggedOut) {
    show(false);
    if (secret || location.hash) problem(err.message);
    keep("");
    return;
  }
  problem(err.message);
}

function show(loggedIn) {
  at("login").hidden = loggedIn;
  at("app").hidden = at("logout").hidden = !loggedIn;
  if (!loggedIn) at("live").textContent = "";
}

function row(...cells) {
  const tr = element("tr");
  cells.forEach((content, i) => {
    const cell = element(i === 0 ? "th" : "td");
    if (i === 0) cell.scope = "row";
    cell.append(...[content].flat());
    tr.append(cell);
  });
  return tr;
}

// logIn opens the way to a server's login in a tab of its own. The tab is opened at once, since a browser lets
// only a press of a button do that.
async function logIn(s) {
  const tab = window.open("about:blank");
  try {
    const { url } = await api("POST", `servers/${part(s.alias)}/login?space=${part(s.space_id)}`, {});
    if (url && tab) tab.location.replace(url);
    else tab?.close();
    if (url && !tab) throw new Error("the browser opened no tab; allow this page to do that, or run: mcpmux server login " + s.alias);
  } catch (err) {
    tab?.close();
    throw err;
  }
}

function drawLogin(s) {
  const shown = [];
  if (s.logged_in) {
    const ends = s.logged_in.expires_at && !s.logged_in.renewable ? `, until ${new Date(s.logged_in.expires_at).toLocaleString()}` : "";
    shown.push(element("small", `at ${new URL(s.logged_in.issuer).host}${ends}`));
  }
  if (s.status.login_wanted) shown.push(button("Log in", `Log in to ${s.alias}`, () => logIn(s)));
  if (s.logged_in) {
    shown.push(button("Log out", `Log out of ${s.alias}`, () => api("POST", `servers/${part(s.alias)}/logout?space=${part(s.space_id)}`)));
  }
  return shown;
}

function drawServer(s) {
  const state = [element("span", s.status.state.replace("_", " "), "state " + s.status.state)];
  if (s.status.reason) state.push(element("small", s.status.reason));
  const verb = s.enabled ? "disable" : "enable";
  const path = `servers/${part(s.alias)}/${verb}?space=${part(s.space_id)}`;
  const f = s.features;
  return row(s.alias, state, `${f.tools} tools, ${f.prompts} prompts, ${f.resources + f.templates} resources`, drawLogin(s),
    button(s.enabled ? "Switch off" : "Switch on", `${s.enabled ? "Switch off" : "Switch on"} ${s.alias}`, () => api("POST", path)));
}

function drawClient(c) {
  const verb = c.approved ? "deny" : "approve";
  const text = c.approved ? "Deny" : "Approve";
  return row(c.name, [c.space || "(deleted)", element("small", c.mode)],
    c.last_seen ? new Date(c.last_seen).toLocaleString() : "never",
    button(text, `${text} ${c.name}`, () => api("POST", `clients/${part(c.id)}/${verb}`)));
}

function drawQuestion(q) {
  const li = element("li", `Shall ${q.client} move from ${q.from || "a deleted Space"} to ${q.to}? `);
  const answer = (accept) => () => api("POST", `clients/${part(q.client)}/switch`, { accept });
  li.append(button("Accept", `Accept for ${q.client}`, answer(true)), " ", button("Decline", `Decline for ${q.client}`, answer(false)));
  return li;
}

// drawElicitation shows a question of a server. Whoever wants to fill in its form does so with the command line.
function drawElicitation(e) {
  const li = element("li", `${e.server} asks ${e.client || "a client"}: ${e.message} `);
  const answer = (action) => () => api("POST", `elicitations/${part(e.id)}`, { action });
  li.append(button("Decline", `Decline ${e.server}: ${e.message}`, answer("decline")), " ", button("Cancel", `Cancel ${e.server}: ${e.message}`, answer("cancel")),
    element("small", ` or in a terminal: mcpmux elicitation answer ${e.id} accept '{…}'`));
  return li;
}

function drawSpace(s) {
  const o = element("option", s.name);
  o.value = s.id;
  o.selected = s.active;
  return o;
}

function draw(status, spaces, servers, clients, elicitations) {
  const focused = document.activeElement?.dataset?.name;
  const running = status.gateway === "running";
  at("gateway-state").textContent = status.gateway;
  at("gateway-state").className = "state " + status.gateway;
  at("gateway-url").textContent = status.mcp_url;
  at("gateway-switch").textContent = running ? "Stop" : "Start";
  at("gateway-switch").dataset.verb = running ? "stop" : "start";
  at("summary").textContent = `${status.connected_servers} of ${status.servers} servers connected, ${status.registered_clients} clients`;
  at("warnings").replaceChildren(...status.warnings.map((w) => element("li", w)));
  at("questions").hidden = status.questions.length + elicitations.length === 0;
  at("question-list").replaceChildren(...status.questions.map(drawQuestion), ...elicitations.map(drawElicitation));
  if (document.activeElement !== at("space")) at("space").replaceChildren(...spaces.map(drawSpace));
  at("servers").replaceChildren(...servers.map(drawServer));
  at("clients").replaceChildren(...clients.map(drawClient));
  if (focused) [...document.querySelectorAll("button")].find((b) => b.dataset.name === focused)?.focus();
}

async function refresh() {
  try {
    draw(...await Promise.all(["status", "spaces", "servers", "clients", "elicitations"].map((path) => api("GET", path))));
    show(true);
  } catch (err) {
    failed(err);
  }
}

// soon draws anew after what comes in a burst.
function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 100);
}

// follow reads the events until the stream ends. It is fetched, since an EventSource cannot send the header
// of the login.
async function follow(last) {
  const headers = { "X-Mcpmux-Session": secret };
  if (last.id) headers["Last-Event-ID"] = last.id;
  const answer = await fetch("/api/v1/events", { headers });
  if (answer.status === 401) throw new LoggedOut("you are logged out");
  if (!answer.ok) throw new Error(answer.statusText);
  at("live").textContent = "live";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const id = block.match(/^id: (\d+)$/m);
      if (id) last.id = id[1];
      if (!block.startsWith(":")) soon();
    }
  }
}

// watch follows for as long as there is a login, and comes back after each end, ever more slowly.
async function watch() {
  const last = { id: "" };
  for (let pause = 500; secret; pause = Math.min(pause * 2, 10_000)) {
    const begun = Date.now();
    try {
      await follow(last);
    } catch (err) {
      if (err instanceof LoggedOut) return failed(err);
    }
    if (!secret) return;
    if (Date.now() - begun > 20_000) pause = 500;
    at("live").textContent = "connecting again …";
    await new Promise((wake) => setTimeout(wake, pause));
  }
}

at("gateway-switch").addEventListener("click", (e) => perform(e.currentTarget, () => api("POST", "gateway/" + at("gateway-switch").dataset.verb)));
at("space").addEventListener("change", (e) => perform(e.currentTarget, () => api("POST", `spaces/${part(at("space").value)}/activate`)));
at("logout").addEventListener("click", (e) => perform(e.currentTarget, async () => {
  await request("DELETE", "/session");
  keep("");
}));

async function begin() {
  try {
    await login();
  } catch (err) {
    keep("");
    problem(err.message);
  }
  if (!secret) return show(false);
  await refresh();
  await watch();
}

// A ticket opened in a tab that has the page already changes the fragment alone.
addEventListener("hashchange", () => location.reload());
begin();
