// The filters of the list, as the query of the listing.
import { session } from "./api.js";
import { button, h } from "./dom.js";

const STATES = ["pending", "processing", "scanning", "ready", "failed", "quarantined"];
const PURPOSES = ["attachment", "export", "avatar.user", "avatar.agent"];
const TYPES = [
  "image/jpeg",
  "image/png",
  "image/webp",
  "image/gif",
  "application/pdf",
  "text/plain",
  "text/csv",
  "application/json",
  "application/zip",
  "video/mp4",
  "application/octet-stream",
];
const AGES = [
  ["", "any time"],
  ["3600", "last hour"],
  ["86400", "last 24 hours"],
  ["604800", "last 7 days"],
];

let form;

/** Fills the form; `onchange` is called when the list has to be read anew. */
export function mountFilters(holder, onchange) {
  form = holder;
  const options = (words) => words.map((word) => h("option", { value: word }, word));
  const select = (name, label, children) => h("label", {}, h("span", {}, label), h("select", { name }, children));
  const owners = [h("option", { value: "user" }, "the user"), h("option", { value: "self" }, "the admin")];
  form.append(
    select("owner", "Owner", owners),
    select("state", "State", [h("option", { value: "" }, "any"), ...options(STATES)]),
    select("purpose", "Purpose", [h("option", { value: "" }, "any"), ...options(PURPOSES)]),
    h(
      "label",
      {},
      h("span", {}, "Type"),
      h("input", { name: "content_type", list: "types", placeholder: "any", size: 16, spellcheck: "false" }),
    ),
    h(
      "label",
      {},
      h("span", {}, "Folder"),
      h("input", { name: "scope", placeholder: "any", size: 10, spellcheck: "false" }),
    ),
    h("datalist", { id: "types" }, options(TYPES)),
    select(
      "age",
      "Created",
      AGES.map(([value, label]) => h("option", { value }, label)),
    ),
    button("Reset filters", () => (form.reset(), onchange()), { kind: "plain small", id: "filters-reset" }),
  );
  form.addEventListener("change", onchange);
  form.addEventListener("submit", (event) => event.preventDefault());
}

/** Clears them, and leaves out those that the trash has no use for. */
export function resetFilters(trash) {
  form.reset();
  for (const name of ["state", "age"]) form.elements[name].closest("label").hidden = trash;
  form.elements.owner.closest("label").hidden = session.current.key !== "admin";
}

/** A listing is of one owner's files: an administrator looks at the user's, or at its own. */
function owner() {
  return session.current.key === "admin" && form.elements.owner.value === "user" ? session.config.user_id : undefined;
}

/** Whose files are listed, in words. */
export const whose = () =>
  owner() ? `the user of ${session.current.slug}` : `the ${session.current.who.toLowerCase()}`;

/** Lists the files of whoever acts; whether that is a change. */
export function showOwn() {
  const change = owner() !== undefined;
  form.elements.owner.value = "self";
  return change;
}

/** What the listing is asked for. */
export function filter(trash) {
  const { state, purpose, content_type: type, scope, age } = Object.fromEntries(new FormData(form));
  const after = age && new Date(Date.now() - 1000 * age).toISOString();
  const query = { state: trash ? "trashed" : state, purpose, content_type: type, scope, created_after: after };
  return { owner: owner(), ...query };
}

/** Whether any filter is set. */
export const filtered = () =>
  ["purpose", "content_type", "scope", "age", "state"].some((name) => form.elements[name].value);

/** Whether a changed record still belongs into the list. */
export function fits(record, trash) {
  const { state, purpose, content_type: type, scope, created_after: after } = filter(trash);
  const live = !["trashed", "deleting", "deleted"].includes(record.state);
  return (
    record.owner_id === (owner() ?? session.current.sub) &&
    (state ? record.state === state : live) &&
    (!purpose || record.purpose === purpose) &&
    (!type || record.content_type === type) &&
    (!scope || record.scope === scope) &&
    (!after || record.created_at >= after)
  );
}
