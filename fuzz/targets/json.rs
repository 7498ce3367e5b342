//! JSON bodies, through the layer that surrounds every route.
#![no_main]

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::post;
use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use storage_core::ErrorKind;
use storage_core::ids::EntityId;
use storage_core::key::EntityKind;
use storage_lambda::http::json::{MAX_DEPTH, OptionalJson, StrictJson, check};
use storage_lambda::http::{ApiError, ApiResult, respond};
use storage_lambda::requests::{AvatarRequest, PresignRequest};
use storage_services::uploads::IssueRequest;

const ENTITY: &str = "01920000-0000-4000-8000-00000000000b";

thread_local! {
    static ROUTER: Router = fuzzing::surrounded(
        Router::new().route("/presign", post(presign)).route("/avatar", post(avatar)).route("/optional", post(optional)),
    );
}

async fn presign(StrictJson(body): StrictJson<PresignRequest>) -> ApiResult {
    check_request(&body.clone().into_issue()?);
    respond::json(StatusCode::OK, &body)
}

async fn avatar(StrictJson(body): StrictJson<AvatarRequest>) -> ApiResult {
    let entity: EntityId = ENTITY.parse().map_err(ApiError)?;
    let request = body.clone().into_issue(EntityKind::Users, entity)?;
    assert_eq!(request.entity, Some(entity), "the entity comes from the path");
    check_request(&request);
    respond::json(StatusCode::OK, &body)
}

async fn optional(OptionalJson(body): OptionalJson<PresignRequest>) -> ApiResult {
    if let Some(body) = &body {
        check_request(&body.clone().into_issue()?);
    }
    respond::json(StatusCode::OK, &body)
}

fuzz_target!(|data: &[u8]| {
    let is_strict = check(data).is_ok();
    if is_strict {
        let document: Map<String, Value> = serde_json::from_slice(data).expect("strict JSON is JSON");
        assert!(depth(&Value::Object(document)) <= MAX_DEPTH);
    }
    for path in ["/presign", "/avatar", "/optional"] {
        let (status, headers, answer) = post_json(path, data);
        if status != StatusCode::OK {
            let kind = fuzzing::refusal(status, &headers, &answer);
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {kind}");
            assert_eq!(!is_strict, kind == ErrorKind::InvalidJson, "{path}: {kind}");
        } else if answer != b"null" {
            assert!(is_strict, "{path} takes what is no strict JSON");
            // What was understood, sent again, is understood alike.
            assert_eq!(post_json(path, &answer), (status, headers_but_id(headers), answer));
        }
    }
});

fn post_json(path: &str, body: &[u8]) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Body::from(body.to_vec()))
        .expect("a request");
    let (status, headers, body) = ROUTER.with(|router| fuzzing::send(router, request));
    (status, headers_but_id(headers), body)
}

/// Every answer has an id of its own.
fn headers_but_id(mut headers: http::HeaderMap) -> http::HeaderMap {
    headers.remove("x-request-id");
    headers
}

fn check_request(request: &IssueRequest) {
    assert!(request.size.is_none_or(|size| size <= i64::MAX as u64));
    assert!(request.expires_in.is_none_or(|life| (1..=604_800).contains(&life.as_secs())));
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
