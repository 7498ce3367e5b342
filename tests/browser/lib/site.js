// The application's own origin: a page for each folder of packages, served from memory on 127.0.0.1.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL("..", import.meta.url));

/** Bundles the page with the packages of a folder, as published. */
async function bundle(folder) {
  const entry = `
    import Uppy from "@uppy/core";
    import AwsS3 from "@uppy/aws-s3";
    import { install } from "../page/page.js";
    install(Uppy, AwsS3);
  `;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: `${here}${folder}`, sourcefile: `${folder}.js` },
    bundle: true,
    format: "iife",
    target: "es2022",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0].text;
}

/** Serves the pages of `folders`: `{ origin, close() }`. */
export async function serveSite(folders) {
  const files = new Map([["/favicon.ico", ["image/x-icon", ""]]]);
  for (const folder of new Set(folders)) {
    const page = `<!doctype html><meta charset="utf-8"><title>${folder}</title><script src="/${folder}.js"></script>`;
    files.set(`/${folder}`, ["text/html", page]);
    files.set(`/${folder}.js`, ["text/javascript", await bundle(folder)]);
  }
  return listen((request, response) => {
    const [type, text] = files.get(request.url) ?? [];
    response.writeHead(type ? 200 : 404, { "content-type": type ?? "text/plain", "cache-control": "no-store" });
    response.end(text ?? "");
  });
}

/** An origin that allows no other: `{ origin, methods, close() }`, where `methods` are those of the requests it got. */
export async function serveStranger() {
  const methods = [];
  const server = await listen((request, response) => {
    methods.push(request.method);
    response.end("a secret");
  });
  return { ...server, methods };
}

async function listen(answer) {
  const server = createServer(answer);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const close = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}
