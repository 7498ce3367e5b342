//! Failures that are worth repeating and that the SDK does not know as such.
//!
//! They are classified instead of looped over, so that every repetition counts against the one limit of attempts, waits
//! with the same jitter, and takes from the same token bucket.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

/// Codes of S3 that mean "send it again" and that the SDK does not repeat: a conditional write that met another one, and
/// an outage inside a 200 answer, whose status says nothing.
const S3_CODES: [&[u8]; 3] = [
    b"<Code>ConditionalRequestConflict</Code>",
    b"<Code>OperationAborted</Code>",
    b"<Code>ServiceUnavailable</Code>",
];

/// Repeats what S3 asks to be repeated.
#[derive(Debug)]
pub(crate) struct S3Retries;

impl ClassifyRetry for S3Retries {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = matches!(context.output_or_error(), Some(Err(_)));
        // Only answers that are already in memory have bytes: error documents do, streamed objects do not.
        let body = context.response().and_then(|response| response.body().bytes()).unwrap_or_default();
        if failed && S3_CODES.iter().any(|code| contains(body, code)) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "S3 conflicts"
    }
}

fn contains(body: &[u8], code: &[u8]) -> bool {
    body.windows(code.len()).any(|window| window == code)
}

/// Repeats transactions that lost to another one, and writes that met one.
#[derive(Debug)]
pub(crate) struct DynamoRetries;

impl ClassifyRetry for DynamoRetries {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let Some(error) = OrchestratorError::as_operation_error(error) else {
            return RetryAction::NoActionIndicated;
        };
        if error.downcast_ref::<TransactWriteItemsError>().is_some_and(is_contention)
            || error
                .downcast_ref::<PutItemError>()
                .is_some_and(PutItemError::is_transaction_conflict_exception)
            || error
                .downcast_ref::<UpdateItemError>()
                .is_some_and(UpdateItemError::is_transaction_conflict_exception)
        {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "DynamoDB contention"
    }
}

/// Whether a transaction was cancelled for reasons that pass, and no condition failed.
fn is_contention(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return false;
    };
    let codes = || cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    let passing = |code: &str| {
        matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    };
    codes().any(passing) && codes().all(|code| code == "None" || passing(code))
}
