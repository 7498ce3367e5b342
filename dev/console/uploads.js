// The uploads of this page: asking for a form, sending, waiting for the verdict. One row and one progress bar per file.
import { emit, events, files, session } from "./api.js";
import { announce, button, bytes, h, keepingFocus, plural } from "./dom.js";
import { ApiError, asError, errorBox, refusal } from "./errors.js";
import { localThumbnail, thumbnail } from "./preview.js";
import { patiently, pause, send } from "./transfer.js";

const FILES_AT_ONCE = 3;
const RUNNING = ["asking", "limited", "sending", "checking"];
const FINAL = ["ready", "failed", "quarantined"];

/** The queue, oldest first. */
const queue = [];
let section, list, title, summary, clear, cancelAll;

/** Fills the section of the uploads. */
export function mountUploads(holder) {
  section = holder;
  title = h("h2", { id: "uploads-title" }, "Uploads");
  summary = h("span", { class: "quiet", id: "uploads-summary" });
  cancelAll = button("Cancel all", () => queue.forEach(cancel), { kind: "plain small" });
  clear = button("Clear finished", clearFinished, { kind: "plain small" });
  list = h("ol", { class: "upload-list", "aria-label": "Uploads" });
  section.append(
    h("header", { class: "uploads-head" }, title, summary, h("span", { class: "row" }, cancelAll, clear)),
    list,
  );
  addEventListener("beforeunload", (event) => busy() && event.preventDefault());
  events.addEventListener("identity", show);
}

const busy = () => queue.some((item) => item.phase === "waiting" || RUNNING.includes(item.phase));

/** Adds files to the queue, to be uploaded by whoever acts now. */
export function addUploads(chosen, options) {
  const added = [...chosen].map((file) => ({ file, options, as: session.current, phase: "waiting", sent: 0 }));
  for (const item of added) {
    draw(item);
    queue.push(item);
    list.append(item.row);
  }
  announce(`${plural(added.length, "file")} added to the uploads.`);
  emit("uploading");
  next();
}

function next() {
  const running = queue.filter((item) => RUNNING.includes(item.phase)).length;
  for (const item of queue.filter(({ phase }) => phase === "waiting").slice(0, FILES_AT_ONCE - running)) run(item);
  show();
}

async function run(item) {
  const stop = new AbortController();
  const options = { as: item.as, signal: stop.signal };
  Object.assign(item, {
    stop,
    phase: "asking",
    sent: 0,
    error: undefined,
    record: undefined,
    fileId: undefined,
    told: 0,
  });
  update(item);
  try {
    const { file } = item;
    const asked = { filename: file.name, content_type: file.type || "application/octet-stream", size_bytes: file.size };
    // One key for all tries: a lost answer leaves no second record.
    const once = { ...options, headers: { "Idempotency-Key": crypto.randomUUID() } };
    const ask = () => files.presign({ ...asked, ...item.options }, once);
    const limited = () => ((item.phase = "limited"), update(item));
    const { data: issued } = await patiently(ask, stop.signal, limited);
    item.fileId = issued.file_id;
    emit("stored");
    Object.assign(item, { phase: "sending", began: performance.now() });
    await send(issued, file, { ...options, onSent: (count) => progress(item, count) });
    Object.assign(item, { phase: "checking", sent: file.size });
    update(item);
    item.record = await verdict(issued.file_id, options);
    if (item.record.state !== "ready") throw refusal(item.record);
    item.phase = "ready";
    announce(`${file.name} is ready.`);
  } catch (error) {
    await stopped(item, error);
  }
  update(item);
  if (item.record) emit("changed", { record: item.record, as: item.as });
  emit("stored");
  next();
}

async function stopped(item, error) {
  const { as, fileId, phase } = item;
  const cancelled = ApiError.aborted(error);
  if (cancelled) announce(`The upload of ${item.file.name} was cancelled.`);
  else item.error = asError(error);
  item.phase = cancelled ? "cancelled" : "failed";
  if (!fileId || item.record) return;
  if (cancelled || phase === "sending") {
    // Nobody waits for its bytes any more; where this fails, the sweep removes it when it expires.
    await files.trash(fileId, { as }).catch(() => undefined);
  } else {
    // The record of a refused upload stays for a week, and is worth a look.
    item.record = await files.read(fileId, { as }).then(
      ({ data }) => data,
      () => undefined,
    );
  }
}

/** Asks for the verdict until there is one. */
export async function verdict(id, options) {
  let { data } = await patiently(() => files.complete(id, options), options.signal);
  for (let wait = 300; !FINAL.includes(data.state); wait = Math.min(wait * 1.5, 5000)) {
    await pause(wait, options.signal);
    ({ data } = await patiently(() => files.read(id, options), options.signal));
  }
  return data;
}

function cancel(item) {
  if (item.phase === "waiting") {
    item.phase = "cancelled";
    update(item);
    show();
  } else if (RUNNING.includes(item.phase)) item.stop.abort();
}

function clearFinished() {
  const left = queue.filter((item) => item.phase === "waiting" || RUNNING.includes(item.phase));
  for (const item of queue) if (!left.includes(item)) item.row.remove();
  queue.splice(0, queue.length, ...left);
  show();
  document.getElementById("files-title").focus();
}

function progress(item, sent) {
  item.sent = sent;
  const seconds = (performance.now() - item.began) / 1000;
  item.speed = seconds > 0.8 ? sent / seconds : undefined;
  const quarter = Math.floor((4 * sent) / item.file.size);
  if (quarter > item.told && quarter < 4 && seconds > 3) announce(`${item.file.name}: ${quarter * 25}% sent.`);
  item.told = Math.max(item.told, quarter);
  update(item);
  show();
}

/** The row of an upload; `update` fills it. */
function draw(item) {
  const { file } = item;
  item.bar = h("progress", { max: 1, "aria-label": `Upload of ${file.name}` });
  item.status = h("p", { class: "status" });
  item.buttons = h("span", { class: "row" });
  item.trouble = h("div", { class: "upload-error" });
  item.picture = h("span", {}, localThumbnail(file));
  const name = h("p", { class: "name", title: file.name }, file.name);
  const text = h("div", { class: "upload-text" }, name, item.status, item.bar, item.trouble);
  item.row = h("li", { class: "upload", "data-testid": "upload" }, item.picture, text, item.buttons);
  update(item);
}

function words({ phase, file, sent, speed, record }) {
  const size = bytes(file.size);
  const left = speed && Math.ceil((file.size - sent) / speed);
  return {
    waiting: `${size} · waiting`,
    asking: `${size} · asking for a form`,
    limited: `${size} · waiting for the limit of uploads a minute`,
    sending: `${bytes(sent)} of ${size}${speed ? ` · ${bytes(speed)}/s · ${left} s left` : ""}`,
    checking: `${size} · sent, being ${record?.state === "scanning" ? "scanned" : "checked"}`,
    ready: `${size} · ready`,
    failed: `${size} · failed`,
    cancelled: `${size} · cancelled`,
  }[phase];
}

function update(item) {
  const { phase, file } = item;
  const changed = item.row.dataset.phase !== phase;
  item.row.dataset.phase = phase;
  item.status.textContent = words(item) + (item.as === session.current ? "" : ` · as ${item.as.who.toLowerCase()}`);
  const whole = file.size > 0 ? item.sent / file.size : 0;
  if (["asking", "limited", "checking"].includes(phase)) item.bar.removeAttribute("value");
  else item.bar.value = whole;
  item.bar.hidden = !(phase === "waiting" || RUNNING.includes(phase));
  if (!changed) return;
  if (phase === "ready") item.picture.replaceChildren(thumbnail(item.record));
  item.trouble.replaceChildren(...(item.error ? [errorBox(item.error)] : []));
  const hadFocus = item.buttons.contains(document.activeElement);
  item.buttons.replaceChildren(...actions(item));
  if (hadFocus) item.buttons.querySelector("button, a")?.focus();
}

function actions(item) {
  const { phase, file } = item;
  const small = { kind: "plain small" };
  if (phase === "waiting" || RUNNING.includes(phase)) {
    return [button("Cancel", () => cancel(item), { ...small, label: `Cancel the upload of ${file.name}` })];
  }
  const open =
    item.record &&
    h(
      "a",
      { class: "button plain small", href: `#/files/${item.record.file_id}`, "aria-label": `Open ${file.name}` },
      "Open",
    );
  const again = () => ((item.phase = "waiting"), (item.error = undefined), update(item), next());
  const retry =
    phase !== "ready" && button("Retry", again, { ...small, icon: "retry", label: `Retry the upload of ${file.name}` });
  return [open, retry].filter(Boolean);
}

/** The head of the section, and the count beside "Files". */
function show() {
  const unfinished = queue.filter((item) => item.phase === "waiting" || RUNNING.includes(item.phase));
  section.hidden = queue.length === 0;
  clear.hidden = unfinished.length === queue.length;
  const rest = clear.hidden ? document.getElementById("files-title") : clear;
  keepingFocus(cancelAll, rest, () => (cancelAll.hidden = unfinished.length < 2));
  const total = unfinished.reduce((sum, { file }) => sum + file.size, 0);
  const sent = unfinished.reduce((sum, item) => sum + item.sent, 0);
  const failed = queue.filter(({ phase }) => phase === "failed").length;
  const parts = [`${queue.length - unfinished.length} of ${queue.length} done`];
  if (failed) parts.push(`${failed} failed`);
  if (unfinished.length) parts.push(total ? `${Math.floor((100 * sent) / total)}%` : "");
  summary.textContent = parts.filter(Boolean).join(" · ");
  document.getElementById("uploading").textContent = unfinished.length ? `${unfinished.length} uploading` : "";
  for (const item of queue) if (item.row.dataset.phase) update(item);
}
