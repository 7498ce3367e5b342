// The client against a stand-in for the API and S3; the browser tests run it against the real ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StowageError, answered, createStowage } from "../src/index.js";

const ID = "019ac0de-0000-7000-8000-000000000001";
const RECORD = { file_id: ID, state: "ready", filename: "a.txt" };

/** A client whose calls get these answers in turn; `calls` are the requests. */
function scripted(...answers: [status: number, body: unknown, headers?: Record<string, string>][]) {
  const calls: Request[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    calls.push(new Request(input, init));
    const [status, body, headers] = answers.shift() ?? [500, {}];
    return new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { "content-type": "application/json", ...headers },
    });
  };
  return { calls, stowage: createStowage({ baseUrl: "http://api.test", token: () => "secret", fetch }) };
}

const told = (calls: Request[]) => calls.map(({ method, url }) => `${method} ${url}`);

test("a file goes by form, and is asked for until it is ready", async () => {
  const { calls, stowage } = scripted(
    [201, { file_id: ID, method: "POST", upload_url: "http://s3.test/", upload_fields: { key: "k", policy: "p" } }],
    [201, undefined],
    [202, { ...RECORD, state: "processing" }],
    [200, RECORD],
  );
  const seen: number[][] = [];
  const file = new File(["hello"], "a.txt", { type: "text/plain" });
  const record = await stowage.upload(file, {
    purpose: "attachment",
    metadata: { album: "7" },
    idempotencyKey: "once",
    onProgress: (...progress) => seen.push(progress),
  });
  assert.equal(record.state, "ready");
  assert.deepEqual(seen, [[5, 5]]);
  const complete = `POST http://api.test/api/v1/files/${ID}/complete`;
  assert.deepEqual(told(calls), [
    "POST http://api.test/api/v1/files/presigned-upload",
    "POST http://s3.test/",
    complete,
    complete,
  ]);
  const [issue, form] = calls as [Request, Request];
  assert.equal(issue.headers.get("authorization"), "Bearer secret");
  assert.equal(issue.headers.get("idempotency-key"), "once");
  assert.deepEqual(await issue.json(), {
    filename: "a.txt",
    content_type: "text/plain",
    size_bytes: 5,
    purpose: "attachment",
    metadata: { album: "7" },
  });
  assert.equal(form.headers.get("authorization"), null, "S3 gets no token");
  const fields = [...(await form.formData()).keys()];
  assert.deepEqual(fields, ["key", "policy", "file"], "the file comes last");
});

test("a large file goes in parts", async () => {
  const part = (number: number): [number, unknown] => [200, { url: `http://s3.test/${number}`, expires: 900 }];
  const { calls, stowage } = scripted(
    [201, { file_id: ID, method: "PUT", multipart: { upload_id: "u", part_size: 4, part_count: 2 } }],
    part(1),
    [200, undefined, { etag: '"one"' }],
    part(2),
    [200, undefined, { etag: '"two"' }],
    [200, { location: "l", key: "k", bucket: "b", file_id: ID }],
    [200, RECORD],
  );
  await stowage.upload(new Blob(["hello"]));
  const [, , first, , second, list] = calls as Request[];
  assert.equal(await first?.text(), "hell");
  assert.equal(await second?.text(), "o");
  assert.deepEqual(await list?.json(), {
    parts: [
      { PartNumber: 1, ETag: '"one"' },
      { PartNumber: 2, ETag: '"two"' },
    ],
  });
});

test("a refusal is an exception with its code", async () => {
  const body = {
    error: { code: "QUOTA_EXCEEDED", message: "Full.", request_id: "r-1", details: { max_bytes: 1 } },
    message: "Full.",
    requestId: "r-1",
  };
  const refused = (error: unknown) => {
    assert.ok(error instanceof StowageError);
    assert.deepEqual([error.status, error.code, error.requestId, error.details], [507, "QUOTA_EXCEEDED", "r-1", { max_bytes: 1 }]);
    return true;
  };
  await assert.rejects(scripted([507, body]).stowage.upload(new Blob(["x"])), refused);
  const { api } = scripted([507, body]).stowage;
  const answer = await api.GET("/api/v1/files/{id}", { params: { path: { id: ID } } });
  assert.throws(() => answered(answer), refused);
});

test("S3's refusal ends the upload", async () => {
  const { calls, stowage } = scripted(
    [201, { file_id: ID, method: "POST", upload_url: "http://s3.test/", upload_fields: {} }],
    [403, undefined],
  );
  await assert.rejects(stowage.upload(new Blob(["x"])), { name: "StowageError", status: 403, code: undefined });
  assert.equal(calls.length, 2);
});

/** Never run: what must not type-check. `tsc` fails where one of the lines is fine. */
export async function wrong(): Promise<void> {
  const { api, upload } = scripted().stowage;
  // @ts-expect-error there is no such route
  await api.GET("/api/v1/nothing");
  // @ts-expect-error the id is missing
  await api.GET("/api/v1/files/{id}");
  // @ts-expect-error purposes are a closed list
  await upload(new Blob([]), { purpose: "avatar.user" });
  // @ts-expect-error the size is the file's
  await upload(new Blob([]), { size_bytes: 1 });
}
