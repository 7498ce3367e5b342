//! A delete by prefix takes the prefix by its characters (G51).

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::json;
use storage_core::key::StorageKey;
use storage_core::ports::{ListRequest, ObjectRef, PutOptions, StorageBackend};
use storage_local::LocalBackend;
use storage_testkit::trials::{Random, Trials};

use crate::{bucket, volatile_dir};

/// Characters that patterns, shells and paths give a meaning to, and few others, so that names come near each other.
const CHARACTERS: [char; 16] =
    ['*', '?', '[', ']', '{', '}', '\\', '^', '!', '-', ',', '.', '%', 'a', 'a', 'b'];

fn segment(random: &Random) -> String {
    (0..=random.below(3)).map(|_| *random.pick(&CHARACTERS)).collect()
}

/// What a delete by prefix is everywhere in the system: every page of a listing, and each object of it.
async fn delete_under(backend: &LocalBackend, prefix: &str) -> BTreeSet<String> {
    let mut deleted = BTreeSet::new();
    let mut request = ListRequest { limit: 3, ..ListRequest::under(prefix) };
    loop {
        let page = backend.list(&bucket(), request.clone()).await.unwrap();
        for meta in page.objects {
            deleted.insert(meta.key.to_string());
            backend.delete(&ObjectRef::new(bucket(), meta.key)).await.unwrap();
        }
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => return deleted,
        }
    }
}

async fn names(backend: &LocalBackend) -> BTreeSet<String> {
    let page = backend.list(&bucket(), ListRequest::under("")).await.unwrap();
    page.objects.into_iter().map(|meta| meta.key.to_string()).collect()
}

async fn put(backend: &LocalBackend, key: StorageKey) {
    let object = ObjectRef::new(bucket(), key);
    backend.put(&object, Bytes::from_static(b"x").into(), PutOptions::default()).await.unwrap();
}

#[tokio::test]
async fn g51_a_delete_by_prefix_takes_every_character_literally() {
    let trials = Trials::new("G51", 10_000);
    let root = volatile_dir();
    let backend = LocalBackend::open(root.path()).unwrap();
    backend.create_bucket(&bucket()).await.unwrap();
    let (mut refused, mut deleted) = (0, 0);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let mut keys: BTreeSet<String> =
            ["a/a/1", "a/a/2/3", "a/aaa/1", "a/a", "a/aa"].map(String::from).into();
        for _ in 0..12 {
            let key: Vec<String> = (0..=random.below(3)).map(|_| segment(&random)).collect();
            match StorageKey::parse(&key.join("/")) {
                Ok(key) => drop(keys.insert(key.to_string())),
                Err(_) => refused += 1,
            }
        }
        for key in &keys {
            put(&backend, StorageKey::parse(key).unwrap()).await;
        }
        let all: Vec<&String> = keys.iter().collect();
        let chosen = *random.pick(&all);
        let prefix = match (random.below(4), chosen.rfind('/')) {
            (0, _) => "a/a/".to_owned(),
            (1, _) => format!("{}/", segment(&random)),
            (2, _) => chosen.clone(),
            (_, end) => chosen[..end.map_or(0, |end| end + 1)].to_owned(),
        };
        let (gone, kept) = keys.iter().cloned().partition(|key| key.starts_with(&prefix));
        assert_eq!(delete_under(&backend, &prefix).await, gone, "under {prefix:?}");
        assert_eq!(names(&backend).await, kept, "beside {prefix:?}");
        deleted += gone.len();
        assert_eq!(delete_under(&backend, "").await, kept);
    }
    assert!(refused > 0 && deleted > 0, "{refused} names refused, {deleted} objects deleted");
    trials.report(json!({ "deleted_under_a_prefix": deleted, "deleted_beside_it": 0 }));
}
