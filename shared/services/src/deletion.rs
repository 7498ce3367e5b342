//! Deleting: the tombstone first, the bytes second, and a second pass for a writer that was slow.

mod restore;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use storage_core::ids::{EntityId, FileId};
use storage_core::key::EntityKind;
use storage_core::ports::{CommitError, ObjectRef, ObjectStore, Transaction, UploadId, Write};
use storage_core::record::{FileRecord, FileState, PointerKey};
use storage_core::state::{self, Actor, Event, Refused};
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::idempotency;
use crate::ingest::staging_object;
use crate::ledger::{Applied, Ledger};
use crate::scan::quarantine_object;
use crate::settings::Settings;
use crate::tenants::Tenants;
use crate::uploads::{Idempotency, actor};

/// How often a deletion that lost a race is decided anew.
const ROUNDS: usize = 16;
/// How many files of a batch are deleted at once.
const AT_ONCE: usize = 16;

/// Deletes files and avatars.
#[derive(Clone, Debug)]
pub struct Deletion {
    ledger: Ledger,
    tenants: Tenants,
    storage: Arc<dyn ObjectStore>,
    settings: Arc<Settings>,
}

impl Deletion {
    /// Over these.
    pub fn new(ledger: Ledger, settings: Arc<Settings>, storage: Arc<dyn ObjectStore>) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        Deletion { ledger, tenants, storage, settings }
    }

    /// Deletes a file: a ready one goes to the trash unless `permanent`, everything else for good.
    ///
    /// Deleting again is success. `NotFound` for a file that never was or is somebody else's; `StateConflict` under a
    /// legal hold.
    pub async fn delete_file(&self, context: &TenantContext, file: FileId, permanent: bool) -> Result<()> {
        self.tenants.check(context).await?;
        self.delete_one(context, file, permanent).await
    }

    /// Deletes many files, and says in their order what became of each.
    ///
    /// `Err` is an outage: some of them may be deleted all the same, and the request can be repeated.
    pub async fn delete_files(
        &self,
        context: &TenantContext,
        files: Vec<FileId>,
        permanent: bool,
        idempotency: Option<Idempotency>,
    ) -> Result<Vec<(FileId, Result<()>)>> {
        let Some(first) = files.first() else { return Ok(Vec::new()) };
        self.tenants.check(context).await?;
        if let Some(idempotency) = &idempotency {
            self.keep(context, idempotency, *first).await?;
        }
        let deleted = stream::iter(files).map(|file| async move {
            match self.delete_one(context, file, permanent).await {
                Err(error) if error.retryable() => Err(error),
                result => Ok((file, result)),
            }
        });
        deleted.buffered(AT_ONCE).try_collect().await
    }

    /// Binds a key to this request. Deleting is the same however often it is done, so nothing else is kept.
    async fn keep(&self, context: &TenantContext, idempotency: &Idempotency, file: FileId) -> Result<()> {
        if idempotency::kept(&self.ledger, context, idempotency).await?.is_some() {
            return Ok(());
        }
        let write = idempotency::keep(context, idempotency, file, self.ledger.clock.now());
        match self.ledger.store.commit(Transaction::new(vec![write])).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(..)) => {
                idempotency::kept(&self.ledger, context, idempotency).await.map(drop)
            }
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn delete_one(&self, context: &TenantContext, file: FileId, permanent: bool) -> Result<()> {
        let actor = actor(context);
        for _ in 0..ROUNDS {
            let record = self.ledger.read(context.tenant, file).await?;
            access::may_use_file(context, &record, true)?;
            if let (Some(key), FileState::Ready) = (record.pointer_key(), record.state) {
                // The current avatar leaves together with its pointer; any other ready avatar is a moment from its end.
                let pointer = self.ledger.store.get_pointer(&key).await?.unwrap_or_default();
                if pointer.current_file_id == Some(file) {
                    return self.clear_avatar(key, &actor, Some(file)).await;
                }
            }
            let trash = record.state == FileState::Ready && !permanent && record.pointer_key().is_none();
            let event = if trash { Event::Trash(self.settings.trash_life) } else { Event::Delete };
            if record.state == FileState::Trashed && !permanent {
                return Ok(());
            }
            match self.ledger.apply_to(&record, event, &actor).await? {
                Some(Applied::Written(record)) => {
                    if record.state == FileState::Deleting {
                        self.first_pass(&record).await;
                    }
                    return Ok(());
                }
                Some(Applied::Refused(_, Refused::State(FileState::Deleting | FileState::Deleted))) => {
                    return Ok(());
                }
                Some(Applied::Refused(_, refused)) => {
                    return Err(Error::new(ErrorKind::StateConflict, format!("{refused:?}")));
                }
                Some(Applied::Missing) | None => {}
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "the record kept changing"))
    }

    /// Deletes the avatar of an entity, and wins over every upload that was issued before. Deleting again is success.
    pub async fn delete_avatar(
        &self,
        context: &TenantContext,
        kind: EntityKind,
        entity: EntityId,
    ) -> Result<()> {
        self.tenants.check(context).await?;
        access::may_write_avatar(context, kind, entity)?;
        let actor = actor(context);
        let key = PointerKey { tenant: context.tenant, kind, entity };
        self.clear_avatar(key, &actor, None).await
    }

    /// Empties the pointer and entombs the file it named, in one transaction; with `only`, as long as it names that file.
    async fn clear_avatar(&self, key: PointerKey, actor: &Actor, only: Option<FileId>) -> Result<()> {
        let store = &self.ledger.store;
        // Deleting the avatar outranks every upload issued before; deleting one generation of it outranks none.
        let taken = match only {
            Some(_) => None,
            None => Some(store.take_seq(&key).await?),
        };
        for _ in 0..ROUNDS {
            let pointer = store.get_pointer(&key).await?.unwrap_or_default();
            let seq = taken.or(pointer.current_seq).unwrap_or_default();
            let overtaken = taken.is_some() && pointer.current_seq.is_some_and(|current| current >= seq);
            if overtaken || (only.is_some() && pointer.current_file_id != only) {
                return Ok(());
            }
            let mut writes = vec![Write::SetPointer { key, expected: pointer.current_seq, seq, file: None }];
            let mut tombstone = None;
            if let Some(file) = pointer.current_file_id {
                let record = self.ledger.read(key.tenant, file).await?;
                match state::apply(&record, Event::Delete, actor, self.ledger.clock.now()) {
                    Ok(change) => {
                        tombstone = Some(change.record.clone());
                        writes.extend(change.into_writes());
                    }
                    Err(Refused::Held) => return Err(Error::new(ErrorKind::StateConflict, "legal hold")),
                    Err(_) => {}
                }
            }
            match store.commit(Transaction::new(writes)).await {
                Ok(()) => {
                    if let Some(record) = tombstone {
                        self.first_pass(&record).await;
                    }
                    return Ok(());
                }
                Err(CommitError::Conflict(..)) => continue,
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "the avatar pointer kept moving"))
    }

    async fn first_pass(&self, record: &FileRecord) {
        first_pass(self.storage.as_ref(), record).await;
    }
}

/// Removes the bytes of a fresh tombstone. Its failure is not the caller's: the sweep passes over it twice.
pub(crate) async fn first_pass(storage: &dyn ObjectStore, record: &FileRecord) {
    if let Err(error) = abort_uploads(storage, record).await {
        tracing::warn!(file.id = %record.file_id, error.kind = %error.kind(), "parts stay for the sweep");
    }
    for object in objects(record) {
        if let Err(error) = storage.delete(&object).await {
            tracing::warn!(file.id = %record.file_id, error.kind = %error.kind(), "bytes stay for the sweep");
        }
    }
}

/// Every object a record names.
fn objects(record: &FileRecord) -> impl Iterator<Item = ObjectRef> + '_ {
    finals(record).chain(staging_object(record)).chain(quarantine_object(record))
}

/// Every object that may be, or may have become, what is served.
fn finals(record: &FileRecord) -> impl Iterator<Item = ObjectRef> + '_ {
    record.final_keys().map(|key| ObjectRef::new(record.bucket.clone(), key.clone()))
}

/// Removes what may have been written for a file that is not to be readable.
pub(crate) async fn remove_finals(storage: &dyn ObjectStore, record: &FileRecord) -> Result<()> {
    for object in finals(record) {
        storage.delete(&object).await?;
    }
    Ok(())
}

/// Aborts every upload in parts that a record may have, and says how many there were: of its staging object, and of the
/// final object that a copy in parts was to make.
pub(crate) async fn abort_uploads(storage: &dyn ObjectStore, record: &FileRecord) -> Result<u64> {
    let mut found = 0;
    if let Some(staging) = record.multipart.as_ref().and_then(|_| staging_object(record)) {
        for upload in storage.open_uploads(&staging).await? {
            storage.abort(&staging, &upload).await?;
            found += 1;
        }
    }
    if let Some(promotion) = &record.promotion {
        let target = ObjectRef::new(record.bucket.clone(), promotion.key.clone());
        storage.abort(&target, &UploadId(promotion.upload_id.clone())).await?;
    }
    Ok(found)
}

/// Removes every object a record names, and the parts of those that never came to be; says how many there were.
pub(crate) async fn remove_bytes(storage: &dyn ObjectStore, record: &FileRecord) -> Result<u64> {
    let mut found = abort_uploads(storage, record).await?;
    for object in objects(record) {
        if storage.exists(&object).await? {
            storage.delete(&object).await?;
            found += 1;
        }
    }
    Ok(found)
}
