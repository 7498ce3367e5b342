//! What a tenant's files take up: a pure function of each record, kept as counters beside the records.
//!
//! A record that is being uploaded holds the declared size as a reservation; a readable or trashed one counts with its
//! real size; a refused or deleted one counts nothing. Whatever changes a record therefore changes the counters by the
//! difference, in the same transaction.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{FileId, TenantId};
use crate::record::{FileRecord, FileState, Purpose};

/// Over how many items the counters of one tenant are spread, so that uploads of one tenant rarely meet on one item.
pub const USAGE_SHARDS: u8 = 8;

/// Bytes and files. As a difference every number may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes that uploads under way may still bring.
    #[serde(default)]
    pub reserved: i64,
    /// Bytes of files that exist.
    #[serde(default)]
    pub stored: i64,
    /// Files that exist or are under way.
    #[serde(default)]
    pub files: i64,
}

impl Usage {
    /// What a record counts with.
    pub fn of(record: &FileRecord) -> Self {
        let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        match record.state {
            FileState::Pending | FileState::Processing | FileState::Scanning | FileState::Quarantined => {
                Usage { reserved: bytes(record.declared.size.unwrap_or(0)), stored: 0, files: 1 }
            }
            FileState::Ready | FileState::Trashed => {
                Usage { reserved: 0, stored: bytes(record.size.unwrap_or(0)), files: 1 }
            }
            FileState::Failed | FileState::Deleting | FileState::Deleted => Usage::default(),
        }
    }

    /// The bytes that count against a quota: what is there and what may still come.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.reserved.saturating_add(self.stored)).unwrap_or(0)
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            reserved: self.reserved.saturating_add(other.reserved),
            stored: self.stored.saturating_add(other.stored),
            files: self.files.saturating_add(other.files),
        }
    }

    /// What leads from `other` to this.
    #[must_use]
    pub fn minus(self, other: Usage) -> Usage {
        Usage {
            reserved: self.reserved.saturating_sub(other.reserved),
            stored: self.stored.saturating_sub(other.stored),
            files: self.files.saturating_sub(other.files),
        }
    }
}

/// How one shard of a tenant's counters changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageChange {
    /// The tenant.
    pub tenant: TenantId,
    /// The shard, below [`USAGE_SHARDS`].
    pub shard: u8,
    /// By how much, for each purpose that is affected.
    pub by_purpose: BTreeMap<Purpose, Usage>,
}

impl UsageChange {
    /// The difference between two revisions of a file, or of a new file; `None` where it counts as before.
    pub fn between(before: Option<&FileRecord>, after: &FileRecord) -> Option<Self> {
        let was = before.map_or_else(Usage::default, Usage::of);
        let change = Usage::of(after).minus(was);
        (change != Usage::default()).then(|| UsageChange {
            tenant: after.tenant,
            shard: usage_shard(after.file_id),
            by_purpose: [(after.purpose, change)].into(),
        })
    }

    /// Adds another change of the same shard.
    pub fn merge(&mut self, other: UsageChange) {
        for (purpose, change) in other.by_purpose {
            let sum = self.by_purpose.entry(purpose).or_default();
            *sum = sum.plus(change);
        }
    }
}

/// The shard of a file. The last byte of a UUIDv7 is random, so it spreads files as well as any hash would.
pub fn usage_shard(file: FileId) -> u8 {
    file.as_uuid().as_bytes()[15] % USAGE_SHARDS
}

/// One shard of a tenant's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageShard {
    /// How often it was changed. A recount writes only over the number it read.
    #[serde(default)]
    pub changes: u64,
    /// The counters of each purpose.
    #[serde(default)]
    pub by_purpose: BTreeMap<Purpose, Usage>,
}

/// The counters of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantUsage {
    /// Every shard, by number.
    pub shards: [UsageShard; USAGE_SHARDS as usize],
}

impl TenantUsage {
    /// The sum over all shards and purposes.
    pub fn total(&self) -> Usage {
        self.shards
            .iter()
            .flat_map(|shard| shard.by_purpose.values())
            .fold(Usage::default(), |sum, part| sum.plus(*part))
    }

    /// The sum over all shards for one purpose.
    pub fn of_purpose(&self, purpose: Purpose) -> Usage {
        let parts = self.shards.iter().filter_map(|shard| shard.by_purpose.get(&purpose));
        parts.fold(Usage::default(), |sum, part| sum.plus(*part))
    }
}
