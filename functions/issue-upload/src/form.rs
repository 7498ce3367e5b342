//! `POST /api/v1/files/presigned-upload`: a form that uploads straight to S3, or an upload in parts where the file is too
//! large for one; one file or several.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, State as Shared};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use storage_core::ids::IdempotencyKey;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::auth::{Authenticator, Principal, Verified, unassigned_context};
use storage_lambda::http::extract::{Idempotency, Nothing, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiError, ApiResult, respond};
use storage_lambda::requests::{MAX_BATCH, PresignBatch, PresignBody, PresignRequest, idempotency};
use storage_lambda::seal::Kind;
use storage_lambda::views::IssuedView;

use crate::State;

/// The route, as it is part of a request's digest.
const ROUTE: &str = "/api/v1/files/presigned-upload";

/// Who issues. Only of a service it can be unknown for whom, until the body says that nobody knows.
pub(crate) struct Issuer {
    verified: Verified,
    context: Option<TenantContext>,
}

impl<S> FromRequestParts<S> for Issuer
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Principal(verified) = Principal::from_request_parts(parts, state).await?;
        let authenticator = Arc::<Authenticator>::from_ref(state);
        let context = match authenticator.tenant_context(&verified, &parts.headers) {
            Ok(context) => Some(context),
            Err(error) if error.kind() == ErrorKind::TenantRequired && verified.scopes.service => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Issuer { verified, context })
    }
}

pub(crate) async fn issue(
    Shared(state): Shared<State>,
    issuer: Issuer,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    StrictJson(body): StrictJson<PresignBody>,
) -> ApiResult {
    let unassigned = match &body {
        PresignBody::One(request) => request.unassigned,
        PresignBody::Many(batch) => batch.files.iter().any(|request| request.unassigned),
    };
    let context = match (unassigned, issuer.context) {
        (true, _) => unassigned_context(&issuer.verified)?,
        (false, Some(context)) => context,
        (false, None) => return Err(Error::new(ErrorKind::TenantRequired, "no tenant claim").into()),
    };
    match body {
        PresignBody::One(request) => {
            let issued = issue_one(&state, &context, *request, key).await?;
            respond::json(StatusCode::CREATED, &issued)
        }
        PresignBody::Many(batch) => issue_many(&state, &context, batch, key).await,
    }
}

async fn issue_one(
    state: &State,
    context: &TenantContext,
    request: PresignRequest,
    key: Option<IdempotencyKey>,
) -> Result<IssuedView> {
    let idempotency = idempotency(key, &Method::POST, ROUTE, &request)?;
    let request = request.into_issue()?;
    let in_parts = request.size.is_some_and(|size| size > state.uploads.settings().post_max_bytes);
    let now = state.clock.now();
    if !in_parts {
        let issued = state.uploads.issue(context, request, idempotency, state.presign.as_ref()).await?;
        return Ok(IssuedView::new(issued, now));
    }
    let begun = state.parts.begin(context, request, idempotency).await?;
    let upload_id = state.sealer.seal(Kind::UploadId, &begun.handle, begun.until)?;
    Ok(IssuedView::in_parts(begun, upload_id, now))
}

/// An answer for each upload.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssuedBatch))]
pub(crate) struct BatchAnswer {
    /// In the order of the request.
    files: Vec<BatchItem>,
}

/// An upload, or why it was refused.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssuedBatchItem))]
#[serde(untagged)]
enum BatchItem {
    /// An upload.
    Issued(Box<IssuedView>),
    /// A refusal.
    Refused {
        /// Why.
        #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::ErrorCode))]
        error: ErrorKind,
    },
}

/// Each upload has its own answer, in the order that was asked in. One `Idempotency-Key` covers the batch.
async fn issue_many(
    state: &State,
    context: &TenantContext,
    batch: PresignBatch,
    key: Option<IdempotencyKey>,
) -> ApiResult {
    if batch.files.is_empty() || batch.files.len() > MAX_BATCH {
        return Err(Error::new(ErrorKind::InvalidRequest, "1 to 100 files").into());
    }
    let unassigned = batch.files.iter().filter(|request| request.unassigned).count();
    if unassigned != 0 && unassigned != batch.files.len() {
        return Err(Error::new(ErrorKind::InvalidRequest, "all of a batch are unassigned, or none").into());
    }
    let mut files = Vec::with_capacity(batch.files.len());
    for (index, request) in batch.files.into_iter().enumerate() {
        let key = key.as_ref().map(|key| item_key(key, index)).transpose()?;
        files.push(match issue_one(state, context, request, key).await {
            Ok(issued) => BatchItem::Issued(Box::new(issued)),
            // An outage is the answer to the whole request: its items would only repeat it.
            Err(error) if error.retryable() && error.kind() != ErrorKind::RateLimited => {
                return Err(error.into());
            }
            Err(error) => BatchItem::Refused { error: error.kind() },
        });
    }
    respond::json(StatusCode::CREATED, &BatchAnswer { files })
}

/// The key of an item of a batch. A digest is never too long, and never the key of another request.
fn item_key(key: &IdempotencyKey, index: usize) -> Result<IdempotencyKey> {
    IdempotencyKey::parse(&format!("batch-{}", hex::encode(Sha256::digest(format!("{index}/{key}")))))
}
