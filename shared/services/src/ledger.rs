//! The one way a file's state is changed: decide by the state machine, commit, and decide anew after a conflict.

use std::sync::Arc;

use storage_core::ids::{ExternalId, FileId, TenantId};
use storage_core::ports::{Clock, CommitError, Conflict, MetadataStore, Transaction, Write};
use storage_core::record::{FileRecord, FileState};
use storage_core::state::{self, Actor, Change, Event, Refused};
use storage_core::{Error, ErrorKind, Result};

/// How often a decision is made anew before the caller is told to come back.
const ROUNDS: usize = 8;

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It was committed; this is the record now.
    Written(Box<FileRecord>),
    /// It does not apply to the record as it is.
    Refused(Box<FileRecord>, Refused),
    /// There is no such file.
    Missing,
}

/// The records of files, with the clock they are judged by.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The store.
    pub store: Arc<dyn MetadataStore>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Ledger {
    /// Over this store and clock.
    pub fn new(store: Arc<dyn MetadataStore>, clock: Arc<dyn Clock>) -> Self {
        Ledger { store, clock }
    }

    /// A file, `NotFound` where there is none.
    pub async fn read(&self, tenant: TenantId, file: FileId) -> Result<FileRecord> {
        self.store.get_file(tenant, file).await?.ok_or_else(|| Error::new(ErrorKind::NotFound, "no record"))
    }

    /// `NameTaken` where a live file other than `except` has the id already. The index lags, so two requests at once can
    /// both pass.
    pub async fn external_id_is_free(
        &self,
        tenant: TenantId,
        external: &ExternalId,
        except: Option<FileId>,
    ) -> Result<()> {
        for file in self.store.files_of_external_id(tenant, external).await? {
            if Some(file) == except {
                continue;
            }
            let live = self.store.get_file(tenant, file).await?.is_some_and(|record| {
                !matches!(record.state, FileState::Deleting | FileState::Deleted | FileState::Failed)
            });
            if live {
                return Err(Error::new(ErrorKind::NameTaken, "external_id"));
            }
        }
        Ok(())
    }

    /// Applies an event to the file as it is now, reading it first.
    pub async fn apply(
        &self,
        tenant: TenantId,
        file: FileId,
        event: Event,
        actor: &Actor,
    ) -> Result<Applied> {
        for _ in 0..ROUNDS {
            let Some(record) = self.store.get_file(tenant, file).await? else { return Ok(Applied::Missing) };
            match self.apply_to(&record, event.clone(), actor).await? {
                Some(applied) => return Ok(applied),
                None => continue,
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "a record kept changing"))
    }

    /// Applies an event to `record`; `None` where it was written by somebody else since it was read.
    pub async fn apply_to(
        &self,
        record: &FileRecord,
        event: Event,
        actor: &Actor,
    ) -> Result<Option<Applied>> {
        let change = match state::apply(record, event, actor, self.clock.now()) {
            Ok(change) => change,
            Err(refused) => return Ok(Some(Applied::Refused(Box::new(record.clone()), refused))),
        };
        match self.commit(change, Vec::new()).await {
            Ok(written) => Ok(Some(Applied::Written(Box::new(written)))),
            Err(CommitError::Conflict(..)) => Ok(None),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Commits a change together with other writes. The change's own write comes first.
    ///
    /// After a store failure the record is read again: where the write arrived all the same, it is a success.
    pub async fn commit(&self, change: Change, others: Vec<Write>) -> Result<FileRecord, CommitError> {
        let record = change.record.clone();
        let mut writes = change.into_writes();
        writes.extend(others);
        match self.store.commit(Transaction::new(writes)).await {
            Ok(()) => Ok(record),
            Err(refused @ CommitError::Conflict(0, Conflict::Revision)) => {
                self.arrived(record, refused).await
            }
            Err(failed @ CommitError::Store(_)) => self.arrived(record, failed).await,
            Err(other) => Err(other),
        }
    }

    /// A lost reply, or a retry of the client underneath, can report a failure for a write that happened.
    async fn arrived(&self, record: FileRecord, failure: CommitError) -> Result<FileRecord, CommitError> {
        match self.store.get_file(record.tenant, record.file_id).await {
            Ok(Some(found)) if found == record => Ok(record),
            _ => Err(failure),
        }
    }
}
