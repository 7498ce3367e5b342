//! Between the model and the real thing: records become models, steps become events.

use std::collections::BTreeMap;
use std::time::Duration;

use storage_core::filename::FileName;
use storage_core::ids::WorkerId;
use storage_core::key::{StorageKey, Visibility};
use storage_core::ports::{ETag, Stored};
use storage_core::record::{FileRecord, Scan, ScannedObject};
use storage_core::state::{Edit, Event, Finding, Home, Ingested, Refused};
use storage_core::timestamp::Timestamp;
use storage_testkit::records::{new_tenant, sample_file, sample_time};
use uuid::Uuid;

use crate::model::{self, Lease, Model, Step};
use crate::table::Refusal;

/// The second 0 of models that no clock moves.
pub fn start() -> Timestamp {
    sample_time()
}

/// The real time of second `second` after `start`.
pub fn moment(start: Timestamp, second: u64) -> Timestamp {
    start + Duration::from_secs(second)
}

/// The real worker of this number.
pub fn worker(number: u8) -> WorkerId {
    WorkerId::from(Uuid::from_u128(0x1000 + u128::from(number)))
}

/// A fresh pending record, whose bytes come through staging or are in a request.
pub fn sample(staged: bool) -> FileRecord {
    let mut record = sample_file(new_tenant(), start());
    record.expires_at = Some(moment(start(), 75 * 60));
    record.due_at = Some(moment(start(), 10 * 60));
    if !staged {
        record.staging_key = None;
    }
    record
}

/// The same, of an upload that has to be scanned.
pub fn unscanned() -> FileRecord {
    FileRecord { scan: Some(Scan::required(start())), ..sample(true) }
}

/// What the model sees of a record, with second 0 at `start`. A worker that has no number is number 0.
pub fn observe(record: &FileRecord, start: Timestamp) -> Model {
    let second = |at: Timestamp| {
        let passed = at.since(start);
        assert_eq!(passed.subsec_millis(), 0, "times are whole seconds here");
        passed.as_secs()
    };
    let number = |id: WorkerId| (0..=u8::MAX).find(|number| worker(*number) == id).unwrap_or(0);
    let keys = record.planned_keys.iter();
    Model {
        state: record.state,
        rev: record.rev,
        lease: record
            .lease_until
            .map(|until| Lease { worker: record.lease_owner.map_or(0, number), until: second(until) }),
        attempts: record.attempts,
        held: record.legal_hold,
        staged: record.staging_key.is_some(),
        expires: record.expires_at.map(second),
        restorable: record.delete_after.map(second),
        clearing: record.clearing_until.map(second),
        due: record.due_at.map(second),
        forgotten: record.ttl.map(|ttl| (ttl - start.as_seconds()).unsigned_abs()),
        planned: keys.enumerate().map(|(index, key)| number_of(key).unwrap_or(index as u8)).collect(),
        code: record.error_code,
        scan: record.scan.as_ref().map(|scan| model::Scan {
            status: scan.status,
            until: scan.deadline.map(second),
            moved: scan.moved,
        }),
        locked: record.quarantine_key.is_some(),
    }
}

fn key(number: u8) -> StorageKey {
    StorageKey::parse(&format!("planned/{number}")).unwrap()
}

fn number_of(key: &StorageKey) -> Option<u8> {
    key.as_str().strip_prefix("planned/")?.parse().ok()
}

fn object() -> ScannedObject {
    ScannedObject { etag: ETag::new("uploaded"), version_id: None }
}

fn quarantine() -> StorageKey {
    StorageKey::parse("quarantine/x").unwrap()
}

fn finding(threat: bool) -> Finding {
    Finding { object: object(), threat: threat.then(|| "threat".to_owned()), key: quarantine() }
}

fn home(number: u8) -> Home {
    let stored = Stored { etag: ETag::new("copied"), version_id: None, checksum_crc64nvme: None };
    Home { visibility: Visibility::Public, final_key: key(number), stored, variants: BTreeMap::new() }
}

/// The event that a step stands for.
pub fn event(step: &Step, start: Timestamp) -> Event {
    match step {
        Step::Claim { worker: by } => Event::Claim(worker(*by)),
        Step::Plan { worker: by, keys } => {
            Event::Plan(worker(*by), keys.iter().map(|number| key(*number)).collect())
        }
        Step::Release { worker: by, counts } => Event::Release { worker: worker(*by), counts: *counts },
        Step::Promote { worker: by, life } => {
            let life = life.map(Duration::from_secs);
            Event::Promote(worker(*by), Box::new(Ingested { life, ..Ingested::default() }))
        }
        Step::Fail { worker: by, code } => Event::Fail(worker(*by), *code),
        Step::Exhaust => Event::Exhaust,
        Step::Reopen { worker: by } => Event::Reopen(worker(*by)),
        Step::Supersede { worker: by } => Event::Supersede(worker(*by)),
        Step::Replace => Event::Replace,
        Step::Trash { life } => Event::Trash(Duration::from_secs(*life)),
        Step::Restore => Event::Restore,
        Step::Expire => Event::Expire,
        Step::Delete => Event::Delete,
        Step::PassFound => Event::PassFoundBytes,
        Step::PassEmpty => Event::PassFoundNothing,
        Step::Postpone { until } => Event::Postpone(moment(start, *until)),
        Step::Edit => Event::Edit(Edit {
            filename: FileName::parse("another").ok(),
            metadata: Some([("name".to_owned(), "value".to_owned())].into()),
        }),
        Step::Relocate { key: number } => Event::Relocate(vec![key(*number)]),
        Step::Rehome { key: number } => Event::Rehome(Box::new(home(*number)), Edit::default()),
        Step::Clear => Event::Vacate,
        Step::Cleared { again } => Event::Vacated(again.map(|at| moment(start, at))),
        Step::Scanned { worker: by } => Event::Scanned(worker(*by), object()),
        Step::Condemn { worker: by, threat } => Event::Condemn(worker(*by), finding(*threat)),
        Step::AwaitScan { worker: by } => Event::AwaitScan(worker(*by), object()),
        Step::Acquit => Event::Acquit(object()),
        Step::Quarantine { threat } => Event::Quarantine(finding(*threat)),
        Step::ScanTimeout => Event::ScanTimeout(quarantine()),
        Step::Moved => Event::Moved,
        Step::Unquarantine => Event::Unquarantine,
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::State(_) => Refusal::State,
            Refused::Leased => Refusal::Leased,
            Refused::LeaseLost => Refusal::LeaseLost,
            Refused::Exhausted => Refusal::Exhausted,
            Refused::Held => Refusal::Held,
            Refused::Time => Refusal::Time,
            Refused::Unscanned => Refusal::Unscanned,
        }
    }
}
