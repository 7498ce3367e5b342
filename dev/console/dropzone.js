// Where files come in: the button, dropping anywhere on the page, and the clipboard.
import { session } from "./api.js";
import { button, h, icon, plural, toast } from "./dom.js";
import { addUploads } from "./uploads.js";

let purpose, scope, isPublic;

/** Fills the holder with the form, and listens on the whole page. `active` says whether the files are shown. */
export function mountDropzone(holder, active) {
  const input = h("input", {
    type: "file",
    multiple: true,
    id: "file-input",
    hidden: true,
    "aria-label": "Files to upload",
  });
  input.addEventListener("change", () => {
    take(input.files);
    input.value = "";
  });
  purpose = h(
    "select",
    { id: "upload-purpose" },
    ["attachment", "export"].map((word) => h("option", { value: word }, word)),
  );
  scope = h("input", {
    id: "upload-scope",
    size: 14,
    maxlength: 100,
    placeholder: "none",
    autocomplete: "off",
    spellcheck: "false",
    pattern: "[A-Za-z0-9_.\\-]*",
    title: "Letters, digits, - _ and .",
  });
  isPublic = h("input", { type: "checkbox", id: "upload-public" });
  holder.append(
    h(
      "div",
      { class: "dropzone" },
      h(
        "div",
        { class: "dropzone-main" },
        button("Choose files", () => input.click(), { kind: "primary", icon: "upload", id: "choose" }),
        input,
        h("p", { class: "quiet" }, "or drop them anywhere on this page, or paste them"),
      ),
      h(
        "div",
        { class: "dropzone-options", role: "group", "aria-label": "Options of new uploads" },
        h("label", {}, h("span", {}, "Purpose"), purpose),
        h("label", {}, h("span", {}, "Folder"), scope),
        h("label", { class: "check" }, isPublic, h("span", {}, "Public")),
      ),
    ),
  );
  listen(active);
}

/** Starts the upload of what was chosen. */
function take(chosen) {
  const list = [...chosen];
  if (!scope.reportValidity() || list.length === 0) return;
  const options = { purpose: purpose.value, is_public: isPublic.checked };
  if (scope.value) options.scope = scope.value;
  addUploads(list, options);
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

/** The files that were dropped. Folders are left out, and said so: a browser shows them as files that cannot be read. */
export function dropped(transfer) {
  const entries = [...transfer.items].filter(({ kind }) => kind === "file");
  const folders = entries.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
  if (folders.length)
    toast(`${plural(folders.length, "folder")} left out: drop the files in it instead.`, { tone: "bad" });
  return entries
    .filter((item) => !folders.includes(item))
    .map((item) => item.getAsFile())
    .filter(Boolean);
}

function listen(active) {
  const veil = document.getElementById("drop");
  veil.prepend(icon("upload"));
  // Entering a child comes before leaving its parent: only the balance says whether the page was left.
  let depth = 0;
  const end = () => ((depth = 0), (veil.hidden = true));
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    document.getElementById("drop-as").textContent = `as ${session.current?.who.toLowerCase()}`;
    if (active()) veil.hidden = false;
  });
  addEventListener("dragleave", (event) => carriesFiles(event) && --depth <= 0 && end());
  // A file dropped beside a target would otherwise replace the page.
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    const taken = event.defaultPrevented;
    event.preventDefault();
    end();
    if (taken) return;
    if (active()) take(dropped(event.dataTransfer));
    else toast("Files are uploaded in Files.", { action: "Go there", run: () => (location.hash = "#/files") });
  });
  addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length && active() && !event.target.closest("input, textarea")) take(pasted);
  });
}
