// An avatar as it is served: its sizes, its placeholder, and where to find it.
import { ago, bytes, copyable, h, webUrl } from "./dom.js";
import { factList } from "./facts.js";
import { swatch } from "./preview.js";
import { placeholder } from "./thumbhash.js";

const SIZES = ["large", "medium", "small"];

function describe({ width, height, bytes: count, content_type: type }) {
  return `${width} × ${height} · ${bytes(count)} · ${type.replace("image/", "").toUpperCase()}`;
}

function figure(name, size) {
  const { url, width, height } = size;
  const image = h("img", { src: webUrl(url), width, height, alt: `${name} size`, referrerpolicy: "no-referrer" });
  const caption = [h("strong", {}, name), h("span", { class: "quiet" }, describe(size))];
  return h("figure", {}, image, h("figcaption", {}, caption));
}

/** The elements that describe an avatar; `whose` is for names of buttons. */
export function gallery(info, whose) {
  const { thumbhash, average_color: colour } = info.placeholder ?? {};
  const canvas = thumbhash && placeholder(thumbhash);
  const inline = info.inline_small?.startsWith("data:image/") && info.inline_small;
  const small = { src: inline, width: 32, height: 32, alt: "The small size as a data URI" };
  const original = info.sizes.original;
  const link = original && { href: webUrl(original.url), target: "_blank", rel: "noopener noreferrer" };
  const sizes = SIZES.filter((name) => info.sizes[name]).map((name) => figure(name, info.sizes[name]));
  return [
    h("div", { class: "sizes" }, sizes),
    factList([
      ["Original", original && h("a", link, describe(original))],
      ["Placeholder", canvas && [h("span", { class: "hash" }, canvas), h("code", {}, thumbhash)]],
      ["Colour", swatch(colour)],
      ["Inline", inline && [h("img", small), h("span", { class: "quiet" }, `${bytes(inline.length)} as a data URI`)]],
      ["URL", copyable(info.avatar_url, `Copy the ${whose}'s avatar URL`)],
      ["File", info.file_id && h("a", { href: `#/files/${info.file_id}` }, h("code", {}, info.file_id))],
      ["Changed", info.updated_at && ago(info.updated_at)],
    ]),
  ];
}
