//! What the sweep leaves alone: every object of a live file, whatever its clock says, and most of a bucket in any case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use storage_core::key::{ObjectKey, StorageKey};
use storage_core::ports::{MetadataStore, ObjectRef, StorageBackend, Transaction, Write};
use storage_core::record::{FileRecord, FileState, Scan, ScanStatus};
use storage_core::state::SETTLE;
use storage_core::timestamp::Timestamp;
use storage_testkit::clock::ManualClock;
use storage_testkit::records::sample_file;
use storage_testkit::trials::{Random, Trials};

use super::World;
use crate::ingest::staging_object;
use crate::ledger::Ledger;
use crate::scan::quarantine_object;
use crate::sweep::Sweep;

/// How far the clock of a sweep is off, at most.
const SKEW: u64 = 10 * 60;
/// Records of one world.
const RECORDS: usize = 8;

impl World {
    /// A time at most half an hour before or after now.
    fn around(&self, random: &Random) -> Timestamp {
        let seconds = random.below(3600) as u64;
        self.now() + Duration::from_secs(seconds) - Duration::from_secs(1800)
    }

    fn now(&self) -> Timestamp {
        self.ledger().clock.now()
    }

    async fn put(&self, object: &ObjectRef) {
        self.storage.put(object, Bytes::from_static(b"live").into(), Default::default()).await.unwrap();
    }

    /// A record in any state, with any of its objects, that is due in most cases.
    async fn scatter(&self, random: &Random) -> FileRecord {
        let now = self.now();
        let mut record = sample_file(self.tenant, now - Duration::from_secs(random.below(4 * 3600) as u64));
        record.bucket = self.settings.files_bucket.clone();
        record.staging_bucket = self.settings.staging_bucket.clone();
        record.state = *random.pick(FileState::ALL);
        record.attempts = random.below(6) as u32;
        record.legal_hold = random.chance(1, 4);
        record.expires_at = Some(self.around(random));
        record.delete_after = Some(self.around(random));
        record.lease_until = Some(self.around(random));
        record.scan = random.chance(1, 2).then(|| scan(random, self.around(random)));
        if record.state == FileState::Quarantined {
            record.quarantine_key =
                Some(StorageKey::parse(&format!("quarantine/{}/{}", record.tenant, record.file_id)).unwrap());
        }
        record.due_at = random.chance(7, 8).then(|| self.around(random));
        let [served, left] = ["private", "public"].map(|place| {
            StorageKey::parse(&format!("{place}/attachments/2026/11/{}.jpg", record.file_id)).unwrap()
        });
        let beside = ObjectKey::AttachmentMetadata { file: record.file_id }.path(&record.key_space());
        record.planned_keys = vec![beside, left];
        match random.chance(2, 3) || is_whole(&record) {
            true => record.final_key = Some(served),
            false => record.planned_keys.push(served),
        }
        if is_whole(&record) && record.due_at.is_some() {
            // Somebody copies it to another place, and is done by then.
            let copied = record.lease_until.map(|until| until + SETTLE);
            record.due_at =
                copied.min(record.delete_after.filter(|_| record.state == FileState::Trashed).or(copied));
        }
        if random.chance(1, 8) {
            record.staging_key = None;
        }
        // The bytes are as old as the file.
        self.clock.set(record.created_at);
        let uploads = staging_object(&record).into_iter().chain(quarantine_object(&record));
        for object in finals(&record).into_iter().chain(uploads) {
            if random.chance(2, 3) {
                self.put(&object).await;
            }
        }
        self.clock.set(now);
        let create = Write::CreateFile(Box::new(record.clone()));
        self.store.commit(Transaction::new(vec![create])).await.unwrap();
        record
    }

    /// A sweep whose clock is at most ten minutes off.
    fn skewed(&self, random: &Random) -> Sweep {
        let now = self.now() + Duration::from_secs(random.below(2 * SKEW as usize + 1) as u64);
        let clock = Arc::new(ManualClock::at(now - Duration::from_secs(SKEW)));
        let ledger = Ledger::new(self.store.clone(), clock);
        Sweep::new(ledger, self.storage.clone(), self.queue.clone(), self.settings.clone())
    }
}

/// A scan of any kind but one that an administrator has ended, whose verdict is waited for until then if it is.
fn scan(random: &Random, deadline: Timestamp) -> Scan {
    let statuses = [ScanStatus::Pending, ScanStatus::Clean, ScanStatus::Infected, ScanStatus::Timeout];
    let (status, moved) = (*random.pick(&statuses), random.chance(1, 2));
    Scan { status, deadline: Some(deadline), moved, ..Scan::required(deadline) }
}

fn finals(record: &FileRecord) -> Vec<ObjectRef> {
    record.final_keys().map(|key| ObjectRef::new(record.bucket.clone(), key.clone())).collect()
}

/// Whether all of it is there, to be read or to be restored.
fn is_whole(record: &FileRecord) -> bool {
    matches!(record.state, FileState::Ready | FileState::Trashed)
}

/// The objects of a file that somebody reads, may get back, or still needs to make it readable, or readable elsewhere.
fn live(record: &FileRecord, now: Timestamp) -> Vec<ObjectRef> {
    let object = |key: &StorageKey| ObjectRef::new(record.bucket.clone(), key.clone());
    match record.state {
        FileState::Deleting | FileState::Deleted | FileState::Failed => Vec::new(),
        FileState::Pending | FileState::Processing | FileState::Scanning => {
            finals(record).into_iter().chain(staging_object(record)).collect()
        }
        // Until it has been moved the staging object is all there is. What lies in quarantine already is not replaced.
        FileState::Quarantined => quarantine_object(record).into_iter().collect(),
        FileState::Ready if record.lease_until.is_some_and(|until| until > now) => finals(record),
        FileState::Ready | FileState::Trashed => record.live_keys().map(object).collect(),
    }
}

/// Whether a sweep may end the file, by a clock that is at most ten minutes ahead.
fn may_end(record: &FileRecord, staged: bool, now: Timestamp) -> bool {
    let over = |at: Option<Timestamp>| at.is_some_and(|at| at <= now + Duration::from_secs(SKEW));
    match record.state {
        FileState::Pending => !staged && over(record.expires_at),
        FileState::Processing => over(record.lease_until) && (!staged || record.attempts >= 5),
        FileState::Trashed | FileState::Quarantined => !record.legal_hold && over(record.delete_after),
        FileState::Scanning => over(record.scan.as_ref().and_then(|scan| scan.deadline)),
        FileState::Ready => !record.legal_hold && over(record.expires_at),
        FileState::Failed | FileState::Deleting | FileState::Deleted => true,
    }
}

#[tokio::test]
async fn g57_the_sweep_never_removes_a_live_object() {
    let trials = Trials::new("G57", 10_000);
    let (mut ended, mut kept, mut removed) = (BTreeMap::new(), 0, 0);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let (world, random) = (World::new(), Random::new(seed));
        let mut before = Vec::new();
        for _ in 0..RECORDS {
            let record = world.scatter(&random).await;
            let mut objects = Vec::new();
            for object in live(&record, world.now()) {
                if world.storage.exists(&object).await.unwrap() {
                    objects.push(object);
                }
            }
            let staged = staging_object(&record).is_some_and(|staging| objects.contains(&staging));
            before.push((may_end(&record, staged, world.now()), record, objects));
        }
        for _ in 0..3 {
            let counts = world.skewed(&random).run().await.unwrap();
            assert_eq!(counts.errors, 0, "{counts:?}");
            removed += counts.objects_removed + counts.staging_removed;
        }
        for (may_end, record, objects) in before {
            let after = world.record(record.file_id).await;
            if after.state != record.state {
                assert!(may_end, "ended too early: {record:#?}");
                *ended.entry(record.state.as_str()).or_insert(0) += 1;
            }
            // What goes to quarantine leaves every place it was in, as what is deleted does.
            let is_live = after.state == record.state
                || (!live(&after, world.now()).is_empty() && after.state != FileState::Quarantined);
            for object in objects.iter().filter(|_| is_live) {
                assert!(world.storage.exists(object).await.unwrap(), "{object:?} of {record:#?}");
                kept += 1;
            }
        }
    }
    // Each kind of ending was seen: the sweep did not merely stand still.
    assert!(["deleting", "pending", "processing", "trashed"].iter().all(|state| ended.contains_key(state)));
    trials.report(
        json!({ "live_objects": kept, "live_objects_removed": 0, "removed": removed, "ended": ended }),
    );
}

/// More than a thousand objects in one run is a fault, not work.
#[tokio::test]
async fn g57_the_sweep_stops_itself_after_a_thousand_objects() {
    let world = World::new();
    for _ in 0..600 {
        let mut record = sample_file(world.tenant, world.now());
        record.bucket = world.settings.files_bucket.clone();
        record.staging_key = None;
        record.state = FileState::Deleting;
        record.due_at = Some(world.now());
        let keys = ["a", "b"].map(|name| format!("private/attachments/{}/{name}", record.file_id));
        record.planned_keys = keys.iter().map(|key| StorageKey::parse(key).unwrap()).collect();
        for object in finals(&record) {
            world.put(&object).await;
        }
        let create = Write::CreateFile(Box::new(record));
        world.store.commit(Transaction::new(vec![create])).await.unwrap();
    }
    let counts = world.sweep().run().await.unwrap();
    assert_eq!((counts.stopped, counts.objects_removed), (true, 1000), "{counts:?}");
    assert_eq!(world.keys(&[]).len(), 200);
    let report = world.store.last_sweep_report().await.unwrap().unwrap();
    assert_eq!(report.counts["stopped"], true, "the alarm reads the report");
}

/// More than one in a hundred of the staging bucket, beyond the first hundred, is a fault too.
#[tokio::test]
async fn g57_the_sweep_stops_itself_after_a_hundredth_of_the_staging_bucket() {
    for (orphans, removed, stopped) in [(120, 120, false), (121, 120, true)] {
        let world = World::new();
        let object = |number: usize| {
            let key = format!("temp/uploads/{number}");
            ObjectRef::new(world.settings.staging_bucket.clone(), StorageKey::parse(&key).unwrap())
        };
        for number in 0..orphans {
            world.put(&object(number)).await;
        }
        world.wait(80);
        for number in orphans..12_000 {
            world.put(&object(number)).await;
        }
        let counts = world.sweep().run().await.unwrap();
        assert_eq!((counts.staging_removed, counts.stopped), (removed, stopped), "{counts:?}");
        assert_eq!(world.keys(&[]).len() as u64, 12_000 - removed);
    }
}
