//! What an answer of DynamoDB means for the caller.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use storage_core::{Error, ErrorKind};

/// The error for a failed call named `operation`.
///
/// A request that DynamoDB finds malformed is a mistake of this code. Everything else is an outage, a missing table and a
/// missing permission included: both are for an operator.
pub(super) fn map<E>(operation: &'static str, failure: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let kind = if is_malformed(&failure) { ErrorKind::Internal } else { ErrorKind::MetadataUnavailable };
    Error::new(kind, operation).with_cause(failure)
}

/// Whether DynamoDB refused the request for what it says.
pub(super) fn is_malformed<E>(failure: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(context) = failure else {
        return false;
    };
    matches!(
        context.err().code(),
        Some("ValidationException" | "SerializationException" | "ItemCollectionSizeLimitExceededException")
    )
}
