//! Presigned URLs: `GetObject` for readers, `PutObject` for writers.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use storage_core::filename::{Disposition, FileName};
use storage_core::ports::{ObjectRef, PresignUrl, PresignedUrl};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::S3Backend;
use crate::credentials::{Life, to_system_time};

impl S3Backend {
    /// The life of a signature, and the credentials it must be made with for that life to be true.
    async fn sign_with(
        &self,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<(Life, PresigningConfig, Builder)> {
        let credentials = self.credentials.current(now).await?;
        let life = Life::bounded(now, expires_in, &credentials)?;
        let presigning = PresigningConfig::builder()
            .start_time(to_system_time(life.start))
            .expires_in(life.length)
            .build()
            .map_err(|cause| Error::new(ErrorKind::InvalidExpiry, "presigning").with_cause(cause))?;
        Ok((life, presigning, aws_sdk_s3::Config::builder().credentials_provider(credentials)))
    }
}

fn presigned(request: &PresignedRequest, life: Life) -> PresignedUrl {
    // The client sends `Host` by itself, from the URL.
    let headers: BTreeMap<String, String> = request
        .headers()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    PresignedUrl { url: request.uri().to_owned(), headers, expires_at: life.end() }
}

#[async_trait]
impl PresignUrl for S3Backend {
    /// `ExpectedBucketOwner` is left out: it would be a header, and a link in a page sends none. A URL names its bucket
    /// by a record of ours, and only our credentials make it work.
    async fn presign_get(
        &self,
        object: &ObjectRef,
        disposition: Option<(Disposition, FileName)>,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl> {
        let (life, presigning, credentials) = self.sign_with(expires_in, now).await?;
        let disposition = disposition.map(|(disposition, name)| name.content_disposition(disposition));
        let request = self
            .client
            .get_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .set_response_content_disposition(disposition)
            .customize()
            .config_override(credentials)
            .presigned(presigning)
            .await
            .map_err(|cause| Error::new(ErrorKind::Internal, "presigning GetObject").with_cause(cause))?;
        Ok(presigned(&request, life))
    }

    /// The signature covers `content-length`, `content-type` and `host`, so S3 refuses any other size or type.
    async fn presign_put(
        &self,
        object: &ObjectRef,
        content_type: &str,
        length: u64,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl> {
        let length = i64::try_from(length).map_err(|_| ErrorKind::PayloadTooLarge)?;
        let (life, presigning, credentials) = self.sign_with(expires_in, now).await?;
        let request = self
            .client
            .put_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .content_type(content_type)
            .content_length(length)
            .customize()
            .config_override(credentials)
            .presigned(presigning)
            .await
            .map_err(|cause| Error::new(ErrorKind::Internal, "presigning PutObject").with_cause(cause))?;
        Ok(presigned(&request, life))
    }
}
