//! Ingest: from uploaded bytes to a readable file, by whoever comes first and with the same result for everybody.
//!
//! Event, `complete` and sweep all end here. A worker takes the lease, validates, names the keys it will write, writes
//! them create-only, and commits once. A refused commit is read again: only a tombstone makes a worker clean up.

mod attachment;
mod avatar;
mod commit;
mod content;
pub(crate) use content::sha256_hex;
mod documents;
mod gate;
mod large;
mod writer;

use std::sync::Arc;

use bytes::Bytes;
use storage_core::ids::{FileId, TenantId, WorkerId};
use storage_core::ports::{
    Body, ImageProcessor, ObjectMeta, ObjectRef, ObjectStore, PutOptions, Scanner, WriteCondition,
};
use storage_core::record::{FileRecord, FileState, ScannedObject};
use storage_core::safeguards::Safeguard;
use storage_core::state::{Actor, Event, Ingested, Refused};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use self::gate::Gate;
use crate::ledger::{Applied, Ledger};
use crate::quota::Quota;
use crate::scan::{Scans, quarantine_object, upload_object};
use crate::settings::Settings;

/// How often content that changes under validation is looked at again.
const CONTENT_ROUNDS: usize = 3;

/// Where the uploaded bytes are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In the record's staging object.
    Staging,
    /// In the caller's hands: a direct upload.
    Bytes(Bytes),
}

/// What became of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Readable.
    Ready(Box<FileRecord>),
    /// Refused; `error_code` says why.
    Failed(Box<FileRecord>),
    /// Another worker holds the lease.
    Busy(Box<FileRecord>),
    /// The rest is for the queue: the file is too large for a request, or the time of the invocation is over.
    Deferred(Box<FileRecord>),
    /// No bytes have been uploaded yet; nothing was changed.
    NotUploaded(Box<FileRecord>),
    /// It waits for the verdict of a scan.
    Scanning(Box<FileRecord>),
    /// A scan refused it, or did not come to an end.
    Quarantined(Box<FileRecord>),
    /// There is no such file any more, or it is in a state that ingest does not touch.
    Gone,
}

/// Validates and promotes uploads.
#[derive(Clone, Debug)]
pub struct Ingest {
    ledger: Ledger,
    storage: Arc<dyn ObjectStore>,
    images: Arc<dyn ImageProcessor>,
    quota: Quota,
    settings: Arc<Settings>,
    scans: Scans,
}

/// How long a worker may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// As long as a request: files above [`Settings::inline_max_bytes`] are left to the queue.
    Request,
    /// Until about this time, or as long as it takes; what is left then is left to the queue.
    Until(Option<Timestamp>),
}

/// One worker's hold on one file.
struct Job<'a> {
    ingest: &'a Ingest,
    record: FileRecord,
    worker: WorkerId,
    actor: &'a Actor,
    deadline: Option<Timestamp>,
    /// The object that was found clean; no other may be looked at.
    scanned: Option<ScannedObject>,
    /// Another upload has taken its place.
    replaced: bool,
}

impl Ingest {
    /// Over these.
    pub fn new(
        ledger: Ledger,
        storage: Arc<dyn ObjectStore>,
        images: Arc<dyn ImageProcessor>,
        settings: Arc<Settings>,
    ) -> Self {
        let quota = Quota::new(ledger.store.clone(), settings.clone());
        let scans = Scans::new(ledger.clone(), storage.clone(), settings.clone());
        Ingest { ledger, storage, images, quota, settings, scans }
    }

    /// The same with what scans uploads. Without it what has to be scanned ends in quarantine.
    #[must_use]
    pub fn with_scanner(mut self, scanner: Arc<dyn Scanner>) -> Self {
        self.scans = self.scans.with_scanner(scanner);
        self
    }

    /// What asks for verdicts.
    pub fn scans(&self) -> &Scans {
        &self.scans
    }

    /// Brings a file as far as a request can. Idempotent, and safe beside any number of others.
    ///
    /// An `Err` is retryable: the record is not failed, and the lease is given back unless the store refuses that too.
    pub async fn run(
        &self,
        tenant: TenantId,
        file: FileId,
        source: Source,
        actor: &Actor,
    ) -> Result<Outcome> {
        self.run_for(tenant, file, source, actor, Time::Request).await
    }

    /// The same for as long as `time` says.
    pub async fn run_for(
        &self,
        tenant: TenantId,
        file: FileId,
        source: Source,
        actor: &Actor,
        time: Time,
    ) -> Result<Outcome> {
        // On the heap: what one attempt holds is too much for the stack of everybody who awaits it.
        match Box::pin(self.attempt(tenant, file, source, actor, time)).await? {
            Some(outcome) => Ok(outcome),
            // The scan is over by now. Whatever becomes of the second attempt, it does not begin a third.
            None => match Box::pin(self.attempt(tenant, file, Source::Staging, actor, time)).await? {
                Some(outcome) => Ok(outcome),
                None => Ok(self.settled(self.ledger.read(tenant, file).await?)),
            },
        }
    }

    /// One attempt; `None` where a verdict came during it, and it has to be made again.
    async fn attempt(
        &self,
        tenant: TenantId,
        file: FileId,
        source: Source,
        actor: &Actor,
        time: Time,
    ) -> Result<Option<Outcome>> {
        let Some(mut record) = self.ledger.store.get_file(tenant, file).await? else {
            return Ok(Some(Outcome::Gone));
        };
        if record.state == FileState::Scanning {
            record = self.scans.settle(&record, actor).await?;
        }
        match record.state {
            FileState::Ready => {
                self.remove_staging(&record).await;
                return Ok(Some(Outcome::Ready(Box::new(record))));
            }
            FileState::Quarantined => {
                if record.awaits_move() {
                    self.scans.lock_away(&record, actor).await;
                }
                return Ok(Some(Outcome::Quarantined(Box::new(record))));
            }
            FileState::Scanning | FileState::Failed => return Ok(Some(self.settled(record))),
            FileState::Pending | FileState::Processing => {}
            FileState::Deleting | FileState::Deleted if !Safeguard::Tombstone.holds() => {}
            FileState::Deleting | FileState::Deleted => {
                self.remove_staging(&record).await;
                return Ok(Some(Outcome::Gone));
            }
            FileState::Trashed => return Ok(Some(Outcome::Gone)),
        }
        let source = self.staged_if_scanned(&record, source).await?;
        if matches!(source, Source::Staging) {
            let Some(staged) = self.staged(&record).await? else {
                // A commit that finished meanwhile removes the staging object before this worker looks for it.
                let found = self.ledger.store.get_file(tenant, file).await?;
                return Ok(Some(match found {
                    Some(record) if record.state == FileState::Pending => {
                        Outcome::NotUploaded(Box::new(record))
                    }
                    Some(record) => self.settled(record),
                    None => Outcome::Gone,
                }));
            };
            if time == Time::Request && staged.size > self.settings.inline_max_bytes {
                return Ok(Some(Outcome::Deferred(Box::new(record))));
            }
        }

        let worker = WorkerId::generate();
        let record = match self.ledger.apply(tenant, file, Event::Claim(worker), actor).await? {
            Applied::Written(record) => *record,
            Applied::Refused(record, Refused::Exhausted) => {
                return match self.ledger.apply(tenant, file, Event::Exhaust, actor).await? {
                    Applied::Written(record) => Ok(Some(self.settled(*record))),
                    _ => Ok(Some(self.settled(*record))),
                };
            }
            Applied::Refused(record, _) => return Ok(Some(self.settled(*record))),
            Applied::Missing => return Ok(Some(Outcome::Gone)),
        };
        let deadline = match time {
            Time::Request => None,
            Time::Until(deadline) => deadline,
        };
        let mut job = Job { ingest: self, record, worker, actor, deadline, scanned: None, replaced: false };
        match job.run(source).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                job.release(error.kind()).await;
                Err(error)
            }
        }
    }

    /// What a record says to somebody who did not get the lease.
    fn settled(&self, record: FileRecord) -> Outcome {
        match record.state {
            FileState::Ready => Outcome::Ready(Box::new(record)),
            FileState::Failed => Outcome::Failed(Box::new(record)),
            FileState::Pending | FileState::Processing => Outcome::Busy(Box::new(record)),
            FileState::Scanning => Outcome::Scanning(Box::new(record)),
            FileState::Quarantined => Outcome::Quarantined(Box::new(record)),
            FileState::Trashed | FileState::Deleting | FileState::Deleted => Outcome::Gone,
        }
    }

    /// What has to be scanned is put on staging first: there whoever scans finds it, and so does the next attempt.
    async fn staged_if_scanned(&self, record: &FileRecord, source: Source) -> Result<Source> {
        let (bytes, staging) = match (source, &record.scan, staging_object(record)) {
            (Source::Bytes(bytes), Some(_), Some(staging)) => (bytes, staging),
            (source, ..) => return Ok(source),
        };
        // Whoever has claimed it has found it there.
        if record.state != FileState::Pending {
            return Ok(Source::Staging);
        }
        let options = PutOptions { condition: WriteCondition::CreateOnly, ..PutOptions::default() };
        match self.storage.put(&staging, Body::Bytes(bytes), options).await {
            // An earlier attempt of the same request has put the same bytes there.
            Err(error) if error.kind() != ErrorKind::PreconditionFailed => Err(error),
            _ => Ok(Source::Staging),
        }
    }

    /// The upload as the storage knows it; `None` where there is none.
    async fn staged(&self, record: &FileRecord) -> Result<Option<ObjectMeta>> {
        let Some(staging) = upload_object(record) else { return Ok(None) };
        match self.storage.head(&staging).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the upload, from wherever it lies. A failure is only logged: the sweep and the bucket's lifecycle remove it
    /// too.
    async fn remove_staging(&self, record: &FileRecord) {
        for object in staging_object(record).into_iter().chain(quarantine_object(record)) {
            if let Err(error) = self.storage.delete(&object).await {
                tracing::warn!(file.id = %record.file_id, error.kind = %error.kind(), "staging object stays");
            }
        }
    }

    /// Removes every final key of a record that is, or is about to be, unreadable for good.
    async fn remove_finals(&self, record: &FileRecord) {
        for key in record.final_keys() {
            let object = ObjectRef::new(record.bucket.clone(), key.clone());
            if let Err(error) = self.storage.delete(&object).await {
                tracing::warn!(file.id = %record.file_id, error.kind = %error.kind(), "final object stays");
            }
        }
    }
}

/// Where the upload of a record lies.
pub fn staging_object(record: &FileRecord) -> Option<ObjectRef> {
    record.staging_key.clone().map(|key| ObjectRef::new(record.staging_bucket.clone(), key))
}

/// What one look at the content led to.
enum Verdict {
    /// Everything is written and may be committed.
    Accepted(Box<Ingested>),
    /// The upload is refused.
    Refused(ErrorKind),
    /// The content changed while it was looked at.
    Changed,
    /// The file was deleted or taken over meanwhile.
    Lost,
    /// There is no time for the rest.
    Paused,
}

impl Job<'_> {
    /// The outcome; `None` where a verdict came meanwhile and another attempt has to be made.
    async fn run(&mut self, source: Source) -> Result<Option<Outcome>> {
        for _ in 0..CONTENT_ROUNDS {
            match self.gate().await {
                Ok(Gate::Open) => {}
                Ok(Gate::Closed(outcome)) => return Ok(Some(outcome)),
                Ok(Gate::Again) => return Ok(None),
                Err(error) => return Err(as_outage(error)),
            }
            let verdict = if self.record.purpose.entity_kind().is_some() {
                Box::pin(self.avatar(&source)).await
            } else {
                Box::pin(self.attachment(&source)).await
            };
            let outcome = match verdict {
                Ok(Verdict::Accepted(ingested)) => self.promote(ingested).await,
                Ok(Verdict::Refused(code)) => self.fail(code).await,
                Ok(Verdict::Changed) => continue,
                Ok(Verdict::Lost) if std::mem::take(&mut self.replaced) => continue,
                Ok(Verdict::Lost) => self.lost().await,
                Ok(Verdict::Paused) => self.pause().await,
                Err(error) => return Err(as_outage(error)),
            };
            return outcome.map(Some);
        }
        self.fail(ErrorKind::ContentChanged).await.map(Some)
    }

    /// Compares what came with what was declared and allowed.
    fn check_size(&self, size: u64) -> Result<(), ErrorKind> {
        if !Safeguard::Size.holds() {
            return Ok(());
        }
        match self.record.declared.size {
            _ if size == 0 => Err(ErrorKind::EmptyFile),
            Some(declared) if size != declared => Err(ErrorKind::SizeMismatch),
            _ if size > self.record.max_bytes => Err(ErrorKind::PayloadTooLarge),
            _ => Ok(()),
        }
    }

    /// Whether an upload whose size was not declared fits into what its tenant may store. A declared one is reserved.
    async fn fits(&self, size: u64) -> Result<bool> {
        match self.record.declared.size {
            Some(_) => Ok(true),
            None => self.ingest.quota.fits(&self.record, size).await,
        }
    }

    fn check_sha256(&self, sha256: &str) -> Result<(), ErrorKind> {
        match &self.record.declared.sha256 {
            Some(declared) if declared != sha256 => Err(ErrorKind::ChecksumMismatch),
            _ => Ok(()),
        }
    }

    /// The upload as the storage knows it now; gone means that another worker finished, or the file was deleted, or that
    /// it is not the one that was scanned.
    async fn staged(&mut self) -> Result<Option<(ObjectRef, ObjectMeta)>> {
        let Some(meta) = self.ingest.staged(&self.record).await? else { return Ok(None) };
        self.replaced = self.scanned.as_ref().is_some_and(|scanned| *scanned != ScannedObject::from(&meta));
        if self.replaced {
            return Ok(None);
        }
        // What is read and copied from here on is this version, whatever takes its place.
        Ok(upload_object(&self.record).map(|object| (object.at(meta.version_id.clone()), meta)))
    }
}

/// The object was replaced or removed between two looks at it.
pub(crate) fn is_change(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::PreconditionFailed | ErrorKind::NotFound)
}

/// Only a verdict fails a file. What else goes wrong is the storage's, and may be over next time.
fn as_outage(error: Error) -> Error {
    if error.retryable() {
        return error;
    }
    Error::new(ErrorKind::StorageUnavailable, "ingest").with_cause(error.log_line())
}

/// Runs CPU-bound work beside the runtime. A panic of the work is a refused file, never a dead process.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(ErrorKind::InvalidImage, "the worker panicked")),
    }
}
