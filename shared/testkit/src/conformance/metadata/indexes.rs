//! Indexes: they may lag, so every answer is polled for; they find everything, in order, and nothing of others.

use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::ids::{ExternalId, FileId, PrincipalId, TenantId};
use storage_core::ports::DUE_SHARDS;
use storage_core::ports::OwnerQuery;
use storage_core::record::{FileRecord, FileState};
use storage_core::timestamp::Timestamp;

use super::{Bench, update};
use crate::records::{new_tenant, next_revision, principal, sample_file, sample_time};

fn later(seconds: u64) -> Timestamp {
    sample_time() + Duration::from_secs(seconds)
}

/// Due times of their own, so that what other cases left does not fill the pages: a random minute of the years 2100
/// to 2200, which is never due for anything real.
fn due_base() -> Timestamp {
    let minutes = u64::try_from(uuid::Uuid::new_v4().as_u128() % 50_000_000).unwrap();
    Timestamp::from_millis(4_102_444_800_000) + Duration::from_secs(minutes * 60)
}

/// All due files of a shard that are of this tenant, in the order of the pages.
async fn due_in(bench: &Bench, shard: u8, until: Timestamp, limit: usize) -> Vec<FileId> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = bench.store.due(shard, until, cursor, limit).await.unwrap();
        assert!(page.files.len() <= limit, "{} on a page of {limit}", page.files.len());
        found.extend(page.files.iter().filter(|(tenant, _)| *tenant == bench.tenant).map(|(_, file)| *file));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

/// The due files of this tenant, shard by shard.
async fn due(bench: &Bench, until: Timestamp, limit: usize) -> Vec<Vec<FileId>> {
    let mut shards = Vec::new();
    for shard in 0..DUE_SHARDS {
        shards.push(due_in(bench, shard, until, limit).await);
    }
    shards
}

async fn due_set(bench: &Bench, until: Timestamp) -> Vec<FileId> {
    let mut all = due(bench, until, 100).await.concat();
    all.sort_unstable();
    all
}

/// Files that are due a second apart from `base`, created in another order than they are due.
async fn create_due(bench: &Bench, base: Timestamp, count: u64) -> Vec<FileRecord> {
    let record = |index: u64| FileRecord {
        due_at: Some(base + Duration::from_secs((index * 7) % count)),
        ..sample_file(bench.tenant, later(index))
    };
    let mut records: Vec<FileRecord> = (0..count).map(record).collect();
    for chunk in records.chunks(50) {
        bench.create(chunk).await;
    }
    records.sort_by_key(|record| record.due_at);
    records
}

fn sorted_ids(records: &[FileRecord]) -> Vec<FileId> {
    let mut ids: Vec<FileId> = records.iter().map(|record| record.file_id).collect();
    ids.sort_unstable();
    ids
}

pub(super) async fn due_files_are_found_soonest_first(bench: Bench) {
    let base = due_base();
    let records = create_due(&bench, base, 20).await;
    let end = base + Duration::from_secs(19);
    bench.eventually(sorted_ids(&records), async || due_set(&bench, end).await).await;
    for shard in due(&bench, end, 100).await {
        let order: Vec<usize> =
            shard.iter().map(|id| records.iter().position(|record| record.file_id == *id).unwrap()).collect();
        assert!(order.is_sorted(), "soonest first: {order:?}");
    }
    // What is due at the moment itself is due; what is due later is not.
    let some = sorted_ids(&records[..8]);
    bench.eventually(some, async || due_set(&bench, base + Duration::from_secs(7)).await).await;
    bench.eventually(vec![], async || due_set(&bench, base - Duration::from_millis(1)).await).await;
}

pub(super) async fn each_due_file_is_in_one_shard(bench: Bench) {
    let base = due_base();
    let records = create_due(&bench, base, 60).await;
    let end = base + Duration::from_secs(100);
    bench.eventually(sorted_ids(&records), async || due_set(&bench, end).await).await;
    let sizes: Vec<usize> = due(&bench, end, 100).await.iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|&size| size > 0), "60 files spread over all shards: {sizes:?}");
}

pub(super) async fn a_file_without_due_time_is_not_due(bench: Bench) {
    let base = due_base();
    let records = create_due(&bench, base, 2).await;
    let end = base + Duration::from_secs(10);
    bench.eventually(sorted_ids(&records), async || due_set(&bench, end).await).await;
    let ready = FileRecord { due_at: None, state: FileState::Ready, ..next_revision(&records[0]) };
    bench.commit(vec![update(&ready)]).await.unwrap();
    bench.eventually(vec![records[1].file_id], async || due_set(&bench, end).await).await;
    let again = FileRecord { due_at: Some(base), ..next_revision(&ready) };
    bench.commit(vec![update(&again)]).await.unwrap();
    bench.eventually(sorted_ids(&records), async || due_set(&bench, end).await).await;
}

pub(super) async fn a_moved_due_time_is_seen(bench: Bench) {
    let base = due_base();
    let mut record = create_due(&bench, base, 1).await.remove(0);
    let hour = Duration::from_secs(3600);
    bench.eventually(vec![record.file_id], async || due_set(&bench, base).await).await;
    record = FileRecord { due_at: Some(base + hour), state: FileState::Deleting, ..next_revision(&record) };
    bench.commit(vec![update(&record)]).await.unwrap();
    bench.eventually(vec![], async || due_set(&bench, base).await).await;
    bench.eventually(vec![record.file_id], async || due_set(&bench, base + hour).await).await;
}

pub(super) async fn due_files_by_pages(bench: Bench) {
    let base = due_base();
    let records = create_due(&bench, base, 24).await;
    let end = base + Duration::from_secs(100);
    bench.eventually(sorted_ids(&records), async || due_set(&bench, end).await).await;
    let whole = due(&bench, end, 100).await;
    for limit in [1, 2, 5] {
        assert_eq!(due(&bench, end, limit).await, whole, "with pages of {limit}");
    }
}

async fn owned(bench: &Bench, tenant: TenantId, owner: &PrincipalId, limit: usize) -> Vec<FileId> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = bench.store.files_of_owner(OwnerQuery::page(tenant, owner, cursor, limit)).await.unwrap();
        assert!(page.files.len() <= limit, "{} on a page of {limit}", page.files.len());
        found.extend(page.files);
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

/// Files of `user-1`, newest first, created in another order.
async fn create_owned(bench: &Bench, count: u64) -> Vec<FileId> {
    let mut records: Vec<FileRecord> =
        (0..count).map(|index| sample_file(bench.tenant, later((index * 7) % count))).collect();
    bench.create(&records).await;
    records.sort_by_key(|record| std::cmp::Reverse(record.created_at));
    records.iter().map(|record| record.file_id).collect()
}

pub(super) async fn files_of_an_owner_newest_first(bench: Bench) {
    let expected = create_owned(&bench, 12).await;
    let owner = principal("user-1");
    bench.eventually(expected, async || owned(&bench, bench.tenant, &owner, 100).await).await;
}

pub(super) async fn files_of_an_owner_by_pages(bench: Bench) {
    let expected = create_owned(&bench, 11).await;
    let owner = principal("user-1");
    bench.eventually(expected.clone(), async || owned(&bench, bench.tenant, &owner, 100).await).await;
    for limit in [1, 2, 5, 10, 11, 12] {
        let found = owned(&bench, bench.tenant, &owner, limit).await;
        assert_eq!(found, expected, "with pages of {limit}");
    }
}

pub(super) async fn files_of_others_are_not_listed(bench: Bench) {
    let expected = create_owned(&bench, 3).await;
    let foreign = sample_file(new_tenant(), later(1));
    let other = FileRecord { owner: principal("user-2"), ..sample_file(bench.tenant, later(2)) };
    bench.create(&[foreign.clone(), other.clone()]).await;
    let owner = principal("user-1");
    let found = async |tenant| owned(&bench, tenant, &owner, 100).await;
    bench.eventually(expected, async || found(bench.tenant).await).await;
    bench.eventually(vec![foreign.file_id], async || found(foreign.tenant).await).await;
    bench
        .eventually(vec![other.file_id], async || owned(&bench, bench.tenant, &other.owner, 100).await)
        .await;
    assert_eq!(
        owned(&bench, bench.tenant, &principal("user"), 100).await,
        [],
        "a prefix of a name is another"
    );
}

pub(super) async fn an_owner_with_an_awkward_name(bench: Bench) {
    let long = "x".repeat(255);
    for (index, name) in ["auth0|5f7c/8#a:b", "user 1 <a@b.c>", "ü😀", "*", &long].into_iter().enumerate()
    {
        let record = FileRecord { owner: principal(name), ..sample_file(bench.tenant, later(index as u64)) };
        bench.create(std::slice::from_ref(&record)).await;
        let expected = vec![record.file_id];
        bench.eventually(expected, async || owned(&bench, bench.tenant, &record.owner, 10).await).await;
    }
}

/// Asserts that the files of `owner` cannot be listed from `cursor`.
async fn assert_invalid(bench: &Bench, tenant: TenantId, owner: &PrincipalId, cursor: &str) {
    match bench.store.files_of_owner(OwnerQuery::page(tenant, owner, Some(cursor.to_owned()), 2)).await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidCursor, "{cursor:.60}: {error:?}"),
        Ok(page) => panic!("{cursor:.60}: {page:?}"),
    }
}

pub(super) async fn a_cursor_of_another_owner_is_invalid(bench: Bench) {
    let expected = create_owned(&bench, 5).await;
    let owner = principal("user-1");
    bench.eventually(expected, async || owned(&bench, bench.tenant, &owner, 100).await).await;
    let page = bench.store.files_of_owner(OwnerQuery::page(bench.tenant, &owner, None, 2)).await.unwrap();
    let cursor = page.next.expect("three more follow");
    assert_invalid(&bench, bench.tenant, &principal("user-2"), &cursor).await;
    assert_invalid(&bench, new_tenant(), &owner, &cursor).await;
}

pub(super) async fn a_made_up_cursor_is_invalid(bench: Bench) {
    create_owned(&bench, 3).await;
    let owner = principal("user-1");
    for cursor in ["", "x", "garbage", "AAAA", "e30=", "e30", "{}", "null", "😀", &"a".repeat(5000)] {
        assert_invalid(&bench, bench.tenant, &owner, cursor).await;
    }
}

pub(super) async fn files_of_an_external_id(bench: Bench) {
    let external = ExternalId::parse("Rechnung #42/ä").unwrap();
    let with = |index, state| FileRecord {
        external_id: Some(external.clone()),
        state,
        ..sample_file(bench.tenant, later(index))
    };
    let records = [with(1, FileState::Deleting), with(2, FileState::Ready)];
    let other = FileRecord {
        external_id: Some(ExternalId::parse("Rechnung #4").unwrap()),
        ..sample_file(bench.tenant, later(3))
    };
    bench.create(&[records[0].clone(), other, records[1].clone(), sample_file(bench.tenant, later(4))]).await;
    bench
        .eventually(sorted_ids(&records), async || {
            let mut found = bench.store.files_of_external_id(bench.tenant, &external).await.unwrap();
            found.sort_unstable();
            found
        })
        .await;
    let unknown = ExternalId::parse("Rechnung").unwrap();
    assert_eq!(bench.store.files_of_external_id(bench.tenant, &unknown).await.unwrap(), []);
}

pub(super) async fn an_external_id_belongs_to_one_tenant(bench: Bench) {
    let external = ExternalId::parse("same").unwrap();
    let of = |tenant| FileRecord { external_id: Some(external.clone()), ..sample_file(tenant, later(1)) };
    let (own, foreign) = (of(bench.tenant), of(new_tenant()));
    bench.create(&[own.clone(), foreign.clone()]).await;
    for record in [own, foreign] {
        let found = async || bench.store.files_of_external_id(record.tenant, &external).await.unwrap();
        bench.eventually(vec![record.file_id], found).await;
    }
}
