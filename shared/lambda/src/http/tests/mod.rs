mod forms;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use storage_core::ids::FileId;
use storage_core::{Error, ErrorKind};
use tower::ServiceExt;

use crate::http::extract::{Idempotency, PathId, StrictQuery};
use crate::http::json::{OptionalJson, StrictJson};
use crate::http::multipart::{FormRules, read_form};
use crate::http::{ApiError, ApiResult, HttpSettings, RequestId, finish, respond};

const RULES: FormRules<'static> = FormRules {
    max_file_bytes: 4 << 20,
    fields: &["owner_id", "is_public"],
    presign_route: "/api/v1/files/presigned-upload",
};
const ID: &str = "01920000-0000-7000-8000-000000000001";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sized {
    #[serde(default)]
    size: Option<String>,
}

fn router() -> Router {
    let router = Router::new()
        .route("/json", post(|StrictJson(body): StrictJson<Named>| async move { body.name }))
        .route(
            "/optional",
            post(|OptionalJson(body): OptionalJson<Named>| async move {
                body.map_or(String::new(), |body| body.name)
            }),
        )
        .route("/files/{id}", get(|PathId(id): PathId<FileId>| async move { id.to_string() }))
        .route(
            "/sized",
            get(|StrictQuery(query): StrictQuery<Sized>| async move { query.size.unwrap_or_default() }),
        )
        .route(
            "/key",
            post(|Idempotency(key): Idempotency| async move { key.map_or(String::new(), String::from) }),
        )
        .route(
            "/redirect",
            get(|| async { respond::redirect("https://cdn.example.com/a", "private, max-age=60") }),
        )
        .route("/nothing", get(|| async { respond::no_content() }))
        .route(
            "/ready",
            get(|| async { respond::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "s3": "down" })) }),
        )
        .route("/bare", get(|| async { (StatusCode::BAD_REQUEST, "leaks canary") }))
        .route("/cookie", get(|| async { [("set-cookie", "a=b")] }))
        .route("/id", get(|id: RequestId| async move { id.to_string() }))
        .route("/panic", get(panics))
        .route("/fail", get(fail))
        .route("/form", post(form));
    let settings = HttpSettings {
        enabled: true,
        allowed_origins: vec!["https://app.example.com".to_owned()],
        json_max_bytes: 64 * 1024,
    };
    finish(router, settings)
}

async fn panics() -> StatusCode {
    panic!("canary")
}

async fn fail() -> ApiResult {
    let cause = std::io::Error::other("NoSuchBucket canary-bucket arn:aws:s3");
    Err(Error::new(ErrorKind::StorageUnavailable, "get canary-key").with_cause(cause).into())
}

async fn form(request: Request) -> ApiResult {
    let form = read_form(request, &RULES).await?;
    let summary = json!({
        "bytes": form.file.bytes.len(),
        "filename": form.file.filename,
        "content_type": form.file.content_type,
        "fields": form.fields,
    });
    respond::json(StatusCode::OK, &summary)
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

async fn send(request: Request) -> (StatusCode, HeaderMap, Bytes) {
    let response: Response = router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
}

/// The status and code of an error, after checking that it has the documented shape.
async fn refused(request: Request) -> (u16, String) {
    let (status, headers, bytes) = send(request).await;
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(status.as_u16() >= 400, "{status} {text}");
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "no-store");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["error"]["request_id"], headers["x-request-id"].to_str().unwrap());
    assert_eq!(body["error"]["request_id"], body["requestId"]);
    assert_eq!(body["error"]["message"], body["message"]);
    (status.as_u16(), body["error"]["code"].as_str().unwrap().to_owned())
}

fn json_request(content_type: Option<&str>, body: impl Into<Body>) -> Request {
    let mut builder = request("POST", "/json");
    if let Some(content_type) = content_type {
        builder = builder.header("content-type", content_type);
    }
    builder.body(body.into()).unwrap()
}

#[tokio::test]
async fn h01_h02_b02_json_routes_take_small_json_only() {
    let good = || "{\"name\":\"a\"}".to_owned();
    for accepted in ["application/json", "Application/JSON; charset=UTF-8"] {
        let (status, _, body) = send(json_request(Some(accepted), good())).await;
        assert_eq!((status, &body[..]), (StatusCode::OK, &b"a"[..]));
    }
    let long = format!("application/json; x={}", "a".repeat(300));
    let table: &[(Option<&str>, String, u16, &str)] = &[
        (None, good(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Some("text/plain"), good(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Some("application/json; charset=utf-16"), good(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Some("application/json\t"), good(), 400, "INVALID_REQUEST"),
        (Some(&long), good(), 400, "INVALID_REQUEST"),
        (Some("application/json"), String::new(), 400, "INVALID_JSON"),
        (Some("application/json"), "[]".to_owned(), 400, "INVALID_JSON"),
        (Some("application/json"), "{\"state\":1}".to_owned(), 400, "UNKNOWN_FIELD"),
        (Some("application/json"), "{\"name\":1}".to_owned(), 400, "INVALID_REQUEST"),
        (Some("application/json"), "{}".to_owned(), 400, "INVALID_REQUEST"),
        (Some("application/json"), " ".repeat(65_537), 413, "PAYLOAD_TOO_LARGE"),
    ];
    for (content_type, body, status, code) in table {
        let answer = refused(json_request(*content_type, body.clone())).await;
        assert_eq!(answer, (*status, (*code).to_owned()), "{content_type:?} {body:.20}");
    }
}

#[tokio::test]
async fn a_body_may_be_absent_where_it_is_optional() {
    let empty = request("POST", "/optional").body(Body::empty()).unwrap();
    assert_eq!(send(empty).await.0, StatusCode::OK);
    let untyped = request("POST", "/optional").body(Body::from("{}")).unwrap();
    assert_eq!(refused(untyped).await.0, 415);
}

#[tokio::test]
async fn h04_the_declared_length_is_the_true_one() {
    for length in ["5", "100"] {
        let request = request("POST", "/json")
            .header("content-type", "application/json")
            .header("content-length", length)
            .body(Body::from("{\"name\":\"a\"}"))
            .unwrap();
        assert_eq!(refused(request).await, (400, "INVALID_REQUEST".to_owned()), "{length}");
    }
}

#[tokio::test]
async fn h07_h15_h17_guards_come_before_handlers() {
    let long = "a".repeat(10_300);
    type Row<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let table: &[Row<'_>] = &[
        (&[("content-encoding", "gzip")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], 400, "INVALID_REQUEST"),
        (&[("authorization", "Bearer a,Bearer b")], 400, "INVALID_REQUEST"),
        (&[("x-tenant-id", "a"), ("x-tenant-id", "a")], 400, "INVALID_REQUEST"),
        (&[("x-tenant-id", "a, b")], 400, "INVALID_REQUEST"),
        (&[("x-long", &long)], 431, "HEADERS_TOO_LARGE"),
    ];
    for (headers, status, code) in table {
        let mut builder = request("GET", "/nothing");
        for (name, value) in *headers {
            builder = builder.header(*name, *value);
        }
        assert_eq!(refused(builder.body(Body::empty()).unwrap()).await, (*status, (*code).to_owned()));
    }
    let added =
        request("GET", "/nothing").header("x-amzn-trace-id", &long).header("content-encoding", "identity");
    assert_eq!(send(added.body(Body::empty()).unwrap()).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn h10_idempotency_keys_are_visible_and_short() {
    let long = "a".repeat(1000);
    for bad in ["", "a b", &long] {
        let request = request("POST", "/key").header("idempotency-key", bad).body(Body::empty()).unwrap();
        assert_eq!(refused(request).await, (400, "INVALID_REQUEST".to_owned()), "{bad:.10}");
    }
    let good = request("POST", "/key").header("idempotency-key", "k-1").body(Body::empty()).unwrap();
    assert_eq!(&send(good).await.2[..], b"k-1");
}

#[tokio::test]
async fn h12_every_answer_carries_the_security_headers() {
    for path in ["/nothing", "/redirect", "/ready", "/panic", "/missing", "/cookie"] {
        let (_, headers, _) = send(request("GET", path).body(Body::empty()).unwrap()).await;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox", "{path}");
        let policy = if path == "/redirect" { "cross-origin" } else { "same-origin" };
        assert_eq!(headers["cross-origin-resource-policy"], policy, "{path}");
        assert!(headers.contains_key("cache-control") && headers.contains_key("x-request-id"), "{path}");
        assert!(!headers.contains_key("set-cookie"), "{path}");
    }
}

#[tokio::test]
async fn h13_only_configured_origins_are_named() {
    let origins = [
        ("https://app.example.com", true),
        ("https://evil", false),
        ("null", false),
        ("https://app.example.com.evil", false),
        ("http://app.example.com", false),
        ("https://APP.example.com", false),
        ("https://app.example.com:444", false),
    ];
    for (origin, allowed) in origins {
        for method in ["GET", "OPTIONS"] {
            let request = request(method, "/nothing")
                .header("origin", origin)
                .header("access-control-request-method", "GET")
                .body(Body::empty())
                .unwrap();
            let (status, headers, _) = send(request).await;
            assert_eq!(status, StatusCode::NO_CONTENT);
            let named = headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
            assert_eq!(named, allowed.then_some(origin), "{origin}");
            assert_eq!(headers.contains_key("access-control-allow-methods"), allowed && method == "OPTIONS");
            assert!(!headers.contains_key("access-control-allow-credentials"));
            assert_eq!(headers["vary"], "origin");
        }
    }
}

#[tokio::test]
async fn h14_h16_routes_and_methods_are_exact() {
    for method in ["TRACE", "PROPFIND", "PUT", "DELETE", "OPTIONS"] {
        let request = request(method, "/nothing").header("x-http-method-override", "GET");
        let answer = refused(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer, (405, "METHOD_NOT_ALLOWED".to_owned()), "{method}");
    }
    for (path, status) in [
        ("/files/%2e%2e/admin", 404),
        ("//files", 404),
        ("/files/x%00", 400),
        (&format!("/files/{ID}/"), 404),
        ("/files/%252e", 400),
        ("/files/%ff", 400),
        ("/files/x", 400),
        ("/missing", 404),
    ] {
        assert_eq!(refused(request("GET", path).body(Body::empty()).unwrap()).await.0, status, "{path}");
    }
    let upper = format!("/files/{}", ID.to_uppercase());
    assert_eq!(send(request("GET", &upper).body(Body::empty()).unwrap()).await.2, ID);
}

#[tokio::test]
async fn h18_queries_are_strict() {
    for bad in ["size=a&size=b", "size=a&other=b", "size=%zz"] {
        let request = request("GET", &format!("/sized?{bad}")).body(Body::empty()).unwrap();
        assert_eq!(refused(request).await, (400, "INVALID_REQUEST".to_owned()), "{bad}");
    }
    let good = request("GET", "/sized?size=medium").body(Body::empty()).unwrap();
    assert_eq!(send(good).await.2, "medium");
}

#[tokio::test]
async fn failures_panics_and_answers_of_libraries_have_one_shape() {
    let get = |path: &str| request("GET", path).body(Body::empty()).unwrap();
    assert_eq!(refused(get("/fail")).await, (503, "STORAGE_UNAVAILABLE".to_owned()));
    assert_eq!(send(get("/fail")).await.1["retry-after"], "2");
    assert_eq!(refused(get("/panic")).await, (500, "INTERNAL".to_owned()));
    assert_eq!(refused(get("/bare")).await, (400, "INVALID_REQUEST".to_owned()));
    let (status, _, body) = send(get("/ready")).await;
    assert_eq!((status.as_u16(), &body[..]), (503, &b"{\"s3\":\"down\"}"[..]));
    for kind in ErrorKind::ALL {
        let response = ApiError::from(*kind).into_response();
        assert_eq!(response.status(), crate::http::error::status(*kind));
    }
}

#[tokio::test]
async fn a_client_does_not_choose_the_request_id() {
    let forged = request("GET", "/id").header("x-request-id", "forged").body(Body::empty()).unwrap();
    let (_, headers, body) = send(forged).await;
    assert_eq!(headers["x-request-id"].as_bytes(), &body[..]);
    assert_ne!(body, "forged");
    let mut invoked = request("GET", "/id").body(Body::empty()).unwrap();
    let mut context = lambda_http::Context::default();
    context.request_id = "lambda-1".to_owned();
    invoked.extensions_mut().insert(context);
    assert_eq!(send(invoked).await.2, "lambda-1");
}

#[tokio::test]
async fn row_112_storage_that_is_off_says_so_everywhere() {
    let settings = HttpSettings { enabled: false, allowed_origins: vec![], json_max_bytes: 1024 };
    let router: Router = finish(Router::new().route("/", get(|| async {})), settings);
    let response = router.oneshot(request("GET", "/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
