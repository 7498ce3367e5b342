// Runs in the page: the client of clients/typescript, as an application would use it.
import { StowageError, answered, createStowage } from "../../../clients/typescript/src/index.ts";
import { blocks } from "./content.js";

const made = ({ name, type, ...content }) => new File([...blocks(content)], name, { type });

const acts = {
  /** A file from its upload to its end. */
  async live({ api, upload }, file) {
    const record = await upload(made(file), { purpose: "attachment", metadata: { album: "7" } });
    const path = { id: record.file_id };
    const stored = (await (await fetch(record.url)).blob()).size;
    const { files } = answered(await api.GET("/api/v1/files", { params: { query: { limit: 100 } } }));
    const patched = await api.PATCH("/api/v1/files/{id}", { params: { path }, body: { filename: "renamed.txt" } });
    await api.DELETE("/api/v1/files/{id}", { params: { path, query: { permanent: true } } });
    const gone = await api.GET("/api/v1/files/{id}", { params: { path } });
    return {
      record,
      stored,
      listed: files.map(({ file_id }) => file_id),
      renamed: answered(patched).filename,
      after: { status: gone.response.status, code: gone.error.error.code },
    };
  },

  async large({ upload }, file) {
    const progress = [];
    const record = await upload(made(file), { onProgress: (sent) => progress.push(sent) });
    return { record, progress };
  },

  async refused({ upload }, file) {
    try {
      return await upload(made(file));
    } catch (error) {
      return { status: error.status, code: error.code, named: error instanceof StowageError };
    }
  },
};

window.client = (baseUrl, token, act, parameters) =>
  acts[act](createStowage({ baseUrl, token: async () => token }), ...parameters);
