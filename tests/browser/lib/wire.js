// What a page sends to the API and to S3, seen from outside: nothing is intercepted, so that CORS stays the browser's own.
import { facts, until } from "./facts.js";

/** What a request is for, in the words that both dialects share; `undefined` for one that is none of ours. */
function kindOf(method, address, posted) {
  const url = new URL(address);
  const query = url.searchParams;
  if (url.origin === facts.s3_url) {
    const upload = query.get("uploadId");
    if (method === "PUT") return upload ? `s3 part ${query.get("partNumber")}` : "s3 put";
    if (method === "POST") return upload ? "s3 complete" : query.has("uploads") ? "s3 create" : "s3 form";
    return { GET: "s3 list", DELETE: "s3 abort" }[method];
  }
  const [, name, id, last] = /\/s3\/(params|multipart|sign)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
  if (name === "params") return "issue";
  if (name === "sign") return signed(JSON.parse(posted() ?? "{}"));
  if (name !== "multipart") return undefined;
  if (!id) return "create";
  if (last) return last === "complete" ? "complete" : `sign part ${last}`;
  return { GET: "list", DELETE: "abort" }[method];
}

function signed({ method, uploadId, partNumber }) {
  if (partNumber) return `sign part ${partNumber}`;
  if (uploadId) return { POST: "complete", GET: "list", DELETE: "abort" }[method];
  return method === "PUT" ? "issue" : "create";
}

/** Watches a page from now on. */
export function watch(page) {
  const requests = [];
  const known = new Map();
  let flying = 0;

  page.on("request", (request) => {
    const kind = kindOf(request.method(), request.url(), () => request.postData());
    if (!kind) return;
    const entry = { kind, status: undefined, failed: false, done: false };
    requests.push(entry);
    known.set(request, entry);
    flying += 1;
  });
  const end = (request, failed) => {
    const entry = known.get(request);
    if (!entry || entry.done) return;
    entry.done = true;
    entry.failed = failed;
    flying -= 1;
  };
  page.on("response", (response) => {
    const entry = known.get(response.request());
    if (!entry) return;
    entry.status = response.status();
    // An answer whose body nobody reads never finishes; with its status it has done all that is asked of it here.
    end(response.request(), false);
  });
  page.on("requestfinished", async (request) => {
    const entry = known.get(request);
    if (!entry || !["issue", "create"].includes(entry.kind)) return;
    // The body is gone where the page left meanwhile, and S3 answers in XML.
    const response = await request.response();
    entry.body = await response.json().catch(() => ({}));
  });
  page.on("requestfailed", (request) => end(request, true));
  // What a page leaves behind ends with it, and not every end is told.
  page.on("framenavigated", () => [...known.keys()].forEach((request) => end(request, true)));

  const all = (kind) => requests.filter((one) => one.kind === kind || one.kind.startsWith(`${kind} `));
  return {
    /** Requests whose kind starts with `kind`, oldest first. */
    all,
    /** The same, answered with success. */
    good: (kind) => all(kind).filter(({ done, failed, status }) => done && !failed && status < 300),
    /** How many requests there are so far. */
    get length() {
      return requests.length;
    },
    /** The requests from the given one on. */
    since: (start) => requests.slice(start),
    /** The most parts that were on their way at once, by the page's own clock. */
    mostParts: async () => {
      const spans = await page.evaluate(() =>
        performance
          .getEntriesByType("resource")
          .filter(({ name }) => new URL(name).searchParams.has("partNumber"))
          .map(({ startTime, responseEnd }) => [startTime, responseEnd]),
      );
      return Math.max(...spans.map(([start]) => spans.filter(([from, to]) => from <= start && start < to).length));
    },
    /** Waits until nothing is on its way. */
    settled: () => until("requests to end", () => (flying === 0 ? true : undefined)),
    /** What the page read in the answer to a request that issues. */
    read: (entry) => until("the answer", () => entry.body, { seconds: 10 }),
  };
}
