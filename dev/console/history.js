// The audit trail of a file, read as an administrator of its tenant.
import { admin, adminOf, session } from "./api.js";
import { button, clock, copy, h, plural } from "./dom.js";
import { errorBox } from "./errors.js";
import { badge } from "./preview.js";

/** A holder that fills itself. */
export function history(file) {
  const holder = h("div", { class: "history", "aria-busy": "true" }, h("p", { class: "quiet" }, "Loading …"));
  fill(holder, file);
  return holder;
}

async function fill(holder, file) {
  const as = adminOf(session.current);
  if (!as) {
    const text = `Only an administrator reads the history, and this stack has none for ${session.current.slug}.`;
    holder.replaceChildren(h("p", { class: "quiet" }, text));
    holder.removeAttribute("aria-busy");
    return;
  }
  try {
    const { data } = await admin.audit(file.file_id, as);
    const { entries } = data;
    const note = as === session.current ? "" : ", read as administrator";
    holder.replaceChildren(
      h(
        "p",
        { class: "quiet" },
        `${plural(entries.length, "entry").replace("entrys", "entries")}, oldest first${note}`,
      ),
      h(
        "ol",
        { class: "trail" },
        entries.map((entry, index) => line(entry, entries[index - 1])),
      ),
    );
  } catch (error) {
    const again = button("Try again", () => fill(holder, file), { kind: "small", icon: "retry" });
    holder.replaceChildren(errorBox(error, { title: "The history could not be read", actions: [again] }));
  }
  holder.removeAttribute("aria-busy");
}

/** How long after the entry before: what a developer looks for in a slow upload. */
function since(entry, before) {
  if (!before) return "";
  const milliseconds = new Date(entry.at) - new Date(before.at);
  if (milliseconds < 1000) return `+${milliseconds} ms`;
  if (milliseconds < 60_000) return `+${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds < 3_600_000) return `+${Math.round(milliseconds / 60_000)} min`;
  return `+${Math.round(milliseconds / 3_600_000)} h`;
}

function line(entry, before) {
  const at = new Date(entry.at);
  const sameDay = at.toDateString() === new Date().toDateString();
  const day = sameDay ? "" : `${at.toLocaleDateString("en", { day: "numeric", month: "short" })} `;
  const request = entry.request_id;
  return h(
    "li",
    { class: entry.to },
    h(
      "p",
      { class: "trail-head" },
      h("strong", {}, entry.action),
      " ",
      entry.from && entry.from !== entry.to && [badge(entry.from), h("span", { class: "arrow" }, " → ")],
      badge(entry.to),
      entry.error_code && [" ", h("code", { class: "code" }, entry.error_code)],
    ),
    h(
      "p",
      { class: "quiet" },
      h("time", { datetime: entry.at, title: at.toLocaleString("en") }, day + clock(at)),
      " ",
      h("span", { class: "delta" }, since(entry, before)),
      " by ",
      h("code", {}, entry.actor),
    ),
    request &&
      h(
        "p",
        { class: "request-id" },
        h("span", {}, "request "),
        h("code", {}, request),
        button("", () => copy(request, "Request id"), {
          kind: "plain small",
          icon: "copy",
          label: `Copy request id ${request}`,
        }),
      ),
  );
}
