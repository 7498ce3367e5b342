// The API as the console uses it: who is asking, one function per route, and a log of every call.
import { ApiError } from "./errors.js";

/** What every part of the page shares. `current` is the identity that is acting. */
export const session = { config: undefined, identities: [], current: undefined };

/**
 * Tells the page: `identity` when somebody else acts, `request` after a call, `uploading` when uploads begin, `changed`
 * when a file has changed, `stored` when what is stored has.
 */
export const events = new EventTarget();

/** Sends one of those events. */
export function emit(type, detail) {
  events.dispatchEvent(new CustomEvent(type, { detail }));
}

const IDENTITIES = [
  { key: "user", label: "User", role: "User", variable: "TOKEN" },
  { key: "admin", label: "Admin", role: "Admin", variable: "ADMIN" },
  { key: "other_tenant_user", label: "User of another tenant", role: "User", variable: "OTHER_TOKEN" },
];

/** Reads `config.json` and makes the identities. */
export async function connect() {
  const answer = await fetch("config.json", { cache: "no-store" }).catch(() => undefined);
  if (!answer?.ok) {
    const code = answer ? "CONSOLE" : "NETWORK";
    throw new ApiError({
      code,
      message: "The development stack did not say where its API is.",
      status: answer?.status,
    });
  }
  session.config = await answer.json();
  const known = IDENTITIES.filter(({ key }) => session.config.tokens[key]);
  session.identities = known.map((identity) => {
    const token = session.config.tokens[identity.key];
    const said = claims(token);
    return { ...identity, token, ...said, who: `${identity.role} of ${said.slug}` };
  });
  const last = sessionStorage.getItem("stowage.identity");
  session.current = session.identities.find(({ key }) => key === last) ?? session.identities[0];
}

/** Lets another identity act. */
export function actAs(key) {
  session.current = session.identities.find((identity) => identity.key === key);
  sessionStorage.setItem("stowage.identity", key);
  emit("identity", session.current);
}

/** An administrator of the identity's tenant, if the stack made one. */
export function adminOf(identity) {
  return session.identities.find(({ key, tenant }) => key === "admin" && tenant === identity.tenant);
}

/** What a token says about its bearer; it is the API that verifies it. */
function claims(token) {
  try {
    const text = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const { sub, tenant_uuid: tenant, tenant_slug: slug } = JSON.parse(text);
    return { sub, tenant, slug };
  } catch {
    return { sub: session.config.user_id, tenant: session.config.tenant.uuid, slug: session.config.tenant.slug };
  }
}

/** The calls, oldest first. No token and no signed URL is kept. */
export const calls = [];
const KEPT = 200;

/** Adds a call to the log. */
export function record(call) {
  calls.push(call);
  if (calls.length > KEPT) calls.shift();
  emit("request", call);
}

/** One call: `{status, data, etag, response}`, or an `ApiError`. */
async function call(method, path, { body, form, headers = {}, as = session.current, signal } = {}) {
  const sent = { ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const entry = { at: new Date(), method, path, as, body, headers: sent, form: form && [...form.keys()] };
  const started = performance.now();
  let response;
  try {
    response = await fetch(`${session.config.api_url}/api/v1${path}`, {
      method,
      headers: { ...sent, Authorization: `Bearer ${as.token}` },
      body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
      cache: "no-store",
      credentials: "omit",
      signal,
    });
  } catch (cause) {
    if (ApiError.aborted(cause)) throw cause;
    record({ ...entry, status: 0, ms: performance.now() - started });
    throw new ApiError({ code: "NETWORK", message: `${session.config.api_url} did not answer.` });
  }
  const requestId = response.headers.get("x-request-id") ?? undefined;
  record({ ...entry, status: response.status, ms: performance.now() - started, requestId });
  const json = response.headers.get("content-type")?.includes("json");
  const data = json ? await response.json().catch(() => undefined) : undefined;
  if (!response.ok) throw refused(response, data, requestId);
  return { status: response.status, data, etag: response.headers.get("etag"), response };
}

function refused(response, data, requestId) {
  const error = data?.error ?? {};
  return new ApiError({
    code: error.code ?? `HTTP_${response.status}`,
    message: error.message ?? data?.message ?? "The answer was not one of the API's own.",
    status: response.status,
    requestId: error.request_id ?? requestId,
    details: error.details,
  });
}

const query = (values) => {
  const present = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return present.length ? `?${new URLSearchParams(present)}` : "";
};

export const files = {
  list: (filter, signal) => call("GET", `/files${query(filter)}`, { signal }),
  read: (id, options) => call("GET", `/files/${id}`, options),
  urls: (ids) => call("POST", "/files/urls", { body: { ids } }),
  presign: (body, options) => call("POST", "/files/presigned-upload", { body, ...options }),
  complete: (id, options) => call("POST", `/files/${id}/complete`, options),
  change: (id, etag, body) => call("PATCH", `/files/${id}`, { body, headers: { "If-Match": etag } }),
  trash: (id, options) => call("DELETE", `/files/${id}`, options),
  purge: (id) => call("DELETE", `/files/${id}?permanent=true`),
  restore: (id) => call("POST", `/files/${id}/restore`),
  /** Where the bytes are, to be saved. The redirect is followed, and the body left to the browser's own download. */
  async downloadUrl(id) {
    const stop = new AbortController();
    const { response } = await call("GET", `/files/${id}/download?disposition=attachment`, { signal: stop.signal });
    stop.abort();
    return response.url;
  },
};

export const multipart = {
  sign: (id, key, numbers, options) =>
    call(
      "GET",
      `/s3/multipart/${encodeURIComponent(id)}/batch${query({ partNumbers: numbers.join(","), key })}`,
      options,
    ),
  complete: (id, key, parts, options) =>
    call("POST", `/s3/multipart/${encodeURIComponent(id)}/complete${query({ key })}`, { body: { parts }, ...options }),
  abort: (id, key, options) => call("DELETE", `/s3/multipart/${encodeURIComponent(id)}${query({ key })}`, options),
};

export const avatars = {
  info: (kind, id) => call("GET", `/${kind}/${id}/avatar/info`),
  presign: (kind, id, body, options) => call("POST", `/${kind}/${id}/avatar`, { body, ...options }),
  send: (kind, id, form, options) => call("POST", `/${kind}/${id}/avatar`, { form, ...options }),
  remove: (kind, id, options) => call("DELETE", `/${kind}/${id}/avatar`, options),
};

export const admin = {
  audit: (id, as) => call("GET", `/admin/audit${query({ file_id: id })}`, { as }),
  usage: (as) => call("GET", "/admin/usage", { as }),
};
