//! Bodies over the limit: refused before they are read, and without a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api_tests::{Form, TestApp};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::json;
use storage_core::ports::Clock;

const MB: usize = 1 << 20;
const CHUNK: usize = 16 * 1024;
const PRESIGNED: &str = "/api/v1/files/presigned-upload";

/// A body in chunks that counts how many were asked for.
fn counted(
    body: Bytes,
    polled: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    let chunks: Vec<Bytes> = body.chunks(CHUNK).map(Bytes::copy_from_slice).collect();
    stream::iter(chunks.into_iter().map(move |chunk| {
        polled.fetch_add(1, Ordering::SeqCst);
        Ok(chunk)
    }))
}

/// A form of which the file is all but a few hundred bytes.
fn form(size: usize) -> (String, Bytes) {
    Form::of_file("big.bin", "application/octet-stream", &vec![7; size]).finish()
}

/// G63: a file of 4 MB is taken and one of a byte more is sent the other way, having been read no further than that.
#[tokio::test]
async fn g63_a_form_over_4_mb_is_refused_before_it_is_read_and_makes_no_record() {
    let app = TestApp::new();
    let user = app.user();
    let avatar = format!("/api/v1/users/{}/avatar", user.id);
    for route in ["/api/v1/files/upload", "/api/v1/upload", &avatar] {
        // The size of the file, the length that is declared, the status, and how many chunks may be asked for at most.
        let just_over = 4 * MB / CHUNK + 1;
        let table = [
            (4 * MB + 1, None, 413, just_over),
            (40 * MB, None, 413, 0),
            (40 * MB, Some(4 * MB + 60_000), 400, (4 * MB + 60_000) / CHUNK + 1),
            (40 * MB, Some(4 * MB), 400, just_over),
            (40 * MB, Some(300), 400, 1),
        ];
        for (size, declared, status, most) in table {
            let (content_type, body) = form(size);
            let length = declared.unwrap_or(body.len()).to_string();
            let polled = Arc::new(AtomicUsize::new(0));
            let call = app.call("POST", route).by(&user).header("content-type", &content_type);
            let call = call.header("content-length", &length).stream(counted(body, polled.clone()));
            let case = format!("{route} {size} {declared:?}");
            let answer = call.send().await;
            if status == 413 {
                let details =
                    answer.refused(413, "PAYLOAD_TOO_LARGE", &case).json()["error"]["details"].clone();
                let other = if route.ends_with("/avatar") { "/api/v1/users/{id}/avatar" } else { PRESIGNED };
                assert_eq!(details, json!({ "max_bytes": 4 * MB, "presign_route": other }));
            } else {
                // Longer than it said: a lie rather than a large file.
                answer.refused(400, "INVALID_REQUEST", &case);
            }
            let polled = polled.load(Ordering::SeqCst);
            assert!(polled <= most, "{case}: {polled} chunks of at most {most}");
        }
    }
    assert_eq!((app.store.files().len(), app.storage.keys().len()), (0, 0), "no record and no byte");
    assert_eq!(
        (app.store_faults.calls().len(), app.storage_faults.calls().len()),
        (0, 0),
        "nobody was asked"
    );

    let (content_type, body) = form(4 * MB);
    let taken =
        app.call("POST", "/api/v1/files/upload").by(&user).bytes(&content_type, body).send().await.is(201);
    assert_eq!(taken.json()["size_bytes"], 4 * MB);
}

/// H03, and the same for JSON: no length is needed there, and none is believed.
#[tokio::test]
async fn g63_h03_streams_without_a_length_are_cut_off() {
    let app = TestApp::new();
    let user = app.user();
    let polled = Arc::new(AtomicUsize::new(0));
    let (content_type, body) = form(100);
    let call = app.call("POST", "/api/v1/files/upload").by(&user).header("content-type", &content_type);
    let answer = call.stream(counted(body, polled.clone())).send().await;
    answer.refused(411, "LENGTH_REQUIRED", "a form without a length");
    assert_eq!(polled.load(Ordering::SeqCst), 0);

    for route in ["/api/v1/files/presigned-upload", "/api/v1/files/urls", "/api/v1/avatars/urls"] {
        let polled = Arc::new(AtomicUsize::new(0));
        let call = app.call("POST", route).by(&user).header("content-type", "application/json");
        let body = counted(vec![b' '; 10 * MB].into(), polled.clone());
        call.stream(body).send().await.refused(413, "PAYLOAD_TOO_LARGE", route);
        let polled = polled.load(Ordering::SeqCst);
        assert!(polled <= 64 * 1024 / CHUNK + 1, "{route}: {polled}");
    }
}

/// G17: a form works for as long as the answer says, to the second, and the answer says less where it would not.
#[tokio::test]
async fn g17_a_form_lives_at_least_as_long_as_the_answer_says() {
    let second = std::time::Duration::from_secs(1);
    for (wanted, left, promised) in [
        (None, 120, 120),
        (Some(900), 120, 120),
        (Some(60), 120, 60),
        (Some(900), 901, 900),
        (Some(1), 120, 1),
    ] {
        for avatar in [true, false] {
            let app = TestApp::new();
            let user = app.user();
            app.forms.end_credentials(app.clock.now() + second * left);
            let route = match avatar {
                true => format!("/api/v1/users/{}/avatar", user.id),
                false => "/api/v1/files/presigned-upload".to_owned(),
            };
            let mut body = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 4 });
            if let Some(wanted) = wanted {
                body["expires_in"] = json!(wanted);
            }
            let issued = app.presign(&user, &route, &body).await;
            assert_eq!(issued.json["expires_in"], promised, "{wanted:?} with {left} s left");
            app.clock.advance(second * promised - std::time::Duration::from_millis(1));
            assert_eq!(app.post_form(&issued, b"text").await, Ok(()), "{wanted:?} with {left} s left");
            app.clock.advance(second);
            assert_eq!(app.post_form(&issued, b"text").await, Err("AccessDenied"));
        }
    }
}

/// The larger way takes what the form does not, up to its own limit, and the form holds the browser to it.
#[tokio::test]
async fn g16_a_presigned_form_takes_exactly_what_was_declared() {
    let app = TestApp::new();
    let user = app.user();
    let body = json!({ "filename": "a.bin", "content_type": "application/x-thing", "size_bytes": 10 });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    assert_eq!(app.post_form(&issued, b"").await, Err("EntityTooSmall"));
    assert_eq!(app.post_form(&issued, &[7; 11]).await, Err("EntityTooLarge"));
    assert_eq!(app.storage.keys().len(), 0);
    let mut other = issued.clone();
    other.json["upload_fields"]["Content-Type"] = json!("text/html");
    assert_eq!(app.post_form(&other, &[7; 10]).await, Err("AccessDenied"));
    other.json["upload_fields"]["key"] = json!("private/avatars/users/x");
    assert_eq!(app.post_form(&other, &[7; 10]).await, Err("AccessDenied"));
    app.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(app.post_form(&issued, &[7; 10]).await, Err("AccessDenied"), "the form is over");
    let large = json!({ "filename": "a.bin", "content_type": "application/x-thing", "size_bytes": 100 * MB });
    let user = app.user();
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &large).await;
    assert_eq!(issued.json["max_bytes"], 100 * MB);
}
