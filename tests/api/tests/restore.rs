//! `POST /files/{id}/restore`: out of the trash, for as long as the file is there.

use std::time::Duration;

use api_tests::{Form, Person, TestApp, fresh_id, photo};
use serde_json::{Value, json};
use storage_core::record::FileState;
use storage_core::state::TRASH_LIFE;

fn path(file: &str) -> String {
    format!("/api/v1/files/{file}")
}

async fn restore(app: &TestApp, user: &Person, file: &str) -> api_tests::Answer {
    app.post(user, &format!("{}/restore", path(file)), &Value::Null).await
}

#[tokio::test]
async fn a_trashed_file_is_restored_as_it_was() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let before = app.record(&file).await;
    restore(&app, &user, &file).await.refused(409, "STATE_CONFLICT", "not in the trash");
    app.delete(&user, &path(&file)).await.is(204);
    app.get(&user, &format!("{}/download", path(&file))).await.refused(404, "NOT_FOUND", "in the trash");
    let colleague = app.user();
    restore(&app, &colleague, &file).await.refused(404, "NOT_FOUND", "somebody else's");
    let json = restore(&app, &user, &file).await.is(200).json();
    assert_eq!((&json["state"], &json["filename"]), (&json!("ready"), &json!("a.txt")));
    let url = app.get(&user, &format!("{}/download", path(&file))).await.is(302);
    assert_eq!(app.fetch(url.header("location").unwrap()).unwrap(), "text");
    let after = app.record(&file).await;
    assert_eq!((after.due_at, after.delete_after, &after.final_key), (None, None, &before.final_key));
    assert_eq!(app.trail(&file).await, ["issued", "claimed", "ready", "trashed", "restored"]);
    let events: Vec<_> = app.store.outbox().iter().map(|item| item.event.as_str()).collect();
    assert_eq!(events, ["file.ready", "file.deleted", "file.ready"]);
    restore(&app, &user, &file).await.refused(409, "STATE_CONFLICT", "restored already");
}

#[tokio::test]
async fn what_is_gone_or_was_never_there_is_not_restored() {
    let app = TestApp::new();
    let mut user = app.user();
    restore(&app, &user, &fresh_id()).await.refused(404, "NOT_FOUND", "never was");
    restore(&app, &user, "x").await.refused(400, "INVALID_ID", "no id");
    let purged = app.text(&user, "a.txt", b"text").await;
    app.delete(&user, &path(&purged)).await.is(204);
    app.delete(&user, &format!("{}?permanent=true", path(&purged))).await.is(204);
    restore(&app, &user, &purged).await.refused(404, "NOT_FOUND", "purged from the trash");
    assert_eq!(app.keys(&[]), Vec::<String>::new());

    let late = app.text(&user, "b.txt", b"text").await;
    app.delete(&user, &path(&late)).await.is(204);
    app.clock.advance(TRASH_LIFE);
    user.token = app.token(user.tenant, user.id, &["user"]);
    restore(&app, &user, &late).await.refused(409, "STATE_CONFLICT", "its time is over");
    let call = app.call("POST", &format!("{}/restore", path(&late))).by(&user).json(&json!({ "a": 1 }));
    call.send().await.refused(400, "UNKNOWN_FIELD", "a body");
}

/// G21.
#[tokio::test]
async fn g21_a_restore_asked_for_twice_is_one() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let other = app.text(&user, "b.txt", b"text").await;
    for file in [&file, &other] {
        app.delete(&user, &path(file)).await.is(204);
    }
    let send = async |file: &str| {
        let call = app.call("POST", &format!("{}/restore", path(file))).by(&user);
        call.header("idempotency-key", "k").send().await
    };
    let first = send(&file).await.is(200).json();
    assert_eq!(send(&file).await.is(200).json(), first);
    send(&other).await.refused(422, "IDEMPOTENCY_MISMATCH", "another file");
    assert_eq!(app.trail(&file).await.iter().filter(|action| *action == "restored").count(), 1);
    // It is that request's answer, also after the file went to the trash again.
    app.delete(&user, &path(&file)).await.is(204);
    assert_eq!(send(&file).await.is(200).json()["state"], "trashed");
}

/// An avatar comes back only where none is shown, and then it is the newest.
#[tokio::test]
async fn an_avatar_is_restored_where_none_is_shown() {
    let app = TestApp::new();
    let user = app.user();
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let upload = async |seed: u64| {
        let form = Form::of_file("me.jpg", "image/jpeg", &photo(64, seed));
        let made = app.call("POST", &route).by(&user).form(form).send().await.is(201).json();
        made["file_id"].as_str().unwrap().to_owned()
    };
    let held = upload(1).await;
    app.alter(&held, |record| record.legal_hold = true).await;
    let shown = upload(2).await;
    assert_eq!(app.record(&held).await.state, FileState::Trashed);
    restore(&app, &user, &held).await.refused(409, "STATE_CONFLICT", "another one is shown");
    app.delete(&user, &path(&shown)).await.is(204);
    // Issued before the restore, and so overtaken by it.
    let body = json!({ "filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": photo(64, 3).len() });
    let before = app.presign(&user, &route, &body).await;
    restore(&app, &user, &held).await.is(200);
    assert_eq!(app.get(&user, &format!("{route}/info")).await.json()["file_id"], held);
    app.post_form(&before, &photo(64, 3)).await.unwrap();
    app.deliver_event(&before.staging).await;
    assert_eq!(app.get(&user, &format!("{route}/info")).await.json()["file_id"], held);
    app.alter(&held, |record| record.legal_hold = false).await;
    let newer = upload(4).await;
    assert_eq!(app.get(&user, &format!("{route}/info")).await.json()["file_id"], newer);
    assert_eq!(app.record(&held).await.state, FileState::Deleting);
}

/// A public copy that was under way when the file was trashed does not stay until the end of the trash.
#[tokio::test]
async fn what_a_trashed_file_has_left_is_cleared_before_its_end() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    app.storage_faults.fail("delete", 1, storage_core::ErrorKind::StorageUnavailable);
    app.patch(&user, &path(&file), &json!({ "is_public": true })).await.is(200);
    app.delete(&user, &path(&file)).await.is(204);
    assert_eq!(app.keys(&[]).len(), 3);
    app.sweep_later().await;
    assert_eq!(app.keys(&[]).len(), 2);
    app.sweep_later().await;
    let record = app.record(&file).await;
    assert_eq!((record.state, record.due_at), (FileState::Trashed, record.delete_after));
    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
    restore(&app, &user, &file).await.is(200);
    app.clock.advance(TRASH_LIFE + Duration::from_secs(1));
    app.sweep_later().await;
    assert_eq!(app.record(&file).await.state, FileState::Ready);
}
