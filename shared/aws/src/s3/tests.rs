//! The backend against canned answers: what is sent, what answers mean, and how often a call is repeated.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use futures_util::StreamExt;
use storage_core::filename::{Disposition, FileName};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, BodyStream, CopyRequest, ETag, GetOptions, ListRequest, MultipartBackend, ObjectRef, PresignUrl,
    PutOptions, RangeRequest, StorageBackend, UploadId, WriteCondition,
};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::S3Backend;
use crate::client::Aws;
use crate::credentials::to_system_time;
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
        let checksum =
            |name: &String| name.starts_with("x-amz-checksum") || name.starts_with("x-amz-sdk-checksum");
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
async fn a_200_with_an_error_in_it_is_a_failure() {
    for operation in ["copy", "complete"] {
        for (code, kind, calls) in [
            ("InternalError", ErrorKind::StorageUnavailable, 3),
            ("SlowDown", ErrorKind::StorageUnavailable, 3),
            ("PreconditionFailed", ErrorKind::PreconditionFailed, 1),
        ] {
            let (backend, server) = backend(move |_| Answer::error(200, code)).await;
            assert_eq!(run(&backend, operation).await.unwrap_err().kind(), kind, "{operation} {code}");
            assert_eq!(server.requests().len(), calls, "{operation} {code}");
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

async fn presigner(left: Option<Duration>) -> S3Backend {
    let end = left.map(|left| to_system_time(now() + left));
    let keys = Credentials::new("AKIDEXAMPLE", "secret", Some("session".to_owned()), end, "test");
    let settings = AwsSettings::new("eu-central-1");
    S3Backend::new(&Aws::build(&settings, Some(SharedCredentialsProvider::new(keys))).await.unwrap())
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_500)
}

fn query(url: &str) -> BTreeMap<String, String> {
    url::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_presigned_put_signs_size_and_type_and_adds_no_checksum() {
    let signed = presigner(None)
        .await
        .presign_put(&object("temp/x"), "image/png", 1234, Duration::from_secs(900), now())
        .await
        .unwrap();
    assert!(signed.url.starts_with("https://acme-files.s3.eu-central-1.amazonaws.com/temp/x?"));
    let query = query(&signed.url);
    assert_eq!(query["X-Amz-SignedHeaders"], "content-length;content-type;host");
    assert_eq!(query["X-Amz-Expires"], "900");
    assert_eq!(query["X-Amz-Date"], "20261118T110640Z");
    assert!(!signed.url.to_lowercase().contains("checksum"));
    let headers: Vec<_> =
        signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("content-length", "1234"), ("content-type", "image/png")]);
    assert_eq!(signed.expires_at, Timestamp::from_millis(1_795_000_900_000));
}

#[tokio::test]
async fn a_presigned_get_carries_the_disposition() {
    let name = FileName::parse("réport.pdf").unwrap();
    let signed = presigner(None)
        .await
        .presign_get(&object("a/b"), Some((Disposition::Attachment, name)), Duration::from_secs(60), now())
        .await
        .unwrap();
    let query = query(&signed.url);
    assert_eq!(
        query["response-content-disposition"],
        "attachment; filename=\"r_port.pdf\"; filename*=UTF-8''r%C3%A9port.pdf"
    );
    assert_eq!(query["X-Amz-SignedHeaders"], "host");
    assert!(signed.headers.is_empty(), "a link sends no headers");
    assert!(!format!("{signed:?}").contains("Signature"));
}

#[tokio::test]
async fn a_url_says_when_its_credentials_end() {
    let backend = presigner(Some(Duration::from_secs(120))).await;
    let signed = backend.presign_get(&object("a/b"), None, Duration::from_secs(900), now()).await.unwrap();
    assert_eq!(query(&signed.url)["X-Amz-Expires"], "120");
    assert_eq!(signed.expires_at, Timestamp::from_millis(1_795_000_120_000));
    let late = now() + Duration::from_secs(121);
    let error = backend.presign_get(&object("a/b"), None, Duration::from_secs(900), late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    let error = backend.presign_get(&object("a/b"), None, Duration::ZERO, now()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidExpiry);
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
