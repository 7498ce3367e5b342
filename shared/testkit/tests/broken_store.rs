//! The suite of metadata can fail: stores with one planted fault each are caught, by the cases that are about it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ids::{ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId};
use storage_core::ports::{
    Clock, CommitError, DuePage, FilePage, MetadataStore, OwnerPage, OwnerQuery, RateWindow, SelfTest,
    SweepReport, SystemClock, Transaction, Write,
};
use storage_core::record::{AuditEntry, AvatarPointer, FileRecord, IdempotencyRecord, PointerKey};
use storage_core::tenant::TenantRecord;
use storage_core::timestamp::Timestamp;
use storage_core::usage::{TenantUsage, UsageShard};
use storage_testkit::conformance::metadata::{StoreFixture, run};
use storage_testkit::memory::MemoryStore;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Writes before one that fails stay.
    CommitsOneByOne,
    /// Keys expire by the machine's clock.
    ExpiresByTheClock,
    /// A number is read and then written back.
    RacyNumbers,
    /// The tenant is no part of the index of owners.
    MixesTenants,
    /// A field of the record is not stored.
    LosesTheFileName,
}

#[derive(Debug)]
struct Broken {
    inner: MemoryStore,
    fault: Fault,
}

#[async_trait]
impl MetadataStore for Broken {
    async fn get_file(&self, tenant: TenantId, file: FileId) -> Result<Option<FileRecord>> {
        let mut record = self.inner.get_file(tenant, file).await?;
        if self.fault == Fault::LosesTheFileName {
            record.iter_mut().for_each(|record| record.original_filename = None);
        }
        Ok(record)
    }

    async fn get_pointer(&self, key: &PointerKey) -> Result<Option<AvatarPointer>> {
        self.inner.get_pointer(key).await
    }

    async fn take_seq(&self, key: &PointerKey) -> Result<u64> {
        if self.fault == Fault::RacyNumbers {
            let last = self.inner.get_pointer(key).await?.map_or(0, |pointer| pointer.seq);
            tokio::task::yield_now().await;
            self.inner.take_seq(key).await?;
            return Ok(last + 1);
        }
        self.inner.take_seq(key).await
    }

    async fn get_idempotency(
        &self,
        tenant: TenantId,
        principal: &PrincipalId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>> {
        self.inner.get_idempotency(tenant, principal, key).await
    }

    async fn commit(&self, mut transaction: Transaction) -> std::result::Result<(), CommitError> {
        match self.fault {
            Fault::CommitsOneByOne => {
                for (index, write) in transaction.writes.into_iter().enumerate() {
                    match self.inner.commit(Transaction::new(vec![write])).await {
                        Err(CommitError::Conflict(_, conflict)) => {
                            return Err(CommitError::Conflict(index, conflict));
                        }
                        result => result?,
                    }
                }
                return Ok(());
            }
            Fault::ExpiresByTheClock => {
                for write in &mut transaction.writes {
                    if let Write::PutIdempotency { now, .. } = write {
                        *now = SystemClock.now();
                    }
                }
            }
            _ => {}
        }
        self.inner.commit(transaction).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<DuePage> {
        self.inner.due(shard, until, cursor, limit).await
    }

    async fn files_of_owner(&self, query: OwnerQuery) -> Result<OwnerPage> {
        let (tenant, owner) = (query.tenant, query.owner.clone());
        let mut page = self.inner.files_of_owner(query).await?;
        if self.fault == Fault::MixesTenants {
            let foreign = self.inner.files().into_iter().filter(|record| record.tenant != tenant);
            page.files.extend(foreign.filter(|record| record.owner == owner).map(|record| record.file_id));
        }
        Ok(page)
    }

    async fn scan_files(&self, cursor: Option<String>, limit: usize) -> Result<FilePage> {
        self.inner.scan_files(cursor, limit).await
    }

    async fn get_usage(&self, tenant: TenantId) -> Result<TenantUsage> {
        self.inner.get_usage(tenant).await
    }

    async fn correct_usage(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        to: &UsageShard,
    ) -> Result<bool> {
        self.inner.correct_usage(tenant, shard, seen, to).await
    }

    async fn count_requests(&self, window: &RateWindow, by: u64) -> Result<u64> {
        self.inner.count_requests(window, by).await
    }

    async fn files_of_external_id(&self, tenant: TenantId, external: &ExternalId) -> Result<Vec<FileId>> {
        self.inner.files_of_external_id(tenant, external).await
    }

    async fn audit_trail(&self, tenant: TenantId, file: FileId) -> Result<Vec<AuditEntry>> {
        self.inner.audit_trail(tenant, file).await
    }

    async fn get_tenant(&self, tenant: TenantId) -> Result<Option<TenantRecord>> {
        self.inner.get_tenant(tenant).await
    }

    async fn put_tenant(&self, record: &TenantRecord) -> Result<()> {
        self.inner.put_tenant(record).await
    }

    async fn put_sweep_report(&self, report: &SweepReport) -> Result<()> {
        self.inner.put_sweep_report(report).await
    }

    async fn last_sweep_report(&self) -> Result<Option<SweepReport>> {
        self.inner.last_sweep_report().await
    }

    async fn put_self_test(&self, test: &SelfTest) -> Result<()> {
        self.inner.put_self_test(test).await
    }

    async fn get_self_test(&self, function: &str) -> Result<Option<SelfTest>> {
        self.inner.get_self_test(function).await
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }
}

/// The cases that fail for a fault.
async fn caught(fault: Fault) -> Vec<&'static str> {
    let store = Broken { inner: MemoryStore::new(), fault };
    let mut fixture = StoreFixture::new(&format!("{fault:?}"), None);
    fixture.lag = std::time::Duration::from_millis(50);
    let report = run(Arc::new(store), fixture).await;
    report.failures().iter().map(|(name, _)| *name).collect()
}

#[track_caller]
fn assert_caught(failed: &[&str], cases: &[&str]) {
    for case in cases {
        assert!(failed.contains(case), "{case} is not among {failed:?}");
    }
    assert!(!failed.contains(&"check_of_a_store"), "{failed:?}");
}

#[tokio::test]
async fn commits_one_by_one_are_caught() {
    let failed = caught(Fault::CommitsOneByOne).await;
    assert_caught(&failed, &["a_failing_write_undoes_the_others", "a_hundred_writes"]);
}

#[tokio::test]
async fn expiry_by_the_clock_is_caught() {
    assert_caught(&caught(Fault::ExpiresByTheClock).await, &["expiry_is_judged_by_the_request"]);
}

#[tokio::test]
async fn racy_numbers_are_caught() {
    assert_eq!(caught(Fault::RacyNumbers).await, ["a_hundred_concurrent_numbers_are_different"]);
}

#[tokio::test]
async fn files_of_other_tenants_are_caught() {
    assert_caught(&caught(Fault::MixesTenants).await, &["files_of_others_are_not_listed"]);
}

#[tokio::test]
async fn a_lost_field_is_caught() {
    assert_caught(&caught(Fault::LosesTheFileName).await, &["a_record_with_every_field_comes_back"]);
}
