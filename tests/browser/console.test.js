// The console that the stack serves: what a developer does with it by mouse, by keyboard, in light and in dark.
//
// Pictures of it are kept in STOWAGE_ARTIFACTS, or else in target/browser.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, beforeEach, afterEach, it } from "node:test";
import { facts, until } from "./lib/facts.js";
import { paint } from "./lib/painting.js";
import { launch } from "./lib/visit.js";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const artifacts = resolve(process.env.STOWAGE_ARTIFACTS ?? `${root}/target/browser`);
const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

let browser, context, page, troubles;

before(async () => {
  mkdirSync(artifacts, { recursive: true });
  browser = await launch();
});
after(() => browser?.close());

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  // From the first listener on, choosers are handed over instead of shown. A listener that comes with the key that opens
  // one is often too late: the chooser is shown, nobody answers it, and it is cancelled.
  page.on("filechooser", () => undefined);
  await open();
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(troubles, [], "the page threw");
});

/** Opens the page and waits until it is connected: before that it hears neither a drop nor a key. */
async function open() {
  await page.goto(facts.console_url);
  await idle();
}

/** Waits until nothing on the page is still being read. */
const idle = () =>
  until("the page to be idle", async () => ((await page.locator('[aria-busy="true"]').count()) === 0 ? true : undefined));

const run = Date.now().toString(36).slice(-4);
let number = 0;
/** A name that no earlier run has used. */
const named = (ending) => `${ending === ".txt" ? "notes" : "picture"}-${run}${(number += 1)}${ending}`;

/** Drops files on the page, as somebody who drags them from a folder. */
async function drop(files) {
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, files.map(({ name, type, bytes }) => ({ name, type, base64: bytes.toString("base64") })));
  for (const type of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("#main", type, { dataTransfer: transfer });
    if (type === "dragover") await page.locator("#drop").waitFor();
  }
}

const upload = (name) => page.locator('[data-testid="upload"]', { hasText: name });
const row = (name) => page.locator("tr[data-file-id]", { hasText: name });
const inPhase = (name, phase) =>
  until(`${name} to be ${phase}`, async () => ((await upload(name).getAttribute("data-phase")) === phase ? true : undefined));

/** Runs in the page: the names of all bars that are shown from now on. A look from outside may come too late for one. */
function watchBars() {
  const names = [];
  new MutationObserver(() => {
    for (const bar of document.querySelectorAll("progress:not([hidden])")) {
      if (bar.checkVisibility() && !names.includes(bar.ariaLabel)) names.push(bar.ariaLabel);
    }
  }).observe(document.body, { childList: true, subtree: true, attributes: true });
  return names;
}

/** Whether an image has been loaded and is shown. */
const shown = (image) =>
  until("the picture", async () => ((await image.evaluate((node) => node.complete && node.naturalWidth > 0)) ? true : undefined));

it("files are dropped, sent with a bar each, seen, downloaded, deleted, restored, and deleted for good", async () => {
  const photo = { name: named(".jpg"), type: "image/jpeg", bytes: await paint(page, 640, 480) };
  const text = { name: named(".txt"), type: "text/plain", bytes: Buffer.from("a text of the console\n".repeat(200_000)) };
  const bars = await page.evaluateHandle(watchBars);
  await drop([photo, text]);
  await inPhase(photo.name, "ready");
  await inPhase(text.name, "ready");
  for (const { name } of [photo, text]) {
    assert.ok((await bars.jsonValue()).includes(`Upload of ${name}`), "it had a bar of its own");
    assert.equal(await upload(name).getByRole("progressbar").count(), 0, "no bar is left");
  }
  await shown(row(photo.name).locator(".thumb img"));

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    row(text.name).getByRole("button", { name: `Download ${text.name}` }).click(),
  ]);
  assert.deepEqual(readFileSync(await download.path()), text.bytes);
  assert.equal(download.suggestedFilename(), text.name);

  await row(photo.name).getByRole("link").click();
  const inspector = page.locator("#inspector");
  await shown(inspector.locator(".stage img"));
  const id = await row(photo.name).getAttribute("data-file-id");
  await inspector.getByRole("tab", { name: "Record" }).click();
  await inspector.getByRole("tabpanel").getByText(id).first().waitFor();
  await inspector.getByRole("tab", { name: "History" }).click();
  for (const action of ["issued", "claimed", "ready"]) {
    await inspector.locator(".trail strong", { hasText: action }).waitFor();
  }
  await page.screenshot({ path: `${artifacts}/console-inspector.png` });
  await inspector.getByRole("button", { name: "Close the file" }).click();

  await row(text.name).getByRole("button", { name: `Delete ${text.name}` }).click();
  await row(text.name).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Trash" }).click();
  await row(text.name).getByRole("button", { name: `Restore ${text.name}` }).click();
  await row(text.name).waitFor({ state: "detached" });
  await page.getByRole("link", { name: /^Files/ }).click();
  await row(text.name).getByRole("button", { name: `Delete ${text.name}` }).click();
  await page.getByRole("link", { name: "Trash" }).click();
  await row(text.name).getByRole("button", { name: `Delete for good ${text.name}` }).click();
  await page.locator("#confirm-yes").click();
  await row(text.name).waitFor({ state: "detached" });
});

it("what is refused says why, and its record can be looked at", async () => {
  const name = named(".png");
  await drop([{ name, type: "image/png", bytes: Buffer.from("no image at all") }]);
  await inPhase(name, "failed");
  const error = upload(name).getByTestId("error");
  await error.waitFor();
  assert.equal(await error.getAttribute("data-code"), "CONTENT_MISMATCH");
});

it("everything is reached by keyboard", async () => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "skip", "first the way past the menu");
  await page.keyboard.press("Enter");
  await reach("#choose");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none", "one sees where the focus is");
  const name = named(".txt");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
  await chooser.setFiles({ name, mimeType: "text/plain", buffer: Buffer.from("by keyboard") });
  await inPhase(name, "ready");
  const id = await row(name).getAttribute("data-file-id");
  await reach(`tr[data-file-id="${id}"] a`);
  await page.keyboard.press("Enter");
  await page.locator("#inspector").getByRole("heading", { name }).waitFor();
});

/** Presses Tab until the focus is on what `selector` selects; a whole round without it is a failure. */
async function reach(selector) {
  const passed = [];
  for (;;) {
    await page.keyboard.press("Tab");
    // Elements are counted: names may be the same, and a round is over at the first that comes again.
    const [found, again, name] = await page.evaluate((selector) => {
      const { activeElement: active } = document;
      const again = active.dataset.passed === selector;
      active.dataset.passed = selector;
      return [active.matches(selector), again, active.id || active.ariaLabel || active.textContent.slice(0, 40)];
    }, selector);
    if (found) return;
    passed.push(name);
    if (again) assert.fail(`${selector} is not reached; the focus was on: ${passed.join(", ")}`);
  }
}

/** Holds the answer to the next request that `matching` selects: `answered` is when there is one, `release()` lets it go. */
async function holdBack(matching) {
  let release, found;
  const released = new Promise((resolve) => (release = resolve));
  const answered = new Promise((resolve) => (found = resolve));
  const hold = async (route) => {
    const response = await route.fetch();
    found();
    await released;
    await route.fulfill({ response });
  };
  await page.route(matching, hold, { times: 1 });
  return { answered, release };
}

it("whoever is quicker than the stack loses neither the focus nor the place", async () => {
  const { answered, release } = await holdBack("**/config.json");
  await page.goto(facts.console_url);
  await answered;
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main", "past the menu");
  assert.equal(await page.locator("#main").getAttribute("aria-busy"), "true", "it says that it is not ready");
  release();
  await idle();
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  assert.equal(new URL(page.url()).hash, "", "the address says nothing of it");
  await reach("#choose");
});

it("what changes while the list is read stays in it", async () => {
  const { answered, release } = await holdBack(({ pathname }) => pathname.endsWith("/api/v1/files"));
  await page.getByRole("button", { name: "Refresh" }).click();
  await answered;
  const name = named(".txt");
  await drop([{ name, type: "text/plain", bytes: Buffer.from("while the list is read") }]);
  await inPhase(name, "ready");
  await row(name).getByRole("link").focus();
  release();
  await idle();
  assert.equal(await row(name).count(), 1);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), name, "the focus stays where it was");
});

it("a control that goes away hands the focus on", async () => {
  await page.locator('#filters [name="scope"]').fill(`none-${run}`);
  await page.keyboard.press("Enter");
  await idle();
  await page.locator("#list-message").getByRole("button", { name: "Reset filters" }).focus();
  await page.keyboard.press("Enter");
  await idle();
  assert.equal(await page.evaluate(() => document.activeElement.id), "files-title");
});

it("an avatar appears in every size", async () => {
  await page.getByRole("link", { name: "Avatars" }).click();
  const card = page.getByTestId("avatar-users");
  await card.locator("#avatar-users-file").setInputFiles({
    name: "me.jpg",
    mimeType: "image/jpeg",
    buffer: await paint(page, 400, 400),
  });
  for (const size of ["large", "medium", "small"]) await shown(card.getByAltText(`${size} size`, { exact: true }));
});

it("a stranger does not see the user's files", async () => {
  const name = named(".txt");
  await drop([{ name, type: "text/plain", bytes: Buffer.from("mine") }]);
  await inPhase(name, "ready");
  await row(name).waitFor();
  await page.getByRole("radio", { name: "User of another tenant" }).check();
  await row(name).waitFor({ state: "detached" });
  await idle();
  assert.equal(await row(name).count(), 0);
});

for (const theme of ["light", "dark"]) {
  it(`names, roles and contrast are in order in the ${theme} theme`, async () => {
    const name = named(".jpg");
    await drop([{ name, type: "image/jpeg", bytes: await paint(page, 320, 240) }]);
    await inPhase(name, "ready");
    await page.locator(`#theme input[value="${theme}"]`).check();
    for (const view of ["files", "trash", "avatars", "requests"]) {
      await page.locator(`nav [data-view="${view}"]`).click();
      await page.locator("main h1:visible").first().waitFor();
      await check(`${theme} ${view}`);
      if (view === "files") {
        await row(name).waitFor();
        await page.screenshot({ path: `${artifacts}/console-${theme}.png` });
        await row(name).getByRole("link").click();
        await page.locator("#inspector").waitFor();
        await check(`${theme} inspector`);
      }
    }
  });
}

/** The rules of WCAG 2 A and AA, as axe knows them. Fades are over by then, and so is the dimming of what is read anew. */
async function check(what) {
  await idle();
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const found = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(violations, [], what);
}
