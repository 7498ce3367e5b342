// JSON for people: coloured by token, built from text nodes.
import { button, copy, h } from "./dom.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** Everything between the tokens stays as it is. */
function coloured(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(TOKEN)) {
    const [all, string, colon, word] = found;
    parts.push(text.slice(end, found.index));
    const kind = string ? (colon ? "key" : "string") : word ? "word" : "number";
    parts.push(h("span", { class: `json-${kind}` }, string ?? all), colon ?? "");
    end = found.index + all.length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** A value with a button that copies it. */
export function jsonView(value, what) {
  const text = JSON.stringify(value, undefined, 2);
  return h(
    "div",
    { class: "json" },
    button("Copy", () => copy(text, what), { kind: "small", icon: "copy", label: `Copy ${what.toLowerCase()}` }),
    h("pre", { tabindex: 0, role: "region", "aria-label": `${what} as JSON` }, h("code", {}, coloured(text))),
  );
}
