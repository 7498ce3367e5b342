//! The port to uploads in parts over a directory.

use std::time::Duration;

use async_trait::async_trait;
use storage_core::ids::BucketName;
use storage_core::ports::{
    Body, Clock, ETag, GetOptions, MultipartBackend, ObjectRef, Part, PutOptions, RangeRequest,
    StorageBackend, Stored, SystemClock, UploadId, WriteCondition,
};
use storage_core::timestamp::Timestamp;
use storage_core::{ErrorKind, Result};

use super::sealed::Headers;
use super::{LocalBackend, OpenUpload, upload};

/// Uploads that are started while they are listed count too.
const SOON: Duration = Duration::from_secs(60);

#[async_trait]
impl MultipartBackend for LocalBackend {
    async fn create(&self, object: &ObjectRef, options: PutOptions) -> Result<UploadId> {
        let headers = Headers::of(&options)?;
        let key = object.key.clone();
        self.on(&object.bucket, move |bucket| upload::create(bucket, key, headers, options.condition)).await
    }

    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part> {
        upload::check_number(number)?;
        let (key, id) = (object.key.clone(), upload.clone());
        let staged = self
            .on(&object.bucket, move |bucket| {
                upload::open(bucket, &key, &id)?;
                bucket.stage()
            })
            .await?
            .fill(body)
            .await?;
        let (key, id) = (object.key.clone(), upload.clone());
        self.on(&object.bucket, move |bucket| upload::store_part(bucket, key, &id, number, staged)).await
    }

    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>> {
        let (key, upload) = (object.key.clone(), upload.clone());
        self.on(&object.bucket, move |bucket| {
            let (dir, _) = upload::open(bucket, &key, &upload)?;
            upload::stored_parts(&dir)
        })
        .await
    }

    async fn copy_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        (source, etag): (&ObjectRef, &ETag),
        (first, last): (u64, u64),
    ) -> Result<Part> {
        let options =
            GetOptions { range: Some(RangeRequest::Inclusive(first, last)), if_match: Some(etag.clone()) };
        let read = self.get(source, options).await?;
        let body = Body::Stream { length: read.length, stream: read.body };
        self.upload_part(object, upload, number, body).await
    }

    /// Under the condition the upload was started with.
    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        self.finish(object, upload, parts, None).await
    }

    async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: &WriteCondition,
    ) -> Result<Stored> {
        self.finish(object, upload, parts, Some(condition.clone())).await
    }

    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()> {
        let (key, upload) = (object.key.clone(), upload.clone());
        self.on(&object.bucket, move |bucket| {
            let _lock = bucket.lock("upload", &upload.0)?;
            match upload::open(bucket, &key, &upload) {
                Ok(_) => upload::forget(bucket, &upload),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn open_uploads(&self, object: &ObjectRef) -> Result<Vec<UploadId>> {
        let key = object.key.clone();
        let open = self.on(&object.bucket, |bucket| upload::list(bucket, SystemClock.now() + SOON)).await?;
        Ok(open.into_iter().filter(|upload| upload.key == key).map(|upload| upload.upload).collect())
    }
}

impl LocalBackend {
    /// Uploads that were started before `started_before`, oldest first: what a sweep aborts.
    pub async fn list_uploads(
        &self,
        bucket: &BucketName,
        started_before: Timestamp,
    ) -> Result<Vec<OpenUpload>> {
        self.on(bucket, move |bucket| upload::list(bucket, started_before)).await
    }

    /// Completes under a condition, or under the one the upload was started with.
    async fn finish(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: Option<WriteCondition>,
    ) -> Result<Stored> {
        let (key, upload, parts) = (object.key.clone(), upload.clone(), parts.to_vec());
        self.on(&object.bucket, move |bucket| upload::complete(bucket, &key, &upload, &parts, condition))
            .await
    }
}
