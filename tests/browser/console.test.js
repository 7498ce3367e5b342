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
  await page.goto(facts.console_url);
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(troubles, [], "the page threw");
});

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

/** Whether an image has been loaded and is shown. */
const shown = (image) =>
  until("the picture", async () => ((await image.evaluate((node) => node.complete && node.naturalWidth > 0)) ? true : undefined));

it("files are dropped, sent with a bar each, seen, downloaded, deleted, restored, and deleted for good", async () => {
  const photo = { name: named(".jpg"), type: "image/jpeg", bytes: await paint(page, 640, 480) };
  const text = { name: named(".txt"), type: "text/plain", bytes: Buffer.from("a text of the console\n".repeat(200_000)) };
  await drop([photo, text]);
  await upload(text.name).getByRole("progressbar", { name: `Upload of ${text.name}` }).waitFor();
  await inPhase(photo.name, "ready");
  await inPhase(text.name, "ready");
  assert.equal(await upload(text.name).getByRole("progressbar").count(), 0, "no bar is left");
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
  const reach = async (what, id) => {
    for (let press = 0; press < 60; press += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(id)) return;
    }
    assert.fail(`${what} is not reached`);
  };
  await reach("the button", () => document.activeElement.id === "choose");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none", "one sees where the focus is");
  const name = named(".txt");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
  await chooser.setFiles({ name, mimeType: "text/plain", buffer: Buffer.from("by keyboard") });
  await inPhase(name, "ready");
  await row(name).waitFor();
  await reach("the file", () => document.activeElement.matches("tr[data-file-id] a"));
  await page.keyboard.press("Enter");
  await page.locator("#inspector").waitFor();
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

/** The rules of WCAG 2 A and AA, as axe knows them. Fades are over by then. */
async function check(what) {
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const found = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(violations, [], what);
}
