//! Random sequences of operations, whose answers must be those of the reference model.
//!
//! A sequence is a number: the same seed gives the same operations, so a failure is repeated by its seed.

mod answers;
mod uploads;

use storage_core::key::StorageKey;
use storage_core::ports::{
    CopyRequest, ETag, GetOptions, ListRequest, MultipartBackend, ObjectRef, PutOptions, RangeRequest,
    StorageBackend, Stored, WriteCondition,
};
use storage_core::{ErrorKind, Result};
use uuid::Uuid;

use super::{BackendFixture, pattern};
use crate::memory::MemoryBackend;
use crate::trials::Random;

use answers::{Played, compare, entries, facts, read};

/// Names that are easily taken for each other: folders of each other, pairs of case and of normal form, patterns.
const NAMES: [&str; 18] = [
    "a", "A", "a/b", "a/b/c", "a.b", "a-b", "a b", "a%20b", "é", "e\u{301}", "b/a", "b/A", "[a]", "*", "%61",
    "x.tmp", "{a,b}/?", "%2e%2e/a",
];

/// Plays `steps` operations on the backend and on a model, and panics at the first answer that differs. What the
/// sequence leaves is deleted at its end, and nothing of it is listed then.
///
/// A known difference of the server leaves out the operations that it changes: names of folders, keys of 1,024 bytes,
/// suffixes, conditions of copies. Without `multipart` there are no uploads in parts.
pub async fn run_sequence(
    backend: &dyn StorageBackend,
    multipart: Option<&dyn MultipartBackend>,
    fixture: &BackendFixture,
    seed: u64,
    steps: usize,
) {
    let model = MemoryBackend::new(&[&fixture.bucket]);
    let prefix = format!("sequence-{}/", Uuid::new_v4().simple());
    let names = names(fixture, 1024 - prefix.len());
    let (random, tags) = (Random::new(seed), Vec::new());
    let mut play = Play { backend, multipart, model: &model, fixture, prefix, names, random, tags };
    for step in 0..steps {
        let what = play.step().await;
        if let Err((real, expected)) = what.1 {
            panic!("seed {seed}, step {step}: {}: {real} instead of {expected}", what.0);
        }
    }
    play.clear().await;
}

/// The names of a sequence, whose longest has `longest` bytes.
fn names(fixture: &BackendFixture, longest: usize) -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    if !fixture.differences.object_beside_folder {
        names.retain(|name| !NAMES.iter().any(|other| other.starts_with(&format!("{name}/"))));
    }
    if fixture.differences.long_keys {
        let long: String = "0123456789abcde/".chars().cycle().take(longest - 1).collect();
        names.extend([format!("{long}x"), format!("{long}y")]);
    }
    names
}

struct Play<'a> {
    backend: &'a dyn StorageBackend,
    multipart: Option<&'a dyn MultipartBackend>,
    model: &'a MemoryBackend,
    fixture: &'a BackendFixture,
    prefix: String,
    names: Vec<String>,
    random: Random,
    /// Tags of both sides that belong together: real, model.
    tags: Vec<(ETag, ETag)>,
}

impl Play<'_> {
    fn object(&self) -> ObjectRef {
        let key = StorageKey::parse(&format!("{}{}", self.prefix, self.random.pick(&self.names))).unwrap();
        ObjectRef::new(self.fixture.bucket.clone(), key)
    }

    fn plain_options(&self) -> PutOptions {
        let content_type = self.random.chance(1, 2).then(|| format!("image/x-{}", self.random.below(3)));
        let value = self.random.chance(1, 3).then(|| ["1", "zwölf 😀", ""][self.random.below(3)]);
        let metadata = value.map(|value| ("name".to_owned(), value.to_owned())).into_iter().collect();
        PutOptions { content_type, metadata, ..PutOptions::default() }
    }

    /// Options for the backend and for the model, which know the same tag by different texts.
    fn options(&self) -> (PutOptions, PutOptions) {
        let options = self.plain_options();
        let (real, model) = match (self.random.below(4), self.tag()) {
            (0, _) => (WriteCondition::CreateOnly, WriteCondition::CreateOnly),
            (1, Some((real, model))) => (WriteCondition::IfMatch(real), WriteCondition::IfMatch(model)),
            _ => (WriteCondition::None, WriteCondition::None),
        };
        (PutOptions { condition: real, ..options.clone() }, PutOptions { condition: model, ..options })
    }

    /// One of the last four tags.
    fn tag(&self) -> Option<(ETag, ETag)> {
        let recent = &self.tags[self.tags.len().saturating_sub(4)..];
        (!recent.is_empty()).then(|| self.random.pick(recent).clone())
    }

    /// Keeps the tags of a write that both sides did, and compares how it ended.
    fn ended(&mut self, real: Result<Stored>, model: Result<Stored>) -> answers::Compared {
        if let (Ok(real), Ok(model)) = (&real, &model) {
            self.tags.push((real.etag.clone(), model.etag.clone()));
        }
        compare(real.map(|_| ()), model.map(|_| ()))
    }

    async fn step(&mut self) -> Played {
        let object = self.object();
        match (self.random.below(13), self.multipart) {
            (0..=3, _) => self.put(object).await,
            (4 | 5, _) => self.get(object).await,
            (6, _) => {
                let answers = (self.backend.head(&object).await, self.model.head(&object).await);
                (format!("head {}", object.key), compare(answers.0.map(facts), answers.1.map(facts)))
            }
            (7 | 8, _) => {
                let answers = (self.backend.delete(&object).await, self.model.delete(&object).await);
                (format!("delete {}", object.key), compare(answers.0, answers.1))
            }
            (9, _) => self.copy(object).await,
            (10, Some(multipart)) => self.upload(multipart, object).await,
            _ => self.list().await,
        }
    }

    async fn put(&mut self, object: ObjectRef) -> Played {
        let (length, seed) = (*self.random.pick(&[0, 1, 10, 5000]), self.random.below(3) as u64);
        let bytes = pattern(length, seed);
        let (real, model) = self.options();
        let what = format!("put {} of {length} bytes, {:?}", object.key, real.condition);
        let real = self.backend.put(&object, bytes.clone().into(), real).await;
        let model = self.model.put(&object, bytes.into(), model).await;
        (what, self.ended(real, model))
    }

    async fn get(&mut self, object: ObjectRef) -> Played {
        let (start, end) = (self.random.below(14) as u64, self.random.below(14) as u64);
        let range = match self.random.below(5) {
            0 => Some(RangeRequest::From(start)),
            1 => Some(RangeRequest::Inclusive(start, end)),
            2 if self.fixture.differences.any_suffix => Some(RangeRequest::Suffix(start)),
            _ => None,
        };
        let tags = if self.random.chance(1, 4) { self.tag() } else { None }.unzip();
        let what = format!("get {} {range:?} {:?}", object.key, tags.0);
        let real = read(self.backend, &object, GetOptions { range, if_match: tags.0 }).await;
        let model = read(self.model, &object, GetOptions { range, if_match: tags.1 }).await;
        // A wrong tag and a wrong range at once: servers judge them in either order.
        let both = |kind| matches!(kind, ErrorKind::PreconditionFailed | ErrorKind::InvalidRange);
        match (&real, &model) {
            (Err(real), Err(model)) if both(real.kind()) && both(model.kind()) => (what, Ok(())),
            _ => (what, compare(real, model)),
        }
    }

    async fn copy(&mut self, source: ObjectRef) -> Played {
        let destination = self.object();
        let what = format!("copy {} to {}", source.key, destination.key);
        let (mut real, mut model) = self.options();
        if !self.fixture.differences.conditional_copy_destination {
            (real.condition, model.condition) = (WriteCondition::None, WriteCondition::None);
        }
        let tags = if self.random.chance(1, 3) { self.tag() } else { None }.unzip();
        let request = |source_etag, options| CopyRequest {
            source: source.clone(),
            destination: destination.clone(),
            source_etag,
            options,
        };
        let real = self.backend.copy(request(tags.0, real)).await;
        let model = self.model.copy(request(tags.1, model)).await;
        (what, self.ended(real, model))
    }

    async fn list(&mut self) -> Played {
        let start = *self.random.pick(&["", "a", "a/", "b/", "e", "%", "*", "0"]);
        let delimiter = *self.random.pick(&[None, Some('/'), Some('b')]);
        let limit = *self.random.pick(&[1, 2, 3, 1000]);
        let prefix = format!("{}{start}", self.prefix);
        let request = ListRequest { prefix, delimiter, cursor: None, limit };
        let real = entries(self.backend, &self.fixture.bucket, request.clone()).await;
        let model = entries(self.model, &self.fixture.bucket, request).await;
        (format!("list {start:?} {delimiter:?} by {limit}"), compare(real, model))
    }

    /// Deletes what is left, as both sides know it.
    async fn clear(&mut self) {
        let all = ListRequest::under(self.prefix.clone());
        let left = self.model.list(&self.fixture.bucket, all.clone()).await.unwrap();
        for meta in left.objects {
            let object = ObjectRef::new(self.fixture.bucket.clone(), meta.key);
            self.backend.delete(&object).await.unwrap();
        }
        let listed = self.backend.list(&self.fixture.bucket, all).await.unwrap();
        assert!(listed.objects.is_empty(), "after all deletes: {listed:?}");
    }
}
