//! `multipart/form-data` bodies with one file, read as a stream under limits.

use std::collections::BTreeMap;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::{Constraints, Field, Multipart, SizeLimit};
use storage_core::{Error, ErrorKind, Result};

use super::body::declared_length;

/// The name of the part that holds the file.
pub const FILE: &str = "file";
/// The most parts of a form.
const MAX_PARTS: usize = 32;
/// The most bytes of the headers of one part.
const MAX_PART_HEADER_BYTES: usize = 8 * 1024;
/// The most bytes of one text field.
const MAX_FIELD_BYTES: u64 = 16 * 1024;
/// What text fields, headers and boundaries may add to the file.
const OVERHEAD_BYTES: u64 = 64 * 1024;

/// The rules of one route.
#[derive(Clone, Copy, Debug)]
pub struct FormRules<'a> {
    /// The most bytes of the file.
    pub max_file_bytes: u64,
    /// The text fields that may be there, beside `file`.
    pub fields: &'a [&'a str],
    /// The route that takes larger files, told to a client whose file is too large.
    pub presign_route: &'a str,
}

/// The file of a form. What the client says about it is not believed.
#[derive(Clone, Debug)]
pub struct UploadedFile {
    /// The client's name for it, as sent.
    pub filename: Option<String>,
    /// The client's media type for it, as sent.
    pub content_type: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// A form.
#[derive(Clone, Debug)]
pub struct UploadForm {
    /// The one file.
    pub file: UploadedFile,
    /// The text fields, each at most once.
    pub fields: BTreeMap<String, String>,
}

/// Whether the request is a form at all, for routes that also take JSON.
pub fn is_form(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    essence.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("multipart/form-data")
}

/// Reads a form with exactly one `file`.
///
/// `UnsupportedMediaType` where it is none, `LengthRequired` without a length, `PayloadTooLarge` as soon as the declared
/// length or the bytes read say so, `UnknownField` for a field that is not listed, `InvalidRequest` for the rest.
pub async fn read_form(request: Request, rules: &FormRules<'_>) -> Result<UploadForm> {
    let (parts, body) = request.into_parts();
    if !is_form(&parts.headers) {
        return Err(Error::new(ErrorKind::UnsupportedMediaType, "content-type"));
    }
    let declared = declared_length(&parts.headers)?.ok_or(ErrorKind::LengthRequired)?;
    let most = rules.max_file_bytes.saturating_add(OVERHEAD_BYTES);
    if declared > most {
        return Err(too_large(rules));
    }
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = multer::parse_boundary(content_type.unwrap_or_default()).map_err(malformed)?;

    let mut seen: u64 = 0;
    let counted = body.into_data_stream().map_err(|_| Broken).and_then(|chunk| {
        seen += chunk.len() as u64;
        // A body longer than it said is cut off here, so a false length buys nothing.
        std::future::ready(if seen <= declared { Ok(chunk) } else { Err(Broken) })
    });
    let limits =
        SizeLimit::new().whole_stream(most).per_field(MAX_FIELD_BYTES).for_field(FILE, rules.max_file_bytes);
    let form = Multipart::with_constraints(counted, boundary, Constraints::new().size_limit(limits));
    let form = collect(form, rules).await?;
    if seen != declared {
        return Err(Error::new(ErrorKind::InvalidRequest, "content-length differs from the body"));
    }
    Ok(form)
}

/// Ends the stream of a body that breaks off or is longer than declared.
#[derive(Debug, thiserror::Error)]
#[error("the body is not as declared")]
struct Broken;

async fn collect(mut form: Multipart<'_>, rules: &FormRules<'_>) -> Result<UploadForm> {
    let mut file = None;
    let mut fields = BTreeMap::new();
    let mut parts = 0;
    while let Some(part) = form.next_field().await.map_err(|error| refusal(error, rules))? {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(Error::new(ErrorKind::InvalidRequest, "too many parts"));
        }
        let name = check_part(&part)?;
        if name == FILE {
            if file.is_some() {
                return Err(Error::new(ErrorKind::InvalidRequest, "two files"));
            }
            file = Some(read_file(part, rules).await?);
        } else if !rules.fields.contains(&name.as_str()) {
            return Err(Error::new(ErrorKind::UnknownField, "form field"));
        } else {
            let text = part.bytes().await.map_err(|error| refusal(error, rules))?;
            let text = String::from_utf8(text.to_vec())
                .map_err(|_| Error::new(ErrorKind::InvalidRequest, "form field that is not UTF-8"))?;
            if fields.insert(name, text).is_some() {
                return Err(Error::new(ErrorKind::InvalidRequest, "repeated form field"));
            }
        }
    }
    let file = file.ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "a form without a file"))?;
    Ok(UploadForm { file, fields })
}

/// The name of a part whose headers are acceptable.
fn check_part(part: &Field<'_>) -> Result<String> {
    let size: usize = part.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let nested = part.content_type().is_some_and(|mime| mime.type_() == "multipart");
    let encoding = part.headers().get("content-transfer-encoding").map(|value| value.as_bytes());
    let encoded = encoding.is_some_and(|encoding| !matches!(encoding, b"binary" | b"8bit" | b"7bit"));
    if size > MAX_PART_HEADER_BYTES || nested || encoded {
        return Err(Error::new(ErrorKind::InvalidRequest, "headers of a part"));
    }
    match part.name() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Error::new(ErrorKind::InvalidRequest, "a part without a name")),
    }
}

async fn read_file(mut part: Field<'_>, rules: &FormRules<'_>) -> Result<UploadedFile> {
    let filename = part.file_name().map(str::to_owned);
    let content_type = match part.headers().get(CONTENT_TYPE) {
        None => None,
        Some(value) => {
            let text = value.to_str().ok().filter(|text| text.len() <= 255 && !text.contains('\t'));
            let invalid = || Error::new(ErrorKind::InvalidRequest, "content-type of a part");
            Some(text.ok_or_else(invalid)?.to_owned())
        }
    };
    let mut bytes = BytesMut::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| refusal(error, rules))? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(UploadedFile { filename, content_type, bytes: bytes.freeze() })
}

fn refusal(error: multer::Error, rules: &FormRules<'_>) -> Error {
    match error {
        multer::Error::StreamSizeExceeded { .. } => too_large(rules),
        multer::Error::FieldSizeExceeded { field_name, .. } => match field_name.as_deref() {
            Some(FILE) => too_large(rules),
            _ => Error::new(ErrorKind::PayloadTooLarge, "form field"),
        },
        other => malformed(other),
    }
}

/// The texts of the parser repeat names that the client chose, so only their kind is kept.
fn malformed(error: multer::Error) -> Error {
    let variant = format!("{error:?}");
    let variant: String = variant.chars().take_while(char::is_ascii_alphanumeric).collect();
    Error::new(ErrorKind::InvalidRequest, format!("multipart: {variant}"))
}

fn too_large(rules: &FormRules<'_>) -> Error {
    let details =
        serde_json::json!({ "max_bytes": rules.max_file_bytes, "presign_route": rules.presign_route });
    Error::new(ErrorKind::PayloadTooLarge, "form").with_details(details)
}
