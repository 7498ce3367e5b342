//! G62: every code that the documentation says a client can get is reached here, and no other can be.
//!
//! G61 and the shape of errors are checked on every answer of the whole suite, where answers are read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api_tests::{Answer, DOCUMENTED, Form, Issued, Person, TestApp, fresh_id, photo, sha256};
use bytes::Bytes;
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ports::Clock;
use storage_core::ports::MetadataStore;
use storage_core::record::FileState;
use storage_core::tenant::{TenantRecord, TenantState};
use storage_testkit::{images, records};

/// What clients are told of codes.
const ERRORS: &str = include_str!("../../../docs/ERRORS.md");

/// The codes of the table under a heading.
fn table(heading: &str) -> BTreeSet<String> {
    let (_, text) = ERRORS.split_once(heading).expect("the heading");
    let text = text.split("\n## ").next().unwrap_or_default();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

const PRESIGN: &str = "/api/v1/files/presigned-upload";

async fn issue(app: &TestApp, user: &Person, size: usize) -> Issued {
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": size });
    app.presign(user, PRESIGN, &body).await
}

async fn complete(app: &TestApp, user: &Person, issued: &Issued) -> Answer {
    app.post(user, &format!("/api/v1/files/{}/complete", issued.file), &Value::Null).await
}

async fn avatar(app: &TestApp, user: &Person, kind: &str, bytes: &[u8]) -> Answer {
    let form = Form::of_file("a.jpg", kind, bytes);
    app.call("POST", &format!("/api/v1/users/{}/avatar", user.id)).by(user).form(form).send().await
}

/// Requests that are wrong in themselves, or whose caller is.
async fn wrong_requests() -> Vec<Answer> {
    let app = TestApp::new();
    let user = app.user();
    let good = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let mut answers = vec![
        app.post(&user, PRESIGN, &with("size_bytes", json!(-1))).await,
        app.call("POST", PRESIGN).by(&user).bytes("application/json", "{").send().await,
        app.call("POST", PRESIGN).by(&user).bytes("text/plain", "{}").send().await,
        app.post(&user, PRESIGN, &with("state", json!("ready"))).await,
        app.post(&user, PRESIGN, &with("filename", json!(".."))).await,
        app.post(&user, PRESIGN, &with("expires_in", json!(0))).await,
        app.post(&user, PRESIGN, &with("size_bytes", json!(0))).await,
        app.post(&user, PRESIGN, &with("size_bytes", json!(1_u64 << 40))).await,
        app.get(&user, "/api/v1/files/x").await,
        app.get(&user, &format!("/api/v1/files/{}", fresh_id())).await,
        app.call("PUT", PRESIGN).by(&user).send().await,
        app.call("GET", "/api/v1/files/x").by(&user).header("x-long", &"a".repeat(10_300)).send().await,
        app.request("POST", PRESIGN, None, &good).await,
        app.delete(&user, &format!("/api/v1/users/{}/avatar", fresh_id())).await,
        app.call("POST", "/api/v1/upload")
            .by(&user)
            .header("content-type", "multipart/form-data; boundary=b")
            .send()
            .await,
        app.call("POST", PRESIGN).by(&user).header("x-tenant-id", &fresh_id()).json(&good).send().await,
    ];
    let file = app.text(&user, "a.txt", b"text").await;
    let patch = app.call("PATCH", &format!("/api/v1/files/{file}")).by(&user).header("if-match", "\"stale\"");
    answers.push(patch.json(&json!({ "filename": "b.txt" })).send().await);
    answers.push(app.get(&user, "/api/v1/files?cursor=x").await);
    let mut claims = app.claims(app.tenant, user.id);
    claims.as_object_mut().unwrap().remove("tenant_uuid");
    answers.push(app.request("POST", PRESIGN, Some(&app.sign(&claims)), &good).await);
    for key in [&good, &with("size_bytes", json!(5))] {
        answers
            .push(app.call("POST", PRESIGN).by(&user).header("idempotency-key", "k").json(key).send().await);
    }
    for _ in 0..2 {
        answers.push(app.post(&user, PRESIGN, &with("external_id", json!("e"))).await);
    }
    for state in [TenantState::Suspended, TenantState::Creating] {
        let record = TenantRecord {
            state,
            slug: storage_core::ids::TenantSlug::parse("acme").unwrap(),
            ..records::sample_tenant(app.tenant)
        };
        app.store.put_tenant(&record).await.unwrap();
        answers.push(app.post(&user, PRESIGN, &good).await);
    }
    app.clock.advance(Duration::from_secs(3600 + 31));
    answers.push(app.post(&user, PRESIGN, &good).await);
    answers
}

/// Bytes that are not what they should be.
async fn wrong_bytes() -> Vec<Answer> {
    let app = TestApp::new();
    let user = app.user();
    let jpeg = photo(32, 1);
    let mut answers = vec![
        avatar(&app, &user, "image/jpeg", &jpeg[..20]).await,
        avatar(&app, &user, "image/jpeg", &images::with_declared_size(&jpeg, 64_250, 64_250)).await,
        avatar(&app, &user, "image/png", &jpeg).await,
        avatar(&app, &user, "image/jpeg", &jpeg).await.is(201),
        app.get(&user, &format!("/api/v1/users/{}/avatar?size=original&format=webp", user.id)).await,
    ];
    let digest = Form::of_file("a.txt", "text/plain", b"text").field("sha256", &sha256(b"other"));
    answers.push(app.call("POST", "/api/v1/upload").by(&user).form(digest).send().await);

    let issued = issue(&app, &user, 4).await;
    answers.push(complete(&app, &user, &issued).await);
    answers.push(app.get(&user, &format!("/api/v1/files/{}/download", issued.file)).await);
    app.put(&issued.staging, b"longer").await;
    answers.push(complete(&app, &user, &issued).await);

    // The bytes change each time just before they are copied.
    let app = Arc::new(TestApp::new());
    let user = app.user();
    let issued = issue(&app, &user, 4).await;
    app.put(&issued.staging, b"aaaa").await;
    for (nth, bytes) in [(1, b"bbbb"), (2, b"cccc"), (3, b"dddd")] {
        let (inner, staging) = (app.clone(), issued.staging.clone());
        app.storage_faults.before("copy", nth, move || async move { inner.put(&staging, bytes).await });
    }
    answers.push(complete(&app, &user, &issued).await);
    answers
}

/// Files and installations in states that refuse.
async fn wrong_states() -> Vec<Answer> {
    let app = TestApp::new();
    let user = app.user();
    let ready = issue(&app, &user, 4).await;
    app.post_form(&ready, b"text").await.unwrap();
    complete(&app, &user, &ready).await.is(200);
    let download = format!("/api/v1/files/{}/download", ready.file);
    let mut answers = Vec::new();
    app.alter(&ready.file, |record| record.legal_hold = true).await;
    answers.push(app.delete(&user, &format!("/api/v1/files/{}", ready.file)).await);
    app.alter(&ready.file, |record| record.state = FileState::Quarantined).await;
    answers.push(app.get(&user, &download).await);
    app.alter(&ready.file, |record| (record.state, record.final_key) = (FileState::Ready, None)).await;
    answers.push(app.get(&user, &download).await);

    // Five workers in a row die, and the sixth is told that it is over.
    let issued = issue(&app, &user, 4).await;
    app.post_form(&issued, b"text").await.unwrap();
    app.storage_faults.fail("copy", 1, ErrorKind::StorageUnavailable);
    answers.push(complete(&app, &user, &issued).await);
    let now = app.clock.now();
    app.alter(&issued.file, |record| (record.attempts, record.lease_until) = (5, Some(now))).await;
    answers.push(complete(&app, &user, &issued).await);

    // A disk that is full, as the local backend has one: there may be room later, so the file is not refused for good.
    app.storage_faults.fail("put", 1, ErrorKind::QuotaExceeded);
    let form = Form::of_file("a.txt", "text/plain", b"text");
    let full = app.call("POST", "/api/v1/upload").by(&user).form(form).send().await;
    answers.push(full.refused(503, "STORAGE_UNAVAILABLE", "a full disk"));

    app.store.set_available(false);
    answers.push(app.get(&user, &download).await);
    let off = TestApp::with(&[("STORAGE_ENABLED", "false")]);
    answers.push(off.get(&off.user(), &download).await);

    // A second request with the key of one that is still running.
    let app = Arc::new(TestApp::new());
    let user = app.user();
    let send = |app: Arc<TestApp>, user: Person| async move {
        let form = Form::of_file("a.txt", "text/plain", b"text");
        app.call("POST", "/api/v1/upload").by(&user).header("idempotency-key", "k").form(form).send().await
    };
    let second: Arc<tokio::sync::Mutex<Option<Answer>>> = Arc::default();
    let (inner, caller, slot) = (app.clone(), user.clone(), second.clone());
    app.storage_faults.before("put", 1, move || async move {
        *slot.lock().await = Some(send(inner, caller).await);
    });
    send(app.clone(), user).await.is(201);
    answers.push(second.lock().await.take().expect("the second request was sent"));
    assert_eq!(app.store.files().len(), 1);
    answers
}

#[tokio::test]
async fn g62_every_code_of_these_routes_is_reached() {
    let answers = [wrong_requests().await, wrong_bytes().await, wrong_states().await].concat();
    let seen: BTreeSet<String> = answers.iter().map(Answer::code).filter(|code| !code.is_empty()).collect();
    assert_eq!(seen, table("\n## The codes\n"), "what is reached is what is documented as reachable");
    let kept = table("\n## Codes that no route answers with yet\n");
    assert!(seen.is_disjoint(&kept), "{kept:?}");
    let all: BTreeSet<String> = ErrorKind::ALL.iter().map(|kind| kind.code().to_owned()).collect();
    assert_eq!(seen.union(&kept).cloned().collect::<BTreeSet<_>>(), all, "each code is in one of the tables");
}

/// The closed list of the documentation is that of the code.
#[test]
fn g62_the_documented_list_is_the_closed_list() {
    let documented: Vec<&str> = DOCUMENTED.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
    let known: BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(documented.len(), known.len());
    assert_eq!(documented.into_iter().collect::<BTreeSet<_>>(), known);
}

/// G61 can fail: an error that showed what is inside would be noticed.
#[tokio::test]
async fn g61_causes_that_hold_names_do_not_reach_the_client() {
    let app = TestApp::new();
    let user = app.user();
    app.storage_faults.fail("put", 1, ErrorKind::StorageUnavailable);
    let form = Form::of_file("a.txt", "text/plain", b"text");
    let answer = app.call("POST", "/api/v1/upload").by(&user).form(form).send().await;
    answer.refused(503, "STORAGE_UNAVAILABLE", "a put that fails");
    assert!(
        app.storage_faults.lines().iter().any(|line| line.contains("canary-files/")),
        "the cause named the bucket"
    );
    let body =
        Bytes::from_static(b"{\"<script>\":1,\"filename\":\"a\",\"content_type\":\"a/b\",\"size_bytes\":1}");
    let answer = app.call("POST", PRESIGN).by(&user).bytes("application/json", body).send().await;
    let shown = answer.refused(400, "UNKNOWN_FIELD", "a name that is markup").anonymous_body();
    assert!(!shown.contains("script"), "{shown}");
}
