//! The port to uploads in parts over a directory.

use async_trait::async_trait;
use storage_core::ids::BucketName;
use storage_core::ports::{
    Body, ETag, MultipartBackend, ObjectRef, Part, PutOptions, Stored, UploadId, WriteCondition,
};
use storage_core::timestamp::Timestamp;
use storage_core::{ErrorKind, Result};

use super::sealed::Headers;
use super::{LocalBackend, OpenUpload, upload};

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

    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        self.complete_if(object, upload, parts, None).await
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

    /// The same as [`MultipartBackend::complete`], under a condition that replaces the one the upload was started with.
    pub(crate) async fn complete_if(
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
