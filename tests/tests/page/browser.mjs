// Drives the page in headless Chromium. `tests/tests/page.rs` starts it, and gives it orders, a JSON line each;
// it answers each with a JSON line. Uses playwright-core and axe-core, from the folder in SYNCKIT_NODE_MODULES.
//
// By hand, with a page that is served: `node browser.mjs soak URL SECONDS`, `node browser.mjs shot URL FILE`; and
// `node browser.mjs terminal COMMAND FILE` makes a picture of text that it reads, as a terminal shows it.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const modules = createRequire(join(process.env.SYNCKIT_NODE_MODULES ?? process.cwd(), "node_modules", "here.js"));
const { chromium } = modules("playwright-core");
const axe = modules.resolve("axe-core/axe.min.js");

const profile = mkdtempSync(join(tmpdir(), "synckit-page-"));
const options = {
  executablePath: process.env.SYNCKIT_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
  viewport: { width: 1200, height: 900 },
  ignoreHTTPSErrors: true,
};
let browser = await chromium.launchPersistentContext(profile, options);
let page;
const problems = [];

function watch(opened) {
  page = opened;
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => { problems.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy|Trusted/.test(message.text())) problems.push(message.text());
  });
}
watch(browser.pages()[0] ?? (await browser.newPage()));

const heap = async () => {
  const session = await browser.newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
};

const orders = {
  // Opens the page, with a user and a password where one is given.
  async open({ url, password, width, dark }) {
    await page.close();
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
    const credentials = password ? { username: "anybody", password } : undefined;
    const viewport = { width: width ?? 1200, height: 900 };
    const colorScheme = dark ? "dark" : "light";
    browser = await chromium.launchPersistentContext(profile, { ...options, httpCredentials: credentials, viewport, colorScheme });
    watch(browser.pages()[0] ?? (await browser.newPage()));
    const answer = await page.goto(url);
    return { status: answer.status(), title: await page.title() };
  },
  // Waits until an expression is true.
  async until({ js }) {
    // Not by `waitForFunction`: the page's policy forbids it to evaluate text.
    for (let tries = 0; tries < 600; tries += 1) {
      if (await page.evaluate(js)) return {};
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`never: ${js}`);
  },
  async run({ js }) { return { value: await page.evaluate(js) }; },
  async text({ of }) { return { value: await page.locator(of).innerText() }; },
  async click({ on }) { await page.locator(on).first().click(); return {}; },
  async fill({ into, text }) { await page.locator(into).fill(text); return {}; },
  async press({ key }) { await page.keyboard.press(key); return {}; },
  async focused() { return { value: await page.evaluate(() => document.activeElement.id || document.activeElement.tagName) }; },
  async shot({ file }) { await page.screenshot({ path: file }); return {}; },
  async heap() { return { value: await heap() }; },
  async problems() { return { value: problems }; },
  // What axe-core finds that is serious or worse.
  async axe() {
    // The page's policy forbids scripts from elsewhere: this one comes from the tool's own world.
    const session = await browser.newCDPSession(page);
    const { readFileSync } = await import("node:fs");
    await session.send("Runtime.evaluate", { expression: readFileSync(axe, "utf8") });
    const run = "axe.run().then((found) => JSON.stringify(found.violations))";
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression: run, awaitPromise: true });
    await session.detach();
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    const found = JSON.parse(result.value);
    const lines = (one) => one.nodes.map((node) => `${one.impact} ${one.id}: ${node.html}`);
    const serious = found.filter((one) => ["serious", "critical"].includes(one.impact));
    return { serious: serious.flatMap(lines), others: found.filter((one) => !serious.includes(one)).flatMap(lines) };
  },
};

async function soak(url, seconds) {
  await orders.open({ url });
  await orders.until({ js: "document.querySelectorAll('#rows tr').length >= 200" });
  const every = Math.max(5, Math.min(30, seconds / 10));
  for (let passed = 0; passed <= seconds; passed += every) {
    const late = await page.evaluate(() => {
      const times = [...document.querySelectorAll("#rows tr td:nth-child(2)")].slice(0, 1);
      return times.map((time) => Date.now() - Date.parse(time.title))[0];
    });
    const rows = await page.evaluate(() => document.querySelectorAll("#rows tr").length);
    const at = await page.evaluate(() => document.querySelector("#rows tr td").textContent);
    console.log(JSON.stringify({ seconds: passed, heap: await heap(), rows, newest: at, newest_ms_old: late }));
    await new Promise((resolve) => setTimeout(resolve, every * 1000));
  }
}

const end = async () => {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
};
const [mode, url, argument] = process.argv.slice(2);
try {
  if (mode === "soak") {
    await soak(url, Number(argument));
  } else if (mode === "shot") {
    await orders.open({ url });
    await orders.until({ js: "document.querySelectorAll('.conflict').length && document.querySelectorAll('#rows tr').length >= 12" });
    await new Promise((resolve) => setTimeout(resolve, 4000));
    await page.screenshot({ path: argument, fullPage: true });
  } else if (mode === "terminal") {
    const text = (await new Response(process.stdin).text()).trimEnd();
    await page.setViewportSize({ width: 1320, height: 300 });
    await page.setContent(`<pre style="margin:0;padding:14px;background:#16161d;color:#e6e6ee;font:13px/1.5 monospace;
      white-space:pre-wrap;overflow-wrap:anywhere"></pre>`);
    await page.evaluate((shown) => { document.querySelector("pre").textContent = shown; }, `$ ${url}\n${text}`);
    await page.locator("pre").screenshot({ path: argument });
  } else {
    console.log(JSON.stringify({ ready: true }));
    for await (const line of createInterface({ input: process.stdin })) {
      const { order, ...rest } = JSON.parse(line);
      try {
        console.log(JSON.stringify(await orders[order](rest)));
      } catch (error) {
        console.log(JSON.stringify({ error: String(error) }));
      }
    }
  }
} finally {
  await end();
}
