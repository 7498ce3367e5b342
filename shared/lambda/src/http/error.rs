//! One match from error kind to status, and one shape for every error body.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use storage_core::{Error, ErrorKind};

use super::request_id::RequestId;

/// What a handler returns.
pub type ApiResult = Result<Response, ApiError>;

/// A failure on its way to the client.
///
/// It becomes a response whose body is written by the layer of [`super::finish`], which knows the request id and logs
/// the failure once.
#[derive(Debug)]
pub struct ApiError(pub Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        ApiError(error)
    }
}

impl From<ErrorKind> for ApiError {
    fn from(kind: ErrorKind) -> Self {
        ApiError(kind.into())
    }
}

/// Rides on a response until its body is written.
#[derive(Clone)]
pub(super) struct Failure(pub(super) Arc<Error>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = status(self.0.kind()).into_response();
        response.extensions_mut().insert(Failure(Arc::new(self.0)));
        response
    }
}

/// The status of every kind. This is the only place that decides one.
pub const fn status(kind: ErrorKind) -> StatusCode {
    use ErrorKind::*;
    match kind {
        InvalidRequest | InvalidJson | UnknownField | InvalidFilename | InvalidKey | InvalidId
        | InvalidExpiry | InvalidCursor => StatusCode::BAD_REQUEST,
        Unauthenticated | TokenExpired => StatusCode::UNAUTHORIZED,
        Forbidden | TenantMismatch | TenantRequired | TenantSuspended | InvalidSignature | UrlExpired
        | FileQuarantined => StatusCode::FORBIDDEN,
        NotFound => StatusCode::NOT_FOUND,
        MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        NotReady | UploadNotFound | StateConflict | RequestInProgress | BucketNotEmpty | NameTaken => {
            StatusCode::CONFLICT
        }
        LengthRequired => StatusCode::LENGTH_REQUIRED,
        PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        InvalidRange => StatusCode::RANGE_NOT_SATISFIABLE,
        InvalidImage | ImageTooLarge | ContentMismatch | SizeMismatch | ChecksumMismatch | EmptyFile
        | ContentChanged | ObjectConflict | IdempotencyMismatch | AttemptsExhausted => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        RateLimited => StatusCode::TOO_MANY_REQUESTS,
        HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Internal => StatusCode::INTERNAL_SERVER_ERROR,
        StorageUnavailable | MetadataUnavailable | TenantNotReady | StorageNotConfigured => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The kind that a status set by a library stands for, so that its answer too gets our shape.
pub(super) fn kind_of(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorKind::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorKind::UnsupportedMediaType,
        other if other.is_client_error() => ErrorKind::InvalidRequest,
        _ => ErrorKind::Internal,
    }
}

/// In how many seconds a client may try again.
fn retry_after(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::RateLimited => Some("1"),
        ErrorKind::StorageUnavailable | ErrorKind::MetadataUnavailable => Some("2"),
        ErrorKind::TenantNotReady => Some("5"),
        ErrorKind::StorageNotConfigured => Some("60"),
        _ => None,
    }
}

/// The body of `error`. Beside our shape it carries what Uppy shows to a user: `message` and `requestId`.
pub(super) fn body(error: &Error, request_id: &RequestId) -> Vec<u8> {
    let kind = error.kind();
    let mut inner = json!({
        "code": kind.code(),
        "message": kind.message(),
        "request_id": request_id.as_str(),
    });
    if let Some(details) = error.details() {
        inner["details"] = details.clone();
    }
    json!({ "error": inner, "message": kind.message(), "requestId": request_id.as_str() })
        .to_string()
        .into_bytes()
}

/// The headers of `kind`.
pub(super) fn set_headers(headers: &mut HeaderMap, kind: ErrorKind) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after(kind) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    if matches!(kind, ErrorKind::Unauthenticated | ErrorKind::TokenExpired) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of docs/ERRORS.md.
    const TABLE: &[(u16, &str)] = &[
        (
            400,
            "INVALID_REQUEST INVALID_JSON UNKNOWN_FIELD INVALID_FILENAME INVALID_KEY INVALID_ID INVALID_EXPIRY INVALID_CURSOR",
        ),
        (401, "UNAUTHENTICATED TOKEN_EXPIRED"),
        (
            403,
            "FORBIDDEN TENANT_MISMATCH TENANT_REQUIRED TENANT_SUSPENDED INVALID_SIGNATURE URL_EXPIRED FILE_QUARANTINED",
        ),
        (404, "NOT_FOUND"),
        (405, "METHOD_NOT_ALLOWED"),
        (406, "NOT_ACCEPTABLE"),
        (409, "NOT_READY UPLOAD_NOT_FOUND STATE_CONFLICT REQUEST_IN_PROGRESS BUCKET_NOT_EMPTY NAME_TAKEN"),
        (411, "LENGTH_REQUIRED"),
        (412, "PRECONDITION_FAILED"),
        (413, "PAYLOAD_TOO_LARGE"),
        (415, "UNSUPPORTED_MEDIA_TYPE"),
        (416, "INVALID_RANGE"),
        (
            422,
            "INVALID_IMAGE IMAGE_TOO_LARGE CONTENT_MISMATCH SIZE_MISMATCH CHECKSUM_MISMATCH EMPTY_FILE CONTENT_CHANGED OBJECT_CONFLICT IDEMPOTENCY_MISMATCH ATTEMPTS_EXHAUSTED",
        ),
        (429, "RATE_LIMITED"),
        (431, "HEADERS_TOO_LARGE"),
        (500, "INTERNAL"),
        (503, "STORAGE_UNAVAILABLE METADATA_UNAVAILABLE TENANT_NOT_READY STORAGE_NOT_CONFIGURED"),
        (507, "QUOTA_EXCEEDED"),
    ];

    #[test]
    fn g62_every_kind_has_the_documented_status() {
        let mut documented = 0;
        for (code, kinds) in TABLE {
            for kind in kinds.split(' ') {
                let kind = ErrorKind::from_code(kind).unwrap();
                assert_eq!(status(kind).as_u16(), *code, "{kind}");
                documented += 1;
            }
        }
        assert_eq!(documented, ErrorKind::ALL.len());
    }

    #[test]
    fn g61_bodies_hold_the_code_and_nothing_of_the_cause() {
        let id = RequestId::new("r-1");
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "bucket canary-bucket").with_cause("arn:aws:s3:::canary-arn");
            let body = String::from_utf8(body(&error, &id)).unwrap();
            assert!(!body.contains("canary"), "{body}");
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(value["error"]["code"], kind.code());
            assert_eq!(value["error"]["message"], value["message"]);
            assert_eq!(value["error"]["request_id"], value["requestId"]);
            assert_eq!(value["error"].as_object().unwrap().len(), 3);
        }
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        for kind in ErrorKind::ALL {
            let code = status(*kind).as_u16();
            assert_eq!(retry_after(*kind).is_some(), code == 503 || code == 429, "{kind}");
        }
    }
}
