// The work of `resolve-url` for one file, as a Node function with the AWS SDK does it: verify the token, read the tenant,
// read the record, check whose it is, sign a URL. The loop at the end is the least a Lambda runtime has to do.
import { createPublicKey, randomUUID, verify } from "node:crypto";
import http from "node:http";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const env = process.env;
const region = env.STORAGE_S3_REGION;
const credentials = { accessKeyId: env.STORAGE_S3_ACCESS_KEY, secretAccessKey: env.STORAGE_S3_SECRET_KEY };
const dynamodb = new DynamoDBClient({ region, credentials, endpoint: env.STORAGE_DYNAMODB_ENDPOINT });
const s3 = new S3Client({ region, credentials, endpoint: env.STORAGE_S3_ENDPOINT, forcePathStyle: true });
const keys = new Map(
  JSON.parse(env.STORAGE_JWKS).keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: "jwk" })]),
);
const table = env.STORAGE_TABLE;
const LIFE_SECONDS = 3600;
const PATH = /^\/api\/v1\/files\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

function authenticate(header) {
  const token = /^bearer (.+)$/i.exec(header ?? "")?.[1] ?? "";
  const [head, claims, signature] = token.split(".");
  const read = (part) => JSON.parse(Buffer.from(part ?? "", "base64url"));
  const { alg, kid } = read(head);
  const key = keys.get(kid);
  const signed = Buffer.from(`${head}.${claims}`);
  const good =
    alg === "ES256" &&
    key &&
    verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature ?? "", "base64url"));
  if (!good) throw new Refused(401, "UNAUTHENTICATED");
  const caller = read(claims);
  const now = Date.now() / 1000;
  if (caller.iss !== env.STORAGE_JWT_ISSUER || caller.aud !== env.STORAGE_JWT_AUDIENCE || caller.exp < now) {
    throw new Refused(401, "UNAUTHENTICATED");
  }
  if (!caller.tenant_uuid) throw new Refused(403, "TENANT_REQUIRED");
  return caller;
}

async function read(partition, range) {
  const Key = { PK: { S: partition }, SK: { S: range } };
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
  return Item;
}

async function handle(event) {
  const caller = authenticate(event.headers.authorization);
  const id = PATH.exec(event.rawPath)?.[1];
  if (!id) throw new Refused(400, "INVALID_REQUEST");
  const tenant = caller.tenant_uuid;
  const placed = await read(`T#${tenant}`, "TENANT");
  if (placed?.state?.S === "suspended") throw new Refused(403, "TENANT_SUSPENDED");
  const record = await read(`F#${tenant}#${id}`, "FILE");
  if (!record || record.owner.S !== caller.sub || ["deleting", "deleted"].includes(record.state.S)) {
    throw new Refused(404, "NOT_FOUND");
  }
  const view = {
    file_id: id,
    state: record.state.S,
    purpose: record.purpose.S,
    owner_id: record.owner.S,
    filename: record.original_filename?.S,
    content_type: record.content_type?.S ?? record.declared.M.content_type.S,
    size_bytes: record.size && Number(record.size.N),
    sha256: record.sha256?.S,
    checksum_crc64nvme: record.checksum_crc64nvme?.S,
    is_public: record.visibility.S === "public",
    metadata: record.metadata?.M,
    created_at: record.created_at.S,
    updated_at: record.updated_at.S,
  };
  if (view.state === "ready") {
    const object = new GetObjectCommand({ Bucket: record.bucket.S, Key: record.final_key.S });
    view.expires_at = new Date(Date.now() + LIFE_SECONDS * 1000).toISOString();
    view.url = await getSignedUrl(s3, object, { expiresIn: LIFE_SECONDS });
  }
  return answer(200, view, { etag: `"${id.replaceAll("-", "")}-${record.rev.N}"` });
}

function answer(status, body, more) {
  const headers = { "content-type": "application/json", "x-request-id": randomUUID(), ...more };
  return { statusCode: status, headers, body: JSON.stringify(body), isBase64Encoded: false };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [hostname, port] = env.AWS_LAMBDA_RUNTIME_API.split(":");

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const options = { hostname, port, agent, method, headers, path: `/2018-06-01/runtime/invocation/${path}` };
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function run() {
  for (;;) {
    const next = await call("GET", "next");
    const started = process.hrtime.bigint();
    let reply;
    try {
      reply = await handle(JSON.parse(next.body));
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error.name, error.message);
      reply = answer(error.status ?? 500, { error: { code: error.code ?? "INTERNAL" } });
    }
    const duration_ms = Number(process.hrtime.bigint() - started) / 1e6;
    console.log(JSON.stringify({ message: "request", status: reply.statusCode, duration_ms }));
    const id = next.headers["lambda-runtime-aws-request-id"];
    await call("POST", `${id}/response`, JSON.stringify(reply));
  }
}

run().catch((error) => {
  console.error(error);
  process.exit(1);
});
