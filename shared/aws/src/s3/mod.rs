//! Object storage on S3, and on servers that speak its API.
//!
//! `ExpectedBucketOwner` goes with every call once an owner is configured. What counts as missing is decided in
//! [`error`]; everything else that fails is an outage.

mod body;
mod call_signer;
mod error;
mod large_copy;
mod metadata;
mod multipart;
mod post_policy;
mod presign;
mod read;
mod scan_tag;
mod write;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::StorageClass;
use storage_core::Result;
use storage_core::ids::BucketName;
use storage_core::ports::{
    Body, CopyRequest, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead, ObjectRef, PutOptions,
    StorageBackend, Stored,
};

use crate::client::Aws;
use crate::credentials::CredentialSource;
use crate::settings::AwsSettings;

pub use post_policy::PostSigner;
pub use scan_tag::{GuardDutyTags, guard_duty_verdict};

/// S3 as a backend: objects, uploads in parts, and presigned URLs. A clone shares the connection.
#[derive(Clone)]
pub struct S3Backend {
    client: Client,
    owner: Option<String>,
    storage_class: Option<StorageClass>,
    credentials: CredentialSource,
    /// Buckets that have answered, so that a missing object is told from a missing bucket.
    known_buckets: Arc<Mutex<HashSet<BucketName>>>,
}

impl S3Backend {
    /// A backend over a connection that other ports share.
    pub fn new(aws: &Aws) -> Self {
        S3Backend {
            client: aws.s3(),
            owner: aws.settings().bucket_owner.clone(),
            storage_class: aws.settings().storage_class.as_deref().map(StorageClass::from),
            credentials: aws.credentials(),
            known_buckets: Arc::default(),
        }
    }

    /// A backend with a connection of its own.
    pub async fn connect(settings: &AwsSettings) -> Result<Self> {
        Ok(Self::new(&Aws::connect(settings).await?))
    }

    /// Opens the connection before the first request needs it. A failure is left to that request.
    pub async fn warm(&self, bucket: &BucketName) {
        if let Err(error) = self.head_bucket(bucket).await {
            tracing::warn!(error = %error.kind(), "storage did not answer while warming up");
        }
    }

    async fn head_bucket(&self, bucket: &BucketName) -> Result<()> {
        self.client
            .head_bucket()
            .bucket(bucket.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| error::unavailable("HeadBucket", failure))?;
        self.known_buckets.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.clone());
        Ok(())
    }

    /// `HeadObject` answers 404 without a body, for a missing object and for a missing bucket alike. The bucket is asked
    /// once per process, so that a wrong name never reads as "everything is gone".
    async fn ensure_bucket(&self, bucket: &BucketName) -> Result<()> {
        let known = self.known_buckets.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket);
        if known { Ok(()) } else { self.head_bucket(bucket).await }
    }
}

impl fmt::Debug for S3Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("S3Backend").field("owner", &self.owner).finish_non_exhaustive()
    }
}

#[async_trait]
impl StorageBackend for S3Backend {
    fn name(&self) -> &'static str {
        "s3"
    }

    async fn put(&self, object: &ObjectRef, body: Body, options: PutOptions) -> Result<Stored> {
        self.put_object(object, body, options).await
    }

    async fn get(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead> {
        self.get_object(object, options).await
    }

    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        self.head_object(object).await
    }

    async fn delete(&self, object: &ObjectRef) -> Result<()> {
        self.delete_object(object).await
    }

    async fn list(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage> {
        self.list_objects(bucket, request).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Stored> {
        self.copy_object(request).await
    }

    async fn check(&self, bucket: &BucketName) -> Result<()> {
        self.head_bucket(bucket).await
    }
}
