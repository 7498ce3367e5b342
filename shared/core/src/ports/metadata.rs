//! The port to metadata: strongly consistent reads by identity, and one kind of write, the conditional transaction.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::ids::{ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId};
use crate::outbox::OutboxItem;
use crate::record::{AuditEntry, AvatarPointer, FileRecord, IdempotencyRecord, PointerKey};
use crate::tenant::TenantRecord;
use crate::timestamp::Timestamp;
use crate::usage::{TenantUsage, UsageChange, UsageShard};

/// One write of a transaction, with the condition it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A new file, where there is none with this id. Conflict: [`Conflict::Exists`].
    CreateFile(Box<FileRecord>),
    /// A file that still has the revision before `record.rev`. Conflict: [`Conflict::Revision`].
    UpdateFile(Box<FileRecord>),
    /// A pointer whose `current_seq` is still `expected`. `seq` becomes its `current_seq`.
    /// Conflict: [`Conflict::Pointer`].
    SetPointer {
        /// Whose.
        key: PointerKey,
        /// The `current_seq` that was read.
        expected: Option<u64>,
        /// The new `current_seq`.
        seq: u64,
        /// The new current file.
        file: Option<FileId>,
    },
    /// An idempotency record where there is none, or one that expired before `now`. Conflict: [`Conflict::Idempotency`].
    PutIdempotency {
        /// The record.
        record: IdempotencyRecord,
        /// The time the request is judged at.
        now: Timestamp,
    },
    /// A line of history. It has no condition.
    Audit(AuditEntry),
    /// A change of one shard of a tenant's counters, which is also counted itself. It has no condition.
    Usage(UsageChange),
    /// Something subscribers are to be told. It has no condition.
    Outbox(Box<OutboxItem>),
}

/// Writes that happen all together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// At most 100, no two of one item.
    pub writes: Vec<Write>,
}

impl Transaction {
    /// A transaction of these writes. Changes of the same shard of counters become one, in the place of the first.
    pub fn new(writes: Vec<Write>) -> Self {
        let mut merged: Vec<Write> = Vec::with_capacity(writes.len());
        for write in writes {
            if let Write::Usage(change) = &write
                && let Some(Write::Usage(first)) =
                    merged.iter_mut().find(|known| is_same_shard(known, change))
            {
                first.merge(change.clone());
                continue;
            }
            merged.push(write);
        }
        Transaction { writes: merged }
    }
}

fn is_same_shard(write: &Write, change: &UsageChange) -> bool {
    matches!(write, Write::Usage(known) if known.tenant == change.tenant && known.shard == change.shard)
}

/// Which condition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// The file exists.
    Exists,
    /// A file has another revision, or does not exist.
    Revision,
    /// The pointer was moved meanwhile.
    Pointer,
    /// The idempotency key is in use.
    Idempotency,
}

/// Why nothing was written.
#[derive(Debug)]
pub enum CommitError {
    /// A condition did not hold: the index of the first such write, and which.
    Conflict(usize, Conflict),
    /// The store failed. For `MetadataUnavailable` the transaction may have happened all the same: read before acting.
    Store(Error),
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        CommitError::Store(error)
    }
}

/// Files the sweep is to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuePage {
    /// Their identities, soonest first. The index only finds them: read each strongly before acting.
    pub files: Vec<(TenantId, FileId)>,
    /// Where the next page starts.
    pub next: Option<String>,
}

/// Files of an owner, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerPage {
    /// Their ids.
    pub files: Vec<FileId>,
    /// Where the next page starts.
    pub next: Option<String>,
}

/// Which files of an owner to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// The owner.
    pub owner: PrincipalId,
    /// Only files issued at this time or later.
    pub since: Option<Timestamp>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// The most files of a page, 1 to 1,000.
    pub limit: usize,
}

impl OwnerQuery {
    /// A page of everything of `owner`.
    pub fn page(tenant: TenantId, owner: &PrincipalId, cursor: Option<String>, limit: usize) -> Self {
        OwnerQuery { tenant, owner: owner.clone(), since: None, cursor, limit }
    }
}

/// Records of all tenants, in no order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilePage {
    /// The records, read strongly.
    pub files: Vec<FileRecord>,
    /// Where the next page starts.
    pub next: Option<String>,
}

/// What a limit of requests is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RateWindow {
    /// The tenant.
    pub tenant: TenantId,
    /// The caller.
    pub principal: PrincipalId,
    /// When the window began.
    pub from: Timestamp,
    /// When its count can be forgotten.
    pub until: Timestamp,
}

/// What one run of the sweep did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// When the run started.
    pub at: Timestamp,
    /// Its counters.
    pub counts: Value,
}

/// What a function found about itself at start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// The function.
    pub function: String,
    /// When.
    pub at: Timestamp,
    /// Whether it works.
    pub passed: bool,
    /// How long the test took, in milliseconds.
    pub duration_ms: u64,
}

/// How many partitions the index of due work is spread over.
pub const DUE_SHARDS: u8 = 4;

/// Metadata, as one DynamoDB table has it.
///
/// Promises of every store, each with a case in the conformance suite:
/// - **Reads by identity are strong**: after an acknowledged commit every `get_*` sees it.
/// - **A commit is atomic**: all writes or none, and every condition is judged against one moment. Of many racing
///   commits with the same expected revision exactly one wins.
/// - **A lost reply can be repeated**: the same transaction committed again after it happened is a conflict, never a
///   second effect.
/// - **`take_seq` never gives one number twice** and only grows.
/// - **Counters lose nothing**: of any number of commits at once each changes a shard by its own difference.
/// - **Indexes may lag** behind commits, and forget nothing.
/// - **Records come back as written**, field by field.
///
/// Errors: `MetadataUnavailable` where the store cannot be reached or is over its limits; `Internal` where an item
/// cannot be read by this code.
#[async_trait]
pub trait MetadataStore: Send + Sync + fmt::Debug {
    /// A file, read strongly; `None` where there is none.
    async fn get_file(&self, tenant: TenantId, file: FileId) -> Result<Option<FileRecord>>;

    /// A pointer, read strongly; `None` where nothing was ever issued.
    async fn get_pointer(&self, key: &PointerKey) -> Result<Option<AvatarPointer>>;

    /// The next number for an issue or a delete, from 1.
    async fn take_seq(&self, key: &PointerKey) -> Result<u64>;

    /// An idempotency record, read strongly, expired or not.
    async fn get_idempotency(
        &self,
        tenant: TenantId,
        principal: &PrincipalId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>>;

    /// Commits a transaction.
    async fn commit(&self, transaction: Transaction) -> std::result::Result<(), CommitError>;

    /// Files of one of [`DUE_SHARDS`] shards that are due at `until`, soonest first.
    async fn due(&self, shard: u8, until: Timestamp, cursor: Option<String>, limit: usize)
    -> Result<DuePage>;

    /// The files of an owner, newest first; `InvalidCursor` for a cursor that is not one of this listing.
    async fn files_of_owner(&self, query: OwnerQuery) -> Result<OwnerPage>;

    /// A page of every file there is, for a recount.
    async fn scan_files(&self, cursor: Option<String>, limit: usize) -> Result<FilePage>;

    /// The counters of a tenant, each shard read strongly; zero where nothing was ever counted.
    async fn get_usage(&self, tenant: TenantId) -> Result<TenantUsage>;

    /// Sets one shard of counters, unless it was changed since `seen.changes` was read; whether it was set.
    async fn correct_usage(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        to: &UsageShard,
    ) -> Result<bool>;

    /// Counts `by` requests in a window, and says how many that makes.
    async fn count_requests(&self, window: &RateWindow, by: u64) -> Result<u64>;

    /// The files with a caller's own id. Tombstones without bytes may be left out.
    async fn files_of_external_id(&self, tenant: TenantId, external: &ExternalId) -> Result<Vec<FileId>>;

    /// The history of a file, oldest first.
    async fn audit_trail(&self, tenant: TenantId, file: FileId) -> Result<Vec<AuditEntry>>;

    /// A tenant's mapping record, read strongly.
    async fn get_tenant(&self, tenant: TenantId) -> Result<Option<TenantRecord>>;

    /// Writes a tenant's mapping record, whatever was there.
    async fn put_tenant(&self, record: &TenantRecord) -> Result<()>;

    /// Keeps the report of a sweep for 30 days.
    async fn put_sweep_report(&self, report: &SweepReport) -> Result<()>;

    /// The report of the last sweep.
    async fn last_sweep_report(&self) -> Result<Option<SweepReport>>;

    /// Keeps what a function found about itself.
    async fn put_self_test(&self, test: &SelfTest) -> Result<()>;

    /// What `function` last found about itself.
    async fn get_self_test(&self, function: &str) -> Result<Option<SelfTest>>;

    /// Whether the store answers; `MetadataUnavailable` where it does not.
    async fn check(&self) -> Result<()>;
}
