// Unmodified @uppy/core and @uppy/aws-s3 in Chromium, against the running stack: every subject through every scenario.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { facts } from "./lib/facts.js";
import { note, report } from "./lib/report.js";
import { serveSite, serveStranger } from "./lib/site.js";
import { startBrowser } from "./lib/visit.js";
import * as arriving from "./scenarios/arriving.js";
import * as ending from "./scenarios/ending.js";
import { SUBJECTS } from "./subjects.js";

const SCENARIOS = {
  "simple upload": arriving.simple,
  "120 MB in parts, three at once": arriving.multipart,
  "pause and resume": arriving.pauseAndResume,
  "reload and resume": arriving.reloadAndResume,
  "expired signature is signed again": arriving.expiredSignature,
  "cancel leaves no parts": ending.cancel,
  "too large": ending.tooLarge,
  "larger than declared": ending.largerThanDeclared,
  "wrong type": ending.wrongType,
  "wrong content for its type": ending.wrongContent,
};

/** `STOWAGE_BROWSER_ONLY="6.3.1.*cancel"` runs what matches. */
const ONLY = new RegExp(process.env.STOWAGE_BROWSER_ONLY ?? "");

let site;
let browser;

before(async () => {
  site = await serveSite(SUBJECTS.map(({ folder }) => folder));
  browser = await startBrowser(site.origin);
});

after(async () => {
  await browser?.close();
  await site?.close();
  report(SUBJECTS.map(({ name }) => name), Object.keys(SCENARIOS));
});

it("the browser enforces CORS, and page, API and S3 are three origins", async () => {
  assert.equal(new Set([site.origin, facts.api_url, facts.s3_url]).size, 3);
  const stranger = await serveStranger();
  const visit = await browser.visit(SUBJECTS[0], { files: [] });
  const reads = (method, url) =>
    visit.page.evaluate(([method, url]) => fetch(url, { method }).then(() => true, () => false), [method, url]);
  assert.equal(await reads("GET", site.origin), true);
  assert.equal(await reads("GET", stranger.origin), false);
  assert.equal(await reads("PUT", stranger.origin), false);
  assert.deepEqual(stranger.methods, ["GET", "OPTIONS"], "before a PUT the browser asks");
  await visit.close();
  await stranger.close();
});

for (const subject of SUBJECTS) {
  describe(`@uppy/aws-s3 ${subject.name}`, () => {
    for (const [title, scenario] of Object.entries(SCENARIOS)) {
      if (!ONLY.test(`${subject.name} / ${title}`)) continue;
      it(title, { timeout: 300_000 }, async () => {
        const visits = [];
        const started = Date.now();
        let passed = false;
        try {
          await scenario(subject, async (setup) => {
            const visit = await browser.visit(subject, setup);
            visits.push(visit);
            return visit;
          });
          passed = true;
        } finally {
          note(subject.name, title, passed, Date.now() - started);
          for (const visit of visits) await visit.close();
        }
      });
    }
  });
}
