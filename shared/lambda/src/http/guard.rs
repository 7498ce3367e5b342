//! What is refused before any handler sees a request.

use axum::extract::Request;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use storage_core::{Error, ErrorKind, Result};

use super::layer::HttpSettings;

/// The most bytes of names and values of headers, as at API Gateway; elsewhere this mirrors it.
const HEADER_BYTES: usize = 10_240;

/// Headers that the gateway adds by itself and that do not count.
const ADDED: &[&str] = &["x-forwarded-", "x-amzn-", "x-amz-cf-", "via"];

/// Headers that mean something only once. A gateway joins repeated ones with a comma.
const SINGLE: &[&str] = &[
    "authorization",
    "x-tenant-id",
    "idempotency-key",
    "content-type",
    "content-length",
    "if-match",
    "if-none-match",
];

pub(super) fn check(request: &Request, settings: &HttpSettings) -> Result<()> {
    if !settings.enabled {
        return Err(Error::new(ErrorKind::StorageNotConfigured, "STORAGE_ENABLED is false"));
    }
    let headers = request.headers();
    if size(headers) > HEADER_BYTES {
        return Err(Error::new(ErrorKind::HeadersTooLarge, "headers"));
    }
    for name in SINGLE {
        let joined = matches!(*name, "authorization" | "x-tenant-id");
        let has_comma = || headers.get(*name).is_some_and(|value| value.as_bytes().contains(&b','));
        if headers.get_all(*name).iter().count() > 1 || (joined && has_comma()) {
            return Err(Error::new(ErrorKind::InvalidRequest, format!("header {name} more than once")));
        }
    }
    // An encoded body could grow without limit while it is decoded.
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Error::new(ErrorKind::UnsupportedMediaType, "content-encoding"));
    }
    Ok(())
}

fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .filter(|(name, _)| !ADDED.iter().any(|prefix| name.as_str().starts_with(prefix)))
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}
