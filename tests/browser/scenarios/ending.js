// Uploads that end without a file: cancelled, too large, of a wrong type, of wrong content.
import assert from "node:assert/strict";
import { call, facts, fileIdOf, until, verdict } from "../lib/facts.js";
import { MB, PART, bytes, pretending, text } from "../lib/files.js";
import { openUploads } from "../lib/s3.js";

/** No purpose takes as much, in bytes. */
const TOO_MUCH = 6 * 1024 ** 4;

/** After a cancel S3 keeps no part, and there is no file. */
export async function cancel(subject, start) {
  const files = [bytes("film.bin", 5 * PART + 123)];
  const visit = await start({ files, multipart: true, act: { after: 2, what: "cancel" } });
  await visit.begin();
  await visit.outcome();
  const [key] = (await visit.state()).keys;
  const aborted = visit.wire.good("s3 abort").length + visit.wire.good("abort").length;
  assert.notEqual(aborted, 0);
  await until("S3 to forget the parts", async () => ((await openUploads(key)).length === 0 ? true : undefined));
  assert.equal(visit.wire.all("complete").length, 0);
  const { status, body } = await call("GET", `/files/${fileIdOf(key)}`);
  assert.ok(status === 404 || body.state !== "ready", JSON.stringify(body));
}

/** A file that says it is too large is refused before a byte is sent, whole or in parts. */
export async function tooLarge(subject, start) {
  for (const multipart of [false, true]) {
    const visit = await start({ files: [text("large.txt", 6 * MB, { size: TOO_MUCH })], multipart });
    await refused(subject, visit, 413, "PAYLOAD_TOO_LARGE");
  }
}

/** A file that is larger than it says is refused by S3, or found out afterwards. */
export async function largerThanDeclared(subject, start) {
  const visit = await start({ files: [text("larger.txt", 300_000, { size: 100_000 })], multipart: false });
  const { uploaded, failed, failures } = await visit.upload();
  const { key, fields } = await visit.wire.read(visit.wire.good("issue")[0]);
  const fileId = fileIdOf(key ?? fields.key);
  if (uploaded.length === 0) {
    assert.equal(failed.length, 1);
    assert.ok([400, 403].includes(failures[0].status), JSON.stringify(failures));
    const { body } = await call("GET", `/files/${fileId}`);
    assert.equal(body.state, "pending");
  } else {
    const { state, error_code } = await verdict(fileId);
    assert.deepEqual({ state, error_code }, { state: "failed", error_code: "SIZE_MISMATCH" });
  }
}

/** A type that the purpose does not take. */
export async function wrongType(subject, start) {
  const meta = { purpose: "avatar.user", entity_id: facts.user_id };
  for (const multipart of [false, true]) {
    const visit = await start({ files: [pretending("page.html", "text/html", MB, meta)], multipart });
    await refused(subject, visit, 415, "UNSUPPORTED_MEDIA_TYPE");
  }
}

/** Bytes that are not what their type says: they arrive, and the record says what is wrong. */
export async function wrongContent(subject, start) {
  for (const multipart of [false, true]) {
    const visit = await start({ files: [pretending("photo.png", "image/png", 6 * MB)], multipart });
    const { uploaded, failures } = await visit.upload();
    assert.equal(uploaded.length, 1, JSON.stringify(failures));
    const { state, error_code } = await verdict(fileIdOf(uploaded[0].body.key));
    assert.deepEqual({ state, error_code }, { state: "failed", error_code: "CONTENT_MISMATCH" });
  }
}

/** The first call is refused, the user is told, and S3 never hears of the file. */
async function refused(subject, visit, status, code) {
  const { uploaded, failed } = await visit.upload();
  assert.deepEqual(uploaded, []);
  assert.equal(failed.length, 1);
  const [answer] = visit.wire.since(0);
  assert.equal(answer.status, status);
  assert.equal(visit.wire.all("s3").length, 0);
  if (subject.shows === "message") {
    const { error, message } = await visit.wire.read(answer);
    assert.equal(error.code, code);
    assert.ok(message);
    assert.equal(failed[0].error, message);
  } else {
    // This version reads no answer that is an error: its users see the reason phrase, over HTTP/1.1.
    assert.match(failed[0].error, /^Companion request failed: ./);
  }
}
