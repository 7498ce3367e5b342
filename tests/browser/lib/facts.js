// The running stack, as it describes itself in `dev.json`, and calls that a test makes beside the page.
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const path = resolve(process.env.STOWAGE_FACTS ?? join(root, ".local/dev.json"));

/** Where the API and S3 are, and who may call them. */
export const facts = JSON.parse(readFileSync(path, "utf8"));

/** The key of the development S3, to look into it and to sign as it would have been signed yesterday. */
export const s3Key = (() => {
  const { access_key: id, secret_key: secret } = JSON.parse(readFileSync(join(dirname(path), "keys.json"), "utf8"));
  return { id, secret };
})();

/** Calls the API as the user: `{status, body}`. */
export async function call(method, route, body) {
  const headers = { authorization: `Bearer ${facts.tokens.user}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(`${facts.api_url}/api/v1${route}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
}

/** A companion endpoint with its ticket. */
export async function ticketEndpoint() {
  const { status, body } = await call("POST", "/uploads/tickets", {});
  if (!body?.companion_endpoint) throw new Error(`no ticket: ${status} ${JSON.stringify(body)}`);
  return body.companion_endpoint;
}

/** Asks `probe` until it answers with anything but `undefined`. */
export async function until(what, probe, { seconds = 60 } = {}) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const FINAL = ["ready", "failed", "quarantined", "deleted"];

/** The record of a file, once its state does not change any more. */
export function verdict(fileId) {
  return until(`the verdict on ${fileId}`, async () => {
    const { status, body } = await call("GET", `/files/${fileId}`);
    if (status !== 200) throw new Error(`the record of ${fileId}: ${status} ${JSON.stringify(body)}`);
    return FINAL.includes(body.state) ? body : undefined;
  });
}

/** The id of the file that is staged under a key. */
export function fileIdOf(key) {
  const id = /^temp\/uploads\/[0-9a-f-]{36}\/([0-9a-f-]{36})\//.exec(key ?? "")?.[1];
  if (!id) throw new Error(`not a staging key: ${key}`);
  return id;
}
