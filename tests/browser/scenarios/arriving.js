// Uploads that arrive: whole, in parts, after a pause, after a reload, after a signature that expired.
import assert from "node:assert/strict";
import { fileIdOf, until, verdict } from "../lib/facts.js";
import { MB, PART, bytes, sha256, text } from "../lib/files.js";
import { openUploads } from "../lib/s3.js";

/** Six parts, sent as parts although it is small. */
const film = () => ({ files: [bytes("film.bin", 5 * PART + 123)], multipart: true });

/** Below the threshold: one signature, one request to S3. */
export async function simple(subject, start) {
  const files = [text("n\u00f6te (1) & more+.txt", 200_000)];
  const visit = await start({ files });
  await arrived(await visit.upload(), files);
  assert.equal(visit.wire.good("issue").length, 1);
  assert.equal(visit.wire.all("s3 form").length + visit.wire.all("s3 put").length, 1);
}

/** 120 MB in 24 parts, three at once. */
export async function multipart(subject, start) {
  const files = [bytes("film.bin", 120 * MB)];
  const setup = { files };
  if (!subject.parallelParts) {
    // This version sends the parts of a file one by one: three files make three parts.
    files.push(bytes("second.bin", 30 * MB), bytes("third.bin", 30 * MB));
    setup.multipartAbove = 20 * MB;
  }
  const visit = await start(setup);
  await arrived(await visit.upload(), files);
  const parts = files.reduce((sum, { size }) => sum + Math.ceil(size / PART), 0);
  assert.equal(visit.wire.good("s3 part").length, parts);
  assert.equal(await visit.wire.mostParts(), 3);
  assert.equal(visit.wire.all("list").length, 0);
}

/** After a pause only what is missing is sent. */
export async function pauseAndResume(subject, start) {
  const setup = { ...film(), act: { after: 2, what: "pause" } };
  const visit = await start(setup);
  await visit.begin();
  await until("the pause", async () => ((await visit.state()).paused ? true : undefined));
  await visit.wire.settled();
  const before = visit.wire.length;
  const { parts, keys, outcome } = await visit.state();
  assert.ok(parts.length < 6 && outcome === null, `${parts}`);
  assert.equal((await openUploads(keys[0])).length, 1, "what is not complete shows");
  await visit.resume();
  await arrived(await visit.outcome(), setup.files);
  onlyTheMissing(visit, before, parts);
}

/** The page goes away in the middle of parts. The next one knows key and upload, and sends what is missing. */
export async function reloadAndResume(subject, start) {
  const setup = { ...film(), act: { after: 2, what: "reload" } };
  const visit = await start(setup);
  const again = visit.page.waitForEvent("load");
  await visit.begin();
  await again;
  await visit.wire.settled();
  const before = visit.wire.length;
  await visit.begin({ resumed: true });
  await arrived(await visit.outcome(), setup.files);
  onlyTheMissing(visit, before, (await visit.state()).parts.slice(0, 2));
  assert.equal(visit.wire.all("create").length, 1);
}

/** S3 refuses a part because its signature has expired: the part is signed again, and nothing else is. */
export async function expiredSignature(subject, start) {
  const setup = { ...film(), expire: { part: 3 } };
  const visit = await start(setup);
  let outcome = await visit.upload();
  assert.deepEqual(visit.wire.all("s3 part 3").map(({ status }) => status)[0], 403);
  if (!subject.resigns) {
    // This version gives up, and signs again when the user tries again.
    assert.deepEqual(outcome.failures.map(({ status }) => status), [403]);
    const before = visit.wire.length;
    const { parts } = await visit.state();
    await visit.retry();
    outcome = await visit.outcome();
    onlyTheMissing(visit, before, parts);
  }
  await arrived(outcome, setup.files);
  assert.deepEqual(visit.wire.all("s3 part 3").map(({ status }) => status), [403, 200]);
  assert.equal(visit.wire.all("sign part 3").length, 2);
  assert.equal(visit.wire.all("create").length, 1);
}

/** Everything is uploaded, ready, and what it was; S3 keeps nothing of the way there. */
async function arrived({ uploaded, failed, failures }, files) {
  assert.deepEqual(failed, [], JSON.stringify(failures));
  assert.deepEqual(uploaded.map(({ name }) => name), files.map(({ name }) => name));
  for (const [index, { body, uploadURL }] of uploaded.entries()) {
    assert.ok(uploadURL, "the plugin knows where the file is");
    const record = await verdict(fileIdOf(body.key));
    assert.equal(record.state, "ready", record.error_code);
    const { name: filename, type: content_type, size: size_bytes } = files[index];
    const expected = { filename, content_type, size_bytes, sha256: sha256(files[index]) };
    const { filename: name, content_type: type, size_bytes: size, sha256: digest } = record;
    assert.deepEqual({ filename: name, content_type: type, size_bytes: size, sha256: digest }, expected);
    assert.deepEqual(await openUploads(body.key), []);
  }
}

/** From the given request on: S3's list of parts, and none of `parts` sent again. */
function onlyTheMissing(visit, before, parts) {
  const later = visit.wire.since(before).map(({ kind }) => kind);
  assert.ok(parts.length >= 2 && later.includes("list"), `${parts} / ${later}`);
  assert.deepEqual(later.filter((kind) => parts.some((part) => kind === `s3 part ${part}`)), []);
}
