//! Deletion is final, whatever else is under way.

use std::sync::Arc;

use storage_core::ErrorKind;
use storage_core::key::EntityKind;
use storage_core::record::FileState;
use storage_core::state::{Actor, LEASE, SETTLE};

use super::{Interrupted, World, block_on, photo};
use crate::ingest::{Outcome, Source};

#[tokio::test]
async fn g55_deleting_is_idempotent_and_final() {
    let world = World::new();
    let record = world.upload_avatar(&photo(64, 1)).await;
    for _ in 0..3 {
        world.deletion().delete_avatar(&world.caller(), EntityKind::Users, world.user).await.unwrap();
        world.deletion().delete_file(&world.caller(), record.file_id, true).await.unwrap();
    }
    assert_eq!(world.finalise(record.file_id).await, Outcome::Gone);
    assert!(world.keys(&[]).is_empty());
    let gone = world.resolver().file(&world.caller(), record.file_id).await;
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
}

/// G55: the deletion arrives while a worker is between its decode and its writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g55_a_deletion_during_ingest_wins() {
    let world = Arc::new(World::new());
    let bytes = photo(64, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    world.post(&issued, &bytes).await;
    let file = issued.record.file_id;
    let others = world.clone();
    let interrupted = Interrupted {
        during: move || block_on(others.deletion().delete_file(&others.caller(), file, true)).unwrap(),
    };
    let ingest = world.ingest_over(world.storage.clone(), Arc::new(interrupted));
    let outcome = ingest.run(world.tenant, file, Source::Staging, &Actor::function("test")).await.unwrap();
    assert_eq!(outcome, Outcome::Gone);
    assert_eq!(world.record(file).await.state, FileState::Deleting);
    assert!(world.keys(&[]).is_empty(), "{:?}", world.keys(&[]));
    assert_eq!(world.current().await, None);
}

/// Deleting one generation is not deleting the avatar: a newer upload that is under way goes on.
#[tokio::test]
async fn deleting_the_old_generation_spares_the_new_upload() {
    let world = World::new();
    let old = world.upload_avatar(&photo(64, 1)).await;
    let bytes = photo(64, 2);
    let issued = world.issue_avatar(bytes.len()).await;
    world.deletion().delete_file(&world.caller(), old.file_id, true).await.unwrap();
    assert_eq!(world.current().await, None);
    world.post(&issued, &bytes).await;
    assert!(matches!(world.finalise(issued.record.file_id).await, Outcome::Ready(_)));
    assert_eq!(world.current().await, Some(issued.record.file_id));
}

/// A writer that was slow writes after the first pass: the second one finds it.
#[tokio::test]
async fn the_second_pass_removes_what_a_slow_writer_left() {
    let world = World::new();
    let record = world.upload_avatar(&photo(64, 1)).await;
    world.deletion().delete_avatar(&world.caller(), EntityKind::Users, world.user).await.unwrap();
    let key = record.final_key.clone().unwrap();
    let object = storage_core::ports::ObjectRef::new(record.bucket.clone(), key);
    use storage_core::ports::StorageBackend;
    let late = bytes::Bytes::from_static(b"late");
    world.storage.put(&object, late.into(), Default::default()).await.unwrap();

    world.clock.advance(LEASE + SETTLE);
    let counts = world.sweep().run().await.unwrap();
    assert_eq!((counts.objects_removed, counts.finished), (1, 0));
    world.clock.advance(SETTLE);
    let counts = world.sweep().run().await.unwrap();
    assert_eq!((counts.objects_removed, counts.finished), (0, 1));
    assert_eq!(world.record(record.file_id).await.state, FileState::Deleted);
}

#[tokio::test]
async fn a_file_goes_to_the_trash_first() {
    let world = World::new();
    let text = bytes::Bytes::from_static(b"hello");
    let issued = world.issue_attachment("text/plain", text.len()).await;
    world.post(&issued, &text).await;
    world.finalise(issued.record.file_id).await;
    let file = issued.record.file_id;
    world.deletion().delete_file(&world.caller(), file, false).await.unwrap();
    let record = world.record(file).await;
    assert_eq!(record.state, FileState::Trashed);
    let url = world.resolver().file_url(&world.caller(), file, None, None).await;
    assert_eq!(url.unwrap_err().kind(), ErrorKind::NotFound);
    world.deletion().delete_file(&world.caller(), file, true).await.unwrap();
    assert!(world.keys(&[]).is_empty());
}

#[tokio::test]
async fn somebody_elses_file_looks_missing() {
    let world = World::new();
    let issued = world.issue_attachment("text/plain", 5).await;
    let mut other = world.caller();
    other.principal = storage_core::ids::PrincipalId::parse("somebody-else").unwrap();
    let refused = world.deletion().delete_file(&other, issued.record.file_id, true).await.unwrap_err();
    let missing =
        world.deletion().delete_file(&other, storage_core::ids::FileId::generate(), true).await.unwrap_err();
    assert_eq!((refused.kind(), missing.kind()), (ErrorKind::NotFound, ErrorKind::NotFound));
}
