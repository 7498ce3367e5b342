//! Form posts by a signed policy.

use bytes::Bytes;
use http::Response;

use crate::{BUCKET, Server, failure, header, signing};

const KEY: &str = "temp/uploads/t/f/n";

async fn post(server: &Server, fields: &[(String, String)], file: &[u8]) -> Response<Bytes> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
    body.extend([head.as_bytes(), file, b"\r\n--b--\r\n"].concat());
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    server.send("POST", &server.url(&format!("/{BUCKET}")), &headers, &body).await
}

#[tokio::test]
async fn a_form_uploads_what_its_policy_allows_and_is_relayed() {
    let mut server = Server::start().await;
    // Issued half an hour ago, under a policy that is still valid.
    let fields = signing::form(BUCKET, KEY, 30, (1, 5));
    let posted = post(&server, &fields, b"hello").await;
    assert_eq!(posted.status(), 201, "{:?}", posted.body());
    assert!(String::from_utf8_lossy(posted.body()).contains(&format!("<Key>{KEY}</Key>")));
    assert_eq!(header(&posted, "location"), server.url(&format!("/{BUCKET}/{KEY}")));
    assert_eq!(header(&posted, "etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    let head = server.signed("HEAD", &format!("/{BUCKET}/{KEY}"), &[], b"").await;
    assert_eq!((header(&head, "content-type"), header(&head, "cache-control")), ("image/png", "no-store"));
    assert_eq!(header(&head, "x-amz-meta-name"), "n");
    let event = server.events.recv().await.unwrap();
    assert_eq!((event.how, event.object.key.as_str(), event.size), ("Post", KEY, Some(5)));
}

#[tokio::test]
async fn a_form_with_any_other_value_is_refused() {
    let mut server = Server::start().await;
    let fields = signing::form(BUCKET, KEY, 0, (2, 5));
    assert_eq!(failure(&post(&server, &fields, b"hello!").await), (400, "EntityTooLarge".to_owned()));
    assert!(post(&server, &fields, b"h").await.status().is_client_error());
    let changed = |name: &str, value: &str| {
        let mut fields = fields.clone();
        fields.iter_mut().find(|(field, _)| field == name).unwrap().1 = value.to_owned();
        fields
    };
    for fields in [
        signing::form(BUCKET, KEY, 61, (1, 5)),
        changed("key", "temp/uploads/t/f/other"),
        changed("Content-Type", "text/html"),
        changed("x-amz-signature", &"0".repeat(64)),
        changed("policy", "e30="),
        fields.iter().filter(|(name, _)| name != "x-amz-signature").cloned().collect(),
        fields.iter().filter(|(name, _)| name != "policy").cloned().collect(),
        fields.iter().cloned().chain([("x-amz-meta-more".to_owned(), "x".to_owned())]).collect(),
    ] {
        let response = post(&server, &fields, b"hello").await;
        assert!(response.status().is_client_error(), "{fields:?} {:?}", response.body());
    }
    assert_eq!(server.signed("HEAD", &format!("/{BUCKET}/{KEY}"), &[], b"").await.status(), 404);
    assert!(server.events.try_recv().is_err());
}
