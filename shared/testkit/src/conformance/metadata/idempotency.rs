//! Idempotency records: one request in many, until the record's own attribute says that it is over.

use std::time::Duration;

use storage_core::ids::{IdempotencyKey, PrincipalId};
use storage_core::ports::{CommitError, Conflict, Write};
use storage_core::record::IdempotencyRecord;
use storage_core::timestamp::Timestamp;
use tokio::task::JoinSet;

use super::{Bench, conflicts};
use crate::records::{new_tenant, principal, sample_idempotency, sample_time};

const MILLISECOND: Duration = Duration::from_millis(1);

async fn put(bench: &Bench, record: &IdempotencyRecord, now: Timestamp) -> Result<(), CommitError> {
    bench.commit(vec![Write::PutIdempotency { record: record.clone(), now }]).await
}

async fn get(bench: &Bench, record: &IdempotencyRecord) -> Option<IdempotencyRecord> {
    bench.store.get_idempotency(record.tenant, &record.principal, &record.key).await.unwrap()
}

/// A record that is kept for a day from the sample time.
fn sample(bench: &Bench) -> IdempotencyRecord {
    sample_idempotency(bench.tenant, "key-1", sample_time() + Duration::from_secs(24 * 3600))
}

pub(super) async fn a_key_comes_back(bench: Bench) {
    let record = sample(&bench);
    assert_eq!(get(&bench, &record).await, None);
    put(&bench, &record, sample_time()).await.unwrap();
    assert_eq!(get(&bench, &record).await, Some(record));
}

pub(super) async fn a_key_in_use_is_a_conflict(bench: Bench) {
    let record = sample(&bench);
    put(&bench, &record, sample_time()).await.unwrap();
    let other = IdempotencyRecord { request_hash: "d4".repeat(32), ..record.clone() };
    for now in [sample_time(), record.expires_at - MILLISECOND] {
        conflicts(put(&bench, &other, now).await, 0, Conflict::Idempotency);
        assert_eq!(get(&bench, &record).await.as_ref(), Some(&record));
    }
}

pub(super) async fn an_expired_key_can_be_used_again(bench: Bench) {
    let first = sample(&bench);
    put(&bench, &first, sample_time()).await.unwrap();
    let now = first.expires_at + MILLISECOND;
    let second = IdempotencyRecord {
        request_hash: "d4".repeat(32),
        expires_at: now + Duration::from_secs(3600),
        ..first.clone()
    };
    put(&bench, &second, now).await.unwrap();
    assert_eq!(get(&bench, &first).await.as_ref(), Some(&second));
    conflicts(put(&bench, &first, now).await, 0, Conflict::Idempotency);
}

pub(super) async fn expiry_is_judged_by_the_request(bench: Bench) {
    // Long over by the machine's clock, and still in use for a request that is judged at its own time.
    let past = Timestamp::from_millis(1_000_000_000_000);
    let record = sample_idempotency(bench.tenant, "key-1", past + Duration::from_secs(60));
    put(&bench, &record, past).await.unwrap();
    conflicts(put(&bench, &record, past + Duration::from_secs(59)).await, 0, Conflict::Idempotency);
    // Far from over by the machine's clock, and over for a later request.
    let future = Timestamp::from_millis(4_000_000_000_000);
    let record = sample_idempotency(bench.tenant, "key-2", future);
    put(&bench, &record, sample_time()).await.unwrap();
    put(&bench, &record, future + Duration::from_secs(1)).await.unwrap();
}

pub(super) async fn a_key_belongs_to_one_caller(bench: Bench) {
    let record = sample(&bench);
    put(&bench, &record, sample_time()).await.unwrap();
    for other in [
        IdempotencyRecord { tenant: new_tenant(), ..record.clone() },
        IdempotencyRecord { principal: principal("user-2"), ..record.clone() },
        IdempotencyRecord { key: IdempotencyKey::parse("key-2").unwrap(), ..record.clone() },
    ] {
        assert_eq!(get(&bench, &other).await, None);
        put(&bench, &other, sample_time()).await.unwrap();
    }
    // Two pairs whose texts run into each other when they are joined without care.
    let joined = |name: &str, key: &str| IdempotencyRecord {
        principal: PrincipalId::parse(name).unwrap(),
        key: IdempotencyKey::parse(key).unwrap(),
        ..record.clone()
    };
    for separator in ["#", "/", "|", ":"] {
        let one = joined(&format!("a{separator}b"), "c");
        let two = joined("a", &format!("b{separator}c"));
        put(&bench, &one, sample_time()).await.unwrap();
        assert_eq!(get(&bench, &two).await, None, "joined by {separator}");
    }
}

pub(super) async fn an_expired_key_is_still_read(bench: Bench) {
    let record = sample_idempotency(bench.tenant, "key-1", sample_time() - MILLISECOND);
    put(&bench, &record, sample_time()).await.unwrap();
    assert_eq!(get(&bench, &record).await, Some(record));
}

pub(super) async fn one_of_20_racing_requests_wins(bench: Bench) {
    let mut tasks = JoinSet::new();
    for writer in 0..20 {
        let bench = bench.clone();
        tasks.spawn(async move {
            let record = IdempotencyRecord { request_hash: format!("{writer:064}"), ..sample(&bench) };
            (put(&bench, &record, sample_time()).await, record)
        });
    }
    let mut winners = Vec::new();
    for (result, record) in tasks.join_all().await {
        match result {
            Ok(()) => winners.push(record),
            Err(_) => conflicts(result, 0, Conflict::Idempotency),
        }
    }
    assert_eq!(winners.len(), 1, "winners");
    assert_eq!(get(&bench, &winners[0]).await.as_ref(), Some(&winners[0]));
}
