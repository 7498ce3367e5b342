// Pictures of files: the thumbhash or the average colour at once, the image itself when it has been loaded.
import { h, webUrl } from "./dom.js";
import { placeholder } from "./thumbhash.js";

/** Larger images are not loaded for a thumbnail, in bytes. */
const THUMBNAIL_LIMIT = 8 * 1024 * 1024;
/** The height of a large picture, in CSS pixels. */
const PICTURE_HEIGHT = 280;
/** Types a browser shows in an `<img>`, and which the server serves in place. */
const SHOWN = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"]);

/** Whether a file can be shown as an image. */
export function isImage(record) {
  return SHOWN.has(record.content_type);
}

/** Two to four letters for a file that is no image. */
function kindOf({ filename = "", content_type: type = "" }) {
  const extension = /\.([a-z0-9]{1,4})$/i.exec(filename)?.[1];
  return (extension ?? type.split("/")[1]?.split(/[.+-]/).pop()?.slice(0, 4) ?? "file").toUpperCase();
}

/** What is shown until the image is there, or for good. */
function backdrop(frame, record) {
  const found = record.placeholder;
  if (/^#[0-9a-f]{6}$/i.test(found?.average_color ?? "")) frame.style.backgroundColor = found.average_color;
  const canvas = found?.thumbhash && placeholder(found.thumbhash);
  if (canvas) frame.append(canvas);
  else if (!found) frame.append(h("span", { class: "kind", "aria-hidden": "true" }, kindOf(record)));
}

/** Puts an image over the backdrop when it has been decoded. */
function fade(frame, url, alt) {
  const image = h("img", { src: url, alt, loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
  const show = () => frame.classList.add("loaded");
  // Loaded is not yet decoded: without waiting, neither picture would be seen for a moment.
  image.addEventListener("load", () => image.decode().then(show, show));
  image.addEventListener("error", () => image.remove());
  frame.append(image);
}

/** A small square picture. It is decoration: the name stands beside it. */
export function thumbnail(record) {
  const frame = h("span", { class: "thumb" });
  backdrop(frame, record);
  const url = webUrl(record.url);
  const small = (record.size_bytes ?? 0) <= THUMBNAIL_LIMIT;
  if (url && record.state === "ready" && isImage(record) && small) fade(frame, url, "");
  return frame;
}

/** The picture of a file that lies on this machine, while it is uploaded. Its object URL ends with the picture. */
export function localThumbnail(file) {
  const frame = h("span", { class: "thumb" });
  const image = SHOWN.has(file.type) && file.size <= THUMBNAIL_LIMIT;
  if (!image) {
    backdrop(frame, { filename: file.name, content_type: file.type });
    return frame;
  }
  const url = URL.createObjectURL(file);
  const picture = h("img", { src: url, alt: "" });
  for (const event of ["load", "error"]) picture.addEventListener(event, () => URL.revokeObjectURL(url));
  picture.addEventListener("load", () => frame.classList.add("loaded"));
  picture.addEventListener("error", () => {
    picture.remove();
    backdrop(frame, { filename: file.name, content_type: file.type });
  });
  frame.append(picture);
  return frame;
}

/** A large picture in its own proportions, or nothing for what is no image or cannot be read. */
export function picture(record) {
  const url = webUrl(record.url);
  if (!url || record.state !== "ready" || !isImage(record)) return undefined;
  const frame = h("div", { class: "picture" });
  if (record.width && record.height) {
    frame.style.aspectRatio = `${record.width} / ${record.height}`;
    frame.style.width = `min(100%, ${record.width}px, ${Math.round((PICTURE_HEIGHT * record.width) / record.height)}px)`;
  }
  backdrop(frame, record);
  fade(frame, url, `Preview of ${record.filename ?? "the file"}`);
  return frame;
}

/** A colour and its code, or nothing for what is none. */
export function swatch(colour) {
  if (!/^#[0-9a-f]{6}$/i.test(colour ?? "")) return undefined;
  const spot = h("span", { class: "swatch" });
  spot.style.backgroundColor = colour;
  return [spot, h("code", {}, colour)];
}

/** A state, as a dot and a word. */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}
