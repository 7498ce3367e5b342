// Making elements, and the words people read: sizes, times, announcements. Whatever comes from a file or the server
// becomes text here, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Icons of 16 by 16, as strokes. */
const ICONS = {
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M2.5 13.5h11",
  trash: "M2.5 4.2h11M6.2 4.2V2.5h3.6v1.7M4 4.2l.6 9.3h6.8l.6-9.3M6.7 7v4M9.3 7v4",
  restore: "M3 8a5 5 0 1 0 1.6-3.7M2.5 2.5v3h3",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  open: "M9 2.5h4.5V7M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13.5 2.5v3h-3",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13.5 2.5v3h-3",
  upload: "M8 10.5V3M4.8 6 8 2.8 11.2 6M2.5 13.5h11",
  check: "M3 8.5l3.2 3.2L13 4.8",
};

/** An element. `on…` properties are listeners; `null`, `undefined` and `false` leave a property or a child out. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

/** An icon that says nothing to screen readers: its button has a name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon, text, or both; `label` is its accessible name where the text is not enough. */
export function button(text, onclick, { kind = "", icon: drawn, label, ...rest } = {}) {
  const properties = { type: "button", class: `button ${kind}`, "aria-label": label, title: text ? null : label };
  return h("button", { ...properties, onclick, ...rest }, drawn && icon(drawn), text && h("span", {}, text));
}

/** An address that may stand in a link: HTTP, or nothing. */
export function webUrl(text) {
  return typeof text === "string" && /^https?:\/\//i.test(text) ? text : undefined;
}

/** Bytes as people say them; 1 KB is 1,024, as in the API. */
export function bytes(count) {
  if (!Number.isFinite(count)) return "–";
  if (count < 1024) return `${count} B`;
  const power = Math.min(4, Math.floor(Math.log(count) / Math.log(1024)));
  const value = count / 1024 ** power;
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${["", "KB", "MB", "GB", "TB"][power]}`;
}

/** `1 file`, `2 files`. */
export function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const DATE = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

function relative(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return "just now";
  if (size < 3600) return RELATIVE.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return RELATIVE.format(Math.round(seconds / 3600), "hour");
  if (size < 7 * 86_400) return RELATIVE.format(Math.round(seconds / 86_400), "day");
  return DATE.format(date);
}

/** How long ago, kept up to date; the exact time is its title. */
export function ago(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return h("span", {}, "–");
  return h("time", { datetime: text, title: date.toLocaleString("en"), "data-ago": true }, relative(date));
}

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-ago]")) {
    node.textContent = relative(new Date(node.dateTime));
  }
}, 30_000);

/** Local time of day with milliseconds. */
export function clock(date) {
  const two = (number) => String(number).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Changes the page; whoever had the focus in a part of `region` that is gone then goes on at `rest`. */
export function keepingFocus(region, rest, change) {
  const inside = region.contains(document.activeElement);
  change();
  const { activeElement: active } = document;
  if (inside && (active === document.body || !active.checkVisibility())) rest.focus();
}

/** Says something to screen readers; urgent things interrupt. */
export function announce(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "alert" : "live");
  region.append(h("p", {}, text));
  while (region.childElementCount > 4) region.firstChild.remove();
}

const TOAST_LIFE = 8000;

/** A short result with at most one action. It waits while the pointer or the focus is on it. */
export function toast(text, { action, run, tone = "", about } = {}) {
  const close = button("", () => node.remove(), { kind: "plain small", icon: "close", label: "Dismiss" });
  const act = action && button(action, () => (node.remove(), run()), { kind: "small" });
  const node = h("div", { class: `toast ${tone}`, "data-about": about }, h("span", {}, text), act, close);
  const holder = document.getElementById("toasts");
  // A newer result replaces an older one about the same thing, and its way back.
  for (const older of about ? [...holder.children] : []) if (older.dataset.about === about) older.remove();
  holder.append(node);
  while (holder.childElementCount > 3) holder.firstChild.remove();
  announce(text);
  const leave = () => (node.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : node.remove());
  setTimeout(leave, TOAST_LIFE);
}

/** Copies text and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`${what} could not be copied: the browser refused.`, { tone: "bad" });
  }
}

/** A text to copy, with its button; nothing for nothing. `label` is the button's name, such as `Copy id`. */
export function copyable(text, label) {
  if (!text) return undefined;
  const what = label.replace("Copy ", "");
  const run = () => copy(text, what[0].toUpperCase() + what.slice(1));
  return [h("code", { title: text }, text), button("", run, { kind: "plain small", icon: "copy", label })];
}

/** Asks before something that cannot be taken back. */
export function confirmed(title, text, yes) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("#confirm-title").textContent = title;
  dialog.querySelector("#confirm-text").textContent = text;
  dialog.querySelector("#confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
