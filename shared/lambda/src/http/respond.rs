//! Answers: JSON, redirects, nothing, and the headers that keep a browser from running what it gets.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use storage_core::{Error, ErrorKind};

use super::error::{ApiError, ApiResult};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Marks an answer whose status says error and whose body is meant, such as that of a readiness check.
#[derive(Clone)]
pub(super) struct Deliberate;

/// A JSON body that no cache may keep.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> ApiResult {
    let bytes = serde_json::to_vec(body)
        .map_err(|cause| Error::new(ErrorKind::Internal, "response body").with_cause(cause))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response.extensions_mut().insert(Deliberate);
    Ok(response)
}

/// A JSON body with a strong entity tag, which a client revalidates on every use.
pub fn json_with_etag<T: Serialize>(body: &T, etag: &str) -> ApiResult {
    let mut response = json(StatusCode::OK, body)?;
    response.headers_mut().insert(ETAG, header_value(&format!("\"{etag}\""))?);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// 304: the client's copy under this tag is current.
pub fn not_modified(etag: &str) -> ApiResult {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    response.headers_mut().insert(ETAG, header_value(&format!("\"{etag}\""))?);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// 302 to a URL of ours, with how long the redirect itself may be kept.
pub fn redirect(url: &str, cache_control: &str) -> ApiResult {
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, header_value(url)?);
    response.headers_mut().insert(CACHE_CONTROL, header_value(cache_control)?);
    // An `<img>` of another site follows the redirect only if it may read it.
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// A picture that was made for this answer.
pub fn image(content_type: &'static str, bytes: Vec<u8>, cache_control: &'static str) -> ApiResult {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    // For the `<img>` of another site, like the redirect in whose place it is.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// 204.
pub fn no_content() -> Response {
    empty(StatusCode::NO_CONTENT)
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A value made by us, so that a refusal is a defect of ours.
fn header_value(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text)
        .map_err(|cause| Error::new(ErrorKind::Internal, "response header").with_cause(cause).into())
}

/// What every answer carries, whatever made it.
pub(super) fn set_security_headers(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.remove(SET_COOKIE);
}
