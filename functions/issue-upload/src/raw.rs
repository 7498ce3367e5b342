//! `POST /s3/sign`: URLs for the calls of S3 that a browser makes itself, one at a time, as `signRequest` of Uppy's S3
//! plugin asks for them.

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use storage_core::ports::{RawCall, UploadId};
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::extract::{Nothing, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, respond};
use storage_services::part_uploads::SignedCall;

use crate::State;
use crate::tickets::Uploader;
use crate::uppy::UppyFile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignRequest {
    /// `PUT`, `POST`, `GET` or `DELETE`.
    method: String,
    /// A name of the client's choice for the first call, the staging key for every later one.
    key: String,
    #[serde(default, rename = "uploadId")]
    upload_id: Option<String>,
    #[serde(default, rename = "partNumber")]
    part_number: Option<u64>,
    #[serde(default, rename = "contentType")]
    content_type: Option<String>,
    /// Sent by the plugin's types and not by the plugin: lives are the server's to choose.
    #[serde(default, rename = "expiresIn")]
    _expires_in: Option<Value>,
    /// What a page may add, with the meaning it has for `POST /s3/multipart`.
    #[serde(default)]
    filename: Option<String>,
    #[serde(default)]
    size: Option<Value>,
    #[serde(default)]
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
    let body = json!({
        "url": issued.post.url,
        "fields": issued.post.fields,
        "key": issued.staging.key,
        "file_id": issued.record.file_id,
    });
    respond::json(StatusCode::OK, &body)
}

fn answer(signed: SignedCall) -> ApiResult {
    let body = json!({ "url": signed.url.url, "key": signed.key, "file_id": signed.file });
    respond::json(StatusCode::OK, &body)
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
