// Signed URLs of the development S3, of any age: for looking into it, and for URLs that have expired.
import { createHash, createHmac } from "node:crypto";
import { facts, s3Key } from "./facts.js";

const DAY = 24 * 3600 * 1000;
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
const escaped = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** `url` without whatever signature it has, signed for `method` at `time` (in ms), valid for a quarter of an hour. */
export function presigned(method, url, time = Date.now(), region = "us-east-1") {
  const target = new URL(url);
  const stamp = new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${stamp.slice(0, 8)}/${region}/s3/aws4_request`;
  for (const name of [...target.searchParams.keys()]) {
    if (/^x-amz-/i.test(name)) target.searchParams.delete(name);
  }
  const query = {
    ...Object.fromEntries(target.searchParams),
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${s3Key.id}/${scope}`,
    "X-Amz-Date": stamp,
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": "host",
  };
  const canonical = Object.entries(query).map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort().join("&");
  const request = [method, target.pathname, canonical, `host:${target.host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
  const digest = createHash("sha256").update(request).digest("hex");
  const key = scope.split("/").reduce(hmac, `AWS4${s3Key.secret}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", stamp, scope, digest].join("\n")).toString("hex");
  return `${target.origin}${target.pathname}?${canonical}&X-Amz-Signature=${signature}`;
}

/** The URL of a part as it would be if it had been signed a day ago. */
export const signedYesterday = (url) => presigned("PUT", url, Date.now() - DAY);

/** The uploads under `key` that are neither complete nor aborted, as S3 lists them. */
export async function openUploads(key) {
  const url = `${facts.s3_url}/stowage-staging?uploads=&prefix=${encodeURIComponent(key)}`;
  const answer = await fetch(presigned("GET", url));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`ListMultipartUploads: ${answer.status} ${text}`);
  return [...text.matchAll(/<UploadId>([^<]+)</g)].map(([, id]) => id);
}
