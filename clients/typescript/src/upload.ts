// Issue, send, complete.
import type { Client } from "openapi-fetch";
import { StowageError, answered } from "./errors.js";
import type { paths } from "./schema.js";
import type { FileView, IssuedView, PresignRequest } from "./views.js";

/** What an upload says of its file, beside what the file says itself. */
export interface UploadOptions extends Partial<Omit<PresignRequest, "size_bytes" | "unassigned">> {
  /** Makes it safe to call again with the same file, for 24 hours. */
  idempotencyKey?: string;
  /** Stops the upload. */
  signal?: AbortSignal;
  /** Told of the bytes that have arrived, after the form or each part. */
  onProgress?: (sent: number, total: number) => void;
}

type Fetch = typeof globalThis.fetch;

/** What remains of the options: how, not what. */
interface Sending {
  signal?: AbortSignal;
  onProgress?: (sent: number, total: number) => void;
}

export async function upload(
  api: Client<paths>,
  fetch: Fetch,
  file: Blob,
  { idempotencyKey, signal, onProgress, ...described }: UploadOptions = {},
): Promise<FileView> {
  const body: PresignRequest = {
    ...described,
    filename: described.filename ?? (file instanceof File ? file.name : "file"),
    content_type: described.content_type ?? (file.type || "application/octet-stream"),
    size_bytes: file.size,
  };
  const header = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
  const issued = answered(await api.POST("/api/v1/files/presigned-upload", { body, params: { header }, signal }));
  if (!("file_id" in issued)) throw new TypeError("a batch was issued for one file");
  const sending: Sending = { signal, onProgress };
  if (issued.multipart) await sendParts(api, fetch, file, issued.multipart, sending);
  else await sendForm(fetch, file, issued, sending);
  return complete(api, issued.file_id, signal);
}

/** Every field first, exactly as given, then the file: S3 ignores whatever comes after it. No token goes there. */
async function sendForm(fetch: Fetch, file: Blob, issued: IssuedView, { signal, onProgress }: Sending): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(issued.upload_fields ?? {})) form.append(name, value);
  form.append("file", file);
  await stored(await fetch(issued.upload_url ?? "", { method: "POST", body: form, signal: signal ?? null }));
  onProgress?.(file.size, file.size);
}

async function sendParts(
  api: Client<paths>,
  fetch: Fetch,
  file: Blob,
  { upload_id, part_size, part_count }: NonNullable<IssuedView["multipart"]>,
  { signal, onProgress }: Sending,
): Promise<void> {
  const parts: { PartNumber: number; ETag: string }[] = [];
  for (let number = 1; number <= part_count; number += 1) {
    const path = { upload_id, number };
    const { url } = answered(await api.GET("/api/v1/s3/multipart/{upload_id}/{number}", { params: { path }, signal }));
    const end = Math.min(number * part_size, file.size);
    const answer = await fetch(url, {
      method: "PUT",
      body: file.slice((number - 1) * part_size, end),
      signal: signal ?? null,
    });
    const etag = (await stored(answer)).headers.get("etag");
    if (etag === null) throw new StowageError(answer.status, "S3 does not show the ETag of a part.");
    parts.push({ PartNumber: number, ETag: etag });
    onProgress?.(end, file.size);
  }
  const params = { path: { upload_id } };
  answered(await api.POST("/api/v1/s3/multipart/{upload_id}/complete", { params, body: { parts }, signal }));
}

async function stored(answer: Response): Promise<Response> {
  if (!answer.ok) throw new StowageError(answer.status, `S3 answered ${answer.status}.`);
  return answer;
}

/** 202 says that somebody else is checking the file right now, or that it waits for a scan: it is asked again. */
async function complete(api: Client<paths>, id: string, signal?: AbortSignal): Promise<FileView> {
  for (let pause = 100; ; pause = Math.min(pause * 2, 5000)) {
    const answer = await api.POST("/api/v1/files/{id}/complete", { params: { path: { id } }, signal });
    const file = answered(answer);
    if (answer.response.status === 200) return file;
    await new Promise((done) => setTimeout(done, pause));
    signal?.throwIfAborted();
  }
}
