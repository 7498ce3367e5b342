//! `PATCH /files/{id}`: names, metadata, and who may read a file.

use std::sync::Arc;
use std::time::Duration;

use api_tests::{Form, Person, TestApp, photo};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::key::Visibility;
use storage_core::ports::{MetadataStore, ObjectRef, StorageBackend};
use storage_core::record::FileState;
use storage_core::tenant::{TenantLimits, TenantRecord};
use storage_testkit::records;

fn path(file: &str) -> String {
    format!("/api/v1/files/{file}")
}

async fn etag(app: &TestApp, user: &Person, file: &str) -> String {
    app.get(user, &path(file)).await.is(200).header("etag").unwrap().to_owned()
}

/// The change under this condition.
async fn patch_if(
    app: &TestApp,
    user: &Person,
    file: &str,
    condition: &str,
    body: &Value,
) -> api_tests::Answer {
    app.call("PATCH", &path(file)).by(user).header("if-match", condition).json(body).send().await
}

/// The `Content-Disposition` that a URL asks the storage for.
fn asked(url: &str) -> Option<String> {
    let (_, query) = url.split_once("?disposition=")?;
    let value = query.split('&').next().unwrap_or_default();
    Some(percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
}

#[tokio::test]
async fn a_new_name_is_what_is_served_and_metadata_is_replaced() {
    let app = TestApp::new();
    let user = app.user();
    let form = Form::of_file("old.txt", "text/plain", b"text").field("metadata", "{\"a\":\"1\",\"b\":\"2\"}");
    let file = app.upload(&user, form).await;
    let before = app.get(&user, &path(&file)).await.is(200);
    assert_eq!(asked(before.json()["url"].as_str().unwrap()), None, "the object says its name itself");
    let keys = app.keys(&[]);

    let change = json!({ "filename": "neu ü.txt", "metadata": { "c": "3" } });
    let changed = app.patch(&user, &path(&file), &change).await.is(200);
    let json = changed.json();
    assert_eq!((&json["filename"], &json["metadata"]), (&json!("neu ü.txt"), &json!({ "c": "3" })));
    assert_ne!(changed.header("etag"), before.header("etag"));
    assert_eq!(changed.header("etag").unwrap(), etag(&app, &user, &file).await);
    assert_eq!(app.keys(&[]), keys, "no object was touched");
    let download = app.get(&user, &format!("{}/download", path(&file))).await.is(302);
    let batch = app.post(&user, "/api/v1/files/urls", &json!({ "ids": [file] })).await.is(200).json();
    let urls = [
        json["url"].as_str().unwrap().to_owned(),
        download.header("location").unwrap().to_owned(),
        batch["results"][0]["url"].as_str().unwrap().to_owned(),
    ];
    for url in urls {
        let asked = asked(&url).expect("a name");
        assert!(asked.starts_with("inline;") && asked.ends_with("UTF-8''neu%20%C3%BC.txt"), "{asked}");
    }
    // What changes nothing is no change.
    let again = app.patch(&user, &path(&file), &change).await.is(200);
    assert_eq!(again.header("etag"), changed.header("etag"));
    assert_eq!(app.trail(&file).await, ["issued", "claimed", "ready"]);
}

/// H09.
#[tokio::test]
async fn h09_a_change_from_an_outdated_revision_is_refused() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let first = etag(&app, &user, &file).await;
    let name = |name: &str| json!({ "filename": name });
    let second = patch_if(&app, &user, &file, &first, &name("b.txt")).await.is(200);
    for stale in [&first, "\"x\"", &format!("W/{}", second.header("etag").unwrap())] {
        let answer = patch_if(&app, &user, &file, stale, &name("c.txt")).await;
        answer.refused(412, "PRECONDITION_FAILED", stale);
        let answer = patch_if(&app, &user, &file, stale, &json!({ "is_public": true })).await;
        answer.refused(412, "PRECONDITION_FAILED", stale);
    }
    assert_eq!(app.get(&user, &path(&file)).await.json()["filename"], "b.txt");
    patch_if(&app, &user, &file, "*", &name("d.txt")).await.is(200);
    let current = format!("\"x\", {}", etag(&app, &user, &file).await);
    patch_if(&app, &user, &file, &current, &json!({ "is_public": true, "filename": "e.txt" })).await.is(200);
    patch_if(&app, &user, &file, "unquoted", &name("f.txt")).await.refused(400, "INVALID_REQUEST", "a tag");
}

#[tokio::test]
async fn a_file_that_is_published_lies_in_the_public_place_alone_and_comes_back() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let document = "files/tenant/private/attachments/processed/file1_metadata.json";
    let private = "files/tenant/private/attachments/2026/11/file1.txt";
    assert_eq!(app.keys(&[]), [private, document]);
    let body = json!({ "is_public": true, "filename": "b.txt" });
    let json = app.patch(&user, &path(&file), &body).await.is(200).json();
    assert_eq!((&json["is_public"], json.get("expires_at")), (&json!(true), None), "an open URL");
    assert_eq!(app.keys(&[]), [document, "files/tenant/public/attachments/2026/11/file1.txt"]);
    assert_eq!(app.fetch(json["url"].as_str().unwrap()).unwrap(), "text");
    assert_eq!(asked(json["url"].as_str().unwrap()), None, "it is stored with its new name");
    let record = app.record(&file).await;
    let object = ObjectRef::new(record.bucket.clone(), record.final_key.clone().unwrap());
    let meta = app.storage.head(&object).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/plain; charset=utf-8"));
    assert!(meta.content_disposition.unwrap().ends_with("UTF-8''b.txt"));
    assert!(meta.cache_control.unwrap().starts_with("public"));
    assert_eq!(meta.metadata.get("sha256"), record.sha256.as_ref());

    // At once, and as often as one likes.
    for _ in 0..2 {
        app.patch(&user, &path(&file), &json!({ "is_public": false })).await.is(200);
        assert_eq!(app.keys(&[]), [private, document]);
        app.patch(&user, &path(&file), &json!({ "is_public": true })).await.is(200);
    }
    app.sweep_later().await;
    assert_eq!(app.keys(&[]), [document, "files/tenant/public/attachments/2026/11/file1.txt"]);
    assert_eq!(app.record(&file).await.due_at, None, "nothing is left to be done");
    assert_eq!(app.trail(&file).await, ["issued", "claimed", "ready"]);
}

#[tokio::test]
async fn every_size_of_an_avatar_goes_with_it() {
    let app = TestApp::new();
    let user = app.user();
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let form = Form::of_file("me.jpg", "image/jpeg", &photo(400, 1)).field("is_public", "false");
    let made = app.call("POST", &route).by(&user).form(form).send().await.is(201).json();
    let file = made["file_id"].as_str().unwrap();
    let open = format!("{route}?size=small&tenant={}", app.tenant);
    app.request("GET", &open, None, &Value::Null).await.refused(404, "NOT_FOUND", "private");
    app.patch(&user, &path(file), &json!({ "is_public": true })).await.is(200);
    let keys = app.keys(&[(&user.id, "user")]);
    assert_eq!(keys.len(), 7, "the original, and three sizes in two formats");
    assert!(keys.iter().all(|key| key.starts_with("files/tenant/public/avatars/users/user/file1/")));
    app.request("GET", &open, None, &Value::Null).await.is(302);
    let info = app.get(&user, &format!("{route}/info")).await.is(200).json();
    assert_eq!(info["file_id"], file, "it is the same avatar");
    for (size, found) in info["sizes"].as_object().unwrap() {
        assert!(app.fetch(found["url"].as_str().unwrap()).is_some(), "{size}");
        let webp = found["webp"]["url"].as_str();
        assert!(webp.is_none_or(|url| app.fetch(url).is_some()), "{size} as WebP");
    }
    app.sweep_later().await;
    assert_eq!(app.keys(&[(&user.id, "user")]), keys, "the sweep leaves what is served");
    let colleague = app.user();
    app.patch(&colleague, &path(file), &json!({ "is_public": false })).await.refused(
        404,
        "NOT_FOUND",
        "somebody else's avatar",
    );
}

/// B07.
#[tokio::test]
async fn b07_a_tenant_with_private_files_only_publishes_none() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    let limits = TenantLimits { private_only: true, ..TenantLimits::default() };
    let bucket = app.record(&file).await.bucket;
    let slug = storage_core::ids::TenantSlug::parse("acme").unwrap();
    let tenant = TenantRecord { limits, bucket, slug, ..records::sample_tenant(app.tenant) };
    app.store.put_tenant(&tenant).await.unwrap();
    let public = json!({ "is_public": true });
    app.patch(&user, &path(&file), &public).await.refused(403, "FORBIDDEN", "PATCH");
    let copy = format!("{}/copy", path(&file));
    app.post(&user, &copy, &public).await.refused(403, "FORBIDDEN", "copy");
    let service = app.person(app.tenant, &["storage:service"]);
    app.post(&service, &format!("{}/claim", path(&file)), &public).await.refused(403, "FORBIDDEN", "claim");
    app.patch(&user, &path(&file), &json!({ "is_public": false })).await.is(200);
    // What was public before the rule is copied as private.
    app.alter(&file, |record| record.visibility = Visibility::Public).await;
    assert_eq!(app.post(&user, &copy, &json!({})).await.is(201).json()["is_public"], false);
}

#[tokio::test]
async fn what_cannot_be_changed_says_why() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    for (body, code) in [
        (json!({}), "INVALID_REQUEST"),
        (json!({ "filename": null, "metadata": null }), "INVALID_REQUEST"),
        (json!({ "filename": ".." }), "INVALID_FILENAME"),
        (json!({ "filename": 7 }), "INVALID_REQUEST"),
        (json!({ "is_public": "true" }), "INVALID_REQUEST"),
        (json!({ "metadata": { "A": "1" } }), "INVALID_REQUEST"),
        (json!({ "metadata": { "identified": "1" } }), "UNKNOWN_FIELD"),
        (json!({ "metadata": { "a": "x".repeat(2048) } }), "INVALID_REQUEST"),
        (json!({ "scope": "elsewhere" }), "UNKNOWN_FIELD"),
    ] {
        app.patch(&user, &path(&file), &body).await.refused(400, code, &body.to_string());
    }
    let call = app.call("PATCH", &path(&file)).by(&user).bytes("text/plain", "{}");
    call.send().await.refused(415, "UNSUPPORTED_MEDIA_TYPE", "no JSON");

    let good = json!({ "filename": "b.txt", "is_public": true });
    let before = (app.record(&file).await, app.keys(&[]));
    for state in [
        FileState::Pending,
        FileState::Processing,
        FileState::Scanning,
        FileState::Quarantined,
        FileState::Trashed,
        FileState::Failed,
    ] {
        app.alter(&file, |record| record.state = state).await;
        app.patch(&user, &path(&file), &good).await.refused(409, "STATE_CONFLICT", state.as_str());
    }
    for state in [FileState::Deleting, FileState::Deleted] {
        app.alter(&file, |record| record.state = state).await;
        app.patch(&user, &path(&file), &good).await.refused(404, "NOT_FOUND", state.as_str());
    }
    app.alter(&file, |record| (record.state, record.size) = (FileState::Ready, Some(2 << 30))).await;
    let answer = app.patch(&user, &path(&file), &good).await;
    let answer = answer.refused(413, "PAYLOAD_TOO_LARGE", "more than a request copies");
    assert_eq!(answer.json()["error"]["details"]["max_bytes"], 1_u64 << 30);
    app.patch(&user, &path(&file), &json!({ "filename": "c.txt" })).await.is(200);
    assert_eq!((before.0.planned_keys, before.1), (app.record(&file).await.planned_keys, app.keys(&[])));
}

/// A copy that fails leaves the file where it was; the copy is made up for, or cleared away.
#[tokio::test]
async fn a_change_of_visibility_that_fails_changes_nothing_and_leaves_nothing() {
    for (operation, nth, leftover) in [("head", 1, 0), ("copy", 1, 0), ("copy", 2, 1), ("copy", 4, 3)] {
        let app = TestApp::new();
        let user = app.user();
        let route = format!("/api/v1/users/{}/avatar", user.id);
        let form = Form::of_file("me.jpg", "image/jpeg", &photo(400, 1)).field("is_public", "false");
        let made = app.call("POST", &route).by(&user).form(form).send().await.is(201).json();
        let file = made["file_id"].as_str().unwrap();
        let body = json!({ "is_public": true });
        app.storage_faults.fail(operation, nth, ErrorKind::StorageUnavailable);
        app.patch(&user, &path(file), &body).await.refused(503, "STORAGE_UNAVAILABLE", operation);
        let json = app.get(&user, &path(file)).await.is(200).json();
        assert_eq!(json["is_public"], false);
        assert!(app.fetch(json["url"].as_str().unwrap()).is_some());
        let public = |app: &TestApp| app.keys(&[]).iter().filter(|key| key.contains("/public/")).count();
        assert_eq!(public(&app), leftover, "{operation} {nth}");
        app.sweep_later().await;
        app.sweep_later().await;
        assert_eq!((public(&app), app.record(file).await.due_at), (0, None), "{operation} {nth}");
        let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
        app.patch(&user, &path(file), &body).await.is(200);
        assert_eq!((public(&app), app.keys(&[]).len()), (7, 7), "{operation} {nth}");
    }
}

/// While a removal may still be on its way, the file does not come back to where it was removed.
#[tokio::test]
async fn a_file_does_not_return_to_a_key_whose_removal_is_not_acknowledged() {
    let app = TestApp::new();
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    app.storage_faults.lose_reply("delete", 1, ErrorKind::StorageUnavailable);
    app.patch(&user, &path(&file), &json!({ "is_public": true })).await.is(200);
    let back = json!({ "is_public": false });
    app.patch(&user, &path(&file), &back).await.refused(409, "REQUEST_IN_PROGRESS", "not acknowledged");
    app.patch(&user, &path(&file), &json!({ "filename": "b.txt" })).await.is(200);
    app.clock.advance(Duration::from_secs(20 * 60));
    app.patch(&user, &path(&file), &back).await.refused(409, "REQUEST_IN_PROGRESS", "still not");
    app.sweep_later().await;
    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
    app.patch(&user, &path(&file), &back).await.is(200);
    assert!(app.get(&user, &format!("{}/download", path(&file))).await.is(302).header("location").is_some());
}

/// G57: the sweep removes what a file has left, and the file does not come back there in the middle of it.
#[tokio::test]
async fn g57_the_sweep_does_not_remove_what_a_file_returns_to() {
    let app = Arc::new(TestApp::new());
    let user = app.user();
    let file = app.text(&user, "a.txt", b"text").await;
    app.storage_faults.fail("delete", 1, ErrorKind::StorageUnavailable);
    app.patch(&user, &path(&file), &json!({ "is_public": true })).await.is(200);
    assert_eq!(app.keys(&[]).len(), 3, "what it has left is still there");
    app.storage_faults.forget_calls();
    let (inner, person, place) = (app.clone(), user.clone(), path(&file));
    app.storage_faults.before("delete", 1, move || async move {
        let token = inner.token(person.tenant, person.id, &["user"]);
        let call = inner.call("PATCH", &place).token(&token).json(&json!({ "is_public": false }));
        call.send().await.refused(409, "REQUEST_IN_PROGRESS", "the sweep is at it");
    });
    app.sweep_later().await;
    assert_eq!((app.storage_faults.count("delete"), app.keys(&[]).len()), (1, 2));
    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
    let url = app.get(&user, &path(&file)).await.is(200).json()["url"].as_str().unwrap().to_owned();
    assert_eq!(app.fetch(&url).unwrap(), "text");
    app.patch(&user, &path(&file), &json!({ "is_public": false })).await.is(200);
}

/// Somebody else's change comes between the copy and its commit: both hold, unless the caller said otherwise.
#[tokio::test]
async fn changes_at_one_moment_both_hold_or_one_is_told() {
    for strict in [false, true] {
        let app = Arc::new(TestApp::new());
        let user = app.user();
        let file = app.text(&user, "a.txt", b"text").await;
        let (inner, caller, place) = (app.clone(), user.clone(), path(&file));
        app.storage_faults.before("copy", 1, move || async move {
            inner.patch(&caller, &place, &json!({ "filename": "between.txt" })).await.is(200);
        });
        let condition = if strict { etag(&app, &user, &file).await } else { "*".to_owned() };
        let answer = patch_if(&app, &user, &file, &condition, &json!({ "is_public": true })).await;
        let record = app.record(&file).await;
        assert_eq!(record.original_filename.as_ref().unwrap().as_str(), "between.txt");
        if strict {
            answer.refused(412, "PRECONDITION_FAILED", "somebody else was faster");
            assert_eq!(record.visibility, Visibility::Private);
            continue;
        }
        let url = answer.is(200).json()["url"].as_str().unwrap().to_owned();
        assert_eq!((record.visibility, record.renamed), (Visibility::Public, false));
        let object = ObjectRef::new(record.bucket.clone(), record.final_key.clone().unwrap());
        let stored = app.storage.head(&object).await.unwrap().content_disposition.unwrap();
        assert!(stored.ends_with("between.txt"), "stored with the name it has: {stored}");
        assert_eq!(app.fetch(&url).unwrap(), "text");
    }
}

/// G55: a deletion while a file is being published.
#[tokio::test]
async fn g55_a_file_that_is_deleted_while_it_is_published_is_gone() {
    let steps = {
        let app = TestApp::new();
        let user = app.user();
        let file = app.text(&user, "a.txt", b"text").await;
        app.storage_faults.forget_calls();
        app.patch(&user, &path(&file), &json!({ "is_public": true })).await.is(200);
        app.storage_faults.count(storage_testkit::faulty::ANY)
    };
    assert!(steps >= 3, "{steps}");
    for step in 1..=steps {
        let app = Arc::new(TestApp::new());
        let user = app.user();
        let file = app.text(&user, "a.txt", b"text").await;
        let (inner, caller, place) = (app.clone(), user.clone(), path(&file));
        app.storage_faults.before(storage_testkit::faulty::ANY, step, move || async move {
            inner.delete(&caller, &format!("{place}?permanent=true")).await.is(204);
        });
        let answer = app.patch(&user, &path(&file), &json!({ "is_public": true })).await;
        assert!(matches!(answer.status, 200 | 404), "{step}: {answer:?}");
        let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
        app.get(&user, &path(&file)).await.refused(404, "NOT_FOUND", "deleted");
        for _ in 0..4 {
            app.sweep_later().await;
        }
        assert_eq!(app.keys(&[]), Vec::<String>::new(), "{step}");
        assert_eq!(app.record(&file).await.state, FileState::Deleted, "{step}");
    }
}
