//! Keys, bytes, metadata, ranges, copies and failed writes.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use futures_util::StreamExt;
use storage_core::ports::{
    Body, CopyRequest, ETag, GetOptions, ListRequest, ObjectRef, PutOptions, RangeRequest, StorageBackend,
    WriteCondition,
};
use storage_core::{Error, ErrorKind};

use crate::{Fixture, bucket, object, put_if, tree};

#[tokio::test]
async fn g52_keys_that_file_systems_confuse_are_different_objects() {
    let fixture = Fixture::new().await;
    let long = format!("{}/{}", "Ä".repeat(127), "X".repeat(255));
    let longest =
        format!("{}/{}/{}/{}/{}", "a".repeat(255), "B".repeat(255), "é".repeat(127), "c".repeat(255), "d");
    let longest = format!("{longest}{}", "d".repeat(1024 - longest.len()));
    assert_eq!(longest.len(), 1024);
    let keys = [
        "a",
        "a/b",
        "a/b/c",
        "A",
        "A/b",
        "\u{e9}",
        "e\u{301}",
        "%2e%2e/x",
        "%61",
        "a@",
        "a+",
        ".tmp",
        ".hidden/x",
        "objects",
        "staging/x",
        "x.meta.json",
        "metadata/x",
        "manifest",
        "con",
        "a b",
        "a*b?[c]",
        &long,
        &longest,
    ];
    for key in keys {
        fixture.put(key, key.as_bytes()).await;
    }
    for key in keys {
        assert_eq!(fixture.read(key).await.unwrap(), key.as_bytes(), "{key}");
        assert_eq!(fixture.backend.head(&object(key)).await.unwrap().key.as_str(), key);
    }
    let page = fixture.backend.list(&bucket(), ListRequest::under("")).await.unwrap();
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(page.objects.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), sorted);

    for (index, key) in keys.iter().enumerate() {
        fixture.backend.delete(&object(key)).await.unwrap();
        fixture.backend.delete(&object(key)).await.unwrap();
        assert_eq!(fixture.read(key).await, None);
        for other in &keys[index + 1..] {
            assert!(fixture.backend.exists(&object(other)).await.unwrap(), "{key} took {other} along");
        }
    }
    assert_eq!(tree(&fixture.objects()), Vec::<std::path::PathBuf>::new(), "empty directories stay");
}

#[tokio::test]
async fn bytes_and_metadata_come_back_as_written() {
    let fixture = Fixture::new().await;
    let options = PutOptions {
        content_type: Some("image/png".to_owned()),
        cache_control: Some("no-store".to_owned()),
        content_disposition: Some("inline; filename*=UTF-8''%C3%A9".to_owned()),
        metadata: BTreeMap::from([("name".to_owned(), "é\n \"x\"".to_owned())]),
        condition: WriteCondition::None,
    };
    let stored =
        fixture.backend.put(&object("k"), Bytes::from_static(b"abc").into(), options.clone()).await.unwrap();
    assert_eq!(stored.etag.as_str(), "900150983cd24fb0d6963f7d28e17f72", "the MD5 of abc");
    let meta = fixture.backend.head(&object("k")).await.unwrap();
    assert_eq!((meta.size, &meta.etag), (3, &stored.etag));
    assert_eq!(
        (meta.content_type, meta.cache_control, meta.content_disposition, meta.metadata),
        (options.content_type, options.cache_control, options.content_disposition, options.metadata)
    );
    // A plain write replaces all of it.
    fixture.put("k", b"").await;
    let meta = fixture.backend.head(&object("k")).await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (0, Some("application/octet-stream")));
    assert!(meta.metadata.is_empty() && meta.cache_control.is_none());
    assert_eq!(fixture.read("k").await.unwrap(), Bytes::new());
    for path in tree(fixture.root.path()) {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[tokio::test]
async fn ranges_give_exactly_their_bytes() {
    let fixture = Fixture::new().await;
    let bytes: Vec<u8> = (0..700_000_u32).map(|index| (index % 251) as u8).collect();
    fixture.put("k", &bytes).await;
    for (range, expected) in [
        (RangeRequest::From(0), 0..700_000),
        (RangeRequest::From(699_999), 699_999..700_000),
        (RangeRequest::Inclusive(262_143, 262_144), 262_143..262_145),
        (RangeRequest::Inclusive(5, u64::MAX), 5..700_000),
        (RangeRequest::Suffix(1), 699_999..700_000),
        (RangeRequest::Suffix(u64::MAX), 0..700_000),
    ] {
        let options = GetOptions { range: Some(range), if_match: None };
        let read = fixture.backend.get(&object("k"), options).await.unwrap();
        assert_eq!((read.start, read.length), (expected.start as u64, expected.len() as u64));
        assert_eq!(read.meta.size, 700_000);
        assert_eq!(read.collect(u64::MAX).await.unwrap(), bytes[expected], "{range:?}");
    }
    fixture.put("empty", b"").await;
    for (key, range) in [
        ("k", RangeRequest::From(700_000)),
        ("k", RangeRequest::Inclusive(2, 1)),
        ("k", RangeRequest::Suffix(0)),
        ("empty", RangeRequest::From(0)),
    ] {
        let options = GetOptions { range: Some(range), if_match: None };
        assert_eq!(
            fixture.backend.get(&object(key), options).await.unwrap_err().kind(),
            ErrorKind::InvalidRange
        );
    }
}

#[tokio::test]
async fn g54_a_failed_write_leaves_what_was_there_and_nothing_else() {
    let fixture = Fixture::new().await;
    fixture.put("k", b"old").await;
    let chunks = |chunks: Vec<storage_core::Result<Bytes>>| -> storage_core::ports::BodyStream {
        Box::pin(futures_util::stream::iter(chunks))
    };
    let big = Bytes::from(vec![7; 300_000]);
    let broken = || Err(Error::new(ErrorKind::ChecksumMismatch, "test"));
    for (length, stream, kind) in [
        (300_001, chunks(vec![Ok(big.clone())]), ErrorKind::SizeMismatch),
        (299_999, chunks(vec![Ok(big.clone())]), ErrorKind::SizeMismatch),
        (5, chunks(vec![]), ErrorKind::SizeMismatch),
        (600_000, chunks(vec![Ok(big.clone()), broken(), Ok(big.clone())]), ErrorKind::ChecksumMismatch),
    ] {
        let body = Body::Stream { length, stream };
        let error = fixture.backend.put(&object("k"), body, PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(fixture.read("k").await.unwrap(), &b"old"[..]);
    }
    assert_eq!(tree(&fixture.staging()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn an_aborted_upload_leaves_the_old_content_and_no_file() {
    let fixture = Fixture::new().await;
    fixture.put("k", b"old").await;
    let first = futures_util::stream::iter([Ok(Bytes::from(vec![7; 300_000]))]);
    let stream = Box::pin(first.chain(futures_util::stream::pending()));
    let body = Body::Stream { length: 600_000, stream };
    let backend = fixture.backend.clone();
    let write = tokio::spawn(async move { backend.put(&object("k"), body, PutOptions::default()).await });
    while !tree(&fixture.staging()).iter().any(|path| path.metadata().is_ok_and(|found| found.len() > 0)) {
        tokio::task::yield_now().await;
    }
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    while !tree(&fixture.staging()).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.read("k").await.unwrap(), &b"old"[..]);
}

#[tokio::test]
async fn a_read_belongs_to_one_write_whatever_happens_meanwhile() {
    let fixture = Fixture::new().await;
    fixture.put("k", &vec![1; 1_000_000]).await;
    let read = fixture.backend.get(&object("k"), GetOptions::default()).await.unwrap();
    fixture.put("k", b"new").await;
    fixture.backend.delete(&object("k")).await.unwrap();
    assert_eq!(read.collect(u64::MAX).await.unwrap(), vec![1; 1_000_000]);
}

#[tokio::test]
async fn conditions_are_of_the_object_that_is_there() {
    let fixture = Fixture::new().await;
    let (backend, failed) = (&fixture.backend, ErrorKind::PreconditionFailed);
    let other = WriteCondition::IfMatch(ETag::new("other"));
    assert_eq!(put_if(backend, "d/k", b"1", other.clone()).await.unwrap_err().kind(), failed);
    assert_eq!(tree(&fixture.objects()).len(), 0);
    let first = put_if(backend, "d/k", b"1", WriteCondition::CreateOnly).await.unwrap();
    assert_eq!(put_if(backend, "d/k", b"2", WriteCondition::CreateOnly).await.unwrap_err().kind(), failed);
    assert_eq!(put_if(backend, "d/k", b"2", other).await.unwrap_err().kind(), failed);
    assert_eq!(fixture.read("d/k").await.unwrap(), &b"1"[..]);
    let second = put_if(backend, "d/k", b"2", WriteCondition::IfMatch(first.etag.clone())).await.unwrap();
    let read = |etag: ETag| backend.get(ref_k(), GetOptions { range: None, if_match: Some(etag) });
    assert_eq!(read(first.etag).await.unwrap_err().kind(), failed);
    assert_eq!(read(second.etag).await.unwrap().collect(9).await.unwrap(), &b"2"[..]);
}

fn ref_k() -> &'static ObjectRef {
    static OBJECT: std::sync::OnceLock<ObjectRef> = std::sync::OnceLock::new();
    OBJECT.get_or_init(|| object("d/k"))
}

#[tokio::test]
async fn copies_take_the_named_source_and_their_own_metadata() {
    let fixture = Fixture::new().await;
    let stored = fixture.put("from", &vec![3; 600_000]).await;
    let copy = |source: &str, source_etag: Option<ETag>, condition: WriteCondition| {
        fixture.backend.copy(CopyRequest {
            source: object(source),
            destination: object("to/x"),
            source_etag,
            options: PutOptions { content_type: Some("a/b".to_owned()), condition, ..PutOptions::default() },
        })
    };
    let kind = |result: storage_core::Result<_>| result.unwrap_err().kind();
    assert_eq!(kind(copy("none", None, WriteCondition::None).await), ErrorKind::NotFound);
    let wrong = Some(ETag::new("wrong"));
    assert_eq!(kind(copy("from", wrong, WriteCondition::None).await), ErrorKind::PreconditionFailed);
    assert_eq!(fixture.read("to/x").await, None);
    let copied = copy("from", Some(stored.etag.clone()), WriteCondition::CreateOnly).await.unwrap();
    assert_eq!(copied.etag, stored.etag);
    assert_eq!(kind(copy("from", None, WriteCondition::CreateOnly).await), ErrorKind::PreconditionFailed);
    let meta = fixture.backend.head(&object("to/x")).await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (600_000, Some("a/b")));
    assert_eq!(fixture.read("to/x").await.unwrap(), vec![3; 600_000]);
}

#[tokio::test]
async fn a_missing_bucket_or_root_is_an_outage_and_never_a_missing_object() {
    let fixture = Fixture::new().await;
    let elsewhere = ObjectRef::new(storage_core::ids::BucketName::parse("no-such").unwrap(), object("k").key);
    let backend = &fixture.backend;
    let outage = ErrorKind::StorageUnavailable;
    assert_eq!(backend.head(&elsewhere).await.unwrap_err().kind(), outage);
    assert_eq!(backend.exists(&elsewhere).await.unwrap_err().kind(), outage);
    assert_eq!(backend.delete(&elsewhere).await.unwrap_err().kind(), outage);
    assert_eq!(backend.check(&elsewhere.bucket).await.unwrap_err().kind(), outage);
    assert_eq!(backend.list(&elsewhere.bucket, ListRequest::under("")).await.unwrap_err().kind(), outage);
    let put = backend.put(&elsewhere, Bytes::new().into(), PutOptions::default()).await;
    assert_eq!(put.unwrap_err().kind(), outage);
    backend.check(&bucket()).await.unwrap();
    // L05: the root goes away while a process runs.
    std::fs::remove_dir_all(fixture.root.path()).unwrap();
    assert_eq!(backend.check(&bucket()).await.unwrap_err().kind(), outage);
    assert_eq!(backend.head(&object("k")).await.unwrap_err().kind(), outage);
}
