// What is known about a file, line by line.
import { ago, bytes, copyable, h } from "./dom.js";
import { swatch } from "./preview.js";

/** A list of names and values; lines without a value are left out. */
export function factList(lines) {
  const known = lines.filter(([, value]) => value);
  const line = ([name, value]) => [h("dt", {}, name), h("dd", {}, value)];
  return h("dl", { class: "facts" }, known.map(line));
}

/** The facts of a record. */
export function facts(file) {
  const size = file.size_bytes;
  const metadata = Object.entries(file.metadata ?? {});
  const pair = ([name, value]) => h("li", {}, h("code", {}, name), " ", value);
  return factList([
    ["Id", copyable(file.file_id, "Copy id")],
    ["Type", file.content_type],
    ["Size", Number.isFinite(size) && `${bytes(size)} (${size.toLocaleString("en")} bytes)`],
    ["Dimensions", file.width && file.height && `${file.width} × ${file.height} px`],
    ["Purpose", file.purpose],
    ["Folder", file.scope],
    ["Access", file.is_public ? "public: its URL is open" : "private: its URL is signed"],
    ["Owner", copyable(file.owner_id, "Copy owner")],
    ["External id", copyable(file.external_id, "Copy external id")],
    ["SHA-256", copyable(file.sha256, "Copy SHA-256")],
    ["Colour", swatch(file.placeholder?.average_color)],
    ["Metadata", metadata.length > 0 && h("ul", { class: "plain-list" }, metadata.map(pair))],
    ["Created", ago(file.created_at)],
    ["Changed", ago(file.updated_at)],
    ["URL ends", file.expires_at && ago(file.expires_at)],
  ]);
}
