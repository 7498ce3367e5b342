//! Names, metadata and errors between S3's words and the backend's.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use s3s::dto::{ETag as S3ETag, Metadata, Range, Timestamp as S3Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{ETag, ObjectMeta, ObjectRef, RangeRequest};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind};

use super::service::Service;

impl Service {
    /// The bucket with this name; `NoSuchBucket` where there is none.
    pub(super) async fn bucket(&self, name: &str) -> S3Result<BucketName> {
        let bucket = BucketName::parse(name).map_err(|_| s3_error!(NoSuchBucket))?;
        if self.backend.has_bucket(&bucket).await.map_err(object_error)? {
            Ok(bucket)
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    /// An object in a bucket that exists.
    pub(super) async fn object(&self, bucket: &str, key: &str) -> S3Result<ObjectRef> {
        let bucket = self.bucket(bucket).await?;
        let key = StorageKey::parse(key).map_err(object_error)?;
        Ok(ObjectRef::new(bucket, key))
    }
}

/// The answer to a failure where what can be missing is an object.
pub(super) fn object_error(error: Error) -> S3Error {
    to_s3(error, S3ErrorCode::NoSuchKey, S3ErrorCode::InvalidRequest)
}

/// The answer to a failure where what can be missing is an upload, and what can be wrong a part.
pub(super) fn upload_error(error: Error) -> S3Error {
    to_s3(error, S3ErrorCode::NoSuchUpload, S3ErrorCode::InvalidPart)
}

fn to_s3(error: Error, missing: S3ErrorCode, invalid: S3ErrorCode) -> S3Error {
    let code = match error.kind() {
        ErrorKind::NotFound => missing,
        ErrorKind::InvalidRequest => invalid,
        ErrorKind::InvalidKey | ErrorKind::InvalidCursor => S3ErrorCode::InvalidArgument,
        ErrorKind::PreconditionFailed => S3ErrorCode::PreconditionFailed,
        ErrorKind::InvalidRange => S3ErrorCode::InvalidRange,
        ErrorKind::SizeMismatch => S3ErrorCode::IncompleteBody,
        ErrorKind::ChecksumMismatch => S3ErrorCode::BadDigest,
        ErrorKind::InvalidSignature => S3ErrorCode::SignatureDoesNotMatch,
        ErrorKind::StorageUnavailable => S3ErrorCode::ServiceUnavailable,
        ErrorKind::QuotaExceeded => S3ErrorCode::Custom("QuotaExceeded".into()),
        _ => S3ErrorCode::InternalError,
    };
    let mut answer = S3Error::with_message(code, error.kind().message());
    if error.kind() == ErrorKind::QuotaExceeded {
        answer.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    }
    if let Some(size) = error.details().and_then(|details| details["size"].as_u64())
        && let Ok(range) = HeaderValue::try_from(format!("bytes */{size}"))
    {
        answer.set_headers(HeaderMap::from_iter([(header::CONTENT_RANGE, range)]));
    }
    if answer.status_code().is_none_or(|status| status.is_server_error()) {
        tracing::warn!(error = %error.log_line(), "the gateway could not answer");
    }
    answer
}

pub(super) fn etag(etag: &ETag) -> S3ETag {
    S3ETag::Strong(etag.as_str().to_owned())
}

pub(super) fn timestamp(time: Timestamp) -> S3Timestamp {
    time.to_datetime().into()
}

pub(super) fn length(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

pub(super) fn range(range: Range) -> RangeRequest {
    match range {
        Range::Int { first, last: Some(last) } => RangeRequest::Inclusive(first, last),
        Range::Int { first, last: None } => RangeRequest::From(first),
        Range::Suffix { length } => RangeRequest::Suffix(length),
    }
}

/// User metadata as the backend has it, under lower-case names. `s3s` has decoded RFC 2047 in headers.
pub(super) fn metadata(sent: Option<Metadata>) -> BTreeMap<String, String> {
    sent.into_iter().flatten().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// The stored headers of an object, as they can be sent.
pub(super) struct Sent {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) missing_meta: Option<i32>,
}

/// What of the description fits into headers. As on S3, metadata that does not is counted; values that are not ASCII
/// are encoded by RFC 2047, which `s3s` does.
pub(super) fn headers_of(meta: &ObjectMeta) -> Sent {
    let sendable =
        |value: &Option<String>| value.clone().filter(|value| HeaderValue::try_from(value.as_str()).is_ok());
    let valid = |name: &str| header::HeaderName::try_from(name).is_ok();
    let metadata: Metadata = meta
        .metadata
        .iter()
        .filter(|(name, _)| valid(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let missing = meta.metadata.len() - metadata.len();
    Sent {
        content_type: sendable(&meta.content_type),
        cache_control: sendable(&meta.cache_control),
        content_disposition: sendable(&meta.content_disposition),
        metadata: (!metadata.is_empty()).then_some(metadata),
        missing_meta: i32::try_from(missing).ok().filter(|&missing| missing > 0),
    }
}
