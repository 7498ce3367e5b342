//! Quarantine: an administrator's way to let a file out of it. Nobody reads what lies there.

use std::sync::Arc;

use storage_core::ids::FileId;
use storage_core::ports::{IngestQueue, ObjectStore, StagedObject};
use storage_core::record::{FileRecord, FileState};
use storage_core::state::{Event, Refused};
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};

use crate::ingest::staging_object;
use crate::ledger::{Applied, Ledger};
use crate::scan::{Scans, quarantine_object};
use crate::settings::Settings;
use crate::tenants::Tenants;
use crate::uploads::actor;

/// Lets files out of quarantine.
#[derive(Clone, Debug)]
pub struct Quarantine {
    ledger: Ledger,
    tenants: Tenants,
    storage: Arc<dyn ObjectStore>,
    queue: Arc<dyn IngestQueue>,
    scans: Scans,
}

impl Quarantine {
    /// Over these.
    pub fn new(
        ledger: Ledger,
        settings: Arc<Settings>,
        storage: Arc<dyn ObjectStore>,
        queue: Arc<dyn IngestQueue>,
    ) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        let scans = Scans::new(ledger.clone(), storage.clone(), settings);
        Quarantine { ledger, tenants, storage, queue, scans }
    }

    /// Lets a file out, whatever the scan said, and hands it to `process-upload`: it is validated as any other upload,
    /// and readable when that has succeeded.
    ///
    /// `Forbidden` for callers that are no administrators; `NotFound` for a file of another tenant; `StateConflict` for
    /// one that is not in quarantine, or not any more; `UploadNotFound` where its bytes are gone.
    pub async fn release(&self, context: &TenantContext, file: FileId) -> Result<FileRecord> {
        if !context.scopes.admin {
            return Err(Error::new(ErrorKind::Forbidden, "only administrators release files"));
        }
        self.tenants.check(context).await?;
        let actor = actor(context);
        let mut record = self.ledger.read(context.tenant, file).await?;
        match record.state {
            FileState::Quarantined => {}
            FileState::Deleting | FileState::Deleted => {
                return Err(Error::new(ErrorKind::NotFound, "a tombstone"));
            }
            _ => return Err(Error::new(ErrorKind::StateConflict, "not in quarantine")),
        }
        // What has just been quarantined may still be on its way.
        if record.awaits_move()
            && let Some(moved) = self.scans.finish_move(&record, &actor).await?
        {
            record = moved;
        }
        let bytes = quarantine_object(&record);
        let exists = match &bytes {
            Some(object) => self.storage.exists(object).await?,
            None => false,
        };
        if !exists {
            return Err(Error::new(ErrorKind::UploadNotFound, "nothing lies in quarantine"));
        }
        let released = match self.ledger.apply(record.tenant, file, Event::Unquarantine, &actor).await? {
            Applied::Written(record) => *record,
            Applied::Refused(_, Refused::State(FileState::Deleting | FileState::Deleted))
            | Applied::Missing => return Err(Error::new(ErrorKind::NotFound, "deleted meanwhile")),
            Applied::Refused(_, refused) => {
                return Err(Error::new(ErrorKind::StateConflict, format!("{refused:?}")));
            }
        };
        // It is due: where it cannot be handed on now, the sweep does it.
        if let Some(object) = staging_object(&released)
            && let Err(error) = self.queue.enqueue(StagedObject { object }).await
        {
            tracing::warn!(file.id = %file, error.kind = %error.kind(), "a released file is left to the sweep");
        }
        Ok(released)
    }
}
