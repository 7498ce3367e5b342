// The list of files, and the trash: pages, and what changes in them while they are shown.
import { emit, events, files, session } from "./api.js";
import { announce, button, copyable, h, keepingFocus, plural } from "./dom.js";
import { ApiError, errorBox } from "./errors.js";
import { filter, filtered, fits, mountFilters, resetFilters, showOwn, whose } from "./filters.js";
import { isImage } from "./preview.js";
import { cells, open, table, walk } from "./row.js";

const PAGE = 50;
/** Files that are being checked are read again so often, in milliseconds, and after a minute five times more seldom. */
const CHECK_AGAIN = 2000;

/** What is shown: records by id in the order of the list. */
const shown = new Map();
const rows = new Map();
let view, title, holder, form, summary, body, more, message;
/** What has changed while the list is being read: its answer may not know of it. */
let news = [];
let cursor, loading, chosen;
let trash = false;

/** Fills the holders; `showFiles` starts the first load. */
export function mountFiles(filterForm, listHolder, summaryLine) {
  [form, holder, summary] = [filterForm, listHolder, summaryLine];
  [view, title] = [holder.closest(".view"), document.getElementById("files-title")];
  mountFilters(form, () => load());
  summary.after(button("Refresh", () => load(), { kind: "small", icon: "refresh", id: "refresh" }));
  body = h("tbody", {});
  body.addEventListener("keydown", walk);
  more = button("Show more", () => load({ next: true }), { id: "more" });
  message = h("div", { class: "list-message", id: "list-message" });
  events.addEventListener("identity", () => (shown.clear(), resetFilters(trash), load()));
  events.addEventListener("uploading", () => showOwn() && load());
  // Whoever comes back from a terminal has probably changed something there.
  document.addEventListener("visibilitychange", () => !document.hidden && holder.checkVisibility() && load());
  events.addEventListener("changed", ({ detail }) => changed(detail));
}

/** Shows the files, or the trash, with one of them chosen; `anew` reads the list even if it is the same one. */
export function showFiles(inTrash, id, anew) {
  chosen = id;
  for (const [key, row] of rows) row.classList.toggle("chosen", key === id);
  if (loading && !anew) return;
  if (!loading || inTrash !== trash) {
    trash = inTrash;
    shown.clear();
    resetFilters(trash);
  }
  load();
}

/** Moves the focus to a row, if it is there. */
export function focusRow(id) {
  const link = rows.get(id)?.querySelector("a");
  link?.focus();
  return Boolean(link);
}

async function load({ next = false } = {}) {
  loading?.abort();
  const stop = (loading = new AbortController());
  const onward = next && more.matches(":focus");
  const known = next ? shown.size : 0;
  news = [];
  holder.setAttribute("aria-busy", "true");
  keepingFocus(view, title, () => {
    form.querySelector("#filters-reset").hidden = !filtered();
    if (!next && shown.size === 0) wait();
  });
  try {
    const query = { limit: PAGE, cursor: next ? cursor : undefined, ...filter(trash) };
    const { data } = await files.list(query, stop.signal);
    if (stop !== loading) return;
    if (!next) shown.clear();
    cursor = data.next_cursor;
    for (const record of data.files) shown.set(record.file_id, record);
    news.forEach(place);
    render();
    if (onward) focusRow([...shown.keys()][known]);
    announce(`${plural(shown.size, "file")} shown.`);
    await addUrls();
  } catch (error) {
    if (ApiError.aborted(error) || stop !== loading) return;
    if (!next) shown.clear();
    const what = next ? "The next page could not be read" : "The files could not be listed";
    const again = button("Try again", () => load({ next }), { kind: "small", icon: "retry" });
    render(errorBox(error, { title: what, actions: [again] }));
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
function changed(change) {
  if ((change.as ?? session.current) !== session.current) return;
  if (holder.hasAttribute("aria-busy")) news.push(change);
  const here = place(change);
  render();
  if (here) rows.get(change.record.file_id).classList.add("fresh");
}

/** Puts a change into what is shown, unless that is newer; whether the file is there afterwards. */
function place({ record, gone }) {
  const id = gone ?? record.file_id;
  const here = record && fits(record, trash);
  const newer = record && shown.get(id)?.updated_at > record.updated_at;
  if (newer) return true;
  if (!here) shown.delete(id);
  else if (shown.has(id)) shown.set(id, record);
  else {
    const others = [...shown];
    const at = others.findIndex(([, other]) => other.created_at < record.created_at);
    others.splice(at < 0 ? others.length : at, 0, [id, record]);
    shown.clear();
    for (const [key, other] of others) shown.set(key, other);
  }
  return here;
}

function wait() {
  message.replaceChildren(h("p", { class: "quiet waiting" }, "Loading …"));
  holder.replaceChildren(message);
}

function render(problem) {
  keepingFocus(view, title, () => draw(problem));
}

function draw(problem) {
  const counted = ` · ${plural(shown.size, "file")}${cursor ? " so far" : ""}${filtered() ? ", filtered" : ""}`;
  summary.textContent = session.current.slug + (problem ? "" : counted);
  for (const [id, row] of rows) {
    if (shown.has(id)) continue;
    const hadFocus = row.contains(document.activeElement);
    const beside = (row.nextSibling ?? row.previousSibling)?.querySelector("a");
    row.remove();
    if (hadFocus) (beside ?? title).focus();
    rows.delete(id);
  }
  let before = body.firstChild;
  for (const [id, record] of shown) {
    const row = drawn(id, record);
    // Moving a row would take the focus from it, so rows that are in place stay.
    if (row === before) before = before.nextSibling;
    else body.insertBefore(row, before);
  }
  // Nothing to filter: the first thing to see is how to upload.
  form.hidden = shown.size === 0 && !filtered() && !problem && session.current.key !== "admin";
  const none = shown.size === 0 && (cursor ? notYet() : empty());
  message.replaceChildren(...[problem ?? none].filter(Boolean));
  more.hidden = !cursor || Boolean(problem);
  const present = body.closest("table");
  if (shown.size > 0 && present?.isConnected && present.dataset.trash === String(trash)) return;
  holder.replaceChildren(...(shown.size > 0 ? [table(body, trash), message, more] : [message, more]));
}

/** The row of a record, drawn anew if something that shows has changed. */
function drawn(id, record) {
  const row = rows.get(id) ?? h("tr", { "data-file-id": id, onclick: open });
  const face = JSON.stringify([{ ...record, url: Boolean(record.url), expires_at: null }, trash]);
  if (row.dataset.face !== face) {
    const focused = row.contains(document.activeElement) ? document.activeElement : undefined;
    row.dataset.face = face;
    row.replaceChildren(...cells(record, trash));
    const label = focused?.ariaLabel;
    const same = [...row.querySelectorAll("button")].find((control) => control.ariaLabel === label);
    if (focused) (same ?? row.querySelector("a")).focus();
  }
  row.classList.toggle("chosen", id === chosen);
  rows.set(id, row);
  return row;
}

function empty() {
  const say = (title, text, action) =>
    h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", { class: "quiet" }, text), action);
  if (filtered()) {
    const reset = button("Reset filters", () => (resetFilters(trash), load()));
    return say("No file fits these filters", "Fewer filters show more.", reset);
  }
  if (trash) return say("The trash is empty", "Deleted files stay here until their time is over, and can be restored.");
  const { api_url: api } = session.config;
  const command = `curl -sS -H "Authorization: Bearer $${session.current.variable}" -F file=@photo.jpg ${api}/api/v1/files/upload`;
  const terminal = h("div", { class: "snippet" }, copyable(command, "Copy command"));
  return say("No files yet", `Choose some above, drop them here, or send one from a terminal as ${whose()}:`, terminal);
}

/** A page of a filtered listing may be empty, with more to come. */
function notYet() {
  return h("p", { class: "quiet empty" }, "None of the newest files fits these filters. There are older ones.");
}

let round = 0;
/** They are, as long as somebody is looking. */
setInterval(async () => {
  if (document.hidden || !holder?.checkVisibility()) return;
  const rare = ++round % 5 === 0;
  const due = ({ state, updated_at: at }) =>
    ["processing", "scanning"].includes(state) && (rare || Date.now() - new Date(at) < 60_000);
  const open = [...shown.values()].filter(due).slice(0, 5);
  const as = session.current;
  for (const { file_id: id } of open) {
    const answer = await files.read(id).catch((error) => error);
    if (answer.data) emit("changed", { record: answer.data, as });
    else if (answer.status === 404) emit("changed", { gone: id, as });
  }
}, CHECK_AGAIN);
