//! Uploads in parts, in the reference model.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use storage_core::ports::{
    Body, ETag, GetOptions, MultipartBackend, ObjectRef, Part, PutOptions, RangeRequest, StorageBackend,
    Stored, UploadId, WriteCondition,
};
use storage_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::backend::{MemoryBackend, State, collect, tag};

/// The most parts of an upload, as on S3.
const MAX_PART: u16 = 10_000;

/// An upload that is neither completed nor aborted.
pub(super) struct Upload {
    object: ObjectRef,
    options: PutOptions,
    parts: BTreeMap<u16, (ETag, Bytes)>,
}

impl State {
    fn upload(&mut self, object: &ObjectRef, upload: &UploadId) -> Result<&mut Upload> {
        self.require_bucket(&object.bucket)?;
        let found = self.uploads.get_mut(&upload.0).filter(|found| found.object == *object);
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such upload"))
    }
}

fn invalid(context: &str) -> Error {
    Error::new(ErrorKind::InvalidRequest, context)
}

#[async_trait]
impl MultipartBackend for MemoryBackend {
    async fn create(&self, object: &ObjectRef, options: PutOptions) -> Result<UploadId> {
        let mut state = self.state()?;
        state.require_bucket(&object.bucket)?;
        let id = Uuid::new_v4().to_string();
        let upload = Upload { object: object.clone(), options, parts: BTreeMap::new() };
        state.uploads.insert(id.clone(), upload);
        Ok(UploadId(id))
    }

    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part> {
        if !(1..=MAX_PART).contains(&number) {
            return Err(invalid("part number"));
        }
        self.state()?.upload(object, upload)?;
        let bytes = collect(body).await?;
        let part = Part { number, etag: tag(&bytes), size: bytes.len() as u64 };
        self.state()?.upload(object, upload)?.parts.insert(number, (part.etag.clone(), bytes));
        Ok(part)
    }

    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>> {
        let mut state = self.state()?;
        let parts = state.upload(object, upload)?.parts.iter();
        Ok(parts
            .map(|(&number, (etag, bytes))| Part { number, etag: etag.clone(), size: bytes.len() as u64 })
            .collect())
    }

    async fn copy_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        (source, etag): (&ObjectRef, &ETag),
        (first, last): (u64, u64),
    ) -> Result<Part> {
        let range = Some(RangeRequest::Inclusive(first, last));
        let read = self.get(source, GetOptions { range, if_match: Some(etag.clone()) }).await?;
        let body = Body::Stream { length: read.length, stream: read.body };
        self.upload_part(object, upload, number, body).await
    }

    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        self.finish(object, upload, parts, None)
    }

    async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: &WriteCondition,
    ) -> Result<Stored> {
        self.finish(object, upload, parts, Some(condition))
    }

    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()> {
        let mut state = self.state()?;
        state.require_bucket(&object.bucket)?;
        if state.upload(object, upload).is_ok() {
            state.uploads.remove(&upload.0);
        }
        Ok(())
    }

    async fn open_uploads(&self, object: &ObjectRef) -> Result<Vec<UploadId>> {
        let state = self.state()?;
        let open = state.uploads.iter().filter(|(_, upload)| upload.object == *object);
        Ok(open.map(|(id, _)| UploadId(id.clone())).collect())
    }
}

impl MemoryBackend {
    /// Every upload that is neither completed nor aborted, with the number of its parts, as `bucket/key` in order.
    pub fn open_parts(&self) -> Vec<(String, usize)> {
        let Ok(state) = self.state() else { return Vec::new() };
        let named = |upload: &Upload| format!("{}/{}", upload.object.bucket, upload.object.key);
        let mut open: Vec<_> =
            state.uploads.values().map(|upload| (named(upload), upload.parts.len())).collect();
        open.sort_unstable();
        open
    }

    /// Completes under a condition, or under the one the upload was started with.
    fn finish(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: Option<&WriteCondition>,
    ) -> Result<Stored> {
        let mut state = self.state()?;
        let found = state.upload(object, upload)?;
        if parts.is_empty() || !parts.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(invalid("part numbers do not ascend"));
        }
        let mut bytes = BytesMut::new();
        for (number, etag) in parts {
            match found.parts.get(number) {
                Some((known, part)) if known == etag => bytes.extend_from_slice(part),
                _ => return Err(invalid("unknown part")),
            }
        }
        let mut options = found.options.clone();
        if let Some(condition) = condition {
            options.condition = condition.clone();
        }
        let tags: String = parts.iter().map(|(_, etag)| etag.as_str()).collect();
        let etag = ETag::new(&format!("{}-{}", tag(tags.as_bytes()).as_str(), parts.len()));
        let stored = state.write(object, bytes.freeze(), etag, options, self.now())?;
        state.uploads.remove(&upload.0);
        Ok(stored)
    }
}
