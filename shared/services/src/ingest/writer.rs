//! Writing final objects: planned first, create-only, adopted where an earlier attempt wrote the same bytes.

use bytes::Bytes;
use storage_core::key::{ObjectKey, StorageKey};
use storage_core::ports::{Body, ETag, ObjectRef, PutOptions, Stored, WriteCondition};
use storage_core::safeguards::Safeguard;
use storage_core::state::Event;
use storage_core::{Error, ErrorKind, Result};

use super::Job;
use super::content::sha256_hex;
use crate::ledger::Applied;

/// The name of the user metadata in which every final object carries the digest of its bytes.
const DIGEST: &str = "sha256";

/// An object that is about to be written.
#[derive(Clone, Debug)]
pub(super) struct Final {
    pub(super) key: StorageKey,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
    pub(super) options: PutOptions,
}

impl Final {
    /// The options of the first attempt.
    pub(super) fn create_only(&self) -> PutOptions {
        if !Safeguard::CreateOnly.holds() {
            return self.options.clone();
        }
        PutOptions { condition: WriteCondition::CreateOnly, ..self.options.clone() }
    }
}

impl Job<'_> {
    pub(super) fn final_object(&self, key: &ObjectKey, content_type: &str, bytes: Bytes) -> Final {
        let disposition = key.disposition(content_type);
        // The client's name is that of its file, not of what is written beside it.
        let is_upload = !matches!(key, ObjectKey::AttachmentMetadata { .. });
        let named = self.record.original_filename.as_ref().filter(|_| is_upload);
        let options = PutOptions {
            content_type: Some(content_type.to_owned()),
            cache_control: Some(key.cache_control().to_owned()),
            content_disposition: Some(named.map_or_else(
                || disposition.as_str().to_owned(),
                |name| name.content_disposition(disposition),
            )),
            metadata: [(DIGEST.to_owned(), sha256_hex(&bytes))].into(),
            condition: WriteCondition::None,
        };
        let key = key.path(&self.record.key_space());
        Final { key, content_type: content_type.to_owned(), bytes, options }
    }

    /// Commits the keys that are about to be written; `false` where the file is not this worker's any more.
    pub(super) async fn plan(&mut self, keys: Vec<StorageKey>) -> Result<bool> {
        if keys.iter().all(|key| self.record.planned_keys.contains(key)) || !Safeguard::WriteAhead.holds() {
            return Ok(true);
        }
        let event = Event::Plan(self.worker, keys);
        match self.ingest.ledger.apply(self.record.tenant, self.record.file_id, event, self.actor).await? {
            Applied::Written(record) => {
                self.record = *record;
                Ok(true)
            }
            Applied::Refused(..) | Applied::Missing => Ok(false),
        }
    }

    /// Writes one object under the own lease.
    pub(super) async fn write(&self, file: &Final) -> Result<Stored> {
        let object = ObjectRef::new(self.record.bucket.clone(), file.key.clone());
        let storage = &self.ingest.storage;
        match storage.put(&object, Body::Bytes(file.bytes.clone()), file.create_only()).await {
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
                let condition = match self.found(&object, &sha256_hex(&file.bytes)).await? {
                    Found::Same(stored) => return Ok(stored),
                    // An earlier attempt made other bytes here and never committed: they were never served. Pinned to
                    // them, a call that is late cannot overwrite what the next lease holder wrote.
                    Found::Other(etag) => WriteCondition::IfMatch(etag),
                    Found::Nothing => WriteCondition::CreateOnly,
                };
                self.still_own()?;
                let options = PutOptions { condition, ..file.options.clone() };
                storage.put(&object, Body::Bytes(file.bytes.clone()), options).await
            }
            other => other,
        }
    }

    /// Overwriting is for the lease holder alone: a worker that slept must not touch what the next one has written.
    pub(super) fn still_own(&self) -> Result<()> {
        if self.record.leased_to(self.worker, self.ingest.ledger.clock.now()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::StorageUnavailable, "the lease is over"))
    }

    /// What an earlier attempt left under a key that is to hold bytes of this digest.
    pub(super) async fn found(&self, object: &ObjectRef, sha256: &str) -> Result<Found> {
        match self.ingest.storage.head(object).await {
            Ok(meta) if meta.metadata.get(DIGEST).is_some_and(|digest| digest == sha256) => {
                Ok(Found::Same(Stored {
                    etag: meta.etag,
                    version_id: meta.version_id,
                    checksum_crc64nvme: meta.checksum_crc64nvme,
                }))
            }
            Ok(meta) => Ok(Found::Other(meta.etag)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// The object of an earlier attempt.
pub(super) enum Found {
    /// It has the same bytes, and is adopted.
    Same(Stored),
    /// It has other bytes.
    Other(ETag),
    /// There is none any more.
    Nothing,
}
