// Moving bytes to S3: one form, or many parts. `XMLHttpRequest`, because `fetch` does not tell how much has been sent.
import { multipart, record } from "./api.js";
import { ApiError } from "./errors.js";

const PARTS_AT_ONCE = 3;
const PARTS_SIGNED_AT_ONCE = 12;
const TRIES = 4;
/** Answers that the same request may get past, a moment later. */
const PASSING = [0, 500, 502, 503, 504];

/** Sends what was issued and calls `onSent` with the bytes sent so far. Rejects with an `ApiError` or an `AbortError`. */
export async function send(issued, file, options) {
  if (issued.multipart) return sendParts(issued, file, options);
  const form = new FormData();
  for (const [name, value] of Object.entries(issued.upload_fields)) form.append(name, value);
  form.append("file", file);
  await request("POST", issued.upload_url, form, { ...options, what: [...Object.keys(issued.upload_fields), "file"] });
  return undefined;
}

async function sendParts({ key, multipart: upload }, file, { onSent, signal, as }) {
  const { upload_id: id, part_size: size, part_count: count } = upload;
  // One part that fails ends the others.
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const sent = new Array(count).fill(0);
  const etags = new Array(count);
  const signer = signatures(id, key, count, { as, signal: ended });
  let next = 0;

  async function work() {
    while (next < count) {
      const index = next++;
      const part = file.slice(index * size, Math.min(file.size, (index + 1) * size));
      etags[index] = await sendPart(part, index + 1, signer, ended, as, (bytes) => {
        sent[index] = bytes;
        onSent(sent.reduce((sum, value) => sum + value, 0));
      });
    }
  }

  try {
    await Promise.all(Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, work));
    const parts = etags.map((ETag, index) => ({ PartNumber: index + 1, ETag }));
    await multipart.complete(id, key, parts, { as, signal });
  } catch (error) {
    stop.abort();
    // The upload is over: its parts are removed now, or by the sweep where that fails.
    await multipart.abort(id, key, { as }).catch(() => undefined);
    throw error;
  }
}

/** Sends one part; a lost connection is tried again, and so is a signature that has expired, with a new one. */
async function sendPart(part, number, signer, signal, as, onSent) {
  for (let attempt = 1; ; attempt++) {
    try {
      const url = await signer(number, attempt > 1);
      const answer = await request("PUT", url, part, { onSent, signal, as, what: [`part ${number}`] });
      const etag = answer.getResponseHeader("ETag");
      if (!etag) throw new ApiError({ code: "NO_ETAG", message: "S3 did not show the ETag of a part to this page." });
      return etag;
    } catch (error) {
      const again = error.status === 403 || PASSING.includes(error.status);
      if (ApiError.aborted(error) || !again || attempt === TRIES) throw error;
      onSent(0);
      await pause(250 * 2 ** attempt, signal);
    }
  }
}

/** Signed URLs of parts, asked for a dozen at a time. */
function signatures(id, key, count, options) {
  const batches = new Map();
  return async (number, anew) => {
    const first = number - ((number - 1) % PARTS_SIGNED_AT_ONCE);
    const last = Math.min(count, first + PARTS_SIGNED_AT_ONCE - 1);
    if (anew || !batches.has(first)) {
      const numbers = anew ? [number] : Array.from({ length: last - first + 1 }, (_, index) => first + index);
      const asked = multipart.sign(id, key, numbers, options).then(({ data }) => data.presignedUrls);
      if (anew) return (await asked)[number];
      batches.set(first, asked);
      asked.catch(() => batches.delete(first));
    }
    return (await batches.get(first))[number];
  };
}

/** Waits, and ends early with an `AbortError`. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(new DOMException("Cancelled", "AbortError")));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", stop), resolve()), milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Asks again after a passing failure, and for as long as a limit of requests a minute lasts; `onLimit` is told of it. */
export async function patiently(ask, signal, onLimit) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const limited = error.status === 429;
      const most = limited ? 40 : TRIES;
      if (ApiError.aborted(error) || attempt === most || !(limited || PASSING.includes(error.status))) throw error;
      if (limited) onLimit?.();
      await pause(limited ? 2000 : 250 * 2 ** attempt, signal);
    }
  }
}

function request(method, url, body, { onSent, signal, as, what }) {
  const started = performance.now();
  const log = (status) => {
    // The query of such a URL is its signature.
    const { origin, pathname } = new URL(url);
    record({ at: new Date(), method, origin, path: pathname, form: what, as, status, ms: performance.now() - started });
  };
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    const settle = (then) => (signal.removeEventListener("abort", abort), then());
    xhr.open(method, url);
    xhr.upload.addEventListener("progress", ({ loaded }) => onSent(Math.min(loaded, size(body))));
    xhr.addEventListener("load", () => {
      log(xhr.status);
      settle(() => (xhr.status < 300 ? resolve(xhr) : reject(refused(xhr))));
    });
    xhr.addEventListener("error", () => {
      log(0);
      const message = `${new URL(url).origin} (S3) did not answer, or refused this page.`;
      settle(() => reject(new ApiError({ code: "NETWORK", message })));
    });
    xhr.addEventListener("abort", () => settle(() => reject(new DOMException("Cancelled", "AbortError"))));
    if (signal.aborted) return reject(new DOMException("Cancelled", "AbortError"));
    signal.addEventListener("abort", abort, { once: true });
    return xhr.send(body);
  });
}

/** A form is a little larger than its file, which must not be seen in the progress. */
function size(body) {
  return body instanceof FormData ? body.get("file").size : body.size;
}

/** S3 answers in XML of its own. */
function refused(xhr) {
  const answer = new DOMParser().parseFromString(xhr.responseText, "application/xml");
  const text = (tag) => answer.querySelector(tag)?.textContent || undefined;
  return new ApiError({
    code: text("Code") ?? `S3_${xhr.status}`,
    message: text("Message") ?? "S3 refused the upload.",
    status: xhr.status,
    requestId: text("RequestId"),
  });
}
