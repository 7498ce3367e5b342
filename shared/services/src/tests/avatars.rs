//! One avatar from issue to pixel, and the order among several.

use std::sync::Arc;
use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::ids::{FileId, IdempotencyKey};
use storage_core::key::{EntityKind, VariantSize};
use storage_core::ports::MetadataStore;
use storage_core::record::{FileState, Purpose};
use storage_testkit::faulty::{Faults, Faulty};

use super::{PathSigner, PlainForm, World, photo};
use crate::ingest::Outcome;
use crate::ledger::Ledger;
use crate::resolve::{Reader, Resolver};
use crate::uploads::{Idempotency, IssueRequest};

#[tokio::test]
async fn keys_after_each_step_of_an_avatars_life() {
    let world = World::new();
    let bytes = photo(400, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    let file = issued.record.file_id;
    assert_eq!(world.keys(&[]), Vec::<String>::new(), "the record comes before any byte");
    world.post(&issued, &bytes).await;
    assert_eq!(world.keys(&[]).len(), 1);

    assert!(matches!(world.finalise(file).await, Outcome::Ready(_)));
    let (tenant, user) = (world.tenant, world.user);
    let folder = format!("files/{tenant}/private/avatars/users/{user}/FILE");
    let stored = ["large", "medium", "original", "small"].map(|size| format!("{folder}/{size}.jpg"));
    assert_eq!(world.keys(&[(file, "FILE")]), stored, "staging is empty");

    world.deletion().delete_avatar(&world.caller(), EntityKind::Users, world.user).await.unwrap();
    assert_eq!(world.keys(&[]), Vec::<String>::new());
    let trail = world.store.audit_trail(world.tenant, file).await.unwrap();
    let actions: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["issued", "claimed", "ready", "deleted"]);
}

#[tokio::test]
async fn a_reader_gets_every_size_of_one_generation() {
    let world = World::new();
    let record = world.upload_avatar(&photo(400, 1)).await;
    let caller = world.caller();
    let info =
        world.resolver().avatar_info(&Reader::Caller(&caller), EntityKind::Users, world.user).await.unwrap();
    assert_eq!(info.file_id, Some(record.file_id));
    let sides: Vec<_> = info.sizes.values().map(|size| (size.width, size.height)).collect();
    assert_eq!(sides, [(400, 400), (32, 32), (150, 150), (300, 300)]);
    assert!(info.inline_small.unwrap().starts_with("data:image/jpeg;base64,"));

    let anyone = Reader::Anyone(world.tenant);
    let refused =
        world.resolver().avatar_url(&anyone, EntityKind::Users, world.user, VariantSize::Small).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound, "private avatars are for callers only");
}

#[tokio::test]
async fn g05_a_reader_never_sees_two_generations_at_once() {
    for round in 1..=20 {
        let world = Arc::new(World::new());
        let old = world.upload_avatar(&photo(64, 0)).await;
        let faults = Faults::new();
        let replacing = world.clone();
        // The pointer is read; then the avatar is replaced; then the file that the pointer named is read.
        faults.before("get_file", 1, move || async move {
            replacing.upload_avatar(&photo(64, round)).await;
        });
        let ledger = Ledger::new(Arc::new(Faulty::new(world.store.clone(), faults)), world.clock.clone());
        let resolver = Resolver::new(ledger, world.settings.clone(), Arc::new(PathSigner));
        let caller = world.caller();
        let reader = Reader::Caller(&caller);
        let info = resolver.avatar_info(&reader, EntityKind::Users, world.user).await.unwrap();
        assert_eq!(info.file_id, world.current().await, "round {round}");
        assert_ne!(info.file_id, Some(old.file_id));
        let generation = info.file_id.unwrap().to_string();
        assert_eq!(info.sizes.len(), 4);
        assert!(info.sizes.values().all(|size| size.url.url.contains(&generation)));
    }
}

/// Both orders of finishing, for both orders of issue.
#[tokio::test]
async fn g06_a_replaced_avatar_is_never_shown_again() {
    for newer_first in [true, false] {
        let world = World::new();
        let (old, new) = (photo(64, 1), photo(64, 2));
        let first = world.issue_avatar(old.len()).await;
        let second = world.issue_avatar(new.len()).await;
        world.post(&first, &old).await;
        world.post(&second, &new).await;
        let mut order = [first.record.file_id, second.record.file_id];
        if newer_first {
            order.reverse();
        }
        for file in order {
            world.finalise(file).await;
        }
        assert_eq!(world.current().await, Some(second.record.file_id), "newer first: {newer_first}");
        assert_eq!(world.record(first.record.file_id).await.state, FileState::Deleting);
        // Replaying everything that was ever delivered changes nothing.
        for file in order.into_iter().rev() {
            world.finalise(file).await;
        }
        assert_eq!(world.current().await, Some(second.record.file_id));
    }
}

#[tokio::test]
async fn a_deleted_avatar_wins_over_uploads_issued_before() {
    let world = World::new();
    let bytes = photo(64, 1);
    let issued = world.issue_avatar(bytes.len()).await;
    world.deletion().delete_avatar(&world.caller(), EntityKind::Users, world.user).await.unwrap();
    world.post(&issued, &bytes).await;
    assert_eq!(world.finalise(issued.record.file_id).await, Outcome::Gone);
    assert_eq!(world.current().await, None);
    let later = world.upload_avatar(&bytes).await;
    assert_eq!(world.current().await, Some(later.file_id));
}

#[tokio::test]
async fn an_idempotent_request_is_answered_from_the_first() {
    let world = World::new();
    let request = || IssueRequest {
        entity: Some(world.user),
        content_type: Some("image/jpeg".to_owned()),
        size: Some(10),
        ..IssueRequest::new(Purpose::AvatarUser)
    };
    let idempotency = |hash: &str| {
        Some(Idempotency { key: IdempotencyKey::parse("key-1").unwrap(), request_hash: hash.to_owned() })
    };
    let uploads = world.uploads();
    let issue = async |hash: &str| -> Result<FileId, ErrorKind> {
        let issued = uploads.issue(&world.caller(), request(), idempotency(hash), &PlainForm).await;
        issued.map(|issued| issued.record.file_id).map_err(|error| error.kind())
    };
    let first = issue("a").await.unwrap();
    assert_eq!(issue("a").await, Ok(first));
    // Near its end a repeated request gets what is left of the first form, and then no form at all.
    world.clock.advance(Duration::from_secs(3500));
    let issued = uploads.issue(&world.caller(), request(), idempotency("a"), &PlainForm).await.unwrap();
    assert_eq!(issued.post.expires_at, issued.record.created_at + Duration::from_secs(3600));
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(issue("a").await, Err(ErrorKind::StateConflict));
    assert_eq!(issue("b").await, Err(ErrorKind::IdempotencyMismatch));
    world.clock.advance(Duration::from_secs(25 * 3600));
    assert_ne!(issue("b").await, Ok(first), "the key is free again, though its item is still there");
}
