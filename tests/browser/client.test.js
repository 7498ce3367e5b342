// clients/typescript in Chromium, against the running stack: page, API and S3 are three origins here too.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { facts } from "./lib/facts.js";
import { MB, bytes, sha256, text } from "./lib/files.js";
import { startBrowser } from "./lib/visit.js";

const ONLY = new RegExp(process.env.STOWAGE_BROWSER_ONLY ?? "");
const TITLES = {
  form: "a file by form, and what is done with it",
  parts: "a large file in parts",
  refusal: "a refusal is an exception with its code",
};

let server;
let browser;

before(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page/client.js", import.meta.url))],
    bundle: true,
    format: "iife",
    target: "es2022",
    write: false,
    logLevel: "error",
  });
  server = createServer((request, response) => {
    const script = request.url === "/client.js";
    response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html", "cache-control": "no-store" });
    response.end(script ? outputFiles[0].text : '<!doctype html><title>client</title><script src="/client.js"></script>');
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await startBrowser(`http://127.0.0.1:${server.address().port}`);
});

after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/** Runs `act` of the page with these arguments, as the user. */
async function inPage(act, ...parameters) {
  const visit = await browser.visit({ folder: "client" }, { files: [] });
  try {
    const call = [facts.api_url, facts.tokens.user, act, parameters];
    return await visit.page.evaluate((call) => window.client(...call), call);
  } finally {
    await visit.close();
  }
}

const scenarios = {
  async form() {
    const file = text("n\u00f6te.txt", 200_000);
    const { record, listed, renamed, stored, after } = await inPage("live", file);
    assert.equal(record.state, "ready");
    assert.equal(record.filename, file.name);
    assert.deepEqual(record.metadata, { album: "7" });
    assert.equal(record.sha256, sha256(file));
    assert.equal(stored, file.size, "the URL of the record leads to its bytes");
    assert.ok(listed.includes(record.file_id));
    assert.equal(renamed, "renamed.txt");
    assert.deepEqual(after, { status: 404, code: "NOT_FOUND" });
  },

  async parts() {
    const file = bytes("film.bin", 101 * MB);
    const { record, progress } = await inPage("large", file);
    assert.equal(record.state, "ready");
    assert.equal(record.size_bytes, file.size);
    assert.equal(record.sha256, sha256(file));
    assert.ok(progress.length > 1, "it went in parts");
    assert.equal(progress.at(-1), file.size);
  },

  async refusal() {
    const refusal = await inPage("refused", text("empty.txt", 0));
    assert.deepEqual(refusal, { status: 422, code: "EMPTY_FILE", named: true });
  },
};

describe("clients/typescript", () => {
  for (const [name, title] of Object.entries(TITLES)) {
    if (!ONLY.test(`client / ${title}`)) continue;
    it(title, { timeout: 300_000 }, scenarios[name]);
  }
});
