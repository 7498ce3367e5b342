// What the page has asked of the API and of S3, each call as a curl command for the terminal.
import { calls, events, session } from "./api.js";
import { button, clock, copy, h } from "./dom.js";

let body, empty, table, count;

/** Fills the holder, and grows with every call. */
export function mountRequests(holder, counter) {
  count = counter;
  body = h("tbody", {});
  const columns = ["Time", "Method", "Path", "Status", "Took", "As", "Request id"];
  const heads = columns.map((name) => h("th", { scope: "col" }, name));
  heads.push(h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")));
  table = h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Requests", hidden: true },
    h(
      "table",
      { class: "requests" },
      h("caption", { class: "unseen" }, "Requests"),
      h("thead", {}, h("tr", {}, heads)),
      body,
    ),
  );
  empty = h("div", { class: "empty" }, h("p", { class: "empty-title" }, "No requests yet"));
  const hint = h(
    "p",
    { class: "quiet" },
    "The commands use $TOKEN, $ADMIN and $OTHER_TOKEN instead of tokens; the first block of docs/API.md sets the first two, and Connection copies each.",
  );
  holder.append(hint, empty, table);
  calls.forEach(add);
  events.addEventListener("request", ({ detail }) => add(detail));
}

function add(call) {
  body.prepend(row(call));
  while (body.childElementCount > calls.length) body.lastChild.remove();
  table.hidden = false;
  empty.hidden = true;
  count.textContent = String(calls.length);
}

function row(call) {
  const bad = call.status === 0 || call.status >= 400;
  const status = call.status || "no answer";
  const where = call.origin ? "S3" : "API";
  const command =
    !call.origin &&
    button("curl", () => copy(curl(call), "Command"), {
      kind: "small",
      icon: "copy",
      label: `Copy as curl: ${call.method} ${call.path.slice(0, 80)}`,
    });
  return h(
    "tr",
    { class: bad ? "bad" : null },
    h("td", { class: "mono" }, clock(call.at)),
    h("td", { class: "mono" }, call.method),
    h("td", { class: "path" }, h("span", { class: "where" }, where), " ", h("code", { title: call.path }, call.path)),
    h("td", { class: "mono" }, String(status)),
    h("td", { class: "mono number" }, `${Math.round(call.ms)} ms`),
    h("td", {}, call.as ? `${call.as.role} · ${call.as.slug}` : ""),
    h("td", { class: "mono" }, call.requestId ?? ""),
    h("td", {}, command),
  );
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The call as one command. The token is a variable, so that no secret is pasted anywhere. */
function curl({ method, path, body: sent, headers, form, as }) {
  const words = ["curl -sS -i"];
  if (method !== "GET") words.push(`-X ${method}`);
  words.push(`-H "Authorization: Bearer $${as.variable}"`);
  for (const [name, value] of Object.entries(headers)) words.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (sent !== undefined) words.push(`-d ${quoted(JSON.stringify(sent))}`);
  for (const name of form ?? []) words.push(name === "file" ? "-F file=@FILE" : `-F ${quoted(`${name}=…`)}`);
  words.push(quoted(`${session.config.api_url}/api/v1${path}`));
  return words.join(" ");
}
