"""The work of `resolve-url` for one file, as a Python function with boto3 does it: verify the token, read the tenant, read
the record, check whose it is, sign a URL. The loop at the end is the least a Lambda runtime has to do."""

import base64
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
LIFE_SECONDS = 3600
PATH = re.compile(r"/api/v1/files/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


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


def read(partition, sort):
    key = {"PK": {"S": partition}, "SK": {"S": sort}}
    return DYNAMODB.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")


def said(record, name):
    return record.get(name, {}).get("S")


def handle(event):
    caller = authenticate(event["headers"].get("authorization"))
    asked = PATH.fullmatch(event["rawPath"])
    if not asked:
        raise Refused(400, "INVALID_REQUEST")
    file, tenant = asked[1], caller["tenant_uuid"]
    placed = read(f"T#{tenant}", "TENANT")
    if placed and said(placed, "state") == "suspended":
        raise Refused(403, "TENANT_SUSPENDED")
    record = read(f"F#{tenant}#{file}", "FILE")
    gone = not record or said(record, "state") in ("deleting", "deleted")
    if gone or said(record, "owner") != caller["sub"]:
        raise Refused(404, "NOT_FOUND")
    view = {
        "file_id": file,
        "state": said(record, "state"),
        "purpose": said(record, "purpose"),
        "owner_id": said(record, "owner"),
        "filename": said(record, "original_filename"),
        "content_type": said(record, "content_type") or record["declared"]["M"]["content_type"]["S"],
        "size_bytes": int(record["size"]["N"]) if "size" in record else None,
        "sha256": said(record, "sha256"),
        "checksum_crc64nvme": said(record, "checksum_crc64nvme"),
        "is_public": said(record, "visibility") == "public",
        "created_at": said(record, "created_at"),
        "updated_at": said(record, "updated_at"),
    }
    if view["state"] == "ready":
        place = {"Bucket": said(record, "bucket"), "Key": said(record, "final_key")}
        ends = datetime.now(timezone.utc) + timedelta(seconds=LIFE_SECONDS)
        view["expires_at"] = ends.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        view["url"] = S3.generate_presigned_url("get_object", Params=place, ExpiresIn=LIFE_SECONDS)
    return answer(200, view, {"etag": f'"{file.replace("-", "")}-{record["rev"]["N"]}"'})


def answer(status, body, more=None):
    headers = {"content-type": "application/json", "x-request-id": str(uuid.uuid4()), **(more or {})}
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
