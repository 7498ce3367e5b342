// The avatars of the development user and agent: every size as it is served, the placeholder, and how to replace them.
import { adminOf, avatars, emit, events, session } from "./api.js";
import { announce, button, confirmed, h, keepingFocus, toast } from "./dom.js";
import { dropped } from "./dropzone.js";
import { errorBox, refusal } from "./errors.js";
import { gallery } from "./gallery.js";
import { badge } from "./preview.js";
import { send } from "./transfer.js";
import { verdict } from "./uploads.js";

/** Forms in the request take 4 MB; larger images go by presigned form. */
const DIRECT_LIMIT = 4 * 1024 * 1024;
const UUID = /^[0-9a-f-]{36}$/;

/** The two cards. */
const cards = [
  {
    kind: "users",
    title: "User",
    id: () => (UUID.test(session.current.sub) ? session.current.sub : session.config.user_id),
    writer: () => session.current,
  },
  {
    kind: "agents",
    title: "Agent",
    id: () => session.config.agent_id,
    writer: () => adminOf(session.current) ?? session.current,
  },
];

/** Makes the cards. They are filled when they are shown. */
export function mountAvatars(holder) {
  for (const card of cards) {
    const title = h("h2", { id: `avatar-${card.kind}` }, card.title);
    card.body = h("div", { class: "card-body" });
    card.trouble = h("div", {});
    card.bar = h("progress", {
      max: 1,
      value: 0,
      hidden: true,
      "aria-label": `Upload of the ${card.title.toLowerCase()}'s avatar`,
    });
    card.input = h("input", {
      type: "file",
      accept: "image/jpeg,image/png,image/webp,image/gif",
      hidden: true,
      "aria-label": `Avatar of the ${card.title.toLowerCase()}`,
      id: `avatar-${card.kind}-file`,
    });
    card.open = h("input", { type: "checkbox" });
    card.way = h(
      "select",
      {},
      h("option", { value: "form" }, "by presigned form"),
      h("option", { value: "direct" }, "in the request"),
    );
    card.input.addEventListener("change", () => {
      const [file] = card.input.files;
      card.input.value = "";
      if (file) upload(card, file);
    });
    card.state = h("span", {});
    card.who = h("code", { class: "quiet" });
    card.choose = button("Upload…", () => card.input.click(), {
      icon: "upload",
      kind: "primary",
      label: `Upload… an avatar for the ${card.title.toLowerCase()}`,
    });
    card.remove = button("Delete", () => remove(card), {
      icon: "trash",
      kind: "danger",
      label: `Delete the ${card.title.toLowerCase()}'s avatar`,
    });
    card.element = h(
      "section",
      { class: "card", "aria-labelledby": `avatar-${card.kind}`, "data-testid": `avatar-${card.kind}` },
      h("header", { class: "card-head" }, title, card.state, card.who),
      h(
        "div",
        { class: "row" },
        card.choose,
        card.input,
        card.remove,
        h("label", { class: "inline" }, h("span", { class: "quiet" }, "Send"), card.way),
        h("label", { class: "check" }, card.open, h("span", {}, "Public")),
      ),
      card.bar,
      card.trouble,
      card.body,
    );
    target(card);
    holder.append(card.element);
  }
  events.addEventListener("identity", () => !holder.closest(".view").hidden && showAvatars());
}

/** Reads both. */
export function showAvatars() {
  return Promise.all(cards.map(show));
}

function target(card) {
  const over = (event) => event.dataTransfer?.types.includes("Files");
  card.element.addEventListener(
    "dragover",
    (event) => over(event) && (event.preventDefault(), card.element.classList.add("target")),
  );
  card.element.addEventListener(
    "dragleave",
    (event) => !card.element.contains(event.relatedTarget) && card.element.classList.remove("target"),
  );
  card.element.addEventListener("drop", (event) => {
    card.element.classList.remove("target");
    if (!over(event)) return;
    event.preventDefault();
    const [file] = dropped(event.dataTransfer);
    if (file) upload(card, file);
  });
}

async function show(card) {
  const id = card.id();
  const as = session.current;
  card.who.textContent = id;
  try {
    const { data } = await avatars.info(card.kind, id);
    if (as !== session.current) return;
    card.state.replaceChildren(badge(data.state));
    const pictures = data.has_custom_avatar ? gallery(data, card.title.toLowerCase()) : [nothing(card)];
    fill(card, data.has_custom_avatar, pictures);
  } catch (error) {
    if (as !== session.current) return;
    card.state.replaceChildren();
    const again = button("Try again", () => show(card), { kind: "small", icon: "retry" });
    fill(card, false, [errorBox(error, { title: "The avatar could not be read", actions: [again] })]);
  }
}

function fill(card, removable, children) {
  keepingFocus(card.element, card.choose, () => {
    card.remove.hidden = !removable;
    card.body.replaceChildren(...children);
  });
}

function nothing(card) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "empty-title" }, "No avatar"),
    h(
      "p",
      { class: "quiet" },
      `Drop a JPEG, PNG, WebP or GIF here. The ${card.title.toLowerCase()} belongs to ${session.current.slug}.`,
    ),
  );
}

async function upload(card, file) {
  if (card.choose.disabled) return;
  const held = card.element.contains(document.activeElement);
  card.choose.disabled = true;
  const options = { as: card.writer(), signal: new AbortController().signal };
  card.trouble.replaceChildren();
  card.bar.hidden = false;
  card.bar.value = 0;
  announce(`Uploading ${file.name}.`);
  try {
    if (card.way.value === "direct") await direct(card, file, options);
    else await byForm(card, file, options);
    toast(`The ${card.title.toLowerCase()} has a new avatar`);
    await show(card);
    emit("stored");
  } catch (error) {
    const again = button("Try again", () => upload(card, file), { kind: "small", icon: "retry" });
    const byForm = error.code === "PAYLOAD_TOO_LARGE" && file.size > DIRECT_LIMIT && card.way.value === "direct";
    const otherWay = () => ((card.way.value = "form"), upload(card, file));
    const other = byForm && button("Send by presigned form", otherWay, { kind: "small" });
    const dismiss = button("Dismiss", () => card.trouble.replaceChildren(), { kind: "plain small" });
    const title = `${file.name} was not taken`;
    card.trouble.replaceChildren(errorBox(error, { title, actions: [other || again, dismiss] }));
  } finally {
    card.choose.disabled = false;
    // A control that is disabled or gone loses the focus.
    if (held && document.activeElement === document.body) card.choose.focus();
    card.bar.hidden = true;
  }
}

async function direct(card, file, options) {
  const form = new FormData();
  form.append("is_public", String(card.open.checked));
  form.append("file", file);
  card.bar.removeAttribute("value");
  await avatars.send(card.kind, card.id(), form, options);
}

async function byForm(card, file, options) {
  const body = {
    filename: file.name,
    content_type: file.type || "application/octet-stream",
    size_bytes: file.size,
    is_public: card.open.checked,
  };
  const { data: issued } = await avatars.presign(card.kind, card.id(), body, options);
  await send(issued, file, { ...options, onSent: (count) => (card.bar.value = count / file.size) });
  card.bar.removeAttribute("value");
  const record = await verdict(issued.file_id, options);
  if (record.state !== "ready") throw refusal(record);
}

async function remove(card) {
  const whose = card.title.toLowerCase();
  const text = "There is no trash for avatars: its bytes are removed.";
  if (!(await confirmed(`Delete the ${whose}'s avatar?`, text, "Delete"))) return;
  try {
    await avatars.remove(card.kind, card.id(), { as: card.writer() });
    card.trouble.replaceChildren();
    toast(`The ${whose}'s avatar is deleted`);
    await show(card);
    emit("stored");
  } catch (error) {
    const dismiss = button("Dismiss", () => card.trouble.replaceChildren(), { kind: "plain small" });
    card.trouble.replaceChildren(errorBox(error, { title: "The avatar was not deleted", actions: [dismiss] }));
  }
}
