//! Copies of final objects: pinned to the bytes the record names, never over bytes that somebody may read.

use storage_core::filename::FileName;
use storage_core::key::{ObjectKey, StorageKey};
use storage_core::ports::{
    CopyRequest, ETag, ObjectMeta, ObjectRef, ObjectStore, PutOptions, Stored, WriteCondition,
};
use storage_core::record::FileRecord;
use storage_core::{Error, ErrorKind, Result};

use crate::settings::Settings;

/// One object of a file, and where it is to lie.
#[derive(Clone, Debug)]
pub(crate) struct Copied<'a> {
    pub(crate) source: ObjectRef,
    /// The tag the record knows it by.
    pub(crate) etag: &'a ETag,
    pub(crate) destination: ObjectRef,
    /// The same as an object of its kind, which decides how it is cached and shown.
    pub(crate) key: &'a ObjectKey,
    /// The media type of the file, as the record has it.
    pub(crate) content_type: &'a str,
    /// The name it is served under.
    pub(crate) name: Option<&'a FileName>,
}

impl Copied<'_> {
    /// Copies it; `None` where the source is not what the record says any more.
    ///
    /// A copy of an earlier attempt is taken over where it is the same down to its headers. Else it is written over, if
    /// `may_overwrite` says that it was never served: only then can its headers be wrong.
    pub(crate) async fn copy(
        &self,
        storage: &dyn ObjectStore,
        may_overwrite: impl Fn() -> Result<()>,
    ) -> Result<Option<Stored>> {
        let meta = match storage.head(&self.source).await {
            Ok(meta) if meta.etag == *self.etag => meta,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut request = CopyRequest {
            source: self.source.clone(),
            destination: self.destination.clone(),
            source_etag: Some(self.etag.clone()),
            options: PutOptions { condition: WriteCondition::CreateOnly, ..self.options(&meta) },
        };
        match storage.copy(request.clone()).await {
            Ok(stored) => return Ok(Some(stored)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {}
            Err(error) => return Err(error),
        }
        let found = match storage.head(&self.destination).await {
            Ok(found) => found,
            // It was the source that did not match.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if is_same(&found, &meta, &request.options) {
            return Ok(Some(Stored {
                etag: found.etag,
                version_id: found.version_id,
                checksum_crc64nvme: found.checksum_crc64nvme,
            }));
        }
        may_overwrite()?;
        request.options.condition = WriteCondition::IfMatch(found.etag);
        match storage.copy(request).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) if matches!(error.kind(), ErrorKind::PreconditionFailed | ErrorKind::NotFound) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the copy gets: the source's type with its charset and its digest, and what its new key and name ask for.
    fn options(&self, meta: &ObjectMeta) -> PutOptions {
        let disposition = self.key.disposition(self.content_type);
        let named = self.name.map(|name| name.content_disposition(disposition));
        PutOptions {
            content_type: meta.content_type.clone(),
            cache_control: Some(self.key.cache_control().to_owned()),
            content_disposition: Some(named.unwrap_or_else(|| disposition.as_str().to_owned())),
            metadata: meta.metadata.clone(),
            condition: WriteCondition::None,
        }
    }
}

/// The digest is in the metadata, so equal metadata of equal sizes are equal bytes.
fn is_same(found: &ObjectMeta, source: &ObjectMeta, wanted: &PutOptions) -> bool {
    let digested = wanted.metadata.contains_key("sha256") || found.etag == source.etag;
    digested
        && found.size == source.size
        && found.metadata == wanted.metadata
        && found.content_type == wanted.content_type
        && found.cache_control == wanted.cache_control
        && found.content_disposition == wanted.content_disposition
}

/// The kind of object that a final key of a record is.
pub(crate) fn object_key(record: &FileRecord, key: &StorageKey) -> Result<ObjectKey> {
    ObjectKey::parse(&record.key_space(), key.as_str())
        .map_err(|cause| Error::new(ErrorKind::Internal, "a final key of another shape").with_cause(cause))
}

/// `PayloadTooLarge` for a file whose copy does not fit into a request.
pub(crate) fn check_size(settings: &Settings, record: &FileRecord) -> Result<()> {
    let (size, most) = (record.size.unwrap_or(0), settings.inline_max_bytes);
    if size <= most {
        return Ok(());
    }
    let details = serde_json::json!({ "max_bytes": most, "size_bytes": size });
    Err(Error::new(ErrorKind::PayloadTooLarge, "a copy in a request").with_details(details))
}
