//! The local backend against its contract, on a real directory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod contract;
mod crash;
mod durable;
mod faulty_calls;
mod full;
mod limits;
mod listing;
mod multipart;
mod outside;
mod planted;
mod prefix;
mod races;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{Body, GetOptions, ObjectRef, PutOptions, StorageBackend, Stored, WriteCondition};
use storage_core::{ErrorKind, Result};
use storage_local::LocalBackend;
use storage_testkit::loud::loudly;

/// A backend with one bucket in a directory that is removed with it.
struct Fixture {
    root: tempfile::TempDir,
    backend: LocalBackend,
}

impl Fixture {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let backend = LocalBackend::open(root.path()).unwrap();
        backend.create_bucket(&bucket()).await.unwrap();
        Fixture { root, backend }
    }

    fn objects(&self) -> PathBuf {
        self.root.path().join("test-bucket/objects")
    }

    fn staging(&self) -> PathBuf {
        self.root.path().join("test-bucket/staging")
    }

    async fn put(&self, key: &str, bytes: &[u8]) -> Stored {
        put_if(&self.backend, key, bytes, WriteCondition::None).await.unwrap()
    }

    async fn read(&self, key: &str) -> Option<Bytes> {
        match self.backend.get(&object(key), GetOptions::default()).await {
            Ok(read) => Some(read.collect(u64::MAX).await.unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
                None
            }
        }
    }
}

fn bucket() -> BucketName {
    BucketName::parse("test-bucket").unwrap()
}

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(bucket(), StorageKey::parse(key).unwrap())
}

async fn put_if(
    backend: &LocalBackend,
    key: &str,
    bytes: &[u8],
    condition: WriteCondition,
) -> Result<Stored> {
    let body = Body::Bytes(Bytes::copy_from_slice(bytes));
    backend.put(&object(key), body, PutOptions { condition, ..PutOptions::default() }).await
}

/// A directory for tests whose many writes need not outlive the machine: in memory where there is such a place.
fn volatile_dir() -> tempfile::TempDir {
    volatile_dir_of(16_000_000)
}

/// The same for so many bytes. Where memory has no room for them it is a directory like any other.
fn volatile_dir_of(bytes: u64) -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let has_room = rustix::fs::statvfs(memory).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= bytes);
    if has_room { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Every path beneath a directory, without following links.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            paths.extend(tree(&path));
        }
        paths.push(path);
    }
    paths.sort();
    paths
}
