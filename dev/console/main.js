// Starts the page: connects to the stack, and shows what the address says.
import { connect } from "./api.js";
import { mountAvatars, showAvatars } from "./avatars.js";
import { button } from "./dom.js";
import { mountDropzone } from "./dropzone.js";
import { errorBox } from "./errors.js";
import { focusRow, mountFiles, showFiles } from "./files.js";
import { closeInspector, mountInspector, openFile } from "./inspector.js";
import { mountRequests } from "./requests.js";
import { mountSidebar } from "./sidebar.js";
import { mountUploads } from "./uploads.js";

const VIEWS = { files: "Files", trash: "Trash", avatars: "Avatars", requests: "Requests" };
const at = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 1080px)");

/** `#/files/{id}` as `{view, id}`; anything unknown is the list of files. */
function place() {
  const [, view, id] = /^#\/([a-z]+)(?:\/([0-9a-f-]{36}))?$/.exec(location.hash) ?? [];
  if (!VIEWS[view]) return { view: "files" };
  return { view, id: view === "files" || view === "trash" ? id : undefined };
}

let before = {};

function show() {
  const { view, id } = place();
  const list = view === "files" || view === "trash";
  for (const name of ["files", "avatars", "requests"]) at(`view-${name}`).hidden = name !== (list ? "files" : view);
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[view]} · Stowage console`;
  at("files-title").textContent = VIEWS[list ? view : "files"];
  at("incoming").hidden = view !== "files";
  if (list && (view !== before.view || id !== before.id)) showFiles(view === "trash", id, view !== before.view);
  if (view === "avatars") showAvatars();
  if (id) openFile(id);
  else closeInspector();
  modal();
  // Back from a file, the focus returns to its row; in another view it starts at the title.
  if (!id && before.id && before.view === view) focusRow(before.id) || at("files-title").focus();
  else if (before.view && before.view !== view && !id) at(`${list ? "files" : view}-title`).focus();
  before = { view, id };
}

/** Where the file covers the page, nothing behind it takes the focus. */
function modal() {
  const covered = narrow.matches && !at("inspector").hidden;
  at("app").classList.toggle("with-inspector", !at("inspector").hidden);
  for (const name of ["side", "main", "foot"]) at(name).inert = covered;
  at("inspector").role = covered ? "dialog" : "complementary";
  at("inspector").ariaModal = covered ? "true" : null;
}

async function start() {
  at("main").setAttribute("aria-busy", "true");
  // The way past the menu is there before the stack has answered, and leaves the address alone.
  at("skip").addEventListener("click", (event) => {
    event.preventDefault();
    at("main").focus();
  });
  try {
    await connect();
  } catch (error) {
    at("main").removeAttribute("aria-busy");
    const again = button("Try again", () => location.reload(), { icon: "retry", kind: "small" });
    at("trouble").replaceChildren(errorBox(error, { title: "The console is not connected", actions: [again] }));
    for (const name of ["side", "foot"]) at(name).inert = true;
    return;
  }
  mountRequests(at("requests"), at("request-count"));
  mountSidebar(at("identity"), at("usage"), at("connection"));
  mountUploads(at("uploads"));
  mountDropzone(at("upload-form"), () => place().view === "files" && !document.querySelector("dialog[open]"));
  mountFiles(at("filters"), at("files-list"), at("files-summary"));
  mountAvatars(at("avatars"));
  mountInspector(at("inspector"), () => (location.hash = `#/${place().view}`));
  addEventListener("hashchange", show);
  narrow.addEventListener("change", modal);
  show();
  at("main").removeAttribute("aria-busy");
}

start();
