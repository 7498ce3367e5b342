//! Many workers on one file, events in any order, and a worker that sleeps through its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use storage_core::ids::FileId;
use storage_core::ports::MetadataStore;
use storage_core::record::FileState;
use storage_core::state::{Actor, LEASE};
use storage_imaging::Imaging;
use storage_testkit::trials::Trials;

use super::{Interrupted, World, block_on, photo, sha256_hex};
use crate::ingest::{Outcome, Source};

/// G03: fifty at once are one result.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g03_fifty_finalisers_make_one_file() {
    let trials = Trials::new("G03", 200);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let world = Arc::new(World::new());
        let bytes = photo(64, seed);
        let issued = world.issue_avatar(bytes.len()).await;
        world.post(&issued, &bytes).await;
        let file = issued.record.file_id;
        let mut workers = Vec::new();
        for _ in 0..50 {
            let world = world.clone();
            workers.push(tokio::spawn(async move { world.finalise(file).await }));
        }
        let mut ready = 0;
        for worker in workers {
            match worker.await.unwrap() {
                Outcome::Ready(_) => ready += 1,
                Outcome::Busy(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(ready >= 1);
        let record = world.record(file).await;
        assert_eq!((record.state, record.attempts), (FileState::Ready, 1));
        let trail = world.store.audit_trail(world.tenant, file).await.unwrap();
        assert_eq!(trail.iter().filter(|entry| entry.action == "ready").count(), 1);
        assert_eq!(world.keys(&[]).len(), 7, "original and three sizes in two formats, nothing on staging");
        assert_eq!(record.source_sha256, Some(sha256_hex(&bytes)));
    }
    trials.report(serde_json::json!({ "finalisers": 50, "second_transitions": 0, "wrong_bytes": 0 }));
}

/// G01: two generations with four deliveries each end as they do in order, in every order there is. Deliveries of one
/// generation are alike, so the 8! orders are 70.
#[tokio::test]
async fn g01_events_in_any_order_end_in_the_same_state() {
    for order in (0u8..=255).filter(|order| order.count_ones() == 4) {
        let world = World::new();
        let (old, new) = (photo(32, 1), photo(32, 2));
        let first = world.issue_avatar(old.len()).await;
        world.post(&first, &old).await;
        let second = world.issue_avatar(new.len()).await;
        world.post(&second, &new).await;
        let (first, second) = (first.record.file_id, second.record.file_id);
        for delivery in 0..8 {
            world.finalise(if order & (1 << delivery) == 0 { first } else { second }).await;
        }
        assert_eq!(world.current().await, Some(second), "{order:08b}");
        let newer = world.record(second).await;
        assert_eq!(newer.state, FileState::Ready);
        assert!(newer.variants.values().all(|variant| variant.key.as_str().contains(&second.to_string())));
        assert_eq!(world.record(first).await.state, FileState::Deleting);
    }
}

/// G04: a worker sleeps through its lease while another finishes; then it wakes up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g04_a_late_worker_neither_commits_nor_removes() {
    let world = Arc::new(World::new());
    let bytes = photo(64, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    world.post(&issued, &bytes).await;
    let file = issued.record.file_id;
    let (others, naps) = (world.clone(), Arc::new(AtomicUsize::new(0)));
    let nap = Interrupted {
        during: move || {
            if naps.fetch_add(1, Ordering::SeqCst) == 0 {
                others.clock.advance(LEASE);
                assert!(matches!(block_on(others.finalise(file)), Outcome::Ready(_)));
            }
        },
    };
    let sleeper = world.ingest_over(world.storage.clone(), Arc::new(nap));
    let outcome =
        sleeper.run(world.tenant, file, Source::Staging, &Actor::function("sleeper")).await.unwrap();
    let record = world.record(file).await;
    assert_eq!(outcome, Outcome::Ready(Box::new(record.clone())), "it answers what the other did");
    assert_eq!(record.attempts, 2);
    assert!(world.served(&record).is_some());
    assert_eq!(world.keys(&[]).len(), 7);
}

/// An outage is not the file's fault: however long it lasts, the upload is there when it is over.
#[tokio::test]
async fn g20_a_long_outage_loses_no_upload() {
    use storage_core::ErrorKind;
    use storage_testkit::faulty::{Faults, Faulty};
    let world = World::new();
    let bytes = photo(64, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    world.post(&issued, &bytes).await;
    let file = issued.record.file_id;
    let faults = Faults::new();
    faults.fail_from("put", 1, ErrorKind::StorageUnavailable);
    let ingest = world.ingest_over(Arc::new(Faulty::new(world.storage.clone(), faults)), Arc::new(Imaging));
    for _ in 0..20 {
        let outcome = ingest.run(world.tenant, file, Source::Staging, &Actor::function("test")).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::StorageUnavailable);
    }
    assert!(matches!(world.finalise(file).await, Outcome::Ready(_)));
}

/// G20: a failed write of an object never leaves a readable record, and the retry heals.
#[tokio::test]
async fn g20_a_failed_write_is_not_a_file() {
    use storage_core::ErrorKind;
    use storage_testkit::faulty::{Faults, Faulty};
    for failing in 1..=4 {
        let world = World::new();
        let bytes = photo(64, 1);
        let issued = world.issue_avatar(bytes.len()).await;
        world.post(&issued, &bytes).await;
        let faults = Faults::new();
        faults.fail("put", failing, ErrorKind::StorageUnavailable);
        let faulty = Faulty::new(world.storage.clone(), faults);
        let file: FileId = issued.record.file_id;
        let ingest = world.ingest_over(Arc::new(faulty), Arc::new(Imaging));
        let outcome = ingest.run(world.tenant, file, Source::Staging, &Actor::function("test")).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::StorageUnavailable);
        assert_eq!(world.record(file).await.state, FileState::Processing);
        assert_eq!(world.current().await, None);
        assert!(matches!(world.finalise(file).await, Outcome::Ready(_)), "the lease was given back");
    }
}
