//! The backend against canned answers: what is sent, what answers mean, and how often a call is repeated.

mod checksums;
mod copies;
mod presigned;
mod scan_tags;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, BodyStream, CopyRequest, ETag, GetOptions, ListRequest, MultipartBackend, ObjectRef, PutOptions,
    RangeRequest, StorageBackend, UploadId, WriteCondition,
};
use storage_core::{Error, ErrorKind, Result};

use super::S3Backend;
use crate::client::Aws;
use crate::settings::AwsSettings;
use crate::test_support::{Answer, Canned, Recorded};

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::parse("acme-files").unwrap(), StorageKey::parse(key).unwrap())
}

fn copy(source: &str, options: PutOptions) -> CopyRequest {
    CopyRequest {
        source: object(source),
        destination: object("private/to"),
        source_etag: Some(ETag::new("abc")),
        options,
    }
}

fn chunks(parts: &[&'static [u8]]) -> BodyStream {
    let parts: Vec<Result<Bytes>> = parts.iter().map(|part| Ok(Bytes::from_static(part))).collect();
    Box::pin(futures_util::stream::iter(parts))
}

/// What S3 answers when all is well, by request.
fn well(request: &Recorded) -> Answer {
    let tagged = |answer: Answer| answer.header("ETag", "\"abc\"");
    let xml = |body: &str| Answer::new(200, format!("<?xml version=\"1.0\"?>{body}"));
    let target = request.target.as_str();
    match request.method.as_str() {
        "HEAD" => tagged(Answer::new(200, "0123456789")),
        "GET" if target.contains("list-type=2") => xml("<ListBucketResult><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>token-1</NextContinuationToken>\
            <Contents><Key>a/b</Key><Size>3</Size><ETag>\"e\"</ETag></Contents>\
            <Contents><Key>a//b</Key><Size>3</Size><ETag>\"e\"</ETag></Contents>\
            <CommonPrefixes><Prefix>a/c/</Prefix></CommonPrefixes></ListBucketResult>"),
        "GET" if target.contains("uploadId=") => xml("<ListPartsResult><IsTruncated>false</IsTruncated>\
            <Part><PartNumber>1</PartNumber><ETag>\"p\"</ETag><Size>5</Size></Part></ListPartsResult>"),
        "GET" => tagged(Answer::new(200, "0123456789")),
        "POST" if target.contains("?uploads") => {
            xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        }
        "POST" => xml("<CompleteMultipartUploadResult><ETag>\"abc\"</ETag></CompleteMultipartUploadResult>"),
        "PUT" if request.header("x-amz-copy-source").is_some() => {
            xml("<CopyObjectResult><ETag>\"abc\"</ETag></CopyObjectResult>")
        }
        "PUT" => tagged(Answer::new(200, "")),
        _ => Answer::new(204, ""),
    }
}

async fn backend(answer: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> (S3Backend, Canned) {
    let server = Canned::start(answer).await;
    (S3Backend::connect(&server.settings()).await.unwrap(), server)
}

/// Every operation of the backend.
const OPERATIONS: [&str; 12] = [
    "put",
    "get",
    "head",
    "delete",
    "list",
    "copy",
    "check",
    "create",
    "upload_part",
    "parts",
    "complete",
    "abort",
];

async fn run(backend: &S3Backend, operation: &str) -> Result<()> {
    let upload = UploadId("u".to_owned());
    let target = object("private/x");
    let bytes = || Body::from(Bytes::from_static(b"hello"));
    match operation {
        "put" => backend.put(&target, bytes(), PutOptions::default()).await.map(drop),
        "get" => backend.get(&target, GetOptions::default()).await.map(drop),
        "head" => backend.head(&target).await.map(drop),
        "delete" => backend.delete(&target).await,
        "list" => backend.list(&target.bucket, ListRequest::under("a/")).await.map(drop),
        "copy" => backend.copy(copy("private/from", PutOptions::default())).await.map(drop),
        "check" => backend.check(&target.bucket).await,
        "create" => backend.create(&target, PutOptions::default()).await.map(drop),
        "upload_part" => backend.upload_part(&target, &upload, 1, bytes()).await.map(drop),
        "parts" => backend.parts(&target, &upload).await.map(drop),
        "complete" => backend.complete(&target, &upload, &[(1, ETag::new("p"))]).await.map(drop),
        "abort" => backend.abort(&target, &upload).await,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_call_names_the_owner_it_expects() {
    let (backend, server) = backend(well).await;
    for operation in OPERATIONS {
        run(&backend, operation).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), OPERATIONS.len());
    for request in &requests {
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"), "{}", request.target);
        assert!(request.target.starts_with("/acme-files"), "a custom endpoint has buckets in the path");
        let checksum = |name: &String| {
            name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-mode"
                || name.starts_with("x-amz-sdk-checksum")
        };
        assert!(!request.headers.keys().any(checksum), "no checksum unless required");
    }
    let copied = requests.iter().find(|request| request.header("x-amz-copy-source").is_some()).unwrap();
    assert_eq!(copied.header("x-amz-source-expected-bucket-owner"), Some("111122223333"));
}

#[tokio::test]
async fn failures_are_repeated_max_retries_times_and_no_more() {
    for operation in OPERATIONS {
        for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict")]
        {
            if operation == "head" || operation == "check" {
                // A HEAD has no body, so a 409 says nothing to be repeated for.
                if status == 409 {
                    continue;
                }
            }
            let (backend, server) = backend(move |_| Answer::error(status, code)).await;
            let error = run(&backend, operation).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{operation} {code}");
            assert_eq!(server.requests().len(), 3, "{operation} {code}");
        }
    }
}

#[tokio::test]
async fn a_long_outage_less_than_doubles_the_load() {
    let (backend, server) = backend(|_| Answer::error(503, "SlowDown")).await;
    let target = object("a/b");
    let calls = (0..300).map(|_| backend.delete(&target));
    let outcomes = futures_util::future::join_all(calls).await;
    assert!(outcomes.iter().all(Result::is_err));
    let sent = server.requests().len();
    assert!(sent < 2 * outcomes.len(), "{sent} requests for {} calls", outcomes.len());
}

#[tokio::test]
async fn a_refused_condition_and_a_refusal_are_told_apart() {
    for operation in ["put", "copy", "get", "complete"] {
        for (status, code, kind) in [
            (412, "PreconditionFailed", ErrorKind::PreconditionFailed),
            (403, "AccessDenied", ErrorKind::StorageUnavailable),
            (404, "NoSuchBucket", ErrorKind::StorageUnavailable),
            (404, "NoSuchKey", ErrorKind::NotFound),
        ] {
            let (backend, server) = backend(move |_| Answer::error(status, code)).await;
            assert_eq!(run(&backend, operation).await.unwrap_err().kind(), kind, "{operation} {code}");
            assert_eq!(server.requests().len(), 1, "{operation} {code}");
        }
    }
}

#[tokio::test]
async fn only_an_object_that_is_not_there_is_missing() {
    let missing = |request: &Recorded| match request.target.trim_end_matches('/') {
        "/acme-files" => Answer::new(200, ""),
        _ => Answer::new(404, ""),
    };
    let (with_bucket, server) = backend(missing).await;
    assert!(!with_bucket.exists(&object("private/x")).await.unwrap());
    assert!(!with_bucket.exists(&object("private/y")).await.unwrap());
    assert_eq!(server.requests().len(), 3, "the bucket is asked once");
    let (without_bucket, _server) = backend(|_| Answer::new(404, "")).await;
    let error = without_bucket.exists(&object("private/x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    let (forbidden, _server) = backend(|_| Answer::new(403, "")).await;
    let error = forbidden.exists(&object("private/x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    let (gone, _server) = backend(|_| Answer::error(404, "NoSuchKey")).await;
    gone.delete(&object("private/x")).await.unwrap();
    let (no_upload, _server) = backend(|_| Answer::error(404, "NoSuchUpload")).await;
    no_upload.abort(&object("private/x"), &UploadId("u".to_owned())).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_server_is_an_outage() {
    let settings = AwsSettings {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        ..Canned::start(well).await.settings()
    };
    let backend = S3Backend::connect(&settings).await.unwrap();
    for operation in OPERATIONS {
        let error = run(&backend, operation).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{operation}");
    }
}

#[tokio::test]
async fn a_write_sends_its_condition_and_what_is_stored_beside_it() {
    let (backend, server) = backend(well).await;
    let options = |condition| PutOptions {
        content_type: Some("image/png".to_owned()),
        cache_control: Some("no-store".to_owned()),
        content_disposition: Some("inline".to_owned()),
        metadata: BTreeMap::from([("name".to_owned(), "é %".to_owned())]),
        condition,
    };
    let stored = backend
        .put(&object("a/b"), Body::from(Bytes::from_static(b"hello")), options(WriteCondition::CreateOnly))
        .await
        .unwrap();
    assert_eq!(stored.etag, ETag::new("abc"));
    backend.copy(copy("a/ü b+c", options(WriteCondition::IfMatch(ETag::new("old"))))).await.unwrap();
    backend.copy(copy("a/b", options(WriteCondition::CreateOnly))).await.unwrap();
    let requests = server.requests();
    for request in &requests {
        assert_eq!(request.header("content-type"), Some("image/png"));
        assert_eq!(request.header("cache-control"), Some("no-store"));
        assert_eq!(request.header("content-disposition"), Some("inline"));
        assert_eq!(request.header("x-amz-meta-name"), Some("%C3%A9%20%25"));
    }
    assert_eq!(requests[0].header("if-none-match"), Some("*"));
    assert_eq!(requests[0].body, b"hello");
    assert_eq!(requests[1].header("x-amz-copy-source"), Some("acme-files/a/%C3%BC%20b%2Bc"));
    assert_eq!(requests[1].header("x-amz-copy-source-if-match"), Some("\"abc\""));
    assert_eq!(requests[1].header("x-amz-metadata-directive"), Some("REPLACE"));
    assert_eq!(requests[1].header("if-match"), Some("\"old\""));
    assert_eq!(requests[2].header("if-none-match"), Some("*"));
}

#[tokio::test]
async fn a_stream_is_sent_whole_or_not_at_all() {
    let (backend, server) = backend(well).await;
    let put = async |length, parts: &[&'static [u8]]| {
        let body = Body::Stream { length, stream: chunks(parts) };
        backend.put(&object("a/b"), body, PutOptions::default()).await
    };
    put(5, &[b"he", b"", b"llo"]).await.unwrap();
    put(0, &[b""]).await.unwrap();
    let sent = server.requests();
    assert_eq!(sent[0].body, b"hello");
    assert_eq!(sent[0].header("content-length"), Some("5"));
    assert_eq!(sent[0].header("transfer-encoding"), None);
    assert_eq!(sent[1].header("content-length"), Some("0"));
    for (length, parts) in [
        (5, &[b"hell" as &[u8]] as &[&'static [u8]]),
        (5, &[b"hello", b"!"]),
        (5, &[b"hello!"]),
        (5, &[]),
        (0, &[b"!"]),
    ] {
        assert_eq!(
            put(length, parts).await.unwrap_err().kind(),
            ErrorKind::SizeMismatch,
            "{length} {parts:?}"
        );
    }
    let failing: BodyStream = Box::pin(futures_util::stream::iter([
        Ok(Bytes::from_static(b"he")),
        Err(Error::new(ErrorKind::ChecksumMismatch, "test")),
    ]));
    let body = Body::Stream { length: 5, stream: failing };
    let error = backend.put(&object("a/b"), body, PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChecksumMismatch);
    assert_eq!(server.requests().len(), 2, "nothing that failed was ever a whole request");
}

#[tokio::test]
async fn a_stream_that_was_refused_is_not_sent_again() {
    let (backend, server) = backend(|_| Answer::error(503, "SlowDown")).await;
    let body = Body::Stream { length: 5, stream: chunks(&[b"hello"]) };
    let error = backend.put(&object("a/b"), body, PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn ranges_are_checked_against_what_is_answered() {
    let ranged = |request: &Recorded| match request.header("range") {
        Some("bytes=2-4") => {
            Answer::new(206, "234").header("Content-Range", "bytes 2-4/10").header("ETag", "\"abc\"")
        }
        Some("bytes=10-") => Answer::error(416, "InvalidRange"),
        _ => well(request),
    };
    let (backend, server) = backend(ranged).await;
    let read = async |range| {
        backend.get(&object("a/b"), GetOptions { range: Some(range), if_match: Some(ETag::new("abc")) }).await
    };
    let part = read(RangeRequest::Inclusive(2, 4)).await.unwrap();
    assert_eq!((part.start, part.length, part.meta.size), (2, 3, 10));
    assert_eq!(part.collect(3).await.unwrap(), "234");
    assert_eq!(server.requests()[0].header("if-match"), Some("\"abc\""));
    let error = read(RangeRequest::From(10)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.details().unwrap()["size"].as_u64()),
        (ErrorKind::InvalidRange, Some(10))
    );
    for range in [RangeRequest::Inclusive(4, 2), RangeRequest::Suffix(0)] {
        assert_eq!(read(range).await.unwrap_err().kind(), ErrorKind::InvalidRange);
    }
    // This server ignores the range and gives everything.
    assert_eq!(read(RangeRequest::From(3)).await.unwrap_err().kind(), ErrorKind::StorageUnavailable);
    assert_eq!(read(RangeRequest::Suffix(u64::MAX)).await.unwrap().length, 10);
    let asked = server.requests().pop().unwrap();
    assert_eq!(asked.header("range"), Some("bytes=-9223372036854775807"));
    assert_eq!(read(RangeRequest::Suffix(99)).await.unwrap().length, 10, "everything is what was asked for");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    let cut = |_: &Recorded| Answer::new(200, "01234").header("Content-Length", "10").header("ETag", "\"a\"");
    let (backend, _server) = backend(cut).await;
    let mut read = backend.get(&object("a/b"), GetOptions::default()).await.unwrap();
    let mut last = None;
    while let Some(chunk) = read.body.next().await {
        last = Some(chunk);
    }
    assert_eq!(last.unwrap().unwrap_err().kind(), ErrorKind::StorageUnavailable);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_listing_only() {
    let (backend, server) = backend(well).await;
    let bucket = BucketName::parse("acme-files").unwrap();
    let request = ListRequest { delimiter: Some('/'), ..ListRequest::under("a/") };
    let page = backend.list(&bucket, request.clone()).await.unwrap();
    assert_eq!(page.objects.len(), 1, "a foreign key is passed over");
    assert_eq!(page.prefixes, ["a/c/"]);
    let next = ListRequest { cursor: page.next, ..request };
    backend.list(&bucket, next.clone()).await.unwrap();
    assert!(server.requests()[1].target.contains("continuation-token=token-1"));
    let other = BucketName::parse("other-files").unwrap();
    for (bucket, request) in [
        (&bucket, ListRequest { prefix: "b/".to_owned(), ..next.clone() }),
        (&bucket, ListRequest { delimiter: None, ..next.clone() }),
        (&bucket, ListRequest { cursor: Some("token-1".to_owned()), ..next.clone() }),
        (&bucket, ListRequest { cursor: Some(String::new()), ..next.clone() }),
        (&other, next.clone()),
    ] {
        assert_eq!(backend.list(bucket, request).await.unwrap_err().kind(), ErrorKind::InvalidCursor);
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn parts_are_refused_before_they_are_sent() {
    let (backend, server) = backend(well).await;
    let (target, upload) = (object("a/b"), UploadId("u".to_owned()));
    let tag = || ETag::new("p");
    for parts in [vec![], vec![(2, tag()), (1, tag())], vec![(1, tag()), (1, tag())]] {
        let error = backend.complete(&target, &upload, &parts).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    for number in [0, 10_001] {
        let body = Body::from(Bytes::from_static(b"x"));
        let error = backend.upload_part(&target, &upload, number, body).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    let options = PutOptions { condition: WriteCondition::CreateOnly, ..PutOptions::default() };
    assert_eq!(backend.create(&target, options).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let (backend, server) = backend(well).await;
    let aws = Aws::connect(&server.settings()).await.unwrap();
    assert!(!format!("{backend:?} {aws:?} {:?}", server.settings()).contains("canary"));
}

#[tokio::test]
async fn what_is_written_gets_the_configured_storage_class() {
    let server = Canned::start(well).await;
    let class = Some("INTELLIGENT_TIERING".to_owned());
    let settings = crate::settings::AwsSettings { storage_class: class.clone(), ..server.settings() };
    let backend = S3Backend::connect(&settings).await.unwrap();
    let bytes = Bytes::from_static(b"hello");
    backend.put(&object("a/b"), bytes.into(), PutOptions::default()).await.unwrap();
    backend.copy(copy("private/from", PutOptions::default())).await.unwrap();
    backend.create(&object("a/b"), PutOptions::default()).await.unwrap();
    let sent = server.requests();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| request.header("x-amz-storage-class") == class.as_deref()));
}
