// The work of `issue-upload`, as a Node function with the AWS SDK does it: verify the token, read the tenant, write record,
// history and counter in one transaction, sign a form. The loop at the end is the least a Lambda runtime has to do.
import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import http from "node:http";
import { DynamoDBClient, GetItemCommand, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";

const env = process.env;
const region = env.STORAGE_S3_REGION;
const credentials = { accessKeyId: env.STORAGE_S3_ACCESS_KEY, secretAccessKey: env.STORAGE_S3_SECRET_KEY };
const dynamodb = new DynamoDBClient({ region, credentials, endpoint: env.STORAGE_DYNAMODB_ENDPOINT });
const s3 = new S3Client({ region, credentials, endpoint: env.STORAGE_S3_ENDPOINT, forcePathStyle: true });
const keys = new Map(
  JSON.parse(env.STORAGE_JWKS).keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: "jwk" })]),
);
const table = env.STORAGE_TABLE;
const LIFE_SECONDS = 900;
const MAX_BYTES = 1 << 30;

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

function requested(event) {
  const text = event.isBase64Encoded ? Buffer.from(event.body ?? "", "base64").toString() : event.body;
  const body = JSON.parse(text);
  const { filename, content_type: type, size_bytes: size } = body;
  if (typeof filename !== "string" || !filename || filename.length > 255 || !/^\w+\/[\w.+-]+$/.test(type)) {
    throw new Refused(400, "INVALID_REQUEST");
  }
  if (!Number.isSafeInteger(size) || size < 1 || size > MAX_BYTES) throw new Refused(413, "FILE_TOO_LARGE");
  return { filename, type, size };
}

async function handle(event) {
  const caller = authenticate(event.headers.authorization);
  const { filename, type, size } = requested(event);
  const tenant = caller.tenant_uuid;
  const found = await dynamodb.send(
    new GetItemCommand({
      TableName: table,
      Key: { PK: { S: `T#${tenant}` }, SK: { S: "TENANT" } },
      ConsistentRead: true,
    }),
  );
  if (found.Item?.state?.S === "suspended") throw new Refused(403, "TENANT_SUSPENDED");

  const now = new Date();
  const id = randomUUID();
  const at = now.toISOString();
  const due = new Date(now.getTime() + LIFE_SECONDS * 1000).toISOString();
  const key = `temp/uploads/${tenant}/${id}/${randomUUID()}`;
  const shard = createHash("sha256").update(id).digest()[0] % 8;
  const owned = { M: { kind: { S: "user" }, id: { S: caller.sub } } };
  await dynamodb.send(
    new TransactWriteItemsCommand({
      TransactItems: [
        {
          Put: {
            TableName: table,
            ConditionExpression: "attribute_not_exists(PK)",
            Item: {
              PK: { S: `F#${tenant}#${id}` },
              SK: { S: "FILE" },
              v: { N: "1" },
              rev: { N: "1" },
              tenant: { S: tenant },
              file_id: { S: id },
              state: { S: "pending" },
              purpose: { S: "attachment" },
              owner: owned,
              bucket: { S: env.STORAGE_BUCKET },
              key_prefix: { S: tenant },
              backend: { S: "s3" },
              staging_bucket: { S: env.STORAGE_SHARED_BUCKET },
              staging_key: { S: key },
              original_filename: { S: filename },
              max_bytes: { N: String(size) },
              declared: { M: { content_type: { S: type }, size: { N: String(size) } } },
              visibility: { S: "private" },
              attempts: { N: "0" },
              created_at: { S: at },
              updated_at: { S: at },
              expires_at: { S: due },
              due_at: { S: due },
              O: { S: `${tenant}#${caller.sub}` },
              D: { S: `D#${shard % 4}` },
            },
          },
        },
        {
          Put: {
            TableName: table,
            Item: {
              PK: { S: `F#${tenant}#${id}` },
              SK: { S: `E#${randomUUID()}` },
              action: { S: "issue" },
              actor: owned,
              at: { S: at },
              ttl: { N: String(Math.floor(now.getTime() / 1000) + 400 * 86400) },
            },
          },
        },
        {
          Update: {
            TableName: table,
            Key: { PK: { S: `U#${tenant}#${shard}` }, SK: { S: "USAGE" } },
            UpdateExpression: "ADD changes :one, #c0 :size, #c1 :one",
            ExpressionAttributeNames: { "#c0": "attachment_reserved", "#c1": "attachment_files" },
            ExpressionAttributeValues: { ":one": { N: "1" }, ":size": { N: String(size) } },
          },
        },
      ],
    }),
  );
  const form = await createPresignedPost(s3, {
    Bucket: env.STORAGE_SHARED_BUCKET,
    Key: key,
    Fields: { "Content-Type": type },
    Conditions: [["content-length-range", 1, size]],
    Expires: LIFE_SECONDS,
  });
  return answer(201, {
    file_id: id,
    state: "pending",
    method: "POST",
    url: form.url,
    fields: form.fields,
    expires_at: due,
    expires_in: LIFE_SECONDS,
  });
}

function answer(status, body) {
  const headers = { "content-type": "application/json", "x-request-id": randomUUID() };
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
