//! Forms, and bodies without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::{Value, json};

use super::{RULES, refused, request, send};

/// One part of a form.
fn part(headers: &str, body: &[u8]) -> Vec<u8> {
    [b"--b\r\n", headers.as_bytes(), b"\r\n\r\n", body, b"\r\n"].concat()
}

fn file_part(body: &[u8]) -> Vec<u8> {
    part("Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png", body)
}

fn form_request(parts: &[Vec<u8>]) -> Request {
    let body = [parts.concat(), b"--b--\r\n".to_vec()].concat();
    request("POST", "/form")
        .header("content-type", "multipart/form-data; boundary=b")
        .header("content-length", body.len())
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn a_form_with_one_file_and_known_fields_is_read() {
    let owner = part("Content-Disposition: form-data; name=\"owner_id\"", "é".as_bytes());
    let (status, _, body) = send(form_request(&[owner, file_part(b"\x89PNG\r\n--")])).await;
    assert_eq!(status, StatusCode::OK);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({ "bytes": 8, "filename": "a.png", "content_type": "image/png", "fields": { "owner_id": "é" } });
    assert_eq!(body, expected);
    let most = vec![7; 4 << 20];
    assert_eq!(send(form_request(&[file_part(&most)])).await.0, StatusCode::OK);
}

#[tokio::test]
async fn h05_h06_forms_are_refused_by_rule() {
    let field =
        |name: &str, body: &[u8]| part(&format!("Content-Disposition: form-data; name=\"{name}\""), body);
    let long_header = format!("Content-Disposition: form-data; name=\"file\"\r\nX-A: {}", "a".repeat(65_000));
    let nested = "Content-Disposition: form-data; name=\"file\"\r\nContent-Type: multipart/mixed; boundary=c";
    let tab = "Content-Disposition: form-data; name=\"file\"\r\nContent-Type: image\t/png";
    let encoded = "Content-Disposition: form-data; name=\"file\"\r\nContent-Transfer-Encoding: base64";
    let table: Vec<(&str, Vec<Vec<u8>>, u16, &str)> = vec![
        ("1,001 parts", vec![field("owner_id", b"a"); 1001], 400, "INVALID_REQUEST"),
        ("two files", vec![file_part(b"a"), file_part(b"b")], 400, "INVALID_REQUEST"),
        ("long header", vec![part(&long_header, b"a")], 400, "INVALID_REQUEST"),
        ("nested", vec![part(nested, b"a")], 400, "INVALID_REQUEST"),
        ("tab", vec![part(tab, b"a")], 400, "INVALID_REQUEST"),
        ("encoded", vec![part(encoded, b"a")], 400, "INVALID_REQUEST"),
        ("no file", vec![field("owner_id", b"a")], 400, "INVALID_REQUEST"),
        ("no parts", vec![], 400, "INVALID_REQUEST"),
        ("repeated field", vec![field("owner_id", b"a"), field("owner_id", b"a")], 400, "INVALID_REQUEST"),
        ("no name", vec![part("Content-Disposition: form-data", b"a")], 400, "INVALID_REQUEST"),
        ("not UTF-8", vec![field("owner_id", b"\xFF"), file_part(b"a")], 400, "INVALID_REQUEST"),
        ("unknown field", vec![field("bucket", b"a"), file_part(b"a")], 400, "UNKNOWN_FIELD"),
        ("file too large", vec![file_part(&vec![7; (4 << 20) + 1])], 413, "PAYLOAD_TOO_LARGE"),
        ("field too large", vec![field("owner_id", &[b'a'; 17_000])], 413, "PAYLOAD_TOO_LARGE"),
    ];
    for (case, parts, status, code) in table {
        assert_eq!(refused(form_request(&parts)).await, (status, code.to_owned()), "{case}");
    }
    let too_large = send(form_request(&[file_part(&vec![7; (4 << 20) + 1])])).await.2;
    let body: Value = serde_json::from_slice(&too_large).unwrap();
    assert_eq!(body["error"]["details"]["presign_route"], RULES.presign_route);
}

#[tokio::test]
async fn h03_h06_forms_declare_their_boundary_and_length() {
    let send_with = |content_type: &'static str, length: Option<&'static str>| {
        let mut builder = request("POST", "/form").header("content-type", content_type);
        if let Some(length) = length {
            builder = builder.header("content-length", length);
        }
        refused(builder.body(Body::from("--b--\r\n")).unwrap())
    };
    assert_eq!(send_with("multipart/form-data; boundary=b", None).await, (411, "LENGTH_REQUIRED".to_owned()));
    assert_eq!(send_with("multipart/form-data", Some("7")).await, (400, "INVALID_REQUEST".to_owned()));
    assert_eq!(send_with("multipart/form-data; boundary=b", Some("x")).await.0, 400);
    assert_eq!(send_with("multipart/form-data; boundary=b", Some("3")).await.0, 400);
    assert_eq!(send_with("image/png", Some("7")).await, (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
}

/// A body of 1 KB chunks without end that counts how many were asked for.
fn endless(polled: Arc<AtomicUsize>, start: Vec<u8>) -> Body {
    let start = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(start))]);
    let chunks = futures_util::stream::repeat_with(move || {
        polled.fetch_add(1, Ordering::Relaxed);
        Ok(Bytes::from_static(&[b'a'; 1024]))
    });
    Body::from_stream(start.chain(chunks))
}

#[tokio::test]
async fn g63_no_body_is_read_beyond_its_limit() {
    let file = b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec();
    // Path, content type, declared length, status, most chunks. A body that passes its own declared length is a lie.
    let table = [
        ("/form", "multipart/form-data; boundary=b", Some(5 << 20), 413, 0),
        ("/form", "multipart/form-data; boundary=b", None, 411, 0),
        ("/form", "multipart/form-data; boundary=b", Some(100), 400, 1),
        ("/form", "multipart/form-data; boundary=b", Some((4 << 20) + 60_000), 400, 4160),
        ("/json", "application/json", Some(70_000), 413, 0),
        ("/json", "application/json", None, 413, 65),
    ];
    for (path, content_type, length, status, most) in table {
        let polled = Arc::new(AtomicUsize::new(0));
        let mut builder = request("POST", path).header("content-type", content_type);
        if let Some(length) = length {
            builder = builder.header("content-length", length.to_string());
        }
        let answer = refused(builder.body(endless(polled.clone(), file.clone())).unwrap()).await;
        assert_eq!(answer.0, status, "{path} {length:?}");
        let polled = polled.load(Ordering::Relaxed);
        assert!(polled <= most, "{path} {length:?}: {polled} chunks");
    }
}
