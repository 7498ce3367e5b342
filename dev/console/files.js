// The list of files, and the trash: filters, pages, and the actions of a row.
import { emit, events, files, session } from "./api.js";
import { ago, announce, button, bytes, h, plural } from "./dom.js";
import { ApiError, errorBox } from "./errors.js";
import { discard, download, purge, restore } from "./actions.js";
import { badge, isImage, thumbnail } from "./preview.js";

const PAGE = 50;
const STATES = ["pending", "processing", "scanning", "ready", "failed", "quarantined"];
const PURPOSES = ["attachment", "export", "avatar.user", "avatar.agent"];
const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf", "text/plain", "text/csv", "application/json", "application/zip", "video/mp4", "application/octet-stream"];
const AGES = [["", "any time"], ["3600", "last hour"], ["86400", "last 24 hours"], ["604800", "last 7 days"]];
const CHECK_AGAIN = 2000;

/** What is shown: records by id in the order of the list. */
const shown = new Map();
const rows = new Map();
let holder, form, summary, body, more, message, trash = false, cursor, loading, chosen;

/** Fills the holders; `showFiles` starts the first load. */
export function mountFiles(filterForm, listHolder, summaryLine) {
  [form, holder, summary] = [filterForm, listHolder, summaryLine];
  const options = (words) => words.map((word) => h("option", { value: word }, word));
  const select = (name, label, children) => h("label", {}, h("span", {}, label), h("select", { name }, children));
  form.append(
    select("state", "State", [h("option", { value: "" }, "any"), ...options(STATES)]),
    select("purpose", "Purpose", [h("option", { value: "" }, "any"), ...options(PURPOSES)]),
    h("label", {}, h("span", {}, "Type"), h("input", { name: "content_type", list: "types", placeholder: "any", size: 16, spellcheck: "false" })),
    h("datalist", { id: "types" }, options(TYPES)),
    select("age", "Created", AGES.map(([value, label]) => h("option", { value }, label))),
    button("Reset filters", () => (form.reset(), load()), { kind: "plain small", id: "filters-reset" }),
  );
  form.addEventListener("change", () => load());
  form.addEventListener("submit", (event) => event.preventDefault());
  summary.after(button("Refresh", () => load(), { kind: "small", icon: "refresh", id: "refresh" }));
  body = h("tbody", {});
  body.addEventListener("keydown", walk);
  more = button("Show more", () => load({ next: true }), { id: "more" });
  message = h("div", { class: "list-message", id: "list-message" });
  events.addEventListener("identity", () => load());
  events.addEventListener("changed", ({ detail }) => changed(detail));
}

/** Shows the files, or the trash, with one of them chosen. */
export function showFiles(inTrash, id) {
  chosen = id;
  for (const [key, row] of rows) row.classList.toggle("chosen", key === id);
  if (loading && inTrash === trash) return;
  trash = inTrash;
  form.reset();
  for (const name of ["state", "age"]) form.elements[name].closest("label").hidden = trash;
  load();
}

/** Moves the focus to a row, if it is there. */
export function focusRow(id) {
  const link = rows.get(id)?.querySelector("a");
  link?.focus();
  return Boolean(link);
}

function filter() {
  const { state, purpose, content_type: type, age } = Object.fromEntries(new FormData(form));
  const after = age && new Date(Date.now() - 1000 * age).toISOString();
  return { state: trash ? "trashed" : state, purpose, content_type: type, created_after: after };
}

const filtered = () => ["purpose", "content_type", "age", "state"].some((name) => form.elements[name].value);

async function load({ next = false } = {}) {
  loading?.abort();
  const stop = (loading = new AbortController());
  holder.setAttribute("aria-busy", "true");
  form.querySelector("#filters-reset").hidden = !filtered();
  if (!next && shown.size === 0) wait();
  try {
    const { data } = await files.list({ limit: PAGE, cursor: next ? cursor : undefined, ...filter() }, stop.signal);
    if (stop !== loading) return;
    if (!next) shown.clear();
    cursor = data.next_cursor;
    for (const record of data.files) shown.set(record.file_id, record);
    render();
    announce(`${plural(shown.size, "file")} shown.`);
    await addUrls();
  } catch (error) {
    if (ApiError.aborted(error) || stop !== loading) return;
    if (!next) shown.clear();
    render(errorBox(error, {
      title: next ? "The next page could not be read" : "The files could not be listed",
      actions: [button("Try again", () => load({ next }), { kind: "small", icon: "retry" })],
    }));
  } finally {
    if (stop === loading) holder.removeAttribute("aria-busy");
  }
}

/** Thumbnails need URLs; where the listing has none, they are asked for at once. */
async function addUrls() {
  const without = [...shown.values()].filter((record) => record.state === "ready" && !record.url && isImage(record));
  if (without.length === 0) return;
  const { data } = await files.urls(without.map(({ file_id: id }) => id)).catch(() => ({ data: { results: [] } }));
  for (const { file_id: id, url } of data.results) if (url && shown.has(id)) shown.set(id, { ...shown.get(id), url });
  render();
}

/** A file changed: it appears, changes in place, or leaves. */
function changed({ record, gone, as = session.current }) {
  if (as !== session.current) return;
  const id = gone ?? record.file_id;
  const { state, purpose, content_type: type, created_after: after } = filter();
  const fits = record && (state ? record.state === state : !["trashed", "deleting", "deleted"].includes(record.state)) &&
    (!purpose || record.purpose === purpose) && (!type || record.content_type === type) && (!after || record.created_at >= after);
  if (!fits) shown.delete(id);
  else if (shown.has(id)) shown.set(id, record);
  else {
    const others = [...shown];
    const at = others.findIndex(([, other]) => other.created_at < record.created_at);
    others.splice(at < 0 ? others.length : at, 0, [id, record]);
    shown.clear();
    for (const [key, other] of others) shown.set(key, other);
  }
  render();
  if (fits) rows.get(id).classList.add("fresh");
}

function wait() {
  message.replaceChildren(h("p", { class: "quiet" }, "Loading …"));
  holder.replaceChildren(message);
}

function render(problem) {
  summary.textContent = `${session.current.slug} · ${plural(shown.size, "file")}${cursor ? " so far" : ""}${filtered() ? ", filtered" : ""}`;
  for (const [id, row] of rows) {
    if (shown.has(id)) continue;
    if (row.contains(document.activeElement)) (row.nextSibling ?? row.previousSibling)?.querySelector("a")?.focus();
    row.remove();
    rows.delete(id);
  }
  let before = body.firstChild;
  for (const [id, record] of shown) {
    const row = drawn(id, record);
    // Moving a row would take the focus from it, so rows that are in place stay.
    if (row === before) before = before.nextSibling;
    else body.insertBefore(row, before);
  }
  message.replaceChildren(...[problem ?? (shown.size === 0 && empty())].filter(Boolean));
  more.hidden = !cursor || Boolean(problem);
  const present = body.closest("table");
  if (shown.size > 0 && present?.isConnected && present.dataset.trash === String(trash)) return;
  holder.replaceChildren(...(shown.size > 0 ? [table(), message, more] : [message]));
}

function table() {
  const caption = h("caption", { class: "unseen" }, trash ? "Trash" : "Files");
  return h("table", { class: "files", "data-trash": String(trash) }, caption, head(), body);
}

function head() {
  const names = ["Name", "Type", "Size", trash ? "Deleted" : "Created", "State"];
  const columns = ["name", "type", "size", "time", "state"];
  return h("thead", {}, h("tr", {}, names.map((name, index) => h("th", { scope: "col", class: columns[index] }, name)), h("th", { scope: "col", class: "actions" }, h("span", { class: "unseen" }, "Actions"))));
}

/** The row of a record, drawn anew if something that shows has changed. */
function drawn(id, record) {
  const row = rows.get(id) ?? h("tr", { "data-file-id": id, onclick: open });
  const face = JSON.stringify([{ ...record, url: Boolean(record.url), expires_at: null }, trash]);
  if (row.dataset.face !== face) {
    const focused = row.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
    row.dataset.face = face;
    row.replaceChildren(...cells(record));
    if (focused !== false) (row.querySelector(`[aria-label="${CSS.escape(focused)}"]`) ?? row.querySelector("a")).focus();
  }
  row.classList.toggle("chosen", id === chosen);
  rows.set(id, row);
  return row;
}

function cells(record) {
  const { file_id: id, filename, content_type: type, size_bytes: size, state } = record;
  const name = filename ?? "unnamed";
  const time = trash ? record.updated_at : record.created_at;
  const link = h("a", { href: `#/${trash ? "trash" : "files"}/${id}`, title: name }, name);
  const detail = [type, bytes(size)].join(" · ");
  return [
    h("td", { class: "name" }, h("div", {}, thumbnail(record), h("span", { class: "name-text" }, link, h("span", { class: "below quiet" }, detail)))),
    h("td", { class: "type" }, type),
    h("td", { class: "size" }, bytes(size)),
    h("td", { class: "time" }, ago(time)),
    h("td", { class: "state" }, badge(state), record.error_code && h("code", { class: "code" }, record.error_code)),
    h("td", { class: "actions" }, h("span", { class: "row" }, actions(record, name))),
  ];
}

function actions(record, name) {
  const plain = (label, run, icon) => button("", run, { kind: "plain small", icon, label: `${label} ${name}` });
  if (record.state === "trashed") {
    return [plain("Restore", () => restore(record), "restore"), plain("Delete for good", () => purge(record), "trash")];
  }
  return [record.state === "ready" && plain("Download", () => download(record), "download"), plain("Delete", () => discard(record), "trash")];
}

/** A click beside the link opens the file too, unless text is being selected. */
function open(event) {
  if (event.target.closest("a, button") || getSelection().toString()) return;
  event.currentTarget.querySelector("a").click();
}

/** The arrow keys move between rows. */
function walk(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const link = step && event.target.closest("tr")?.[step]?.querySelector("a");
  if (!link) return;
  event.preventDefault();
  link.focus();
}

function empty() {
  const say = (title, text, action) => h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", { class: "quiet" }, text), action);
  if (filtered()) {
    return say("No file fits these filters", "Fewer filters show more.", button("Reset filters", () => (form.reset(), load())));
  }
  if (trash) return say("The trash is empty", "Deleted files stay here until their time is over, and can be restored.");
  return say("No files yet", `Whatever the ${session.current.who.toLowerCase()} uploads appears here.`,
    button("Choose files", () => document.getElementById("choose").click(), { icon: "upload" }));
}

/** Files that are being checked are looked at again, as long as somebody is looking. */
setInterval(async () => {
  if (document.hidden || !holder?.isConnected) return;
  const open = [...shown.values()].filter(({ state }) => state === "processing" || state === "scanning").slice(0, 5);
  const as = session.current;
  for (const { file_id: id } of open) {
    const answer = await files.read(id).catch((error) => error);
    if (answer.data) emit("changed", { record: answer.data, as });
    else if (answer.status === 404) emit("changed", { gone: id, as });
  }
}, CHECK_AGAIN);
