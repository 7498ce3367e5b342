// The options of the plugin in each mode, as an application would write them.

/** The plugin's options for a setup; `fileOf` looks a file up in Uppy's state. */
export function options(setup, fileOf) {
  const { mode, form, api, token, endpoint, limit, multipart, multipartAbove, expire } = setup;
  const common = { limit };
  if (multipart !== undefined) common.shouldUseMultipart = multipart;
  if (multipartAbove) common.shouldUseMultipart = ({ size }) => size > multipartAbove;
  const age = once(expire);
  if (mode === "sign") {
    const proposed = new Map();
    return {
      ...common,
      generateObjectKey: (file) => {
        const key = `${crypto.randomUUID()}-${file.name}`;
        proposed.set(key, file.id);
        return key;
      },
      signRequest: async (request) => {
        // The plugin tells nothing of the file; the key that it was given by us finds it.
        const file = fileOf(proposed.get(request.key));
        const answer = await sign(api, token, { ...request, form, ...(file && described(file)) });
        return request.method === "PUT" && request.partNumber ? age(request.partNumber, answer) : answer;
      },
    };
  }
  if (expire) ageAnswers(age);
  const headers = mode === "bearer" ? { headers: { authorization: `Bearer ${token}` } } : {};
  return { ...common, ...headers, [endpoint.option]: endpoint.url };
}

function described({ meta: { name: filename, type: contentType, size, ...metadata } }) {
  return { filename, contentType, size, metadata };
}

async function sign(api, token, request) {
  const answer = await fetch(`${api}/api/v1/s3/sign`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.message), { status: answer.status });
  return body;
}

/** Replaces the URL of one part, once, by one that has expired; `signedYesterday` is Node's. */
function once(expire) {
  let left = expire ? 1 : 0;
  return async (part, answer) => {
    if (part !== expire?.part || left === 0) return answer;
    left -= 1;
    return { ...answer, url: await window.signedYesterday(answer.url) };
  };
}

/** The same for answers that the plugin fetches itself. */
function ageAnswers(age) {
  const fetched = window.fetch;
  window.fetch = async (...request) => {
    const answer = await fetched(...request);
    const part = /\/s3\/multipart\/[^/]+\/(\d+)\?/.exec(answer.url)?.[1];
    if (!part || !answer.ok) return answer;
    const { status, headers } = answer;
    return new Response(JSON.stringify(await age(Number(part), await answer.json())), { status, headers });
  };
}
