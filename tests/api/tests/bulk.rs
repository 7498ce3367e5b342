//! `POST /files/delete`: many files, each with its own answer.

use std::sync::Arc;

use api_tests::{Person, TestApp, fresh_id};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::record::FileState;
use storage_testkit::records;

const ROUTE: &str = "/api/v1/files/delete";

async fn delete(app: &TestApp, user: &Person, ids: &[&str]) -> Vec<Value> {
    let answer = app.post(user, ROUTE, &json!({ "ids": ids })).await.is(200).json();
    answer["results"].as_array().unwrap().clone()
}

/// B15.
#[tokio::test]
async fn b15_each_id_is_answered_once_and_foreign_ones_as_missing() {
    let app = TestApp::new();
    let user = app.user();
    let colleague = app.user();
    let stranger = app.person(records::new_tenant(), &["user"]);
    let own = app.text(&user, "a.txt", b"text").await;
    let second = app.text(&user, "b.txt", b"text").await;
    let foreign = app.text(&colleague, "c.txt", b"text").await;
    let held = app.text(&user, "d.txt", b"text").await;
    app.alter(&held, |record| record.legal_hold = true).await;
    let missing = fresh_id();
    let loud = own.to_uppercase();
    let ids = [&own, &missing, "x", &own, &foreign, &loud, &held, "x", &second].map(String::from);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let results = delete(&app, &user, &ids).await;
    let expected = json!([
        { "file_id": own, "deleted": true },
        { "file_id": missing, "error": "NOT_FOUND" },
        { "file_id": "x", "error": "INVALID_ID" },
        { "file_id": foreign, "error": "NOT_FOUND" },
        { "file_id": held, "error": "STATE_CONFLICT" },
        { "file_id": second, "deleted": true },
    ]);
    assert_eq!(json!(results), expected);
    assert_eq!(app.record(&own).await.state, FileState::Trashed);
    assert_eq!(app.record(&foreign).await.state, FileState::Ready);
    let results = delete(&app, &stranger, &[&second, &missing]).await;
    assert_eq!(results[0]["error"], "NOT_FOUND");
    assert_eq!(results[0].to_string().replace(&second, "ID"), results[1].to_string().replace(&missing, "ID"));
    // As often as one likes; and for good where it says so.
    assert_eq!(delete(&app, &user, &[&own]).await[0]["deleted"], true);
    let body = json!({ "ids": [own, second], "permanent": true });
    app.post(&user, ROUTE, &body).await.is(200);
    assert_eq!(app.record(&own).await.state, FileState::Deleting);
    assert_eq!(app.keys(&[]).len(), 4, "two files and their documents");
}

#[tokio::test]
async fn b15_a_thousand_are_taken_and_no_more() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let mut ids: Vec<String> = (0..999).map(|_| fresh_id()).collect();
    ids.push(file.clone());
    let results = app.post(&user, ROUTE, &json!({ "ids": ids })).await.is(200).json();
    let results = results["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[999]["deleted"]), (1000, &json!(true)));
    let named: Vec<&str> = results.iter().map(|result| result["file_id"].as_str().unwrap()).collect();
    assert_eq!(named, ids, "in the order of the request");
    ids.push(fresh_id());
    app.post(&user, ROUTE, &json!({ "ids": ids })).await.refused(400, "INVALID_REQUEST", "1,001");
    assert_eq!(app.post(&user, ROUTE, &json!({ "ids": [] })).await.is(200).json(), json!({ "results": [] }));
    for (body, code) in [
        (json!({}), "INVALID_REQUEST"),
        (json!({ "ids": "x" }), "INVALID_REQUEST"),
        (json!({ "ids": [7] }), "INVALID_REQUEST"),
        (json!({ "ids": [], "permanent": "true" }), "INVALID_REQUEST"),
        (json!({ "ids": [], "state": "ready" }), "UNKNOWN_FIELD"),
    ] {
        app.post(&user, ROUTE, &body).await.refused(400, code, &body.to_string());
    }
}

/// An outage is the answer to the whole, and the same request finishes later.
#[tokio::test]
async fn an_outage_is_the_answer_to_the_whole() {
    let app = TestApp::new();
    let user = app.user();
    let mut files = Vec::new();
    for _ in 0..5 {
        files.push(app.text(&user, "a.txt", b"text").await);
    }
    let body = json!({ "ids": files });
    app.store_faults.fail_from("commit", 3, ErrorKind::MetadataUnavailable);
    app.post(&user, ROUTE, &body).await.refused(503, "METADATA_UNAVAILABLE", "half way");
    app.store_faults.heal();
    let results = app.post(&user, ROUTE, &body).await.is(200).json();
    assert!(results["results"].as_array().unwrap().iter().all(|result| result["deleted"] == true));
    for file in &files {
        assert_eq!(app.record(file).await.state, FileState::Trashed);
        assert_eq!(app.trail(file).await.iter().filter(|action| *action == "trashed").count(), 1);
    }
}

/// G21.
#[tokio::test]
async fn g21_a_key_belongs_to_one_list() {
    let app = Arc::new(TestApp::new());
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let send = async |body: Value| {
        app.call("POST", ROUTE).by(&user).header("idempotency-key", "k").json(&body).send().await
    };
    let first = send(json!({ "ids": [file] })).await.is(200).json();
    assert_eq!(send(json!({ "ids": [file] })).await.is(200).json(), first);
    for other in [json!({ "ids": [fresh_id()] }), json!({ "ids": [file], "permanent": true })] {
        send(other).await.refused(422, "IDEMPOTENCY_MISMATCH", "another list");
    }
    assert_eq!(app.record(&file).await.state, FileState::Trashed, "not purged");
}
