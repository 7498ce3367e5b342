//! Transactions: all writes or none, each conflict named, and the history that is written with them.

use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::ports::{CommitError, Conflict, Write};
use storage_core::record::{AuditEntry, FileRecord, FileState};

use super::{Bench, conflicts, create, update};
use crate::records::{
    new_pointer, next_revision, sample_audit, sample_file, sample_idempotency, sample_time,
};

fn later(seconds: u64) -> storage_core::timestamp::Timestamp {
    sample_time() + Duration::from_secs(seconds)
}

pub(super) async fn a_failing_write_undoes_the_others(bench: Bench) {
    let there = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&there)).await;
    let fresh = sample_file(bench.tenant, later(1));
    let pointer = new_pointer(bench.tenant);
    let key = sample_idempotency(bench.tenant, "key-1", later(100));
    let stale = FileRecord { rev: 7, ..there.clone() };
    let writes = vec![
        create(&fresh),
        Write::SetPointer { key: pointer, expected: None, seq: 1, file: Some(fresh.file_id) },
        Write::PutIdempotency { record: key.clone(), now: sample_time() },
        Write::Audit(sample_audit(&fresh, "issued", sample_time())),
        update(&stale),
    ];
    for failing_at in [4, 0, 2] {
        let mut writes = writes.clone();
        let failing = writes.remove(4);
        writes.insert(failing_at, failing);
        conflicts(bench.commit(writes).await, failing_at, Conflict::Revision);
        assert_eq!(bench.stored(&fresh).await, None);
        assert_eq!(bench.store.get_pointer(&pointer).await.unwrap(), None);
        let found = bench.store.get_idempotency(bench.tenant, &key.principal, &key.key).await.unwrap();
        assert_eq!(found, None);
        assert_eq!(bench.store.audit_trail(bench.tenant, fresh.file_id).await.unwrap(), []);
        assert_eq!(bench.stored(&there).await.unwrap(), there);
    }
}

pub(super) async fn the_conflict_names_the_first_failing_write(bench: Bench) {
    let there = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&there)).await;
    let fresh = sample_file(bench.tenant, later(1));
    let missing = FileRecord { rev: 2, ..sample_file(bench.tenant, later(2)) };
    let writes = vec![
        create(&fresh),
        Write::Audit(sample_audit(&fresh, "issued", sample_time())),
        create(&there),
        update(&missing),
    ];
    conflicts(bench.commit(writes).await, 2, Conflict::Exists);
    conflicts(
        bench.commit(vec![create(&fresh), update(&missing), create(&there)]).await,
        1,
        Conflict::Revision,
    );
}

pub(super) async fn every_kind_of_write_names_its_conflict(bench: Bench) {
    let there = sample_file(bench.tenant, sample_time());
    let pointer = new_pointer(bench.tenant);
    let key = sample_idempotency(bench.tenant, "key-1", later(100));
    let set = |expected| Write::SetPointer { key: pointer, expected, seq: 5, file: Some(there.file_id) };
    let put = Write::PutIdempotency { record: key.clone(), now: sample_time() };
    bench.commit(vec![create(&there), set(None), put.clone()]).await.unwrap();
    let fresh = || create(&sample_file(bench.tenant, later(1)));
    for (write, conflict) in [
        (create(&there), Conflict::Exists),
        (update(&FileRecord { rev: 3, ..there.clone() }), Conflict::Revision),
        (set(None), Conflict::Pointer),
        (set(Some(4)), Conflict::Pointer),
        (put, Conflict::Idempotency),
    ] {
        conflicts(bench.commit(vec![write.clone()]).await, 0, conflict);
        conflicts(bench.commit(vec![fresh(), write]).await, 1, conflict);
    }
}

pub(super) async fn all_kinds_of_writes_together(bench: Bench) {
    let old = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&old)).await;
    let old = FileRecord { state: FileState::Deleting, ..next_revision(&old) };
    let new = sample_file(bench.tenant, later(1));
    let pointer = new_pointer(bench.tenant);
    let key = sample_idempotency(bench.tenant, "key-1", later(100));
    let entries = [sample_audit(&old, "replaced", later(2)), sample_audit(&new, "issued", later(2))];
    bench
        .commit(vec![
            update(&old),
            create(&new),
            Write::SetPointer { key: pointer, expected: None, seq: 1, file: Some(new.file_id) },
            Write::PutIdempotency { record: key.clone(), now: sample_time() },
            Write::Audit(entries[0].clone()),
            Write::Audit(entries[1].clone()),
        ])
        .await
        .unwrap();
    assert_eq!(bench.stored(&old).await.unwrap(), old);
    assert_eq!(bench.stored(&new).await.unwrap(), new);
    let current = bench.store.get_pointer(&pointer).await.unwrap().unwrap();
    assert_eq!((current.current_file_id, current.current_seq), (Some(new.file_id), Some(1)));
    let found = bench.store.get_idempotency(bench.tenant, &key.principal, &key.key).await.unwrap();
    assert_eq!(found, Some(key));
    assert_eq!(bench.store.audit_trail(bench.tenant, old.file_id).await.unwrap(), entries[..1]);
    assert_eq!(bench.store.audit_trail(bench.tenant, new.file_id).await.unwrap(), entries[1..]);
}

pub(super) async fn a_repeated_commit_is_a_conflict(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let pointer = new_pointer(bench.tenant);
    let key = sample_idempotency(bench.tenant, "key-1", later(100));
    let audit = |action: &str| Write::Audit(sample_audit(&record, action, later(1)));
    for (writes, conflict) in [
        (vec![create(&record), audit("issued")], Conflict::Exists),
        (vec![update(&next_revision(&record)), audit("claimed")], Conflict::Revision),
        (
            vec![Write::SetPointer { key: pointer, expected: None, seq: 1, file: Some(record.file_id) }],
            Conflict::Pointer,
        ),
        (vec![Write::PutIdempotency { record: key, now: sample_time() }], Conflict::Idempotency),
    ] {
        bench.commit(writes.clone()).await.unwrap();
        for _ in 0..2 {
            conflicts(bench.commit(writes.clone()).await, 0, conflict);
        }
    }
    let trail = bench.store.audit_trail(bench.tenant, record.file_id).await.unwrap();
    assert_eq!(trail.len(), 2, "{trail:?}");
}

fn files(bench: &Bench, count: u64) -> Vec<FileRecord> {
    (0..count).map(|index| sample_file(bench.tenant, later(index))).collect()
}

pub(super) async fn a_hundred_writes(bench: Bench) {
    let records = files(&bench, 100);
    bench.create(&records).await;
    for record in &records {
        assert_eq!(bench.stored(record).await.as_ref(), Some(record));
    }
    let mut writes: Vec<Write> = records.iter().map(|record| update(&next_revision(record))).collect();
    writes[99] = update(&FileRecord { rev: 9, ..records[99].clone() });
    conflicts(bench.commit(writes).await, 99, Conflict::Revision);
    assert_eq!(bench.stored(&records[0]).await.as_ref(), Some(&records[0]));
}

/// Asserts that the store refuses these writes for another reason than a condition, and does none of them.
async fn assert_not_a_transaction(bench: &Bench, writes: Vec<Write>, first: &FileRecord) {
    match bench.commit(writes).await {
        Err(CommitError::Store(_)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.stored(first).await, None);
}

pub(super) async fn more_than_a_hundred_writes_are_refused(bench: Bench) {
    let records = files(&bench, 101);
    assert_not_a_transaction(&bench, records.iter().map(create).collect(), &records[0]).await;
}

pub(super) async fn two_writes_of_one_item_are_refused(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let writes = vec![create(&record), update(&next_revision(&record))];
    assert_not_a_transaction(&bench, writes, &record).await;
}

pub(super) async fn readers_see_all_of_a_transaction(bench: Bench) {
    let mut pair = [sample_file(bench.tenant, sample_time()), sample_file(bench.tenant, later(1))];
    bench.create(&pair).await;
    let (reader, ids) = (bench.clone(), pair.clone());
    let reading = tokio::spawn(async move {
        loop {
            // The second is read later, so it is never behind the first.
            let first = reader.stored(&ids[0]).await.unwrap();
            let second = reader.stored(&ids[1]).await.unwrap();
            assert!(second.rev >= first.rev, "{} behind {}", second.rev, first.rev);
            if first.rev == 40 {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    for _ in 1..40 {
        pair = [next_revision(&pair[0]), next_revision(&pair[1])];
        bench.commit(vec![update(&pair[0]), update(&pair[1])]).await.unwrap();
    }
    reading.await.unwrap();
}

pub(super) async fn history_is_oldest_first(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let entries: Vec<AuditEntry> =
        (0..6).map(|index| sample_audit(&record, &format!("action-{index}"), later(index))).collect();
    for index in [3, 0, 5] {
        bench.commit(vec![Write::Audit(entries[index].clone())]).await.unwrap();
    }
    let rest = [4, 1, 2].map(|index| Write::Audit(entries[index].clone()));
    bench.commit(rest.into()).await.unwrap();
    assert_eq!(bench.store.audit_trail(bench.tenant, record.file_id).await.unwrap(), entries);
}

pub(super) async fn history_comes_back_field_by_field(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let full = AuditEntry {
        actor: "Ünïcode \"actor\"\n".to_owned(),
        error_code: Some(ErrorKind::ContentMismatch),
        ..sample_audit(&record, "failed", later(1))
    };
    let bare = AuditEntry {
        from: None,
        error_code: None,
        request_id: None,
        ..sample_audit(&record, "issued", later(0))
    };
    bench.commit(vec![Write::Audit(full.clone()), Write::Audit(bare.clone())]).await.unwrap();
    assert_eq!(bench.store.audit_trail(bench.tenant, record.file_id).await.unwrap(), [bare, full]);
}

pub(super) async fn a_repeated_line_of_history_is_one_line(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let entry = sample_audit(&record, "issued", later(0));
    for _ in 0..2 {
        bench.commit(vec![Write::Audit(entry.clone())]).await.unwrap();
    }
    assert_eq!(bench.store.audit_trail(bench.tenant, record.file_id).await.unwrap(), [entry]);
}

pub(super) async fn history_belongs_to_one_file(bench: Bench) {
    let records = files(&bench, 2);
    for record in &records {
        let entry = sample_audit(record, "issued", later(0));
        bench.commit(vec![create(record), Write::Audit(entry)]).await.unwrap();
    }
    for record in &records {
        let trail = bench.store.audit_trail(bench.tenant, record.file_id).await.unwrap();
        assert!(trail.iter().all(|entry| entry.file_id == record.file_id) && trail.len() == 1, "{trail:?}");
    }
    let foreign = crate::records::new_tenant();
    assert_eq!(bench.store.audit_trail(foreign, records[0].file_id).await.unwrap(), []);
}

pub(super) async fn a_long_history_is_whole(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    // More than a megabyte, which is one page of DynamoDB.
    let entries: Vec<AuditEntry> = (0..300)
        .map(|index| AuditEntry {
            actor: "a".repeat(5000),
            ..sample_audit(&record, &format!("action-{index}"), later(index))
        })
        .collect();
    for chunk in entries.chunks(50) {
        bench.commit(chunk.iter().cloned().map(Write::Audit).collect()).await.unwrap();
    }
    let trail = bench.store.audit_trail(bench.tenant, record.file_id).await.unwrap();
    assert_eq!(trail.len(), 300);
    assert!(trail == entries, "in order, field by field");
}
