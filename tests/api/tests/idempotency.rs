//! G21: one key, one effect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api_tests::{Answer, Form, Person, TestApp, photo};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::state::LEASE;
use storage_testkit::trials::{Random, Trials};

async fn presign(app: &TestApp, user: &Person, route: &str, key: &str, body: &Value) -> Answer {
    app.call("POST", route).by(user).header("idempotency-key", key).json(body).send().await
}

#[tokio::test]
async fn g21_a_presigned_upload_asked_for_twice_is_one_file() {
    let app = TestApp::new();
    let user = app.user();
    let avatar = format!("/api/v1/users/{}/avatar", user.id);
    for (round, route) in ["/api/v1/files/presigned-upload", &avatar].into_iter().enumerate() {
        let key = format!("key-{round}");
        let body = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 10 });
        let first = presign(&app, &user, route, &key, &body).await.is(201).json();
        let again = presign(&app, &user, route, &key, &body).await.is(201).json();
        assert_eq!((&first["file_id"], &first["key"]), (&again["file_id"], &again["key"]));
        assert_eq!(app.store.files().len(), round + 1, "one record");

        for (field, value) in
            [("filename", json!("b.png")), ("size_bytes", json!(11)), ("is_public", json!(true))]
        {
            let mut other = body.clone();
            other[field] = value;
            presign(&app, &user, route, &key, &other).await.refused(422, "IDEMPOTENCY_MISMATCH", field);
        }
        assert_eq!(app.store.files().len(), round + 1, "nothing was made of the others");
    }
    // The key belongs to one path and one principal, even where the body is the same.
    let body = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 10 });
    let admin = app.person(app.tenant, &["storage:admin"]);
    let entities = [app.user().id, app.user().id].map(|id| format!("/api/v1/users/{id}/avatar"));
    presign(&app, &admin, &entities[0], "key", &body).await.is(201);
    presign(&app, &admin, &entities[1], "key", &body).await.refused(
        422,
        "IDEMPOTENCY_MISMATCH",
        "another path",
    );
    let other = app.user();
    let theirs = presign(&app, &other, "/api/v1/files/presigned-upload", "key-0", &body).await.is(201).json();
    assert_eq!(app.record(theirs["file_id"].as_str().unwrap()).await.owner.as_str(), other.id.to_string());
    assert_eq!(app.store.files().len(), 4);
}

#[tokio::test]
async fn g21_a_direct_upload_sent_twice_is_one_file() {
    let app = TestApp::new();
    let user = app.user();
    let send = async |bytes: &[u8], public: &str| {
        let form = Form::of_file("a.jpg", "image/jpeg", bytes).field("is_public", public);
        let call = app.call("POST", "/api/v1/files/upload").by(&user).header("idempotency-key", "k");
        call.form(form).send().await
    };
    let bytes = photo(48, 1);
    let first = send(&bytes, "false").await.is(201).json();
    let keys = app.keys(&[]);
    let again = send(&bytes, "false").await.is(201).json();
    assert_eq!(again, first);
    assert_eq!((app.store.files().len(), app.keys(&[])), (1, keys));
    send(&photo(48, 2), "false").await.refused(422, "IDEMPOTENCY_MISMATCH", "other bytes");
    send(&bytes, "true").await.refused(422, "IDEMPOTENCY_MISMATCH", "another field");
    assert_eq!(app.store.files().len(), 1);

    // What failed on the way is tried again under the same key, in the same record.
    let app = TestApp::new();
    let user = app.user();
    app.storage.set_available(false);
    let send = async || {
        let form = Form::of_file("a.jpg", "image/jpeg", &bytes);
        let call = app.call("POST", "/api/v1/files/upload").by(&user).header("idempotency-key", "k");
        call.form(form).send().await
    };
    send().await.refused(503, "STORAGE_UNAVAILABLE", "the first time");
    app.storage.set_available(true);
    assert_eq!(send().await.is(201).json()["state"], "ready");
    assert_eq!(app.store.files().len(), 1);
}

/// However often and however close together a request is sent, and whatever fails or is lost meanwhile: one effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g21_retries_at_random_moments_have_one_effect() {
    let trials = Trials::new("G21", 2_000);
    let mut refused = 0;
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let app = Arc::new(TestApp::new());
        let mut user = app.user();
        let direct = random.chance(1, 2);
        for _ in 0..random.below(4) {
            let nth = 1 + random.below(6);
            match random.below(4) {
                0 => app.store_faults.lose_reply("commit", nth, ErrorKind::MetadataUnavailable),
                1 => app.store_faults.fail("commit", nth, ErrorKind::MetadataUnavailable),
                2 => app.storage_faults.lose_reply("put", nth, ErrorKind::StorageUnavailable),
                _ => app.storage_faults.fail("put", nth, ErrorKind::StorageUnavailable),
            }
        }
        let send = |user: &Person| {
            let (app, user) = (app.clone(), user.clone());
            async move {
                let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
                if !direct {
                    return presign(&app, &user, "/api/v1/files/presigned-upload", "key", &body).await;
                }
                let form = Form::of_file("a.txt", "text/plain", b"text");
                let call = app.call("POST", "/api/v1/files/upload").by(&user);
                call.header("idempotency-key", "key").form(form).send().await
            }
        };
        let at_once: Vec<_> = (0..1 + random.below(4)).map(|_| tokio::spawn(send(&user))).collect();
        let mut answers = Vec::new();
        for sent in at_once {
            answers.push(sent.await.unwrap());
        }
        app.store_faults.heal();
        app.storage_faults.heal();
        // What a worker that failed still holds is over with its lease.
        app.clock.advance(LEASE + Duration::from_secs(1));
        user.token = app.token(user.tenant, user.id, &["user"]);
        answers.push(send(&user).await.is(201));
        answers.push(send(&user).await.is(201));
        let files: BTreeSet<String> = answers
            .iter()
            .filter(|answer| answer.status == 201)
            .map(|answer| answer.json()["file_id"].to_string())
            .collect();
        assert_eq!((files.len(), app.store.files().len()), (1, 1), "{seed}: one file, whoever asks");
        let early = answers.iter().filter(|answer| answer.status != 201);
        for answer in early {
            assert!(matches!(answer.status, 409 | 503), "{seed}: {answer:?}");
            refused += 1;
        }
        let stored = app.keys(&[]).len();
        assert_eq!(stored, if direct { 2 } else { 0 }, "{seed}: a file and its document, or only a record");
    }
    trials.report(json!({ "refused_for_now": refused, "doubled": 0 }));
}

/// Expiry is judged by the attribute: the item is still in the table after a day, and does not count.
#[tokio::test]
async fn g21_a_key_is_free_again_after_a_day() {
    let app = TestApp::new();
    let mut user = app.user();
    let body = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 10 });
    let route = "/api/v1/files/presigned-upload";
    let first = presign(&app, &user, route, "k", &body).await.is(201).json();
    app.clock.advance(Duration::from_secs(23 * 3600));
    user.token = app.token(user.tenant, user.id, &["user"]);
    // The key is still that request's, whose form is over.
    presign(&app, &user, route, "k", &body).await.refused(409, "STATE_CONFLICT", "23 hours later");
    app.clock.advance(Duration::from_secs(2 * 3600));
    user.token = app.token(user.tenant, user.id, &["user"]);
    let again = presign(&app, &user, route, "k", &body).await.is(201).json();
    assert_ne!(again["file_id"], first["file_id"]);
}

/// H10, and that a key does not open an upload that is over.
#[tokio::test]
async fn keys_are_short_and_visible_and_do_not_reopen_an_upload() {
    let app = TestApp::new();
    let user = app.user();
    let route = "/api/v1/files/presigned-upload";
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    for bad in ["", "a b", &"a".repeat(256)] {
        presign(&app, &user, route, bad, &body).await.refused(400, "INVALID_REQUEST", bad);
    }
    let call =
        app.call("POST", route).by(&user).header("idempotency-key", "a").header("idempotency-key", "a");
    call.json(&body).send().await.refused(400, "INVALID_REQUEST", "twice");
    assert_eq!(app.store.files().len(), 0);
    let issued = api_tests::Issued::read(&presign(&app, &user, route, "k", &body).await.is(201));
    app.post_form(&issued, b"text").await.unwrap();
    app.deliver_event(&issued.staging).await;
    presign(&app, &user, route, "k", &body).await.refused(409, "STATE_CONFLICT", "it is ready");
    assert_eq!(app.store.files().len(), 1);
}
