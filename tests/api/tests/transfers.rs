//! `copy`, `move` and `claim`: files that become other files.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api_tests::{Answer, Form, Issued, Person, TestApp, fresh_id, photo};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ids::{FileId, TenantId};
use storage_core::ports::{GetOptions, MetadataStore, ObjectRef, StorageBackend};
use storage_core::record::{FileRecord, FileState};
use storage_core::state::LEASE;
use storage_core::tenant::{TenantLimits, TenantRecord};
use storage_core::usage::Usage;
use storage_testkit::faulty::ANY;
use storage_testkit::records;

fn path(file: &str, verb: &str) -> String {
    format!("/api/v1/files/{file}/{verb}")
}

async fn served(app: &TestApp, user: &Person, file: &str) -> Option<bytes::Bytes> {
    let answer = app.get(user, &path(file, "download")).await;
    (answer.status == 302).then(|| app.fetch(answer.header("location").unwrap())).flatten()
}

/// The counters of every tenant are what its records add up to.
async fn check_usage(app: &TestApp) {
    let files = app.store.files();
    for tenant in files.iter().map(|record| record.tenant).collect::<BTreeSet<_>>() {
        let own = files.iter().filter(|record| record.tenant == tenant);
        let sum = own.fold(Usage::default(), |sum, record| sum.plus(Usage::of(record)));
        assert_eq!(app.store.get_usage(tenant).await.unwrap().total(), sum, "{tenant}");
    }
}

async fn document(app: &TestApp, record: &FileRecord) -> Value {
    let key = record.live_keys().find(|key| key.as_str().ends_with(".json")).expect("a document");
    let object = ObjectRef::new(record.bucket.clone(), key.clone());
    let read = app.storage.get(&object, GetOptions::default()).await.unwrap();
    serde_json::from_slice(&read.collect(1 << 20).await.unwrap()).unwrap()
}

/// A text with everything a caller can say about one.
async fn source(app: &TestApp, user: &Person) -> String {
    let form = Form::of_file("a.txt", "text/plain", "süß".as_bytes()).field("scope", "red");
    let form = form.field("external_id", "e-1").field("metadata", "{\"a\":\"1\"}");
    app.upload(user, form).await
}

#[tokio::test]
async fn a_copy_is_a_file_of_its_own() {
    let app = TestApp::new();
    let user = app.user();
    let file = source(&app, &user).await;
    let copy = app.post(&user, &path(&file, "copy"), &json!({})).await.is(201).json();
    let id = copy["file_id"].as_str().unwrap();
    assert_ne!(id, file);
    let expected = json!({ "state": "ready", "filename": "a.txt", "scope": "red", "metadata": { "a": "1" },
        "owner_id": user.id.to_string(), "size_bytes": 5, "is_public": false });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&copy[name], value, "{name}");
    }
    assert_eq!(copy.get("external_id"), None, "an id is one file's");
    assert_eq!(app.fetch(copy["url"].as_str().unwrap()).unwrap(), "süß");
    let (from, to) = (app.record(&file).await, app.record(id).await);
    assert_eq!((&from.sha256, &from.source_sha256), (&to.sha256, &to.source_sha256));
    assert_eq!(document(&app, &to).await["file_id"], id);
    assert_eq!(document(&app, &to).await["sha256"], json!(to.sha256));
    let object = ObjectRef::new(to.bucket.clone(), to.final_key.clone().unwrap());
    let meta = app.storage.head(&object).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/plain; charset=utf-8"));

    let body = json!({ "filename": "b.txt", "scope": "blue", "is_public": true, "external_id": "e-2",
        "metadata": {} });
    let other = app.post(&user, &path(&file, "copy"), &body).await.is(201).json();
    for (name, value) in body.as_object().unwrap() {
        let shown = other.get(name).cloned().unwrap_or(json!({}));
        assert_eq!(&shown, value, "{name}");
    }
    check_usage(&app).await;
    // The end of one is not the end of the other.
    app.delete(&user, &format!("/api/v1/files/{file}?permanent=true")).await.is(204);
    assert_eq!(served(&app, &user, id).await.unwrap(), "süß");
    for _ in 0..3 {
        app.sweep_later().await;
    }
    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
    assert_eq!(served(&app, &user, id).await.unwrap(), "süß");
    assert_eq!(app.trail(id).await, ["issued", "ready"]);
    assert_eq!(app.keys(&[]).len(), 4);
}

#[tokio::test]
async fn a_move_ends_its_source_as_it_begins_its_destination() {
    let app = TestApp::new();
    let user = app.user();
    let file = source(&app, &user).await;
    let moved = app.post(&user, &path(&file, "move"), &json!({ "scope": "blue" })).await.is(200).json();
    let id = moved["file_id"].as_str().unwrap();
    assert_ne!(id, file);
    let expected = json!({ "state": "ready", "filename": "a.txt", "scope": "blue", "external_id": "e-1" });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&moved[name], value, "{name}");
    }
    app.get(&user, &format!("/api/v1/files/{file}")).await.refused(404, "NOT_FOUND", "the source");
    assert_eq!(served(&app, &user, id).await.unwrap(), "süß");
    assert_eq!(app.keys(&[]).len(), 2, "the source's bytes went at once");
    check_usage(&app).await;
    let told: Vec<_> =
        app.store.outbox().into_iter().map(|item| (item.event.as_str(), item.permanent)).collect();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&("file.deleted", true)));
    app.post(&user, &path(&file, "move"), &json!({})).await.refused(404, "NOT_FOUND", "moved before");
    for _ in 0..3 {
        app.sweep_later().await;
    }
    assert_eq!(app.record(&file).await.state, FileState::Deleted);
    assert_eq!(app.keys(&[]).len(), 2);
}

#[tokio::test]
async fn what_cannot_be_copied_or_moved_says_why() {
    let app = TestApp::new();
    let user = app.user();
    let file = source(&app, &user).await;
    let form = Form::of_file("me.jpg", "image/jpeg", &photo(64, 1));
    let avatar = format!("/api/v1/users/{}/avatar", user.id);
    let avatar = app.call("POST", &avatar).by(&user).form(form).send().await.is(201).json();
    let avatar = avatar["file_id"].as_str().unwrap();
    let keys = app.keys(&[]).len();
    for verb in ["copy", "move"] {
        let ask = async |file: &str, body: Value| app.post(&user, &path(file, verb), &body).await;
        ask(avatar, json!({})).await.refused(409, "STATE_CONFLICT", "an avatar");
        ask(&fresh_id(), json!({})).await.refused(404, "NOT_FOUND", "missing");
        ask("x", json!({})).await.refused(400, "INVALID_ID", "no id");
        for (body, code) in [
            (json!({ "filename": "" }), "INVALID_FILENAME"),
            (json!({ "scope": "../x" }), "INVALID_REQUEST"),
            (json!({ "external_id": "" }), "INVALID_REQUEST"),
            (json!({ "key": "x" }), "UNKNOWN_FIELD"),
        ] {
            ask(&file, body.clone()).await.refused(400, code, &format!("{verb} {body}"));
        }
        let taken = Form::of_file("b.txt", "text/plain", b"text").field("external_id", verb);
        let taken = app.upload(&user, taken).await;
        ask(&file, json!({ "external_id": verb })).await.refused(409, "NAME_TAKEN", verb);
        app.delete(&user, &format!("/api/v1/files/{taken}?permanent=true")).await.is(204);
        for state in [FileState::Pending, FileState::Processing, FileState::Trashed, FileState::Failed] {
            app.alter(&file, |record| record.state = state).await;
            ask(&file, json!({})).await.refused(409, "STATE_CONFLICT", state.as_str());
        }
        app.alter(&file, |record| (record.state, record.size) = (FileState::Ready, Some(2 << 30))).await;
        ask(&file, json!({})).await.refused(413, "PAYLOAD_TOO_LARGE", "more than a request copies");
        app.alter(&file, |record| (record.size, record.legal_hold) = (Some(5), true)).await;
        if verb == "move" {
            ask(&file, json!({})).await.refused(409, "STATE_CONFLICT", "on hold");
        }
        app.alter(&file, |record| record.legal_hold = false).await;
    }
    assert_eq!(app.keys(&[]).len(), keys, "{:?}", app.keys(&[]));
    let wrong = app.store.files().into_iter().filter(|record| record.state == FileState::Processing);
    assert_eq!(wrong.count(), 0);
}

/// G31: source and destination are both looked at, for every kind of caller.
#[tokio::test]
async fn g31_copies_and_moves_need_the_source_and_the_destination() {
    let app = TestApp::new();
    let owner = app.user();
    let colleague = app.user();
    let (admin, service) =
        (app.person(app.tenant, &["storage:admin"]), app.person(app.tenant, &["storage:service"]));
    let tenant = records::new_tenant();
    let stranger = app.person(tenant, &["user"]);
    let foreign_admin = app.person(tenant, &["storage:admin", "storage:service"]);
    for verb in ["copy", "move"] {
        for (caller, may_read, may_give) in [
            (&owner, true, false),
            (&colleague, false, false),
            (&admin, true, true),
            (&service, true, true),
            (&stranger, false, false),
            (&foreign_admin, false, true),
        ] {
            for to_somebody_else in [false, true] {
                let file = app.text(&owner, "a.txt", b"text").await;
                let before = (app.store.files().len(), app.keys(&[]));
                let mut body = json!({});
                if to_somebody_else {
                    body["owner_id"] = json!(colleague.id.to_string());
                }
                let to_oneself = !to_somebody_else || caller.id == colleague.id;
                let answer = app.post(caller, &path(&file, verb), &body).await;
                let case = format!("{verb} {to_somebody_else} {}", caller.id);
                match (verb, to_oneself, may_give, may_read) {
                    // A copy belongs to whoever makes it.
                    ("copy", _, _, _) if to_somebody_else => {
                        answer.refused(400, "UNKNOWN_FIELD", &case);
                    }
                    (_, false, false, _) => {
                        answer.refused(403, "FORBIDDEN", &case);
                    }
                    (_, _, _, false) => {
                        answer.refused(404, "NOT_FOUND", &case);
                    }
                    _ => {
                        let made = answer.json();
                        assert!(matches!(answer.status, 200 | 201), "{case}: {made}");
                        let owner_of_made = match (verb, to_somebody_else) {
                            ("copy", _) => caller.id,
                            (_, true) => colleague.id,
                            (_, false) => owner.id,
                        };
                        assert_eq!(made["owner_id"], owner_of_made.to_string(), "{case}");
                        continue;
                    }
                }
                assert_eq!((app.store.files().len(), app.keys(&[])), before, "{case}");
            }
        }
    }
    check_usage(&app).await;
}

async fn keyed(app: &TestApp, user: &Person, file: &str, verb: &str, body: &Value) -> Answer {
    app.call("POST", &path(file, verb)).by(user).header("idempotency-key", "k").json(body).send().await
}

/// G21.
#[tokio::test]
async fn g21_a_copy_or_move_asked_for_twice_is_one() {
    for (verb, status) in [("copy", 201), ("move", 200)] {
        let app = TestApp::new();
        let user = app.user();
        let file = source(&app, &user).await;
        let first = keyed(&app, &user, &file, verb, &json!({})).await.is(status).json();
        let again = keyed(&app, &user, &file, verb, &json!({})).await.is(status).json();
        assert_eq!(first, again);
        keyed(&app, &user, &file, verb, &json!({ "scope": "x" })).await.refused(
            422,
            "IDEMPOTENCY_MISMATCH",
            "another body",
        );
        let other = app.text(&user, "b.txt", b"text").await;
        keyed(&app, &user, &other, verb, &json!({})).await.refused(
            422,
            "IDEMPOTENCY_MISMATCH",
            "another file",
        );
        assert_eq!(app.store.files().len(), 3, "{verb}");
        let id = first["file_id"].as_str().unwrap();
        app.delete(&user, &format!("/api/v1/files/{id}?permanent=true")).await.is(204);
        keyed(&app, &user, &file, verb, &json!({})).await.refused(409, "STATE_CONFLICT", "it is gone");
    }
}

/// G21: whatever fails or is lost on the way, the repeated request has one effect, and it is the whole one.
#[tokio::test]
async fn g21_a_transfer_that_failed_goes_on_under_its_key() {
    for (verb, status) in [("copy", 201), ("move", 200)] {
        let calls = {
            let app = TestApp::new();
            let user = app.user();
            let file = source(&app, &user).await;
            app.store_faults.forget_calls();
            app.storage_faults.forget_calls();
            keyed(&app, &user, &file, verb, &json!({})).await.is(status);
            [app.store_faults.count(ANY), app.storage_faults.count(ANY)]
        };
        for (port, calls) in calls.into_iter().enumerate() {
            for nth in 1..=calls {
                for lost in [false, true] {
                    let app = TestApp::new();
                    let user = app.user();
                    let file = source(&app, &user).await;
                    let (faults, kind) = match port {
                        0 => (&app.store_faults, ErrorKind::MetadataUnavailable),
                        _ => (&app.storage_faults, ErrorKind::StorageUnavailable),
                    };
                    match lost {
                        false => faults.fail(ANY, nth, kind),
                        true => faults.lose_reply(ANY, nth, kind),
                    }
                    let case = format!("{verb}, port {port}, call {nth}, {lost}");
                    let first = keyed(&app, &user, &file, verb, &json!({})).await;
                    assert!(matches!(first.status, 200 | 201 | 503), "{case}: {first:?}");
                    // What still holds the lease is over with it.
                    app.clock.advance(LEASE + Duration::from_secs(1));
                    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
                    let made = keyed(&app, &user, &file, verb, &json!({})).await.is(status).json();
                    if first.status != 503 {
                        assert_eq!(first.json()["file_id"], made["file_id"], "{case}");
                    }
                    assert_eq!(app.store.files().len(), 2, "{case}");
                    let gone = app.record(&file).await.state != FileState::Ready;
                    assert_eq!(gone, verb == "move", "{case}");
                    for _ in 0..3 {
                        app.sweep_later().await;
                    }
                    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
                    let id = made["file_id"].as_str().unwrap();
                    assert_eq!(served(&app, &user, id).await.unwrap(), "süß", "{case}");
                    assert_eq!(app.keys(&[]).len(), if gone { 2 } else { 4 }, "{case}");
                    check_usage(&app).await;
                }
            }
        }
    }
}

/// G04: a worker that slept longer than its lease ends nothing of what another one has finished.
#[tokio::test]
async fn g04_a_worker_that_slept_does_not_end_what_another_has_finished() {
    for (verb, status) in [("copy", 201), ("move", 200)] {
        for (operation, nth) in [("head", 1), ("copy", 1), ("get", 1), ("put", 1)] {
            let app = Arc::new(TestApp::new());
            let user = app.user();
            let file = source(&app, &user).await;
            app.storage_faults.forget_calls();
            let (inner, person, id) = (app.clone(), user.clone(), file.clone());
            app.storage_faults.before(operation, nth, move || async move {
                inner.clock.advance(LEASE + Duration::from_secs(1));
                let awake = again(&inner, &person, false);
                keyed(&inner, &awake, &id, verb, &json!({})).await.is(status);
            });
            let slept = keyed(&app, &user, &file, verb, &json!({})).await;
            let case = format!("{verb} {operation}: {slept:?}");
            assert!(matches!(slept.status, 404 | 409 | 503), "{case}");
            for _ in 0..4 {
                app.sweep_later().await;
            }
            let user = again(&app, &user, false);
            let made = keyed(&app, &user, &file, verb, &json!({})).await.is(status).json();
            let made = made["file_id"].as_str().unwrap();
            assert_eq!(served(&app, &user, made).await.expect(&case), "süß");
            assert_eq!(app.keys(&[]).len(), if verb == "move" { 2 } else { 4 }, "{case}");
            check_usage(&app).await;
        }
    }
}

/// Without a key a copy that broke off is cleared away by the sweep, and the source is untouched.
#[tokio::test]
async fn a_transfer_that_breaks_off_is_cleared_away() {
    for verb in ["copy", "move"] {
        for operation in ["head", "copy", "get", "put"] {
            let app = TestApp::new();
            let user = app.user();
            let file = source(&app, &user).await;
            app.storage_faults.forget_calls();
            app.storage_faults.fail(operation, 1, ErrorKind::StorageUnavailable);
            let answer = app.post(&user, &path(&file, verb), &json!({})).await;
            answer.refused(503, "STORAGE_UNAVAILABLE", operation);
            for _ in 0..4 {
                app.sweep_later().await;
            }
            let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
            assert_eq!(served(&app, &user, &file).await.unwrap(), "süß", "{verb} {operation}");
            assert_eq!(app.keys(&[]).len(), 2, "{verb} {operation}");
            check_usage(&app).await;
        }
    }
}

/// What the sweep has ended is taken up by whoever repeats the request, once nothing of it can still arrive.
#[tokio::test]
async fn g21_a_transfer_that_the_sweep_ended_is_taken_up_again() {
    for (verb, status) in [("copy", 201), ("move", 200), ("claim", 200)] {
        let app = TestApp::new();
        let mut caller = if verb == "claim" { service(&app) } else { app.user() };
        let file = match verb {
            "claim" => unassigned(&app).await.file,
            _ => app.text(&caller, "a.txt", b"text").await,
        };
        let send = async |caller: &Person| {
            let mut call = app.call("POST", &path(&file, verb)).by(caller);
            if verb == "claim" {
                call = call.header("x-tenant-id", &app.tenant.to_string());
            } else {
                call = call.header("idempotency-key", "k");
            }
            call.send().await
        };
        app.storage_faults.forget_calls();
        app.storage_faults.fail("put", 1, ErrorKind::StorageUnavailable);
        send(&caller).await.refused(503, "STORAGE_UNAVAILABLE", verb);
        let made = app.store.files().into_iter().find(|record| record.state == FileState::Processing);
        let made = made.expect("a destination").file_id.to_string();
        // The sweep comes once the lease is given back, and finds what was copied.
        app.clock.advance(Duration::from_secs(11 * 60));
        app.sweep_later().await;
        caller = again(&app, &caller, verb == "claim");
        assert_eq!(app.record(&made).await.state, FileState::Failed, "{verb}");
        send(&caller).await.refused(409, "REQUEST_IN_PROGRESS", "a pass is still to come");
        if verb == "claim" {
            // Not before the first claim is forgotten.
            send(&service(&app)).await.refused(409, "STATE_CONFLICT", "for somebody else");
        }
        for _ in 0..2 {
            app.sweep_later().await;
        }
        caller = again(&app, &caller, verb == "claim");
        assert_eq!(app.record(&made).await.due_at, None);
        let json = send(&caller).await.is(status).json();
        assert_eq!(json["file_id"], made);
        assert_eq!(app.fetch(json["url"].as_str().unwrap()).unwrap(), "text");
        assert_eq!(app.trail(&made).await, ["issued", "failed", "reopened", "ready"]);
        check_usage(&app).await;
    }
}

/// The source goes, or changes, at any step of the copy.
#[tokio::test]
async fn a_source_that_changes_meanwhile_is_noticed() {
    for change in ["delete", "publish", "rename"] {
        for verb in ["copy", "move"] {
            for (operation, nth) in [("head", 1), ("copy", 1), ("get", 1), ("put", 1)] {
                let app = Arc::new(TestApp::new());
                let user = app.user();
                let file = source(&app, &user).await;
                app.storage_faults.forget_calls();
                let (inner, caller, place) = (app.clone(), user.clone(), format!("/api/v1/files/{file}"));
                app.storage_faults.before(operation, nth, move || async move {
                    match change {
                        "delete" => inner.delete(&caller, &format!("{place}?permanent=true")).await.is(204),
                        "publish" => {
                            inner.patch(&caller, &place, &json!({ "is_public": true })).await.is(200)
                        }
                        _ => inner.patch(&caller, &place, &json!({ "filename": "b.txt" })).await.is(200),
                    };
                });
                let answer = app.post(&user, &path(&file, verb), &json!({})).await;
                let case = format!("{verb}, {change} before {operation}: {}", answer.json());
                assert!(matches!(answer.status, 200 | 201 | 404), "{case}");
                if answer.status == 404 {
                    assert_eq!(change, "delete", "{case}");
                }
                let made = answer.json()["file_id"].as_str().map(str::to_owned);
                for _ in 0..4 {
                    app.sweep_later().await;
                }
                let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
                if let Some(made) = &made {
                    assert_eq!(served(&app, &user, made).await.unwrap(), "süß", "{case}");
                }
                let source_stays = verb == "copy" && change != "delete";
                let files = usize::from(made.is_some()) + usize::from(source_stays);
                assert_eq!(app.keys(&[]).len(), 2 * files, "{case} {:?}", app.keys(&[]));
                check_usage(&app).await;
            }
        }
    }
}

#[tokio::test]
async fn a_copy_needs_room_and_a_move_does_not() {
    let app = TestApp::new();
    let user = app.user();
    let file = source(&app, &user).await;
    let bucket = app.record(&file).await.bucket;
    let limits = TenantLimits { max_bytes: Some(9), ..TenantLimits::default() };
    let slug = storage_core::ids::TenantSlug::parse("acme").unwrap();
    let tenant = TenantRecord { limits, bucket, slug, ..records::sample_tenant(app.tenant) };
    app.store.put_tenant(&tenant).await.unwrap();
    let answer = app.post(&user, &path(&file, "copy"), &json!({})).await;
    let details = answer.refused(507, "QUOTA_EXCEEDED", "9 bytes").json()["error"]["details"].clone();
    assert_eq!((&details["max_bytes"], &details["stored_bytes"]), (&json!(9), &json!(5)));
    let moved = app.post(&user, &path(&file, "move"), &json!({})).await.is(200).json();
    assert_eq!(app.store.get_usage(app.tenant).await.unwrap().total().stored, 5);
    let limits = TenantLimits { max_bytes: Some(10), ..TenantLimits::default() };
    app.store.put_tenant(&TenantRecord { limits, ..tenant }).await.unwrap();
    app.post(&user, &path(moved["file_id"].as_str().unwrap(), "copy"), &json!({})).await.is(201);
    check_usage(&app).await;
}

/// A service without a tenant in its token.
fn service(app: &TestApp) -> Person {
    again(app, &app.user(), true)
}

/// The same principal with a token that is good for an hour from now.
fn again(app: &TestApp, person: &Person, is_service: bool) -> Person {
    let mut person = person.clone();
    if !is_service {
        person.token = app.token(person.tenant, person.id, &["user"]);
        return person;
    }
    let mut claims = app.claims(app.tenant, person.id);
    claims.as_object_mut().unwrap().remove("tenant_uuid");
    claims["scope"] = json!("storage:service");
    person.token = app.sign(&claims);
    person
}

/// A ready file that waits for its tenant.
async fn unassigned(app: &TestApp) -> Issued {
    let caller = service(app);
    let body =
        json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4, "unassigned": true });
    let issued = app.presign(&caller, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, b"text").await.unwrap();
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    issued
}

async fn waiting(app: &TestApp, file: &str) -> FileRecord {
    let file = FileId::parse(file).unwrap();
    app.store.get_file(TenantId::UNASSIGNED, file).await.unwrap().expect("a record")
}

async fn claim(app: &TestApp, caller: &Person, tenant: TenantId, file: &str, body: &Value) -> Answer {
    let call = app.call("POST", &path(file, "claim")).by(caller);
    call.header("x-tenant-id", &tenant.to_string()).json(body).send().await
}

#[tokio::test]
async fn a_waiting_file_is_claimed_once_and_keeps_its_id() {
    let app = TestApp::new();
    let user = app.user();
    let file = unassigned(&app).await.file;
    assert_eq!(waiting(&app, &file).await.state, FileState::Ready);
    let services = service(&app);
    app.get(&user, &format!("/api/v1/files/{file}")).await.refused(404, "NOT_FOUND", "it waits");
    claim(&app, &user, app.tenant, &file, &json!({})).await.refused(403, "FORBIDDEN", "an ordinary user");
    let body = json!({ "owner_id": user.id.to_string(), "is_public": true });
    let claimed = claim(&app, &services, app.tenant, &file, &body).await.is(200).json();
    assert_eq!((&claimed["file_id"], &claimed["owner_id"]), (&json!(file), &json!(user.id.to_string())));
    assert_eq!(app.fetch(claimed["url"].as_str().unwrap()).unwrap(), "text");
    assert_eq!(served(&app, &user, &file).await.unwrap(), "text");
    assert_eq!(waiting(&app, &file).await.state, FileState::Deleting);
    assert_eq!(app.record(&file).await.created_at, waiting(&app, &file).await.created_at);
    assert_eq!(app.keys(&[]).len(), 2, "{:?}", app.keys(&[]));
    check_usage(&app).await;

    let other = records::new_tenant();
    let admin = app.person(other, &["storage:admin"]);
    for (caller, tenant) in [(&services, app.tenant), (&services, other), (&admin, other)] {
        claim(&app, caller, tenant, &file, &json!({})).await.refused(404, "NOT_FOUND", "claimed before");
    }
    assert_eq!(served(&app, &user, &file).await.unwrap(), "text");
    let assigned = app.text(&user, "b.txt", b"text").await;
    claim(&app, &services, other, &assigned, &json!({})).await.refused(404, "NOT_FOUND", "does not wait");
    claim(&app, &services, app.tenant, &fresh_id(), &json!({})).await.refused(404, "NOT_FOUND", "missing");
    let call = app.call("POST", &path(&file, "claim")).by(&services).json(&json!({}));
    call.send().await.refused(403, "TENANT_REQUIRED", "no tenant to claim it for");
    claim(&app, &services, TenantId::UNASSIGNED, &file, &json!({})).await.refused(
        403,
        "TENANT_REQUIRED",
        "not for those that wait",
    );
}

/// Two tenants at once: the other one comes at each step of the first.
#[tokio::test]
async fn of_two_claims_at_once_one_wins() {
    let steps = {
        let app = TestApp::new();
        let file = unassigned(&app).await.file;
        app.store_faults.forget_calls();
        claim(&app, &service(&app), app.tenant, &file, &json!({})).await.is(200);
        app.store_faults.count(ANY)
    };
    let mut winners = BTreeSet::new();
    for (step, is_before) in (1..=steps).flat_map(|step| [(step, true), (step, false)]) {
        let app = Arc::new(TestApp::new());
        let (file, other) = (unassigned(&app).await.file, records::new_tenant());
        let (inner, id) = (app.clone(), file.clone());
        app.store_faults.forget_calls();
        let rival = move || async move {
            let answer = claim(&inner, &service(&inner), other, &id, &json!({})).await;
            assert!(matches!(answer.status, 200 | 404), "{answer:?}");
        };
        match is_before {
            true => app.store_faults.before(ANY, step, rival),
            false => app.store_faults.after(ANY, step, rival),
        }
        let first = claim(&app, &service(&app), app.tenant, &file, &json!({})).await;
        let mut ready: Vec<TenantId> = app
            .store
            .files()
            .into_iter()
            .filter(|record| record.state == FileState::Ready)
            .map(|record| record.tenant)
            .collect();
        assert_eq!(ready.len(), 1, "{step}: one of them has it");
        assert_eq!(first.status, if ready[0] == app.tenant { 200 } else { 404 }, "{step}");
        winners.insert(ready.pop() == Some(app.tenant));
        for _ in 0..4 {
            app.sweep_later().await;
        }
        assert_eq!(app.keys(&[]).len(), 2, "{step}: {:?}", app.keys(&[]));
        check_usage(&app).await;
    }
    assert_eq!(winners.len(), 2, "each of them wins sometimes");
}

/// G21: a claim that failed goes on when it is repeated, with or without a key.
#[tokio::test]
async fn g21_a_claim_that_failed_goes_on() {
    for key in [None, Some("k")] {
        let app = TestApp::new();
        let caller = service(&app);
        let file = unassigned(&app).await.file;
        let send = async |body: &Value| {
            let mut call = app.call("POST", &path(&file, "claim")).by(&caller);
            if let Some(key) = key {
                call = call.header("idempotency-key", key);
            }
            call.header("x-tenant-id", &app.tenant.to_string()).json(body).send().await
        };
        app.storage_faults.fail("put", 1, ErrorKind::StorageUnavailable);
        send(&json!({})).await.refused(503, "STORAGE_UNAVAILABLE", "the first time");
        let other = json!({ "owner_id": fresh_id() });
        match key {
            Some(_) => send(&other).await.refused(422, "IDEMPOTENCY_MISMATCH", "another owner"),
            None => send(&other).await.refused(409, "STATE_CONFLICT", "another owner"),
        };
        let claimed = send(&json!({})).await.is(200).json();
        assert_eq!(claimed["file_id"], file);
        match key {
            Some(_) => assert_eq!(send(&json!({})).await.is(200).json(), claimed),
            None => drop(send(&json!({})).await.refused(404, "NOT_FOUND", "claimed before")),
        }
        assert_eq!(app.keys(&[]).len(), 2);
        check_usage(&app).await;
    }
}
