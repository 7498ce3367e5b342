//! Files: the record, a redirect to the bytes, and batches.

use axum::extract::State as Shared;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use storage_core::filename::{Disposition, FileName};
use storage_core::ids::FileId;
use storage_core::record::FileState;
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::auth::Caller;
use storage_lambda::http::conditional::Conditions;
use storage_lambda::http::extract::{Nothing, PathId, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::views::{self, FileView};

use crate::State;

/// A redirect to a signed URL is for this caller, now.
const REDIRECT_CACHE: &str = "private, no-store";
/// The most ids of a batch.
const MAX_BATCH: usize = 200;
/// How many of them are looked up at once.
const AT_ONCE: usize = 16;

/// The record. Its URL changes with time, its entity tag only with the record.
pub(crate) async fn record(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    StrictQuery(_): StrictQuery<Nothing>,
    headers: HeaderMap,
) -> ApiResult {
    let record = state.resolver.file(&context, file).await?;
    let etag = views::etag(&record);
    if Conditions::parse(&headers)?.is_unchanged(&etag) {
        return respond::not_modified(&etag);
    }
    let url = match record.state {
        FileState::Ready => Some(state.resolver.ready_url(&record, None, None).await?),
        _ => None,
    };
    respond::json_with_etag(&FileView::new(&record, url), &etag)
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadQuery {
    /// Shown or saved; types that could run a script are saved whatever is asked.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::DispositionWord>))]
    disposition: Option<Disposition>,
    /// The name to save it under.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Name>))]
    name: Option<String>,
}

/// A redirect to the bytes.
pub(crate) async fn download(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    StrictQuery(query): StrictQuery<DownloadQuery>,
) -> ApiResult {
    let name = query.name.as_deref().map(FileName::parse).transpose()?;
    let (_, url) = state.resolver.file_url(&context, file, query.disposition, name).await?;
    respond::redirect(&url.url, REDIRECT_CACHE)
}

/// The body of `POST /files/urls`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = FileBatch))]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// Ids of files, up to 200.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<storage_lambda::openapi::FileId>, max_items = 200))]
    ids: Vec<String>,
}

/// An answer for each id.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = FileUrls))]
pub(crate) struct BatchAnswer {
    /// In the order of the request.
    results: Vec<BatchResult>,
}

/// A URL, or why there is none.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = FileUrl))]
struct BatchResult {
    /// The id, as it was sent.
    file_id: String,
    /// Where to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Until when that URL works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Time>))]
    expires_at: Option<Timestamp>,
    /// Why there is no URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::ErrorCode>))]
    error: Option<ErrorKind>,
}

/// Up to 200 files at once; each id has its own answer.
pub(crate) async fn batch(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(_): StrictQuery<Nothing>,
    StrictJson(body): StrictJson<Batch>,
) -> ApiResult {
    if body.ids.len() > MAX_BATCH {
        return Err(Error::new(ErrorKind::InvalidRequest, "more than 200 ids").into());
    }
    let found = stream::iter(body.ids).map(|id| resolve_item(&state, &context, id));
    let results = found.buffered(AT_ONCE).try_collect().await?;
    respond::json(StatusCode::OK, &BatchAnswer { results })
}

async fn resolve_item(state: &State, context: &TenantContext, id: String) -> Result<BatchResult> {
    let found = match FileId::parse(&id) {
        Ok(file) => state.resolver.file_url(context, file, None, None).await.map(|(_, url)| url),
        Err(error) => Err(error),
    };
    match found {
        Ok(url) => {
            Ok(BatchResult { file_id: id, url: Some(url.url), expires_at: url.expires_at, error: None })
        }
        // An outage is the answer to the whole request; a file that is not ready yet is an item's.
        Err(error) if error.retryable() && error.kind() != ErrorKind::NotReady => Err(error),
        Err(error) => Ok(BatchResult { file_id: id, url: None, expires_at: None, error: Some(error.kind()) }),
    }
}
