//! Records as items: the record's own fields, the keys, and the attributes of the indexes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1 as convert;
use storage_core::ids::TenantId;
use storage_core::outbox::{OUTBOX_LIFE, OutboxItem};
use storage_core::ports::SweepReport;
use storage_core::record::{AUDIT_LIFE, AuditEntry, FileRecord, FileState, IdempotencyRecord, Purpose};
use storage_core::timestamp::Timestamp;
use storage_core::usage::{Usage, UsageShard};
use storage_core::{Error, ErrorKind, Result};

use super::Item;
use super::keys::{
    BY_DUE, BY_EXTERNAL_ID, BY_OWNER, Key, due_partition, due_shard, external_id_partition, owner_partition,
    owner_range,
};

/// The attribute the table forgets items by. Nothing is ever judged by it: it may lag by days.
pub(super) const TTL: &str = "ttl";
/// The attribute that counts the changes of a shard of counters.
pub(super) const CHANGES: &str = "changes";
/// How long reports of the sweep are kept.
const REPORT_LIFE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// An item of `record` under `key`.
pub(super) fn encode<T: Serialize>(record: &T, key: Key) -> Result<Item> {
    let mut item: Item = convert::to_item(record)
        .map_err(|cause| Error::new(ErrorKind::Internal, "a record that is no item").with_cause(cause))?;
    item.extend(key.into_item());
    Ok(item)
}

/// The record in an item. Attributes it does not know, the keys among them, are passed over.
pub(super) fn decode<T: DeserializeOwned>(item: Item) -> Result<T> {
    convert::from_item(item)
        .map_err(|cause| Error::new(ErrorKind::Internal, "an item that is no record").with_cause(cause))
}

pub(super) fn file(record: &FileRecord) -> Result<Item> {
    let mut item = encode(record, Key::file(record.tenant, record.file_id))?;
    let mut set = |name: Option<&'static str>, value: String| {
        if let Some(name) = name {
            item.insert(name.to_owned(), AttributeValue::S(value));
        }
    };
    set(Some(BY_OWNER.partition), owner_partition(record.tenant, &record.owner));
    set(BY_OWNER.range, owner_range(record.created_at, record.file_id));
    if record.due_at.is_some() {
        // The range attribute is the record's own `due_at`.
        set(Some(BY_DUE.partition), due_partition(due_shard(record.file_id)));
    }
    if let Some(external) = record.external_id.as_ref().filter(|_| record.state != FileState::Deleted) {
        set(Some(BY_EXTERNAL_ID.partition), external_id_partition(record.tenant, external));
    }
    Ok(item)
}

pub(super) fn audit(entry: &AuditEntry) -> Result<Item> {
    let item = encode(entry, Key::audit(entry.tenant, entry.file_id, entry.id))?;
    Ok(forgotten(item, entry.at + AUDIT_LIFE))
}

pub(super) fn outbox(told: &OutboxItem) -> Result<Item> {
    let item = encode(told, Key::outbox(told.tenant, told.file_id, told.id))?;
    Ok(forgotten(item, told.at + OUTBOX_LIFE))
}

/// The attribute of one counter. Counters are attributes of their own, because only those can be added to.
pub(super) fn counter(purpose: Purpose, kind: &str) -> String {
    format!("{purpose}/{kind}")
}

/// The counters in an item.
pub(super) fn usage_shard(item: &Item) -> UsageShard {
    let number = |name: &str| -> Option<i64> { item.get(name)?.as_n().ok()?.parse().ok() };
    let changes = number(CHANGES).and_then(|changes| u64::try_from(changes).ok()).unwrap_or(0);
    let mut shard = UsageShard { changes, ..UsageShard::default() };
    for purpose in Purpose::ALL {
        let part = |kind: &str| number(&counter(*purpose, kind)).unwrap_or(0);
        let usage = Usage { reserved: part("reserved"), stored: part("stored"), files: part("files") };
        if usage != Usage::default() {
            shard.by_purpose.insert(*purpose, usage);
        }
    }
    shard
}

/// The item of one shard of counters.
pub(super) fn usage_item(tenant: TenantId, number: u8, shard: &UsageShard) -> Item {
    let mut item = Key::usage(tenant, number).into_item();
    item.insert(CHANGES.to_owned(), AttributeValue::N(shard.changes.to_string()));
    for (purpose, usage) in &shard.by_purpose {
        for (kind, value) in [("reserved", usage.reserved), ("stored", usage.stored), ("files", usage.files)]
        {
            item.insert(counter(*purpose, kind), AttributeValue::N(value.to_string()));
        }
    }
    item
}

pub(super) fn idempotency(record: &IdempotencyRecord) -> Result<Item> {
    let item = encode(record, Key::idempotency(record.tenant, &record.principal, &record.key))?;
    Ok(forgotten(item, record.expires_at))
}

pub(super) fn sweep_report(report: &SweepReport) -> Result<Item> {
    Ok(forgotten(encode(report, Key::sweep_report(report.at))?, report.at + REPORT_LIFE))
}

fn forgotten(mut item: Item, at: Timestamp) -> Item {
    item.insert(TTL.to_owned(), AttributeValue::N(at.as_seconds().to_string()));
    item
}
