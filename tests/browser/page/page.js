// Runs in the page: one Uppy with the plugin under test, steered from Node through `window.stowage`.
import { blocks } from "./content.js";
import { options } from "./modes.js";

const RESUME = "stowage.resume";

/** Makes `window.stowage` for one version of the packages. */
export function install(Uppy, AwsS3) {
  let uppy;
  const page = { parts: [], paused: false, keys: [], failures: [], outcome: undefined };

  /** Adds the files of `setup`; with `resumed` they go on where the last page was left. */
  page.open = (setup, resumed = false) => {
    uppy = new Uppy({ autoProceed: false });
    uppy.use(AwsS3, options(setup, (id) => uppy.getFile(id)));
    const { states, parts } = resumed ? JSON.parse(localStorage.getItem(RESUME)) : { states: {}, parts: [] };
    page.parts = parts;
    for (const { name, type, meta, ...content } of setup.files) {
      const data = new File([...blocks(content)], name, { type, lastModified: 1 });
      const id = uppy.addFile({ name, type, data, source: "test" });
      uppy.setFileMeta(id, { size: data.size, ...meta });
      if (states[id]) uppy.setFileState(id, { s3Multipart: states[id] });
    }
    uppy.on("s3-multipart:part-uploaded", (file, part) => {
      page.parts.push(part.PartNumber);
      if (setup.act && !resumed && page.parts.length === setup.act.after) act(setup.act.what);
    });
    uppy.on("upload-error", (file, error) => {
      const status = error.status ?? error.source?.status ?? error.request?.status;
      page.failures.push({ name: file?.name, message: error.message, status });
    });
  };

  /** What a user does in the middle of an upload. It happens right after a part, before anything else can. */
  function act(what) {
    page.keys = uppy.getFiles().map(({ s3Multipart }) => s3Multipart?.key);
    if (what === "pause") {
      uppy.pauseAll();
      page.paused = true;
    } else if (what === "cancel") {
      uppy.cancelAll();
    } else if (what === "reload") {
      // What a page, or @uppy/golden-retriever, keeps of a file.
      const states = Object.fromEntries(uppy.getFiles().map(({ id, s3Multipart }) => [id, s3Multipart]));
      localStorage.setItem(RESUME, JSON.stringify({ states, parts: page.parts }));
      location.reload();
    }
  }

  const follow = (upload) => {
    page.outcome = undefined;
    page.failures = [];
    upload.then(
      ({ successful = [], failed = [] }) => {
        const uploaded = successful.map(({ name, response }) => ({ name, ...response }));
        page.outcome = { uploaded, failed: failed.map(({ name, error }) => ({ name, error })) };
      },
      (error) => {
        page.outcome = { uploaded: [], failed: [{ error: error.message }] };
      },
    );
  };

  page.begin = () => follow(uppy.upload());
  page.resume = () => {
    page.paused = false;
    uppy.resumeAll();
  };
  page.retry = () => follow(uppy.retryUpload(uppy.getFiles().find(({ error }) => error).id));
  /** What Node sees of all this. */
  page.state = () => {
    const { parts, paused, keys, failures, outcome } = page;
    return JSON.parse(JSON.stringify({ parts, paused, keys, failures, outcome: outcome ?? null }));
  };
  window.stowage = page;
}
