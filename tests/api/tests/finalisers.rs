//! Event, `complete`, both at once, or only one of them: whoever ingests, the result is the same and there is one.

use std::collections::BTreeSet;
use std::sync::Arc;

use api_tests::{Issued, Person, TestApp, photo};
use bytes::Bytes;
use serde_json::{Value, json};
use storage_core::record::FileRecord;

/// An avatar whose bytes lie on staging.
async fn uploaded(app: &TestApp, user: &Person, bytes: &Bytes) -> Issued {
    let body = json!({ "filename": "me.jpg", "content_type": "image/jpeg", "size_bytes": bytes.len() });
    let issued = app.presign(user, &format!("/api/v1/users/{}/avatar", user.id), &body).await;
    app.post_form(&issued, bytes).await.unwrap();
    issued
}

async fn complete(app: &TestApp, user: &Person, file: &str) -> api_tests::Answer {
    app.post(user, &format!("/api/v1/files/{file}/complete"), &Value::Null).await
}

/// Everything a reader can tell about a ready avatar that does not depend on its ids.
fn essence(record: &FileRecord) -> Value {
    let variants: Vec<Value> = record
        .variants
        .iter()
        .chain(&record.webp)
        .map(|(size, variant)| {
            json!([size, variant.width, variant.height, variant.bytes, variant.etag.as_str()])
        })
        .collect();
    json!({
        "state": record.state.as_str(),
        "sha256": record.sha256,
        "source_sha256": record.source_sha256,
        "variants": variants,
        "inline": record.inline_small,
    })
}

/// G02 and the four orders of the issue: one result, whichever way it came about.
#[tokio::test]
async fn g02_event_first_complete_first_both_or_no_event_end_in_the_same_avatar() {
    let bytes = photo(200, 3);
    let mut results = BTreeSet::new();
    for order in [
        "event",
        "event complete",
        "complete event",
        "complete",
        "event event complete event complete",
        "sweep",
    ] {
        let app = TestApp::new();
        let user = app.user();
        let issued = uploaded(&app, &user, &bytes).await;
        for step in order.split(' ') {
            match step {
                "sweep" => app.sweep_later().await,
                "event" => assert!(app.deliver_event(&issued.staging).await.is_empty(), "{order}"),
                _ => assert_eq!(
                    complete(&app, &user, &issued.file).await.is(200).json()["state"],
                    "ready",
                    "{order}"
                ),
            }
        }
        assert_eq!(app.trail(&issued.file).await, ["issued", "claimed", "ready"], "{order}");
        results.insert(
            json!([app.keys(&[(&user.id, "user")]), essence(&app.record(&issued.file).await)]).to_string(),
        );
    }
    assert_eq!(results.len(), 1, "{results:#?}");
    assert!(results.first().unwrap().contains("\"state\":\"ready\""));
}

/// G03 over HTTP and events: fifty at once make one file, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g03_fifty_finalisers_at_once_make_one_file() {
    for seed in 0..6 {
        let app = Arc::new(TestApp::new());
        let user = app.user();
        let bytes = photo(64, seed);
        let issued = uploaded(&app, &user, &bytes).await;
        let mut workers = Vec::new();
        for index in 0..50 {
            let (app, user, issued) = (app.clone(), user.clone(), issued.clone());
            workers.push(tokio::spawn(async move {
                if index % 2 == 0 {
                    assert!(app.deliver_event(&issued.staging).await.is_empty());
                    return None;
                }
                let answer = complete(&app, &user, &issued.file).await;
                assert!(matches!(answer.status, 200 | 202), "{seed}: {answer:?}");
                (answer.status == 200).then(|| answer.json())
            }));
        }
        let mut bodies = BTreeSet::new();
        for worker in workers {
            bodies.extend(worker.await.unwrap().map(|body| body.to_string()));
        }
        bodies.insert(complete(&app, &user, &issued.file).await.is(200).json().to_string());
        assert_eq!(bodies.len(), 1, "{seed}: everybody who is told is told the same");
        assert_eq!(app.trail(&issued.file).await, ["issued", "claimed", "ready"], "{seed}");
        let record = app.record(&issued.file).await;
        assert_eq!(
            (record.attempts, record.source_sha256.as_deref()),
            (1, Some(&*api_tests::sha256(&bytes)))
        );
        assert_eq!(
            app.keys(&[]).len(),
            7,
            "{seed}: four sizes, three of them in two formats, and nothing on staging"
        );
        let commits = app.store_faults.lines().iter().filter(|line| line.contains("point users/")).count();
        assert!(commits >= 1, "{seed}: the pointer was set");
    }
}

/// G14: before any byte nothing changes, and afterwards the answer is the same however often it is asked for.
#[tokio::test]
async fn g14_complete_changes_nothing_before_the_bytes_and_nothing_twice() {
    let app = TestApp::new();
    let user = app.user();
    let bytes = Bytes::from_static(b"plain text\n");
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": bytes.len() });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    let before = (app.store.files(), app.trail(&issued.file).await);
    for _ in 0..3 {
        complete(&app, &user, &issued.file).await.refused(409, "UPLOAD_NOT_FOUND", "before any byte");
    }
    assert_eq!((app.store.files(), app.trail(&issued.file).await), before);
    assert_eq!(app.keys(&[]), Vec::<String>::new());

    app.post_form(&issued, &bytes).await.unwrap();
    let first = complete(&app, &user, &issued.file).await.is(200);
    let after = (app.store.files(), app.trail(&issued.file).await, app.keys(&[]));
    for _ in 0..3 {
        let again = complete(&app, &user, &issued.file).await.is(200);
        assert_eq!(again.body, first.body);
    }
    assert_eq!((app.store.files(), app.trail(&issued.file).await, app.keys(&[])), after);
    assert_eq!(after.1, ["issued", "claimed", "ready"]);
    let month = "files/tenant/private/attachments";
    assert_eq!(
        after.2,
        [format!("{month}/2026/11/file1.txt"), format!("{month}/processed/file1_metadata.json")]
    );
    assert_eq!(app.fetch(first.json()["url"].as_str().unwrap()), Some(bytes));
}

/// While another worker holds the lease the answer is 202, and 200 once it is done.
#[tokio::test]
async fn a_file_in_another_workers_hands_is_accepted_and_not_done() {
    let app = Arc::new(TestApp::new());
    let user = app.user();
    let issued = uploaded(&app, &user, &photo(64, 1)).await;
    let (inner, caller, file) = (app.clone(), user.clone(), issued.file.clone());
    app.storage_faults.before("put", 1, move || async move {
        let answer = complete(&inner, &caller, &file).await.is(202).json();
        assert_eq!((&answer["state"], &answer["url"]), (&json!("processing"), &Value::Null));
        let path = format!("/api/v1/files/{file}");
        assert_eq!(inner.get(&caller, &path).await.is(200).json()["state"], "processing");
        inner.get(&caller, &format!("{path}/download")).await.refused(409, "NOT_READY", "in other hands");
    });
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    assert_eq!(complete(&app, &user, &issued.file).await.is(200).json()["state"], "ready");
    assert!(app.storage_faults.lines().iter().any(|line| line.starts_with("put ")), "the hook was reached");
}

/// G06 over HTTP: of two uploads the one issued later is shown, whichever is finished last.
#[tokio::test]
async fn g06_the_avatar_issued_last_is_shown_whichever_is_finished_last() {
    for newer_first in [true, false] {
        let app = TestApp::new();
        let user = app.user();
        let mut uploads =
            vec![uploaded(&app, &user, &photo(64, 1)).await, uploaded(&app, &user, &photo(64, 2)).await];
        let newer = uploads[1].file.clone();
        if newer_first {
            uploads.reverse();
        }
        for upload in &uploads {
            app.deliver_event(&upload.staging).await;
        }
        let info = app.get(&user, &format!("/api/v1/users/{}/avatar/info", user.id)).await.is(200).json();
        assert_eq!(info["file_id"], newer, "newer first: {newer_first}");
        app.sweep_later().await;
        assert!(app.keys(&[]).iter().all(|key| key.contains("/file2/")), "{:?}", app.keys(&[]));
        assert_eq!(app.keys(&[]).len(), 7);
    }
}
