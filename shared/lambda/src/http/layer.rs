//! What surrounds every handler: the request id, the guards, CORS, one error shape, security headers, one log line.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use storage_core::{Error, ErrorKind};
use tracing::Instrument;

use super::error::{self, ApiError, Failure};
use super::request_id::{self, RequestId};
use super::respond::{self, Deliberate};
use super::{cors, guard, json};
use crate::config::Config;

/// What the layer needs of the configuration.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Whether storage is on; `health` sets it to answer in any case.
    pub enabled: bool,
    /// The browser origins that may call, or `*`.
    pub allowed_origins: Vec<String>,
    /// The most bytes of a JSON body.
    pub json_max_bytes: usize,
}

impl From<&Config> for HttpSettings {
    fn from(config: &Config) -> Self {
        HttpSettings {
            enabled: config.enabled,
            allowed_origins: config.delivery.allowed_origins.clone(),
            json_max_bytes: config.limits.json_max_bytes,
        }
    }
}

/// Completes a function's router: unknown routes and methods answer in our shape, and every route is surrounded.
///
/// Call it last: what is added to the router afterwards is not covered.
pub fn finish<S: Clone + Send + Sync + 'static>(router: Router<S>, settings: HttpSettings) -> Router<S> {
    router
        .fallback(|| async { ApiError::from(ErrorKind::NotFound) })
        .method_not_allowed_fallback(|| async { ApiError::from(ErrorKind::MethodNotAllowed) })
        .layer(from_fn_with_state(Arc::new(settings), surround))
}

async fn surround(State(settings): State<Arc<HttpSettings>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = RequestId::of(request.extensions());
    let method = request.method().clone();
    // The pattern, never the path: the path of an upload ticket is a secret.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let origin = cors::allowed_origin(request.headers(), &settings.allowed_origins);
    request.extensions_mut().insert(request_id.clone());
    request.extensions_mut().insert(json::Limit(settings.json_max_bytes));

    let span = tracing::info_span!("request", request_id = %request_id);
    let preflight = cors::is_preflight(&request);
    let mut response = match guard::check(&request, &settings) {
        Err(refused) => ApiError(refused).into_response(),
        Ok(()) if preflight => cors::preflight(),
        Ok(()) => answer(request, next).instrument(span.clone()).await,
    };
    let _entered = span.entered();
    write_failure(&mut response, &request_id);
    cors::set_headers(response.headers_mut(), origin, preflight);
    respond::set_security_headers(&mut response);
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        duration_ms,
        request_id = %request_id,
        "request answered"
    );
    response
}

/// Runs the handler. A panic has been logged by the hook; the client gets an error like any other.
async fn answer(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => ApiError(Error::new(ErrorKind::Internal, "the handler panicked")).into_response(),
    }
}

/// Writes the body of a failure and logs it, once. An error that a library answered with gets our shape too.
fn write_failure(response: &mut Response, request_id: &RequestId) {
    let status = response.status();
    let failure = response.extensions_mut().remove::<Failure>();
    let failure = match failure {
        Some(Failure(failure)) => failure,
        None if status.is_client_error() || status.is_server_error() => {
            if response.extensions().get::<Deliberate>().is_some() {
                return;
            }
            Arc::new(Error::new(error::kind_of(status), "answered by the framework"))
        }
        None => return,
    };
    let kind = failure.kind();
    if error::status(kind).is_server_error() {
        tracing::error!(error.code = kind.code(), error.cause = %failure.log_line(), request_id = %request_id, "request failed");
    } else {
        tracing::debug!(error.code = kind.code(), error.cause = %failure.log_line(), request_id = %request_id, "request refused");
    }
    *response.status_mut() = error::status(kind);
    *response.body_mut() = error::body(&failure, request_id).into();
    response.headers_mut().remove(CONTENT_LENGTH);
    error::set_headers(response.headers_mut(), kind);
}
