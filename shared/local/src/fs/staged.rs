//! A write that nobody can see yet: a file in `staging`, removed unless it is published.

use std::fs::File;
use std::io::{self, Write};

use bytes::Bytes;
use cap_std::fs::Dir;
use futures_util::StreamExt;
use md5::{Digest, Md5};
use storage_core::ports::{Body, ETag};
use storage_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::{beneath, blocking, failure};

/// How much of a stream is held in memory before it is written.
const BATCH: usize = 256 * 1024;

/// An unfinished write.
#[derive(Debug)]
pub(super) struct Staged {
    staging: Dir,
    name: String,
    file: File,
    digest: Md5,
    written: u64,
    published: bool,
}

impl Staged {
    pub(super) fn create(staging: Dir) -> Result<Self> {
        let name = Uuid::new_v4().simple().to_string();
        let file = beneath::create_file(&staging, &name)?;
        Ok(Staged { staging, name, file, digest: Md5::new(), written: 0, published: false })
    }

    /// Writes the body in batches beside the async runtime; `SizeMismatch` where it is shorter or longer than declared.
    pub(super) async fn fill(mut self, body: Body) -> Result<Self> {
        let length = body.len();
        let mismatch = || Error::new(ErrorKind::SizeMismatch, "body of another length than declared");
        let mut stream = body.into_stream().fuse();
        let mut received = 0_u64;
        loop {
            let (mut batch, mut batched) = (Vec::new(), 0);
            while batched < BATCH {
                let Some(chunk) = stream.next().await.transpose()? else { break };
                received = received.saturating_add(chunk.len() as u64);
                if received > length {
                    return Err(mismatch());
                }
                batched += chunk.len();
                batch.push(chunk);
            }
            if batch.is_empty() {
                break;
            }
            self = blocking(move || self.write_all(batch)).await?;
        }
        if received == length { Ok(self) } else { Err(mismatch()) }
    }

    fn write_all(mut self, batch: Vec<Bytes>) -> Result<Self> {
        for chunk in batch {
            self.write(&chunk)?;
        }
        Ok(self)
    }

    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.file.write_all(chunk).map_err(|cause| failure::io("write object", cause))?;
        self.digest.update(chunk);
        self.written += chunk.len() as u64;
        Ok(())
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The MD5 of the bytes so far, as S3 tags what was written in one piece.
    pub(super) fn etag(&self) -> ETag {
        ETag::new(&hex::encode(self.digest.clone().finalize()))
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its final place, replacing what is there. `NotFound` where the directory was removed meanwhile.
    pub(super) fn publish(&mut self, dir: &Dir, name: &str) -> io::Result<()> {
        self.staging.rename(&self.name, dir, name)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed as stale later.
            let _ = self.staging.remove_file(&self.name);
        }
    }
}
