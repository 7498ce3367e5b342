//! What the sweep heals.

use bytes::Bytes;
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::ids::WorkerId;
use storage_core::ports::{MetadataStore, StorageBackend};
use storage_core::record::FileState;
use storage_core::state::{Actor, Event, LEASE, SETTLE};
use storage_testkit::trials::{Random, Trials};

use super::{World, photo, sha256_hex};
use crate::ingest::Outcome;

/// G02: no event ever comes; `complete` or the sweep finds the bytes, even where its own messages are lost, too.
#[tokio::test]
async fn g02_a_lost_event_is_made_up_for() {
    let trials = Trials::new("G02", 2_000);
    let (mut by_complete, mut messages_lost) = (0, 0);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let (world, random) = (World::new(), Random::new(seed));
        let avatar = random.chance(1, 2);
        let bytes = if avatar { photo(32, seed) } else { Bytes::from(seed.to_string()) };
        let issued = match avatar {
            true => world.issue_avatar(bytes.len()).await,
            false => world.issue_attachment("text/plain", bytes.len()).await,
        };
        let file = issued.record.file_id;
        world.wait(random.below(50) as u64);
        world.post(&issued, &bytes).await;
        if random.chance(1, 4) {
            by_complete += 1;
            assert!(matches!(world.finalise(file).await, Outcome::Ready(_)));
        }
        // Within two runs of the sweep after its first message that arrives.
        let (mut runs, mut lost) = (0, 0);
        while world.record(file).await.state != FileState::Ready {
            assert!(runs < lost + 2, "{runs} runs, {lost} messages lost");
            world.wait(10);
            world.sweep().run().await.unwrap();
            runs += 1;
            let messages = std::mem::take(&mut *world.queue.sent.lock().unwrap());
            for message in messages {
                assert_eq!(message.object, issued.staging);
                if random.chance(1, 3) {
                    lost += 1;
                } else {
                    world.finalise(file).await;
                }
            }
        }
        messages_lost += lost;
        world.wait(120);
        let counts = world.sweep().run().await.unwrap();
        assert_eq!((counts.enqueued, counts.objects_removed, counts.staging_removed), (0, 0, 0));
        assert_eq!(world.record(file).await.source_sha256, Some(sha256_hex(&bytes)));
    }
    trials.report(json!({
        "events_lost": trials.count(), "messages_lost": messages_lost, "by_complete": by_complete, "lost": 0,
    }));
}

/// G02: no bytes ever come; the upload expires, and what arrives later is removed.
#[tokio::test]
async fn g02_an_upload_that_never_came_expires() {
    let world = World::new();
    let issued = world.issue_avatar(10).await;
    world.wait(11);
    assert_eq!(world.sweep().run().await.unwrap().expired, 0);
    world.wait(75);
    assert_eq!(world.sweep().run().await.unwrap().expired, 1);
    world.post(&issued, &photo(32, 1)).await;
    assert_eq!(world.finalise(issued.record.file_id).await, Outcome::Gone);
    assert!(world.keys(&[]).is_empty(), "the late upload is removed by its own event");
    world.wait(16);
    world.sweep().run().await.unwrap();
    assert_eq!(world.record(issued.record.file_id).await.state, FileState::Deleted);
}

#[tokio::test]
async fn a_worker_that_died_is_replaced_and_attempts_end() {
    let world = World::new();
    let bytes = photo(64, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    world.post(&issued, &bytes).await;
    let file = issued.record.file_id;
    let ledger = world.ledger();
    for attempt in 1..=5 {
        ledger
            .apply(world.tenant, file, Event::Claim(WorkerId::generate()), &Actor::function("dead"))
            .await
            .unwrap();
        assert_eq!(world.record(file).await.attempts, attempt);
        world.clock.advance(LEASE);
    }
    let counts = world.sweep().run().await.unwrap();
    assert_eq!(counts.failed, 1);
    let record = world.record(file).await;
    assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::AttemptsExhausted)));
    assert!(world.keys(&[]).is_empty());
}

#[tokio::test]
async fn a_direct_upload_that_died_with_its_function_fails() {
    let world = World::new();
    let request = crate::uploads::IssueRequest::new(storage_core::record::Purpose::Attachment);
    let record = world.uploads().begin_direct(&world.caller(), request, None).await.unwrap();
    let claim = Event::Claim(WorkerId::generate());
    world.ledger().apply(world.tenant, record.file_id, claim, &Actor::function("dead")).await.unwrap();
    world.clock.advance(LEASE);
    assert_eq!(world.sweep().run().await.unwrap().failed, 1);
    assert_eq!(world.record(record.file_id).await.error_code, Some(ErrorKind::UploadNotFound));
}

/// Objects on staging that no record waits for go; one that is waited for stays.
#[tokio::test]
async fn staging_is_cleared_of_what_nobody_waits_for() {
    let world = World::new();
    let waiting = world.issue_attachment("text/plain", 5).await;
    world.post(&waiting, &Bytes::from_static(b"hello")).await;
    let forgotten = world.issue_attachment("text/plain", 5).await;
    world.post(&forgotten, &Bytes::from_static(b"hello")).await;
    world.deletion().delete_file(&world.caller(), forgotten.record.file_id, true).await.unwrap();
    world.post(&forgotten, &Bytes::from_static(b"hello")).await;
    world.wait(70);
    let counts = world.sweep().run().await.unwrap();
    assert_eq!(counts.staging_removed, 0, "not old enough; its record's own pass removed it already");
    assert!(!world.storage.exists(&forgotten.staging).await.unwrap());
    world.wait(16);
    assert_eq!(world.sweep().run().await.unwrap().finished, 1);
    world.post(&forgotten, &Bytes::from_static(b"again")).await;
    world.wait(76);
    let counts = world.sweep().run().await.unwrap();
    assert_eq!(counts.staging_removed, 1);
    assert!(!world.storage.exists(&forgotten.staging).await.unwrap());
    assert!(world.storage.exists(&waiting.staging).await.unwrap(), "its record still waits");
}

#[tokio::test]
async fn the_breaker_stops_a_run_that_removes_too_much() {
    let world = World::new();
    let mut settings = (*world.settings).clone();
    settings.sweep_object_budget = 8;
    let world = World { settings: settings.into(), ..world };
    for seed in 0..5 {
        let bytes = photo(32, seed);
        let issued = world.issue_avatar(bytes.len()).await;
        world.post(&issued, &bytes).await;
        // The bytes of the tombstone come back after the first pass.
        let file = issued.record.file_id;
        world.finalise(file).await;
        let record = world.record(file).await;
        world.deletion().delete_file(&world.caller(), file, true).await.unwrap();
        for key in record.final_keys() {
            let object = storage_core::ports::ObjectRef::new(record.bucket.clone(), key.clone());
            world.storage.put(&object, bytes.clone().into(), Default::default()).await.unwrap();
        }
    }
    world.clock.advance(LEASE + SETTLE);
    let counts = world.sweep().run().await.unwrap();
    assert!(counts.stopped, "{counts:?}");
    assert!(counts.objects_removed <= 8 + 7);
    let report = world.store.last_sweep_report().await.unwrap().unwrap();
    assert_eq!(report.counts["stopped"], true);
}
