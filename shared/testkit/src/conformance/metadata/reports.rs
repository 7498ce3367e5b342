//! Tenants, reports and self-tests; and a store that cannot be reached says so.

use std::fmt::Debug;
use std::time::Duration;

use serde_json::json;
use storage_core::ErrorKind;
use storage_core::Result;
use storage_core::ids::{BucketName, FileId, IdempotencyKey};
use storage_core::ports::{Clock, CommitError, OwnerQuery, SelfTest, SweepReport, SystemClock, Transaction};
use storage_core::tenant::{Isolation, TenantRecord, TenantState};
use storage_core::timestamp::Timestamp;
use uuid::Uuid;

use super::{Bench, create};
use crate::records::{new_pointer, new_tenant, principal, sample_file, sample_tenant, sample_time};

pub(super) async fn a_tenant_comes_back(bench: Bench) {
    assert_eq!(bench.store.get_tenant(bench.tenant).await.unwrap(), None);
    let record = sample_tenant(bench.tenant);
    bench.store.put_tenant(&record).await.unwrap();
    assert_eq!(bench.store.get_tenant(bench.tenant).await.unwrap(), Some(record));
    assert_eq!(bench.store.get_tenant(new_tenant()).await.unwrap(), None);
}

pub(super) async fn a_tenant_is_overwritten(bench: Bench) {
    bench.store.put_tenant(&sample_tenant(bench.tenant)).await.unwrap();
    for state in [TenantState::Creating, TenantState::Suspended, TenantState::Deleting, TenantState::Active] {
        let record = TenantRecord {
            state,
            isolation: Isolation::Prefix,
            bucket: BucketName::parse("shared-files").unwrap(),
            ..sample_tenant(bench.tenant)
        };
        bench.store.put_tenant(&record).await.unwrap();
        assert_eq!(bench.store.get_tenant(bench.tenant).await.unwrap(), Some(record));
    }
}

pub(super) async fn the_last_sweep_report(bench: Bench) {
    let start = SystemClock.now();
    for run in 0..3 {
        let counts =
            json!({ "run": run, "by": bench.tenant.to_string(), "nested": { "expired": 7 }, "list": [1, 2] });
        let report = SweepReport { at: start + Duration::from_millis(run), counts };
        bench.store.put_sweep_report(&report).await.unwrap();
        assert_eq!(bench.store.last_sweep_report().await.unwrap(), Some(report));
    }
}

pub(super) async fn a_self_test_comes_back(bench: Bench) {
    let function = format!("process-upload-{}", Uuid::new_v4());
    assert_eq!(bench.store.get_self_test(&function).await.unwrap(), None);
    for (passed, duration_ms) in [(true, 12), (false, 0)] {
        let test = SelfTest { function: function.clone(), at: sample_time(), passed, duration_ms };
        bench.store.put_self_test(&test).await.unwrap();
        assert_eq!(bench.store.get_self_test(&function).await.unwrap(), Some(test));
    }
    assert_eq!(bench.store.get_self_test("process").await.unwrap(), None);
}

pub(super) async fn check_of_a_store(bench: Bench) {
    bench.store.check().await.unwrap();
}

pub(super) async fn an_unreachable_store_is_unavailable(bench: Bench) {
    #[track_caller]
    fn unavailable<T: Debug>(result: Result<T>, what: &str) {
        match result {
            Ok(value) => panic!("{what}: {value:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::MetadataUnavailable, "{what}: {error:?}"),
        }
    }
    let store = bench.fixture.unreachable.as_deref().expect("the fixture has an unreachable store");
    let (tenant, file) = (bench.tenant, FileId::generate());
    let record = sample_file(tenant, sample_time());
    unavailable(store.check().await, "check");
    unavailable(store.get_file(tenant, file).await, "get_file");
    unavailable(store.get_pointer(&new_pointer(tenant)).await, "get_pointer");
    unavailable(store.take_seq(&new_pointer(tenant)).await, "take_seq");
    let key = IdempotencyKey::parse("key").unwrap();
    unavailable(store.get_idempotency(tenant, &principal("user-1"), &key).await, "get_idempotency");
    unavailable(store.due(0, Timestamp::from_millis(0), None, 10).await, "due");
    unavailable(
        store.files_of_owner(OwnerQuery::page(tenant, &principal("user-1"), None, 10)).await,
        "files_of_owner",
    );
    unavailable(store.audit_trail(tenant, file).await, "audit_trail");
    unavailable(store.get_tenant(tenant).await, "get_tenant");
    unavailable(store.put_tenant(&sample_tenant(tenant)).await, "put_tenant");
    match store.commit(Transaction::new(vec![create(&record)])).await {
        Err(CommitError::Store(error)) => unavailable::<()>(Err(error), "commit"),
        other => panic!("commit: {other:?}"),
    }
}
