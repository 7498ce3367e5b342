//! The state machine of a file, as pure code: a record and an event give the one conditional write, or a refusal.
//!
//! Nothing here reads a clock or does I/O, so every edge can be enumerated. Whoever applies a [`Change`] commits it with
//! the revision it was made from; when that is refused, the record is read again and the decision made anew.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use crate::error::ErrorKind;
use crate::filename::FileName;
use crate::ids::WorkerId;
use crate::key::{StorageKey, Visibility};
use crate::outbox::OutboxItem;
use crate::ports::{ETag, Stored, Write};
use crate::record::{
    AuditEntry, FileRecord, FileState, MultipartUpload, Promotion, Scan, ScanStatus, ScannedObject,
};
use crate::safeguards::Safeguard;
use crate::timestamp::Timestamp;
use crate::usage::UsageChange;

/// How long a lease lasts. Longer than any function may run, so a live worker never loses one to another.
pub const LEASE: Duration = Duration::from_secs(16 * 60);
/// How many leases a file gets before it fails.
pub const MAX_ATTEMPTS: u32 = 5;
/// How long after the last lease a slow writer may still write: the second deleting pass waits for it.
pub const SETTLE: Duration = Duration::from_secs(15 * 60);
/// How long records of failed and deleted files are kept.
pub const TOMBSTONE_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a trashed file can be restored, where nothing else is configured.
pub const TRASH_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long the event of an upload may take before the sweep looks for the bytes itself.
pub const EVENT_GRACE: Duration = Duration::from_secs(10 * 60);
/// How long the first verdict of a scan may take before the sweep asks for it.
pub const SCAN_GRACE: Duration = Duration::from_secs(10 * 60);
/// How long a verdict is waited for before the file goes to quarantine.
pub const SCAN_LIFE: Duration = Duration::from_secs(3600);
/// How long the bytes of a quarantined file are kept.
pub const QUARANTINE_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a successful ingest found and wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ingested {
    /// The fields of the record that ingest decides; everything else is kept.
    pub final_key: Option<StorageKey>,
    /// See [`FileRecord::etag`].
    pub etag: Option<crate::ports::ETag>,
    /// See [`FileRecord::version_id`].
    pub version_id: Option<String>,
    /// See [`FileRecord::source_sha256`].
    pub source_sha256: Option<String>,
    /// See [`FileRecord::sha256`].
    pub sha256: Option<String>,
    /// See [`FileRecord::checksum_crc64nvme`].
    pub checksum_crc64nvme: Option<String>,
    /// See [`FileRecord::size`].
    pub size: u64,
    /// See [`FileRecord::content_type`].
    pub content_type: String,
    /// See [`FileRecord::width`].
    pub width: Option<u32>,
    /// See [`FileRecord::height`].
    pub height: Option<u32>,
    /// See [`FileRecord::variants`].
    pub variants: std::collections::BTreeMap<crate::key::VariantSize, crate::record::StoredVariant>,
    /// See [`FileRecord::webp`].
    pub webp: std::collections::BTreeMap<crate::key::VariantSize, crate::record::StoredVariant>,
    /// See [`FileRecord::inline_small`].
    pub inline_small: Option<String>,
    /// See [`FileRecord::placeholder`].
    pub placeholder: Option<crate::ports::Placeholder>,
    /// How long it is kept; `None` where it stays until it is deleted.
    pub life: Option<Duration>,
}

/// What sends an upload to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was scanned.
    pub object: ScannedObject,
    /// What was found; `None` where the scan failed.
    pub threat: Option<String>,
    /// Where the bytes are to go.
    pub key: StorageKey,
}

/// What a caller changes of a readable file without touching its bytes. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// See [`FileRecord::original_filename`].
    pub filename: Option<FileName>,
    /// See [`FileRecord::metadata`]; it replaces all of what was there.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Where a readable file was copied to.
#[derive(Clone, Debug, PartialEq)]
pub struct Home {
    /// See [`FileRecord::visibility`].
    pub visibility: Visibility,
    /// See [`FileRecord::final_key`].
    pub final_key: StorageKey,
    /// What was written under it.
    pub stored: Stored,
    /// Where each stored size of an avatar is now, and its tag, by the key it had.
    pub variants: BTreeMap<StorageKey, (StorageKey, ETag)>,
}

/// What happens to a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A worker wants to validate the upload.
    Claim(WorkerId),
    /// The upload is sent in parts, under this id of the backend.
    SendParts(MultipartUpload),
    /// The lease holder names the final keys it is about to write.
    Plan(WorkerId, Vec<StorageKey>),
    /// The lease holder has come so far with the copy in parts.
    Progress(WorkerId, Promotion),
    /// The lease holder gives up for now; the next claim need not wait for the lease to end. An outage that was not the
    /// file's fault takes no attempt from it.
    Release {
        /// The lease holder.
        worker: WorkerId,
        /// Whether the attempt counts.
        counts: bool,
    },
    /// The lease holder has validated and written everything.
    Promote(WorkerId, Box<Ingested>),
    /// The lease holder refuses the upload.
    Fail(WorkerId, ErrorKind),
    /// The lease holder knows that this object is clean.
    Scanned(WorkerId, ScannedObject),
    /// The lease holder knows that the upload is not clean.
    Condemn(WorkerId, Finding),
    /// The lease holder leaves the upload to a scanner that works by itself.
    AwaitScan(WorkerId, ScannedObject),
    /// The verdict on an upload that waits for it: clean.
    Acquit(ScannedObject),
    /// The verdict on an upload that waits for it: not clean.
    Quarantine(Finding),
    /// No verdict came in time. The bytes are to go to this key.
    ScanTimeout(StorageKey),
    /// The bytes of a quarantined upload are where they are to be, and nowhere else.
    Moved,
    /// An administrator lets an upload out of quarantine.
    Unquarantine,
    /// The lease holder's file is not wanted: a newer avatar is shown, or what it was to be a copy of is gone.
    Supersede(WorkerId),
    /// The attempts are used up and the last lease is over.
    Exhaust,
    /// Somebody takes up a transfer that died, whose bytes lie where they always lay.
    Reopen(WorkerId),
    /// A newer avatar took this one's place.
    Replace,
    /// Its time is over: the upload never came, or the file was kept as long as it was to be.
    Expire,
    /// The owner deletes it, restorably for this long.
    Trash(Duration),
    /// The owner takes a deletion back.
    Restore,
    /// It is deleted for good.
    Delete,
    /// A pass over its keys found some bytes, and removed them.
    PassFoundBytes,
    /// A pass over its keys found no bytes.
    PassFoundNothing,
    /// The sweep found nothing to do yet, and looks again at this time.
    Postpone(Timestamp),
    /// The owner changes what is said about a readable file.
    Edit(Edit),
    /// A readable file is about to be copied under these keys.
    Relocate(Vec<StorageKey>),
    /// It was, and is served from there from now on. The keys it leaves are about to be removed.
    Rehome(Box<Home>, Edit),
    /// Keys it has left are about to be removed.
    Vacate,
    /// Every removal was acknowledged. The sweep looks at this time whether something came after it, if it is to.
    Vacated(Option<Timestamp>),
}

/// Who does it: for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A principal, or the name of a function.
    pub name: String,
    /// The request, if there is one.
    pub request_id: Option<String>,
}

impl Actor {
    /// A function acting on its own.
    pub fn function(name: &str) -> Self {
        Actor { name: name.to_owned(), request_id: None }
    }
}

/// Why an event does not apply. Nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such edge from this state.
    State(FileState),
    /// Another worker holds the lease, or has begun what this one was about to begin.
    Leased,
    /// The caller's lease is over or was never its own.
    LeaseLost,
    /// The attempts are used up: only [`Event::Exhaust`] is left.
    Exhausted,
    /// The file is on legal hold.
    Held,
    /// It is too early, or too late.
    Time,
    /// It has to be scanned, and was not found clean.
    Unscanned,
}

/// The one conditional write an event leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The record to write; its `rev` is one more than that of the record it was made from.
    pub record: FileRecord,
    /// The line of history, for edges that change the state.
    pub audit: Option<AuditEntry>,
    /// How the tenant's counters change with it.
    pub usage: Option<UsageChange>,
    /// What subscribers are told about it.
    pub outbox: Option<OutboxItem>,
}

impl Change {
    /// The writes, to be committed in one transaction with whatever else belongs to it.
    pub fn into_writes(self) -> Vec<Write> {
        let mut writes = vec![Write::UpdateFile(Box::new(self.record))];
        writes.extend(self.audit.map(Write::Audit));
        writes.extend(self.usage.map(Write::Usage));
        writes.extend(self.outbox.map(Box::new).map(Write::Outbox));
        writes
    }
}

/// The first audit entry of a file.
pub fn issued(record: &FileRecord, actor: &Actor) -> AuditEntry {
    entry(record, None, "issued", actor, record.created_at)
}

/// What `event` does to `record` at `now`.
pub fn apply(record: &FileRecord, event: Event, actor: &Actor, now: Timestamp) -> Result<Change, Refused> {
    let mut next = record.clone();
    let action = advance(&mut next, event, now)?;
    next.rev += 1;
    next.updated_at = now;
    let audit = (next.state != record.state).then(|| entry(&next, Some(record.state), action, actor, now));
    let usage = UsageChange::between(Some(record), &next);
    let outbox = OutboxItem::between(record, &next);
    Ok(Change { record: next, audit, usage, outbox })
}

fn advance(next: &mut FileRecord, event: Event, now: Timestamp) -> Result<&'static str, Refused> {
    use FileState::*;
    let refused = Err(Refused::State(next.state));
    match event {
        Event::Claim(worker) => match next.state {
            Pending => Ok(lease(next, worker, now)),
            Deleting | Deleted if !Safeguard::Tombstone.holds() => Ok(lease(next, worker, now)),
            Processing if is_leased(next, now) && Safeguard::Lease.holds() => Err(Refused::Leased),
            Processing if next.attempts >= MAX_ATTEMPTS => Err(Refused::Exhausted),
            Processing => Ok(lease(next, worker, now)),
            _ => refused,
        },
        Event::Plan(worker, keys) => {
            own_lease(next, worker, now)?;
            // Keys of an earlier attempt may have been written: they stay known.
            for key in keys {
                if !next.planned_keys.contains(&key) {
                    next.planned_keys.push(key);
                }
            }
            Ok("planned")
        }
        Event::SendParts(upload) => match next.state {
            // An upload that a client may have been told of stays the one.
            Pending if next.multipart.as_ref().is_some_and(|known| known.upload_id.is_some()) => {
                Err(Refused::Leased)
            }
            Pending => {
                next.multipart = Some(upload);
                Ok("parts")
            }
            _ => refused,
        },
        Event::Progress(worker, promotion) => {
            own_lease(next, worker, now)?;
            next.promotion = Some(promotion);
            Ok("progress")
        }
        Event::Release { worker, counts } => {
            own_lease(next, worker, now)?;
            next.lease_until = Some(now);
            // The bytes of a direct upload are with its caller, who may come back with them.
            next.due_at = Some(if next.staging_key.is_some() { now } else { now + EVENT_GRACE });
            next.attempts -= u32::from(!counts);
            Ok("released")
        }
        Event::Promote(worker, ingested) => {
            own_lease(next, worker, now)?;
            if next.scan.as_ref().is_some_and(|scan| !scan.passes()) {
                return Err(Refused::Unscanned);
            }
            promote(next, *ingested, now);
            Ok("ready")
        }
        Event::Fail(worker, code) => {
            own_lease(next, worker, now)?;
            fail(next, code, now);
            Ok("failed")
        }
        Event::Scanned(worker, object) => {
            own_lease(next, worker, now)?;
            note_scan(next, ScanStatus::Clean, Some(object), now);
            Ok("scanned")
        }
        Event::Condemn(worker, finding) => {
            own_lease(next, worker, now)?;
            quarantine(next, finding, now);
            Ok("quarantined")
        }
        Event::AwaitScan(worker, object) => {
            own_lease(next, worker, now)?;
            await_scan(next, object, now);
            Ok("scan-awaited")
        }
        Event::Acquit(object) => match next.state {
            Scanning => {
                next.state = Processing;
                note_scan(next, ScanStatus::Clean, Some(object), now);
                next.due_at = Some(now);
                Ok("acquitted")
            }
            _ => refused,
        },
        Event::Quarantine(finding) => match next.state {
            Scanning => {
                quarantine(next, finding, now);
                Ok("quarantined")
            }
            _ => refused,
        },
        Event::ScanTimeout(key) => match next.state {
            Scanning if next.scan.as_ref().and_then(|scan| scan.deadline).is_some_and(|end| end > now) => {
                Err(Refused::Time)
            }
            Scanning => {
                note_scan(next, ScanStatus::Timeout, None, now);
                lock_away(next, key, now);
                Ok("scan-timed-out")
            }
            _ => refused,
        },
        Event::Moved => match next.state {
            Quarantined => {
                if let Some(scan) = &mut next.scan {
                    scan.moved = true;
                }
                next.due_at = next.delete_after;
                Ok("moved")
            }
            _ => refused,
        },
        Event::Unquarantine => match next.state {
            Quarantined if next.delete_after.is_none_or(|after| after <= now) => Err(Refused::Time),
            Quarantined => {
                next.state = Processing;
                note_scan(next, ScanStatus::Released, None, now);
                next.attempts = 0;
                next.error_code = None;
                next.delete_after = None;
                next.due_at = Some(now);
                Ok("unquarantined")
            }
            _ => refused,
        },
        Event::Supersede(worker) => {
            own_lease(next, worker, now)?;
            entomb(next, now);
            Ok("superseded")
        }
        Event::Exhaust => match next.state {
            Processing if is_leased(next, now) => Err(Refused::Leased),
            Processing if next.attempts < MAX_ATTEMPTS => Err(Refused::Time),
            Processing => {
                fail(next, ErrorKind::AttemptsExhausted, now);
                Ok("failed")
            }
            _ => refused,
        },
        Event::Reopen(worker) => match next.state {
            Failed if next.staging_key.is_some() => refused,
            // Whatever was written for it, or was removed of it, has arrived: a pass has found nothing.
            Failed if next.due_at.is_some() => Err(Refused::Time),
            Failed => {
                lease(next, worker, now);
                next.attempts = 1;
                next.error_code = None;
                next.ttl = None;
                Ok("reopened")
            }
            _ => refused,
        },
        Event::Replace => match next.state {
            Ready if next.legal_hold => {
                trash(next, now, TRASH_LIFE);
                Ok("replaced")
            }
            Ready => {
                entomb(next, now);
                Ok("replaced")
            }
            _ => refused,
        },
        Event::Expire => match next.state {
            Ready if next.legal_hold => Err(Refused::Held),
            Pending | Ready if next.expires_at.is_none_or(|expires| expires > now) => Err(Refused::Time),
            Pending | Ready => {
                entomb(next, now);
                Ok("expired")
            }
            Trashed | Quarantined if next.legal_hold => Err(Refused::Held),
            Trashed | Quarantined if next.delete_after.is_none_or(|after| after > now) => Err(Refused::Time),
            Trashed | Quarantined => {
                entomb(next, now);
                Ok("purged")
            }
            _ => refused,
        },
        Event::Trash(life) => match next.state {
            Ready if next.legal_hold => Err(Refused::Held),
            Ready => {
                trash(next, now, life);
                Ok("trashed")
            }
            _ => refused,
        },
        Event::Restore => match next.state {
            Trashed if next.delete_after.is_some_and(|after| after > now) => {
                next.state = Ready;
                // What it had left before it was trashed is still to be cleared.
                next.due_at = next.due_at.filter(|due| Some(*due) != next.delete_after).or(next.expires_at);
                next.delete_after = None;
                Ok("restored")
            }
            Trashed => Err(Refused::Time),
            _ => refused,
        },
        Event::Delete => match next.state {
            Deleting | Deleted => refused,
            _ if next.legal_hold => Err(Refused::Held),
            Pending | Processing | Scanning | Quarantined | Ready | Trashed | Failed => {
                entomb(next, now);
                Ok("deleted")
            }
        },
        Event::PassFoundBytes => match next.state {
            Deleting | Failed => {
                next.due_at = Some(now + SETTLE);
                Ok("pass")
            }
            _ => refused,
        },
        Event::PassFoundNothing => match next.state {
            Deleting | Failed if next.due_at.is_some_and(|due| due > now) => Err(Refused::Time),
            Deleting => {
                next.state = Deleted;
                next.due_at = None;
                next.ttl = Some((now + TOMBSTONE_LIFE).as_seconds());
                Ok("bytes-gone")
            }
            Failed => {
                next.due_at = None;
                Ok("pass")
            }
            _ => refused,
        },
        Event::Postpone(until) => match next.state {
            Deleted => refused,
            _ => {
                next.due_at = Some(until);
                Ok("postponed")
            }
        },
        Event::Edit(change) => match next.state {
            Ready => {
                edit(next, change);
                Ok("edited")
            }
            _ => refused,
        },
        Event::Relocate(keys) => match next.state {
            Ready if is_clearing(next, now) => Err(Refused::Leased),
            Ready => {
                relocate(next, keys, now);
                Ok("relocating")
            }
            _ => refused,
        },
        Event::Rehome(home, change) => match next.state {
            Ready if is_clearing(next, now) => Err(Refused::Leased),
            Ready if next.lease_until.is_none_or(|until| until <= now) => Err(Refused::LeaseLost),
            Ready if !next.planned_keys.contains(&home.final_key) => Err(Refused::LeaseLost),
            Ready => {
                edit(next, change);
                rehome(next, *home, now);
                Ok("relocated")
            }
            _ => refused,
        },
        Event::Vacate => match next.state {
            Ready | Trashed if next.due_at.is_some_and(|due| due > now) => Err(Refused::Time),
            Ready | Trashed => {
                work(next, now);
                next.clearing_until = next.due_at;
                Ok("clearing")
            }
            _ => refused,
        },
        Event::Vacated(again) => match next.state {
            Ready | Trashed => {
                next.clearing_until = None;
                next.due_at = again.or(next.delete_after).or(next.expires_at);
                Ok("cleared")
            }
            _ => refused,
        },
    }
}

fn is_leased(record: &FileRecord, now: Timestamp) -> bool {
    record.lease_until.is_some_and(|until| until > now)
}

fn own_lease(record: &FileRecord, worker: WorkerId, now: Timestamp) -> Result<(), Refused> {
    match record.state {
        FileState::Processing if record.leased_to(worker, now) => Ok(()),
        FileState::Processing => Err(Refused::LeaseLost),
        other => Err(Refused::State(other)),
    }
}

fn lease(next: &mut FileRecord, worker: WorkerId, now: Timestamp) -> &'static str {
    next.state = FileState::Processing;
    next.lease_owner = Some(worker);
    next.lease_until = Some(now + LEASE);
    next.attempts += 1;
    next.due_at = next.lease_until;
    "claimed"
}

fn promote(next: &mut FileRecord, ingested: Ingested, now: Timestamp) {
    next.state = FileState::Ready;
    next.final_key = ingested.final_key;
    next.etag = ingested.etag;
    next.version_id = ingested.version_id;
    next.source_sha256 = ingested.source_sha256;
    next.sha256 = ingested.sha256;
    next.checksum_crc64nvme = ingested.checksum_crc64nvme;
    next.size = Some(ingested.size);
    next.content_type = Some(ingested.content_type);
    next.width = ingested.width;
    next.height = ingested.height;
    next.variants = ingested.variants;
    next.webp = ingested.webp;
    next.inline_small = ingested.inline_small;
    next.placeholder = ingested.placeholder;
    next.multipart = None;
    next.promotion = None;
    next.error_code = None;
    next.expires_at = ingested.life.map(|life| now + life);
    next.due_at = next.expires_at;
}

/// The refusal is the answer for a week; the bytes go at once and are looked for again after the lease.
fn fail(next: &mut FileRecord, code: ErrorKind, now: Timestamp) {
    next.due_at = Some(settled(next, now));
    next.state = FileState::Failed;
    next.error_code = Some(code);
    next.lease_until = None;
    next.ttl = Some((now + TOMBSTONE_LIFE).as_seconds());
}

/// Notes what is known of the scan. Without an object it is still about the same one.
fn note_scan(next: &mut FileRecord, status: ScanStatus, object: Option<ScannedObject>, now: Timestamp) {
    let scan = next.scan.get_or_insert_with(|| Scan::required(now));
    scan.status = status;
    scan.object = object.or(scan.object.take());
    scan.at = now;
    scan.moved = false;
}

/// Waiting is no attempt, and its end is set once: who keeps replacing the upload does not keep it waiting for ever.
fn await_scan(next: &mut FileRecord, object: ScannedObject, now: Timestamp) {
    next.state = FileState::Scanning;
    note_scan(next, ScanStatus::Pending, Some(object), now);
    next.lease_until = Some(now);
    next.attempts = next.attempts.saturating_sub(1);
    let deadline = next.scan.as_mut().map_or(now, |scan| *scan.deadline.get_or_insert(now + SCAN_LIFE));
    next.due_at = Some(deadline.min(now + SCAN_GRACE));
}

fn quarantine(next: &mut FileRecord, finding: Finding, now: Timestamp) {
    let status = if finding.threat.is_some() { ScanStatus::Infected } else { ScanStatus::Error };
    note_scan(next, status, Some(finding.object), now);
    if let Some(scan) = &mut next.scan {
        scan.threat = finding.threat;
    }
    lock_away(next, finding.key, now);
}

/// The key is known before anything is written under it. The move is due at once, whoever does it.
fn lock_away(next: &mut FileRecord, key: StorageKey, now: Timestamp) {
    next.state = FileState::Quarantined;
    next.quarantine_key = Some(key);
    next.error_code = Some(ErrorKind::FileQuarantined);
    next.lease_until = next.lease_until.map(|until| until.min(now));
    next.delete_after = Some(now + QUARANTINE_LIFE);
    next.due_at = Some(now);
}

fn trash(next: &mut FileRecord, now: Timestamp, life: Duration) {
    next.state = FileState::Trashed;
    // A file that is not kept for ever does not live longer by being in the trash.
    let end = next.expires_at.map_or(now + life, |expires| expires.min(now + life));
    next.delete_after = Some(end);
    // A readable file is due where it has left keys: a copy in a public place does not wait for the end of the trash.
    next.due_at = Some(next.due_at.map_or(end, |due| due.min(end)));
}

fn edit(next: &mut FileRecord, change: Edit) {
    if let Some(name) = change.filename.filter(|name| next.original_filename.as_ref() != Some(name)) {
        next.original_filename = Some(name);
        next.renamed = true;
    }
    if let Some(metadata) = change.metadata {
        next.metadata = metadata;
    }
}

fn is_clearing(record: &FileRecord, now: Timestamp) -> bool {
    record.clearing_until.is_some_and(|until| until > now)
}

/// The keys are known before anything is written under them. Whoever plans a copy may work for a lease, and its last
/// write arrives within [`SETTLE`] after that: only then does the sweep remove what the file does not serve, so that it
/// neither takes away what a live worker is about to commit nor misses what a dead one has sent.
fn relocate(next: &mut FileRecord, keys: Vec<StorageKey>, now: Timestamp) {
    for key in keys {
        if !next.planned_keys.contains(&key) {
            next.planned_keys.push(key);
        }
    }
    work(next, now);
}

/// Somebody writes or removes from now on, for a lease at most.
fn work(next: &mut FileRecord, now: Timestamp) {
    let end = now + LEASE;
    next.lease_until = Some(next.lease_until.map_or(end, |until| until.max(end)));
    next.due_at = next.lease_until.map(|until| until + SETTLE);
}

/// A removal that is late would take away the file if it had come back to the same key meanwhile. So it does not come
/// back before every removal was acknowledged, or must have arrived.
fn rehome(next: &mut FileRecord, home: Home, now: Timestamp) {
    next.visibility = home.visibility;
    next.final_key = Some(home.final_key);
    next.etag = Some(home.stored.etag);
    next.version_id = home.stored.version_id;
    next.checksum_crc64nvme = home.stored.checksum_crc64nvme.or(next.checksum_crc64nvme.take());
    for variant in next.variants.values_mut().chain(next.webp.values_mut()) {
        if let Some((key, etag)) = home.variants.get(&variant.key) {
            (variant.key, variant.etag) = (key.clone(), etag.clone());
        }
    }
    next.renamed = false;
    work(next, now);
    next.clearing_until = next.due_at;
}

/// The tombstone: from here on no edge leads back to a readable file.
fn entomb(next: &mut FileRecord, now: Timestamp) {
    next.due_at = Some(settled(next, now));
    next.state = FileState::Deleting;
    next.expires_at = None;
    next.ttl = None;
}

/// When the last write of a worker that still believes in its lease has arrived.
fn settled(record: &FileRecord, now: Timestamp) -> Timestamp {
    if !Safeguard::SecondPass.holds() {
        return now;
    }
    record.lease_until.map_or(now, |until| until.max(now)) + SETTLE
}

fn entry(
    record: &FileRecord,
    from: Option<FileState>,
    action: &str,
    actor: &Actor,
    at: Timestamp,
) -> AuditEntry {
    AuditEntry {
        id: Uuid::now_v7(),
        tenant: record.tenant,
        file_id: record.file_id,
        at,
        action: action.to_owned(),
        actor: actor.name.clone(),
        from,
        to: record.state,
        error_code: record.error_code,
        request_id: actor.request_id.clone(),
    }
}

#[cfg(test)]
mod tests;
