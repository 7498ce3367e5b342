//! The queue and the signer of forms with faults. The subject is the object.

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ports::{IngestQueue, PostRequest, PresignPost, PresignedPost, StagedObject};
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
