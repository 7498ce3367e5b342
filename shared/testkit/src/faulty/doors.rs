//! The queue, the signer of forms and the scanner with faults. The subject is the object.

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ports::{
    IngestQueue, ObjectMeta, ObjectRef, PostRequest, PresignPost, PresignedPost, ScanVerdict, Scanner,
    StagedObject,
};
use storage_core::timestamp::Timestamp;

use super::Faulty;
use super::backend::named;

#[async_trait]
impl<T: IngestQueue + ?Sized> IngestQueue for Faulty<T> {
    async fn enqueue(&self, staged: StagedObject) -> Result<()> {
        let subject = named(&staged.object);
        self.call("enqueue", subject, self.inner.enqueue(staged)).await
    }
}

#[async_trait]
impl<T: PresignPost + ?Sized> PresignPost for Faulty<T> {
    async fn presign_post(&self, request: PostRequest, now: Timestamp) -> Result<PresignedPost> {
        let subject = named(&request.object);
        self.call("presign_post", subject, self.inner.presign_post(request, now)).await
    }
}

#[async_trait]
impl<T: Scanner + ?Sized> Scanner for Faulty<T> {
    async fn verdict(&self, object: &ObjectRef, meta: &ObjectMeta) -> Result<Option<ScanVerdict>> {
        self.call("verdict", named(object), self.inner.verdict(object, meta)).await
    }
}
