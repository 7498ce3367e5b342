//! Uploads in parts: what a client is led through, and what it cannot make of it.

use std::time::Duration;

use api_tests::{Answer, Issued, Person, TestApp};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ports::{
    Body, MetadataStore, MultipartBackend, ObjectRef, PutOptions, Transaction, UploadId, Write,
};
use storage_core::record::{FileRecord, FileState, MultipartUpload};
use storage_core::tenant::{TenantRecord, TenantState};
use storage_testkit::records;

const MIB: usize = 1024 * 1024;

/// An upload that has begun, as its client knows it.
struct Begun {
    id: String,
    key: String,
    issued: Issued,
    real: UploadId,
}

async fn begin(app: &TestApp, user: &Person, metadata: Value) -> Begun {
    let body = json!({ "filename": "film.bin", "type": "application/octet-stream", "metadata": metadata });
    let json = app.post(user, "/api/v1/s3/multipart", &body).await.is(200).json();
    let issued = Issued::from_parts(json["file_id"].as_str().unwrap(), json["key"].as_str().unwrap());
    let record = app.record(&issued.file).await;
    let real = UploadId(record.multipart.unwrap().upload_id.unwrap());
    assert!(!json.to_string().contains(&real.0), "the storage's own id stays here");
    Begun {
        id: json["uploadId"].as_str().unwrap().to_owned(),
        key: issued.staging.key.to_string(),
        issued,
        real,
    }
}

impl Begun {
    fn path(&self, rest: &str) -> String {
        format!("/api/v1/s3/multipart/{}{rest}", self.id)
    }

    async fn send(&self, app: &TestApp, number: u16, size: usize) -> Value {
        let body = Body::Bytes(vec![number as u8; size].into());
        let part = app.storage.upload_part(&self.issued.staging, &self.real, number, body).await.unwrap();
        json!({ "PartNumber": number, "ETag": part.etag.quoted() })
    }

    async fn complete(&self, app: &TestApp, user: &Person, parts: &[Value]) -> Answer {
        app.post(user, &self.path("/complete"), &json!({ "parts": parts })).await
    }
}

#[tokio::test]
async fn g22_parts_in_any_order_and_again_become_one_file() {
    let app = TestApp::new();
    let user = app.user();
    let size = 5 * MIB + 5 * MIB + 3;
    let upload =
        begin(&app, &user, json!({ "size": size, "camera": "x", "Key": "dropped", "gone": null })).await;
    let third = upload.send(&app, 3, 3).await;
    upload.send(&app, 1, 5 * MIB + 7).await;
    let first = upload.send(&app, 1, 5 * MIB).await;
    let second = upload.send(&app, 2, 5 * MIB).await;
    let listed = app.get(&user, &upload.path(&format!("?key={}", upload.key))).await.is(200).json();
    let sizes: Vec<_> = listed.as_array().unwrap().iter().map(|part| &part["Size"]).collect();
    assert_eq!(sizes, [5 * MIB, 5 * MIB, 3]);

    let unquoted = json!({ "PartNumber": 2, "ETag": second["ETag"].as_str().unwrap().trim_matches('"') });
    let done = upload.complete(&app, &user, &[first.clone(), unquoted, third.clone()]).await.is(200).json();
    assert_eq!(done["file_id"], upload.issued.file.as_str());
    assert_eq!(done["location"], format!("https://api.test/api/v1/files/{}", upload.issued.file));
    let again = upload.complete(&app, &user, &[first, second, third]).await.is(200).json();
    assert_eq!(done, again, "a lost answer is given again");
    // Nobody tells of an object that the function itself has put together, but the function.
    app.deliver_queued().await;
    let record = app.record(&upload.issued.file).await;
    assert_eq!((record.state, record.size), (FileState::Ready, Some(size as u64)));
    assert_eq!(record.metadata, [("camera".to_owned(), "x".to_owned())].into());
}

#[tokio::test]
async fn g22_lists_that_are_none_change_nothing() {
    let app = TestApp::new();
    let user = app.user();
    let upload = begin(&app, &user, json!({ "size": 5 * MIB + 1 })).await;
    let (first, second) = (upload.send(&app, 1, MIB).await, upload.send(&app, 2, 1).await);
    let part = |number: u64, etag: &Value| json!({ "PartNumber": number, "ETag": etag["ETag"] });
    let many: Vec<_> = (1..=10_001).map(|number| part(number, &first)).collect();
    for (parts, what) in [
        (vec![], "none"),
        (vec![second.clone(), first.clone()], "descending"),
        (vec![first.clone(), first.clone()], "twice"),
        (vec![part(0, &first)], "number 0"),
        (vec![part(10_001, &first)], "number 10,001"),
        (vec![part(70_000, &first)], "number 70,000"),
        (many, "10,001 parts"),
        (vec![first.clone(), part(3, &second)], "missing"),
        (vec![part(1, &second)], "another tag"),
        (vec![first.clone(), second.clone()], "a first part below 5 MiB"),
    ] {
        upload.complete(&app, &user, &parts).await.refused(400, "INVALID_REQUEST", what);
    }
    assert_eq!(app.record(&upload.issued.file).await.state, FileState::Pending);
    let first = upload.send(&app, 1, 5 * MIB).await;
    upload.complete(&app, &user, &[first, second]).await.is(200);
}

#[tokio::test]
async fn g22_an_abort_leaves_no_parts_and_can_be_repeated() {
    let app = TestApp::new();
    let user = app.user();
    let upload = begin(&app, &user, json!({ "size": 6 * MIB })).await;
    let part = upload.send(&app, 1, 6 * MIB).await;
    for _ in 0..2 {
        let answer = app.delete(&user, &upload.path(&format!("?key={}", upload.key))).await.is(200);
        assert_eq!(answer.json(), json!({}));
    }
    assert_eq!(app.storage.open_uploads(&upload.issued.staging).await.unwrap(), []);
    app.get(&user, &upload.path("/1")).await.refused(409, "STATE_CONFLICT", "signing after an abort");
    upload.complete(&app, &user, &[part]).await.refused(409, "STATE_CONFLICT", "completing after an abort");
    assert_eq!(app.record(&upload.issued.file).await.state, FileState::Deleting);
}

#[tokio::test]
async fn g22_an_upload_that_is_never_finished_loses_its_parts() {
    let app = TestApp::new();
    let user = app.user();
    let upload = begin(&app, &user, json!({})).await;
    upload.send(&app, 1, 6 * MIB).await;
    app.clock.advance(Duration::from_secs(24 * 3600));
    app.sweep_later().await;
    app.sweep_later().await;
    assert_eq!(app.storage.open_uploads(&upload.issued.staging).await.unwrap(), []);
    let state = app.record(&upload.issued.file).await.state;
    assert!(matches!(state, FileState::Deleting | FileState::Deleted), "{state}");
}

#[tokio::test]
async fn g16_parts_beyond_what_was_declared_end_the_upload() {
    let app = TestApp::with(&[("STORAGE_ATTACHMENT_MAX_BYTES", "6291456")]);
    let user = app.user();
    let upload = begin(&app, &user, json!({})).await;
    let parts = [upload.send(&app, 1, 5 * MIB).await, upload.send(&app, 2, MIB + 1).await];
    let refused = upload.complete(&app, &user, &parts).await.refused(413, "PAYLOAD_TOO_LARGE", "too large");
    assert_eq!(refused.json()["error"]["details"]["max_bytes"], 6 * MIB);
    let record = app.record(&upload.issued.file).await;
    assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::PayloadTooLarge)));
    assert_eq!(app.storage.open_uploads(&upload.issued.staging).await.unwrap(), []);
    let declared = json!({ "filename": "a", "type": "text/plain", "metadata": { "size": 6 * MIB + 1 } });
    app.post(&user, "/api/v1/s3/multipart", &declared).await.refused(413, "PAYLOAD_TOO_LARGE", "declared");
}

/// Everything that somebody else, another key, a late or a changed name could reach: nothing.
#[tokio::test]
async fn g18_no_sealed_name_opens_what_it_was_not_made_for() {
    let app = TestApp::new();
    let (user, colleague) = (app.user(), app.user());
    let stranger = app.person(records::new_tenant(), &[]);
    let admin = app.person(app.tenant, &["storage:admin", "storage:service"]);
    let (own, other) = (begin(&app, &user, json!({})).await, begin(&app, &user, json!({})).await);
    let part = own.send(&app, 1, 5 * MIB).await;
    let before = app.storage.keys();
    let mut tries = 0;
    for (person, status, code) in
        [(&colleague, 404, "NOT_FOUND"), (&stranger, 404, "NOT_FOUND"), (&admin, 404, "NOT_FOUND")]
    {
        for (method, rest) in [("GET", ""), ("GET", "/1"), ("GET", "/batch?partNumbers=1"), ("DELETE", "")] {
            let answer = app.request(method, &own.path(rest), Some(&person.token), &Value::Null).await;
            answer.refused(status, code, &format!("{method} {rest}"));
            tries += 1;
        }
        own.complete(&app, person, std::slice::from_ref(&part)).await.refused(status, code, "complete");
    }
    // The key of another upload, even of one's own.
    for rest in ["", "/1", "/batch?partNumbers=1"] {
        let sign = if rest.contains('?') { '&' } else { '?' };
        let path = own.path(&format!("{rest}{sign}key={}", other.key));
        app.get(&user, &path).await.refused(403, "INVALID_SIGNATURE", &path);
        tries += 1;
    }
    // Numbers that no part has.
    for number in ["0", "10001", "70000", "-1", "1.5", "+1", "x", "%31%30%30%30%31"] {
        app.get(&user, &own.path(&format!("/{number}"))).await.refused(400, "INVALID_REQUEST", number);
        app.get(&user, &own.path(&format!("/batch?partNumbers=1,{number}"))).await.refused(
            400,
            "INVALID_REQUEST",
            number,
        );
        tries += 2;
    }
    // Any other text in its place, and a ticket.
    let ticket = app.post(&user, "/api/v1/uploads/tickets", &json!({})).await.is(201).json();
    let ticket = ticket["companion_endpoint"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let flipped: Vec<String> = (0..own.id.len())
        .step_by(7)
        .map(|at| {
            let mut text = own.id.clone().into_bytes();
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(text).unwrap()
        })
        .filter(|text| *text != own.id)
        .collect();
    for text in flipped.iter().chain([&ticket, &"x".to_owned(), &own.real.0]) {
        let path = format!("/api/v1/s3/multipart/{text}/1");
        app.get(&user, &path).await.refused(403, "INVALID_SIGNATURE", &path);
        tries += 1;
    }
    // Tickets: of another tenant, changed, expired, with a token beside it, and an upload's name in the place of one.
    let foreign = app.post(&stranger, "/api/v1/uploads/tickets", &json!({})).await.is(201).json();
    let foreign =
        foreign["companion_endpoint"].as_str().unwrap().strip_prefix("https://api.test").unwrap().to_owned();
    let call = |path: String| app.call("GET", &path).send();
    call(format!("{foreign}/s3/multipart/{}/1", own.id)).await.refused(
        404,
        "NOT_FOUND",
        "another tenant's ticket",
    );
    call(format!("/api/v1/u/{}/s3/params?filename=a", own.id)).await.refused(
        403,
        "INVALID_SIGNATURE",
        "no ticket",
    );
    app.get(&user, &format!("/api/v1/u/{ticket}/s3/params?filename=a")).await.refused(
        400,
        "INVALID_REQUEST",
        "a ticket and a token",
    );
    let short = app.post(&user, "/api/v1/uploads/tickets", &json!({ "expires_in": 5 })).await.is(201).json();
    let short =
        short["companion_endpoint"].as_str().unwrap().strip_prefix("https://api.test").unwrap().to_owned();
    call(format!("{short}/s3/multipart/{}", own.id)).await.is(200);
    app.clock.advance(Duration::from_secs(5));
    call(format!("{short}/s3/multipart/{}", own.id)).await.refused(403, "URL_EXPIRED", "an expired ticket");
    // After it is complete, nothing of it is signed or changed any more.
    own.complete(&app, &user, std::slice::from_ref(&part)).await.is(200);
    app.deliver_event(&own.issued.staging).await;
    let served = app.record(&own.issued.file).await;
    assert_eq!(served.state, FileState::Ready);
    for rest in ["", "/1", "/2", "/batch?partNumbers=2"] {
        app.get(&user, &own.path(rest)).await.refused(409, "STATE_CONFLICT", "a replay after complete");
    }
    app.delete(&user, &own.path("")).await.refused(409, "STATE_CONFLICT", "an abort after complete");
    own.complete(&app, &user, &[json!({ "PartNumber": 1, "ETag": "x" })]).await.is(200);
    assert_eq!(app.record(&own.issued.file).await, served);
    // A day later the name is worth nothing.
    app.clock.advance(Duration::from_secs(24 * 3600));
    let late = app.person(app.tenant, &[]);
    app.get(&late, &other.path("/1")).await.refused(403, "URL_EXPIRED", "an old name");
    assert!(tries > 100, "{tries}");
    assert!(before.iter().all(|key| !key.starts_with(api_tests::BUCKET)), "{before:?}");
}

#[tokio::test]
async fn g18_raw_calls_are_signed_for_the_principals_own_key_only() {
    let app = TestApp::new();
    let (user, colleague) = (app.user(), app.user());
    let sign = "/api/v1/s3/sign";
    let begun = app.post(&user, sign, &json!({ "method": "POST", "key": "x-film.mp4" })).await.is(200).json();
    let key = begun["key"].as_str().unwrap();
    assert!(key.starts_with("temp/uploads/"));
    let later = |method: &str| json!({ "method": method, "key": key, "uploadId": "real" });
    let mut part = later("PUT");
    // 100 MB are at most 20 parts of 5 MB.
    part["partNumber"] = json!(20);
    for body in [later("GET"), later("POST"), later("DELETE"), part.clone()] {
        let signed = app.post(&user, sign, &body).await.is(200).json();
        assert_eq!(signed["key"], key);
        app.post(&colleague, sign, &body).await.refused(404, "NOT_FOUND", "somebody else's");
    }
    for number in [21, 10_000, 10_001] {
        part["partNumber"] = json!(number);
        app.post(&user, sign, &part).await.refused(400, "INVALID_REQUEST", &format!("part {number}"));
    }
    for bad in [
        json!({ "method": "GET", "key": key }),
        json!({ "method": "DELETE", "key": key }),
        json!({ "method": "PUT", "key": key, "partNumber": 1 }),
        json!({ "method": "PUT", "key": key, "uploadId": "real" }),
        json!({ "method": "HEAD", "key": key, "uploadId": "real" }),
    ] {
        app.post(&user, sign, &bad).await.refused(400, "INVALID_REQUEST", &bad.to_string());
    }
    // A form's upload, a final key and a made-up one are no uploads in parts.
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let form = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    for other in [form.staging.key.as_str(), "private/attachments/2026/01/x.bin", &key[..key.len() - 1]] {
        let body = json!({ "method": "GET", "key": other, "uploadId": "real" });
        app.post(&user, sign, &body).await.refused(404, "NOT_FOUND", other);
    }
    let form =
        json!({ "method": "PUT", "key": "x", "filename": "a.txt", "contentType": "text/plain", "size": 4 });
    let form = app.post(&user, sign, &form).await.is(200).json();
    assert_eq!(form["fields"]["key"], form["key"], "whoever says a type gets a form");
}

/// G16: nobody is given addresses for more bytes than the upload may have.
#[tokio::test]
async fn g16_no_more_parts_are_signed_than_the_upload_can_have() {
    let app = TestApp::new();
    let user = app.user();
    let upload = begin(&app, &user, json!({ "size": 11 * MIB })).await;
    for number in [1, 2, 3] {
        app.get(&user, &upload.path(&format!("/{number}"))).await.is(200);
    }
    app.get(&user, &upload.path("/4")).await.refused(400, "INVALID_REQUEST", "a part too many");
    app.get(&user, &upload.path("/batch?partNumbers=1,4")).await.refused(
        400,
        "INVALID_REQUEST",
        "in a batch",
    );
}

/// J19: a suspended tenant does not go on with uploads that it began before.
#[tokio::test]
async fn j19_a_suspended_tenant_does_not_go_on_with_uploads() {
    let app = TestApp::new();
    let user = app.user();
    let upload = begin(&app, &user, json!({ "size": 3 })).await;
    let sign = "/api/v1/s3/sign";
    let raw = app.post(&user, sign, &json!({ "method": "POST", "key": "x.bin" })).await.is(200).json();
    let part = upload.send(&app, 1, 3).await;
    let tenant = TenantRecord { state: TenantState::Suspended, ..records::sample_tenant(app.tenant) };
    app.store.put_tenant(&tenant).await.unwrap();
    let code = (403, "TENANT_SUSPENDED");
    for rest in ["", "/1", "/batch?partNumbers=1"] {
        app.get(&user, &upload.path(rest)).await.refused(code.0, code.1, rest);
    }
    upload.complete(&app, &user, std::slice::from_ref(&part)).await.refused(code.0, code.1, "complete");
    let call = json!({ "method": "GET", "key": raw["key"], "uploadId": "real" });
    app.post(&user, sign, &call).await.refused(code.0, code.1, "a raw call");
    assert_eq!(app.record(&upload.issued.file).await.state, FileState::Pending);
}

/// G21: whoever comes second with a key goes on with the upload that the first was told of.
#[tokio::test]
async fn g21_an_upload_that_was_begun_twice_at_one_moment_is_one() {
    let app = TestApp::with(&[
        ("STORAGE_POST_MAX_BYTES", "1048576"),
        ("STORAGE_ATTACHMENT_MAX_BYTES", "1073741824"),
    ]);
    let user = app.user();
    let body =
        json!({ "filename": "a.bin", "content_type": "application/octet-stream", "size_bytes": 6 * MIB });
    // Another request with the key writes its upload down just before this one does.
    let (store, storage, tenant) = (app.store.clone(), app.storage.clone(), app.tenant);
    app.store_faults.before("commit", 2, move || async move {
        let found = store.files().into_iter().find(|record| record.tenant == tenant).unwrap();
        let staging = ObjectRef::new(found.staging_bucket.clone(), found.staging_key.clone().unwrap());
        let upload = storage.create(&staging, PutOptions::default()).await.unwrap();
        let multipart = Some(MultipartUpload { upload_id: Some(upload.0), part_size: Some(16 << 20) });
        let record = FileRecord { multipart, rev: found.rev + 1, ..found };
        store.commit(Transaction::new(vec![Write::UpdateFile(Box::new(record))])).await.unwrap();
    });
    let issued = app.post(&user, "/api/v1/files/presigned-upload", &body).await.is(201).json();
    let record = app.record(issued["file_id"].as_str().unwrap()).await;
    let staging = ObjectRef::new(record.staging_bucket.clone(), record.staging_key.clone().unwrap());
    let known = UploadId(record.multipart.unwrap().upload_id.unwrap());
    assert_eq!(
        app.storage.open_uploads(&staging).await.unwrap(),
        std::slice::from_ref(&known),
        "its own is gone"
    );
    let path = format!("/api/v1/s3/multipart/{}", issued["multipart"]["upload_id"].as_str().unwrap());
    assert_eq!(app.get(&user, &path).await.is(200).json(), json!([]));
}

/// G17, G21: a large file is issued in parts, and again for the same key.
#[tokio::test]
async fn g21_an_upload_too_large_for_a_form_is_issued_in_parts_once() {
    let app = TestApp::with(&[
        ("STORAGE_POST_MAX_BYTES", "1048576"),
        ("STORAGE_ATTACHMENT_MAX_BYTES", "1073741824"),
    ]);
    let user = app.user();
    let issue = "/api/v1/files/presigned-upload";
    let body =
        json!({ "filename": "a.bin", "content_type": "application/octet-stream", "size_bytes": 40 * MIB });
    let send = async || {
        app.call("POST", issue)
            .by(&user)
            .header("idempotency-key", "k")
            .json(&body)
            .send()
            .await
            .is(201)
            .json()
    };
    let (first, again) = (send().await, send().await);
    assert_eq!(first["file_id"], again["file_id"]);
    assert_eq!(first["multipart"]["part_size"], 16 * MIB);
    assert_eq!(first["multipart"]["part_count"], 3);
    assert!(first.get("upload_url").is_none() && first.get("upload_fields").is_none());
    assert_eq!(first["expires_in"], 24 * 3600);
    let staging =
        Issued::from_parts(first["file_id"].as_str().unwrap(), first["key"].as_str().unwrap()).staging;
    assert_eq!(app.storage.open_uploads(&staging).await.unwrap().len(), 1);
    let path = format!(
        "/api/v1/s3/multipart/{}/batch?partNumbers=1,2,3",
        again["multipart"]["upload_id"].as_str().unwrap()
    );
    let urls = app.get(&user, &path).await.is(200).json();
    assert_eq!(urls["presignedUrls"].as_object().unwrap().len(), 3);

    let batch = json!({ "files": [body, { "filename": "a", "content_type": "text/plain", "size_bytes": 3 },
        { "filename": "a", "content_type": "text/plain", "size_bytes": 0 }] });
    let files = app.post(&user, issue, &batch).await.is(201).json()["files"].clone();
    assert!(files[0]["multipart"].is_object() && files[1]["upload_url"].is_string());
    assert_eq!(files[2], json!({ "error": "EMPTY_FILE" }));
    for bad in [json!({ "files": [] }), json!({ "files": vec![body.clone(); 101] })] {
        app.post(&user, issue, &bad).await.refused(400, "INVALID_REQUEST", "a batch of none or too many");
    }
}

#[tokio::test]
async fn tickets_hold_uploads_to_their_bounds() {
    let app = TestApp::new();
    let user = app.user();
    let asked = json!({ "purpose": "avatar.user", "entity_id": user.id, "is_public": true });
    let ticket = app.post(&user, "/api/v1/uploads/tickets", &asked).await.is(201).json();
    let base =
        ticket["companion_endpoint"].as_str().unwrap().strip_prefix("https://api.test").unwrap().to_owned();
    let params = |query: &str| {
        let path = format!("{base}/s3/params?{query}");
        async move { path }
    };
    let send = async |query: &str| {
        let path = params(query).await;
        app.call("GET", &path).send().await
    };
    let issued = send("filename=me.png&type=image%2Fpng&metadata%5Bsize%5D=10&metadata%5Bname%5D=me.png")
        .await
        .is(200);
    let record = app.record(issued.json()["file_id"].as_str().unwrap()).await;
    assert_eq!((record.purpose.as_str(), record.declared.size), ("avatar.user", Some(10)));
    assert_eq!(record.visibility.as_str(), "public");
    send("filename=a.html&type=text%2Fhtml").await.refused(415, "UNSUPPORTED_MEDIA_TYPE", "no image");
    send("filename=a.png&type=image%2Fpng&metadata%5Bpurpose%5D=attachment").await.refused(
        403,
        "FORBIDDEN",
        "purpose",
    );
    send("filename=a.png&type=image%2Fpng&metadata%5Bis_public%5D=false").await.refused(
        403,
        "FORBIDDEN",
        "private",
    );
    send("filename=a.png&other=1").await.refused(400, "INVALID_REQUEST", "an unknown name");
    let foreign = json!({ "purpose": "avatar.user", "entity_id": app.user().id });
    app.post(&user, "/api/v1/uploads/tickets", &foreign).await.refused(
        403,
        "FORBIDDEN",
        "somebody else's avatar",
    );
    for expires_in in [json!(0), json!(86_401), json!("60"), json!(-1)] {
        let body = json!({ "expires_in": expires_in });
        app.post(&user, "/api/v1/uploads/tickets", &body).await.refused(400, "INVALID_EXPIRY", "expires_in");
    }
}

#[tokio::test]
async fn issuing_is_limited_by_caller_and_minute() {
    let app = TestApp::with(&[("STORAGE_ISSUES_PER_MINUTE", "3")]);
    let (user, other) = (app.user(), app.user());
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let issue = "/api/v1/files/presigned-upload";
    for _ in 0..3 {
        app.presign(&user, issue, &body).await;
    }
    let refused = app.post(&user, issue, &body).await.refused(429, "RATE_LIMITED", "the fourth");
    assert_eq!(refused.header("retry-after"), Some("1"));
    app.presign(&other, issue, &body).await;
    app.clock.advance(Duration::from_secs(60));
    app.presign(&user, issue, &body).await;
}
