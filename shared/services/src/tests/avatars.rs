//! One avatar from issue to pixel, and the order among several.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::ids::{FileId, IdempotencyKey};
use storage_core::key::{EntityKind, VariantSize};
use storage_core::ports::{MetadataStore, ObjectRef, StorageBackend};
use storage_core::record::{FileRecord, FileState, Purpose};
use storage_core::state::{Actor, LEASE, SETTLE};
use storage_imaging::Imaging;
use storage_testkit::faulty::{Faults, Faulty};
use storage_testkit::trials::{Random, Trials};

use super::{PathSigner, PlainForm, World, photo};
use crate::encoding::Encoding;
use crate::ingest::{Ingest, Outcome, Source};
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
    let stored =
        ["large.jpg", "large.webp", "medium.jpg", "medium.webp", "original.jpg", "small.jpg", "small.webp"];
    let stored = stored.map(|name| format!("{folder}/{name}"));
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
    let auto = Encoding::Auto { accepts_webp: true };
    let refused =
        world.resolver().avatar_url(&anyone, EntityKind::Users, world.user, VariantSize::Small, auto).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound, "private avatars are for callers only");
}

/// One commit makes the sizes in both formats readable, and all of them are of the same generation.
#[tokio::test]
async fn webp_sizes_are_planned_committed_and_removed_with_the_others() {
    let world = World::new();
    let record = world.upload_avatar(&photo(400, 1)).await;
    let planned: Vec<_> = record.planned_keys.iter().map(|key| key.as_str()).collect();
    assert_eq!(record.webp.keys().copied().collect::<Vec<_>>(), VariantSize::ALL[1..]);
    for (size, webp) in &record.webp {
        let base = &record.variants[size];
        assert_eq!(webp.key.as_str(), base.key.as_str().replace(".jpg", ".webp"));
        assert!(planned.contains(&webp.key.as_str()), "{planned:?}");
        assert_eq!((webp.width, webp.height), (base.width, base.height));
        assert_eq!((webp.content_type.as_str(), webp.bytes < base.bytes), ("image/webp", true));
        let object = ObjectRef::new(record.bucket.clone(), webp.key.clone());
        let stored = world.storage.head(&object).await.unwrap();
        assert_eq!((stored.size, &stored.etag), (webp.bytes, &webp.etag));
        assert_eq!(stored.content_type.as_deref(), Some("image/webp"));
    }
    // The keys of a record are known even where no plan names them.
    let unplanned = FileRecord { planned_keys: Vec::new(), ..record.clone() };
    assert_eq!(unplanned.final_keys().collect::<BTreeSet<_>>(), record.planned_keys.iter().collect());

    world.upload_avatar(&photo(400, 2)).await;
    world.clock.advance(LEASE + SETTLE);
    world.sweep().run().await.unwrap();
    let left = world.keys(&[(record.file_id, "OLD")]);
    assert_eq!((left.len(), left.iter().filter(|key| key.contains("OLD")).count()), (7, 0), "{left:?}");
}

/// Where the policy does not ask for it there is no WebP. A record of the time before it reads the same.
#[tokio::test]
async fn without_webp_there_are_the_base_sizes_alone() {
    let world = World::new();
    let mut settings = (*world.settings).clone();
    settings.avatar_webp = false;
    let world = World { settings: settings.into(), ..world };
    let record = world.upload_avatar(&photo(400, 1)).await;
    assert!(record.webp.is_empty());
    assert_eq!(world.keys(&[]).len(), 4);
    let json = serde_json::to_value(&record).unwrap();
    assert!(json.get("webp").is_none(), "no member says that there is none");
    assert_eq!(serde_json::from_value::<FileRecord>(json).unwrap(), record);
}

/// The pointer is read; then the avatar is replaced; then the file that the pointer named is read. Or the other way round.
#[tokio::test]
async fn g05_a_reader_never_sees_two_generations_at_once() {
    let trials = Trials::new("G05", 1_000);
    let world = Arc::new(World::new());
    let mut old = world.upload_avatar(&photo(32, 0)).await;
    let mut between = 0;
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let faults = Faults::new();
        let (replacing, bytes) = (world.clone(), photo(32, seed));
        let replace = move || async move {
            replacing.upload_avatar(&bytes).await;
        };
        let moment = random.below(3);
        match moment {
            0 => faults.before("get_pointer", 1, replace),
            1 => faults.before("get_file", 1, replace),
            _ => faults.after("get_file", 1, replace),
        }
        between += usize::from(moment == 1);
        let ledger = Ledger::new(Arc::new(Faulty::new(world.store.clone(), faults)), world.clock.clone());
        let resolver = Resolver::new(ledger, world.settings.clone(), Arc::new(PathSigner));
        let caller = world.caller();
        let info =
            resolver.avatar_info(&Reader::Caller(&caller), EntityKind::Users, world.user).await.unwrap();
        let current = world.current().await;
        assert_ne!(current, Some(old.file_id), "it was replaced");
        // Who has read both before the replacement has the old one, whole; everybody else the new one.
        assert_eq!(info.file_id, if moment == 2 { Some(old.file_id) } else { current });
        let generation = info.file_id.unwrap().to_string();
        assert_eq!(info.sizes.len(), 4);
        assert!(info.sizes.values().all(|size| size.url.url.contains(&generation)));
        old = world.record(current.unwrap()).await;
    }
    assert!(between > 0);
    trials.report(serde_json::json!({ "between_two_reads": between, "mixed_generations": 0 }));
}

/// Both orders of issue and of finishing; each attempt may stop at any call, and events come again.
#[tokio::test]
async fn g06_a_replaced_avatar_is_never_shown_again() {
    let trials = Trials::new("G06", 2_000);
    let mut crashes = 0;
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let world = World::new();
        let (old, new) = (photo(32, 1), photo(32, 2));
        let first = world.issue_avatar(old.len()).await;
        let second = world.issue_avatar(new.len()).await;
        world.post(&first, &old).await;
        world.post(&second, &new).await;
        let files = [first.record.file_id, second.record.file_id];
        let mut newest_was_shown = false;
        for _ in 0..8 {
            let file = *random.pick(&files);
            let faults = Faults::new();
            let crash = random.chance(1, 2);
            if crash {
                // From here on nothing this worker does arrives, and its lease is not given back.
                faults.fail_from("*", 1 + random.below(20), ErrorKind::MetadataUnavailable);
            }
            let store = Arc::new(Faulty::new(world.store.clone(), faults.clone()));
            let storage = Arc::new(Faulty::new(world.storage.clone(), faults));
            let ledger = Ledger::new(store, world.clock.clone());
            let ingest = Ingest::new(ledger, storage, Arc::new(Imaging), world.settings.clone());
            let outcome = ingest.run(world.tenant, file, Source::Staging, &Actor::function("test")).await;
            crashes += usize::from(outcome.is_err());
            if outcome.is_err() {
                world.clock.advance(LEASE);
            }
            let shown = world.current().await;
            newest_was_shown |= shown == Some(files[1]);
            assert!(!newest_was_shown || shown == Some(files[1]), "the older one came back");
            if let Some(shown) = shown {
                assert_eq!(world.record(shown).await.state, FileState::Ready);
            }
        }
        // However it went: once both are through, the newer one is shown, and no replay changes that.
        for file in [files[1], files[0], files[1], files[0]] {
            world.clock.advance(LEASE);
            world.finalise(file).await;
        }
        let newer = world.record(files[1]).await;
        if newer.state == FileState::Ready {
            assert_eq!(world.current().await, Some(files[1]));
            let older = world.record(files[0]).await.state;
            assert!(matches!(older, FileState::Deleting | FileState::Failed), "{older}");
        } else {
            // Five crashes of one file end it.
            assert_eq!(newer.error_code, Some(ErrorKind::AttemptsExhausted));
        }
    }
    assert!(crashes > 0);
    trials.report(serde_json::json!({ "crashes": crashes, "shown_again": 0 }));
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
