// The API of Stowage, typed by its OpenAPI document.
import createClient, { type Client } from "openapi-fetch";
import { StowageError, answered } from "./errors.js";
import type { paths } from "./schema.js";
import { type UploadOptions, upload } from "./upload.js";
import type { FileView } from "./views.js";

export { StowageError, answered, type Code } from "./errors.js";
export type { components, operations, paths } from "./schema.js";
export type { UploadOptions } from "./upload.js";
export type * from "./views.js";

/** Where the API is, and who calls it. */
export interface StowageOptions {
  /** The origin, such as `https://files.example.com`; the paths of the API begin with `/api/v1`. */
  baseUrl: string;
  /** A bearer token, or what gets one before each call. */
  token: string | (() => string | Promise<string>);
  /** Instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** The API: every route through `api`, and the one thing that takes several of them. */
export interface Stowage {
  /** `api.GET("/api/v1/files/{id}", { params: { path: { id } } })` and so on, each typed. */
  api: Client<paths>;
  /** Uploads a file straight to storage, in parts where it is large, and resolves to its record once it is ready. */
  upload(file: Blob, options?: UploadOptions): Promise<FileView>;
}

/** A client. Its calls resolve to `{ data, error, response }`; {@link answered} turns an `error` into a {@link StowageError}. */
export function createStowage({ baseUrl, token, fetch = globalThis.fetch }: StowageOptions): Stowage {
  const api = createClient<paths>({ baseUrl, fetch: (request) => fetch(request) });
  api.use({
    async onRequest({ request }) {
      request.headers.set("authorization", `Bearer ${typeof token === "string" ? token : await token()}`);
      return request;
    },
  });
  return { api, upload: (file, options) => upload(api, fetch, file, options) };
}
