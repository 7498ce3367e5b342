//! What administrators do: cleaning up, releasing from quarantine, and counting anew.

use std::time::Duration;

use api_tests::{Issued, Person, TestApp, photo};
use serde_json::{Value, json};
use storage_core::ports::{Clock, MetadataStore, Transaction, Write};
use storage_core::record::{FileState, Purpose};
use storage_core::usage::{Usage, UsageChange};
use storage_services::ledger::Ledger;
use storage_services::recount::{Recount, Recounted};
use storage_testkit::records;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn admin(app: &TestApp) -> Person {
    app.person(app.tenant, &["storage:admin"])
}

/// The same person later, when the first token has ended.
fn later(app: &TestApp, user: &Person) -> Person {
    Person { token: app.token(user.tenant, user.id, &["user"]), ..user.clone() }
}

async fn export(app: &TestApp, user: &Person) -> Issued {
    let body =
        json!({ "filename": "r.csv", "content_type": "text/csv", "size_bytes": 4, "purpose": "export" });
    let issued = app.presign(user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, b"a,b\n").await.unwrap();
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    issued
}

async fn recount(app: &TestApp) -> Recounted {
    let until = app.clock.now() + DAY;
    Recount::new(Ledger::new(app.store.clone(), app.clock.clone())).run(until).await.unwrap()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["files"].as_array().unwrap().iter().map(|file| file["file_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_cleanup_names_old_files_and_trashes_them_when_confirmed() {
    let app = TestApp::new();
    let user = app.user();
    let old = app.text(&user, "old.txt", b"old").await;
    let held = app.text(&user, "held.txt", b"held").await;
    app.alter(&held, |record| record.legal_hold = true).await;
    let path = format!("/api/v1/users/{}/avatar", user.id);
    let form = api_tests::Form::of_file("me.jpg", "image/jpeg", &photo(64, 1));
    app.call("POST", &path).by(&user).form(form).send().await.is(201);
    let stranger = app.person(records::new_tenant(), &["user"]);
    let foreign = app.text(&stranger, "foreign.txt", b"foreign").await;
    app.clock.advance(DAY * 31);
    let (user, admin) = (later(&app, &user), self::admin(&app));
    let young = app.text(&user, "young.txt", b"young").await;

    for path in ["/api/v1/cleanup", "/api/v1/cleanup?days=30", "/api/v1/cleanup?days=30&confirm=false"] {
        let answer = app.post(&admin, path, &json!({})).await.is(200).json();
        assert_eq!((ids(&answer), &answer["dry_run"]), (vec![old.as_str()], &json!(true)), "{path}");
        assert_eq!((&answer["days"], &answer["trashed"]), (&json!(30), &json!(0)));
        assert!(answer.get("next_cursor").is_none());
    }
    assert_eq!(app.record(&old).await.state, FileState::Ready);
    assert_eq!(ids(&app.post(&admin, "/api/v1/cleanup?days=32", &json!({})).await.is(200).json()), [""; 0]);

    let done = app.post(&admin, "/api/v1/cleanup?confirm=true", &json!({})).await.is(200).json();
    assert_eq!(
        (ids(&done), &done["dry_run"], &done["trashed"]),
        (vec![old.as_str()], &json!(false), &json!(1))
    );
    assert_eq!(app.record(&old).await.state, FileState::Trashed, "it can be restored");
    for kept in [&held, &young] {
        assert_eq!(app.record(kept).await.state, FileState::Ready);
    }
    let foreign = storage_core::ids::FileId::parse(&foreign).unwrap();
    let foreign = app.store.get_file(stranger.tenant, foreign).await.unwrap().unwrap();
    assert_eq!(foreign.state, FileState::Ready);
    let again = app.post(&admin, "/api/v1/cleanup?confirm=true", &json!({})).await.is(200).json();
    assert_eq!(ids(&again), [""; 0]);
}

#[tokio::test]
async fn a_cleanup_is_for_administrators_and_says_what_it_does_not_know() {
    let app = TestApp::new();
    let (user, admin) = (app.user(), self::admin(&app));
    app.post(&user, "/api/v1/cleanup", &json!({})).await.refused(403, "FORBIDDEN", "a user");
    for query in ["days=0", "days=3651", "days=-1", "days=x", "confirm=yes", "force=true", "days=1&days=2"] {
        let path = format!("/api/v1/cleanup?{query}");
        app.post(&admin, &path, &json!({})).await.refused(400, "INVALID_REQUEST", query);
    }
    app.post(&admin, "/api/v1/cleanup?cursor=x", &json!({})).await.refused(400, "INVALID_CURSOR", "a cursor");
    app.post(&admin, "/api/v1/cleanup", &json!({ "days": 3 })).await.refused(400, "UNKNOWN_FIELD", "a body");
}

#[tokio::test]
async fn a_cleanup_goes_on_under_its_cursor_and_under_no_other() {
    let app = TestApp::new();
    let user = app.user();
    let mut files = Vec::new();
    for _ in 0..3 {
        files.push(app.text(&user, "old.txt", b"old").await);
    }
    for _ in 0..2000 {
        let record = records::sample_file(records::new_tenant(), app.clock.now());
        app.store.commit(Transaction::new(vec![Write::CreateFile(Box::new(record))])).await.unwrap();
    }
    app.clock.advance(DAY * 2);
    let admin = self::admin(&app);
    let (mut found, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let rest = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer =
            app.post(&admin, &format!("/api/v1/cleanup?days=1{rest}"), &json!({})).await.is(200).json();
        found.extend(ids(&answer).into_iter().map(str::to_owned));
        pages += 1;
        match answer.get("next_cursor") {
            Some(next) => cursor = Some(next.as_str().unwrap().to_owned()),
            None => break,
        }
        let other = format!("/api/v1/cleanup?days=2&cursor={}", cursor.as_ref().unwrap());
        app.post(&admin, &other, &json!({})).await.refused(400, "INVALID_CURSOR", "of other days");
        let listing = format!("/api/v1/files?cursor={}", cursor.as_ref().unwrap());
        app.get(&admin, &listing).await.refused(400, "INVALID_CURSOR", "of a listing");
    }
    assert!(pages > 1, "one request reads 2,000 records");
    found.sort();
    files.sort();
    assert_eq!(found, files);
}

#[tokio::test]
async fn an_export_is_kept_for_its_days() {
    let app = TestApp::with(&[("STORAGE_EXPORT_DAYS", "2")]);
    let user = app.user();
    let issued = export(&app, &user).await;
    let shown = app.get(&user, &format!("/api/v1/files/{}", issued.file)).await.is(200).json();
    assert_eq!((&shown["purpose"], &shown["state"]), (&json!("export"), &json!("ready")));
    let record = app.record(&issued.file).await;
    assert_eq!((record.purpose, record.expires_at), (Purpose::Export, record.due_at));
    assert_eq!(shown["delete_after"], serde_json::to_value(record.expires_at).unwrap());

    app.clock.advance(DAY * 2 - Duration::from_secs(60));
    app.sweep_now().await;
    assert_eq!(app.record(&issued.file).await.state, FileState::Ready);
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(app.sweep_now().await.expired, 1);
    let user = later(&app, &user);
    app.get(&user, &format!("/api/v1/files/{}", issued.file)).await.refused(
        404,
        "NOT_FOUND",
        "an old export",
    );
    for _ in 0..2 {
        app.sweep_later().await;
    }
    assert_eq!(app.record(&issued.file).await.state, FileState::Deleted);
    assert_eq!(app.keys(&[]), [""; 0]);
}

#[tokio::test]
async fn an_export_in_the_trash_comes_back_with_the_rest_of_its_days() {
    let app = TestApp::new();
    let user = app.user();
    let issued = export(&app, &user).await;
    let expires = app.record(&issued.file).await.expires_at;
    let path = format!("/api/v1/files/{}", issued.file);
    app.delete(&user, &path).await.is(204);
    app.post(&user, &format!("{path}/restore"), &json!({})).await.is(200);
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.expires_at, record.due_at), (FileState::Ready, expires, expires));
}

/// The trash is no way to keep an export for longer.
#[tokio::test]
async fn an_export_ends_in_the_trash_as_it_does_outside() {
    let app = TestApp::new();
    let user = app.user();
    let issued = export(&app, &user).await;
    let path = format!("/api/v1/files/{}", issued.file);
    let ends = app.record(&issued.file).await.expires_at;
    app.clock.advance(DAY * 6);
    app.delete(&later(&app, &user), &path).await.is(204);
    assert_eq!(app.record(&issued.file).await.delete_after, ends);
    app.clock.advance(DAY + Duration::from_secs(1));
    let user = later(&app, &user);
    app.post(&user, &format!("{path}/restore"), &json!({})).await.refused(409, "STATE_CONFLICT", "too late");
    assert_eq!(app.sweep_now().await.expired, 1);

    // On hold it stays, and is not written again at every sweep.
    let held = export(&app, &user).await;
    app.alter(&held.file, |record| record.legal_hold = true).await;
    app.clock.advance(DAY * 8);
    app.sweep_now().await;
    let once = app.record(&held.file).await;
    assert_eq!(once.state, FileState::Ready);
    app.sweep_later().await;
    assert_eq!(app.record(&held.file).await, once);
    let usage = app.get(&self::admin(&app), "/api/v1/admin/usage").await.is(200).json();
    assert_eq!(usage["used_bytes"], 4);
}

/// A move takes the end of an export with it.
#[tokio::test]
async fn an_export_that_is_moved_keeps_its_end() {
    let app = TestApp::new();
    let user = app.user();
    let issued = export(&app, &user).await;
    let ends = app.record(&issued.file).await.expires_at;
    app.clock.advance(Duration::from_secs(1800));
    let path = format!("/api/v1/files/{}/move", issued.file);
    let moved = app.post(&user, &path, &json!({ "scope": "elsewhere" })).await.is(200).json();
    assert_eq!(app.record(moved["file_id"].as_str().unwrap()).await.expires_at, ends);
}

#[tokio::test]
async fn a_recount_makes_counters_what_records_say() {
    let app = TestApp::new();
    let (user, admin) = (app.user(), self::admin(&app));
    app.text(&user, "one.txt", b"one").await;
    app.text(&user, "three.txt", b"three").await;
    let usage = || async { app.get(&admin, "/api/v1/admin/usage").await.is(200).json() };
    let right = usage().await;
    let found = recount(&app).await;
    assert_eq!((found.files, found.corrected, found.changed, found.finished), (2, 0, 0, true));

    let by_purpose = [(Purpose::Attachment, Usage { reserved: 0, stored: 1000, files: 0 })].into();
    let change = UsageChange { tenant: app.tenant, shard: 3, by_purpose };
    app.store.commit(Transaction::new(vec![Write::Usage(change)])).await.unwrap();
    assert_ne!(usage().await, right);
    assert_eq!(recount(&app).await.corrected, 1);
    assert_eq!(usage().await, right);
    assert_eq!(recount(&app).await.corrected, 0, "once is enough");
}
