//! A writer that is killed at a random moment leaves one generation of an object, with its own metadata (G53).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::ports::{Body, GetOptions, ListRequest, PutOptions, StorageBackend};
use storage_local::LocalBackend;
use storage_testkit::trials::{Random, Trials};

use crate::races::{child_of, root_from_parent};
use crate::{bucket, object, tree, volatile_dir_of};

/// How many kills the campaign makes.
const KILLS: usize = 500;
/// What each chunk of an object has of bytes.
const CHUNK: u64 = 256 * 1024;
/// An unfinished write is removed when a backend opens a day later.
const LATER: Duration = Duration::from_secs(25 * 60 * 60);

/// The byte that all of a generation is made of.
fn byte_of(generation: u64) -> u8 {
    (generation % 251) as u8
}

/// The bytes of a generation, whose number is also in its length.
fn length_of(generation: u64, size: u64) -> u64 {
    size + generation % 1009
}

fn body_of(generation: u64, size: u64) -> Body {
    let length = length_of(generation, size);
    let chunk = Bytes::from(vec![byte_of(generation); CHUNK as usize]);
    let chunks = (0..length.div_ceil(CHUNK)).map(move |index| {
        let left = length - index * CHUNK;
        Ok(chunk.slice(..left.min(CHUNK) as usize))
    });
    Body::Stream { length, stream: Box::pin(stream::iter(chunks)) }
}

/// The generation that is stored, whose bytes, length, metadata and listing all say so; `None` where nothing is.
async fn generation_of(backend: &LocalBackend, size: u64) -> Option<u64> {
    let listed = backend.list(&bucket(), ListRequest::under("")).await.unwrap().objects;
    let mut read = match backend.get(&object("folder/k"), GetOptions::default()).await {
        Ok(read) => read,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
            assert!(listed.is_empty(), "listed and not readable: {listed:?}");
            return None;
        }
    };
    let generation = read.meta.metadata["generation"].parse().unwrap();
    assert_eq!(read.length, length_of(generation, size), "the length of generation {generation}");
    assert_eq!((listed.len(), listed[0].size, &listed[0].etag), (1, read.length, &read.meta.etag));
    let (mut length, whole) = (0, vec![byte_of(generation); CHUNK as usize]);
    while let Some(chunk) = read.body.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk == whole[..chunk.len()], "a mix in generation {generation}");
        length += chunk.len() as u64;
    }
    assert_eq!(length, read.length);
    Some(generation)
}

/// What was found after a kill.
#[derive(Default)]
struct Found {
    old: usize,
    new: usize,
    unfinished: usize,
}

/// A directory in which writers are killed, one after the other.
struct Site {
    root: tempfile::TempDir,
    size: u64,
    /// The last generation that was found.
    last: u64,
    /// How long a write takes.
    write: Duration,
}

impl Site {
    async fn kill_once(&mut self, random: Random, found: &mut Found) {
        let executable = Command::new(std::env::current_exe().unwrap());
        let mut writer = child_of(executable, "crash::child_that_writes_generations", self.root.path());
        writeln!(writer.stdin.as_mut().unwrap(), "{}\n{}", self.size, self.last + 1).unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(std::io::Result::ok);
        assert!(lines.any(|line| line.contains("writing")));
        let started = Instant::now();
        let mut acknowledged = self.last;
        if random.chance(1, 2) {
            acknowledged = lines.find_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).unwrap();
            self.write = started.elapsed();
        }
        // Nothing is waited for: any moment of a write is as good as another.
        let moment = self.write.mul_f64(random.below(1100) as f64 / 1000.0);
        tokio::time::sleep(moment).await;
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What was acknowledged before the kill and was not read yet.
        let later = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        acknowledged = later.fold(acknowledged, u64::max);

        let staging = self.root.path().join("test-bucket/staging");
        let backend = LocalBackend::open(self.root.path()).unwrap();
        let generation = generation_of(&backend, self.size).await.unwrap_or(0);
        let allowed = acknowledged..=acknowledged + 1;
        assert!(allowed.contains(&generation), "{generation} is not one of {allowed:?}");
        let unfinished = tree(&staging);
        assert!(unfinished.len() <= 1, "one writer has one unfinished write: {unfinished:?}");
        for path in &unfinished {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - LATER).unwrap();
        }
        let backend = LocalBackend::open(self.root.path()).unwrap();
        assert!(tree(&staging).is_empty(), "an unfinished write stays");
        assert_eq!(generation_of(&backend, self.size).await.unwrap_or(0), generation);
        found.old += usize::from(generation == acknowledged);
        found.new += usize::from(generation > acknowledged);
        found.unfinished += unfinished.len();
        self.last = generation;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g53_after_kill_9_an_object_is_one_generation_with_its_own_metadata() {
    let trials = Arc::new(Trials::new("G53", KILLS));
    // The campaign writes 64 MB; an ordinary run writes less.
    let size = if trials.count() == KILLS { 64_000_000 } else { 2_000_000 };
    let (seeds, found) = (Arc::new(Mutex::new(trials.seeds())), Arc::new(Mutex::new(Found::default())));
    let mut sites = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (trials, seeds, found) = (Arc::clone(&trials), Arc::clone(&seeds), Arc::clone(&found));
        sites.spawn(async move {
            // The object, one unfinished write, and as much again for the other writer, whose turn may come first.
            let root = volatile_dir_of(5 * size);
            LocalBackend::open(root.path()).unwrap().create_bucket(&bucket()).await.unwrap();
            let mut site = Site { root, size, last: 0, write: Duration::from_millis(50) };
            let mut mine = Found::default();
            loop {
                let Some(seed) = seeds.lock().unwrap().pop() else { break };
                let _guard = trials.guard(seed);
                site.kill_once(Random::new(seed), &mut mine).await;
            }
            let mut found = found.lock().unwrap();
            found.old += mine.old;
            found.new += mine.new;
            found.unfinished += mine.unfinished;
        });
    }
    while let Some(ended) = sites.join_next().await {
        ended.unwrap();
    }
    let Found { old, new, unfinished } = &*found.lock().unwrap();
    assert!(*unfinished > 0, "no kill met an unfinished write");
    let found = json!({ "bytes": size, "old": old, "new": new, "unfinished_removed": unfinished });
    trials.report(json!({ "mixed": 0, "lost": 0, "found": found }));
}

#[tokio::test]
#[ignore = "run by g53_after_kill_9_an_object_is_one_generation_with_its_own_metadata"]
async fn child_that_writes_generations() {
    let backend = LocalBackend::open(Path::new(&root_from_parent())).unwrap();
    let number = || -> u64 { root_from_parent().parse().unwrap() };
    let (size, first) = (number(), number());
    println!("writing");
    for generation in first.. {
        let metadata = [("generation".to_owned(), generation.to_string())].into();
        let options = PutOptions { metadata, ..PutOptions::default() };
        backend.put(&object("folder/k"), body_of(generation, size), options).await.unwrap();
        println!("acknowledged {generation}");
    }
}
