/**
 * Clicks through the explorer in headless Chromium: `node explore.mjs URL < visits.json`.
 *
 * A visit is {fields: {id: text}, width, theme}. The answer to each is what the page shows. The packages are those
 * of package.json beside this file.
 */
import { readFileSync } from "node:fs";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [url, pictures] = process.argv.slice(2);
const visits = JSON.parse(readFileSync(0, "utf8"));
const browser = await puppeteer.launch({
  args: [...chromium.args, "--no-sandbox"],
  executablePath: process.env.CHROMIUM ?? (await chromium.executablePath()),
  headless: "shell",
});
const page = await browser.newPage();
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));

/** Types into a field as a person does, or chooses an option. */
async function set(id, text) {
  const input = await page.waitForSelector(`#ex-${id}`, { visible: true, timeout: 5000 });
  if (await input.evaluate((node) => node instanceof HTMLSelectElement)) return page.select(`#ex-${id}`, text);
  await input.focus();
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.press("Backspace");
  return input.type(text);
}

/** What the page shows. */
function shown() {
  const text = (selector) => document.querySelector(selector)?.textContent ?? null;
  const pairs = (selector) =>
    Object.fromEntries(
      [...document.querySelectorAll(`${selector} > div`)].map((pair) => [
        pair.children[0].textContent,
        pair.children[1].textContent,
      ]),
    );
  const visible = (node) => node.offsetParent !== null;
  return {
    state: document.querySelector("#explorer").dataset.state,
    law: pairs("#ex-law"),
    rows: [...document.querySelectorAll("#ex-values tbody tr")].map((row) =>
      [...row.cells].map((cell) => cell.textContent),
    ),
    digest: text("#ex-digest"),
    draws: pairs("#ex-draws"),
    calls: pairs("#ex-calls"),
    errors: [...document.querySelectorAll(".explorer-error")].filter(visible).map((error) => error.textContent),
    invalid: [...document.querySelectorAll("[aria-invalid=true]")].map((input) => input.id),
    unlabeled: [...document.querySelectorAll("#explorer input, #explorer select")]
      .filter((input) => !input.labels.length)
      .map((input) => input.id),
    picture: document.querySelector("#ex-histogram svg")?.getAttribute("aria-label") ?? null,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    address: location.hash,
  };
}

const ready = () =>
  page.waitForFunction(() => ["ready", "error"].includes(document.querySelector("#explorer").dataset.state), {
    timeout: 20000,
  });
const answers = [];
await page.setViewport({ width: 1200, height: 900 });
await page.goto(url, { waitUntil: "load" });
await ready();
for (const [number, { fields, width = 1200, theme = "light", reload = false, tabs = 0 }] of visits.entries()) {
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  const started = performance.now();
  for (const [id, text] of Object.entries(fields)) {
    await set(id, text);
    await ready();
  }
  await new Promise((resolve) => setTimeout(resolve, 200)); // what was typed last is drawn a moment later
  await ready();
  if (reload) {
    await page.reload({ waitUntil: "load" });
    await ready();
  }
  const answer = await page.evaluate(shown);
  answer.milliseconds = Math.round(performance.now() - started);
  if (tabs) {
    await page.focus("#ex-preset");
    answer.focused = [];
    for (let n = 0; n < tabs; n++) {
      answer.focused.push(await page.evaluate(() => document.activeElement.id));
      await page.keyboard.press("Tab");
    }
  }
  if (pictures) await page.screenshot({ path: `${pictures}/${number}-${width}-${theme}.png`, fullPage: true });
  answers.push(answer);
}
await browser.close();
console.log(JSON.stringify({ answers, problems }));
