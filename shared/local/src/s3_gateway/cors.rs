//! Cross-origin requests: who may call from a browser, and what scripts may read of the answer.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

const METHODS: [&str; 5] = ["GET", "PUT", "POST", "HEAD", "DELETE"];

/// The origins that browsers may call from. Credentials such as cookies are never allowed: signatures are enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// No origin.
    #[default]
    None,
    /// Every origin.
    Any,
    /// Exactly these, such as `http://localhost:5173`.
    List(Vec<String>),
}

impl AllowedOrigins {
    /// What to answer this origin with.
    fn answer(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            AllowedOrigins::None => None,
            AllowedOrigins::Any => Some(HeaderValue::from_static("*")),
            AllowedOrigins::List(origins) => {
                origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }
}

/// The answer to a preflight, which carries no signature; `None` for every other request.
pub(super) fn preflight<B>(origins: &AllowedOrigins, request: &Request<B>) -> Option<Response<()>> {
    if request.method() != Method::OPTIONS {
        return None;
    }
    let origin = request.headers().get(ORIGIN)?;
    let method = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let mut response = Response::new(());
    if origins.answer(origin).is_none()
        || !METHODS.iter().any(|allowed| allowed.as_bytes() == method.as_bytes())
    {
        *response.status_mut() = StatusCode::FORBIDDEN;
        return Some(response);
    }
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, PUT, POST, HEAD, DELETE"));
    if let Some(wanted) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3000"));
    let varies = "Access-Control-Request-Method, Access-Control-Request-Headers";
    headers.append(VARY, HeaderValue::from_static(varies));
    Some(response)
}

/// Lets the origin read the answer, if it may.
pub(super) fn allow(origins: &AllowedOrigins, origin: &HeaderValue, headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(answer) = origins.answer(origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, answer);
        let exposed = "ETag, Location, x-amz-request-id";
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    }
}
