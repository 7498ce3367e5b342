//! The port to storage over a directory.

use std::fs::File;

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ids::BucketName;
use storage_core::ports::{
    Body, CopyRequest, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead, ObjectRef, PutOptions,
    StorageBackend, Stored,
};

use super::sealed::Headers;
use super::staged::Staged;
use super::{LocalBackend, list, read};

#[async_trait]
impl StorageBackend for LocalBackend {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn put(&self, object: &ObjectRef, body: Body, options: PutOptions) -> Result<Stored> {
        let headers = Headers::of(&options)?;
        let staged = self.on(&object.bucket, |bucket| bucket.stage()).await?.fill(body).await?;
        let key = object.key.clone();
        self.on(&object.bucket, move |bucket| {
            let etag = staged.etag();
            bucket.commit(staged, &key, etag, headers, &options.condition)
        })
        .await
    }

    async fn get(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead> {
        let key = object.key.clone();
        self.on(&object.bucket, move |bucket| read::open(bucket, &key, &options)).await
    }

    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        let key = object.key.clone();
        self.on(&object.bucket, move |bucket| Ok(read::existing(bucket, &key, None)?.1.into_meta())).await
    }

    async fn delete(&self, object: &ObjectRef) -> Result<()> {
        let key = object.key.clone();
        self.on(&object.bucket, move |bucket| bucket.delete(&key)).await
    }

    async fn list(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage> {
        self.list_after(bucket, request, None).await
    }

    async fn copy(&self, request: CopyRequest) -> Result<Stored> {
        let CopyRequest { source, destination, source_etag, options } = request;
        let headers = Headers::of(&options)?;
        // The open file stays the same write whatever happens to the key, so its tag and its bytes belong together.
        let (file, size) = self
            .on(&source.bucket, move |bucket| {
                let (file, found) = read::existing(bucket, &source.key, source_etag.as_ref())?;
                Ok((file, found.size))
            })
            .await?;
        self.on(&destination.bucket, move |bucket| {
            let mut staged = bucket.stage()?;
            append(&mut staged, &file, 0, size)?;
            let etag = staged.etag();
            bucket.commit(staged, &destination.key, etag, headers, &options.condition)
        })
        .await
    }

    async fn check(&self, bucket: &BucketName) -> Result<()> {
        self.on(bucket, |bucket| bucket.staging().map(|_| ())).await
    }
}

impl LocalBackend {
    /// One page of a listing that starts behind `after`.
    pub(crate) async fn list_after(
        &self,
        bucket: &BucketName,
        request: ListRequest,
        after: Option<String>,
    ) -> Result<ListPage> {
        let name = bucket.clone();
        self.on(bucket, move |bucket| list::page(bucket, &name, &request, after)).await
    }
}

/// Appends a part of a file, a chunk at a time.
pub(super) fn append(staged: &mut Staged, file: &File, start: u64, length: u64) -> Result<()> {
    let end = start + length;
    let mut at = start;
    while at < end {
        let chunk = read::read_at(file, at, read::CHUNK.min(end - at))?;
        staged.write(&chunk)?;
        at += chunk.len() as u64;
    }
    Ok(())
}
