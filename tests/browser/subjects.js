// What is tested: each published version in each of its modes. A new version is a folder with a package.json, and a line here.
import { readFileSync } from "node:fs";

/**
 * `folder` holds the packages. `mode` is how the plugin gets its signatures: `ticket` (companion dialect, the ticket in the
 * path), `bearer` (companion dialect with a header) or `sign` (`signRequest`). `endpoint` is the option that takes the URL.
 * `form: false` asks the signer for a URL where it would rather answer with a form, which versions before 6.3 do not know.
 * `parallelParts` says whether the parts of one file go up side by side, `resigns` whether the plugin asks for another
 * signature by itself, and `shows` whether a user sees the server's message (`message`) or only its reason phrase (`reason`).
 */
export const SUBJECTS = [
  { folder: "uppy-5", mode: "ticket", endpoint: "endpoint", parallelParts: true, resigns: true, shows: "message" },
  { folder: "uppy-5", mode: "bearer", endpoint: "endpoint", parallelParts: true, resigns: true, shows: "message" },
  { folder: "uppy-6.1", mode: "sign", form: false, parallelParts: false, resigns: false, shows: "message" },
  { folder: "uppy-6", mode: "sign", parallelParts: false, resigns: false, shows: "message" },
  { folder: "uppy-6", mode: "ticket", endpoint: "companionEndpoint", parallelParts: false, resigns: false, shows: "reason" },
].map((subject) => ({ ...subject, ...named(subject) }));

/** The version that is installed, and a name for tables. */
function named({ folder, mode }) {
  const modes = { ticket: "companion (ticket)", bearer: "companion (bearer)", sign: "signRequest" };
  const { dependencies } = JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), "utf8"));
  const version = dependencies["@uppy/aws-s3"];
  return { version, name: `${version} ${modes[mode]}` };
}
