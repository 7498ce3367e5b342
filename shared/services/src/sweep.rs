//! The sweep: whatever a crash, a lost event or a slow writer left is found here and brought to an end.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use storage_core::ids::{FileId, TenantId, WorkerId};
use storage_core::key::{KeySpace, ObjectKey, QUARANTINE_PREFIX, STAGING_PREFIX};
use storage_core::ports::{
    DUE_SHARDS, IngestQueue, ListRequest, ObjectMeta, ObjectRef, ObjectStore, Scanner, StagedObject,
    SweepReport,
};
use storage_core::record::{FileRecord, FileState, ScanStatus};
use storage_core::state::{Actor, EVENT_GRACE, Event, MAX_ATTEMPTS, SCAN_GRACE, SETTLE};
use storage_core::timestamp::Timestamp;
use storage_core::{ErrorKind, Result};

use crate::deletion::remove_bytes;
use crate::ingest::staging_object;
use crate::ledger::{Applied, Ledger};
use crate::scan::{Scans, upload_object};
use crate::settings::Settings;

/// The name of the sweep in the audit trail.
const NAME: &str = "scheduled-cleanup";
/// A staging object this old belongs to an upload that is long over.
const STAGING_AGE: Duration = Duration::from_secs(75 * 60);
/// The longest one file may be moved.
const MOVE_TIME: Duration = Duration::from_secs(60);
/// How often a file is looked at that is on hold beyond its time.
const HOLD_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// How many records of a page of due work are read.
const PAGE: usize = 100;
/// Below this many removals in a run the size of the bucket does not matter.
const SMALL_RUN: u64 = 100;

/// What one run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records looked at.
    pub examined: u64,
    /// Uploads handed to `process-upload` again.
    pub enqueued: u64,
    /// Uploads, and files in the trash or of a purpose that is not kept, whose time was over.
    pub expired: u64,
    /// Files that used up their attempts, or whose direct upload died.
    pub failed: u64,
    /// Files that a scan refused, and those it did not come to an end with.
    pub quarantined: u64,
    /// Those of them for which no verdict came in time.
    pub scan_timeouts: u64,
    /// Tombstones whose bytes are gone.
    pub finished: u64,
    /// Objects of records that were removed.
    pub objects_removed: u64,
    /// Staging objects that no live record waits for.
    pub staging_removed: u64,
    /// Records and pages that could not be worked on now.
    pub errors: u64,
    /// Whether the circuit breaker stopped the run.
    pub stopped: bool,
}

/// Sweeps.
#[derive(Clone, Debug)]
pub struct Sweep {
    ledger: Ledger,
    storage: Arc<dyn ObjectStore>,
    queue: Arc<dyn IngestQueue>,
    settings: Arc<Settings>,
    scans: Scans,
}

impl Sweep {
    /// Over these.
    pub fn new(
        ledger: Ledger,
        storage: Arc<dyn ObjectStore>,
        queue: Arc<dyn IngestQueue>,
        settings: Arc<Settings>,
    ) -> Self {
        let scans = Scans::new(ledger.clone(), storage.clone(), settings.clone());
        Sweep { ledger, storage, queue, settings, scans }
    }

    /// The same with what scans uploads. Without it what waits for a verdict waits for its deadline.
    #[must_use]
    pub fn with_scanner(mut self, scanner: Arc<dyn Scanner>) -> Self {
        self.scans = self.scans.with_scanner(scanner);
        self
    }

    /// One run: due records, then the staging listing, then the report.
    ///
    /// One record that cannot be worked on is counted and left for the next run. A run that would remove more than
    /// [`Settings::sweep_object_budget`] objects, or, beyond the first hundred, more than one in a hundred of the staging
    /// bucket's, stops there and says so in its report: that many at once is more likely a fault than work.
    pub async fn run(&self) -> Result<Counts> {
        let started = self.ledger.clock.now();
        let mut counts = Counts::default();
        if !self.settings.sweep_enabled {
            tracing::warn!("the sweep is switched off");
            return Ok(counts);
        }
        for shard in 0..DUE_SHARDS {
            if let Err(error) = self.due_records(shard, started, &mut counts).await {
                counts.errors += 1;
                tracing::warn!(error.kind = %error.kind(), "a page of due work is left for the next sweep");
            }
        }
        if !counts.stopped
            && let Err(error) = self.staging(started, &mut counts).await
        {
            counts.errors += 1;
            tracing::warn!(error.kind = %error.kind(), "the staging bucket is left for the next sweep");
        }
        let report = serde_json::to_value(&counts).unwrap_or_default();
        self.ledger.store.put_sweep_report(&SweepReport { at: started, counts: report }).await?;
        if counts.stopped {
            tracing::error!(objects_removed = counts.objects_removed, "the sweep stopped itself");
        }
        Ok(counts)
    }

    async fn due_records(&self, shard: u8, started: Timestamp, counts: &mut Counts) -> Result<()> {
        let mut cursor = None;
        loop {
            let page = self.ledger.store.due(shard, started, cursor, PAGE).await?;
            for (tenant, file) in page.files {
                counts.examined += 1;
                if let Err(error) = self.examine(tenant, file, counts).await {
                    counts.errors += 1;
                    tracing::warn!(file.id = %file, error.kind = %error.kind(), "left for the next sweep");
                }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The index only found the file: what happens is decided by a strong read.
    async fn examine(&self, tenant: TenantId, file: FileId, counts: &mut Counts) -> Result<()> {
        let Some(record) = self.ledger.store.get_file(tenant, file).await? else { return Ok(()) };
        let now = self.ledger.clock.now();
        if record.due_at.is_none_or(|due| due > now) {
            return Ok(());
        }
        match record.state {
            FileState::Pending => self.pending(&record, now, counts).await,
            FileState::Processing => self.processing(&record, now, counts).await,
            // Past the budget nothing more is removed; uploads that wait are still helped.
            FileState::Deleting | FileState::Failed if self.over_budget(counts) => {
                counts.stopped = true;
                Ok(())
            }
            FileState::Deleting | FileState::Failed => self.pass(&record, counts).await,
            FileState::Trashed if record.delete_after.is_some_and(|after| after > now) => {
                self.clear(&record, counts).await
            }
            FileState::Ready
                if record.legal_hold || record.expires_at.is_none_or(|expires| expires > now) =>
            {
                self.clear(&record, counts).await
            }
            FileState::Scanning => self.scanning(&record, now, counts).await,
            FileState::Quarantined if record.awaits_move() => self.lock_away(&record, now).await,
            FileState::Ready | FileState::Trashed | FileState::Quarantined => {
                let written = self.step(&record, Event::Expire).await?;
                counts.expired += u64::from(written.is_some());
                match written {
                    Some(_) => Ok(()),
                    None => self.postpone(&record, now).await,
                }
            }
            FileState::Deleted => self.postpone(&record, now).await,
        }
    }

    async fn pending(&self, record: &FileRecord, now: Timestamp, counts: &mut Counts) -> Result<()> {
        if self.enqueue(record).await? {
            counts.enqueued += 1;
            return self.postpone(record, now).await;
        }
        match self.step(record, Event::Expire).await? {
            Some(_) => {
                counts.expired += 1;
                Ok(())
            }
            None => {
                let next =
                    record.expires_at.map_or(now + EVENT_GRACE, |expires| expires.min(now + EVENT_GRACE));
                self.step(record, Event::Postpone(next.max(now + Duration::from_secs(1)))).await.map(drop)
            }
        }
    }

    async fn processing(&self, record: &FileRecord, now: Timestamp, counts: &mut Counts) -> Result<()> {
        if record.attempts >= MAX_ATTEMPTS {
            if self.over_budget(counts) {
                counts.stopped = true;
                return Ok(());
            }
            if let Some(failed) = self.step(record, Event::Exhaust).await? {
                counts.failed += 1;
                counts.objects_removed += remove_bytes(self.storage.as_ref(), &failed).await?;
            }
            return Ok(());
        }
        if self.enqueue(record).await? {
            counts.enqueued += 1;
            return self.postpone(record, now).await;
        }
        if self.over_budget(counts) {
            counts.stopped = true;
            return Ok(());
        }
        // The bytes died with the function that held them, or were removed: nothing can be ingested any more.
        let worker = WorkerId::generate();
        let Some(claimed) = self.step(record, Event::Claim(worker)).await? else { return Ok(()) };
        if let Some(failed) = self.step(&claimed, Event::Fail(worker, ErrorKind::UploadNotFound)).await? {
            counts.failed += 1;
            counts.objects_removed += remove_bytes(self.storage.as_ref(), &failed).await?;
        }
        Ok(())
    }

    /// Asks the scanner once more. What is clean is handed on; what is not is locked away, and so is what has waited too
    /// long.
    async fn scanning(&self, record: &FileRecord, now: Timestamp, counts: &mut Counts) -> Result<()> {
        let found = self.scans.settle(record, &Actor::function(NAME)).await?;
        let status = found.scan.as_ref().map(|scan| scan.status);
        match found.state {
            FileState::Scanning if found.rev == record.rev => {
                let deadline = found.scan.as_ref().and_then(|scan| scan.deadline);
                let next = deadline.map_or(now + SCAN_GRACE, |deadline| deadline.min(now + SCAN_GRACE));
                self.step(&found, Event::Postpone(next.max(now + Duration::from_secs(1)))).await.map(drop)
            }
            FileState::Processing => self.processing(&found, now, counts).await,
            FileState::Quarantined => {
                counts.quarantined += 1;
                counts.scan_timeouts += u64::from(status == Some(ScanStatus::Timeout));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Moves the bytes of a quarantined file. One that takes too long does not keep the sweep from everything else; it
    /// stays where it is, which nobody can read either, and ends with the staging bucket's lifecycle.
    async fn lock_away(&self, record: &FileRecord, now: Timestamp) -> Result<()> {
        let actor = Actor::function(NAME);
        match tokio::time::timeout(MOVE_TIME, self.scans.finish_move(record, &actor)).await {
            Ok(moved) => moved.map(drop),
            Err(_) => {
                tracing::warn!(file.id = %record.file_id, "moving a file to quarantine takes too long");
                self.postpone(record, now).await
            }
        }
    }

    async fn pass(&self, record: &FileRecord, counts: &mut Counts) -> Result<()> {
        let found = remove_bytes(self.storage.as_ref(), record).await?;
        counts.objects_removed += found;
        let event = if found == 0 { Event::PassFoundNothing } else { Event::PassFoundBytes };
        let written = self.step(record, event).await?;
        counts.finished += u64::from(written.is_some_and(|record| record.state == FileState::Deleted));
        Ok(())
    }

    /// Removes what a readable or trashed file has left: objects it was served from, and copies of it that never came to
    /// be. It is due only when whoever copied is done, so what is not served now is nobody's.
    async fn clear(&self, record: &FileRecord, counts: &mut Counts) -> Result<()> {
        let mut left = Vec::new();
        for key in record.left_keys() {
            let object = ObjectRef::new(record.bucket.clone(), key.clone());
            if self.storage.exists(&object).await? {
                left.push(object);
            }
        }
        if left.is_empty() {
            let now = self.ledger.clock.now();
            if record.state == FileState::Ready && record.expires_at.is_some_and(|expires| expires <= now) {
                // It is on hold: nothing is to be done before somebody takes that off.
                return self.step(record, Event::Postpone(now + HOLD_PAUSE)).await.map(drop);
            }
            return self.step(record, Event::Vacated(None)).await.map(drop);
        }
        if self.over_budget(counts) {
            counts.stopped = true;
            return Ok(());
        }
        // From here on the file does not come back to one of these keys before the removals are acknowledged.
        let Some(clearing) = self.step(record, Event::Vacate).await? else { return Ok(()) };
        for object in &left {
            self.storage.delete(object).await?;
            counts.objects_removed += 1;
        }
        let again = self.ledger.clock.now() + SETTLE;
        self.step(&clearing, Event::Vacated(Some(again))).await.map(drop)
    }

    /// Hands the upload to `process-upload`, if there is one.
    async fn enqueue(&self, record: &FileRecord) -> Result<bool> {
        let (Some(object), Some(upload)) = (staging_object(record), upload_object(record)) else {
            return Ok(false);
        };
        if !self.storage.exists(&upload).await? {
            return Ok(false);
        }
        // Its staging key is what a file is known by there, wherever its bytes lie by now.
        self.queue.enqueue(StagedObject { object }).await?;
        Ok(true)
    }

    async fn postpone(&self, record: &FileRecord, now: Timestamp) -> Result<()> {
        self.step(record, Event::Postpone(now + EVENT_GRACE)).await.map(drop)
    }

    /// Applies an event to exactly this record: somebody else's write means that the next sweep decides.
    async fn step(&self, record: &FileRecord, event: Event) -> Result<Option<FileRecord>> {
        match self.ledger.apply_to(record, event, &Actor::function(NAME)).await? {
            Some(Applied::Written(record)) => Ok(Some(*record)),
            _ => Ok(None),
        }
    }

    /// Removes staging objects that nobody waits for: of tombstones, of finished uploads, and of no record at all. What
    /// lies in quarantine for no record is the same.
    async fn staging(&self, started: Timestamp, counts: &mut Counts) -> Result<()> {
        let space = KeySpace { base: self.settings.base_path.clone(), tenant: None };
        let (mut listed, mut orphans) = (0, Vec::new());
        for folder in [STAGING_PREFIX, QUARANTINE_PREFIX] {
            let prefix = match &self.settings.base_path {
                Some(base) => format!("{base}/{folder}"),
                None => folder.to_owned(),
            };
            let mut request = ListRequest::under(prefix);
            loop {
                let page = self.storage.list(&self.settings.staging_bucket, request.clone()).await?;
                listed += page.objects.len() as u64;
                for object in page.objects {
                    if started.since(object.last_modified) >= STAGING_AGE
                        && self.is_orphan(&space, &object).await?
                    {
                        orphans.push(object.key);
                    }
                }
                match page.next {
                    Some(next) => request.cursor = Some(next),
                    None => break,
                }
            }
        }
        let share = SMALL_RUN.max(listed / 100);
        let allowed = share.min(self.settings.sweep_object_budget.saturating_sub(counts.objects_removed));
        counts.stopped = orphans.len() as u64 > allowed;
        for key in orphans.into_iter().take(usize::try_from(allowed).unwrap_or(usize::MAX)) {
            self.storage.delete(&ObjectRef::new(self.settings.staging_bucket.clone(), key)).await?;
            counts.staging_removed += 1;
        }
        Ok(())
    }

    async fn is_orphan(&self, space: &KeySpace, object: &ObjectMeta) -> Result<bool> {
        let (tenant, file) = match ObjectKey::parse(space, object.key.as_str()) {
            Ok(ObjectKey::Staging { tenant, file, .. } | ObjectKey::Quarantine { tenant, file }) => {
                (tenant, file)
            }
            _ => return Ok(true),
        };
        let record = self.ledger.store.get_file(tenant, file).await?;
        Ok(record.is_none_or(|record| {
            let open =
                matches!(record.state, FileState::Pending | FileState::Processing | FileState::Scanning);
            let locked = record.state == FileState::Quarantined;
            let upload = (open || record.awaits_move()) && record.staging_key.as_ref() == Some(&object.key);
            let kept = (open || locked) && record.quarantine_key.as_ref() == Some(&object.key);
            !(upload || kept)
        }))
    }

    fn over_budget(&self, counts: &Counts) -> bool {
        counts.objects_removed >= self.settings.sweep_object_budget
    }
}
