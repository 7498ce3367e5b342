//! What a case works with: its prefix, the usual calls, and assertions that say what was asked.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, GetOptions, ListRequest, MultipartBackend, ObjectRef, PutOptions, StorageBackend, Stored,
    WriteCondition,
};
use storage_core::{ErrorKind, Result};

use super::BackendFixture;

/// The most a case reads at once.
pub(super) const READ_LIMIT: u64 = 64 * 1024 * 1024;

/// What one case works on. Clones share it.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The backend.
    pub backend: Arc<dyn StorageBackend>,
    /// The same backend's uploads in parts.
    pub(super) multipart: Option<Arc<dyn MultipartBackend>>,
    /// The buckets and differences.
    pub fixture: Arc<BackendFixture>,
    /// What all keys of this case start with; it ends in a slash.
    pub prefix: String,
}

impl Bench {
    /// The object `name` under the prefix of the case.
    pub(super) fn object(&self, name: &str) -> ObjectRef {
        let key = StorageKey::parse(&format!("{}{name}", self.prefix)).unwrap();
        ObjectRef::new(self.fixture.bucket.clone(), key)
    }

    /// The same key in the other bucket.
    pub(super) fn elsewhere(&self, name: &str) -> ObjectRef {
        ObjectRef::new(self.fixture.other_bucket.clone(), self.object(name).key)
    }

    /// The uploads in parts.
    pub(super) fn multipart(&self) -> &dyn MultipartBackend {
        self.multipart.as_deref().expect("multipart cases have a multipart backend")
    }

    /// Writes `bytes` without options.
    pub(super) async fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Stored {
        self.put_with(name, bytes, PutOptions::default()).await.unwrap()
    }

    /// Writes `bytes` with options.
    pub(super) async fn put_with(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        options: PutOptions,
    ) -> Result<Stored> {
        self.backend.put(&self.object(name), Body::Bytes(bytes.into()), options).await
    }

    /// Reads a whole object.
    pub(super) async fn read(&self, name: &str) -> Result<Bytes> {
        self.backend.get(&self.object(name), GetOptions::default()).await?.collect(READ_LIMIT).await
    }

    /// Asserts that the object has these bytes.
    pub(super) async fn assert_bytes(&self, name: &str, expected: impl AsRef<[u8]>) {
        let bytes = self.read(name).await.unwrap_or_else(|error| panic!("read of {name:?}: {error:?}"));
        assert_same(&bytes, expected.as_ref(), name);
    }

    /// Asserts that there is no object, by every way to ask.
    pub(super) async fn assert_missing(&self, name: &str) {
        let object = self.object(name);
        refused(self.backend.get(&object, GetOptions::default()).await, ErrorKind::NotFound, name);
        refused(self.backend.head(&object).await, ErrorKind::NotFound, name);
        assert!(!self.backend.exists(&object).await.unwrap(), "{name:?} exists");
        let listed = self.names_under(name).await;
        assert!(!listed.iter().any(|listed| listed == name), "{name:?} is listed");
    }

    /// Every name under the prefix of the case followed by `start`, without delimiter, by pages of 1,000.
    pub(super) async fn names_under(&self, start: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut request = ListRequest::under(format!("{}{start}", self.prefix));
        loop {
            let page = self.backend.list(&self.fixture.bucket, request.clone()).await.unwrap();
            names.extend(page.objects.iter().map(|meta| self.name_of(meta.key.as_str())));
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return names,
            }
        }
    }

    /// A listed key or common prefix without the prefix of the case.
    pub(super) fn name_of(&self, listed: &str) -> String {
        let rest = listed.strip_prefix(&self.prefix);
        rest.unwrap_or_else(|| panic!("{listed:?} is not under {:?}", self.prefix)).to_owned()
    }
}

/// Options that only say what must hold of the destination.
pub(super) fn on(condition: WriteCondition) -> PutOptions {
    PutOptions { condition, ..PutOptions::default() }
}

/// Asserts that a call was refused with `kind`.
#[track_caller]
pub(super) fn refused<T: Debug>(result: Result<T>, kind: ErrorKind, what: &str) {
    match result {
        Ok(value) => panic!("{what:?}: {value:?} instead of {kind}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what:?}: {error:?}"),
    }
}

/// Asserts equality without printing megabytes.
#[track_caller]
pub(super) fn assert_same(actual: &[u8], expected: &[u8], what: &str) {
    if actual != expected {
        let first = actual.iter().zip(expected).position(|(one, other)| one != other);
        panic!(
            "{what:?}: {} bytes instead of {}, first difference at {first:?}",
            actual.len(),
            expected.len()
        );
    }
}

/// Bytes that do not repeat within a few kilobytes, so that a shifted or repeated chunk is noticed.
pub(super) fn pattern(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}
