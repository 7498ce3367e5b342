//! Metadata on one DynamoDB table: strong reads by key, conditional writes, and three indexes that only find work.
//!
//! `docs/` and the template describe the same table as [`keys`] and [`table`] do here.

mod commit;
mod cursor;
mod error;
mod item;
mod keys;
mod listing;
mod table;
mod usage;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::de::DeserializeOwned;
use storage_core::ids::{ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId};
use storage_core::ports::{
    CommitError, DuePage, FilePage, MetadataStore, OwnerPage, OwnerQuery, RateWindow, SelfTest, SweepReport,
    Transaction,
};
use storage_core::record::{AuditEntry, AvatarPointer, FileRecord, IdempotencyRecord, PointerKey};
use storage_core::tenant::TenantRecord;
use storage_core::timestamp::Timestamp;
use storage_core::usage::{TenantUsage, UsageShard};
use storage_core::{Error, ErrorKind, Result};

use crate::client::Aws;
use crate::settings::AwsSettings;
use keys::Key;

/// An item as the table has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The metadata store on one table. A clone shares the connection.
#[derive(Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    /// The store on `table` over a connection that other ports share.
    pub fn new(aws: &Aws, table: impl Into<String>) -> Self {
        DynamoStore { client: aws.dynamodb(), table: table.into() }
    }

    /// The store with a connection of its own.
    pub async fn connect(settings: &AwsSettings, table: impl Into<String>) -> Result<Self> {
        Ok(Self::new(&Aws::connect(settings).await?, table))
    }

    /// Opens the connection before the first request needs it. A failure is left to that request.
    pub async fn warm(&self) {
        if let Err(error) = self.probe().await {
            tracing::warn!(error = %error.kind(), "metadata did not answer while warming up");
        }
    }

    /// Makes the table as the template does, for development and tests. A table that exists is left as it is.
    pub async fn create_table(&self) -> Result<()> {
        table::create(&self.client, &self.table).await
    }

    /// Reads an item that never exists. `DescribeTable` would ask the control plane, which is slower, has a low limit of
    /// calls, and needs a permission that nothing else here does.
    async fn probe(&self) -> Result<()> {
        self.read_item(Key::self_test("")).await.map(drop)
    }

    async fn read_item(&self, key: Key) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|failure| error::map("GetItem", failure))?;
        Ok(answer.item)
    }

    async fn read<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>> {
        self.read_item(key).await?.map(item::decode).transpose()
    }

    async fn write_item(&self, item: Item) -> Result<()> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|failure| error::map("PutItem", failure))?;
        Ok(())
    }
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DynamoStore").field("table", &self.table).finish_non_exhaustive()
    }
}

#[async_trait]
impl MetadataStore for DynamoStore {
    async fn get_file(&self, tenant: TenantId, file: FileId) -> Result<Option<FileRecord>> {
        self.read(Key::file(tenant, file)).await
    }

    async fn get_pointer(&self, key: &PointerKey) -> Result<Option<AvatarPointer>> {
        self.read(Key::pointer(key)).await
    }

    async fn take_seq(&self, key: &PointerKey) -> Result<u64> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::pointer(key).into_item()))
            .update_expression("ADD #seq :one")
            .expression_attribute_names("#seq", "seq")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|failure| error::map("UpdateItem", failure))?;
        // The SDK may have sent it twice after a lost reply. A number that nobody got is no harm: order is all it gives.
        let seq = answer.attributes.as_ref().and_then(|item| item.get("seq"));
        let seq = seq.and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok());
        seq.ok_or_else(|| Error::new(ErrorKind::Internal, "UpdateItem gave no number"))
    }

    async fn get_idempotency(
        &self,
        tenant: TenantId,
        principal: &PrincipalId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>> {
        self.read(Key::idempotency(tenant, principal, key)).await
    }

    async fn commit(&self, transaction: Transaction) -> std::result::Result<(), CommitError> {
        self.commit_writes(&transaction.writes).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<DuePage> {
        self.query_due(shard, until, cursor.as_deref(), limit).await
    }

    async fn files_of_owner(&self, query: OwnerQuery) -> Result<OwnerPage> {
        self.query_owner(&query).await
    }

    async fn scan_files(&self, cursor: Option<String>, limit: usize) -> Result<FilePage> {
        self.scan_all(cursor.as_deref(), limit).await
    }

    async fn get_usage(&self, tenant: TenantId) -> Result<TenantUsage> {
        self.read_usage(tenant).await
    }

    async fn correct_usage(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        to: &UsageShard,
    ) -> Result<bool> {
        self.write_usage(tenant, shard, seen, to).await
    }

    async fn count_requests(&self, window: &RateWindow, by: u64) -> Result<u64> {
        self.add_requests(window, by).await
    }

    async fn files_of_external_id(&self, tenant: TenantId, external: &ExternalId) -> Result<Vec<FileId>> {
        self.query_external_id(tenant, external).await
    }

    async fn audit_trail(&self, tenant: TenantId, file: FileId) -> Result<Vec<AuditEntry>> {
        self.query_audit(tenant, file).await
    }

    async fn get_tenant(&self, tenant: TenantId) -> Result<Option<TenantRecord>> {
        self.read(Key::tenant(tenant)).await
    }

    async fn put_tenant(&self, record: &TenantRecord) -> Result<()> {
        self.write_item(item::encode(record, Key::tenant(record.tenant))?).await
    }

    async fn put_sweep_report(&self, report: &SweepReport) -> Result<()> {
        self.write_item(item::sweep_report(report)?).await
    }

    async fn last_sweep_report(&self) -> Result<Option<SweepReport>> {
        self.query_last_report().await
    }

    async fn put_self_test(&self, test: &SelfTest) -> Result<()> {
        self.write_item(item::encode(test, Key::self_test(&test.function))?).await
    }

    async fn get_self_test(&self, function: &str) -> Result<Option<SelfTest>> {
        self.read(Key::self_test(function)).await
    }

    async fn check(&self) -> Result<()> {
        self.probe().await
    }
}
