//! Scans: verdicts are asked for, applied to exactly the object they are about, and what is not clean is locked away.
//!
//! Nothing here makes a file readable. A clean verdict only lets ingest go on; everything else, and silence, leads to
//! quarantine, and a verdict that nobody waits for any more is dropped.

use std::sync::Arc;

use storage_core::key::{KeySpace, ObjectKey, StorageKey};
use storage_core::ports::{
    CopyRequest, NoScanner, ObjectMeta, ObjectRef, ObjectStore, PutOptions, ScanVerdict, Scanner,
    WriteCondition,
};
use storage_core::record::{FileRecord, FileState, ScannedObject};
use storage_core::state::{Actor, Event, Finding};
use storage_core::{ErrorKind, Result};

use crate::deletion::remove_finals;
use crate::ingest::{is_change, staging_object};
use crate::ledger::{Applied, Ledger};
use crate::settings::Settings;

/// The most characters of a threat's name that are kept.
const THREAT_LENGTH: usize = 100;

/// Asks for verdicts and applies them.
#[derive(Clone, Debug)]
pub struct Scans {
    ledger: Ledger,
    storage: Arc<dyn ObjectStore>,
    settings: Arc<Settings>,
    scanner: Arc<dyn Scanner>,
}

impl Scans {
    /// Over these, with nothing that scans.
    pub fn new(ledger: Ledger, storage: Arc<dyn ObjectStore>, settings: Arc<Settings>) -> Self {
        Scans { ledger, storage, settings, scanner: Arc::new(NoScanner) }
    }

    /// The same with this scanner.
    #[must_use]
    pub fn with_scanner(mut self, scanner: Arc<dyn Scanner>) -> Self {
        self.scanner = scanner;
        self
    }

    /// What the scanner knows of an object; `None` also where the object is another one by now.
    pub(crate) async fn ask(&self, object: &ObjectRef, meta: &ObjectMeta) -> Result<Option<ScanVerdict>> {
        match self.scanner.verdict(object, meta).await {
            Err(error) if is_change(&error) => Ok(None),
            answer => answer,
        }
    }

    /// Asks for the verdict on a record that waits for one, and says what the record is then. After its deadline no
    /// verdict, and no answer, is as good as a bad one.
    pub(crate) async fn settle(&self, record: &FileRecord, actor: &Actor) -> Result<FileRecord> {
        let known = self.look(record).await;
        let deadline = record.scan.as_ref().and_then(|scan| scan.deadline);
        let is_over = deadline.is_some_and(|deadline| deadline <= self.ledger.clock.now());
        let event = match known {
            Ok(Some((object, verdict))) => self.event(record, object, verdict),
            Ok(None) | Err(_) if is_over => Event::ScanTimeout(self.quarantine_key(record)),
            Ok(None) => return Ok(record.clone()),
            Err(error) => return Err(error),
        };
        Ok(self.apply(record, event, actor).await?.unwrap_or_else(|| record.clone()))
    }

    async fn look(&self, record: &FileRecord) -> Result<Option<(ScannedObject, ScanVerdict)>> {
        let Some((object, meta)) = self.staged(record).await? else { return Ok(None) };
        let verdict = self.ask(&object, &meta).await?;
        Ok(verdict.map(|verdict| (ScannedObject::from(&meta), verdict)))
    }

    /// Applies a verdict that a scanner sent by itself. `None` where it is dropped: it is about another object than the
    /// one on staging, or about a file that does not wait for it.
    pub async fn deliver(
        &self,
        record: &FileRecord,
        object: &ScannedObject,
        verdict: ScanVerdict,
        actor: &Actor,
    ) -> Result<Option<FileRecord>> {
        if record.state != FileState::Scanning {
            return Ok(None);
        }
        let Some((_, meta)) = self.staged(record).await? else { return Ok(None) };
        let staged = ScannedObject::from(&meta);
        if *object != staged {
            return Ok(None);
        }
        let event = self.event(record, staged, verdict);
        self.apply(record, event, actor).await
    }

    /// The record after the event; `None` where it is not one that waits any more.
    async fn apply(&self, record: &FileRecord, event: Event, actor: &Actor) -> Result<Option<FileRecord>> {
        match self.ledger.apply(record.tenant, record.file_id, event, actor).await? {
            Applied::Written(record) => {
                if record.state == FileState::Quarantined {
                    self.lock_away(&record, actor).await;
                }
                Ok(Some(*record))
            }
            Applied::Refused(..) | Applied::Missing => Ok(None),
        }
    }

    fn event(&self, record: &FileRecord, object: ScannedObject, verdict: ScanVerdict) -> Event {
        match self.finding(record, object.clone(), verdict) {
            Some(finding) => Event::Quarantine(finding),
            None => Event::Acquit(object),
        }
    }

    /// What a verdict found; `None` for a clean one.
    pub(crate) fn finding(
        &self,
        record: &FileRecord,
        object: ScannedObject,
        verdict: ScanVerdict,
    ) -> Option<Finding> {
        let threat = match verdict {
            ScanVerdict::Clean => return None,
            ScanVerdict::Infected { threat } => Some(plain(&threat)),
            ScanVerdict::Error => None,
        };
        Some(Finding { object, threat, key: self.quarantine_key(record) })
    }

    fn quarantine_key(&self, record: &FileRecord) -> StorageKey {
        let space = KeySpace { base: self.settings.base_path.clone(), tenant: None };
        ObjectKey::Quarantine { tenant: record.tenant, file: record.file_id }.path(&space)
    }

    async fn staged(&self, record: &FileRecord) -> Result<Option<(ObjectRef, ObjectMeta)>> {
        let Some(object) = staging_object(record) else { return Ok(None) };
        match self.storage.head(&object).await {
            Ok(meta) => Ok(Some((object, meta))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells of a file that has just been quarantined, and moves its bytes. What fails here the sweep makes up for.
    pub(crate) async fn lock_away(&self, record: &FileRecord, actor: &Actor) {
        let scan = record.scan.as_ref();
        tracing::warn!(
            tenant.id = %record.tenant,
            file.id = %record.file_id,
            scan.status = scan.map(|scan| scan.status.as_str()),
            scan.threat = scan.and_then(|scan| scan.threat.as_deref()),
            "file quarantined"
        );
        // What takes long is due at once all the same, and nobody waits for it here.
        if record.declared.size.is_none_or(|size| size > self.settings.inline_max_bytes) {
            return;
        }
        if let Err(error) = self.finish_move(record, actor).await {
            tracing::warn!(file.id = %record.file_id, error.kind = %error.kind(), "its bytes are moved by the sweep");
        }
    }

    /// Moves the bytes of a quarantined file from staging to quarantine; again and again with the same result.
    ///
    /// Only the object that was scanned is kept. Where another upload has taken its place, that one was never waited for,
    /// and what was refused is gone.
    pub(crate) async fn finish_move(&self, record: &FileRecord, actor: &Actor) -> Result<Option<FileRecord>> {
        if let (Some(source), Some(destination)) = (staging_object(record), quarantine_object(record)) {
            let scanned = record.scan.as_ref().and_then(|scan| scan.object.as_ref());
            let request = CopyRequest {
                source: source.clone().at(scanned.and_then(|object| object.version_id.clone())),
                destination,
                source_etag: scanned.map(|object| object.etag.clone()),
                options: PutOptions {
                    cache_control: Some("no-store".to_owned()),
                    condition: WriteCondition::CreateOnly,
                    ..PutOptions::default()
                },
            };
            match self.storage.copy(request).await {
                Ok(_) => {}
                // It was moved before, was replaced, or never was.
                Err(error) if is_change(&error) => {}
                Err(error) => return Err(error),
            }
            // An earlier upload may have been found clean, and written; it was never readable.
            remove_finals(self.storage.as_ref(), record).await?;
            self.storage.delete(&source).await?;
        }
        match self.ledger.apply(record.tenant, record.file_id, Event::Moved, actor).await? {
            Applied::Written(record) => Ok(Some(*record)),
            Applied::Refused(..) | Applied::Missing => Ok(None),
        }
    }
}

/// Where the bytes of a quarantined record lie, or are to lie.
pub(crate) fn quarantine_object(record: &FileRecord) -> Option<ObjectRef> {
    record.quarantine_key.clone().map(|key| ObjectRef::new(record.staging_bucket.clone(), key))
}

/// Where the bytes are that ingest is to look at: of a file that was let out of quarantine they lie there.
pub(crate) fn upload_object(record: &FileRecord) -> Option<ObjectRef> {
    if record.is_released() { quarantine_object(record) } else { staging_object(record) }
}

/// The name of a threat as it can be kept and shown: one line, not long.
fn plain(threat: &str) -> String {
    threat.chars().filter(|character| !character.is_control()).take(THREAT_LENGTH).collect()
}
