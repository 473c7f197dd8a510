// Drives a real browser for the tests in Go: one request in each line of standard input, as JSON, and its answer in
// one of standard output. What a request is called is the name of a function below; it is given the rest of its
// members. The browser ends with standard input.
//
//   node driver.mjs /usr/bin/chromium [flags of the browser]

import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const [executablePath, ...args] = process.argv.slice(2);
// No sandbox of the browser's own: it opens the pages of these tests alone, and as root there is none.
const browser = await chromium.launch({ executablePath, args, chromiumSandbox: false });
const contexts = new Map();
const pages = new Map();
const limit = 20_000; // milliseconds, for whatever has to happen

function watch(page, name) {
  const seen = { dialogs: [], console: [], errors: [], answers: [] };
  page.setDefaultTimeout(limit);
  page.on("dialog", (d) => { seen.dialogs.push(d.message()); return d.dismiss(); });
  page.on("console", (m) => seen.console.push(m.text()));
  page.on("pageerror", (e) => seen.errors.push(String(e)));
  page.on("response", (r) => seen.answers.push({ method: r.request().method(), url: r.url(), status: r.status() }));
  page.on("popup", (p) => watch(p, `${name}+`));
  pages.set(name, { page, seen });
}

const at = (name) => {
  const p = pages.get(name);
  if (!p) throw new Error(`there is no page ${name}`);
  return p;
};

// field is what has a label: just that, or else one that has it in it.
async function field(page, label) {
  const { page: p } = at(page);
  const just = p.getByLabel(label, { exact: true }).filter({ visible: true });
  await just.or(p.getByLabel(label).filter({ visible: true })).first().waitFor();
  return (await just.count()) > 0 ? just.first() : p.getByLabel(label).filter({ visible: true }).first();
}

// named is what has a role and a name. A field for a password has no role; it is a textbox here all the same.
const named = (p, role, name) =>
  (role === "textbox" ? p.getByRole(role, { name }).or(p.locator("input[type=password]").and(p.getByLabel(name))) : p.getByRole(role, { name })).first();

const ops = {
  // A context is a browser with cookies and a store of its own.
  async context({ name, origin, html }) {
    const c = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "reduce" });
    if (origin) await c.route(`${origin}/**`, (r) => r.request().isNavigationRequest() && new URL(r.request().url()).pathname === "/trap"
      ? r.fulfill({ contentType: "text/html", body: html }) : r.continue());
    contexts.set(name, c);
  },
  async page({ context, name }) { watch(await contexts.get(context).newPage(), name); },
  // goto opens an address, and answers the status (0 where nothing was shown) and where it ended.
  async goto({ page, url }) {
    const { page: p } = at(page);
    try {
      const r = await p.goto(url, { waitUntil: "load" });
      return { status: r ? r.status() : 0, url: p.url() };
    } catch (err) {
      return { status: 0, url: p.url(), error: String(err.message).split("\n")[0] };
    }
  },
  async back({ page }) { await at(page).page.goBack({ waitUntil: "load" }); return at(page).page.url(); },
  // run runs the body of an async function in the page, past its policy, as whoever found a hole in it would.
  async run({ page, script, arg }) {
    const { page: p } = at(page);
    const cdp = await p.context().newCDPSession(p);
    const expression = `(async (arg) => {${script}})(${JSON.stringify(arg ?? null)})`;
    const r = await cdp.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    await cdp.detach();
    if (r.exceptionDetails) throw new Error(r.exceptionDetails.exception?.description ?? r.exceptionDetails.text);
    return r.result.value;
  },
  url({ page }) { return at(page).page.url(); },
  text({ page }) { return at(page).page.locator("body").innerText(); },
  async has({ page, text }) { await at(page).page.getByText(text, { exact: false }).filter({ visible: true }).first().waitFor(); },
  async click({ page, button }) { await at(page).page.getByRole("button", { name: button }).first().click(); },
  async check({ page, label, on }) { await (await field(page, label)).setChecked(on); },
  async fill({ page, label, text }) { await (await field(page, label)).fill(text); },
  async choose({ page, label, text }) { await (await field(page, label)).selectOption({ label: text }); },
  // What is told apart by its role and name, as those know it who do not see the page. exact is a whole name.
  async role({ page, role, name, act, exact }) {
    const l = at(page).page.getByRole(role, { name, exact: exact ?? false }).first();
    if (act === "click") return l.click();
    if (act === "wait") return l.waitFor();
    if (act === "gone") return l.waitFor({ state: "hidden" });
    if (act === "enabled") return at(page).page.waitForFunction((e) => !e.disabled && e.ariaDisabled !== "true", await l.elementHandle()).then(() => {});
    if (act === "text") return l.innerText();
    if (act === "count") return at(page).page.getByRole(role, { name, exact: exact ?? false }).count();
    if (act === "checked") return l.isChecked();
    throw new Error(`what is ${act}?`);
  },
  // focused presses Tab (or what key is) until what has this role and name has the focus; the keyboard alone gets there.
  async focused({ page, role, name, key }) {
    const { page: p } = at(page);
    const l = role === "summary" ? p.locator("summary", { hasText: name }).first() : named(p, role, name); // a summary has no role
    await l.waitFor();
    for (let i = 0; i < 200; i++) {
      if (await l.evaluate((e) => e === document.activeElement)) return;
      await p.keyboard.press(key ?? "Tab");
    }
    throw new Error(`the keyboard does not get to the ${role} ${name}`);
  },
  async press({ page, key }) { await at(page).page.keyboard.press(key); },
  async type({ page, text }) { await at(page).page.keyboard.insertText(text); },
  async gone({ page, text }) { await at(page).page.getByText(text, { exact: false }).filter({ visible: true }).first().waitFor({ state: "hidden" }); },
  // until waits for an expression to be true in the page.
  async until({ page, expression, arg }) { await at(page).page.waitForFunction(new Function("arg", `return (${expression})(arg)`), arg); },
  async size({ page, width, height }) { await at(page).page.setViewportSize({ width, height }); },
  async scheme({ page, scheme }) { await at(page).page.emulateMedia({ colorScheme: scheme }); },
  async shot({ page, path }) { await at(page).page.screenshot({ path, fullPage: true, animations: "disabled" }); },
  async upload({ page, label, path }) { await at(page).page.getByLabel(label).setInputFiles(path); },
  // download presses a button, or what else has a role, or a key, and keeps the file that comes.
  async download({ page, button, role, key, path }) {
    const { page: p } = at(page);
    const press = () => key ? p.keyboard.press(key) : p.getByRole(role ?? "button", { name: button }).first().click();
    const [file] = await Promise.all([p.waitForEvent("download"), press()]);
    await file.saveAs(path);
    return file.suggestedFilename();
  },
  clipboard({ page }) { return at(page).page.evaluate(() => navigator.clipboard.readText()); },
  // axe lists what is wrong with what is shown for those who do not see it, or not well (WCAG 2.2 A and AA).
  async axe({ page }) {
    const { page: p } = at(page);
    await ops.run({ page, script: `if (!window.axe) { ${axe} }` });
    const found = await ops.run({ page, script: "return (await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations" });
    return found.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join("; ")} (${p.url()})`);
  },
  async at({ page, url }) { await at(page).page.waitForURL((u) => u.href.startsWith(url), { timeout: limit }); return at(page).page.url(); },
  // frames are those in a page: where each is, and what can be read in it.
  async frames({ page }) {
    const { page: p } = at(page);
    const all = [];
    for (const f of p.frames()) {
      if (f === p.mainFrame()) continue;
      all.push({ url: f.url(), text: await f.locator("body").innerText({ timeout: 500 }).catch(() => "") });
    }
    return all;
  },
  cookies({ context }) { return contexts.get(context).cookies(); },
  seen({ page }) { return at(page).seen; },
  workers({ context }) { return contexts.get(context).serviceWorkers().map((w) => w.url()); },
};

console.log(JSON.stringify({ version: browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...rest } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ id, value: (await ops[op](rest)) ?? null }));
  } catch (err) {
    console.log(JSON.stringify({ id, error: String(err.message ?? err) }));
  }
}
await browser.close();
