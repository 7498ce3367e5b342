//! Copies: the bytes of the source, the options of the request, and both conditions.

use std::collections::BTreeMap;

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::Result;
use storage_core::ports::{CopyRequest, ETag, GetOptions, PutOptions, Stored, WriteCondition};
use tokio::task::JoinSet;

use super::{Bench, assert_same, on, pattern, refused};

fn request(bench: &Bench, source: &str, destination: &str) -> CopyRequest {
    CopyRequest {
        source: bench.object(source),
        destination: bench.object(destination),
        source_etag: None,
        options: PutOptions::default(),
    }
}

/// A copy under conditions of the source and of the destination.
async fn copy(
    bench: &Bench,
    source: &str,
    destination: &str,
    source_etag: Option<ETag>,
    condition: WriteCondition,
) -> Result<Stored> {
    let request = CopyRequest { source_etag, options: on(condition), ..request(bench, source, destination) };
    bench.backend.copy(request).await
}

fn typed(content_type: &str) -> PutOptions {
    PutOptions { content_type: Some(content_type.to_owned()), ..PutOptions::default() }
}

pub(super) async fn a_copy_has_the_bytes(bench: Bench) {
    let bytes = pattern(1_500_001, 5);
    bench.put("source", bytes.clone()).await;
    bench.backend.copy(request(&bench, "source", "folder/copy")).await.unwrap();
    bench.assert_bytes("folder/copy", &bytes).await;
    bench.assert_bytes("source", &bytes).await;
    bench.backend.delete(&bench.object("source")).await.unwrap();
    bench.assert_bytes("folder/copy", &bytes).await;
}

pub(super) async fn options_replace_those_of_the_source(bench: Bench) {
    let old = PutOptions {
        cache_control: Some("no-store".to_owned()),
        content_disposition: Some("attachment".to_owned()),
        metadata: BTreeMap::from([("old".to_owned(), "1".to_owned())]),
        ..typed("application/octet-stream")
    };
    bench.put_with("source", "bytes", old).await.unwrap();
    let new = PutOptions {
        cache_control: Some("public, max-age=60".to_owned()),
        content_disposition: Some("inline; filename*=UTF-8''%C3%A9.png".to_owned()),
        metadata: BTreeMap::from([("new".to_owned(), "zwölf 😀".to_owned())]),
        ..typed("image/png")
    };
    let request = CopyRequest { options: new.clone(), ..request(&bench, "source", "copy") };
    bench.backend.copy(request).await.unwrap();
    let meta = bench.backend.head(&bench.object("copy")).await.unwrap();
    assert_eq!(meta.content_type, new.content_type);
    assert_eq!(meta.cache_control, new.cache_control);
    assert_eq!(meta.content_disposition, new.content_disposition);
    assert_eq!(meta.metadata, new.metadata);
}

pub(super) async fn a_copy_without_options_has_none(bench: Bench) {
    let old = PutOptions {
        cache_control: Some("no-store".to_owned()),
        metadata: BTreeMap::from([("old".to_owned(), "1".to_owned())]),
        ..typed("image/png")
    };
    bench.put_with("source", "bytes", old).await.unwrap();
    bench.backend.copy(request(&bench, "source", "copy")).await.unwrap();
    let meta = bench.backend.head(&bench.object("copy")).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("application/octet-stream"));
    assert_eq!(meta.cache_control, None);
    assert!(meta.metadata.is_empty(), "{:?}", meta.metadata);
}

pub(super) async fn a_copy_of_its_tag(bench: Bench) {
    let stored = bench.put("source", "bytes").await;
    copy(&bench, "source", "copy", Some(stored.etag), WriteCondition::None).await.unwrap();
    bench.assert_bytes("copy", "bytes").await;
}

pub(super) async fn a_copy_of_another_tag_is_refused(bench: Bench) {
    let old = bench.put("source", "old").await;
    bench.put("source", "new").await;
    for (name, tag) in [("one", old.etag), ("two", ETag::new("00000000000000000000000000000000"))] {
        let result = copy(&bench, "source", name, Some(tag), WriteCondition::None).await;
        if bench.fixture.differences.conditional_copy_source {
            refused(result, ErrorKind::PreconditionFailed, name);
            bench.assert_missing(name).await;
        } else {
            result.unwrap();
            bench.assert_bytes(name, "new").await;
        }
    }
}

pub(super) async fn a_copy_overwrites(bench: Bench) {
    bench.put("source", "new").await;
    bench.put_with("copy", pattern(10_000, 1), typed("image/png")).await.unwrap();
    bench.backend.copy(request(&bench, "source", "copy")).await.unwrap();
    bench.assert_bytes("copy", "new").await;
    assert_eq!(bench.backend.head(&bench.object("copy")).await.unwrap().size, 3);
}

pub(super) async fn a_create_only_copy_writes_where_nothing_is(bench: Bench) {
    bench.put("source", "bytes").await;
    copy(&bench, "source", "copy", None, WriteCondition::CreateOnly).await.unwrap();
    bench.assert_bytes("copy", "bytes").await;
}

pub(super) async fn a_create_only_copy_refuses_what_is_there(bench: Bench) {
    bench.put("source", "new").await;
    bench.put("copy", "old").await;
    let result = copy(&bench, "source", "copy", None, WriteCondition::CreateOnly).await;
    assert_destination(&bench, result).await;
}

/// The copy of `new` over `old` was refused; on a server that ignores the condition it happened.
async fn assert_destination(bench: &Bench, result: Result<Stored>) {
    if bench.fixture.differences.conditional_copy_destination {
        refused(result, ErrorKind::PreconditionFailed, "copy");
        bench.assert_bytes("copy", "old").await;
    } else {
        result.unwrap();
        bench.assert_bytes("copy", "new").await;
    }
}

pub(super) async fn a_copy_over_its_tag(bench: Bench) {
    bench.put("source", "new").await;
    let old = bench.put("copy", "old").await;
    copy(&bench, "source", "copy", None, WriteCondition::IfMatch(old.etag)).await.unwrap();
    bench.assert_bytes("copy", "new").await;
}

pub(super) async fn a_copy_over_another_tag_is_refused(bench: Bench) {
    bench.put("source", "new").await;
    let older = bench.put("copy", "older").await;
    bench.put("copy", "old").await;
    let result = copy(&bench, "source", "copy", None, WriteCondition::IfMatch(older.etag)).await;
    assert_destination(&bench, result).await;
}

pub(super) async fn one_of_20_racing_create_only_copies_wins(bench: Bench) {
    for source in 0..20 {
        bench.put(&format!("source-{source}"), source.to_string()).await;
    }
    let mut tasks = JoinSet::new();
    for source in 0..20 {
        let bench = bench.clone();
        tasks.spawn(async move {
            let name = format!("source-{source}");
            (source, copy(&bench, &name, "copy", None, WriteCondition::CreateOnly).await)
        });
    }
    let mut winners = Vec::new();
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            (source, Ok(_)) => winners.push(source),
            (source, result) => refused(result, ErrorKind::PreconditionFailed, &format!("copy of {source}")),
        }
    }
    if bench.fixture.differences.atomic_conditions {
        assert_eq!(winners.len(), 1, "winners: {winners:?}");
    }
    let left = bench.read("copy").await.unwrap();
    assert!(winners.iter().any(|winner| winner.to_string().as_bytes() == left), "{left:?} of {winners:?}");
}

pub(super) async fn a_copy_onto_itself_changes_its_options(bench: Bench) {
    let bytes = pattern(200_000, 9);
    let old = PutOptions {
        metadata: BTreeMap::from([("old".to_owned(), "1".to_owned())]),
        ..typed("application/octet-stream")
    };
    let stored = bench.put_with("a", bytes.clone(), old).await.unwrap();
    let request = CopyRequest {
        source_etag: Some(stored.etag),
        options: typed("image/png"),
        ..request(&bench, "a", "a")
    };
    bench.backend.copy(request).await.unwrap();
    bench.assert_bytes("a", &bytes).await;
    let meta = bench.backend.head(&bench.object("a")).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("image/png"));
    assert!(meta.metadata.is_empty(), "{:?}", meta.metadata);
}

pub(super) async fn a_missing_source_is_not_found(bench: Bench) {
    let tag = ETag::new("00000000000000000000000000000000");
    for source_etag in [None, Some(tag)] {
        let result = copy(&bench, "missing", "copy", source_etag, WriteCondition::None).await;
        refused(result, ErrorKind::NotFound, "copy");
        bench.assert_missing("copy").await;
    }
    bench.put("copy", "old").await;
    refused(bench.backend.copy(request(&bench, "missing", "copy")).await, ErrorKind::NotFound, "copy");
    bench.assert_bytes("copy", "old").await;
}

pub(super) async fn sources_with_special_characters(bench: Bench) {
    for (index, source) in [
        "a b+c",
        "100%",
        "%20",
        "%2e%2e/x",
        "a&d=é",
        "#1?versionId=2",
        "😀/日本",
        "a\"b'c",
        "a;b,c:d@e$f!*()",
        "=",
        "e\u{301}",
    ]
    .into_iter()
    .enumerate()
    {
        bench.put(source, source).await;
        let destination = format!("copies/{index} {source}");
        let result = bench.backend.copy(request(&bench, source, &destination)).await;
        result.unwrap_or_else(|error| panic!("copy of {source:?}: {error:?}"));
        bench.assert_bytes(&destination, source).await;
    }
}

pub(super) async fn across_buckets(bench: Bench) {
    bench.put("a", "bytes").await;
    let destination = bench.elsewhere("a");
    let request = CopyRequest {
        destination: destination.clone(),
        options: typed("image/png"),
        ..request(&bench, "a", "a")
    };
    bench.backend.copy(request).await.unwrap();
    let read = bench.backend.get(&destination, GetOptions::default()).await.unwrap();
    assert_eq!(read.meta.content_type.as_deref(), Some("image/png"));
    assert_same(&read.collect(100).await.unwrap(), b"bytes", "copy");
    bench.backend.delete(&bench.object("a")).await.unwrap();
    assert!(bench.backend.exists(&destination).await.unwrap());
}

pub(super) async fn a_copy_of_an_empty_object(bench: Bench) {
    bench.put("source", Bytes::new()).await;
    bench.backend.copy(request(&bench, "source", "copy")).await.unwrap();
    bench.assert_bytes("copy", "").await;
}

pub(super) async fn a_copied_tag_is_the_tag_of_the_destination(bench: Bench) {
    bench.put("source", "bytes").await;
    let stored = bench.backend.copy(request(&bench, "source", "copy")).await.unwrap();
    assert_eq!(bench.backend.head(&bench.object("copy")).await.unwrap().etag, stored.etag);
}
