//! Records: they come back as written, and every write names the revision it read.

use std::collections::BTreeMap;
use std::time::Duration;

use storage_core::ids::FileId;
use storage_core::ports::{CommitError, Conflict};
use storage_core::record::{FileRecord, FileState};
use tokio::task::JoinSet;

use super::{Bench, conflicts, create, update};
use crate::records::{full_file, new_tenant, next_revision, sample_file, sample_time};

pub(super) async fn a_record_with_every_field_comes_back(bench: Bench) {
    let record = full_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&record)).await;
    assert_eq!(bench.stored(&record).await.unwrap(), record);
}

pub(super) async fn a_record_without_optional_fields_comes_back(bench: Bench) {
    let sample = sample_file(bench.tenant, sample_time());
    let record = FileRecord { staging_key: None, expires_at: None, due_at: None, ..sample };
    bench.create(std::slice::from_ref(&record)).await;
    assert_eq!(bench.stored(&record).await.unwrap(), record);
}

pub(super) async fn an_update_replaces_the_whole_record(bench: Bench) {
    let full = full_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&full)).await;
    // Every optional field goes away again.
    let bare = FileRecord { file_id: full.file_id, rev: 2, ..sample_file(bench.tenant, sample_time()) };
    bench.commit(vec![update(&bare)]).await.unwrap();
    assert_eq!(bench.stored(&full).await.unwrap(), bare);
    let again = FileRecord { rev: 3, ..full };
    bench.commit(vec![update(&again)]).await.unwrap();
    assert_eq!(bench.stored(&again).await.unwrap(), again);
}

pub(super) async fn a_missing_record_is_none(bench: Bench) {
    assert_eq!(bench.store.get_file(bench.tenant, FileId::generate()).await.unwrap(), None);
}

pub(super) async fn a_record_belongs_to_one_tenant(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&record)).await;
    let foreign = FileRecord { tenant: new_tenant(), max_bytes: 7, ..record.clone() };
    assert_eq!(bench.stored(&foreign).await, None);
    // The same id in another tenant is another file.
    bench.create(std::slice::from_ref(&foreign)).await;
    assert_eq!(bench.stored(&foreign).await.unwrap(), foreign);
    assert_eq!(bench.stored(&record).await.unwrap(), record);
}

pub(super) async fn creating_what_exists_is_a_conflict(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&record)).await;
    let other = FileRecord { max_bytes: 7, ..record.clone() };
    conflicts(bench.commit(vec![create(&other)]).await, 0, Conflict::Exists);
    assert_eq!(bench.stored(&record).await.unwrap(), record);
}

pub(super) async fn an_update_of_another_revision_is_a_conflict(bench: Bench) {
    let first = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&first)).await;
    let second = next_revision(&first);
    bench.commit(vec![update(&second)]).await.unwrap();
    for rev in [1, 2, 4, 100] {
        let stale = FileRecord { rev, max_bytes: 7, ..second.clone() };
        conflicts(bench.commit(vec![update(&stale)]).await, 0, Conflict::Revision);
        assert_eq!(bench.stored(&first).await.unwrap(), second, "after revision {rev}");
    }
}

pub(super) async fn an_update_of_a_missing_record_is_a_conflict(bench: Bench) {
    for rev in [1, 2] {
        let record = FileRecord { rev, ..sample_file(bench.tenant, sample_time()) };
        conflicts(bench.commit(vec![update(&record)]).await, 0, Conflict::Revision);
        assert_eq!(bench.stored(&record).await, None);
    }
}

/// Commits all of `records` at once; the one that won. All others are refused with `conflict`.
async fn race(bench: &Bench, records: Vec<FileRecord>, expected: Conflict) -> FileRecord {
    let mut tasks = JoinSet::new();
    for record in records {
        let bench = bench.clone();
        tasks.spawn(async move {
            let write = if record.rev == 1 { create(&record) } else { update(&record) };
            (bench.commit(vec![write]).await, record)
        });
    }
    let mut winners = Vec::new();
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            (Ok(()), record) => winners.push(record),
            (Err(CommitError::Conflict(index, conflict)), _) => assert_eq!((index, conflict), (0, expected)),
            (Err(CommitError::Store(error)), _) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "winners");
    winners.remove(0)
}

pub(super) async fn one_of_50_racing_updates_wins(bench: Bench) {
    let mut record = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&record)).await;
    for _ in 0..3 {
        let next = next_revision(&record);
        let racing = (0..50).map(|writer| FileRecord { attempts: writer, ..next.clone() }).collect();
        record = race(&bench, racing, Conflict::Revision).await;
        assert_eq!(bench.stored(&record).await.unwrap(), record);
    }
}

pub(super) async fn one_of_50_racing_creates_wins(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let racing = (0..50).map(|writer| FileRecord { attempts: writer, ..record.clone() }).collect();
    let winner = race(&bench, racing, Conflict::Exists).await;
    assert_eq!(bench.stored(&record).await.unwrap(), winner);
}

pub(super) async fn every_update_of_a_chain_is_seen(bench: Bench) {
    let mut record = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&record)).await;
    for state in FileState::ALL.iter().cycle().take(30) {
        record = FileRecord { state: *state, ..next_revision(&record) };
        bench.commit(vec![update(&record)]).await.unwrap();
        assert_eq!(bench.stored(&record).await.unwrap(), record);
    }
}

pub(super) async fn a_large_record_comes_back(bench: Bench) {
    let mut record = full_file(bench.tenant, sample_time() + Duration::from_secs(1));
    record.inline_small = Some(format!("data:image/png;base64,{}", "QUJD".repeat(25_000)));
    record.metadata =
        (0..500).map(|index| (format!("key-{index}"), "é".repeat(100))).collect::<BTreeMap<_, _>>();
    bench.create(std::slice::from_ref(&record)).await;
    assert_eq!(bench.stored(&record).await.unwrap(), record);
}
