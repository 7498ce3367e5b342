//! Queries: the three indexes, which only find files, and the history of one file.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use storage_core::ids::{ExternalId, FileId, TenantId};
use storage_core::ports::{DUE_SHARDS, DuePage, FilePage, OwnerPage, OwnerQuery, SweepReport};
use storage_core::record::AuditEntry;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::keys::{
    AUDIT, BY_DUE, BY_EXTERNAL_ID, BY_OWNER, FILE, Index, PK, SWEEP, due_partition, external_id_partition,
    file_partition, owner_partition, parse_file_partition,
};
use super::{DynamoStore, Item, cursor, error, item};

/// The most items of a page.
const LARGEST_PAGE: usize = 1000;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// The file an index entry is about.
fn identity(entry: &Item) -> Result<(TenantId, FileId)> {
    let pk = entry.get(PK).and_then(|value| value.as_s().ok());
    pk.and_then(|pk| parse_file_partition(pk))
        .ok_or_else(|| Error::new(ErrorKind::Internal, "an index entry that is no file"))
}

impl DynamoStore {
    /// A query of one partition of an index, from where `cursor` says.
    fn index_query(
        &self,
        index: Index,
        partition: String,
        cursor: Option<&str>,
    ) -> Result<QueryFluentBuilder> {
        let start = cursor.map(|cursor| cursor::read(index, &partition, cursor)).transpose()?;
        Ok(self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index.name)
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", index.partition)
            .expression_attribute_values(":partition", text(partition))
            .set_exclusive_start_key(start))
    }

    /// One page, with the identities in it and the cursor of the next.
    async fn index_page(
        &self,
        index: Index,
        query: QueryFluentBuilder,
        resumed: bool,
    ) -> Result<(Vec<(TenantId, FileId)>, Option<String>)> {
        let answer = query.send().await.map_err(|failure| {
            if resumed && error::is_malformed(&failure) {
                cursor::refused().with_cause(failure)
            } else {
                error::map("Query", failure)
            }
        })?;
        let files = answer.items().iter().map(identity).collect::<Result<Vec<_>>>()?;
        let next = answer.last_evaluated_key().map(|key| cursor::write(index, key)).transpose()?;
        Ok((files, next))
    }

    pub(super) async fn query_due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<DuePage> {
        if shard >= DUE_SHARDS {
            return Err(Error::new(ErrorKind::Internal, "there is no such shard"));
        }
        let query = self
            .index_query(BY_DUE, due_partition(shard), cursor)?
            .key_condition_expression("#partition = :partition AND due_at <= :until")
            .expression_attribute_values(":until", text(until.to_string()))
            .limit(page(limit));
        let (files, next) = self.index_page(BY_DUE, query, cursor.is_some()).await?;
        Ok(DuePage { files, next })
    }

    pub(super) async fn query_owner(&self, query: &OwnerQuery) -> Result<OwnerPage> {
        let OwnerQuery { tenant, owner, since, cursor, limit } = query;
        let mut page_query = self
            .index_query(BY_OWNER, owner_partition(*tenant, owner), cursor.as_deref())?
            .scan_index_forward(false)
            .limit(page(*limit));
        if let Some(since) = since {
            // The id that follows the time in the attribute sorts behind the bare time.
            page_query = page_query
                .key_condition_expression("#partition = :partition AND gsi_owner_at >= :since")
                .expression_attribute_values(":since", text(since.to_string()));
        }
        let (files, next) = self.index_page(BY_OWNER, page_query, cursor.is_some()).await?;
        Ok(OwnerPage { files: of_tenant(*tenant, files), next })
    }

    /// Every file of the table, a page at a time.
    pub(super) async fn scan_all(&self, cursor: Option<&str>, limit: usize) -> Result<FilePage> {
        let start = cursor.map(cursor::read_file).transpose()?;
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("SK = :file")
            .expression_attribute_values(":file", text(FILE))
            .set_exclusive_start_key(start)
            .limit(page(limit))
            .send()
            .await
            .map_err(|failure| error::map("Scan", failure))?;
        let next = answer.last_evaluated_key().map(cursor::write_item).transpose()?;
        let files = answer.items.unwrap_or_default().into_iter().map(item::decode).collect::<Result<_>>()?;
        Ok(FilePage { files, next })
    }

    pub(super) async fn query_external_id(
        &self,
        tenant: TenantId,
        external: &ExternalId,
    ) -> Result<Vec<FileId>> {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let partition = external_id_partition(tenant, external);
            let query = self.index_query(BY_EXTERNAL_ID, partition, cursor.as_deref())?;
            let (files, next) = self.index_page(BY_EXTERNAL_ID, query, cursor.is_some()).await?;
            found.extend(of_tenant(tenant, files));
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(found),
            }
        }
    }

    pub(super) async fn query_audit(&self, tenant: TenantId, file: FileId) -> Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .partition(file_partition(tenant, file))
                .key_condition_expression("PK = :partition AND begins_with(SK, :audit)")
                .expression_attribute_values(":audit", text(AUDIT))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|failure| error::map("Query", failure))?;
            let QueryOutput { items, last_evaluated_key, .. } = answer;
            for entry in items.unwrap_or_default() {
                entries.push(item::decode(entry)?);
            }
            if last_evaluated_key.is_none() {
                return Ok(entries);
            }
            start = last_evaluated_key;
        }
    }

    pub(super) async fn query_last_report(&self) -> Result<Option<SweepReport>> {
        let answer = self
            .partition(SWEEP.to_owned())
            .key_condition_expression("PK = :partition")
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|failure| error::map("Query", failure))?;
        answer.items.and_then(|mut items| items.pop()).map(item::decode).transpose()
    }

    /// A strong query of one partition of the table.
    fn partition(&self, partition: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_values(":partition", text(partition))
    }
}

/// Index partitions name their tenant; an entry of another one would be a corrupt item, and is never shown.
fn of_tenant(tenant: TenantId, files: Vec<(TenantId, FileId)>) -> Vec<FileId> {
    files.into_iter().filter(|(owner, _)| *owner == tenant).map(|(_, file)| file).collect()
}

fn page(limit: usize) -> i32 {
    i32::try_from(limit.clamp(1, LARGEST_PAGE)).unwrap_or(1)
}
