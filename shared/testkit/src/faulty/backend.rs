//! Object storage with faults. Subjects are `bucket/key`, with what else decides the call.

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ids::BucketName;
use storage_core::ports::{
    Body, CopyRequest, ETag, GetOptions, ListPage, ListRequest, MultipartBackend, ObjectMeta, ObjectRead,
    ObjectRef, Part, PutOptions, StorageBackend, Stored, UploadId, WriteCondition,
};

use super::Faulty;

/// An object as recordings name it.
pub(super) fn named(object: &ObjectRef) -> String {
    format!("{}/{}", object.bucket, object.key)
}

/// What a condition adds to a subject.
fn suffix(condition: &WriteCondition) -> &'static str {
    match condition {
        WriteCondition::None => "",
        WriteCondition::CreateOnly => " (create only)",
        WriteCondition::IfMatch(_) => " (if match)",
    }
}

#[async_trait]
impl<T: StorageBackend + ?Sized> StorageBackend for Faulty<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn put(&self, object: &ObjectRef, body: Body, options: PutOptions) -> Result<Stored> {
        let subject = format!("{}{}", named(object), suffix(&options.condition));
        self.call("put", subject, self.inner.put(object, body, options)).await
    }

    async fn get(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead> {
        self.call("get", named(object), self.inner.get(object, options)).await
    }

    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        self.call("head", named(object), self.inner.head(object)).await
    }

    async fn exists(&self, object: &ObjectRef) -> Result<bool> {
        self.call("exists", named(object), self.inner.exists(object)).await
    }

    async fn delete(&self, object: &ObjectRef) -> Result<()> {
        self.call("delete", named(object), self.inner.delete(object)).await
    }

    async fn list(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage> {
        let subject = format!("{bucket}/{}", request.prefix);
        self.call("list", subject, self.inner.list(bucket, request)).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Stored> {
        let pinned = if request.source_etag.is_some() { " (pinned)" } else { "" };
        let condition = suffix(&request.options.condition);
        let (source, destination) = (named(&request.source), named(&request.destination));
        let subject = format!("{source}{pinned} to {destination}{condition}");
        self.call("copy", subject, self.inner.copy(request)).await
    }

    async fn check(&self, bucket: &BucketName) -> Result<()> {
        self.call("check", bucket.to_string(), self.inner.check(bucket)).await
    }
}

#[async_trait]
impl<T: MultipartBackend + ?Sized> MultipartBackend for Faulty<T> {
    async fn create(&self, object: &ObjectRef, options: PutOptions) -> Result<UploadId> {
        self.call("create_upload", named(object), self.inner.create(object, options)).await
    }

    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part> {
        let subject = format!("{} part {number}", named(object));
        self.call("upload_part", subject, self.inner.upload_part(object, upload, number, body)).await
    }

    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>> {
        self.call("parts", named(object), self.inner.parts(object, upload)).await
    }

    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        let subject = format!("{} of {} parts", named(object), parts.len());
        self.call("complete_upload", subject, self.inner.complete(object, upload, parts)).await
    }

    async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: &WriteCondition,
    ) -> Result<Stored> {
        let subject = format!("{} of {} parts{}", named(object), parts.len(), suffix(condition));
        let action = self.inner.complete_if(object, upload, parts, condition);
        self.call("complete_upload", subject, action).await
    }

    async fn copy_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        source: (&ObjectRef, &ETag),
        range: (u64, u64),
    ) -> Result<Part> {
        let subject = format!("{} to {} part {number}", named(source.0), named(object));
        self.call("copy_part", subject, self.inner.copy_part(object, upload, number, source, range)).await
    }

    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()> {
        self.call("abort_upload", named(object), self.inner.abort(object, upload)).await
    }

    async fn open_uploads(&self, object: &ObjectRef) -> Result<Vec<UploadId>> {
        self.call("open_uploads", named(object), self.inner.open_uploads(object)).await
    }
}
