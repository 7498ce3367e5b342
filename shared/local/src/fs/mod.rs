//! Object storage in a directory, safe between threads and between processes.
//!
//! `{root}/{bucket}/` holds `objects/` (one file an object, bytes and metadata in one), `staging/` (unfinished writes),
//! `uploads/` (multipart uploads) and `locks/`. Only renames make a write visible. A missing bucket is an outage.

mod beneath;
mod bucket;
mod encoding;
mod failure;
mod list;
mod multipart;
mod read;
mod sealed;
mod staged;
mod storage;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::Mode;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::UploadId;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

pub(crate) use self::bucket::Bucket;

/// Unfinished writes older than this belong to no process that still runs.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The backend `local`: buckets are directories beneath one root.
///
/// It keeps the promises of [`StorageBackend`](storage_core::ports::StorageBackend) and
/// [`MultipartBackend`](storage_core::ports::MultipartBackend) also between processes that share the root. Known
/// differences to S3: there are no versions, and parts may be smaller than 5 MiB.
///
/// A bucket that does not exist, or a root that was removed, is `StorageUnavailable`: an outage never looks like a
/// missing object. What somebody planted in the place of a file (a link, a pipe, a device, a directory) is `NotFound`
/// and never opened, and nothing outside the root is ever reached. Hard links cannot be told from files: whoever can
/// plant them can write the root anyway, so files are created 0600 and directories 0700.
#[derive(Clone, Debug)]
pub struct LocalBackend {
    root: Arc<Dir>,
}

/// A multipart upload that was started and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUpload {
    /// Its id.
    pub upload: UploadId,
    /// The key it is for.
    pub key: StorageKey,
    /// When it was started.
    pub started: Timestamp,
}

impl LocalBackend {
    /// Opens the root, making it where it is missing, and removes unfinished writes older than a day.
    ///
    /// The root itself may be a symbolic link. `StorageUnavailable` where it cannot be opened.
    pub fn open(root: &Path) -> Result<Self> {
        let failed = |cause| failure::io("open storage root", cause);
        if let Some(parent) = root.parent() {
            Dir::create_ambient_dir_all(parent, ambient_authority()).map_err(failed)?;
        }
        match rustix::fs::mkdir(root, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?;
        // The handle above only finds names; one that reads can also be made durable.
        let dir = beneath::open_dir(&dir, ".")?
            .ok_or_else(|| Error::new(ErrorKind::StorageUnavailable, "the storage root is gone"))?;
        let backend = LocalBackend { root: Arc::new(dir) };
        for (name, _) in bucket::all(&backend.root)? {
            Bucket::open(&backend.root, &name)?.remove_stale(STALE)?;
        }
        Ok(backend)
    }

    /// Makes a bucket; one that exists stays as it is.
    pub async fn create_bucket(&self, bucket: &BucketName) -> Result<()> {
        let (root, bucket) = (self.root.clone(), bucket.clone());
        blocking(move || Bucket::create(&root, &bucket)).await
    }

    /// All buckets by name, each with the time it was made.
    pub async fn buckets(&self) -> Result<Vec<(BucketName, Timestamp)>> {
        let root = self.root.clone();
        blocking(move || bucket::all(&root)).await
    }

    /// Whether there is a bucket with this name.
    pub(crate) async fn has_bucket(&self, bucket: &BucketName) -> Result<bool> {
        let (root, bucket) = (self.root.clone(), bucket.clone());
        blocking(move || Ok(Bucket::find(&root, &bucket)?.is_some())).await
    }

    /// Runs blocking work on a bucket; `StorageUnavailable` where there is no such bucket.
    pub(crate) async fn on<T: Send + 'static>(
        &self,
        bucket: &BucketName,
        work: impl FnOnce(&Bucket) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, bucket) = (self.root.clone(), bucket.clone());
        blocking(move || work(&Bucket::open(&root, &bucket)?)).await
    }
}

/// Runs blocking work beside the async runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|cause| Error::new(ErrorKind::Internal, "file system task").with_cause(cause))?
}
