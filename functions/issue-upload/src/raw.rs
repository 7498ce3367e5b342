//! `POST /s3/sign`: URLs for the calls of S3 that a browser makes itself, one at a time, as `signRequest` of Uppy's S3
//! plugin asks for them.

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage_core::ports::{RawCall, UploadId};
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::extract::{Nothing, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, respond};
use storage_services::part_uploads::SignedCall;

use crate::State;
use crate::tickets::Uploader;
use crate::uppy::UppyFile;

/// The body of `POST /s3/sign`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SignRequest {
    /// `PUT`, `POST`, `GET` or `DELETE`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^(PUT|POST|GET|DELETE)$"))]
    method: String,
    /// A name of the client's choice for the first call, the staging key for every later one.
    key: String,
    /// The storage's own id of an upload in parts.
    #[serde(default, rename = "uploadId")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1024))]
    upload_id: Option<String>,
    /// Which part.
    #[serde(default, rename = "partNumber")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::PartNumber>))]
    part_number: Option<u64>,
    /// The media type; that it is there asks for a form.
    #[serde(default, rename = "contentType")]
    content_type: Option<String>,
    /// Sent by the plugin's types and not by the plugin: lives are the server's to choose.
    #[serde(default, rename = "expiresIn")]
    _expires_in: Option<Value>,
    /// What a page may add, with the meaning it has for `POST /s3/multipart`.
    #[serde(default)]
    filename: Option<String>,
    /// The size in bytes.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Scalar>))]
    size: Option<Value>,
    /// What a page says of the file.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, storage_lambda::openapi::Scalar>))]
    metadata: BTreeMap<String, Value>,
    /// Whether a form is wanted for a simple upload: it holds the browser to the size. Plugins that know forms say the
    /// content type.
    #[serde(default)]
    form: Option<bool>,
}

pub(crate) async fn sign(
    Shared(state): Shared<State>,
    uploader: Uploader,
    StrictQuery(_): StrictQuery<Nothing>,
    StrictJson(request): StrictJson<SignRequest>,
) -> ApiResult {
    let Some(call) = later_call(&request)? else {
        return begin(&state, &uploader, request).await;
    };
    let signed = state.parts.sign_raw(&uploader.context, &request.key, call).await?;
    answer(signed)
}

/// The call about an upload that has begun; `None` for the two that begin one.
fn later_call(request: &SignRequest) -> Result<Option<RawCall>> {
    let invalid = || Error::new(ErrorKind::InvalidRequest, "no call of an upload");
    let upload = request.upload_id.clone().map(UploadId);
    if upload.as_ref().is_some_and(|upload| upload.0.is_empty() || upload.0.len() > 1024) {
        return Err(invalid());
    }
    let number =
        request.part_number.map(|number| u16::try_from(number).map_err(|_| invalid())).transpose()?;
    Ok(Some(match (request.method.as_str(), upload, number) {
        ("PUT" | "POST", None, None) => return Ok(None),
        ("PUT", Some(upload), Some(number)) => RawCall::Part(upload, number),
        ("GET", Some(upload), None) => RawCall::Parts(upload),
        ("POST", Some(upload), None) => RawCall::Complete(upload),
        ("DELETE", Some(upload), None) => RawCall::Abort(upload),
        _ => return Err(invalid()),
    }))
}

async fn begin(state: &State, uploader: &Uploader, request: SignRequest) -> ApiResult {
    let in_parts = request.method == "POST";
    let wants_form = request.form.unwrap_or(request.content_type.is_some());
    let mut metadata = request.metadata;
    metadata.extend(request.size.map(|size| ("size".to_owned(), size)));
    let file = UppyFile {
        filename: request.filename.unwrap_or_else(|| name_of(&request.key)),
        content_type: request.content_type,
        metadata,
    };
    let issue = file.into_issue(uploader)?;
    if in_parts || !wants_form {
        return answer(state.parts.begin_raw(&uploader.context, issue, in_parts).await?);
    }
    let issued = state.uploads.issue(&uploader.context, issue, None, state.presign.as_ref()).await?;
    let view = SignedView {
        url: issued.post.url,
        fields: issued.post.fields,
        key: issued.staging.key.to_string(),
        file_id: issued.record.file_id.to_string(),
    };
    respond::json(StatusCode::OK, &view)
}

/// A signed call, or a form.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct SignedView {
    /// Where to send it.
    url: String,
    /// The fields of a form, to be sent before the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    fields: BTreeMap<String, String>,
    /// The staging key; later calls name it.
    key: String,
    /// The id of the file to be.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::FileId))]
    file_id: String,
}

fn answer(signed: SignedCall) -> ApiResult {
    let view = SignedView {
        url: signed.url.url,
        fields: BTreeMap::new(),
        key: signed.key.to_string(),
        file_id: signed.file.to_string(),
    };
    respond::json(StatusCode::OK, &view)
}

/// The plugin's own keys are a random id, a dash, and the name of the file.
fn name_of(key: &str) -> String {
    let last = key.rsplit('/').next().unwrap_or_default();
    match last.get(..37) {
        Some(id) if id.ends_with('-') && id.bytes().filter(|byte| *byte == b'-').count() == 5 => {
            last[37..].to_owned()
        }
        _ => last.to_owned(),
    }
}
