//! Who is answered: signatures, buckets, origins.

use crate::{BUCKET, ORIGIN, Server, failure, header, signing};

#[tokio::test]
async fn unsigned_and_wrongly_signed_requests_are_refused() {
    let server = Server::start().await;
    for (method, path) in [("GET", ""), ("GET", "/k"), ("PUT", "/k"), ("HEAD", "/k"), ("DELETE", "/k")] {
        let response = server.send(method, &server.url(&format!("/{BUCKET}{path}")), &[], b"").await;
        assert_eq!(response.status(), 403, "{method} {path}");
    }
    let target = format!("/{BUCKET}/k");
    let put = signing::presigned(&server.host, "PUT", &target, 60);
    for (method, url) in [
        ("GET", put.clone()),
        ("DELETE", put.clone()),
        ("PUT", put.replace("/k?", "/other?")),
        ("PUT", put.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")),
        ("PUT", format!("{}{}", &put[..put.len() - 1], if put.ends_with('0') { '1' } else { '0' })),
        ("PUT", format!("{put}&response-content-type=text%2Fhtml")),
    ] {
        assert_eq!(server.send(method, &url, &[], b"x").await.status(), 403, "{method} {url}");
    }
    let old = signing::presigned_at(&server.host, "PUT", &target, "20240101", "20240101T000000Z", 60);
    assert_eq!(server.send("PUT", &old, &[], b"x").await.status(), 403);
    assert_eq!(server.send("PUT", &put, &[], b"x").await.status(), 200);
}

#[tokio::test]
async fn buckets_are_made_listed_and_missing_ones_refused() {
    let server = Server::start().await;
    for (method, path) in
        [("GET", "/none-such/k"), ("PUT", "/none-such/k"), ("GET", "/none-such?list-type=2")]
    {
        let response = server.signed(method, path, &[], b"").await;
        assert_eq!(failure(&response), (404, "NoSuchBucket".to_owned()), "{method} {path}");
    }
    assert_eq!(server.signed("HEAD", "/none-such", &[], b"").await.status(), 404);
    assert_eq!(server.signed("PUT", "/new-bucket", &[], b"").await.status(), 200);
    let again = server.signed("PUT", "/new-bucket", &[], b"").await;
    assert_eq!(failure(&again), (409, "BucketAlreadyOwnedByYou".to_owned()));
    assert_eq!(server.signed("HEAD", "/new-bucket", &[], b"").await.status(), 200);
    let list = server.signed("GET", "/", &[], b"").await;
    let text = String::from_utf8_lossy(list.body()).into_owned();
    assert!(text.contains("<Name>new-bucket</Name>") && text.contains("<Name>test-bucket</Name>"), "{text}");
}

#[tokio::test]
async fn preflights_are_answered_for_allowed_origins_only() {
    let server = Server::start().await;
    let url = server.url(&format!("/{BUCKET}/k"));
    let asked = ("access-control-request-method", "PUT");
    let wanted = ("access-control-request-headers", "content-type,x-amz-meta-name");
    let allowed = server.send("OPTIONS", &url, &[("origin", ORIGIN), asked, wanted], b"").await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(header(&allowed, "access-control-allow-origin"), ORIGIN);
    assert_eq!(header(&allowed, "access-control-allow-headers"), wanted.1);
    for method in ["GET", "PUT", "POST", "HEAD", "DELETE"] {
        assert!(header(&allowed, "access-control-allow-methods").contains(method));
    }
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "");
    for headers in [
        [("origin", "http://evil.example"), asked],
        [("origin", "http://localhost:51730"), asked],
        [("origin", ORIGIN), ("access-control-request-method", "PATCH")],
    ] {
        let refused = server.send("OPTIONS", &url, &headers, b"").await;
        assert_eq!(refused.status(), 403, "{headers:?}");
        assert_eq!(header(&refused, "access-control-allow-methods"), "");
    }
    // Without an origin it is no preflight, and no operation either.
    assert!(server.send("OPTIONS", &url, &[], b"").await.status().as_u16() >= 400);
}

#[tokio::test]
async fn scripts_may_read_tags_and_also_errors() {
    let server = Server::start().await;
    let target = format!("/{BUCKET}/k");
    let put = server.signed("PUT", &target, &[("origin", ORIGIN)], b"x").await;
    let refused = server.send("GET", &server.url(&target), &[("origin", ORIGIN)], b"").await;
    assert_eq!((put.status().as_u16(), refused.status().as_u16()), (200, 403));
    for response in [&put, &refused] {
        assert_eq!(header(response, "access-control-allow-origin"), ORIGIN);
        assert_eq!(header(response, "access-control-expose-headers"), "ETag, Location, x-amz-request-id");
        assert_eq!(header(response, "vary"), "Origin");
        assert_eq!(header(response, "x-amz-request-id").len(), 32);
    }
    let other = server.signed("GET", &target, &[("origin", "http://evil.example")], b"").await;
    assert_eq!((other.status().as_u16(), header(&other, "access-control-allow-origin")), (200, ""));
}
