// Changing a file: name, access and metadata, guarded by the ETag of what was read.
import { files } from "./api.js";
import { button, h, toast } from "./dom.js";
import { errorBox } from "./errors.js";

/** One `name: value` per line. */
function parse(text) {
  const found = {};
  for (const line of text.split("\n").filter((written) => written.trim())) {
    const at = line.indexOf(":");
    if (at < 1) throw new SyntaxError(`“${line.trim()}” is not of the form “name: value”.`);
    found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}

const written = (metadata) =>
  Object.entries(metadata ?? {})
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");

/** Only what differs is sent. */
function difference(file, { filename, is_public, metadata }) {
  const body = {};
  if (filename !== (file.filename ?? "")) body.filename = filename;
  if (is_public !== file.is_public) body.is_public = is_public;
  if (written(metadata) !== written(file.metadata)) body.metadata = metadata;
  return body;
}

/** The form. `done` gets the new record; `reload` is for a file that somebody else has changed. */
export function editor(file, etag, { done, cancel, reload }) {
  const name = h("input", {
    id: "edit-name",
    value: file.filename ?? "",
    maxlength: 255,
    required: true,
    autocomplete: "off",
  });
  const open = h("input", { id: "edit-public", type: "checkbox", checked: file.is_public });
  const metadata = h("textarea", {
    id: "edit-metadata",
    rows: 3,
    spellcheck: "false",
    placeholder: "project: apollo",
    "aria-describedby": "edit-metadata-hint",
    value: written(file.metadata),
  });
  const trouble = h("div", {});
  const save = h("button", { class: "button primary", type: "submit" }, "Save");

  async function submit(event) {
    event.preventDefault();
    trouble.replaceChildren();
    metadata.setCustomValidity("");
    let body;
    try {
      body = difference(file, { filename: name.value, is_public: open.checked, metadata: parse(metadata.value) });
    } catch (error) {
      metadata.setCustomValidity(error.message);
      metadata.reportValidity();
      return;
    }
    if (Object.keys(body).length === 0) {
      cancel();
      return;
    }
    save.disabled = true;
    try {
      const { data } = await files.change(file.file_id, etag, body);
      toast(`${data.filename ?? "The file"} is saved`);
      done(data);
    } catch (error) {
      const stale = error.status === 412 && button("Load it again", reload, { kind: "small", icon: "refresh" });
      trouble.replaceChildren(errorBox(error, { title: "Nothing was saved", actions: [stale].filter(Boolean) }));
    } finally {
      save.disabled = false;
      // A control that is disabled loses the focus.
      if (save.isConnected && document.activeElement === document.body) save.focus();
    }
  }

  metadata.addEventListener("input", () => metadata.setCustomValidity(""));
  return h(
    "form",
    { class: "editor", onsubmit: submit, "aria-label": "Edit the file" },
    h("label", { for: "edit-name" }, "Name"),
    name,
    h("label", { class: "check" }, open, h("span", {}, "Public: anyone with the URL may read it")),
    h("label", { for: "edit-metadata" }, "Metadata"),
    metadata,
    h("p", { class: "quiet", id: "edit-metadata-hint" }, "One “name: value” per line; names of a-z, 0-9, - and _."),
    trouble,
    h("div", { class: "row" }, save, button("Cancel", cancel, {})),
  );
}
