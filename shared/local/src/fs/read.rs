//! Reading objects: one open file a read, so that all bytes and the description belong to one write.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use storage_core::key::StorageKey;
use storage_core::ports::{BodyStream, ETag, GetOptions, ObjectRead};
use storage_core::{Error, ErrorKind, Result};

use super::bucket::Bucket;
use super::encoding::Location;
use super::sealed::{self, Description};
use super::{beneath, blocking, failure};

/// How many bytes one step of a stream reads.
pub(super) const CHUNK: u64 = 256 * 1024;

/// The open file and the description of an object; `None` where there is no object.
pub(super) fn find(bucket: &Bucket, key: &StorageKey) -> Result<Option<(File, Description)>> {
    let location = Location::of(key);
    let Some(parent) = beneath::open_path(&bucket.objects, &location.directories)? else { return Ok(None) };
    let Some(file) = beneath::open_file(&parent, &location.file)? else { return Ok(None) };
    let description = sealed::describe(&file)?;
    if description.key == *key {
        Ok(Some((file, description)))
    } else {
        Err(Error::new(ErrorKind::Internal, "an object has the description of another key"))
    }
}

/// The same; `NotFound` where there is no object, `PreconditionFailed` where it has another tag than `if_match`.
pub(super) fn existing(
    bucket: &Bucket,
    key: &StorageKey,
    if_match: Option<&ETag>,
) -> Result<(File, Description)> {
    let (file, description) = find(bucket, key)?.ok_or_else(|| Error::new(ErrorKind::NotFound, "object"))?;
    if if_match.is_some_and(|etag| *etag != description.etag) {
        return Err(Error::new(ErrorKind::PreconditionFailed, "object has another tag"));
    }
    Ok((file, description))
}

/// Opens an object for a read.
pub(super) fn open(bucket: &Bucket, key: &StorageKey, options: &GetOptions) -> Result<ObjectRead> {
    let (file, description) = existing(bucket, key, options.if_match.as_ref())?;
    let (start, length) = match options.range {
        Some(range) => range.resolve(description.size)?,
        None => (0, description.size),
    };
    Ok(ObjectRead { meta: description.into_meta(), start, length, body: stream(file, start, length) })
}

/// A part of a file, read as it is asked for.
fn stream(file: File, start: u64, length: u64) -> BodyStream {
    let state = (Arc::new(file), start, length);
    Box::pin(futures_util::stream::try_unfold(state, |(file, start, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let take = left.min(CHUNK);
        let reader = file.clone();
        let chunk = blocking(move || read_at(&reader, start, take)).await?;
        Ok(Some((chunk, (file, start + take, left - take))))
    }))
}

pub(super) fn read_at(file: &File, start: u64, length: u64) -> Result<Bytes> {
    let mut chunk = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut chunk, start).map_err(|cause| failure::io("read object", cause))?;
    Ok(chunk.into())
}
