// Files to upload. Each is made in the page from a few numbers, and has bytes of its own.
import { createHash } from "node:crypto";
import { blocks } from "../page/content.js";

export const MB = 1024 * 1024;
/** What both versions of the plugin cut a file into. */
export const PART = 5 * MB;

let seed = Date.now() % 1_000_000;
const file = (name, type, kind, size, meta) => ({ name, type, kind, size, meta, seed: (seed += 1) });

/** Random letters. */
export const text = (name, size, meta) => file(name, "text/plain", "text", size, meta);

/** Random bytes that say they are nothing in particular. */
export const bytes = (name, size, meta) => file(name, "application/octet-stream", "bytes", size, meta);

/** Random letters that say they are `type`. */
export const pretending = (name, type, size, meta) => file(name, type, "text", size, meta);

/** SHA-256 of a file, in hex. */
export function sha256(file) {
  const hash = createHash("sha256");
  for (const block of blocks(file)) hash.update(block);
  return hash.digest("hex");
}
