//! Random sequences of operations, whose answers must be those of the reference model.
//!
//! A sequence is a number: the same seed gives the same operations, so a failure is repeated by its seed.

use std::fmt::Debug;

use bytes::Bytes;
use storage_core::Result;
use storage_core::key::StorageKey;
use storage_core::ports::{
    CopyRequest, ETag, GetOptions, ListRequest, ObjectMeta, ObjectRef, PutOptions, RangeRequest,
    StorageBackend, WriteCondition,
};
use uuid::Uuid;

use super::{BackendFixture, pattern};
use crate::memory::MemoryBackend;

/// Names that are easily taken for each other.
const NAMES: [&str; 16] = [
    "a", "A", "a/b", "a/b/c", "a.b", "a-b", "a b", "a%20b", "é", "e\u{301}", "b/a", "b/A", "[a]", "*", "%61",
    "x.tmp",
];

/// Plays `steps` operations on the backend and on a model, and panics at the first answer that differs.
///
/// The server must keep every promise about keys and conditions: there are no differences here.
pub async fn run_sequence(backend: &dyn StorageBackend, fixture: &BackendFixture, seed: u64, steps: usize) {
    let model = MemoryBackend::new(&[&fixture.bucket]);
    let prefix = format!("sequence-{}/", Uuid::new_v4().simple());
    let mut play = Play { backend, model: &model, fixture, prefix, random: seed | 1, tags: Vec::new() };
    for step in 0..steps {
        let what = play.step().await;
        if let Err((real, expected)) = what.1 {
            panic!("seed {seed}, step {step}: {}: {real} instead of {expected}", what.0);
        }
    }
}

/// An operation, and both answers where they differ.
type Played = (String, std::result::Result<(), (String, String)>);

struct Play<'a> {
    backend: &'a dyn StorageBackend,
    model: &'a MemoryBackend,
    fixture: &'a BackendFixture,
    prefix: String,
    random: u64,
    /// Tags of both sides that belong together: real, model.
    tags: Vec<(ETag, ETag)>,
}

impl Play<'_> {
    fn pick(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % below
    }

    fn object(&mut self) -> ObjectRef {
        let name = NAMES[self.pick(NAMES.len())];
        let key = StorageKey::parse(&format!("{}{name}", self.prefix)).unwrap();
        ObjectRef::new(self.fixture.bucket.clone(), key)
    }

    /// Options for the backend and for the model, which know the same tag by different texts.
    fn options(&mut self) -> (PutOptions, PutOptions) {
        let content_type = (self.pick(2) == 0).then(|| format!("image/x-{}", self.pick(3)));
        let options = PutOptions { content_type, ..PutOptions::default() };
        let tag = self.tag();
        let (real, model) = match (self.pick(4), tag) {
            (0, _) => (WriteCondition::CreateOnly, WriteCondition::CreateOnly),
            (1, Some((real, model))) => (WriteCondition::IfMatch(real), WriteCondition::IfMatch(model)),
            _ => (WriteCondition::None, WriteCondition::None),
        };
        (PutOptions { condition: real, ..options.clone() }, PutOptions { condition: model, ..options })
    }

    fn tag(&mut self) -> Option<(ETag, ETag)> {
        let recent = self.tags.len().min(4);
        if recent == 0 {
            return None;
        }
        let back = 1 + self.pick(recent);
        self.tags.get(self.tags.len() - back).cloned()
    }

    async fn step(&mut self) -> Played {
        let object = self.object();
        match self.pick(12) {
            0..=3 => self.put(object).await,
            4 | 5 => self.get(object).await,
            6 => {
                let answers = (self.backend.head(&object).await, self.model.head(&object).await);
                (format!("head {}", object.key), compare(answers.0.map(facts), answers.1.map(facts)))
            }
            7 | 8 => {
                let answers = (self.backend.delete(&object).await, self.model.delete(&object).await);
                (format!("delete {}", object.key), compare(answers.0, answers.1))
            }
            9 => self.copy(object).await,
            _ => self.list().await,
        }
    }

    async fn put(&mut self, object: ObjectRef) -> Played {
        let (length, seed) = ([0, 1, 10, 5000][self.pick(4)], self.pick(3) as u64);
        let bytes = pattern(length, seed);
        let (real, model) = self.options();
        let what = format!("put {} of {length} bytes, {:?}", object.key, real.condition);
        let real = self.backend.put(&object, bytes.clone().into(), real).await;
        let model = self.model.put(&object, bytes.into(), model).await;
        if let (Ok(real), Ok(model)) = (&real, &model) {
            self.tags.push((real.etag.clone(), model.etag.clone()));
        }
        (what, compare(real.map(|_| ()), model.map(|_| ())))
    }

    async fn get(&mut self, object: ObjectRef) -> Played {
        let (start, end) = (self.pick(14) as u64, self.pick(14) as u64);
        let range = match self.pick(5) {
            0 => Some(RangeRequest::From(start)),
            1 => Some(RangeRequest::Inclusive(start, end)),
            2 => Some(RangeRequest::Suffix(start)),
            _ => None,
        };
        let answers = (read(self.backend, &object, range).await, read(self.model, &object, range).await);
        (format!("get {} {range:?}", object.key), compare(answers.0, answers.1))
    }

    async fn copy(&mut self, source: ObjectRef) -> Played {
        let destination = self.object();
        let what = format!("copy {} to {}", source.key, destination.key);
        let (real, model) = self.options();
        let tags = if self.pick(3) == 0 { self.tag() } else { None }.unzip();
        let request = |source_etag, options| CopyRequest {
            source: source.clone(),
            destination: destination.clone(),
            source_etag,
            options,
        };
        let real = self.backend.copy(request(tags.0, real)).await;
        let model = self.model.copy(request(tags.1, model)).await;
        if let (Ok(real), Ok(model)) = (&real, &model) {
            self.tags.push((real.etag.clone(), model.etag.clone()));
        }
        (what, compare(real.map(|_| ()), model.map(|_| ())))
    }

    async fn list(&mut self) -> Played {
        let start = ["", "a", "a/", "b/", "e", "%", "*"][self.pick(7)];
        let delimiter = [None, Some('/'), Some('b')][self.pick(3)];
        let request = ListRequest {
            prefix: format!("{}{start}", self.prefix),
            delimiter,
            cursor: None,
            limit: [1, 2, 3, 1000][self.pick(4)],
        };
        let what = format!("list {start:?} {delimiter:?} by {}", request.limit);
        let real = entries(self.backend, &self.fixture.bucket, request.clone()).await;
        let model = entries(self.model, &self.fixture.bucket, request).await;
        (what, compare(real, model))
    }
}

fn compare<T: PartialEq + Debug>(
    real: Result<T>,
    model: Result<T>,
) -> std::result::Result<(), (String, String)> {
    match (&real, &model) {
        (Ok(real), Ok(model)) if real == model => Ok(()),
        (Err(real), Err(model)) if real.kind() == model.kind() => Ok(()),
        _ => Err((format!("{real:?}"), format!("{model:?}"))),
    }
}

/// What both sides must agree on.
fn facts(meta: ObjectMeta) -> (StorageKey, u64, Option<String>) {
    (meta.key, meta.size, meta.content_type)
}

async fn read(
    backend: &dyn StorageBackend,
    object: &ObjectRef,
    range: Option<RangeRequest>,
) -> Result<(u64, Bytes, (StorageKey, u64, Option<String>))> {
    let read = backend.get(object, GetOptions { range, if_match: None }).await?;
    let (start, facts) = (read.start, facts(read.meta.clone()));
    Ok((start, read.collect(1_000_000).await?, facts))
}

/// All pages of a listing: objects with their sizes, and common prefixes.
async fn entries(
    backend: &dyn StorageBackend,
    bucket: &storage_core::ids::BucketName,
    mut request: ListRequest,
) -> Result<Vec<Vec<(String, u64)>>> {
    let mut pages = Vec::new();
    loop {
        let page = backend.list(bucket, request.clone()).await?;
        let objects = page.objects.into_iter().map(|meta| (meta.key.to_string(), meta.size));
        pages.push(objects.chain(page.prefixes.into_iter().map(|prefix| (prefix, 0))).collect());
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => return Ok(pages),
        }
    }
}
