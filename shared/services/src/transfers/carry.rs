//! From a destination that is written down to one that is there: copies, the one commit, and what follows a failure.

use bytes::Bytes;
use storage_core::ids::FileId;
use storage_core::ports::{
    Body, CommitError, GetOptions, ObjectRef, PutOptions, Stored, Write, WriteCondition,
};
use storage_core::state::{Actor, Ingested};

use super::*;
use crate::copying::Copied;
use crate::deletion::first_pass;
use crate::ingest::sha256_hex;

/// How often a transfer whose source changed is decided anew.
const ROUNDS: usize = 8;
/// The most bytes of the document beside an attachment.
const DOCUMENT_BYTES: u64 = 256 * 1024;

/// The keys of a destination: of the file, with the extension of the source, and of the document beside it.
pub(super) fn keys(record: &FileRecord, source: &FileRecord) -> Result<(ObjectKey, ObjectKey)> {
    let key = source.final_key.as_ref().map(|key| object_key(source, key)).transpose()?;
    let Some(ObjectKey::Attachment { extension, .. }) = key else {
        return Err(Error::new(ErrorKind::Internal, "a source that is no attachment"));
    };
    let key = ObjectKey::attachment(record.visibility, record.created_at, record.file_id, extension);
    Ok((key, ObjectKey::AttachmentMetadata { file: record.file_id }))
}

impl Transfers {
    /// Copies the objects and commits. What fails for now gives the lease back; what cannot succeed takes the destination
    /// away again.
    pub(super) async fn carry(
        &self,
        actor: &Actor,
        kind: Kind,
        source: FileRecord,
        begun: Begun,
    ) -> Result<FileRecord> {
        match self.try_carry(actor, kind, source, &begun).await {
            Ok(record) => Ok(record),
            Err(error) => {
                self.give_up(actor, &begun, &error).await;
                Err(error)
            }
        }
    }

    async fn try_carry(
        &self,
        actor: &Actor,
        kind: Kind,
        mut source: FileRecord,
        begun: &Begun,
    ) -> Result<FileRecord> {
        for _ in 0..ROUNDS {
            let Some(stored) = self.copy_objects(&source, begun).await? else {
                source = self.changed(&source, kind).await?;
                continue;
            };
            let now = self.ledger.clock.now();
            let mut ingested = as_ingested(begun, &source, stored)?;
            // A copy is a new file; what moves keeps the end it had.
            ingested.life = match (kind, source.expires_at) {
                (Kind::Move, Some(expires)) => Some(expires.since(now)),
                _ => self.settings.kept_for(begun.record.purpose),
            };
            let event = Event::Promote(begun.worker, Box::new(ingested));
            let change = state::apply(&begun.record, event, actor, now)
                .map_err(|refused| Error::new(ErrorKind::RequestInProgress, format!("{refused:?}")))?;
            let (mut others, mut gone): (Vec<Write>, _) = (Vec::new(), None);
            if kind != Kind::Copy {
                let change = state::apply(&source, Event::Delete, actor, now)
                    .map_err(|refused| Error::new(ErrorKind::StateConflict, format!("{refused:?}")))?;
                gone = Some(change.record.clone());
                others = change.into_writes();
            }
            match self.ledger.commit(change, others).await {
                Ok(record) => {
                    if let Some(gone) = &gone {
                        first_pass(self.storage.as_ref(), gone).await;
                    }
                    return Ok(record);
                }
                // Write 0 is the destination; a conflict further on is the source.
                Err(CommitError::Conflict(0, _)) => {
                    return Err(Error::new(ErrorKind::StateConflict, "the destination was taken away"));
                }
                Err(CommitError::Conflict(..)) => source = self.changed(&source, kind).await?,
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "the source kept changing"))
    }

    /// The source as it is now, after somebody wrote it. It was the caller's when this began.
    async fn changed(&self, source: &FileRecord, kind: Kind) -> Result<FileRecord> {
        let now = self.ledger.read(source.tenant, source.file_id).await?;
        if now.rev == source.rev {
            return Err(Error::new(ErrorKind::Internal, "the stored object is not the record's"));
        }
        self.is_usable(&now, kind)?;
        Ok(now)
    }

    /// Copies the file and its document; `None` where the file is not what its record says any more.
    async fn copy_objects(&self, source: &FileRecord, begun: &Begun) -> Result<Option<Stored>> {
        let record = &begun.record;
        let (key, document) = keys(record, source)?;
        let (Some(from), Some(etag)) = (&source.final_key, &source.etag) else { return Ok(None) };
        let space = record.key_space();
        let copied = Copied {
            source: ObjectRef::new(source.bucket.clone(), from.clone()),
            etag,
            destination: ObjectRef::new(record.bucket.clone(), key.path(&space)),
            key: &key,
            content_type: source.content_type.as_deref().unwrap_or_default(),
            name: record.original_filename.as_ref(),
        };
        let stored = copied.copy(self.storage.as_ref(), || self.still_own(begun)).await?;
        if stored.is_none() {
            return Ok(None);
        }
        let to = ObjectRef::new(record.bucket.clone(), document.path(&space));
        if !self.copy_document(source, record.file_id, &to, &document, begun).await? {
            // There never was one, or the source went away after the copy.
            let now = self.ledger.read(source.tenant, source.file_id).await?;
            return Ok(stored.filter(|_| now.rev == source.rev));
        }
        Ok(stored)
    }

    /// The document says whose it is, so it is written anew; `false` where the source has none.
    async fn copy_document(
        &self,
        source: &FileRecord,
        file: FileId,
        to: &ObjectRef,
        key: &ObjectKey,
        begun: &Begun,
    ) -> Result<bool> {
        let from = ObjectKey::AttachmentMetadata { file: source.file_id }.path(&source.key_space());
        let from = ObjectRef::new(source.bucket.clone(), from);
        let read = match self.storage.get(&from, GetOptions::default()).await {
            Ok(read) => read.collect(DOCUMENT_BYTES).await?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let internal = |cause| Error::new(ErrorKind::Internal, "the document").with_cause(cause);
        let mut facts: serde_json::Value = serde_json::from_slice(&read).map_err(internal)?;
        facts["file_id"] = serde_json::json!(file);
        let bytes = Bytes::from(facts.to_string());
        let options = PutOptions {
            content_type: Some("application/json".to_owned()),
            cache_control: Some(key.cache_control().to_owned()),
            content_disposition: Some(key.disposition("application/json").as_str().to_owned()),
            metadata: [("sha256".to_owned(), sha256_hex(&bytes))].into(),
            condition: WriteCondition::CreateOnly,
        };
        match self.storage.put(to, Body::Bytes(bytes.clone()), options.clone()).await {
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {}
            other => return other.map(|_| true),
        }
        let found = self.storage.head(to).await?;
        if found.metadata == options.metadata {
            return Ok(true);
        }
        // Another version of this code wrote it and never committed. Pinned to that, a late call writes over nothing else.
        self.still_own(begun)?;
        let options = PutOptions { condition: WriteCondition::IfMatch(found.etag), ..options };
        self.storage.put(to, Body::Bytes(bytes), options).await.map(|_| true)
    }

    /// Overwriting is for the lease holder alone.
    fn still_own(&self, begun: &Begun) -> Result<()> {
        if begun.record.leased_to(begun.worker, self.ledger.clock.now()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::StorageUnavailable, "the lease is over"))
    }

    /// After an error that may be over next time the lease is given back; after any other the destination goes.
    pub(super) async fn give_up(&self, actor: &Actor, begun: &Begun, error: &Error) {
        let (tenant, file, kind) = (begun.record.tenant, begun.record.file_id, error.kind());
        // Without the store nothing can be given back. Whoever lost the lease has nothing to give.
        if matches!(kind, ErrorKind::MetadataUnavailable | ErrorKind::RequestInProgress) {
            return;
        }
        let event = match error.retryable() {
            true => Event::Release { worker: begun.worker, counts: kind != ErrorKind::StorageUnavailable },
            // Not a plain deletion: a worker that slept must not end what the next one has finished.
            false => Event::Supersede(begun.worker),
        };
        match self.ledger.apply(tenant, file, event, actor).await {
            Ok(Applied::Written(record)) if record.state == FileState::Deleting => {
                first_pass(self.storage.as_ref(), &record).await;
            }
            // Taken away meanwhile: what was written for it goes too.
            Ok(Applied::Refused(record, _))
                if matches!(record.state, FileState::Deleting | FileState::Deleted) =>
            {
                first_pass(self.storage.as_ref(), &record).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(file.id = %file, error.kind = %error.kind(), "a destination is left to the sweep");
            }
        }
    }

    /// Refuses a destination that has no room; its record says so to whoever repeats the request.
    pub(super) async fn refuse(&self, begun: &Begun, code: ErrorKind, actor: &Actor) {
        if code != ErrorKind::QuotaExceeded {
            return self.give_up(actor, begun, &Error::from(code)).await;
        }
        let (tenant, file) = (begun.record.tenant, begun.record.file_id);
        let refused = self.ledger.apply(tenant, file, Event::Fail(begun.worker, code), actor).await;
        if let Err(error) = refused {
            tracing::warn!(file.id = %file, error.kind = %error.kind(), "a refused copy is left to the sweep");
        }
    }
}

/// What the destination becomes: the bytes are the source's, so what was found out about them holds.
fn as_ingested(begun: &Begun, source: &FileRecord, stored: Stored) -> Result<Ingested> {
    let (key, _) = keys(&begun.record, source)?;
    Ok(Ingested {
        final_key: Some(key.path(&begun.record.key_space())),
        etag: Some(stored.etag),
        version_id: stored.version_id,
        checksum_crc64nvme: stored.checksum_crc64nvme.or_else(|| source.checksum_crc64nvme.clone()),
        source_sha256: source.source_sha256.clone(),
        sha256: source.sha256.clone(),
        size: source.size.unwrap_or(0),
        content_type: source.content_type.clone().unwrap_or_default(),
        width: source.width,
        height: source.height,
        placeholder: source.placeholder.clone(),
        ..Ingested::default()
    })
}
