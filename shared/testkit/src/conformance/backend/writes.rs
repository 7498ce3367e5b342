//! Writes: bytes and metadata come back as written, and a failed write leaves what was there.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use storage_core::ports::{Body, Clock, GetOptions, PutOptions, SystemClock};
use storage_core::{Error, ErrorKind, Result};

use super::{Bench, assert_same, pattern, refused};

pub(super) async fn bytes_come_back(bench: Bench) {
    for length in [1, 2, 255, 4096, 4097, 65_536, 300_001] {
        let name = format!("of-{length}");
        let bytes = pattern(length, length as u64);
        bench.put(&name, bytes.clone()).await;
        let read = bench.backend.get(&bench.object(&name), GetOptions::default()).await.unwrap();
        assert_eq!((read.start, read.length, read.meta.size), (0, length as u64, length as u64));
        assert_eq!(read.meta.key, bench.object(&name).key);
        assert_same(&read.collect(1_000_000).await.unwrap(), &bytes, &name);
    }
}

pub(super) async fn every_metadata_field_comes_back(bench: Bench) {
    let options = PutOptions {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        cache_control: Some("public, max-age=31536000, s-maxage=3600, immutable".to_owned()),
        content_disposition: Some(
            "attachment; filename=\"a; b.txt\"; filename*=UTF-8''a%3B%20%C3%A9.txt".to_owned(),
        ),
        metadata: BTreeMap::from([
            ("file-id".to_owned(), "0192".to_owned()),
            ("sha256".to_owned(), "ab".repeat(32)),
        ]),
        ..PutOptions::default()
    };
    bench.put_with("a", "text", options.clone()).await.unwrap();
    let object = bench.object("a");
    let read = bench.backend.get(&object, GetOptions::default()).await.unwrap().meta;
    for meta in [read, bench.backend.head(&object).await.unwrap()] {
        assert_eq!(meta.content_type, options.content_type);
        assert_eq!(meta.cache_control, options.cache_control);
        assert_eq!(meta.content_disposition, options.content_disposition);
        assert_eq!(meta.metadata, options.metadata);
    }
}

pub(super) async fn an_absent_content_type_is_octet_stream(bench: Bench) {
    bench.put("a.jpg", "bytes").await;
    let meta = bench.backend.head(&bench.object("a.jpg")).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("application/octet-stream"));
    assert_eq!((meta.cache_control, meta.content_disposition), (None, None));
    assert_eq!(meta.metadata, BTreeMap::new());
}

pub(super) async fn metadata_values_of_any_text_come_back(bench: Bench) {
    let values = [
        "Übersicht",
        "日本語のファイル",
        "emoji 😀 and more",
        "e\u{301}",
        "100%",
        "%41 %C3%A9",
        "=?UTF-8?B?w6k=?=",
        " space at both ends ",
        "two  spaces",
        "a=b; c=\"d\", e\\f",
        "",
        "line\nbreak\tand tab",
    ];
    let named = values.iter().enumerate().map(|(index, value)| (format!("value-{index}"), value.to_string()));
    let metadata: BTreeMap<String, String> = named.collect();
    let options = PutOptions { metadata: metadata.clone(), ..PutOptions::default() };
    bench.put_with("a", "bytes", options).await.unwrap();
    assert_eq!(bench.backend.head(&bench.object("a")).await.unwrap().metadata, metadata);
    let read = bench.backend.get(&bench.object("a"), GetOptions::default()).await.unwrap();
    assert_eq!(read.meta.metadata, metadata);
}

pub(super) async fn metadata_of_two_kilobytes_comes_back(bench: Bench) {
    let metadata =
        BTreeMap::from([("one".to_owned(), "1".repeat(1021)), ("two".to_owned(), "2".repeat(1021))]);
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert_eq!(size, 2048);
    let options = PutOptions { metadata: metadata.clone(), ..PutOptions::default() };
    bench.put_with("a", "bytes", options).await.unwrap();
    assert_eq!(bench.backend.head(&bench.object("a")).await.unwrap().metadata, metadata);
}

pub(super) async fn an_overwrite_replaces_bytes_and_metadata(bench: Bench) {
    let options = PutOptions {
        content_type: Some("image/png".to_owned()),
        cache_control: Some("no-store".to_owned()),
        content_disposition: Some("inline".to_owned()),
        metadata: BTreeMap::from([("old".to_owned(), "1".to_owned())]),
        ..PutOptions::default()
    };
    bench.put_with("a", pattern(5000, 1), options).await.unwrap();
    let options = PutOptions {
        metadata: BTreeMap::from([("new".to_owned(), "2".to_owned())]),
        ..PutOptions::default()
    };
    bench.put_with("a", "shorter", options.clone()).await.unwrap();
    bench.assert_bytes("a", "shorter").await;
    let meta = bench.backend.head(&bench.object("a")).await.unwrap();
    assert_eq!(meta.size, 7);
    assert_eq!(meta.content_type.as_deref(), Some("application/octet-stream"));
    assert_eq!((meta.cache_control, meta.content_disposition), (None, None));
    assert_eq!(meta.metadata, options.metadata);
}

pub(super) async fn one_tag_everywhere(bench: Bench) {
    let stored = bench.put("a", "bytes").await;
    let object = bench.object("a");
    assert!(!stored.etag.as_str().is_empty() && !stored.etag.as_str().contains('"'), "{:?}", stored.etag);
    assert_eq!(bench.backend.head(&object).await.unwrap().etag, stored.etag);
    let read = bench.backend.get(&object, GetOptions::default()).await.unwrap();
    assert_eq!(read.meta.etag, stored.etag);
}

pub(super) async fn a_listing_tells_the_same_tag(bench: Bench) {
    let stored = bench.put("a", "bytes").await;
    let request = storage_core::ports::ListRequest::under(&bench.prefix);
    let page = bench.backend.list(&bench.fixture.bucket, request).await.unwrap();
    assert_eq!(page.objects[0].etag, stored.etag);
}

pub(super) async fn other_bytes_have_another_tag(bench: Bench) {
    let mut tags = Vec::new();
    for bytes in ["one", "two", "", "three", "one ", "eno"] {
        tags.push(bench.put("a", bytes).await.etag.as_str().to_owned());
    }
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

pub(super) async fn an_empty_object(bench: Bench) {
    bench.put("a", "").await;
    let read = bench.backend.get(&bench.object("a"), GetOptions::default()).await.unwrap();
    assert_eq!((read.meta.size, read.start, read.length), (0, 0, 0));
    assert!(read.collect(0).await.unwrap().is_empty());
    assert_eq!(bench.backend.head(&bench.object("a")).await.unwrap().size, 0);
    assert_eq!(bench.names_under("").await, ["a"]);
}

pub(super) async fn an_empty_stream(bench: Bench) {
    bench.backend.put(&bench.object("a"), chunks(vec![], 0), PutOptions::default()).await.unwrap();
    bench.assert_bytes("a", "").await;
}

pub(super) async fn a_stream_of_exactly_its_length(bench: Bench) {
    let bytes = pattern(5 * 1024 * 1024 + 3, 7);
    let mut parts = Vec::new();
    let mut rest = bytes.clone();
    for size in [0, 1, 7919, 65_536, 100_003, 3].into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        parts.push(Ok(rest.split_to(size.min(rest.len()))));
    }
    let options = PutOptions { content_type: Some("video/mp4".to_owned()), ..PutOptions::default() };
    let stored =
        bench.backend.put(&bench.object("a"), chunks(parts, bytes.len() as u64), options).await.unwrap();
    bench.assert_bytes("a", &bytes).await;
    let meta = bench.backend.head(&bench.object("a")).await.unwrap();
    assert_eq!((meta.size, meta.etag), (bytes.len() as u64, stored.etag));
    assert_eq!(meta.content_type.as_deref(), Some("video/mp4"));
}

pub(super) async fn a_short_stream_stores_nothing(bench: Bench) {
    for (name, length, declared) in [("none", 0, 1), ("by-one", 99, 100), ("by-many", 70_000, 500_000)] {
        let body = chunks(vec![Ok(pattern(length, 1))], declared);
        let result = bench.backend.put(&bench.object(name), body, PutOptions::default()).await;
        refused(result, ErrorKind::SizeMismatch, name);
        bench.assert_missing(name).await;
    }
}

pub(super) async fn a_long_stream_stores_nothing(bench: Bench) {
    for (name, length, declared) in [("some", 1, 0), ("by-one", 101, 100), ("by-many", 500_000, 70_000)] {
        let body = chunks(vec![Ok(pattern(length, 1))], declared);
        let result = bench.backend.put(&bench.object(name), body, PutOptions::default()).await;
        refused(result, ErrorKind::SizeMismatch, name);
        bench.assert_missing(name).await;
    }
    // The end comes with a chunk of its own, behind exactly the declared bytes.
    let body = chunks(vec![Ok(pattern(100, 1)), Ok(Bytes::from_static(b"x"))], 100);
    let result = bench.backend.put(&bench.object("late"), body, PutOptions::default()).await;
    refused(result, ErrorKind::SizeMismatch, "late");
    bench.assert_missing("late").await;
}

pub(super) async fn a_broken_stream_stores_nothing(bench: Bench) {
    let broken = Err(Error::new(ErrorKind::ChecksumMismatch, "the source broke"));
    let body = chunks(vec![Ok(pattern(50, 1)), broken], 100);
    let result = bench.backend.put(&bench.object("a"), body, PutOptions::default()).await;
    assert!(result.is_err(), "{result:?}");
    bench.assert_missing("a").await;
}

pub(super) async fn a_refused_stream_leaves_the_old_object(bench: Bench) {
    let old = pattern(1000, 1);
    let options = PutOptions { content_type: Some("image/png".to_owned()), ..PutOptions::default() };
    let stored = bench.put_with("a", old.clone(), options.clone()).await.unwrap();
    for (length, declared) in [(10, 11), (11, 10)] {
        let body = chunks(vec![Ok(pattern(length, 2))], declared);
        let result = bench.backend.put(&bench.object("a"), body, PutOptions::default()).await;
        refused(result, ErrorKind::SizeMismatch, "a");
        bench.assert_bytes("a", &old).await;
        let meta = bench.backend.head(&bench.object("a")).await.unwrap();
        assert_eq!((meta.etag, meta.content_type), (stored.etag.clone(), options.content_type.clone()));
    }
    assert_eq!(bench.names_under("").await, ["a"]);
}

pub(super) async fn last_modified_is_now(bench: Bench) {
    let margin = Duration::from_secs(300);
    let now = SystemClock.now();
    bench.put("a", "one").await;
    let first = bench.backend.head(&bench.object("a")).await.unwrap().last_modified;
    assert!(first > now - margin && first < now + margin, "{first} at {now}");
    bench.put("a", "two").await;
    let second = bench.backend.head(&bench.object("a")).await.unwrap().last_modified;
    assert!(second >= first, "{second} after {first}");
}

pub(super) async fn the_name_is_a_word_for_records(bench: Bench) {
    assert!(["s3", "local"].contains(&bench.backend.name()), "{}", bench.backend.name());
}

/// A body of these chunks that declares `length` bytes.
pub(super) fn chunks(chunks: Vec<Result<Bytes>>, length: u64) -> Body {
    Body::Stream { length, stream: Box::pin(stream::iter(chunks)) }
}
