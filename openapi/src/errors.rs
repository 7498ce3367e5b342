//! Refusals: one body, the closed list of codes, and which of them a status can have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_lambda::http::error::status;
use storage_lambda::openapi::ErrorCode;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type};

/// The body of every refusal.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the layer around the routes writes it as JSON")]
pub(crate) struct Problem {
    /// What went wrong.
    error: ProblemError,
    /// The message again, for upload widgets.
    message: String,
    /// The request's id again, for upload widgets.
    #[schema(rename = "requestId")]
    request_id: String,
}

/// What went wrong: a program acts on the code.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the layer around the routes writes it as JSON")]
pub(crate) struct ProblemError {
    /// From the closed list.
    #[schema(value_type = ErrorCode)]
    code: ErrorKind,
    /// The fixed sentence of the code, for people.
    message: String,
    /// Joins the refusal with the log; also in the header `x-request-id`.
    request_id: String,
    /// What helps, such as `field` or `max_bytes`.
    #[schema(value_type = Option<Object>)]
    details: Option<Value>,
}

/// Every kind by its status.
fn by_status() -> BTreeMap<u16, Vec<ErrorKind>> {
    let mut found: BTreeMap<u16, Vec<ErrorKind>> = BTreeMap::new();
    for kind in ErrorKind::ALL {
        found.entry(status(*kind).as_u16()).or_default().push(*kind);
    }
    found
}

fn name(status: u16) -> String {
    format!("Problem{status}")
}

/// The components: for each status a response whose code is one of that status.
pub(crate) fn responses() -> BTreeMap<String, RefOr<Response>> {
    let response = |(status, kinds): (u16, Vec<ErrorKind>)| {
        let codes = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(kinds.iter().map(|kind| kind.code())));
        let error = ObjectBuilder::new().property("code", codes);
        let narrowed = ObjectBuilder::new().schema_type(Type::Object).property("error", error);
        let schema: Schema =
            AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed).build().into();
        let mut response = ResponseBuilder::new()
            .description(sentences(&kinds))
            .content("application/json", ContentBuilder::new().schema(Some(schema)).build());
        if matches!(status, 429 | 503) {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer);
            let header = HeaderBuilder::new()
                .schema(Some(seconds))
                .description(Some("When to try again, in seconds."));
            response = response.header("Retry-After", header.build());
        }
        (name(status), RefOr::T(response.build()))
    };
    by_status().into_iter().map(response).collect()
}

fn sentences(kinds: &[ErrorKind]) -> String {
    let sentence = |kind: &ErrorKind| format!("- `{}`: {}", kind.code(), kind.message());
    kinds.iter().map(sentence).collect::<Vec<_>>().join("\n")
}

/// The refusals of a route: for each status the reference that names the codes it has there.
pub(crate) fn references(kinds: &BTreeSet<ErrorKind>) -> Vec<(u16, Ref)> {
    let of_status = |(status, all): (u16, Vec<ErrorKind>)| {
        let codes: Vec<_> =
            all.iter().filter(|kind| kinds.contains(kind)).map(|kind| format!("`{kind}`")).collect();
        let mut reference = Ref::from_response_name(name(status));
        reference.description = codes.join(", ");
        (!codes.is_empty()).then_some((status, reference))
    };
    by_status().into_iter().filter_map(of_status).collect()
}

/// What any request can meet, whatever it asks for.
pub(crate) const ANY: &[ErrorKind] = &[
    ErrorKind::InvalidRequest,
    ErrorKind::PayloadTooLarge,
    ErrorKind::UnsupportedMediaType,
    ErrorKind::HeadersTooLarge,
    ErrorKind::Internal,
];

/// What a route that knows its caller can answer beside.
pub(crate) const CALLERS: &[ErrorKind] = &[
    ErrorKind::Unauthenticated,
    ErrorKind::TokenExpired,
    ErrorKind::TenantMismatch,
    ErrorKind::TenantRequired,
    ErrorKind::TenantSuspended,
    ErrorKind::StorageUnavailable,
    ErrorKind::MetadataUnavailable,
    ErrorKind::TenantNotReady,
    ErrorKind::StorageNotConfigured,
];

/// The document's example of a refusal.
pub(crate) fn example() -> Value {
    let kind = ErrorKind::NotFound;
    json!({
        "error": { "code": kind.code(), "message": kind.message(), "request_id": "JKJaXmPLvHcESHA=" },
        "message": kind.message(),
        "requestId": "JKJaXmPLvHcESHA=",
    })
}
