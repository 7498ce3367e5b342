//! Metadata with faults. The subject of a commit is its writes, in order.

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ids::{ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId};
use storage_core::ports::{
    CommitError, DuePage, FilePage, MetadataStore, OwnerPage, OwnerQuery, RateWindow, SelfTest, SweepReport,
    Transaction, Write,
};
use storage_core::record::{AuditEntry, AvatarPointer, FileRecord, IdempotencyRecord, PointerKey};
use storage_core::tenant::TenantRecord;
use storage_core::timestamp::Timestamp;
use storage_core::usage::{TenantUsage, Usage, UsageShard};

use super::Faulty;

/// A write as recordings name it.
fn named(write: &Write) -> String {
    match write {
        Write::CreateFile(record) => format!("create {} {}", record.state, record.file_id),
        Write::UpdateFile(record) => format!("update {} {}", record.state, record.file_id),
        Write::SetPointer { key, file, .. } => match file {
            Some(file) => format!("point {}/{} to {file}", key.kind, key.entity),
            None => format!("point {}/{} to nothing", key.kind, key.entity),
        },
        Write::PutIdempotency { record, .. } => format!("idempotency {}", record.key),
        Write::Audit(entry) => format!("audit {}", entry.action),
        Write::Usage(change) => {
            let sum = change.by_purpose.values().fold(Usage::default(), |sum, part| sum.plus(*part));
            format!("usage {:+} {:+} {:+}", sum.reserved, sum.stored, sum.files)
        }
        Write::Outbox(item) => format!("tell {}", item.event),
    }
}

#[async_trait]
impl<T: MetadataStore + ?Sized> MetadataStore for Faulty<T> {
    async fn get_file(&self, tenant: TenantId, file: FileId) -> Result<Option<FileRecord>> {
        self.call("get_file", file.to_string(), self.inner.get_file(tenant, file)).await
    }

    async fn get_pointer(&self, key: &PointerKey) -> Result<Option<AvatarPointer>> {
        let subject = format!("{}/{}", key.kind, key.entity);
        self.call("get_pointer", subject, self.inner.get_pointer(key)).await
    }

    async fn take_seq(&self, key: &PointerKey) -> Result<u64> {
        let subject = format!("{}/{}", key.kind, key.entity);
        self.call("take_seq", subject, self.inner.take_seq(key)).await
    }

    async fn get_idempotency(
        &self,
        tenant: TenantId,
        principal: &PrincipalId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>> {
        let action = self.inner.get_idempotency(tenant, principal, key);
        self.call("get_idempotency", key.to_string(), action).await
    }

    async fn commit(&self, transaction: Transaction) -> std::result::Result<(), CommitError> {
        let writes: Vec<String> = transaction.writes.iter().map(named).collect();
        self.call("commit", writes.join(", "), self.inner.commit(transaction)).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<DuePage> {
        self.call("due", format!("shard {shard}"), self.inner.due(shard, until, cursor, limit)).await
    }

    async fn files_of_owner(&self, query: OwnerQuery) -> Result<OwnerPage> {
        let owner = query.owner.to_string();
        self.call("files_of_owner", owner, self.inner.files_of_owner(query)).await
    }

    async fn scan_files(&self, cursor: Option<String>, limit: usize) -> Result<FilePage> {
        self.call("scan_files", String::new(), self.inner.scan_files(cursor, limit)).await
    }

    async fn get_usage(&self, tenant: TenantId) -> Result<TenantUsage> {
        self.call("get_usage", tenant.to_string(), self.inner.get_usage(tenant)).await
    }

    async fn correct_usage(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        to: &UsageShard,
    ) -> Result<bool> {
        let action = self.inner.correct_usage(tenant, shard, seen, to);
        self.call("correct_usage", format!("{tenant} {shard}"), action).await
    }

    async fn count_requests(&self, window: &RateWindow, by: u64) -> Result<u64> {
        let action = self.inner.count_requests(window, by);
        self.call("count_requests", window.principal.to_string(), action).await
    }

    async fn files_of_external_id(&self, tenant: TenantId, external: &ExternalId) -> Result<Vec<FileId>> {
        let action = self.inner.files_of_external_id(tenant, external);
        self.call("files_of_external_id", external.to_string(), action).await
    }

    async fn audit_trail(&self, tenant: TenantId, file: FileId) -> Result<Vec<AuditEntry>> {
        self.call("audit_trail", file.to_string(), self.inner.audit_trail(tenant, file)).await
    }

    async fn get_tenant(&self, tenant: TenantId) -> Result<Option<TenantRecord>> {
        self.call("get_tenant", tenant.to_string(), self.inner.get_tenant(tenant)).await
    }

    async fn put_tenant(&self, record: &TenantRecord) -> Result<()> {
        self.call("put_tenant", record.tenant.to_string(), self.inner.put_tenant(record)).await
    }

    async fn put_sweep_report(&self, report: &SweepReport) -> Result<()> {
        self.call("put_sweep_report", report.at.to_string(), self.inner.put_sweep_report(report)).await
    }

    async fn last_sweep_report(&self) -> Result<Option<SweepReport>> {
        self.call("last_sweep_report", String::new(), self.inner.last_sweep_report()).await
    }

    async fn put_self_test(&self, test: &SelfTest) -> Result<()> {
        self.call("put_self_test", test.function.clone(), self.inner.put_self_test(test)).await
    }

    async fn get_self_test(&self, function: &str) -> Result<Option<SelfTest>> {
        self.call("get_self_test", function.to_owned(), self.inner.get_self_test(function)).await
    }

    async fn check(&self) -> Result<()> {
        self.call("check", "metadata".to_owned(), self.inner.check()).await
    }
}
