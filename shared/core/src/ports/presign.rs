//! Optional powers of a backend: uploads that go around the functions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::storage::{Body, ETag, ObjectRef, PutOptions, Stored, WriteCondition};
use crate::error::Result;
use crate::filename::Disposition;
use crate::filename::FileName;
use crate::timestamp::Timestamp;

/// What a presigned form may upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostRequest {
    /// Exactly this object.
    pub object: ObjectRef,
    /// Exactly this `Content-Type`.
    pub content_type: String,
    /// The fewest bytes.
    pub min_bytes: u64,
    /// The most bytes.
    pub max_bytes: u64,
    /// How long the form can be sent.
    pub expires_in: Duration,
}

/// A form that a browser posts as `multipart/form-data`, with the file as the last field.
///
/// The fields hold a signature: they are for the client and never for a log.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPost {
    /// Where to post.
    pub url: String,
    /// The fields to send before the file.
    pub fields: BTreeMap<String, String>,
    /// Until when it works: never later than the signing credentials do.
    pub expires_at: Timestamp,
}

impl fmt::Debug for PresignedPost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PresignedPost").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Signs forms for uploads by browsers.
///
/// The signature binds bucket, key, content type, size range and expiry; a form with any other value is refused by the
/// storage itself. An object can be posted again until the form expires, so what is posted is not yet trusted.
#[async_trait]
pub trait PresignPost: Send + Sync + fmt::Debug {
    /// Signs a form. Its life is shortened to that of the signing credentials.
    async fn presign_post(&self, request: PostRequest, now: Timestamp) -> Result<PresignedPost>;
}

/// A URL that carries its own authorisation. It is for the client and never for a log.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    /// The URL.
    pub url: String,
    /// Headers that the client must send exactly so.
    pub headers: BTreeMap<String, String>,
    /// Until when it works: never later than the signing credentials do.
    pub expires_at: Timestamp,
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PresignedUrl").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Signs URLs for one object and one method.
#[async_trait]
pub trait PresignUrl: Send + Sync + fmt::Debug {
    /// A URL to read the object, answered with this disposition and name where they are given.
    async fn presign_get(
        &self,
        object: &ObjectRef,
        disposition: Option<(Disposition, FileName)>,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl>;

    /// A URL to write the object with exactly this content type and length.
    async fn presign_put(
        &self,
        object: &ObjectRef,
        content_type: &str,
        length: u64,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl>;
}

/// A call of the S3 API about an upload in parts that a browser makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawCall {
    /// `PutObject`.
    Put,
    /// `CreateMultipartUpload`.
    Create,
    /// `UploadPart`.
    Part(UploadId, u16),
    /// `ListParts`.
    Parts(UploadId),
    /// `CompleteMultipartUpload`.
    Complete(UploadId),
    /// `AbortMultipartUpload`.
    Abort(UploadId),
}

/// Signs the calls of an upload in parts.
#[async_trait]
pub trait PresignParts: Send + Sync + fmt::Debug {
    /// A URL for one call about `object`; it is good for this method, object and upload alone. With a content type the
    /// client must send exactly that.
    async fn presign_call(
        &self,
        object: &ObjectRef,
        call: &RawCall,
        content_type: Option<&str>,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl>;
}

/// The backend's own id of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub String);

/// An uploaded part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: u16,
    /// Its tag.
    pub etag: ETag,
    /// Its size in bytes.
    pub size: u64,
}

/// Uploads in parts. Parts are invisible until `complete`, whose write is atomic.
#[async_trait]
pub trait MultipartBackend: Send + Sync + fmt::Debug {
    /// Starts an upload; `options` are those of the object it becomes.
    async fn create(&self, object: &ObjectRef, options: PutOptions) -> Result<UploadId>;

    /// Stores one part; a part sent again replaces the earlier one. `NotFound` for an unknown upload.
    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part>;

    /// All parts in the order of their numbers. `NotFound` for an unknown upload.
    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>>;

    /// Copies a range of bytes of another object (first and last, both included) into a part, inside the backend and
    /// pinned to `source_etag`. `PreconditionFailed` where the source has another tag; `NotFound` where it is gone.
    async fn copy_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        source: (&ObjectRef, &ETag),
        range: (u64, u64),
    ) -> Result<Part>;

    /// Makes the object of exactly these parts, in this order. `InvalidRequest` where a part is unknown, its tag
    /// differs, or the numbers do not ascend; `NotFound` for an unknown upload.
    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        self.complete_if(object, upload, parts, &WriteCondition::None).await
    }

    /// The same under a condition of the destination, which is checked in the same step; `PreconditionFailed` where it
    /// does not hold.
    async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: &WriteCondition,
    ) -> Result<Stored>;

    /// Forgets the upload and its parts. An unknown upload is success.
    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()>;

    /// The uploads of exactly this object that are neither completed nor aborted.
    async fn open_uploads(&self, object: &ObjectRef) -> Result<Vec<UploadId>>;
}
