// What can be done with a file, wherever it is shown. Every result is said, and what can be taken back offers it.
import { emit, files, session } from "./api.js";
import { confirmed, h, toast } from "./dom.js";
import { ApiError, asError } from "./errors.js";

const named = ({ filename, file_id: id }) => filename ?? id;

/** Runs an action; a failure is shown with its code and request id. */
async function attempt(what, run, again) {
  try {
    await run();
  } catch (thrown) {
    if (ApiError.aborted(thrown)) return;
    const error = asError(thrown);
    const request = error.requestId ? ` (request ${error.requestId})` : "";
    toast(`${what} failed. ${error.code}: ${error.message}${request}`, {
      tone: "bad",
      action: "Try again",
      run: again,
    });
  }
}

/** Saves a file: the browser downloads it by itself from a signed URL. */
export function download(record) {
  return attempt(
    "The download",
    async () => {
      const url = await files.downloadUrl(record.file_id);
      const link = h("a", { href: url, download: named(record), rel: "noreferrer" });
      document.body.append(link);
      link.click();
      link.remove();
      toast(`${named(record)} is being downloaded`);
    },
    () => download(record),
  );
}

/** Moves a file to the trash, with a way back. What is not ready has no trash, so it is asked about. */
export function discard(record) {
  if (record.state !== "ready" || record.purpose.startsWith("avatar.")) return purge(record);
  return attempt(
    "Deleting",
    async () => {
      const as = session.current;
      await files.trash(record.file_id);
      emit("changed", {
        record: { ...record, state: "trashed", url: undefined, updated_at: new Date().toISOString() },
        as,
      });
      toast(`${named(record)} is in the trash`, { about: record.file_id, action: "Undo", run: () => restore(record) });
    },
    () => discard(record),
  );
}

/** Takes a file out of the trash. */
export function restore(record) {
  return attempt(
    "Restoring",
    async () => {
      const as = session.current;
      await files.restore(record.file_id);
      // Only the record that is read has the URL, which the thumbnail needs.
      const { data } = await files.read(record.file_id);
      emit("changed", { record: data, as });
      toast(`${named(record)} is restored`, { about: record.file_id });
    },
    () => restore(record),
  );
}

/** Deletes a file for good, after a question. */
export async function purge(record) {
  const text = "Its bytes are removed, and nothing brings them back. URLs that were signed before end by themselves.";
  if (!(await confirmed(`Delete ${named(record)} for good?`, text, "Delete for good"))) return undefined;
  return attempt(
    "Deleting for good",
    async () => {
      const as = session.current;
      await files.purge(record.file_id);
      emit("changed", { gone: record.file_id, as });
      toast(`${named(record)} is deleted for good`, { about: record.file_id });
    },
    () => purge(record),
  );
}
