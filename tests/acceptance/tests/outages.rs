//! Real clients against servers that are not there, and a function that is told nonsense.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use acceptance_tests::stack;
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use storage_lambda::config::Config;
use storage_testkit::jwt::Issuer;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// What a function may take before API Gateway gives up on it.
const DEADLINE: Duration = Duration::from_secs(29);

/// A configuration of S3 and DynamoDB at these endpoints, which believes `issuer`.
fn config(issuer: &Issuer, s3: &str, dynamodb: &str) -> Arc<Config> {
    let jwks = issuer.jwks().to_string();
    let value = |name: &str| match name {
        "STORAGE_BACKEND" => Some("s3"),
        "STORAGE_MAX_RETRIES" => Some("1"),
        "STORAGE_S3_ENDPOINT" => Some(s3),
        "STORAGE_DYNAMODB_ENDPOINT" => Some(dynamodb),
        "STORAGE_S3_ACCESS_KEY" | "STORAGE_S3_SECRET_KEY" => Some("key-of-nobody"),
        "STORAGE_JWKS" => Some(jwks.as_str()),
        "STORAGE_JWT_ISSUER" => Some(storage_testkit::jwt::ISSUER),
        "STORAGE_JWT_AUDIENCE" => Some(storage_testkit::jwt::AUDIENCE),
        _ => None,
    };
    Arc::new(Config::from_lookup(|name| value(name).map(str::to_owned)).unwrap())
}

async fn get(router: Router, path: &str, token: &str) -> (StatusCode, Option<String>, Value) {
    let request =
        Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let response =
        tokio::time::timeout(DEADLINE, router.oneshot(request)).await.expect("within the deadline").unwrap();
    let status = response.status();
    let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, retry, serde_json::from_slice(&bytes).unwrap())
}

/// A server that takes connections and never says a word.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn unreachable_servers_are_503_and_readiness_says_which() {
    let issuer = Issuer::es256();
    let tenant = storage_testkit::records::new_tenant();
    let now = storage_core::ports::Clock::now(&storage_core::ports::SystemClock);
    let token = issuer.token(&Issuer::claims(tenant, "user-1", now));
    // Nothing listens on the discard port: connections are refused.
    let refused = "http://127.0.0.1:9";
    let (_held, mute) = silent().await;
    for dynamodb in [refused, &mute] {
        let config = config(&issuer, refused, dynamodb);
        let health = health::router(health::State::from_config(config.clone()).await.unwrap());
        let (status, _, report) = get(health.clone(), "/api/v1/health/ready", &token).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(report["checks"]["s3"]["error"], "STORAGE_UNAVAILABLE", "{report}");
        assert_eq!(report["checks"]["dynamodb"]["error"], "METADATA_UNAVAILABLE", "{report}");
        let (status, _, _) = get(health, "/api/v1/health", &token).await;
        assert_eq!(status, StatusCode::OK, "the process itself is alive");

        let resolve = resolve_url::router(resolve_url::State::from_config(config).await.unwrap());
        let path = format!("/api/v1/files/{}", storage_core::ids::FileId::generate());
        let (status, retry, body) = get(resolve, &path, &token).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        assert_eq!(body["error"]["code"], "METADATA_UNAVAILABLE");
        assert!(retry.is_some(), "a 503 says when to come back");
    }
}

#[test]
fn a_function_that_is_told_nonsense_names_every_wrong_variable() {
    let mut command = stack::cargo(&["run", "--locked", "--features", "local", "--bin", "health"]);
    let wrong = [
        ("STORAGE_ENVIRONMENT", "production"),
        ("STORAGE_BACKEND", "tape"),
        ("STORAGE_TIMEOUT", "soon"),
        ("STORAGE_S3_ENDPOINT", "not a url"),
        ("STORAGE_S3_ACCESS_KEY", "only-one-of-two"),
    ];
    let output = command.envs(wrong).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    for name in [
        "STORAGE_BACKEND",
        "STORAGE_TIMEOUT",
        "STORAGE_S3_ENDPOINT",
        "STORAGE_S3_SECRET_KEY",
        "STORAGE_JWT_ISSUER",
    ] {
        assert!(told.contains(name), "{name} is not named in:\n{told}");
    }
    assert!(!told.contains("only-one-of-two"), "a secret is shown");
}
