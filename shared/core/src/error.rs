//! One closed list of error kinds for the whole system, and the error that carries one.
//!
//! A kind is what callers act on and what clients see as `code`. Everything else about a failure (the SDK's words,
//! keys, paths) stays in the internal context, which has no `Display` and is written to the log once.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The answer of everything in the system that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($kind:ident $code:literal $message:literal,)+) => {
        /// What went wrong, from the closed list that the API documents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorKind {
            $(#[doc = $message] $kind,)+
        }

        impl ErrorKind {
            /// Every kind, in the order of the documented list.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)+];

            /// The stable upper-case code that clients and records carry.
            pub const fn code(self) -> &'static str {
                match self { $(ErrorKind::$kind => $code,)+ }
            }

            /// The fixed sentence that clients see. It never depends on the cause.
            pub const fn message(self) -> &'static str {
                match self { $(ErrorKind::$kind => $message,)+ }
            }

            /// The kind with this code; `None` for a code that is not on the list.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(ErrorKind::$kind),)+ _ => None }
            }
        }
    };
}

error_kinds! {
    InvalidRequest "INVALID_REQUEST" "The request is not valid.",
    InvalidJson "INVALID_JSON" "The body is not valid JSON for this route.",
    UnknownField "UNKNOWN_FIELD" "The body has a field this route does not know.",
    InvalidFilename "INVALID_FILENAME" "The file name is not acceptable.",
    InvalidKey "INVALID_KEY" "The object key is not acceptable.",
    InvalidId "INVALID_ID" "The id is not a UUID.",
    InvalidExpiry "INVALID_EXPIRY" "The expiry is out of range.",
    InvalidCursor "INVALID_CURSOR" "The cursor is not one of this listing.",
    Unauthenticated "UNAUTHENTICATED" "A valid bearer token is required.",
    TokenExpired "TOKEN_EXPIRED" "The bearer token has expired.",
    Forbidden "FORBIDDEN" "The caller may not do this.",
    TenantMismatch "TENANT_MISMATCH" "The tenant of the request is not the tenant of the token.",
    TenantRequired "TENANT_REQUIRED" "The request names no tenant.",
    TenantSuspended "TENANT_SUSPENDED" "The tenant is suspended.",
    InvalidSignature "INVALID_SIGNATURE" "The signature does not match.",
    UrlExpired "URL_EXPIRED" "The signed reference has expired.",
    FileQuarantined "FILE_QUARANTINED" "The file is in quarantine.",
    NotFound "NOT_FOUND" "There is no such resource.",
    MethodNotAllowed "METHOD_NOT_ALLOWED" "The route does not take this method.",
    NotAcceptable "NOT_ACCEPTABLE" "No representation is acceptable to the client.",
    NotReady "NOT_READY" "The file is not ready yet.",
    UploadNotFound "UPLOAD_NOT_FOUND" "No bytes have been uploaded for this file.",
    StateConflict "STATE_CONFLICT" "The state of the resource does not allow this.",
    RequestInProgress "REQUEST_IN_PROGRESS" "An earlier request for this is still running.",
    BucketNotEmpty "BUCKET_NOT_EMPTY" "The bucket is not empty.",
    NameTaken "NAME_TAKEN" "The name is taken.",
    LengthRequired "LENGTH_REQUIRED" "The length of the body must be declared.",
    PreconditionFailed "PRECONDITION_FAILED" "The resource is not in the state the condition names.",
    PayloadTooLarge "PAYLOAD_TOO_LARGE" "The body is larger than allowed.",
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" "The media type is not supported here.",
    InvalidRange "INVALID_RANGE" "The range starts beyond the end.",
    InvalidImage "INVALID_IMAGE" "The bytes are not a valid image.",
    ImageTooLarge "IMAGE_TOO_LARGE" "The image has more pixels than allowed.",
    ContentMismatch "CONTENT_MISMATCH" "The content is not of the declared type.",
    SizeMismatch "SIZE_MISMATCH" "The size differs from the declared one.",
    ChecksumMismatch "CHECKSUM_MISMATCH" "The checksum differs from the declared one.",
    EmptyFile "EMPTY_FILE" "The file is empty.",
    ContentChanged "CONTENT_CHANGED" "The content changed while it was being validated.",
    ObjectConflict "OBJECT_CONFLICT" "Other bytes are already stored in this place.",
    IdempotencyMismatch "IDEMPOTENCY_MISMATCH" "The idempotency key was used with another request.",
    AttemptsExhausted "ATTEMPTS_EXHAUSTED" "The file could not be processed in the allowed attempts.",
    RateLimited "RATE_LIMITED" "Too many requests.",
    HeadersTooLarge "HEADERS_TOO_LARGE" "The headers are larger than allowed.",
    Internal "INTERNAL" "An internal error occurred.",
    StorageUnavailable "STORAGE_UNAVAILABLE" "The object storage is not available.",
    MetadataUnavailable "METADATA_UNAVAILABLE" "The metadata store is not available.",
    TenantNotReady "TENANT_NOT_READY" "The tenant's storage is still being provisioned.",
    StorageNotConfigured "STORAGE_NOT_CONFIGURED" "Storage is not enabled.",
    QuotaExceeded "QUOTA_EXCEEDED" "The quota does not leave room for this file.",
}

impl ErrorKind {
    /// Whether the same call may succeed later without the caller changing anything.
    pub const fn retryable(self) -> bool {
        use ErrorKind::*;
        match self {
            NotReady | RequestInProgress | RateLimited | Internal | StorageUnavailable
            | MetadataUnavailable | TenantNotReady => true,
            InvalidRequest | InvalidJson | UnknownField | InvalidFilename | InvalidKey | InvalidId
            | InvalidExpiry | InvalidCursor | Unauthenticated | TokenExpired | Forbidden | TenantMismatch
            | TenantRequired | TenantSuspended | InvalidSignature | UrlExpired | FileQuarantined
            | NotFound | MethodNotAllowed | NotAcceptable | UploadNotFound | StateConflict
            | BucketNotEmpty | NameTaken | LengthRequired | PreconditionFailed | PayloadTooLarge
            | UnsupportedMediaType | InvalidRange | InvalidImage | ImageTooLarge | ContentMismatch
            | SizeMismatch | ChecksumMismatch | EmptyFile | ContentChanged | ObjectConflict
            | IdempotencyMismatch | AttemptsExhausted | HeadersTooLarge | StorageNotConfigured
            | QuotaExceeded => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        ErrorKind::from_code(&code)
            .ok_or_else(|| serde::de::Error::custom("an error code that is not on the closed list"))
    }
}

/// A failure: a kind for the caller, a context and a cause for the log, and details that are safe to show.
///
/// `Display` prints only the kind's fixed sentence, so an error can be formatted anywhere without leaking.
pub struct Error {
    kind: ErrorKind,
    inner: Box<Inner>,
}

struct Inner {
    context: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    details: Option<serde_json::Value>,
}

impl Error {
    /// An error of `kind`; `context` says for the log what was being done, and is never shown to a client.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Error { kind, inner: Box::new(Inner { context: context.into(), cause: None, details: None }) }
    }

    /// The same error with the failure that led to it. The cause is written to the log only.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// The same error with public details: they are part of the answer, so they name only what the caller knows.
    #[must_use]
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.inner.details = Some(details);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The public details, if there are any.
    pub fn details(&self) -> Option<&serde_json::Value> {
        self.inner.details.as_ref()
    }

    /// Whether the same call may succeed later; see [`ErrorKind::retryable`].
    pub fn retryable(&self) -> bool {
        self.kind.retryable()
    }

    /// The context and the chain of causes on one line, for the log and for nothing else.
    pub fn log_line(&self) -> String {
        let mut line = self.inner.context.clone();
        let mut cause: Option<&(dyn StdError + 'static)> =
            self.inner.cause.as_deref().map(|cause| cause as _);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line.replace(['\n', '\r'], " ")
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Error::new(kind, "")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Error").field("kind", &self.kind).field("log", &self.log_line()).finish()
    }
}

impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_are_unique() {
        let mut codes: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert_eq!(ErrorKind::from_code("TEAPOT"), None);
    }

    #[test]
    fn display_never_shows_the_context_or_the_cause() {
        let error =
            Error::new(ErrorKind::NotFound, "bucket secret-bucket").with_cause("key secret-key\nline two");
        assert_eq!(error.to_string(), "There is no such resource.");
        assert_eq!(error.log_line(), "bucket secret-bucket: key secret-key line two");
    }
}
