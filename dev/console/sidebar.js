// Who is acting, how much is stored, and where everything is.
import { actAs, admin, adminOf, events, session } from "./api.js";
import { announce, button, bytes, copy, h, plural } from "./dom.js";

const USAGE_DELAY = 400;

let usage,
  connection,
  asked = 0,
  timer;

/** Fills the sidebar. */
export function mountSidebar(identity, usageHolder, connectionList) {
  [usage, connection] = [usageHolder, connectionList];
  for (const { key, label, slug, sub } of session.identities) {
    const radio = h("input", {
      type: "radio",
      name: "identity",
      value: key,
      checked: key === session.current.key,
      onchange: () => actAs(key),
    });
    identity.append(
      h(
        "label",
        { title: sub },
        radio,
        h("span", { class: "who" }, h("span", {}, label), h("span", { class: "tenant" }, slug)),
      ),
    );
  }
  events.addEventListener("identity", () => {
    announce(`Acting as ${session.current.who}.`);
    draw();
    refresh();
  });
  for (const type of ["changed", "stored"]) events.addEventListener(type, refresh);
  draw();
  refresh();
}

function draw() {
  const { config, current } = session;
  const lines = [
    ["API", `${config.api_url}/api/v1`],
    ["S3", config.s3_url],
    ["Tenant", current.tenant],
    ["Subject", current.sub],
    ["User", config.user_id],
    ["Agent", config.agent_id],
  ];
  const copier = (name, value) =>
    button("", () => copy(value, name), { kind: "plain small", icon: "copy", label: `Copy ${name}` });
  connection.replaceChildren(
    ...lines
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [
        h("dt", {}, name),
        h("dd", {}, h("code", { title: value }, value), copier(name, value)),
      ]),
    h("dt", {}, "Token"),
    h("dd", {}, h("code", {}, `$${current.variable}`), copier("Token", current.token)),
  );
}

/** Reads the usage soon: many files may change together. */
function refresh() {
  clearTimeout(timer);
  timer = setTimeout(read, USAGE_DELAY);
}

async function read() {
  const mine = ++asked;
  const as = adminOf(session.current);
  usage.hidden = !as;
  if (!as) return;
  const answer = await admin.usage(as).catch(() => undefined);
  if (mine !== asked) return;
  // Usage is an extra: where it cannot be read, the page says nothing, and Requests shows the call.
  usage.hidden = !answer?.data;
  if (!answer?.data) return;
  const { used_bytes: used, reserved_bytes: reserved, files, max_bytes: max } = answer.data;
  const room = Number.isFinite(max) && max > 0;
  usage.replaceChildren(
    h(
      "p",
      { class: "usage-line" },
      h("strong", {}, bytes(used)),
      h("span", { class: "quiet" }, `${room ? ` of ${bytes(max)} ` : ""} in ${plural(files, "file")}`),
    ),
    ...(room
      ? [h("meter", { min: 0, max, high: max * 0.9, value: used + reserved, "aria-label": "Storage used" })]
      : []),
    ...(reserved ? [h("p", { class: "quiet" }, `${bytes(reserved)} reserved by uploads`)] : []),
  );
}
