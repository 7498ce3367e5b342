"""Puts something into a stack to ask for, and prints what the run has to know as shell assignments.

    prepare.py dev.json photo.jpg folder

Writes `ids.txt` and `uploads.txt` into the folder, as lists that fuzzers read. Needs nothing but Python.
"""

import json
import sys
import urllib.request

READY = 60
UPLOADS = 6


def main(facts_path, photo_path, folder):
    with open(facts_path, encoding="utf-8") as file:
        facts = json.load(file)
    token = facts["tokens"]["admin"]

    def call(method, route, body=None, content_type="application/json"):
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        headers = {"Authorization": f"Bearer {token}"}
        if data is not None:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(f"{facts['api_url']}/api/v1{route}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def form(name, content_type, content):
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {content_type}'
        return head.encode() + b"\r\n\r\n" + content + b"\r\n--b--\r\n"

    def upload(route, *part):
        return call("POST", route, form(*part), "multipart/form-data; boundary=b")["file_id"]

    def issue(size):
        described = {"filename": "a.bin", "content_type": "application/octet-stream", "size_bytes": size}
        return call("POST", "/files/presigned-upload", described)

    ids = [upload("/files/upload", f"{number}.txt", "text/plain", b"text %d" % number) for number in range(READY)]
    trashed = [upload("/files/upload", "trashed.txt", "text/plain", b"trashed") for _ in range(6)]
    for file in trashed:
        call("DELETE", f"/files/{file}")
    with open(photo_path, "rb") as file:
        photo = file.read()
    for entity in (f"/users/{facts['user_id']}", f"/agents/{facts['agent_id']}"):
        ids.append(upload(f"{entity}/avatar", "photo.jpg", "image/jpeg", photo))
    pending = [issue(10)["file_id"] for _ in range(4)]
    begun = [issue(200 * 1024 * 1024) for _ in range(UPLOADS)]
    ids += trashed + pending + [one["file_id"] for one in begun] + [facts["user_id"], facts["agent_id"]] * 8
    uploads = [one["multipart"]["upload_id"] for one in begun]
    for name, lines in (("ids", ids), ("uploads", uploads)):
        with open(f"{folder}/{name}.txt", "w", encoding="utf-8") as file:
            file.writelines(f'"{line}"\n' for line in lines)
    ticket = call("POST", "/uploads/tickets", {})["companion_endpoint"].rsplit("/", 1)[1]
    known = {"API": facts["api_url"], "TOKEN": token, "TENANT": facts["tenant"]["uuid"], "TICKET": ticket}
    for name, value in known.items():
        print(f"export STOWAGE_{name}={value}")


main(*sys.argv[1:])
