//! The keys of the table and of its indexes, written and read back in one place.
//!
//! | item | PK | SK |
//! |---|---|---|
//! | file | `F#{tenant}#{file}` | `FILE` |
//! | audit entry | `F#{tenant}#{file}` | `E#{uuidv7}` |
//! | outbox item | `F#{tenant}#{file}` | `O#{uuidv7}` |
//! | usage counters | `U#{tenant}#{0 to 7}` | `USAGE` |
//! | requests in a window | `R#{tenant}#{principal}` | `{timestamp}` |
//! | avatar pointer | `A#{tenant}#{users or agents}#{entity}` | `POINTER` |
//! | idempotency | `I#{tenant}#{principal}#{key}` | `IDEMPOTENCY` |
//! | tenant | `T#{tenant}` | `TENANT` |
//! | sweep report | `S#SWEEP` | `{timestamp}` |
//! | self-test | `H#{function}` | `SELFTEST` |

use aws_sdk_dynamodb::types::AttributeValue;
use storage_core::ids::{ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId};
use storage_core::ports::{DUE_SHARDS, RateWindow};
use storage_core::record::PointerKey;
use storage_core::timestamp::Timestamp;
use uuid::Uuid;

use super::Item;

/// The partition key of the table.
pub(super) const PK: &str = "PK";
/// The sort key of the table.
pub(super) const SK: &str = "SK";
/// The sort key of a file.
pub(super) const FILE: &str = "FILE";
/// The sort keys of audit entries start so.
pub(super) const AUDIT: &str = "E#";
/// The partition of sweep reports.
pub(super) const SWEEP: &str = "S#SWEEP";

/// Partition and sort key of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Key { pk, sk: sk.into() }
    }

    pub(super) fn file(tenant: TenantId, file: FileId) -> Self {
        Key::new(file_partition(tenant, file), FILE)
    }

    pub(super) fn audit(tenant: TenantId, file: FileId, entry: Uuid) -> Self {
        Key::new(file_partition(tenant, file), format!("{AUDIT}{}", entry.hyphenated()))
    }

    pub(super) fn outbox(tenant: TenantId, file: FileId, told: Uuid) -> Self {
        Key::new(file_partition(tenant, file), format!("O#{}", told.hyphenated()))
    }

    pub(super) fn usage(tenant: TenantId, shard: u8) -> Self {
        Key::new(format!("U#{tenant}#{shard}"), "USAGE")
    }

    pub(super) fn requests(window: &RateWindow) -> Self {
        Key::new(format!("R#{}#{}", window.tenant, window.principal), window.from.to_string())
    }

    pub(super) fn pointer(key: &PointerKey) -> Self {
        Key::new(format!("A#{}#{}#{}", key.tenant, key.kind, key.entity), "POINTER")
    }

    /// Principal and key may both contain `#`. In the principal it is escaped, so no two pairs share an item.
    pub(super) fn idempotency(tenant: TenantId, principal: &PrincipalId, key: &IdempotencyKey) -> Self {
        let escaped = principal.as_str().replace('%', "%25").replace('#', "%23");
        Key::new(format!("I#{tenant}#{escaped}#{key}"), "IDEMPOTENCY")
    }

    pub(super) fn tenant(tenant: TenantId) -> Self {
        Key::new(format!("T#{tenant}"), "TENANT")
    }

    pub(super) fn sweep_report(at: Timestamp) -> Self {
        Key::new(SWEEP.to_owned(), at.to_string())
    }

    pub(super) fn self_test(function: &str) -> Self {
        Key::new(format!("H#{function}"), "SELFTEST")
    }

    pub(super) fn into_item(self) -> Item {
        Item::from([(PK.to_owned(), AttributeValue::S(self.pk)), (SK.to_owned(), AttributeValue::S(self.sk))])
    }
}

/// The partition of a file and its history.
pub(super) fn file_partition(tenant: TenantId, file: FileId) -> String {
    format!("F#{tenant}#{file}")
}

/// Reads the partition of a file back.
pub(super) fn parse_file_partition(pk: &str) -> Option<(TenantId, FileId)> {
    let (tenant, file) = pk.strip_prefix("F#")?.split_once('#')?;
    let parsed = (TenantId::parse(tenant).ok()?, FileId::parse(file).ok()?);
    (file_partition(parsed.0, parsed.1) == pk).then_some(parsed)
}

/// An index: its name, its partition attribute, and its range attribute if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) partition: &'static str,
    pub(super) range: Option<&'static str>,
}

/// The files of an owner, by time.
pub(super) const BY_OWNER: Index =
    Index { name: "by_owner", partition: "gsi_owner", range: Some("gsi_owner_at") };
/// The files the sweep is to look at, by time. Sparse: most files are not in it.
pub(super) const BY_DUE: Index = Index { name: "by_due", partition: "gsi_due", range: Some("due_at") };
/// The files with a caller's own id. Sparse.
pub(super) const BY_EXTERNAL_ID: Index =
    Index { name: "by_external_id", partition: "gsi_external_id", range: None };
/// Every index of the table.
pub(super) const INDEXES: [Index; 3] = [BY_OWNER, BY_DUE, BY_EXTERNAL_ID];

pub(super) fn owner_partition(tenant: TenantId, owner: &PrincipalId) -> String {
    format!("{tenant}#{owner}")
}

pub(super) fn owner_range(created_at: Timestamp, file: FileId) -> String {
    format!("{created_at}#{file}")
}

pub(super) fn due_partition(shard: u8) -> String {
    format!("DUE#{shard}")
}

/// The shard of a file. The last byte of a UUIDv7 is random, so it spreads files as well as any hash would.
pub(super) fn due_shard(file: FileId) -> u8 {
    file.as_uuid().as_bytes()[15] % DUE_SHARDS
}

pub(super) fn external_id_partition(tenant: TenantId, external: &ExternalId) -> String {
    format!("{tenant}#{external}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_partition_is_read_back_and_nothing_else_is() {
        let (tenant, file) = (TenantId::from(Uuid::now_v7()), FileId::generate());
        let pk = file_partition(tenant, file);
        assert_eq!(parse_file_partition(&pk), Some((tenant, file)));
        for bad in ["", "F#", &pk[2..], &pk.to_uppercase(), &format!("{pk}#"), &pk.replace("F#", "A#")] {
            assert_eq!(parse_file_partition(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_two_callers_share_an_idempotency_key() {
        let tenant = TenantId::from(Uuid::now_v7());
        let key = |principal: &str, key: &str| {
            let principal = PrincipalId::parse(principal).unwrap();
            Key::idempotency(tenant, &principal, &IdempotencyKey::parse(key).unwrap()).pk
        };
        assert_ne!(key("a", "b#c"), key("a#b", "c"));
        assert_ne!(key("a%23b", "c"), key("a#b", "c"));
        assert_eq!(key("auth0|1", "k"), format!("I#{tenant}#auth0|1#k"));
    }
}
