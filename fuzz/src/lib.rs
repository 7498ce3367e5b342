//! What several fuzz targets share: how an answer is awaited, and what every refusal looks like.

use std::future::Future;

use axum::Router;
use axum::extract::Request;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use storage_core::ErrorKind;
use storage_lambda::http::error::status;
use storage_lambda::http::{HttpSettings, finish};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime without threads");
}

/// Waits for a future that needs no clock and no network.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A router with everything around it that a deployed function has.
pub fn surrounded(router: Router) -> Router {
    let settings = HttpSettings { enabled: true, allowed_origins: Vec::new(), json_max_bytes: 64 * 1024 };
    finish(router, settings)
}

/// Sends a request to a router.
pub fn send(router: &Router, request: Request) -> (StatusCode, HeaderMap, Vec<u8>) {
    wait(async {
        let response = router.clone().oneshot(request).await.expect("a router has no failures of its own");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body that is in memory").to_bytes();
        (parts.status, parts.headers, bytes.to_vec())
    })
}

/// The kind of a refusal, after checking that its status, shape and words are the documented ones.
pub fn refusal(status_code: StatusCode, headers: &HeaderMap, body: &[u8]) -> ErrorKind {
    let body: Value = serde_json::from_slice(body).expect("an error body is JSON");
    let error = body["error"].as_object().expect("an error body has an error");
    let code = error["code"].as_str().expect("an error has a code");
    let kind = ErrorKind::from_code(code).expect("a code is on the closed list");
    assert_eq!(status_code, status(kind), "{code}");
    assert_ne!(kind, ErrorKind::Internal, "nothing that a client sends is an internal error");
    assert_eq!(error["message"], kind.message());
    assert_eq!(headers["content-type"], "application/json");
    let known = ["code", "message", "request_id", "details"];
    assert!(error.keys().all(|name| known.contains(&name.as_str())), "{error:?}");
    kind
}
