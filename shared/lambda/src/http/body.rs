//! Reads a body under a limit: nothing is polled that the declared length already rules out.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use storage_core::{Error, ErrorKind, Result};

/// The declared length. `InvalidRequest` where it is no number.
pub(super) fn declared_length(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(length) => Ok(Some(length)),
        None => Err(Error::new(ErrorKind::InvalidRequest, "content-length")),
    }
}

/// All of `body`, whose declared length must be the true one. `PayloadTooLarge` as soon as it is known to be over.
pub(super) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes> {
    let declared = declared_length(headers)?;
    let too_large = || Error::new(ErrorKind::PayloadTooLarge, "body");
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| Error::new(ErrorKind::InvalidRequest, "body").with_cause(cause))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    if declared.is_some_and(|length| length != bytes.len() as u64) {
        return Err(Error::new(ErrorKind::InvalidRequest, "content-length differs from the body"));
    }
    Ok(bytes.freeze())
}
