// What went wrong, for people: the code, the sentence, the request id, and what can be done about it.
import { announce, button, bytes, copy, h } from "./dom.js";

/** A refusal by the API or by S3, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor({ code, message, status = 0, requestId, details }) {
    super(message);
    Object.assign(this, { code, status, requestId, details });
  }

  /** Whether the request was given up by the page itself. */
  static aborted(error) {
    return error?.name === "AbortError";
  }
}

/** Meaning of verdicts, which a record keeps as a code alone. */
const VERDICTS = {
  ATTEMPTS_EXHAUSTED: "Checking was begun five times and never finished.",
  CHECKSUM_MISMATCH: "The bytes do not have the declared SHA-256.",
  CONTENT_CHANGED: "The upload was replaced again and again while it was checked.",
  CONTENT_MISMATCH: "The bytes are not of the declared type.",
  EMPTY_FILE: "The file has no bytes.",
  FILE_QUARANTINED: "The scan found something, or could not be done.",
  IMAGE_TOO_LARGE: "The image has too long a side, too many pixels, or would take too much memory.",
  INVALID_IMAGE: "The file begins like an image and does not decode completely.",
  PAYLOAD_TOO_LARGE: "The file is larger than its purpose allows.",
  QUOTA_EXCEEDED: "The tenant has no room for it.",
  SIZE_MISMATCH: "The bytes are not as many as were declared.",
  UNSUPPORTED_MEDIA_TYPE: "Its purpose does not allow files of this type.",
  UPLOAD_NOT_FOUND: "The bytes were lost before they were checked.",
};

/** What a developer can do. */
const ADVICE = {
  CONTENT_MISMATCH: "Declare the true type: the bytes decide, never the name.",
  INTERNAL: "The cause is in functions.log, in the folder .local, under this request id.",
  METADATA_UNAVAILABLE: "Try again in a moment. If it stays, the cause is in functions.log, in the folder .local.",
  STORAGE_UNAVAILABLE: "Try again in a moment. If it stays, the cause is in functions.log, in the folder .local.",
  FORBIDDEN: "Act as somebody who may: the owner, or the administrator.",
  INVALID_IMAGE: "Upload an undamaged image.",
  NETWORK: "Is the stack still running? `make dev` prints its address when it is ready.",
  NOT_FOUND: "It may be gone, or belong to another user or tenant: both get this answer on purpose.",
  PRECONDITION_FAILED: "It changed since it was read. Load it again, then repeat the change.",
  QUOTA_EXCEEDED: "Delete something for good, or raise the tenant's limit.",
  TOKEN_EXPIRED: "Reload the page: the console gets fresh tokens then.",
  UNAUTHENTICATED: "The stack may have been started anew with other keys. Reload the page to get new tokens.",
  UNSUPPORTED_MEDIA_TYPE: "Avatars are JPEG, PNG, WebP or GIF.",
};

/** What a refused upload's code means. */
function verdict(code) {
  return VERDICTS[code] ?? "The upload was refused.";
}

/** A failed upload's record as an error. */
export function refusal(record) {
  const code = record.error_code ?? (record.state === "quarantined" ? "FILE_QUARANTINED" : record.state.toUpperCase());
  return new ApiError({ code, message: verdict(code) });
}

/** The error of any thrown value. */
export function asError(thrown) {
  if (thrown instanceof ApiError) return thrown;
  console.error(thrown);
  return new ApiError({ code: "CONSOLE", message: `The console itself failed: ${thrown?.message ?? thrown}` });
}

/** What a developer can do about a code, or nothing. */
export function advice(code) {
  return ADVICE[code];
}

function detail([name, value]) {
  const shown = typeof value === "object" ? JSON.stringify(value) : String(value);
  const size = name.endsWith("bytes") && Number.isFinite(value) ? ` (${bytes(value)})` : "";
  return [h("dt", {}, name), h("dd", {}, shown + size)];
}

/** The box that shows an error. `actions` are buttons: there is always a way on. */
export function errorBox(thrown, { title, actions = [] } = {}) {
  const error = asError(thrown);
  announce(`${title ? `${title}. ` : ""}${error.code}: ${error.message}`, { urgent: true });
  const hint = advice(error.code);
  const reload = ["UNAUTHENTICATED", "TOKEN_EXPIRED"].includes(error.code);
  const buttons = [...actions];
  if (reload) buttons.unshift(button("Reload the page", () => location.reload(), { kind: "small" }));
  return h(
    "div",
    { class: "error", "data-testid": "error", "data-code": error.code },
    title && h("p", { class: "error-title" }, title),
    h("p", {}, h("code", { class: "error-code" }, error.code), " ", error.message),
    hint && h("p", { class: "quiet" }, hint),
    error.details && h("dl", { class: "details" }, Object.entries(error.details).map(detail)),
    error.requestId && requestId(error),
    buttons.length > 0 && h("div", { class: "row" }, buttons),
  );
}

function requestId(error) {
  const copyId = () => copy(error.requestId, "Request id");
  return h(
    "p",
    { class: "request-id" },
    h("span", {}, error.status ? `HTTP ${error.status} · request ` : "request "),
    h("code", {}, error.requestId),
    button("", copyId, { kind: "plain small", icon: "copy", label: "Copy request id" }),
  );
}
