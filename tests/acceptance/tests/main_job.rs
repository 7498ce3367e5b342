//! The main job over the real `cargo lambda watch`: a photo goes up, is validated and thumbnailed, is served, is deleted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use acceptance_tests::stack::{self, Stack};
use acceptance_tests::{Api, pixels, sha256, text};
use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{ObjectRef, StorageBackend};
use storage_local::LocalBackend;
use storage_testkit::images;
use storage_testkit::loud::loudly;

/// One stack serves all scenarios; each has its own user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_job_end_to_end() {
    if !stack::has_cargo_lambda() {
        loudly("SKIPPED: cargo lambda is not installed, so nothing runs end to end; `make test` installs it");
        return;
    }
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("acceptance");
    let _ = std::fs::remove_dir_all(&data);
    let stack = Stack::start(&data).await;
    let facts = stack.facts.clone();
    let user = Api::new(text(&facts, "/api_url"), Some(text(&facts, "/tokens/user")));
    let id = text(&facts, "/user_id").to_owned();

    photo_from_form_to_pixels(&user, &id).await;
    a_replay_never_changes_what_is_served(&user, &id).await;
    fifty_at_once_are_one_result(&user, &id).await;
    a_lost_event_is_made_up_for(&user, &id, stack.data()).await;
    replaced_and_deleted(&user, &id).await;
    attachments(&user).await;
    refusals(&user, &facts, &id).await;
    a_second_stack_is_refused(stack.data());

    let kept = user.issue_avatar(&id, 1).await;
    assert!(stack.interrupt().await, "Ctrl-C ends it with success");
    nothing_listens(&facts).await;
    let again = Stack::start(&data).await;
    assert_eq!(again.facts["tenant"], facts["tenant"]);
    let user = Api::new(text(&again.facts, "/api_url"), Some(text(&again.facts, "/tokens/user")));
    let record = user.until(text(&kept, "/file_id"), &["pending"]).await;
    assert_eq!(record["size_bytes"], 1, "data survives a restart");
    assert!(again.interrupt().await);
}

/// A 12 MP JPEG by form: ready with all variants, each of the right size and colours, served at each size.
async fn photo_from_form_to_pixels(user: &Api, id: &str) {
    let photo = images::quadrants(3465);
    let issued = user.issue_avatar(id, photo.len()).await;
    assert!(user.post_form(&issued, &photo).await.is_success());
    let record = user.until(text(&issued, "/file_id"), &["ready", "failed"]).await;
    assert_eq!(record["state"], "ready", "{record}");
    for (size, side) in [("small", 32), ("medium", 150), ("large", 300)] {
        let (found, pixels) = pixels(&user.avatar(id, size).await);
        assert_eq!(found, side);
        for (x, y, colour) in
            [(1, 1, [255, 0, 0]), (3, 1, [0, 255, 0]), (1, 3, [0, 0, 255]), (3, 3, [255, 255, 255])]
        {
            let at = (y * side / 4 * side + x * side / 4) * 3;
            for channel in 0..3 {
                let difference = i32::from(pixels[at + channel]) - colour[channel];
                assert!(difference.abs() <= 12, "{size} at {x},{y}: {:?}", &pixels[at..at + 3]);
            }
        }
    }
    let (status, info) = user.json(Method::GET, &format!("/users/{id}/avatar/info"), None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&info["has_custom_avatar"], &info["sizes"]["large"]["width"]), (&json!(true), &json!(300)));
}

/// G12: the form is still good after completion, and whatever is posted with it changes nothing.
async fn a_replay_never_changes_what_is_served(user: &Api, id: &str) {
    let photo = images::jpeg(400, 400, 12);
    let issued = user.issue_avatar(id, photo.len()).await;
    assert!(user.post_form(&issued, &photo).await.is_success());
    let file = text(&issued, "/file_id").to_owned();
    let ready = user.until(&file, &["ready"]).await;
    let served = sha256(&user.avatar(id, "original").await);
    assert_eq!(served, text(&ready, "/sha256"));
    for seed in 0..5 {
        let mut other = images::jpeg(400, 400, 100 + seed).to_vec();
        other.resize(photo.len(), 0);
        user.post_form(&issued, &Bytes::from(other)).await;
        user.json(Method::POST, &format!("/files/{file}/complete"), None).await;
        assert_eq!(sha256(&user.avatar(id, "original").await), served);
    }
    assert_eq!(user.until(&file, &["ready"]).await["sha256"], ready["sha256"]);
}

/// G03 and G14: event and fifty `complete` calls race; there is one result, and everybody gets it.
async fn fifty_at_once_are_one_result(user: &Api, id: &str) {
    let photo = images::jpeg(300, 300, 50);
    let issued = user.issue_avatar(id, photo.len()).await;
    let complete = format!("/files/{}/complete", text(&issued, "/file_id"));
    let (status, early) = user.json(Method::POST, &complete, None).await;
    assert_eq!((status, &early["error"]["code"]), (StatusCode::CONFLICT, &json!("UPLOAD_NOT_FOUND")));
    let (posted, answers) = tokio::join!(
        user.post_form(&issued, &photo),
        join_all((0..50).map(|_| user.json(Method::POST, &complete, None)))
    );
    assert!(posted.is_success());
    for (status, body) in answers {
        assert!(matches!(status.as_u16(), 200 | 202 | 409), "{status} {body}");
    }
    let ready = user.until(text(&issued, "/file_id"), &["ready"]).await;
    let (status, completed) = user.json(Method::POST, &complete, None).await;
    assert_eq!((status, &completed["sha256"]), (StatusCode::OK, &ready["sha256"]));
    let (_, again) = user.json(Method::POST, &complete, None).await;
    assert_eq!(completed["file_id"], again["file_id"]);
}

/// The bytes arrive without an event, as when S3 loses one: `complete` alone makes the file ready.
async fn a_lost_event_is_made_up_for(user: &Api, id: &str, data: &Path) {
    let photo = images::jpeg(200, 200, 7);
    let issued = user.issue_avatar(id, photo.len()).await;
    let storage = LocalBackend::open(&data.join("storage")).unwrap();
    let bucket = BucketName::parse("stowage-staging").unwrap();
    let staging = ObjectRef::new(bucket, StorageKey::parse(text(&issued, "/key")).unwrap());
    storage.put(&staging, photo.into(), Default::default()).await.unwrap();
    let complete = format!("/files/{}/complete", text(&issued, "/file_id"));
    let (status, record) = user.json(Method::POST, &complete, None).await;
    assert_eq!((status, &record["state"]), (StatusCode::OK, &json!("ready")), "{record}");
    assert!(!storage.exists(&staging).await.unwrap());
}

async fn replaced_and_deleted(user: &Api, id: &str) {
    let path = format!("/users/{id}/avatar");
    let (status, first) = user.post_file(&path, &images::jpeg(64, 64, 1)).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let old_url = text(&first, "/sizes/small/url").to_owned();
    assert_eq!(user.download(&old_url).await.0, StatusCode::OK);
    let (status, second) = user.post_file(&path, &images::jpeg(64, 64, 2)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(first["file_id"], second["file_id"]);
    let (_, info) = user.json(Method::GET, &format!("{path}/info"), None).await;
    assert_eq!(info["file_id"], second["file_id"]);
    for _ in 0..2 {
        assert_eq!(user.send(Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(user.send(Method::GET, &path, None).await.status(), StatusCode::NOT_FOUND);
    let url = text(&second, "/sizes/small/url");
    assert_eq!(user.download(url).await.0, StatusCode::NOT_FOUND, "the bytes are gone too");
}

async fn attachments(user: &Api) {
    let body = json!({ "filename": "notes.txt", "content_type": "text/plain", "size_bytes": 12 });
    let (status, issued) = user.json(Method::POST, "/files/presigned-upload", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{issued}");
    assert!(user.post_form(&issued, &Bytes::from_static(b"hello, world")).await.is_success());
    let file = text(&issued, "/file_id").to_owned();
    let record = user.until(&file, &["ready", "failed"]).await;
    assert_eq!(record["content_type"], "text/plain");
    let response =
        user.send(Method::GET, &format!("/files/{file}/download?disposition=attachment"), None).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(user.download(&location).await, (StatusCode::OK, Bytes::from_static(b"hello, world")));
    let too_large = user.post_form(&issued, &Bytes::from_static(b"hello, world, and more")).await;
    assert_eq!(too_large, StatusCode::BAD_REQUEST, "the storage itself refuses what the form does not allow");
    let path = format!("/files/{file}?permanent=true");
    assert_eq!(user.send(Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(user.download(&location).await.0, StatusCode::NOT_FOUND);
}

async fn refusals(user: &Api, facts: &Value, id: &str) {
    let nobody = Api::new(text(facts, "/api_url"), None);
    let stranger = Api::new(text(facts, "/api_url"), Some(text(facts, "/tokens/other_tenant_user")));
    let photo = images::jpeg(64, 64, 3);
    let (_, mine) = user.post_file("/files/upload", &photo).await;
    let file = format!("/files/{}", text(&mine, "/file_id"));
    assert_eq!(nobody.send(Method::GET, &file, None).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.send(Method::GET, &file, None).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(stranger.send(Method::DELETE, &file, None).await.status(), StatusCode::NOT_FOUND);
    let (status, refused) = stranger.post_file(&format!("/users/{id}/avatar"), &photo).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refused}");

    // G63: the emulator has no limit of its own.
    let large = Bytes::from(vec![0; 4 * 1024 * 1024 + 1]);
    let (status, body) = user.post_file("/files/upload", &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body["error"]["details"]["presign_route"], "/api/v1/files/presigned-upload");

    let body = json!({ "filename": "a", "content_type": "text/plain", "size_bytes": 1, "bucket": "other" });
    let (status, body) = user.json(Method::POST, "/files/presigned-upload", Some(body)).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("UNKNOWN_FIELD")));

    let (status, ready) = nobody.json(Method::GET, "/health/ready", None).await;
    assert_eq!(
        (status, &ready["checks"]["process-upload"]["status"]),
        (StatusCode::OK, &json!("ok")),
        "{ready}"
    );
}

fn a_second_stack_is_refused(data: &Path) {
    let output = stack::command(data).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("already running"), "{told}");
}

/// Every port is free again: the children are gone with their parent.
async fn nothing_listens(facts: &Value) {
    let deadline = Instant::now() + Duration::from_secs(10);
    for service in ["/api_url", "/s3_url", "/dynamodb_url"] {
        let address = text(facts, service).trim_start_matches("http://").to_owned();
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            assert!(Instant::now() < deadline, "{service} still listens");
        }
    }
}
