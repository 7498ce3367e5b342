// The bytes of test files, the same in the browser and in Node: nothing large is stored or sent to the page.

const BLOCK = 1024 * 1024;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n";

/** The blocks of a file of `size` bytes, each at most 1 MiB and unlike any other; `kind` is `text` or `bytes`. */
export function* blocks({ kind, size, seed }) {
  for (let offset = 0, index = 1; offset < size; offset += BLOCK, index += 1) {
    yield block(kind, Math.min(BLOCK, size - offset), seed * 100_003 + index);
  }
}

/** Marsaglia's xorshift: four bytes a step. */
function block(kind, length, seed) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  const bytes = new Uint8Array(words.buffer, 0, length);
  if (kind === "text") {
    for (let index = 0; index < length; index += 1) bytes[index] = LETTERS.charCodeAt(bytes[index] & 63);
  }
  return bytes;
}
