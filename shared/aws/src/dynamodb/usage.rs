//! Counters: what a tenant takes up, and how often a caller asked.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue};
use storage_core::ids::TenantId;
use storage_core::ports::RateWindow;
use storage_core::usage::{TenantUsage, USAGE_SHARDS, UsageShard};
use storage_core::{Error, ErrorKind, Result};

use super::item::{self, CHANGES, TTL};
use super::keys::{Key, PK};
use super::{DynamoStore, Item, error};

/// How often what a batch left out is asked for again. DynamoDB leaves items out only over its limits.
const ROUNDS: usize = 4;

impl DynamoStore {
    /// All shards in one request, each read strongly.
    pub(super) async fn read_usage(&self, tenant: TenantId) -> Result<TenantUsage> {
        let keys: Vec<Item> = (0..USAGE_SHARDS).map(|shard| Key::usage(tenant, shard).into_item()).collect();
        let mut usage = TenantUsage::default();
        let mut wanted = keys.clone();
        for _ in 0..ROUNDS {
            let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let request =
                request.map_err(|cause| Error::new(ErrorKind::Internal, "BatchGetItem").with_cause(cause))?;
            let answer = self.client.batch_get_item().request_items(&self.table, request).send().await;
            let answer = answer.map_err(|failure| error::map("BatchGetItem", failure))?;
            for found in
                answer.responses.into_iter().flat_map(|mut tables| tables.remove(&self.table)).flatten()
            {
                let shard = keys.iter().position(|key| key[PK] == found[PK]);
                if let Some(place) = shard.and_then(|shard| usage.shards.get_mut(shard)) {
                    *place = item::usage_shard(&found);
                }
            }
            let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
            match left.map(|left| left.keys).filter(|keys| !keys.is_empty()) {
                Some(keys) => wanted = keys,
                None => return Ok(usage),
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "BatchGetItem left items out"))
    }

    pub(super) async fn write_usage(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        to: &UsageShard,
    ) -> Result<bool> {
        let next = UsageShard { changes: seen.changes + 1, by_purpose: to.by_purpose.clone() };
        // A shard that was never changed has no item.
        let unchanged = match seen.changes {
            0 => "attribute_not_exists(#changes) OR #changes = :seen",
            _ => "#changes = :seen",
        };
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::usage_item(tenant, shard, &next)))
            .condition_expression(unchanged)
            .expression_attribute_names("#changes", CHANGES)
            .expression_attribute_values(":seen", AttributeValue::N(seen.changes.to_string()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(failure)
                if matches!(
                    failure.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(false)
            }
            Err(failure) => Err(error::map("PutItem", failure)),
        }
    }

    /// Repeated by the SDK after a lost reply it may count twice, which only makes a limit stricter.
    pub(super) async fn add_requests(&self, window: &RateWindow, by: u64) -> Result<u64> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::requests(window).into_item()))
            .update_expression("ADD #requests :by SET #ttl = :until")
            .expression_attribute_names("#requests", "requests")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":by", AttributeValue::N(by.to_string()))
            .expression_attribute_values(":until", AttributeValue::N(window.until.as_seconds().to_string()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|failure| error::map("UpdateItem", failure))?;
        let count = answer.attributes.as_ref().and_then(|item| item.get("requests"));
        let count = count.and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok());
        count.ok_or_else(|| Error::new(ErrorKind::Internal, "UpdateItem gave no number"))
    }
}
