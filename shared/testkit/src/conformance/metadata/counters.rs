//! Counters that lose nothing, items for subscribers, limits of requests, and the listing of everything.

use std::time::Duration;

use storage_core::outbox::OutboxItem;
use storage_core::ports::{OwnerQuery, RateWindow, Transaction, Write};
use storage_core::record::{FileRecord, FileState, Purpose};
use storage_core::usage::{USAGE_SHARDS, Usage, UsageChange, UsageShard, usage_shard};
use tokio::task::JoinSet;

use super::{Bench, create, update};
use crate::records::{new_tenant, next_revision, principal, sample_file, sample_time};

fn change(bench: &Bench, shard: u8, reserved: i64, stored: i64, files: i64) -> UsageChange {
    let by_purpose = [(Purpose::Attachment, Usage { reserved, stored, files })].into();
    UsageChange { tenant: bench.tenant, shard, by_purpose }
}

pub(super) async fn counters_that_nothing_changed_are_zero(bench: Bench) {
    assert_eq!(bench.store.get_usage(bench.tenant).await.unwrap(), Default::default());
}

pub(super) async fn a_change_comes_with_its_record_or_not_at_all(bench: Bench) {
    let record = sample_file(bench.tenant, sample_time());
    let change = change(&bench, usage_shard(record.file_id), 10, 0, 0);
    let writes = || vec![create(&record), Write::Usage(change.clone())];
    bench.commit(writes()).await.unwrap();
    assert!(bench.commit(writes()).await.is_err(), "the record exists");
    let usage = bench.store.get_usage(bench.tenant).await.unwrap();
    assert_eq!(
        (usage.total().reserved, usage.shards.iter().map(|shard| shard.changes).sum::<u64>()),
        (10, 1)
    );
    assert_eq!(bench.store.get_usage(new_tenant()).await.unwrap(), Default::default());
}

pub(super) async fn a_hundred_concurrent_changes_add_up(bench: Bench) {
    let mut tasks = JoinSet::new();
    for writer in 0..10_u8 {
        let bench = bench.clone();
        tasks.spawn(async move {
            for step in 0..10_u8 {
                let shard = (writer + step) % USAGE_SHARDS;
                let record = sample_file(bench.tenant, sample_time());
                let writes = vec![create(&record), Write::Usage(change(&bench, shard, 5, -2, 1))];
                // Losing to another transaction on the same shard is repeated by whoever commits.
                while bench.commit(writes.clone()).await.is_err() {
                    if bench.stored(&record).await.is_some() {
                        break;
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    let usage = bench.store.get_usage(bench.tenant).await.unwrap();
    assert_eq!(usage.total(), Usage { reserved: 500, stored: -200, files: 100 });
    assert_eq!(usage.of_purpose(Purpose::Attachment), usage.total());
    assert_eq!(usage.of_purpose(Purpose::Export), Usage::default());
}

pub(super) async fn changes_of_one_shard_are_one_write(bench: Bench) {
    let other = UsageChange {
        by_purpose: [(Purpose::Export, Usage { reserved: 0, stored: 7, files: 1 })].into(),
        ..change(&bench, 3, 0, 0, 0)
    };
    let writes = vec![Write::Usage(change(&bench, 3, 1, 2, 3)), Write::Usage(other)];
    bench.store.commit(Transaction::new(writes)).await.unwrap();
    let shard = bench.store.get_usage(bench.tenant).await.unwrap().shards[3].clone();
    assert_eq!(shard.changes, 1);
    assert_eq!(shard.by_purpose[&Purpose::Attachment], Usage { reserved: 1, stored: 2, files: 3 });
    assert_eq!(shard.by_purpose[&Purpose::Export], Usage { reserved: 0, stored: 7, files: 1 });
}

pub(super) async fn a_correction_gives_way_to_a_change(bench: Bench) {
    let seen = UsageShard::default();
    let to = UsageShard {
        changes: 0,
        by_purpose: [(Purpose::Export, Usage { reserved: 1, stored: 2, files: 3 })].into(),
    };
    assert!(bench.store.correct_usage(bench.tenant, 2, &seen, &to).await.unwrap());
    let corrected = bench.store.get_usage(bench.tenant).await.unwrap().shards[2].clone();
    assert_eq!((&corrected.by_purpose, corrected.changes), (&to.by_purpose, 1));
    assert!(!bench.store.correct_usage(bench.tenant, 2, &seen, &UsageShard::default()).await.unwrap());
    bench.commit(vec![Write::Usage(change(&bench, 2, 5, 0, 0))]).await.unwrap();
    assert!(!bench.store.correct_usage(bench.tenant, 2, &corrected, &to).await.unwrap());
    let usage = bench.store.get_usage(bench.tenant).await.unwrap();
    assert_eq!(usage.total(), Usage { reserved: 6, stored: 2, files: 3 });
}

pub(super) async fn what_is_told_is_written_with_its_record(bench: Bench) {
    let pending = sample_file(bench.tenant, sample_time());
    bench.create(std::slice::from_ref(&pending)).await;
    let ready = FileRecord { state: FileState::Ready, ..next_revision(&pending) };
    let told = OutboxItem::between(&pending, &ready).expect("a file that became ready");
    let writes = || vec![update(&ready), Write::Outbox(Box::new(told.clone()))];
    bench.commit(writes()).await.unwrap();
    assert!(bench.commit(writes()).await.is_err());
    assert_eq!(bench.stored(&pending).await, Some(ready));
    assert_eq!(bench.store.audit_trail(bench.tenant, pending.file_id).await.unwrap(), []);
}

pub(super) async fn requests_are_counted_by_window_and_caller(bench: Bench) {
    let from = sample_time();
    let until = from + Duration::from_secs(120);
    let window =
        |name: &str, from| RateWindow { tenant: bench.tenant, principal: principal(name), from, until };
    let first = window("user-1", from);
    let mut counts = Vec::new();
    for by in [1, 2, 3] {
        counts.push(bench.store.count_requests(&first, by).await.unwrap());
    }
    assert_eq!(counts, [1, 3, 6]);
    assert_eq!(bench.store.count_requests(&window("user-2", from), 1).await.unwrap(), 1);
    let next = window("user-1", from + Duration::from_secs(60));
    assert_eq!(bench.store.count_requests(&next, 1).await.unwrap(), 1);
}

pub(super) async fn a_scan_finds_every_file_once(bench: Bench) {
    let records: Vec<_> = (0..7).map(|_| sample_file(bench.tenant, sample_time())).collect();
    bench.create(&records).await;
    bench.commit(vec![Write::Usage(change(&bench, 0, 1, 1, 1))]).await.unwrap();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = bench.store.scan_files(cursor, 100).await.unwrap();
        found.extend(page.files.into_iter().filter(|record| record.tenant == bench.tenant));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    found.sort_by_key(|record| record.file_id);
    let mut wanted = records;
    wanted.sort_by_key(|record| record.file_id);
    assert_eq!(found, wanted);
}

pub(super) async fn files_of_an_owner_since_a_time(bench: Bench) {
    let at = |seconds: u64| sample_time() + Duration::from_secs(seconds);
    let records: Vec<_> = (0..5).map(|index| sample_file(bench.tenant, at(index))).collect();
    bench.create(&records).await;
    let owner = records[0].owner.clone();
    let wanted: Vec<_> = records[2..].iter().rev().map(|record| record.file_id).collect();
    bench
        .eventually(wanted, || {
            let query = OwnerQuery { since: Some(at(2)), ..OwnerQuery::page(bench.tenant, &owner, None, 10) };
            let store = bench.store.clone();
            async move { store.files_of_owner(query).await.unwrap().files }
        })
        .await;
}
