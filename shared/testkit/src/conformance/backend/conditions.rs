//! Conditions of writes: judged in the same step as the write.

use storage_core::ErrorKind;
use storage_core::ports::{ETag, PutOptions, WriteCondition};
use tokio::task::JoinSet;

use super::writes::chunks;
use super::{Bench, on, pattern, refused};

pub(super) async fn create_only_writes_where_nothing_is(bench: Bench) {
    bench.put_with("a", "bytes", on(WriteCondition::CreateOnly)).await.unwrap();
    bench.assert_bytes("a", "bytes").await;
}

pub(super) async fn create_only_refuses_what_is_there(bench: Bench) {
    bench.put("a", "old").await;
    for bytes in ["new", "old", ""] {
        let result = bench.put_with("a", bytes, on(WriteCondition::CreateOnly)).await;
        refused(result, ErrorKind::PreconditionFailed, bytes);
        bench.assert_bytes("a", "old").await;
    }
}

pub(super) async fn create_only_refuses_a_stream_too(bench: Bench) {
    bench.put("a", "old").await;
    let body = chunks(vec![Ok(pattern(200_000, 1))], 200_000);
    let result = bench.backend.put(&bench.object("a"), body, on(WriteCondition::CreateOnly)).await;
    refused(result, ErrorKind::PreconditionFailed, "a");
    bench.assert_bytes("a", "old").await;
    assert_eq!(bench.names_under("").await, ["a"]);
}

pub(super) async fn create_only_writes_again_after_a_delete(bench: Bench) {
    bench.put_with("a", "one", on(WriteCondition::CreateOnly)).await.unwrap();
    bench.backend.delete(&bench.object("a")).await.unwrap();
    bench.put_with("a", "two", on(WriteCondition::CreateOnly)).await.unwrap();
    bench.assert_bytes("a", "two").await;
}

pub(super) async fn one_of_60_racing_creates_wins(bench: Bench) {
    for round in 0..3 {
        let name = format!("race-{round}");
        let winners = race(&bench, &name, 60, &WriteCondition::CreateOnly).await;
        assert_winners(&bench, &name, &winners).await;
    }
}

pub(super) async fn if_match_writes_over_its_tag(bench: Bench) {
    let first = bench.put("a", "one").await;
    let second = bench.put_with("a", "two", on(WriteCondition::IfMatch(first.etag))).await.unwrap();
    bench.assert_bytes("a", "two").await;
    bench.put_with("a", "three", on(WriteCondition::IfMatch(second.etag))).await.unwrap();
    bench.assert_bytes("a", "three").await;
}

pub(super) async fn if_match_refuses_another_tag(bench: Bench) {
    let first = bench.put("a", "one").await;
    bench.put("a", "two").await;
    for tag in [first.etag, ETag::new("00000000000000000000000000000000"), ETag::new("x")] {
        let result = bench.put_with("a", "three", on(WriteCondition::IfMatch(tag))).await;
        refused(result, ErrorKind::PreconditionFailed, "a");
        bench.assert_bytes("a", "two").await;
    }
}

pub(super) async fn if_match_refuses_a_missing_object(bench: Bench) {
    let stored = bench.put("other", "bytes").await;
    let result = bench.put_with("a", "bytes", on(WriteCondition::IfMatch(stored.etag))).await;
    if bench.fixture.differences.if_match_needs_an_object {
        refused(result, ErrorKind::PreconditionFailed, "a");
        bench.assert_missing("a").await;
    } else {
        result.unwrap();
        bench.assert_bytes("a", "bytes").await;
    }
}

pub(super) async fn one_of_30_racing_updates_wins(bench: Bench) {
    for round in 0..3 {
        let name = format!("race-{round}");
        let stored = bench.put(&name, "old").await;
        let winners = race(&bench, &name, 30, &WriteCondition::IfMatch(stored.etag)).await;
        assert_winners(&bench, &name, &winners).await;
    }
}

pub(super) async fn a_refused_write_changes_no_metadata(bench: Bench) {
    let options = PutOptions { content_type: Some("image/png".to_owned()), ..PutOptions::default() };
    bench.put_with("a", "old", options.clone()).await.unwrap();
    let before = bench.backend.head(&bench.object("a")).await.unwrap();
    let other = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: [("name".to_owned(), "value".to_owned())].into(),
        ..on(WriteCondition::CreateOnly)
    };
    refused(bench.put_with("a", "new", other).await, ErrorKind::PreconditionFailed, "a");
    assert_eq!(bench.backend.head(&bench.object("a")).await.unwrap(), before);
}

/// The numbers of the writers that were told that they wrote. Writer `n` writes `n` as text, the others are refused.
async fn race(bench: &Bench, name: &str, writers: usize, condition: &WriteCondition) -> Vec<usize> {
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let (bench, name, options) = (bench.clone(), name.to_owned(), on(condition.clone()));
        tasks.spawn(async move { (writer, bench.put_with(&name, writer.to_string(), options).await) });
    }
    let mut winners = Vec::new();
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            (writer, Ok(_)) => winners.push(writer),
            (writer, result) => {
                refused(result, ErrorKind::PreconditionFailed, &format!("writer {writer} of {name}"));
            }
        }
    }
    winners
}

/// One winner, whose bytes are there; on a server that checks and then writes, one of several.
async fn assert_winners(bench: &Bench, name: &str, winners: &[usize]) {
    if bench.fixture.differences.atomic_conditions {
        assert_eq!(winners.len(), 1, "winners of {name}: {winners:?}");
    }
    let bytes = bench.read(name).await.unwrap();
    let left = std::str::from_utf8(&bytes).unwrap();
    assert!(winners.iter().any(|writer| writer.to_string() == left), "{left} of {winners:?} for {name}");
}
