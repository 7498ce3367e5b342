// One file beside the list: its picture, facts, record and history, and everything that can be done with it.
import { emit, events, files, session } from "./api.js";
import { discard, download, purge, restore } from "./actions.js";
import { announce, button, copy, h, webUrl } from "./dom.js";
import { editor } from "./editor.js";
import { advice, errorBox, refusal } from "./errors.js";
import { facts } from "./facts.js";
import { history } from "./history.js";
import { jsonView } from "./json.js";
import { badge, picture } from "./preview.js";

const TABS = [
  ["details", "Details"],
  ["record", "Record"],
  ["history", "History"],
];

let panel,
  leave,
  file,
  etag,
  tab = "details",
  editing = false,
  asked = 0,
  stage;

/** Fills the panel when a file is opened; `close` leads back to the list. */
export function mountInspector(aside, close) {
  [panel, leave] = [aside, close];
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    if (editing) stopEditing();
    else leave();
  });
  // Acting as somebody else shows at once whether they may see the file.
  events.addEventListener("identity", () => file && openFile(file.file_id, { focus: false }));
  events.addEventListener("changed", ({ detail }) => {
    if (!file || detail.as !== session.current || (detail.gone ?? detail.record.file_id) !== file.file_id) return;
    if (detail.gone) leave();
    else if (!editing) openFile(file.file_id, { focus: false });
  });
}

/** Reads a file and shows it. */
export async function openFile(id, { focus = true } = {}) {
  const mine = ++asked;
  if (file?.file_id !== id) {
    [file, editing] = [{ file_id: id }, false];
    panel.replaceChildren(head("Loading …"), h("p", { class: "quiet pad" }, id));
  }
  panel.hidden = false;
  if (focus) panel.querySelector("h2").focus();
  try {
    const answer = await files.read(id);
    if (mine !== asked) return;
    [file, etag] = [answer.data, answer.etag];
    draw();
    if (focus) announce(`${file.filename ?? "File"}, ${file.state}`);
  } catch (error) {
    if (mine !== asked) return;
    file = { file_id: id };
    editing = false;
    const again = button("Try again", () => openFile(id), { kind: "small", icon: "retry" });
    const back = button("Close", () => leave(), { kind: "small" });
    const box = errorBox(error, {
      title: `The ${session.current.who.toLowerCase()} cannot read this file`,
      actions: [again, back],
    });
    replaceKeepingFocus([head("File"), h("div", { class: "pad" }, h("p", { class: "mono quiet" }, id), box)]);
  }
}

/** Forgets the file. */
export function closeInspector() {
  asked += 1;
  file = stage = undefined;
  editing = false;
  panel.hidden = true;
  panel.replaceChildren();
}

function head(title) {
  const shut = button("", () => leave(), { kind: "plain", icon: "close", label: "Close the file" });
  const state = file?.state && badge(file.state);
  return h(
    "div",
    { class: "inspector-head" },
    h("h2", { id: "inspector-title", tabindex: -1, title }, title),
    state,
    shut,
  );
}

/** The focus stays on the control of the same name, or goes to the title. */
function replaceKeepingFocus(children) {
  const active = panel.contains(document.activeElement) ? document.activeElement : undefined;
  const scroll = panel.scrollTop;
  panel.replaceChildren(...children.filter(Boolean));
  panel.scrollTop = scroll;
  if (!active) return;
  const same = [...panel.querySelectorAll("button, a, [tabindex]")].find((node) => key(node) === key(active));
  (same ?? panel.querySelector("h2")).focus();
}

const key = (node) => node.id || node.getAttribute("aria-label") || node.textContent;

function draw() {
  const refused = (file.state === "failed" || file.state === "quarantined") && refusedNote();
  // The picture stays while the rest is drawn anew, or it would fade in again.
  const face = `${file.file_id} ${file.state}`;
  if (stage?.face !== face) stage = { face, image: picture(file) };
  const { image } = stage;
  replaceKeepingFocus([
    head(file.filename ?? "unnamed"),
    image && h("div", { class: "stage" }, image),
    h("div", { class: "row pad" }, actions()),
    refused && h("div", { class: "pad" }, refused),
    tabs(),
    h(
      "div",
      { class: "tabpanel pad", role: "tabpanel", id: "tabpanel", "aria-labelledby": `tab-${tab}`, tabindex: 0 },
      content(),
    ),
  ]);
}

function refusedNote() {
  const { code, message } = refusal(file);
  const hint = advice(code);
  return h(
    "div",
    { class: "error", "data-testid": "verdict" },
    h("p", {}, h("code", { class: "error-code" }, code), " ", message),
    hint && h("p", { class: "quiet" }, hint),
  );
}

function actions() {
  const url = webUrl(file.url);
  if (file.state === "trashed") {
    return [
      button("Restore", () => restore(file), { icon: "restore", kind: "primary" }),
      button("Delete for good", () => purge(file), { icon: "trash", kind: "danger" }),
    ];
  }
  return [
    file.state === "ready" && button("Download", () => download(file), { icon: "download", kind: "primary" }),
    url && h("a", { class: "button", href: url, target: "_blank", rel: "noopener noreferrer" }, "Open"),
    url && button("Copy URL", () => copy(file.url, "URL"), {}),
    button("Delete", () => discard(file), { icon: "trash", kind: "danger" }),
  ];
}

function tabs() {
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "What to show of the file" });
  for (const [name, label] of TABS) {
    const selected = name === tab;
    list.append(
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${name}`,
          "aria-selected": String(selected),
          "aria-controls": "tabpanel",
          tabindex: selected ? 0 : -1,
          onclick: () => choose(name),
        },
        label,
      ),
    );
  }
  list.addEventListener("keydown", ({ key: pressed }) => {
    const at = TABS.findIndex(([name]) => name === tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[pressed];
    if (to !== undefined) choose(TABS[(to + TABS.length) % TABS.length][0]);
  });
  return list;
}

function choose(name) {
  [tab, editing] = [name, false];
  draw();
  panel.querySelector(`#tab-${name}`).focus();
}

function content() {
  if (tab === "record") return jsonView(file, "Record");
  if (tab === "history") return history(file);
  if (editing) {
    const reload = () => (stopEditing(), openFile(file.file_id));
    return editor(file, etag, { done: saved, cancel: stopEditing, reload });
  }
  const changeable = file.state === "ready" && !file.purpose.startsWith("avatar.");
  return [facts(file), changeable && button("Edit name, access and metadata", edit, { id: "edit" })];
}

function edit() {
  editing = true;
  draw();
  panel.querySelector("#edit-name").focus();
}

function stopEditing() {
  editing = false;
  draw();
  (panel.querySelector("#edit") ?? panel.querySelector("h2")).focus();
}

function saved(record) {
  editing = false;
  emit("changed", { record, as: session.current });
  panel.querySelector("h2").focus();
}
