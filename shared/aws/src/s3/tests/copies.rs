//! Copies, also in parts, and answers that say 200 and mean failure.

use std::sync::atomic::{AtomicUsize, Ordering};

use storage_core::ErrorKind;
use storage_core::ports::{CopyRequest, ETag, GetOptions, PutOptions, StorageBackend, WriteCondition};

use super::{backend, copy, object, run, well};
use crate::test_support::{Answer, Recorded};

/// S3 sends the status of a copy and of a completion before it knows how they end: the body says whether there is an
/// object, and spaces before it keep the connection alive meanwhile.
#[tokio::test]
async fn g23_a_200_with_an_error_in_it_is_a_failure() {
    for operation in ["copy", "complete"] {
        for (code, kind, calls) in [
            ("InternalError", ErrorKind::StorageUnavailable, 3),
            ("SlowDown", ErrorKind::StorageUnavailable, 3),
            ("PreconditionFailed", ErrorKind::PreconditionFailed, 1),
            ("NoSuchKey", ErrorKind::NotFound, 1),
            ("AccessDenied", ErrorKind::StorageUnavailable, 1),
        ] {
            for waiting in ["", " \n \n "] {
                let (backend, server) = backend(move |_| {
                    let error = Answer::error(200, code);
                    let declaration = "<?xml version=\"1.0\"?>";
                    let text = String::from_utf8(error.body).unwrap();
                    let document = text.strip_prefix(declaration).unwrap();
                    Answer::new(200, format!("{declaration}{waiting}{document}"))
                })
                .await;
                let error = run(&backend, operation).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{operation} {code}");
                assert_eq!(server.requests().len(), calls, "{operation} {code}");
            }
        }
        // Nor is a 200 that says nothing, or breaks off.
        for body in ["", "<?xml version=\"1.0\"?><CopyObjectResult></CopyObjectResult>", "<Error><Code>Inter"]
        {
            let (backend, _server) = backend(move |_| Answer::new(200, body)).await;
            let error = run(&backend, operation).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{operation} {body}");
        }
    }
}

/// The failure is repeated as any other is, and the repetition that succeeds is the answer.
#[tokio::test]
async fn g23_a_200_with_an_error_in_it_is_repeated() {
    for operation in ["copy", "complete"] {
        let asked = AtomicUsize::new(0);
        let (backend, server) = backend(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::error(200, "InternalError"),
            _ => well(request),
        })
        .await;
        run(&backend, operation).await.unwrap();
        assert_eq!(server.requests().len(), 2, "{operation}");
    }
}

/// A large copy fails with any of its parts and with its completion, and leaves no parts behind.
#[tokio::test]
async fn g23_a_copy_in_parts_with_an_error_in_a_200_is_aborted() {
    for (method, marker) in [("PUT", "partNumber=3"), ("POST", "uploadId=")] {
        let (backend, server) =
            backend(move |request| match request.method == method && request.target.contains(marker) {
                true => Answer::error(200, "InternalError"),
                false => large(request),
            })
            .await;
        let error = backend.copy(copy("private/from", PutOptions::default())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{method}");
        let last = server.requests().pop().unwrap();
        assert_eq!((last.method.as_str(), last.target.contains("uploadId=u")), ("DELETE", true), "{method}");
    }
}

/// A source of 5 GiB and one byte, which S3 does not copy at once; the tag of its parts is that of their range.
fn large(request: &Recorded) -> Answer {
    let copied = request.header("x-amz-copy-source").is_some();
    match (request.method.as_str(), request.header("x-amz-copy-source-range")) {
        ("HEAD", _) => Answer::new(200, "").header("ETag", "\"abc\"").header("Content-Length", "5368709121"),
        (_, Some(range)) => {
            Answer::new(200, format!("<CopyPartResult><ETag>\"{range}\"</ETag></CopyPartResult>"))
        }
        ("PUT", None) if copied => Answer::error(400, "InvalidRequest"),
        _ => well(request),
    }
}

#[tokio::test]
async fn a_large_source_is_copied_in_parts() {
    let (backend, server) = backend(large).await;
    let options = PutOptions {
        content_type: Some("image/png".to_owned()),
        condition: WriteCondition::CreateOnly,
        ..PutOptions::default()
    };
    let stored = backend.copy(copy("private/from", options.clone())).await.unwrap();
    assert_eq!(stored.etag, ETag::new("abc"));
    let requests = server.requests();
    assert_eq!(requests.len(), 1 + 1 + 1 + 11 + 1);
    assert_eq!(requests[2].header("content-type"), Some("image/png"));
    let parts: Vec<_> = requests.iter().filter(|sent| sent.target.contains("partNumber=")).collect();
    for part in &parts {
        assert_eq!(part.header("x-amz-copy-source-if-match"), Some("\"abc\""));
        assert_eq!(part.header("x-amz-source-expected-bucket-owner"), Some("111122223333"));
    }
    let last = requests.last().unwrap();
    assert_eq!(last.header("if-none-match"), Some("*"));
    let list = String::from_utf8_lossy(&last.body).into_owned();
    assert!(list.contains("bytes=0-536870911") && list.contains("bytes=5368709120-5368709120"), "{list}");
    let other = CopyRequest { source_etag: Some(ETag::new("other")), ..copy("private/from", options) };
    assert_eq!(backend.copy(other).await.unwrap_err().kind(), ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn a_failed_copy_in_parts_is_aborted() {
    let (backend, server) = backend(|request| match request.header("x-amz-copy-source-range") {
        Some(range) if range.starts_with("bytes=1073741824-") => Answer::error(412, "PreconditionFailed"),
        _ => large(request),
    })
    .await;
    let error = backend.copy(copy("private/from", PutOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    let last = server.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.target.contains("uploadId=u")), ("DELETE", true));
}

#[tokio::test]
async fn a_copy_tells_which_of_its_objects_is_missing() {
    let matching = PutOptions { condition: WriteCondition::IfMatch(ETag::new("a")), ..PutOptions::default() };
    let (here, _server) = backend(|request| match request.method.as_str() {
        "HEAD" => well(request),
        _ => Answer::error(404, "NoSuchKey"),
    })
    .await;
    let error = here.copy(copy("private/from", matching.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "the source is there, the destination is not");
    let (gone, _server) = backend(|request| match request.target.trim_end_matches('/') {
        "/acme-files" => Answer::new(200, ""),
        _ => Answer::error(404, "NoSuchKey"),
    })
    .await;
    let error = gone.copy(copy("private/from", matching)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// A version is named in every read and as the source of every copy.
#[tokio::test]
async fn g12_a_version_is_what_is_read_and_copied() {
    let (backend, server) = backend(well).await;
    let pinned = object("private/from").at(Some("v 1".to_owned()));
    backend.get(&pinned, GetOptions::default()).await.unwrap();
    assert!(server.requests().pop().unwrap().target.contains("versionId=v%201"));
    let request = CopyRequest { source: pinned.clone(), ..copy("private/from", PutOptions::default()) };
    backend.copy(request).await.unwrap();
    let sent = server.requests().pop().unwrap();
    assert_eq!(sent.header("x-amz-copy-source"), Some("acme-files/private/from?versionId=v%201"));
}
