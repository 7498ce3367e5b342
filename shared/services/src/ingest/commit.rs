//! The end of a job: the one commit, and what a worker may do when it is refused.

use storage_core::ports::{CommitError, Write};
use storage_core::record::{FileRecord, FileState};
use storage_core::safeguards::Safeguard;
use storage_core::state::{self, Event, Ingested, MAX_ATTEMPTS};
use storage_core::{Error, ErrorKind, Result};

use super::{Job, Outcome};
use crate::ledger::Applied;

/// How often a commit that lost to another avatar is tried again.
const ROUNDS: usize = 8;

impl Job<'_> {
    /// Makes the file readable; of an avatar also the current one, unless a newer upload or delete was issued.
    pub(super) async fn promote(&mut self, mut ingested: Box<Ingested>) -> Result<Outcome> {
        ingested.life = self.ingest.settings.kept_for(self.record.purpose);
        for _ in 0..ROUNDS {
            let others = match self.pointer_writes().await? {
                Some(others) => others,
                None => return self.superseded().await,
            };
            let ledger = &self.ingest.ledger;
            let event = Event::Promote(self.worker, ingested.clone());
            let Ok(change) = state::apply(&self.record, event, self.actor, ledger.clock.now()) else {
                return self.lost().await;
            };
            match ledger.commit(change, others).await {
                Ok(record) => {
                    self.ingest.remove_staging(&record).await;
                    tracing::info!(file.id = %record.file_id, size_bytes = record.size, "file ready");
                    return Ok(Outcome::Ready(Box::new(record)));
                }
                // Write 0 is this file; a conflict further on is another avatar that was faster.
                Err(CommitError::Conflict(0, _)) => return self.lost().await,
                Err(CommitError::Conflict(..)) => continue,
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "the avatar pointer kept moving"))
    }

    /// What is written beside a ready avatar: the pointer, and the tombstone of the avatar it pointed to.
    /// `None` where the pointer is ahead of this file.
    async fn pointer_writes(&self) -> Result<Option<Vec<Write>>> {
        let (Some(key), Some(seq)) = (self.record.pointer_key(), self.record.seq) else {
            return Ok(Some(Vec::new()));
        };
        let store = &self.ingest.ledger.store;
        let pointer = store.get_pointer(&key).await?.unwrap_or_default();
        if pointer.current_seq.is_some_and(|current| current >= seq) && Safeguard::AvatarOrder.holds() {
            return Ok(None);
        }
        let file = Some(self.record.file_id);
        let mut writes = vec![Write::SetPointer { key, expected: pointer.current_seq, seq, file }];
        if let Some(old) = pointer.current_file_id
            && let Some(old) = store.get_file(self.record.tenant, old).await?
            && let Ok(change) = state::apply(&old, Event::Replace, self.actor, self.ingest.ledger.clock.now())
        {
            writes.extend(change.into_writes());
        }
        Ok(Some(writes))
    }

    /// A newer avatar is shown: this one goes without ever having been readable.
    async fn superseded(&mut self) -> Result<Outcome> {
        match self.apply(Event::Supersede(self.worker)).await? {
            Some(record) => {
                self.ingest.remove_staging(&record).await;
                self.ingest.remove_finals(&record).await;
                Ok(Outcome::Gone)
            }
            None => self.lost().await,
        }
    }

    /// Refuses the upload. Its record tells why for a week; its bytes go at once.
    pub(super) async fn fail(&mut self, code: ErrorKind) -> Result<Outcome> {
        match self.apply(Event::Fail(self.worker, code)).await? {
            Some(record) => {
                self.ingest.remove_staging(&record).await;
                self.ingest.remove_finals(&record).await;
                tracing::info!(file.id = %record.file_id, error.kind = %code, "file refused");
                Ok(Outcome::Failed(Box::new(record)))
            }
            None => self.lost().await,
        }
    }

    /// The file is not this worker's any more. Only a tombstone lets it remove what it wrote: in every other state the
    /// same keys belong to another worker.
    pub(super) async fn lost(&mut self) -> Result<Outcome> {
        let (tenant, file) = (self.record.tenant, self.record.file_id);
        let Some(found) = self.ingest.ledger.store.get_file(tenant, file).await? else {
            return Ok(Outcome::Gone);
        };
        if matches!(found.state, FileState::Deleting | FileState::Deleted) || !Safeguard::Survivors.holds() {
            self.ingest.remove_staging(&self.record).await;
            self.ingest.remove_finals(&self.record).await;
        } else if found.leased_to(self.worker, self.ingest.ledger.clock.now()) {
            // The upload went away under a live lease: whoever looks next need not wait for its end.
            self.release(ErrorKind::UploadNotFound).await;
        }
        Ok(self.ingest.settled(found))
    }

    /// Leaves the rest to a later worker. What was done is written down, so the attempt does not count.
    pub(super) async fn pause(&mut self) -> Result<Outcome> {
        self.release(ErrorKind::StorageUnavailable).await;
        Ok(Outcome::Deferred(Box::new(self.record.clone())))
    }

    /// Gives the lease back, so that the next delivery need not wait for it to end. The last attempt that counts is the
    /// end of the file.
    pub(super) async fn release(&self, cause: ErrorKind) {
        // Without the store there is nothing to give back to, and its time is the caller's.
        if cause == ErrorKind::MetadataUnavailable {
            return;
        }
        let counts = cause != ErrorKind::StorageUnavailable;
        let event = Event::Release { worker: self.worker, counts };
        let (tenant, file) = (self.record.tenant, self.record.file_id);
        let ledger = &self.ingest.ledger;
        match ledger.apply(tenant, file, event, self.actor).await {
            Ok(Applied::Written(record)) if counts && record.attempts >= MAX_ATTEMPTS => {
                if let Ok(Applied::Written(failed)) =
                    ledger.apply(tenant, file, Event::Exhaust, self.actor).await
                {
                    self.ingest.remove_staging(&failed).await;
                    self.ingest.remove_finals(&failed).await;
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(file.id = %file, error.kind = %error.kind(), "lease is not given back");
            }
        }
    }

    pub(super) async fn apply(&mut self, event: Event) -> Result<Option<FileRecord>> {
        let (tenant, file) = (self.record.tenant, self.record.file_id);
        match self.ingest.ledger.apply(tenant, file, event, self.actor).await? {
            Applied::Written(record) => {
                self.record = (*record).clone();
                Ok(Some(*record))
            }
            Applied::Refused(..) | Applied::Missing => Ok(None),
        }
    }
}
