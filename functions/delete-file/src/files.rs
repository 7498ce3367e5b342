//! Files: one, many, and back out of the trash.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State as Shared;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use storage_core::ids::FileId;
use storage_core::{Error, ErrorKind};
use storage_lambda::http::auth::Caller;
use storage_lambda::http::extract::{Idempotency, Nothing, PathId, StrictQuery};
use storage_lambda::http::json::{OptionalJson, StrictJson};
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::requests::idempotency;
use storage_lambda::views::FileView;

use crate::State;

/// The most ids of a batch.
const MAX_BATCH: usize = 1000;

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteQuery {
    /// Whether the file skips the trash, or leaves it for good.
    #[serde(default)]
    permanent: bool,
}

pub(crate) async fn delete(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    StrictQuery(query): StrictQuery<DeleteQuery>,
) -> ApiResult {
    state.deletion.delete_file(&context, file, query.permanent).await?;
    Ok(respond::no_content())
}

/// The record of a file that was taken out of the trash. Its URL is for `resolve-url` to say: this function may read no
/// object.
pub(crate) async fn restore(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(_): OptionalJson<Nothing>,
) -> ApiResult {
    let idempotency = idempotency(key, &Method::POST, &format!("/api/v1/files/{file}/restore"), &())?;
    let record = state.deletion.restore(&context, file, idempotency).await?;
    respond::json(StatusCode::OK, &FileView::new(&record, None))
}

/// The body of `POST /files/delete`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteMany {
    /// Ids of files, up to 1,000.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<storage_lambda::openapi::FileId>, max_items = 1000))]
    ids: Vec<String>,
    /// Whether the files skip the trash, or leave it for good.
    #[serde(default)]
    permanent: bool,
}

/// An answer for each id.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Deleted {
    /// In the order of the first mention of each id.
    results: Vec<DeletedFile>,
}

/// Whether it is deleted, or why not.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct DeletedFile {
    /// The id, as it was sent.
    file_id: String,
    /// `true`, or absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    deleted: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::ErrorCode>))]
    error: Option<ErrorKind>,
}

/// Up to 1,000 files at once; each id has its own answer, in the order of their first mention.
pub(crate) async fn delete_many(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    StrictJson(body): StrictJson<DeleteMany>,
) -> ApiResult {
    if body.ids.len() > MAX_BATCH {
        return Err(Error::new(ErrorKind::InvalidRequest, "more than 1,000 ids").into());
    }
    let idempotency = idempotency(key, &Method::POST, "/api/v1/files/delete", &body)?;
    let (mut seen, mut wanted, mut files) = (BTreeSet::new(), Vec::new(), Vec::new());
    for id in body.ids {
        let parsed = FileId::parse(&id);
        // One id can be spelt in two cases.
        if !seen.insert(parsed.as_ref().map_or_else(|_| id.clone(), FileId::to_string)) {
            continue;
        }
        files.extend(parsed.as_ref().ok().copied());
        wanted.push((id, parsed.ok()));
    }
    let deleted = state.deletion.delete_files(&context, files, body.permanent, idempotency).await?;
    let mut deleted: BTreeMap<FileId, _> = deleted.into_iter().collect();
    let results = wanted.into_iter().map(|(file_id, file)| {
        let error = match file.and_then(|file| deleted.remove(&file)) {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.kind()),
            None => Some(ErrorKind::InvalidId),
        };
        DeletedFile { file_id, deleted: error.is_none(), error }
    });
    respond::json(StatusCode::OK, &Deleted { results: results.collect() })
}
