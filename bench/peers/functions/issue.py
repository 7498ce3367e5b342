"""The work of `issue-upload`, as a Python function with boto3 does it: verify the token, read the tenant, write record,
history and counter in one transaction, sign a form. The loop at the end is the least a Lambda runtime has to do."""

import base64
import hashlib
import http.client
import json
import os
import re
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ENV = os.environ
SESSION = dict(
    region_name=ENV["STORAGE_S3_REGION"],
    aws_access_key_id=ENV["STORAGE_S3_ACCESS_KEY"],
    aws_secret_access_key=ENV["STORAGE_S3_SECRET_KEY"],
)
DYNAMODB = boto3.client("dynamodb", endpoint_url=ENV["STORAGE_DYNAMODB_ENDPOINT"], **SESSION)
S3 = boto3.client(
    "s3",
    endpoint_url=ENV["STORAGE_S3_ENDPOINT"],
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    **SESSION,
)
TABLE = ENV["STORAGE_TABLE"]
LIFE_SECONDS = 900
MAX_BYTES = 1 << 30
CONTENT_TYPE = re.compile(r"^\w+/[\w.+-]+$")


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status = status
        self.code = code


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def public_key(jwk):
    x, y = (int.from_bytes(decode(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


KEYS = {jwk["kid"]: public_key(jwk) for jwk in json.loads(ENV["STORAGE_JWKS"])["keys"]}


def authenticate(header):
    scheme, _, token = (header or "").partition(" ")
    head, claims, signature = (token.split(".") + ["", "", ""])[:3]
    named = json.loads(decode(head))
    key = KEYS.get(named["kid"])
    if scheme.lower() != "bearer" or named["alg"] != "ES256" or key is None:
        raise Refused(401, "UNAUTHENTICATED")
    raw = decode(signature)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    try:
        key.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused(401, "UNAUTHENTICATED") from None
    caller = json.loads(decode(claims))
    if (caller["iss"], caller["aud"]) != (ENV["STORAGE_JWT_ISSUER"], ENV["STORAGE_JWT_AUDIENCE"]):
        raise Refused(401, "UNAUTHENTICATED")
    if caller["exp"] < time.time():
        raise Refused(401, "UNAUTHENTICATED")
    if not caller.get("tenant_uuid"):
        raise Refused(403, "TENANT_REQUIRED")
    return caller


def requested(event):
    text = event["body"]
    body = json.loads(base64.b64decode(text) if event["isBase64Encoded"] else text)
    filename, content_type, size = body["filename"], body["content_type"], body["size_bytes"]
    if not isinstance(filename, str) or not 0 < len(filename) <= 255 or not CONTENT_TYPE.match(content_type):
        raise Refused(400, "INVALID_REQUEST")
    if not isinstance(size, int) or not 0 < size <= MAX_BYTES:
        raise Refused(413, "FILE_TOO_LARGE")
    return filename, content_type, size


def text(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def handle(event):
    caller = authenticate(event["headers"].get("authorization"))
    filename, content_type, size = requested(event)
    tenant = caller["tenant_uuid"]
    found = DYNAMODB.get_item(
        TableName=TABLE, Key={"PK": {"S": f"T#{tenant}"}, "SK": {"S": "TENANT"}}, ConsistentRead=True
    )
    if found.get("Item", {}).get("state", {}).get("S") == "suspended":
        raise Refused(403, "TENANT_SUSPENDED")

    now = datetime.now(timezone.utc)
    file = str(uuid.uuid4())
    at, due = text(now), text(now + timedelta(seconds=LIFE_SECONDS))
    key = f"temp/uploads/{tenant}/{file}/{uuid.uuid4()}"
    shard = hashlib.sha256(file.encode()).digest()[0] % 8
    owned = {"M": {"kind": {"S": "user"}, "id": {"S": caller["sub"]}}}
    DYNAMODB.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": TABLE,
                    "ConditionExpression": "attribute_not_exists(PK)",
                    "Item": {
                        "PK": {"S": f"F#{tenant}#{file}"},
                        "SK": {"S": "FILE"},
                        "v": {"N": "1"},
                        "rev": {"N": "1"},
                        "tenant": {"S": tenant},
                        "file_id": {"S": file},
                        "state": {"S": "pending"},
                        "purpose": {"S": "attachment"},
                        "owner": owned,
                        "bucket": {"S": ENV["STORAGE_BUCKET"]},
                        "key_prefix": {"S": tenant},
                        "backend": {"S": "s3"},
                        "staging_bucket": {"S": ENV["STORAGE_SHARED_BUCKET"]},
                        "staging_key": {"S": key},
                        "original_filename": {"S": filename},
                        "max_bytes": {"N": str(size)},
                        "declared": {"M": {"content_type": {"S": content_type}, "size": {"N": str(size)}}},
                        "visibility": {"S": "private"},
                        "attempts": {"N": "0"},
                        "created_at": {"S": at},
                        "updated_at": {"S": at},
                        "expires_at": {"S": due},
                        "due_at": {"S": due},
                        "O": {"S": f"{tenant}#{caller['sub']}"},
                        "D": {"S": f"D#{shard % 4}"},
                    },
                }
            },
            {
                "Put": {
                    "TableName": TABLE,
                    "Item": {
                        "PK": {"S": f"F#{tenant}#{file}"},
                        "SK": {"S": f"E#{uuid.uuid4()}"},
                        "action": {"S": "issue"},
                        "actor": owned,
                        "at": {"S": at},
                        "ttl": {"N": str(int(now.timestamp()) + 400 * 86400)},
                    },
                }
            },
            {
                "Update": {
                    "TableName": TABLE,
                    "Key": {"PK": {"S": f"U#{tenant}#{shard}"}, "SK": {"S": "USAGE"}},
                    "UpdateExpression": "ADD changes :one, #c0 :size, #c1 :one",
                    "ExpressionAttributeNames": {"#c0": "attachment_reserved", "#c1": "attachment_files"},
                    "ExpressionAttributeValues": {":one": {"N": "1"}, ":size": {"N": str(size)}},
                }
            },
        ]
    )
    form = S3.generate_presigned_post(
        ENV["STORAGE_SHARED_BUCKET"],
        key,
        Fields={"Content-Type": content_type},
        Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, size]],
        ExpiresIn=LIFE_SECONDS,
    )
    return answer(
        201,
        {
            "file_id": file,
            "state": "pending",
            "method": "POST",
            "url": form["url"],
            "fields": form["fields"],
            "expires_at": due,
            "expires_in": LIFE_SECONDS,
        },
    )


def answer(status, body):
    headers = {"content-type": "application/json", "x-request-id": str(uuid.uuid4())}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def run():
    runtime = http.client.HTTPConnection(ENV["AWS_LAMBDA_RUNTIME_API"])
    path = "/2018-06-01/runtime/invocation/"
    while True:
        runtime.request("GET", path + "next")
        following = runtime.getresponse()
        event = json.loads(following.read())
        started = time.perf_counter()
        try:
            reply = handle(event)
        except Refused as error:
            reply = answer(error.status, {"error": {"code": error.code}})
        except Exception as error:  # The loop goes on, as that of Lambda does.
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            reply = answer(500, {"error": {"code": "INTERNAL"}})
        duration_ms = (time.perf_counter() - started) * 1000
        line = {"message": "request", "status": reply["statusCode"], "duration_ms": duration_ms}
        print(json.dumps(line), flush=True)
        request_id = following.getheader("lambda-runtime-aws-request-id")
        runtime.request("POST", f"{path}{request_id}/response", json.dumps(reply))
        runtime.getresponse().read()


run()
