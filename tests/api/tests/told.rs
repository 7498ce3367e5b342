//! What subscribers are told: written in the commit of what it tells, and the same event however often it is sent.

use api_tests::{Form, TestApp, photo};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::outbox::OutboxItem;

/// The commits since the last look, each as its writes.
fn commits(app: &TestApp) -> Vec<String> {
    let lines = app.store_faults.lines();
    app.store_faults.forget_calls();
    lines.into_iter().filter(|line| line.starts_with("commit ")).collect()
}

/// Exactly one commit told something, and it is the one that changed the file to this state.
fn assert_told(app: &TestApp, file: &str, state: &str, event: &str) {
    let commits = commits(app);
    let telling: Vec<_> = commits.iter().filter(|commit| commit.contains("tell ")).collect();
    assert_eq!(telling.len(), 1, "{event}: {commits:?}");
    let changed = format!("update {state} {file}");
    assert!(telling[0].contains(&changed) && telling[0].ends_with(&format!("tell {event}")), "{telling:?}");
}

/// An item as the table's stream shows it.
fn stream_record(item: &OutboxItem, nth: usize) -> Value {
    let Value::Object(members) = serde_json::to_value(item).unwrap() else { panic!("an item is an object") };
    let attribute = |value: Value| match value {
        Value::String(text) => json!({ "S": text }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::Bool(truth) => json!({ "BOOL": truth }),
        other => panic!("{other} is in no item"),
    };
    let mut image: serde_json::Map<String, Value> =
        members.into_iter().map(|(name, value)| (name, attribute(value))).collect();
    let partition = json!({ "S": format!("F#{}#{}", item.tenant, item.file_id) });
    let keys = json!({ "PK": partition, "SK": { "S": format!("O#{}", item.id) } });
    image.extend(keys.as_object().unwrap().clone());
    image.insert("ttl".to_owned(), json!({ "N": "1795780800" }));
    json!({ "eventID": nth.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "dynamodb": { "Keys": keys, "NewImage": image } })
}

fn stream(app: &TestApp) -> Value {
    app.store.outbox().iter().enumerate().map(|(nth, item)| stream_record(item, nth)).collect()
}

#[tokio::test]
async fn every_step_that_is_told_is_told_in_its_own_commit() {
    let app = TestApp::new();
    let user = app.user();
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4, "external_id": "e-1",
        "scope": "project-7" });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    assert!(commits(&app).iter().all(|commit| !commit.contains("tell ")), "nothing is there yet");
    app.post_form(&issued, b"text").await.unwrap();
    app.deliver_event(&issued.staging).await;
    assert_told(&app, &issued.file, "ready", "file.ready");
    app.deliver_event(&issued.staging).await;
    let path = format!("/api/v1/files/{}", issued.file);
    app.patch(&user, &path, &json!({ "filename": "b.txt" })).await.is(200);
    assert!(commits(&app).iter().all(|commit| !commit.contains("tell ")), "neither is news");
    app.delete(&user, &path).await.is(204);
    assert_told(&app, &issued.file, "trashed", "file.deleted");
    app.post(&user, &format!("{path}/restore"), &Value::Null).await.is(200);
    assert_told(&app, &issued.file, "ready", "file.ready");
    app.delete(&user, &format!("{path}?permanent=true")).await.is(204);
    assert_told(&app, &issued.file, "deleting", "file.deleted");

    let refused = app
        .presign(
            &user,
            "/api/v1/files/presigned-upload",
            &json!({ "filename": "a.txt",
        "content_type": "text/plain", "size_bytes": 4 }),
        )
        .await;
    app.put(&refused.staging, b"longer").await;
    commits(&app);
    app.deliver_event(&refused.staging).await;
    assert_told(&app, &refused.file, "failed", "file.rejected");
    let told: Vec<_> = app.store.outbox().iter().map(|item| (item.event.as_str(), item.permanent)).collect();
    assert_eq!(
        told,
        [
            ("file.ready", false),
            ("file.deleted", false),
            ("file.ready", false),
            ("file.deleted", true),
            ("file.rejected", false)
        ]
    );
}

/// A commit that fails tells nothing, and one whose reply is lost tells it once.
#[tokio::test]
async fn what_did_not_happen_is_not_told() {
    for lost in [false, true] {
        let app = TestApp::new();
        let user = app.user();
        let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
        let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
        app.post_form(&issued, b"text").await.unwrap();
        // Claim, plan, ready.
        match lost {
            true => app.store_faults.lose_reply("commit", 3, ErrorKind::MetadataUnavailable),
            false => app.store_faults.fail("commit", 3, ErrorKind::MetadataUnavailable),
        }
        app.deliver_event(&issued.staging).await;
        assert_eq!(app.store.outbox().len(), usize::from(lost), "the reply is lost: {lost}");
        app.sweep_later().await;
        app.sweep_later().await;
        assert_eq!(app.record(&issued.file).await.state.as_str(), "ready");
        assert_eq!(app.store.outbox().len(), 1);
    }
}

#[tokio::test]
async fn an_event_sent_twice_is_the_same_event() {
    let app = TestApp::new();
    let user = app.user();
    let form =
        Form::of_file("a.txt", "text/plain", b"text").field("external_id", "e-1").field("scope", "s-1");
    let kept = app.upload(&user, form).await;
    let gone = app.text(&user, "b.txt", b"other text").await;
    app.delete(&user, &format!("/api/v1/files/{gone}?permanent=true")).await.is(204);
    let form = Form::of_file("a.png", "image/png", b"no image");
    app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.refused(
        422,
        "CONTENT_MISMATCH",
        "no image",
    );
    let records = stream(&app);
    let events = app.publish(&records).await.unwrap();
    assert_eq!(app.publish(&records).await.unwrap(), events, "ids and all");
    let ids: Vec<_> = app.store.outbox().iter().map(|item| json!(item.id)).collect();
    assert_eq!(events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>(), ids);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["file.ready", "file.ready", "file.deleted", "file.rejected"]);

    let ready = &events[0];
    assert_eq!((&ready["subject"], &ready["data"]["file_id"]), (&json!(kept), &json!(kept)));
    let data = &ready["data"];
    assert_eq!((&data["external_id"], &data["scope"]), (&json!("e-1"), &json!("s-1")));
    assert_eq!((&data["content_type"], &data["size"]), (&json!("text/plain"), &json!(4)));
    assert_eq!(app.fetch(data["url"].as_str().unwrap()).unwrap(), "text");
    assert!(data["url_expires_at"].is_string());
    // It is gone by the time it is told, so there is nothing to read.
    assert_eq!((&events[1]["subject"], events[1]["data"].get("url")), (&json!(gone), None));
    assert_eq!((&events[2]["data"]["permanent"], events[2]["data"].get("url")), (&json!(true), None));
    assert_eq!(events[3]["data"]["error_code"], "CONTENT_MISMATCH");
    for event in &events {
        let inner = event.to_string();
        assert!(!inner.contains("temp/") && !inner.contains("no image"), "{inner}");
    }
}

/// An outage fails the batch, which comes again; what is no item is dropped, and its neighbours are told.
#[tokio::test]
async fn a_batch_comes_again_after_an_outage_and_is_not_stopped_by_what_is_no_item() {
    let app = TestApp::new();
    let user = app.user();
    app.text(&user, "a.txt", b"text").await;
    app.upload(&user, Form::of_file("a.jpg", "image/jpeg", &photo(32, 1))).await;
    let records = stream(&app);
    app.store_faults.fail("get_file", 2, ErrorKind::MetadataUnavailable);
    app.publish(&records).await.unwrap_err();
    let events = app.publish(&records).await.unwrap();
    assert_eq!(events.len(), 2);
    let mut spoiled = records.as_array().unwrap().clone();
    spoiled.insert(1, json!({ "dynamodb": { "NewImage": { "id": { "S": "x" } } } }));
    spoiled.insert(0, Value::Null);
    let told = app.publish(&json!(spoiled)).await.unwrap();
    assert_eq!(told, events);
    assert_eq!(app.publish(&json!({ "no": "list" })).await.unwrap(), Vec::<Value>::new());
}
