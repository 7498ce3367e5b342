//! Writes are atomic: readers see the old object or the new one, whole, with its own metadata, or none.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use storage_core::ErrorKind;
use storage_core::ports::{Body, CopyRequest, GetOptions, ObjectRead, ObjectRef, PutOptions};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Bench, READ_LIMIT, assert_same, pattern};

/// Generation `n`: bytes that are all `n`, of a length that only this generation has.
fn generation(n: u8) -> Bytes {
    vec![n; 150_000 + usize::from(n) * 10_007].into()
}

/// Asserts that all bytes of a read are of one generation, and that its metadata says the same.
async fn assert_whole(read: ObjectRead) {
    let (size, length) = (read.meta.size, read.length);
    let number = read.meta.metadata.get("generation").cloned();
    let bytes = read.collect(READ_LIMIT).await.unwrap();
    let first = bytes[0];
    assert_same(&bytes, &generation(first), "one generation");
    assert_eq!((size, length), (bytes.len() as u64, bytes.len() as u64), "the size of generation {first}");
    if let Some(number) = number {
        assert_eq!(number, first.to_string(), "the metadata of generation {first}");
    }
}

fn numbered(n: u8) -> PutOptions {
    PutOptions { metadata: [("generation".to_owned(), n.to_string())].into(), ..PutOptions::default() }
}

/// Reads `object` over and over while `writes` runs; `missing` says whether it may be gone in between.
async fn read_during(bench: &Bench, object: ObjectRef, missing: bool, writes: impl Future<Output = ()>) {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (backend, object, stopped) = (bench.backend.clone(), object.clone(), stopped.clone());
        readers.spawn(async move {
            let mut reads = 0;
            while !*stopped.borrow() || reads == 0 {
                match backend.get(&object, GetOptions::default()).await {
                    Ok(read) => assert_whole(read).await,
                    Err(error) if missing && error.kind() == ErrorKind::NotFound => {}
                    Err(error) => panic!("read: {error:?}"),
                }
                reads += 1;
                tokio::task::yield_now().await;
            }
        });
    }
    writes.await;
    stop.send(true).unwrap();
    while let Some(result) = readers.join_next().await {
        if let Err(error) = result {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

pub(super) async fn readers_never_see_a_mix(bench: Bench) {
    bench.put("a", generation(0)).await;
    read_during(&bench, bench.object("a"), false, async {
        for n in 1..40 {
            bench.put("a", generation(n)).await;
        }
    })
    .await;
}

pub(super) async fn readers_never_see_a_mix_of_bytes_and_metadata(bench: Bench) {
    bench.put_with("a", generation(0), numbered(0)).await.unwrap();
    read_during(&bench, bench.object("a"), false, async {
        for n in 1..40 {
            bench.put_with("a", generation(n), numbered(n)).await.unwrap();
        }
    })
    .await;
}

pub(super) async fn readers_of_a_recreated_object_see_all_or_nothing(bench: Bench) {
    bench.put_with("folder/a", generation(0), numbered(0)).await.unwrap();
    read_during(&bench, bench.object("folder/a"), true, async {
        for n in 1..30 {
            bench.backend.delete(&bench.object("folder/a")).await.unwrap();
            bench.put_with("folder/a", generation(n), numbered(n)).await.unwrap();
        }
    })
    .await;
}

pub(super) async fn readers_never_see_half_a_copy(bench: Bench) {
    for n in 0..8 {
        bench.put(&format!("source-{n}"), generation(n)).await;
    }
    bench.put_with("a", generation(0), numbered(0)).await.unwrap();
    read_during(&bench, bench.object("a"), false, async {
        for n in (0..8).cycle().take(32) {
            let request = CopyRequest {
                source: bench.object(&format!("source-{n}")),
                destination: bench.object("a"),
                source_etag: None,
                options: numbered(n),
            };
            bench.backend.copy(request).await.unwrap();
        }
    })
    .await;
}

pub(super) async fn a_read_that_began_before_an_overwrite_gives_the_old_bytes(bench: Bench) {
    let old = pattern(6_000_000, 1);
    bench.put("a", old.clone()).await;
    let mut read = bench.backend.get(&bench.object("a"), GetOptions::default()).await.unwrap();
    let first = read.body.next().await.unwrap().unwrap();
    bench.put("a", pattern(6_000_000, 2)).await;
    let mut bytes = first.to_vec();
    while let Some(chunk) = read.body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    assert_same(&bytes, &old, "the read that began before");
}

pub(super) async fn a_read_that_began_before_a_delete_gives_the_old_bytes_or_fails(bench: Bench) {
    let old = pattern(6_000_000, 1);
    bench.put("a", old.clone()).await;
    let read = bench.backend.get(&bench.object("a"), GetOptions::default()).await.unwrap();
    bench.backend.delete(&bench.object("a")).await.unwrap();
    if let Ok(bytes) = read.collect(READ_LIMIT).await {
        assert_same(&bytes, &old, "the read that began before");
    }
}

/// A body of `old` bytes whose second half waits for `gate`, and the news that the first half was taken.
fn gated(bytes: &Bytes, gate: oneshot::Receiver<()>) -> (Body, oneshot::Receiver<()>) {
    let (taken, half_taken) = oneshot::channel();
    let half = bytes.len() / 2;
    let (first, second) = (bytes.slice(..half), bytes.slice(half..));
    let rest = stream::once(async move {
        // It is asked for more only when the first half was taken.
        let _ = taken.send(());
        match gate.await {
            Ok(()) => Ok(second),
            Err(_) => futures_util::future::pending().await,
        }
    });
    let stream = stream::iter([Ok(first)]).chain(rest);
    (Body::Stream { length: bytes.len() as u64, stream: Box::pin(stream) }, half_taken)
}

pub(super) async fn an_unfinished_write_is_invisible(bench: Bench) {
    bench.put("there", "old").await;
    let bytes = pattern(400_000, 3);
    for name in ["fresh", "there"] {
        let before = bench.names_under("").await;
        let (open, gate) = oneshot::channel();
        let (body, half_taken) = gated(&bytes, gate);
        let writer = bench.clone();
        let object = bench.object(name);
        let write =
            tokio::spawn(async move { writer.backend.put(&object, body, PutOptions::default()).await });
        half_taken.await.expect("the backend asks for the second half");
        assert_eq!(bench.names_under("").await, before, "while {name} is written");
        match name {
            "fresh" => bench.assert_missing(name).await,
            _ => bench.assert_bytes(name, "old").await,
        }
        open.send(()).unwrap();
        write.await.unwrap().unwrap();
        bench.assert_bytes(name, &bytes).await;
    }
}

pub(super) async fn an_abandoned_write_leaves_nothing(bench: Bench) {
    bench.put("there", "old").await;
    let bytes = pattern(400_000, 3);
    for name in ["fresh", "there"] {
        let (_never_opened, gate) = oneshot::channel();
        let (body, half_taken) = gated(&bytes, gate);
        let object = bench.object(name);
        tokio::select! {
            result = bench.backend.put(&object, body, PutOptions::default()) => panic!("{result:?}"),
            taken = half_taken => taken.expect("the backend asks for the second half"),
        }
        // The write is dropped here, as when a request is given up.
    }
    bench.assert_missing("fresh").await;
    bench.assert_bytes("there", "old").await;
    assert_eq!(bench.names_under("").await, ["there"]);
}

pub(super) async fn the_last_writer_wins_whole(bench: Bench) {
    for round in 0..5 {
        let name = format!("round-{round}");
        let mut writers = JoinSet::new();
        for n in 0..12 {
            let (bench, name) = (bench.clone(), name.clone());
            writers.spawn(async move { bench.put_with(&name, generation(n), numbered(n)).await.unwrap() });
        }
        let tags = writers.join_all().await;
        let read = bench.backend.get(&bench.object(&name), GetOptions::default()).await.unwrap();
        assert!(tags.iter().any(|stored| stored.etag == read.meta.etag), "the tag is one of the written");
        assert_whole(read).await;
    }
}
