//! The routes that the companion mode of Uppy's S3 plugin speaks. What a client calls `uploadId` is sealed: it says which
//! upload is meant, and a `key` beside it only has to agree.

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use storage_core::ids::BucketName;
use storage_core::ports::ETag;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::extract::{Nothing, PathParameters, QueryPairs, StrictQuery};
use storage_lambda::http::json::{LargeJson, StrictJson};
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::seal::Kind;
use storage_services::part_uploads::Handle;

use crate::State;
use crate::tickets::Uploader;
use crate::uppy::UppyFile;

/// A list of 10,000 parts is about 640 KB of JSON.
const COMPLETE_BYTES: usize = 1024 * 1024;
/// The most parts that are signed at once.
const MAX_SIGNED: usize = 1000;

/// A form, as uploaders read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct FormView {
    /// Always `POST`.
    method: &'static str,
    /// Where to send it.
    url: String,
    /// The form's fields, to be sent before the file.
    fields: BTreeMap<String, String>,
    /// The seconds it works.
    expires: u64,
    /// The id of the file to be.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::FileId))]
    file_id: String,
}

/// `GET /s3/params`: a form.
pub(crate) async fn params(Shared(state): Shared<State>, uploader: Uploader, query: QueryPairs) -> ApiResult {
    let request = UppyFile::from_query(query)?.into_issue(&uploader)?;
    let issued = state.uploads.issue(&uploader.context, request, None, state.presign.as_ref()).await?;
    let expires = issued.post.expires_at.since(state.clock.now()).as_secs();
    let view = FormView {
        method: "POST",
        url: issued.post.url,
        fields: issued.post.fields,
        expires,
        file_id: issued.record.file_id.to_string(),
    };
    respond::json(StatusCode::OK, &view)
}

/// An upload in parts, as uploaders read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct CreatedView {
    /// The staging key.
    key: String,
    /// The sealed name of the upload.
    #[serde(rename = "uploadId")]
    upload_id: String,
    /// The staging bucket.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    bucket: BucketName,
    /// The id of the file to be.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::FileId))]
    file_id: String,
}

/// `POST /s3/multipart`: an upload in parts.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    uploader: Uploader,
    StrictQuery(_): StrictQuery<Nothing>,
    StrictJson(file): StrictJson<UppyFile>,
) -> ApiResult {
    let request = file.into_issue(&uploader)?;
    let begun = state.parts.begin(&uploader.context, request, None).await?;
    let upload_id = state.sealer.seal(Kind::UploadId, &begun.handle, begun.until)?;
    let view = CreatedView {
        key: begun.handle.key.to_string(),
        upload_id,
        bucket: begun.record.staging_bucket,
        file_id: begun.record.file_id.to_string(),
    };
    respond::json(StatusCode::OK, &view)
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyQuery {
    /// The staging key; where it is there it has to be the upload's.
    #[serde(default)]
    key: Option<String>,
}

/// A part that has arrived.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PartView {
    /// Which part.
    #[serde(rename = "PartNumber")]
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::PartNumber))]
    part_number: u16,
    /// The entity tag, in quotes.
    #[serde(rename = "ETag")]
    etag: String,
    /// The size in bytes.
    #[serde(rename = "Size")]
    size: u64,
}

/// `GET /s3/multipart/{upload_id}`: every part that has arrived.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    uploader: Uploader,
    path: PathParameters,
    StrictQuery(query): StrictQuery<KeyQuery>,
) -> ApiResult {
    let handle = open(&state, &path, query.key.as_deref())?;
    let parts = state.parts.list(&uploader.context, &handle).await?;
    let parts = parts.into_iter().map(|part| PartView {
        part_number: part.number,
        etag: part.etag.quoted(),
        size: part.size,
    });
    respond::json(StatusCode::OK, &parts.collect::<Vec<_>>())
}

/// Where to send a part.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PartUrl {
    /// `PUT` the part there.
    url: String,
    /// The seconds it works.
    expires: u64,
}

/// `GET /s3/multipart/{upload_id}/{number}`: a URL for one part.
pub(crate) async fn sign(
    Shared(state): Shared<State>,
    uploader: Uploader,
    path: PathParameters,
    StrictQuery(query): StrictQuery<KeyQuery>,
) -> ApiResult {
    let handle = open(&state, &path, query.key.as_deref())?;
    let number = part_number(path.text("number")?)?;
    let signed = state.parts.sign_parts(&uploader.context, &handle, &[number]).await?;
    let (_, url) = signed.first().ok_or_else(|| Error::new(ErrorKind::Internal, "nothing was signed"))?;
    let expires = url.expires_at.since(state.clock.now()).as_secs();
    respond::json(StatusCode::OK, &PartUrl { url: url.url.clone(), expires })
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchQuery {
    /// The staging key; where it is there it has to be the upload's.
    #[serde(default)]
    key: Option<String>,
    /// Numbers of parts with commas between them, up to 1,000.
    #[serde(rename = "partNumbers")]
    part_numbers: String,
}

/// Where to send parts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PartUrls {
    /// Each by the number of its part.
    #[serde(rename = "presignedUrls")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    presigned_urls: BTreeMap<u16, String>,
}

/// `GET /s3/multipart/{upload_id}/batch`: URLs for several parts.
pub(crate) async fn sign_batch(
    Shared(state): Shared<State>,
    uploader: Uploader,
    path: PathParameters,
    StrictQuery(query): StrictQuery<BatchQuery>,
) -> ApiResult {
    let handle = open(&state, &path, query.key.as_deref())?;
    let numbers = query.part_numbers.split(',').map(part_number).collect::<Result<Vec<_>>>()?;
    if numbers.len() > MAX_SIGNED {
        return Err(Error::new(ErrorKind::InvalidRequest, "more than 1,000 parts at once").into());
    }
    let signed = state.parts.sign_parts(&uploader.context, &handle, &numbers).await?;
    let presigned_urls = signed.into_iter().map(|(number, url)| (number, url.url)).collect();
    respond::json(StatusCode::OK, &PartUrls { presigned_urls })
}

/// The body of `POST /s3/multipart/{upload_id}/complete`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteRequest {
    /// All parts, in ascending order.
    parts: Vec<CompletedPart>,
}

/// A part, as the client knows it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct CompletedPart {
    /// Which part.
    #[serde(rename = "PartNumber")]
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::PartNumber))]
    part_number: u64,
    /// The entity tag, in quotes or not.
    #[serde(rename = "ETag")]
    etag: String,
    /// Given back by clients that pass on what the listing said.
    #[serde(default, rename = "Size")]
    _size: Option<u64>,
}

/// An upload whose parts are one file now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct CompletedView {
    /// The record of the file.
    location: String,
    /// The staging key.
    key: String,
    /// The staging bucket.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    bucket: BucketName,
    /// The id of the file.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::FileId))]
    file_id: String,
}

/// `POST /s3/multipart/{upload_id}/complete`.
pub(crate) async fn complete(
    Shared(state): Shared<State>,
    uploader: Uploader,
    path: PathParameters,
    StrictQuery(query): StrictQuery<KeyQuery>,
    LargeJson(body): LargeJson<CompleteRequest, COMPLETE_BYTES>,
) -> ApiResult {
    let handle = open(&state, &path, query.key.as_deref())?;
    let mut parts = Vec::with_capacity(body.parts.len());
    for part in body.parts {
        let number = u16::try_from(part.part_number).map_err(|_| invalid_number())?;
        parts.push((number, ETag::new(&part.etag)));
    }
    let record = state.parts.complete(&uploader.context, &handle, &parts).await?;
    let view = CompletedView {
        location: format!("{}/api/v1/files/{}", state.public_base_url, record.file_id),
        key: handle.key.to_string(),
        bucket: record.staging_bucket,
        file_id: record.file_id.to_string(),
    };
    respond::json(StatusCode::OK, &view)
}

/// `DELETE /s3/multipart/{upload_id}`.
pub(crate) async fn abort(
    Shared(state): Shared<State>,
    uploader: Uploader,
    path: PathParameters,
    StrictQuery(query): StrictQuery<KeyQuery>,
) -> ApiResult {
    let handle = open(&state, &path, query.key.as_deref())?;
    state.parts.abort(&uploader.context, &handle).await?;
    // The plugin reads JSON of every answer.
    respond::json(StatusCode::OK, &Nothing {})
}

/// What the sealed id in the path says. A key that is not the upload's was not made here.
fn open(state: &State, path: &PathParameters, key: Option<&str>) -> Result<Handle> {
    let handle: Handle = state.sealer.open(Kind::UploadId, path.text("upload_id")?, state.clock.now())?;
    match key {
        Some(key) if key != handle.key.as_str() => {
            Err(Error::new(ErrorKind::InvalidSignature, "the key of another upload"))
        }
        _ => Ok(handle),
    }
}

fn part_number(text: &str) -> Result<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(invalid_number)
}

fn invalid_number() -> Error {
    Error::new(ErrorKind::InvalidRequest, "part number")
}
