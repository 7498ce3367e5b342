//! The reference model of the metadata store.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use storage_core::ids::{ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId};
use storage_core::outbox::OutboxItem;
use storage_core::ports::{
    CommitError, Conflict, DUE_SHARDS, DuePage, FilePage, MetadataStore, OwnerPage, OwnerQuery, RateWindow,
    SelfTest, SweepReport, Transaction, Write,
};
use storage_core::record::{AuditEntry, AvatarPointer, FileRecord, IdempotencyRecord, PointerKey};
use storage_core::tenant::TenantRecord;
use storage_core::timestamp::Timestamp;
use storage_core::usage::{TenantUsage, UsageShard};
use storage_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::cursor;

/// The most writes of one transaction.
const MAX_WRITES: usize = 100;

/// A metadata store in memory. Clones share it. Its indexes never lag.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    unavailable: Arc<AtomicBool>,
}

type FileKey = (TenantId, FileId);

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<FileKey, FileRecord>,
    pointers: BTreeMap<PointerKey, AvatarPointer>,
    idempotency: BTreeMap<(TenantId, PrincipalId, IdempotencyKey), IdempotencyRecord>,
    audit: BTreeMap<(TenantId, FileId, Uuid), AuditEntry>,
    tenants: BTreeMap<TenantId, TenantRecord>,
    reports: Vec<SweepReport>,
    self_tests: BTreeMap<String, SelfTest>,
    usage: BTreeMap<(TenantId, u8), UsageShard>,
    outbox: BTreeMap<Uuid, OutboxItem>,
    requests: BTreeMap<RateWindow, u64>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends or restores service: without it every call answers `MetadataUnavailable`.
    pub fn set_available(&self, available: bool) {
        self.unavailable.store(!available, Ordering::SeqCst);
    }

    /// Every file record, by tenant and id: for assertions about everything there is.
    pub fn files(&self) -> Vec<FileRecord> {
        self.state.lock().unwrap().files.values().cloned().collect()
    }

    /// Everything subscribers were to be told, oldest first.
    pub fn outbox(&self) -> Vec<OutboxItem> {
        self.state.lock().unwrap().outbox.values().cloned().collect()
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        if self.unavailable.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::MetadataUnavailable, "the model is switched off"));
        }
        Ok(self.state.lock().unwrap())
    }
}

impl State {
    /// Does one write, or says which condition of it does not hold.
    fn write(&mut self, write: Write) -> std::result::Result<(), Conflict> {
        match write {
            Write::CreateFile(record) => {
                let key = (record.tenant, record.file_id);
                if self.files.contains_key(&key) {
                    return Err(Conflict::Exists);
                }
                self.files.insert(key, *record);
            }
            Write::UpdateFile(record) => {
                let key = (record.tenant, record.file_id);
                let current = self.files.get(&key).ok_or(Conflict::Revision)?;
                if current.rev + 1 != record.rev {
                    return Err(Conflict::Revision);
                }
                self.files.insert(key, *record);
            }
            Write::SetPointer { key, expected, seq, file } => {
                let pointer = self.pointers.entry(key).or_default();
                if pointer.current_seq != expected {
                    return Err(Conflict::Pointer);
                }
                pointer.current_seq = Some(seq);
                pointer.current_file_id = file;
            }
            Write::PutIdempotency { record, now } => {
                let key = (record.tenant, record.principal.clone(), record.key.clone());
                if self.idempotency.get(&key).is_some_and(|found| found.expires_at >= now) {
                    return Err(Conflict::Idempotency);
                }
                self.idempotency.insert(key, record);
            }
            Write::Audit(entry) => {
                self.audit.insert((entry.tenant, entry.file_id, entry.id), entry);
            }
            Write::Usage(change) => {
                let shard = self.usage.entry((change.tenant, change.shard)).or_default();
                shard.changes += 1;
                for (purpose, by) in change.by_purpose {
                    let known = shard.by_purpose.entry(purpose).or_default();
                    *known = known.plus(by);
                }
            }
            Write::Outbox(item) => {
                self.outbox.insert(item.id, *item);
            }
        }
        Ok(())
    }

    /// The due files of a shard with their place in its order.
    fn due(&self, shard: u8) -> BTreeMap<String, (Timestamp, FileKey)> {
        let mut found = BTreeMap::new();
        for (key, record) in &self.files {
            let own = record.file_id.as_uuid().as_u128() % u128::from(DUE_SHARDS) == u128::from(shard);
            if let Some(due_at) = record.due_at.filter(|_| own) {
                found.insert(format!("{due_at} {} {}", key.0, key.1), (due_at, *key));
            }
        }
        found
    }
}

/// What identifies the item of a write, so that no two writes of a transaction have the same.
fn item(write: &Write) -> String {
    match write {
        Write::CreateFile(record) | Write::UpdateFile(record) => {
            format!("file {} {}", record.tenant, record.file_id)
        }
        Write::SetPointer { key, .. } => format!("pointer {key:?}"),
        Write::PutIdempotency { record, .. } => {
            format!("idempotency {} {} {}", record.tenant, record.principal, record.key)
        }
        Write::Audit(entry) => format!("audit {} {} {}", entry.tenant, entry.file_id, entry.id),
        Write::Usage(change) => format!("usage {} {}", change.tenant, change.shard),
        Write::Outbox(item) => format!("outbox {}", item.id),
    }
}

/// The first `limit` entries behind the cursor, and the cursor behind them if there are more.
fn page<T>(
    entries: impl Iterator<Item = (String, T)>,
    listing: &[&str],
    cursor: Option<String>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>)> {
    let after = cursor.map(|cursor| cursor::open(listing, &cursor)).transpose()?;
    let mut rest = entries.filter(|(place, _)| after.as_ref().is_none_or(|after| place > after)).peekable();
    let mut items = Vec::new();
    let mut last = None;
    while items.len() < limit {
        let Some((place, item)) = rest.next() else { break };
        items.push(item);
        last = Some(place);
    }
    let next = last.filter(|_| rest.peek().is_some()).map(|last| cursor::seal(listing, &last));
    Ok((items, next))
}

#[async_trait]
impl MetadataStore for MemoryStore {
    async fn get_file(&self, tenant: TenantId, file: FileId) -> Result<Option<FileRecord>> {
        Ok(self.state()?.files.get(&(tenant, file)).cloned())
    }

    async fn get_pointer(&self, key: &PointerKey) -> Result<Option<AvatarPointer>> {
        Ok(self.state()?.pointers.get(key).cloned())
    }

    async fn take_seq(&self, key: &PointerKey) -> Result<u64> {
        let mut state = self.state()?;
        let pointer = state.pointers.entry(*key).or_default();
        pointer.seq += 1;
        Ok(pointer.seq)
    }

    async fn get_idempotency(
        &self,
        tenant: TenantId,
        principal: &PrincipalId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>> {
        Ok(self.state()?.idempotency.get(&(tenant, principal.clone(), key.clone())).cloned())
    }

    async fn commit(&self, transaction: Transaction) -> std::result::Result<(), CommitError> {
        let invalid = |context: &str| CommitError::Store(Error::new(ErrorKind::Internal, context));
        if transaction.writes.len() > MAX_WRITES {
            return Err(invalid("more than 100 writes"));
        }
        let mut items: Vec<String> = transaction.writes.iter().map(item).collect();
        items.sort_unstable();
        if items.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(invalid("two writes of one item"));
        }
        let mut state = self.state()?;
        let mut next = state.clone();
        for (index, write) in transaction.writes.into_iter().enumerate() {
            next.write(write).map_err(|conflict| CommitError::Conflict(index, conflict))?;
        }
        *state = next;
        Ok(())
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<DuePage> {
        let due = self.state()?.due(shard);
        let entries = due.into_iter().filter(|(_, (due_at, _))| *due_at <= until);
        let listing = ["due", &shard.to_string(), &until.to_string()];
        let (files, next) = page(entries.map(|(place, (_, key))| (place, key)), &listing, cursor, limit)?;
        Ok(DuePage { files, next })
    }

    async fn files_of_owner(&self, query: OwnerQuery) -> Result<OwnerPage> {
        let OwnerQuery { tenant, owner, since, cursor, limit } = query;
        let state = self.state()?;
        let own = state.files.values().filter(|record| record.tenant == tenant && record.owner == owner);
        let own = own.filter(|record| since.is_none_or(|since| record.created_at >= since));
        // Counted down, so that the newest comes first in the order of texts.
        let place = |record: &FileRecord| {
            let age = i64::MAX - record.created_at.as_millis();
            format!("{age:020} {:032x}", !record.file_id.as_uuid().as_u128())
        };
        let entries: BTreeMap<String, FileId> = own.map(|record| (place(record), record.file_id)).collect();
        let listing = ["owner", &tenant.to_string(), owner.as_str()];
        let (files, next) = page(entries.into_iter(), &listing, cursor, limit)?;
        Ok(OwnerPage { files, next })
    }

    async fn scan_files(&self, cursor: Option<String>, limit: usize) -> Result<FilePage> {
        let state = self.state()?;
        let entries = state.files.iter().map(|((tenant, file), record)| (format!("{tenant} {file}"), record));
        let entries: BTreeMap<String, &FileRecord> = entries.collect();
        let (files, next) = page(entries.into_iter(), &["scan"], cursor, limit)?;
        Ok(FilePage { files: files.into_iter().cloned().collect(), next })
    }

    async fn get_usage(&self, tenant: TenantId) -> Result<TenantUsage> {
        let state = self.state()?;
        let mut usage = TenantUsage::default();
        for (shard, counters) in (0..).zip(&mut usage.shards) {
            *counters = state.usage.get(&(tenant, shard)).cloned().unwrap_or_default();
        }
        Ok(usage)
    }

    async fn correct_usage(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        to: &UsageShard,
    ) -> Result<bool> {
        let mut state = self.state()?;
        let known = state.usage.entry((tenant, shard)).or_default();
        if known.changes != seen.changes {
            return Ok(false);
        }
        *known = UsageShard { changes: seen.changes + 1, by_purpose: to.by_purpose.clone() };
        Ok(true)
    }

    async fn count_requests(&self, window: &RateWindow, by: u64) -> Result<u64> {
        let mut state = self.state()?;
        let count = state.requests.entry(window.clone()).or_default();
        *count += by;
        Ok(*count)
    }

    async fn files_of_external_id(&self, tenant: TenantId, external: &ExternalId) -> Result<Vec<FileId>> {
        let state = self.state()?;
        let found = state.files.values().filter(|record| record.tenant == tenant);
        let found = found.filter(|record| record.external_id.as_ref() == Some(external));
        Ok(found.map(|record| record.file_id).collect())
    }

    async fn audit_trail(&self, tenant: TenantId, file: FileId) -> Result<Vec<AuditEntry>> {
        let state = self.state()?;
        let entries = state.audit.values().filter(|entry| entry.tenant == tenant && entry.file_id == file);
        Ok(entries.cloned().collect())
    }

    async fn get_tenant(&self, tenant: TenantId) -> Result<Option<TenantRecord>> {
        Ok(self.state()?.tenants.get(&tenant).cloned())
    }

    async fn put_tenant(&self, record: &TenantRecord) -> Result<()> {
        self.state()?.tenants.insert(record.tenant, record.clone());
        Ok(())
    }

    async fn put_sweep_report(&self, report: &SweepReport) -> Result<()> {
        self.state()?.reports.push(report.clone());
        Ok(())
    }

    async fn last_sweep_report(&self) -> Result<Option<SweepReport>> {
        Ok(self.state()?.reports.iter().max_by_key(|report| report.at).cloned())
    }

    async fn put_self_test(&self, test: &SelfTest) -> Result<()> {
        self.state()?.self_tests.insert(test.function.clone(), test.clone());
        Ok(())
    }

    async fn get_self_test(&self, function: &str) -> Result<Option<SelfTest>> {
        Ok(self.state()?.self_tests.get(function).cloned())
    }

    async fn check(&self) -> Result<()> {
        self.state().map(|_| ())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryStore").field("files", &self.files().len()).finish()
    }
}
