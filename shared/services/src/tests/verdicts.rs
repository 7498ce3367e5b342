//! What is refused, with which code, and that nothing of it is left.

use std::sync::Arc;

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::ports::StorageBackend;
use storage_core::record::{FileState, Purpose};
use storage_core::state::Actor;
use storage_imaging::Imaging;
use storage_testkit::faulty::{Faults, Faulty};
use storage_testkit::trials::{Random, Trials};

use super::{PlainForm, World, photo, sha256_hex};
use crate::ingest::{Outcome, Source};
use crate::uploads::IssueRequest;

async fn verdict(world: &World, request: IssueRequest, bytes: &Bytes) -> Option<ErrorKind> {
    let issued = world.uploads().issue(&world.caller(), request, None, &PlainForm).await.unwrap();
    world.post(&issued, bytes).await;
    let outcome = world.finalise(issued.record.file_id).await;
    match outcome {
        Outcome::Ready(_) => None,
        Outcome::Failed(record) => {
            assert_eq!(record.state, FileState::Failed);
            record.error_code
        }
        other => panic!("{other:?}"),
    }
}

/// G15 for presigned uploads and for direct ones.
#[tokio::test]
async fn g15_declared_and_real_must_agree() {
    let bytes = photo(64, 1);
    let png = storage_testkit::images::png(64, 64, 1);
    let avatar = |bytes: &Bytes, declared: &str, sha256: Option<&str>| IssueRequest {
        entity: Some(World::new().user),
        content_type: Some(declared.to_owned()),
        size: Some(bytes.len() as u64),
        sha256: sha256.map(str::to_owned),
        ..IssueRequest::new(Purpose::AvatarUser)
    };
    let wrong = "0".repeat(64);
    let shorter = IssueRequest { size: Some(bytes.len() as u64 + 1), ..avatar(&bytes, "image/jpeg", None) };
    for (request, uploaded, code) in [
        (avatar(&bytes, "image/jpeg", None), &bytes, None),
        (shorter, &bytes, Some(ErrorKind::SizeMismatch)),
        (avatar(&png, "image/jpeg", None), &png, Some(ErrorKind::ContentMismatch)),
        (avatar(&bytes, "image/jpeg", Some(&wrong)), &bytes, Some(ErrorKind::ChecksumMismatch)),
    ] {
        let world = World::new();
        assert_eq!(verdict(&world, request.clone(), uploaded).await, code);
        assert_eq!(world.keys(&[]).is_empty(), code.is_some(), "a refused upload leaves nothing");

        let world = World::new();
        let record = world.uploads().begin_direct(&world.caller(), request, None).await.unwrap();
        let source = Source::Bytes(uploaded.clone());
        let actor = Actor::function("test");
        let outcome = world.ingest().run(world.tenant, record.file_id, source, &actor).await.unwrap();
        let found = world.record(record.file_id).await;
        assert_eq!(found.error_code, code);
        assert_eq!(matches!(outcome, Outcome::Ready(_)), code.is_none());
    }
}

#[tokio::test]
async fn g14_complete_before_any_upload_changes_nothing() {
    let world = World::new();
    let bytes = photo(64, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    let outcome = world.finalise(issued.record.file_id).await;
    assert_eq!(outcome, Outcome::NotUploaded(Box::new(issued.record.clone())));
    assert_eq!(world.record(issued.record.file_id).await, issued.record);
    world.post(&issued, &bytes).await;
    let first = world.finalise(issued.record.file_id).await;
    assert_eq!(world.finalise(issued.record.file_id).await, first, "complete twice is the same answer");
}

#[tokio::test]
async fn attachments_are_served_as_what_they_are() {
    let html = Bytes::from_static(b"<html><script>alert(1)</script></html>");
    for (declared, bytes, served, key) in [
        ("text/html", html.clone(), "application/octet-stream", "bin"),
        ("image/svg+xml", Bytes::from_static(b"<svg onload='x()'/>"), "application/octet-stream", "bin"),
        ("text/csv", Bytes::from_static(b"a,b\n1,2\n"), "text/csv", "csv"),
        ("image/jpeg", photo(40, 3), "image/jpeg", "jpg"),
    ] {
        let world = World::new();
        let issued = world.issue_attachment(declared, bytes.len()).await;
        world.post(&issued, &bytes).await;
        let Outcome::Ready(record) = world.finalise(issued.record.file_id).await else {
            panic!("{declared}")
        };
        assert_eq!(record.content_type.as_deref(), Some(served));
        assert!(record.final_key.as_ref().unwrap().as_str().ends_with(key));
        assert_eq!(world.served(&record).unwrap(), bytes);
        let object =
            storage_core::ports::ObjectRef::new(record.bucket.clone(), record.final_key.clone().unwrap());
        let stored = world.storage.head(&object).await.unwrap();
        let header = stored.content_type.unwrap();
        assert_eq!(header.split("; charset=").next(), Some(served));
        assert_eq!(header.ends_with("; charset=utf-8"), served == "text/csv");
        let shown = stored.content_disposition.unwrap().starts_with("inline");
        assert_eq!(shown, served == "image/jpeg", "{declared}");
    }
}

#[tokio::test]
async fn the_document_beside_an_attachment_says_what_was_found() {
    let world = World::new();
    let text = Bytes::from_static(b"two words\nand a line\n");
    let issued = world.issue_attachment("text/plain", text.len()).await;
    world.post(&issued, &text).await;
    world.finalise(issued.record.file_id).await;
    let file = issued.record.file_id;
    let key = format!("{}/private/attachments/processed/{file}_metadata.json", world.tenant);
    let object = storage_core::ports::ObjectRef::new(
        world.settings.files_bucket.clone(),
        storage_core::key::StorageKey::parse(&key).unwrap(),
    );
    let document: serde_json::Value = serde_json::from_slice(&world.storage.bytes(&object).unwrap()).unwrap();
    assert_eq!(document["text"], serde_json::json!({ "encoding": "utf-8", "lines": 2, "words": 5 }));
    assert_eq!(document["size_bytes"], text.len());
    assert_eq!(document["sha256"], world.record(file).await.sha256.unwrap());
}

/// G12: whatever is posted again, and whenever, the served bytes stay those that were validated.
#[tokio::test]
async fn g12_a_replayed_upload_never_changes_what_is_served() {
    let trials = Trials::new("G12", 10_000);
    let (mut replays, mut replaced_early) = (0, 0);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let world = World::new();
        let text = Bytes::from(format!("version {}", random.below(1_000_000)));
        let issued = world.issue_attachment("text/plain", text.len()).await;
        world.post(&issued, &text).await;
        let replayed = Bytes::from("x".repeat(text.len()));
        let early = random.chance(1, 2);
        if early {
            world.post(&issued, &replayed).await;
            replaced_early += 1;
        }
        let Outcome::Ready(record) = world.finalise(issued.record.file_id).await else { panic!() };
        for _ in 0..=random.below(4) {
            world.post(&issued, &replayed).await;
            replays += 1;
            if random.chance(1, 2) {
                world.finalise(issued.record.file_id).await;
            }
            world.wait(random.below(90) as u64);
            if random.chance(1, 3) {
                world.sweep().run().await.unwrap();
            }
        }
        let served = world.served(&record).unwrap();
        assert_eq!(served, if early { replayed.clone() } else { text });
        assert_eq!(world.record(issued.record.file_id).await.sha256.unwrap(), sha256_hex(&served));
    }
    assert!(replaced_early < trials.count());
    trials.report(serde_json::json!({ "replays": replays, "wrong_bytes": 0 }));
}

/// G13: the staging object is replaced between the look at it and the copy. The copy is pinned, so it is looked at anew.
#[tokio::test]
async fn g13_a_swap_before_the_copy_is_noticed() {
    for swaps in [1, 10] {
        let world = World::new();
        let issued = world.issue_attachment("text/plain", 9).await;
        world.post(&issued, &Bytes::from_static(b"validated")).await;
        let faults = Faults::new();
        for swap in 0..swaps {
            let (storage, staging) = (world.storage.clone(), issued.staging.clone());
            faults.before("copy", swap + 1, move || async move {
                let body = Bytes::from(format!("swapped-{}", swap % 10));
                storage.put(&staging, body.into(), Default::default()).await.unwrap();
            });
        }
        let faulty = Faulty::new(world.storage.clone(), faults);
        let ingest = world.ingest_over(Arc::new(faulty), Arc::new(Imaging));
        let actor = Actor::function("test");
        let outcome = ingest.run(world.tenant, issued.record.file_id, Source::Staging, &actor).await.unwrap();
        match (swaps, outcome) {
            (1, Outcome::Ready(record)) => {
                let served = world.served(&record).unwrap();
                assert_eq!(served, Bytes::from_static(b"swapped-0"));
                assert_eq!(record.sha256.unwrap(), sha256_hex(&served));
            }
            (10, Outcome::Failed(record)) => assert_eq!(record.error_code, Some(ErrorKind::ContentChanged)),
            (_, other) => panic!("{swaps} swaps: {other:?}"),
        }
    }
}
