//! Pointers: numbers that are never given twice, and a current file that moves by condition only.

use storage_core::ids::{EntityId, FileId};
use storage_core::key::EntityKind;
use storage_core::ports::{CommitError, Conflict, Write};
use storage_core::record::{AvatarPointer, PointerKey};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Bench, conflicts};
use crate::records::{new_pointer, new_tenant};

async fn pointer(bench: &Bench, key: &PointerKey) -> AvatarPointer {
    bench.store.get_pointer(key).await.unwrap().expect("a pointer")
}

async fn set(
    bench: &Bench,
    key: PointerKey,
    expected: Option<u64>,
    seq: u64,
    file: Option<FileId>,
) -> Result<(), CommitError> {
    bench.commit(vec![Write::SetPointer { key, expected, seq, file }]).await
}

pub(super) async fn a_pointer_that_was_never_issued_is_none(bench: Bench) {
    assert_eq!(bench.store.get_pointer(&new_pointer(bench.tenant)).await.unwrap(), None);
}

pub(super) async fn numbers_grow_from_one(bench: Bench) {
    let key = new_pointer(bench.tenant);
    for expected in 1..=5 {
        assert_eq!(bench.store.take_seq(&key).await.unwrap(), expected);
        let current = AvatarPointer { seq: expected, current_file_id: None, current_seq: None };
        assert_eq!(pointer(&bench, &key).await, current);
    }
}

pub(super) async fn a_hundred_concurrent_numbers_are_different(bench: Bench) {
    let key = new_pointer(bench.tenant);
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = bench.store.clone();
        tasks.spawn(async move {
            let mut taken: Vec<u64> = Vec::new();
            for _ in 0..10 {
                taken.push(store.take_seq(&key).await.unwrap());
            }
            assert!(taken.is_sorted_by(|one, next| one < next), "{taken:?} only grow");
            taken
        });
    }
    let mut all: Vec<u64> = tasks.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=100).collect::<Vec<u64>>());
}

pub(super) async fn a_number_leaves_the_current_file(bench: Bench) {
    let key = new_pointer(bench.tenant);
    let file = FileId::generate();
    let seq = bench.store.take_seq(&key).await.unwrap();
    set(&bench, key, None, seq, Some(file)).await.unwrap();
    assert_eq!(bench.store.take_seq(&key).await.unwrap(), 2);
    let expected = AvatarPointer { seq: 2, current_file_id: Some(file), current_seq: Some(1) };
    assert_eq!(pointer(&bench, &key).await, expected);
}

pub(super) async fn a_set_pointer_keeps_its_last_number(bench: Bench) {
    let key = new_pointer(bench.tenant);
    for _ in 0..4 {
        bench.store.take_seq(&key).await.unwrap();
    }
    let file = FileId::generate();
    set(&bench, key, None, 2, Some(file)).await.unwrap();
    let expected = AvatarPointer { seq: 4, current_file_id: Some(file), current_seq: Some(2) };
    assert_eq!(pointer(&bench, &key).await, expected);
    assert_eq!(bench.store.take_seq(&key).await.unwrap(), 5);
}

pub(super) async fn a_pointer_is_set_from_what_was_read(bench: Bench) {
    let key = new_pointer(bench.tenant);
    bench.store.take_seq(&key).await.unwrap();
    let mut expected = None;
    for seq in [1, 3, 4, 1000] {
        let file = FileId::generate();
        set(&bench, key, expected, seq, Some(file)).await.unwrap();
        let current = pointer(&bench, &key).await;
        assert_eq!((current.current_seq, current.current_file_id), (Some(seq), Some(file)));
        expected = Some(seq);
    }
}

pub(super) async fn a_pointer_that_moved_is_a_conflict(bench: Bench) {
    let key = new_pointer(bench.tenant);
    bench.store.take_seq(&key).await.unwrap();
    conflicts(set(&bench, key, Some(1), 2, None).await, 0, Conflict::Pointer);
    conflicts(set(&bench, new_pointer(bench.tenant), Some(1), 2, None).await, 0, Conflict::Pointer);
    set(&bench, key, None, 5, Some(FileId::generate())).await.unwrap();
    let before = pointer(&bench, &key).await;
    for expected in [None, Some(0), Some(4), Some(6)] {
        conflicts(set(&bench, key, expected, 7, None).await, 0, Conflict::Pointer);
        assert_eq!(pointer(&bench, &key).await, before);
    }
}

pub(super) async fn a_pointer_can_be_emptied(bench: Bench) {
    let key = new_pointer(bench.tenant);
    bench.store.take_seq(&key).await.unwrap();
    set(&bench, key, None, 1, Some(FileId::generate())).await.unwrap();
    bench.store.take_seq(&key).await.unwrap();
    set(&bench, key, Some(1), 2, None).await.unwrap();
    let expected = AvatarPointer { seq: 2, current_file_id: None, current_seq: Some(2) };
    assert_eq!(pointer(&bench, &key).await, expected);
}

pub(super) async fn a_pointer_can_be_set_before_a_number_was_taken(bench: Bench) {
    let key = new_pointer(bench.tenant);
    let file = FileId::generate();
    set(&bench, key, None, 1, Some(file)).await.unwrap();
    let current = pointer(&bench, &key).await;
    assert_eq!((current.current_seq, current.current_file_id), (Some(1), Some(file)));
}

pub(super) async fn one_of_20_racing_pointers_wins(bench: Bench) {
    let key = new_pointer(bench.tenant);
    bench.store.take_seq(&key).await.unwrap();
    for (expected, seq) in [(None, 1), (Some(1), 2)] {
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let bench = bench.clone();
            tasks.spawn(async move {
                let file = FileId::generate();
                (set(&bench, key, expected, seq, Some(file)).await, file)
            });
        }
        let mut winners = Vec::new();
        for (result, file) in tasks.join_all().await {
            match result {
                Ok(()) => winners.push(file),
                Err(_) => conflicts(result, 0, Conflict::Pointer),
            }
        }
        assert_eq!(winners.len(), 1, "winners");
        assert_eq!(pointer(&bench, &key).await.current_file_id, Some(winners[0]));
    }
}

pub(super) async fn pointers_of_other_entities_are_others(bench: Bench) {
    let key = new_pointer(bench.tenant);
    assert_eq!(bench.store.take_seq(&key).await.unwrap(), 1);
    for other in [
        PointerKey { kind: EntityKind::Agents, ..key },
        PointerKey { tenant: new_tenant(), ..key },
        PointerKey { entity: EntityId::from(Uuid::new_v4()), ..key },
    ] {
        assert_eq!(bench.store.get_pointer(&other).await.unwrap(), None);
        assert_eq!(bench.store.take_seq(&other).await.unwrap(), 1);
    }
    assert_eq!(pointer(&bench, &key).await.seq, 1);
}
