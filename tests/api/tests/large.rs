//! Files above the size that a request ingests itself: promoted by a copy in parts, over as many invocations as it takes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api_tests::{BUCKET, Issued, Person, TestApp, sha256};
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::ids::{BucketName, FileId};
use storage_core::ports::{
    Body, MetadataStore, MultipartBackend, ObjectRef, PutOptions, StorageBackend, UploadId,
};
use storage_core::record::{FileRecord, FileState};
use storage_services::settings::MB;

/// Ten parts, of which the last is short; four are copied at a time.
const SIZE: usize = 9 * MB as usize + 4321;
const PARTS: usize = 10;

/// An installation in which everything above 2 MB is large, and is copied 1 MB at a time.
fn app() -> TestApp {
    TestApp::tuned(&[], |settings| {
        settings.inline_max_bytes = 2 * MB;
        settings.copy_part_bytes = MB;
    })
}

/// A film: the signature of MP4, and then bytes of which no two parts are the same.
fn film(seed: u8) -> Vec<u8> {
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2".to_vec();
    bytes.extend((bytes.len()..SIZE).map(|at| (at / 4096 * 31 + at) as u8 ^ seed));
    bytes
}

async fn uploaded(app: &TestApp, user: &Person, bytes: &[u8]) -> Issued {
    let body = json!({ "filename": "film.mp4", "content_type": "video/mp4", "size_bytes": SIZE });
    let issued = app.presign(user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, bytes).await.unwrap();
    issued
}

/// Every upload in parts that is still open under a final key of the record.
async fn open_uploads(app: &TestApp, record: &FileRecord) -> usize {
    let mut open = 0;
    for key in &record.planned_keys {
        let object = ObjectRef::new(record.bucket.clone(), key.clone());
        open += app.storage.open_uploads(&object).await.unwrap().len();
    }
    open
}

/// What is served is what was uploaded, under its own type, and nothing else is left.
async fn assert_served(app: &TestApp, user: &Person, issued: &Issued, bytes: &[u8]) {
    let answer = app.get(user, &format!("/api/v1/files/{}", issued.file)).await.is(200).json();
    assert_eq!(answer["state"], "ready");
    assert_eq!((&answer["content_type"], &answer["size_bytes"]), (&json!("video/mp4"), &json!(SIZE)));
    assert!(answer.get("sha256").is_none(), "nobody has read all of it");
    let fetched = app.fetch(answer["url"].as_str().unwrap()).expect("it is there");
    assert_eq!(sha256(&fetched), sha256(bytes));
    let record = app.record(&issued.file).await;
    let object = ObjectRef::new(record.bucket.clone(), record.final_key.clone().unwrap());
    assert!(object.key.as_str().ends_with(".mp4"));
    let stored = app.storage.head(&object).await.unwrap();
    assert_eq!((stored.content_type.as_deref(), Some(stored.etag)), (Some("video/mp4"), record.etag.clone()));
    assert!(stored.content_disposition.unwrap().contains("film.mp4"));
    assert_eq!((record.promotion.clone(), open_uploads(app, &record).await), (None, 0));
    assert_eq!(app.storage.bytes(&issued.staging), None, "the upload is gone");
}

#[tokio::test]
async fn g02_complete_leaves_a_large_file_to_the_queue() {
    let (app, bytes) = (app(), film(1));
    let user = app.user();
    let issued = uploaded(&app, &user, &bytes).await;
    let path = format!("/api/v1/files/{}/complete", issued.file);
    for _ in 0..2 {
        let answer = app.post(&user, &path, &json!({})).await.is(202).json();
        assert_eq!((&answer["state"], &answer["file_id"]), (&json!("pending"), &json!(issued.file)));
    }
    assert_eq!(app.storage_faults.count("copy_part"), 0, "a request copies nothing");
    let waiting = app.take_queued();
    assert_eq!(waiting, [issued.staging.clone(), issued.staging.clone()]);
    for object in &waiting {
        assert_eq!(app.deliver_event(object).await, Vec::<String>::new());
    }
    assert_served(&app, &user, &issued, &bytes).await;
    assert_eq!(app.storage_faults.count("copy_part"), PARTS);
    assert_eq!(app.trail(&issued.file).await, ["issued", "claimed", "ready"]);
    app.post(&user, &path, &json!({})).await.is(200);
}

#[tokio::test]
async fn the_record_shows_how_far_a_copy_is() {
    let (app, bytes) = (app(), film(2));
    let user = app.user();
    let issued = uploaded(&app, &user, &bytes).await;
    let seen: Arc<Mutex<Vec<(FileState, u16, u16)>>> = Arc::default();
    let file = FileId::parse(&issued.file).unwrap();
    for nth in 1..=PARTS {
        let (store, tenant, seen) = (app.store.clone(), app.tenant, seen.clone());
        app.storage_faults.before("copy_part", nth, move || async move {
            let record = store.get_file(tenant, file).await.unwrap().unwrap();
            let promotion = record.promotion.expect("it was written down before anything was copied");
            seen.lock().unwrap().push((record.state, promotion.copied, promotion.parts));
        });
    }
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    let steps: Vec<_> = seen.lock().unwrap().clone();
    let copied = [0, 0, 0, 0, 4, 4, 4, 4, 8, 8];
    let expected: Vec<_> =
        copied.iter().map(|copied| (FileState::Processing, *copied, PARTS as u16)).collect();
    assert_eq!(steps, expected);
    assert_served(&app, &user, &issued, &bytes).await;
}

/// An invocation whose time is over hands the rest to the next, which copies no part again. It costs no attempt.
#[tokio::test]
async fn a_pause_goes_on_where_it_was() {
    let (app, bytes) = (app(), film(3));
    let user = app.user();
    let issued = uploaded(&app, &user, &bytes).await;
    let minute = Duration::from_secs(60);
    for (round, copied) in [(1, 4), (2, 8)] {
        // Four parts take a minute, and that is all the time there is for them.
        let clock = app.clock.clone();
        app.storage_faults.after("copy_part", 1, move || async move {
            clock.advance(minute);
        });
        assert_eq!(app.deliver_within(&issued.staging, minute + minute / 2).await, Vec::<String>::new());
        let record = app.record(&issued.file).await;
        let promotion = record.promotion.clone().expect("a copy under way");
        assert_eq!((promotion.copied, usize::from(promotion.parts)), (copied, PARTS), "round {round}");
        assert_eq!((record.state, record.attempts), (FileState::Processing, 0), "round {round}");
        assert!(record.lease_until.unwrap() <= app.record(&issued.file).await.updated_at);
        let answer = app.get(&user, &format!("/api/v1/files/{}", issued.file)).await.is(200).json();
        assert_eq!(answer["state"], "processing");
        assert!(answer.get("url").is_none());
        assert_eq!(app.take_queued(), std::slice::from_ref(&issued.staging), "the rest is handed on");
    }
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    assert_served(&app, &user, &issued, &bytes).await;
    let copies: Vec<String> =
        app.storage_faults.lines().into_iter().filter(|line| line.starts_with("copy_part")).collect();
    let mut different = copies.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!((copies.len(), different.len()), (PARTS, PARTS), "no part is copied twice");
    assert_eq!(app.storage_faults.count("create_upload"), 1);
}

/// Nobody reads all of a large file, so a digest cannot be kept: it is refused where the size is known, and else later.
#[tokio::test]
async fn g15_a_digest_of_a_large_file_is_refused() {
    let (app, bytes) = (app(), film(4));
    let user = app.user();
    let body = json!({ "filename": "film.mp4", "content_type": "video/mp4", "size_bytes": SIZE,
        "sha256": sha256(&bytes) });
    let issue = "/api/v1/files/presigned-upload";
    app.post(&user, issue, &body).await.refused(400, "INVALID_REQUEST", "a digest of a large file");
    assert_eq!(app.store.files(), []);

    let body = json!({ "filename": "film.mp4", "type": "video/mp4", "metadata": { "sha256": sha256(b"x") } });
    let json = app.post(&user, "/api/v1/s3/multipart", &body).await.is(200).json();
    let issued = Issued::from_parts(json["file_id"].as_str().unwrap(), json["key"].as_str().unwrap());
    app.put(&issued.staging, &bytes).await;
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::ChecksumMismatch)));
    assert_eq!((record.planned_keys.clone(), app.storage.keys()), (vec![], vec![]));
    let path = format!("/api/v1/files/{}/complete", issued.file);
    app.post(&user, &path, &json!({})).await.refused(422, "CHECKSUM_MISMATCH", "complete");
}

/// The deletion is asked for just before and just after each call that the copy makes of the storage.
#[tokio::test]
async fn g55_a_deletion_while_a_large_file_is_copied_wins() {
    let bytes = film(5);
    let (operations, times) = {
        let app = app();
        let issued = uploaded(&app, &app.user(), &bytes).await;
        app.storage_faults.forget_calls();
        app.deliver_event(&issued.staging).await;
        let calls = app.storage_faults.calls();
        (calls.clone(), calls.len())
    };
    assert!(times > PARTS + 4, "{operations:?}");
    for nth in 1..=times {
        for before in [true, false] {
            let app = Arc::new(app());
            let user = app.user();
            let issued = uploaded(&app, &user, &bytes).await;
            let what = format!("{} {} {nth}", if before { "before" } else { "after" }, operations[nth - 1]);
            let (rival, path) = (app.clone(), format!("/api/v1/files/{}?permanent=true", issued.file));
            let delete = move || async move { drop(rival.delete(&user, &path).await.is(204)) };
            match before {
                true => app.storage_faults.before("*", nth, delete),
                false => app.storage_faults.after("*", nth, delete),
            }
            let failures = app.deliver_event(&issued.staging).await;
            assert_eq!(failures, Vec::<String>::new(), "{what}");
            assert_eq!(app.record(&issued.file).await.state, FileState::Deleting, "{what}");
            app.sweep_later().await;
            app.sweep_later().await;
            let record = app.record(&issued.file).await;
            assert_eq!(record.state, FileState::Deleted, "{what}");
            assert_eq!(open_uploads(&app, &record).await, 0, "{what}");
            assert_eq!(app.storage.keys(), Vec::<String>::new(), "{what}");
        }
    }
}

/// Each part is pinned to the upload that was looked at: what takes its place is looked at itself, from the beginning.
#[tokio::test]
async fn g13_a_large_upload_that_is_replaced_while_it_is_copied_is_never_mixed() {
    let (old, new) = (film(6), film(7));
    for nth in [1, 2, 4, 5, 9, PARTS] {
        let app = app();
        let user = app.user();
        let issued = uploaded(&app, &user, &old).await;
        let (storage, staging, bytes) = (app.storage.clone(), issued.staging.clone(), new.clone());
        app.storage_faults.before("copy_part", nth, move || async move {
            storage.put(&staging, Body::Bytes(bytes.into()), PutOptions::default()).await.unwrap();
        });
        assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
        assert_served(&app, &user, &issued, &new).await;
    }
}

/// One that never stays the same is refused, and leaves neither parts nor objects.
#[tokio::test]
async fn g13_a_large_upload_that_keeps_changing_is_refused() {
    let app = app();
    let user = app.user();
    let issued = uploaded(&app, &user, &film(8)).await;
    // Of four copies that are begun at a time the first that fails is the last that is made.
    for (round, nth) in [1, 2, 3].into_iter().enumerate() {
        let (storage, staging) = (app.storage.clone(), issued.staging.clone());
        app.storage_faults.before("copy_part", nth, move || async move {
            let bytes = film(9 + u8::try_from(round).unwrap());
            storage.put(&staging, Body::Bytes(bytes.into()), PutOptions::default()).await.unwrap();
        });
    }
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::ContentChanged)));
    assert_eq!(app.storage.keys(), Vec::<String>::new());
    app.sweep_later().await;
    let record = app.record(&issued.file).await;
    assert_eq!(open_uploads(&app, &record).await, 0);
    let path = format!("/api/v1/files/{}", issued.file);
    assert_eq!(app.get(&user, &path).await.is(200).json()["error_code"], "CONTENT_CHANGED");
}

/// A process that dies between making an upload in parts and writing down its id leaves one that no record names. It has
/// no parts, the next attempt makes its own, and the bucket's lifecycle ends it.
#[tokio::test]
async fn g56_a_copy_in_parts_that_no_record_names_has_no_parts() {
    let (app, bytes) = (app(), film(10));
    let user = app.user();
    let issued = uploaded(&app, &user, &bytes).await;
    app.storage_faults.lose_reply("create_upload", 1, ErrorKind::StorageUnavailable);
    assert_eq!(app.deliver_event(&issued.staging).await, ["m0"]);
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.promotion.clone()), (FileState::Processing, None));
    let object = ObjectRef::new(record.bucket.clone(), record.planned_keys[0].clone());
    let unnamed = app.storage.open_uploads(&object).await.unwrap();
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    assert_eq!(app.storage.open_uploads(&object).await.unwrap(), unnamed);
    assert_eq!((unnamed.len(), app.storage.parts(&object, &unnamed[0]).await.unwrap()), (1, vec![]));
    app.storage.abort(&object, &unnamed[0]).await.unwrap();
    assert_served(&app, &user, &issued, &bytes).await;
}

/// A copy in parts that was aborted by somebody else begins again in the same invocation.
#[tokio::test]
async fn a_copy_in_parts_that_is_forgotten_begins_again() {
    for (operation, nth) in [("copy_part", 6), ("complete_upload", 1)] {
        let (app, bytes) = (app(), film(11));
        let user = app.user();
        let issued = uploaded(&app, &user, &bytes).await;
        let (storage, store, tenant) = (app.storage.clone(), app.store.clone(), app.tenant);
        let file = FileId::parse(&issued.file).unwrap();
        app.storage_faults.before(operation, nth, move || async move {
            let promotion = store.get_file(tenant, file).await.unwrap().unwrap().promotion.unwrap();
            let object = ObjectRef::new(BucketName::parse(BUCKET).unwrap(), promotion.key);
            storage.abort(&object, &UploadId(promotion.upload_id)).await.unwrap();
        });
        assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
        assert_eq!(app.storage_faults.count("create_upload"), 2);
        assert_served(&app, &user, &issued, &bytes).await;
    }
}

/// A completion of an earlier worker that arrives late makes the object; the parts of the later one do not stay.
#[tokio::test]
async fn g56_a_copy_that_somebody_else_has_finished_leaves_no_parts() {
    let (app, bytes) = (app(), film(12));
    let user = app.user();
    let issued = uploaded(&app, &user, &bytes).await;
    let (storage, store, tenant) = (app.storage.clone(), app.store.clone(), app.tenant);
    let (file, content) = (FileId::parse(&issued.file).unwrap(), bytes.clone());
    app.storage_faults.before("complete_upload", 1, move || async move {
        let promotion = store.get_file(tenant, file).await.unwrap().unwrap().promotion.unwrap();
        let object = ObjectRef::new(BucketName::parse(BUCKET).unwrap(), promotion.key);
        let source = promotion.source_etag.as_str().to_owned();
        let options = PutOptions {
            content_type: Some("video/mp4".to_owned()),
            content_disposition: Some("attachment; filename=\"film.mp4\"".to_owned()),
            metadata: [("source-etag".to_owned(), source)].into(),
            ..PutOptions::default()
        };
        storage.put(&object, Body::Bytes(content.into()), options).await.unwrap();
    });
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    assert_served(&app, &user, &issued, &bytes).await;
}

/// A text is served with the encoding that its head is in, as a small one is.
#[tokio::test]
async fn a_large_text_says_its_encoding() {
    let app = app();
    let user = app.user();
    let text = "zwölf Boxkämpfer\n".repeat(200_000).into_bytes();
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": text.len() });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, &text).await.unwrap();
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    let key = app.record(&issued.file).await.final_key.unwrap();
    let object = ObjectRef::new(BucketName::parse(BUCKET).unwrap(), key);
    let stored = app.storage.head(&object).await.unwrap();
    assert_eq!(stored.content_type.as_deref(), Some("text/plain; charset=utf-8"));
}
