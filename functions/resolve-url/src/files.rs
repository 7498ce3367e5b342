//! Files: the record, a redirect to the bytes, and batches.

use axum::extract::State as Shared;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use storage_core::filename::{Disposition, FileName};
use storage_core::ids::FileId;
use storage_core::record::FileState;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind};
use storage_lambda::http::auth::Caller;
use storage_lambda::http::conditional::Conditions;
use storage_lambda::http::extract::{PathId, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::views::FileView;

use crate::State;

/// A redirect to a signed URL is for this caller, now.
const REDIRECT_CACHE: &str = "private, no-store";
/// The most ids of a batch.
const MAX_BATCH: usize = 200;

/// The record. Its URL changes with time, its entity tag only with the record.
pub(crate) async fn record(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    headers: HeaderMap,
) -> ApiResult {
    let record = state.resolver.file(&context, file).await?;
    let etag = format!("{}-{}", record.file_id.as_uuid().simple(), record.rev);
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
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadQuery {
    #[serde(default)]
    disposition: Option<Disposition>,
    #[serde(default)]
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    ids: Vec<String>,
}

#[derive(Debug, Serialize)]
struct BatchAnswer {
    results: Vec<BatchResult>,
}

#[derive(Debug, Serialize)]
struct BatchResult {
    file_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorKind>,
}

/// Up to 200 files at once; each id has its own answer.
pub(crate) async fn batch(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictJson(body): StrictJson<Batch>,
) -> ApiResult {
    if body.ids.len() > MAX_BATCH {
        return Err(Error::new(ErrorKind::InvalidRequest, "more than 200 ids").into());
    }
    let mut results = Vec::with_capacity(body.ids.len());
    for id in body.ids {
        let found = match FileId::parse(&id) {
            Ok(file) => state.resolver.file_url(&context, file, None, None).await.map(|(_, url)| url),
            Err(error) => Err(error),
        };
        results.push(match found {
            Ok(url) => {
                BatchResult { file_id: id, url: Some(url.url), expires_at: url.expires_at, error: None }
            }
            // An outage is the answer to the whole request; a file that is not ready yet is an item's.
            Err(error) if error.retryable() && error.kind() != ErrorKind::NotReady => {
                return Err(error.into());
            }
            Err(error) => BatchResult { file_id: id, url: None, expires_at: None, error: Some(error.kind()) },
        });
    }
    respond::json(StatusCode::OK, &BatchAnswer { results })
}
