//! One bucket's directories, and the steps that change them: commit, delete, conditions, locks.

use std::io;
use std::time::Duration;

use cap_std::fs::Dir;
use sha2::{Digest, Sha256};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{Clock, ETag, Stored, SystemClock, WriteCondition};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::encoding::Location;
use super::sealed::{self, Description, Headers};
use super::staged::Staged;
use super::{beneath, failure, read};

const OBJECTS: &str = "objects";
const STAGING: &str = "staging";
const UPLOADS: &str = "uploads";
const LOCKS: &str = "locks";

/// How often a write makes its directories again because deletes of their last objects removed them.
const ATTEMPTS: usize = 100;

/// An open bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    dir: Dir,
    /// Where objects are; a bucket without it does not exist.
    pub(super) objects: Dir,
}

impl Bucket {
    pub(crate) fn open(root: &Dir, name: &BucketName) -> Result<Self> {
        Bucket::find(root, name)?.ok_or_else(|| Error::new(ErrorKind::StorageUnavailable, "no such bucket"))
    }

    /// `None` where there is no such bucket.
    pub(super) fn find(root: &Dir, name: &BucketName) -> Result<Option<Self>> {
        let Some(dir) = beneath::open_dir(root, name.as_str())? else { return Ok(None) };
        Ok(beneath::open_dir(&dir, OBJECTS)?.map(|objects| Bucket { dir, objects }))
    }

    pub(super) fn create(root: &Dir, name: &BucketName) -> Result<()> {
        let blocked = || Error::new(ErrorKind::StorageUnavailable, "a bucket's place is taken");
        let dir = beneath::ensure_dir(root, name.as_str())?.ok_or_else(blocked)?;
        // `objects` comes last: with it the bucket exists.
        for part in [STAGING, UPLOADS, LOCKS, OBJECTS] {
            beneath::ensure_dir(&dir, part)?.ok_or_else(blocked)?;
        }
        Ok(())
    }

    fn part(&self, name: &str) -> Result<Dir> {
        beneath::open_dir(&self.dir, name)?
            .ok_or_else(|| Error::new(ErrorKind::StorageUnavailable, "a bucket is incomplete"))
    }

    pub(super) fn uploads(&self) -> Result<Dir> {
        self.part(UPLOADS)
    }

    pub(super) fn staging(&self) -> Result<Dir> {
        self.part(STAGING)
    }

    pub(super) fn stage(&self) -> Result<Staged> {
        Staged::create(self.staging()?)
    }

    /// Serialises the changes of one name, across processes. Names share 256 locks of a `space`, so nobody may hold two
    /// of one space; `upload` locks are taken before `key` locks.
    pub(super) fn lock(&self, space: &str, name: &str) -> Result<beneath::Lock> {
        let shard = Sha256::digest(name.as_bytes())[0];
        beneath::lock(&self.part(LOCKS)?, &format!("{space}-{shard:02x}"))
    }

    /// Makes what was staged the object `key`, if the condition holds. The check and the change are one step.
    pub(super) fn commit(
        &self,
        mut staged: Staged,
        key: &StorageKey,
        etag: ETag,
        headers: Headers,
        condition: &WriteCondition,
    ) -> Result<Stored> {
        let now = SystemClock.now();
        let size = staged.written();
        let description =
            Description { key: key.clone(), size, etag: etag.clone(), last_modified: now, headers };
        sealed::seal(staged.file(), &description)?;
        let location = Location::of(key);
        for _ in 0..ATTEMPTS {
            let Some(parent) = self.ensure_parent(&location)? else { continue };
            let lock = self.lock("key", key.as_str())?;
            if let Err(refused) = self.check(key, condition) {
                self.prune(&location);
                return Err(refused);
            }
            match staged.publish(&parent, &location.file) {
                Ok(()) => {
                    drop(lock);
                    beneath::sync_dir(&parent)?;
                    return Ok(Stored { etag, version_id: None, checksum_crc64nvme: None });
                }
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(failure::io("publish object", cause)),
            }
        }
        Err(Error::new(ErrorKind::StorageUnavailable, "the place of an object is blocked"))
    }

    /// Opens the directory of an object, making what is missing; `None` where something removed or blocks it.
    fn ensure_parent(&self, location: &Location) -> Result<Option<Dir>> {
        let mut parent = self.objects.try_clone().map_err(|cause| failure::io("open directory", cause))?;
        for name in &location.directories {
            match beneath::ensure_dir(&parent, name)? {
                Some(next) => parent = next,
                None => return Ok(None),
            }
        }
        Ok(Some(parent))
    }

    fn check(&self, key: &StorageKey, condition: &WriteCondition) -> Result<()> {
        let current = match condition {
            WriteCondition::None => return Ok(()),
            WriteCondition::CreateOnly | WriteCondition::IfMatch(_) => read::find(self, key)?,
        };
        let holds = match condition {
            WriteCondition::None => true,
            WriteCondition::CreateOnly => current.is_none(),
            WriteCondition::IfMatch(etag) => current.is_some_and(|(_, found)| found.etag == *etag),
        };
        if holds { Ok(()) } else { Err(Error::new(ErrorKind::PreconditionFailed, "condition of a write")) }
    }

    /// Removes an object, and the directories that it leaves empty. A missing one is success.
    pub(super) fn delete(&self, key: &StorageKey) -> Result<()> {
        let location = Location::of(key);
        let Some(parent) = beneath::open_path(&self.objects, &location.directories)? else { return Ok(()) };
        let lock = self.lock("key", key.as_str())?;
        match parent.remove_file(&location.file) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A directory that somebody planted is no object, so the object is missing.
            Err(_) if parent.symlink_metadata(&location.file).is_ok_and(|found| found.is_dir()) => {
                return Ok(());
            }
            Err(cause) => return Err(failure::io("delete object", cause)),
        }
        drop(lock);
        beneath::sync_dir(&parent)?;
        self.prune(&location);
        Ok(())
    }

    /// Removes the directories of a place from the deepest up, until one is not empty.
    fn prune(&self, location: &Location) {
        let mut names = location.directories.as_slice();
        while let Some((last, parents)) = names.split_last() {
            let Ok(Some(parent)) = beneath::open_path(&self.objects, parents) else { return };
            if parent.remove_dir(last).is_err() {
                return;
            }
            names = parents;
        }
    }

    /// Removes staged files and forgotten directories older than `age`.
    pub(super) fn remove_stale(&self, age: Duration) -> Result<()> {
        let failed = |cause| failure::io("remove stale files", cause);
        let staging = self.staging()?;
        let oldest = SystemClock.now() - age;
        for entry in staging.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Another process may remove the same files.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.modified().is_ok_and(|modified| timestamp(modified.into_std()) >= oldest) {
                continue;
            }
            let _ = if metadata.is_dir() {
                staging.remove_dir_all(entry.file_name())
            } else {
                staging.remove_file(entry.file_name())
            };
        }
        Ok(())
    }
}

/// All buckets beneath a root, by name, each with the time it was made.
pub(super) fn all(root: &Dir) -> Result<Vec<(BucketName, Timestamp)>> {
    let failed = |cause| failure::io("list buckets", cause);
    let mut buckets = Vec::new();
    for entry in root.entries().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str().and_then(|name| BucketName::parse(name).ok()) else { continue };
        let Some(bucket) = Bucket::find(root, &name)? else { continue };
        // Nothing changes in the bucket's own directory after it was made.
        let made = bucket.dir.dir_metadata().and_then(|found| found.modified()).map_err(failed)?;
        buckets.push((name, timestamp(made.into_std())));
    }
    buckets.sort();
    Ok(buckets)
}

fn timestamp(time: std::time::SystemTime) -> Timestamp {
    time::OffsetDateTime::from(time).into()
}
