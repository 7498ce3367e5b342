//! What an answer of S3 means for the caller. Only "there is no such object" is `NotFound`.
//!
//! 403 is `StorageUnavailable`, not `Forbidden`: callers are authorised before storage is asked, so a refusal by S3 means
//! that the role, the bucket policy or the bucket's owner is wrong, which is for an operator and not for a client.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use storage_core::{Error, ErrorKind};

/// The error for a failed call named `operation`.
pub(super) fn map<E>(operation: &'static str, failure: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let status = failure.raw_response().map_or(0, |response| response.status().as_u16());
    let code = match &failure {
        SdkError::ServiceError(context) => context.err().code(),
        _ => None,
    };
    Error::new(kind(status, code), operation).with_cause(failure)
}

/// The same for a call in which nothing can be missing or unmet.
pub(super) fn unavailable<E>(operation: &'static str, failure: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + Send + Sync + 'static,
{
    Error::new(ErrorKind::StorageUnavailable, operation).with_cause(failure)
}

fn kind(status: u16, code: Option<&str>) -> ErrorKind {
    match (status, code) {
        // A 200 with an error in its body is as failed as any other answer: the code decides, never the status.
        (_, Some("NoSuchKey" | "NoSuchUpload" | "NotFound")) => ErrorKind::NotFound,
        (412, _) | (_, Some("PreconditionFailed")) => ErrorKind::PreconditionFailed,
        (416, _) | (_, Some("InvalidRange")) => ErrorKind::InvalidRange,
        (_, Some("EntityTooLarge")) => ErrorKind::PayloadTooLarge,
        (_, Some("KeyTooLongError")) => ErrorKind::InvalidKey,
        (_, Some("BadDigest" | "XAmzContentSHA256Mismatch")) => ErrorKind::ChecksumMismatch,
        (
            _,
            Some("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" | "MalformedXML" | "MetadataTooLarge"),
        ) => ErrorKind::InvalidRequest,
        _ => ErrorKind::StorageUnavailable,
    }
}

/// Whether the answer is a 404, whatever its body says: `HEAD` has none.
pub(super) fn is_missing<E>(failure: &SdkError<E, HttpResponse>) -> bool {
    matches!(failure, SdkError::ServiceError(context) if context.raw().status().as_u16() == 404)
}

/// The error for an answer that lacks what S3 always sends.
pub(super) fn incomplete(operation: &'static str) -> Error {
    Error::new(ErrorKind::StorageUnavailable, format!("{operation}: incomplete answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_object_or_upload_is_not_found() {
        assert_eq!(kind(404, Some("NoSuchKey")), ErrorKind::NotFound);
        assert_eq!(kind(404, Some("NoSuchUpload")), ErrorKind::NotFound);
        for (status, code) in [
            (404, Some("NoSuchBucket")),
            (404, None),
            (403, Some("AccessDenied")),
            (400, Some("ExpiredToken")),
            (409, Some("ConditionalRequestConflict")),
            (500, Some("InternalError")),
            (503, Some("SlowDown")),
            (200, Some("InternalError")),
            (0, None),
        ] {
            assert_eq!(kind(status, code), ErrorKind::StorageUnavailable, "{status} {code:?}");
        }
        assert_eq!(kind(412, None), ErrorKind::PreconditionFailed);
        assert_eq!(kind(200, Some("PreconditionFailed")), ErrorKind::PreconditionFailed);
        assert_eq!(kind(416, None), ErrorKind::InvalidRange);
    }
}
