// The table of files: its head, the cells of a record, and what a row can do.
import { discard, download, purge, restore } from "./actions.js";
import { ago, button, bytes, h } from "./dom.js";
import { badge, thumbnail } from "./preview.js";

/** The table around the rows. */
export function table(body, trash) {
  const caption = h("caption", { class: "unseen" }, trash ? "Trash" : "Files");
  return h("table", { class: "files", "data-trash": String(trash) }, caption, head(trash), body);
}

function head(trash) {
  const names = ["Name", "Type", "Size", trash ? "Deleted" : "Created", "State"];
  const columns = ["name", "type", "size", "time", "state"];
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      names.map((name, index) => h("th", { scope: "col", class: columns[index] }, name)),
      h("th", { scope: "col", class: "actions" }, h("span", { class: "unseen" }, "Actions")),
    ),
  );
}

/** The cells of a record. */
export function cells(record, trash) {
  const { file_id: id, filename, content_type: type, size_bytes: size, state, error_code: error } = record;
  const name = filename ?? "unnamed";
  const time = trash ? record.updated_at : record.created_at;
  const link = h("a", { href: `#/${trash ? "trash" : "files"}/${id}`, title: name }, name);
  // Stands for the columns that a narrow page leaves out.
  const below = h(
    "span",
    { class: "below quiet" },
    badge(state),
    h("span", {}, bytes(size)),
    error && h("code", { class: "code" }, error),
  );
  return [
    h("td", { class: "name" }, h("div", {}, thumbnail(record), h("span", { class: "name-text" }, link, below))),
    h("td", { class: "type" }, type),
    h("td", { class: "size" }, bytes(size)),
    h("td", { class: "time" }, ago(time)),
    h("td", { class: "state" }, badge(state), error && h("code", { class: "code", title: error }, error)),
    h("td", { class: "actions" }, h("span", { class: "row" }, actions(record, name))),
  ];
}

function actions(record, name) {
  const plain = (label, run, icon) => button("", run, { kind: "plain small", icon, label: `${label} ${name}` });
  if (record.state === "trashed") {
    return [plain("Restore", () => restore(record), "restore"), plain("Delete for good", () => purge(record), "trash")];
  }
  return [
    record.state === "ready" && plain("Download", () => download(record), "download"),
    plain("Delete", () => discard(record), "trash"),
  ];
}

/** A click beside the link opens the file too, unless text is being selected. */
export function open(event) {
  if (event.target.closest("a, button") || getSelection().toString()) return;
  event.currentTarget.querySelector("a").click();
}

/** The arrow keys move between rows. */
export function walk(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const link = step && event.target.closest("tr")?.[step]?.querySelector("a");
  if (!link) return;
  event.preventDefault();
  link.focus();
}
