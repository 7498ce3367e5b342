//! Copies of objects above 5 GiB, which S3 only makes part by part.
//!
//! Every part names the source's tag, so all of them are of one write. The destination appears at the end, in one step and
//! under its condition.

use futures_util::{StreamExt, TryStreamExt, stream};
use storage_core::ports::{
    CopyRequest, ETag, MultipartBackend, ObjectMeta, PutOptions, Stored, UploadId, WriteCondition,
};
use storage_core::{Error, ErrorKind, Result};

use super::S3Backend;

/// The size of a part; larger only where there would be more than 10,000 of them.
const PART: u64 = 512 * 1024 * 1024;
/// The most parts of an upload.
const MOST_PARTS: u64 = 10_000;
/// How many parts are copied at the same time.
const AT_ONCE: usize = 4;

/// The first and the last byte of every part.
fn ranges(size: u64) -> impl Iterator<Item = (u64, u64)> {
    let part = PART.max(size.div_ceil(MOST_PARTS));
    (0..size.div_ceil(part)).map(move |index| (index * part, ((index + 1) * part).min(size) - 1))
}

impl S3Backend {
    /// Copies `source`, as it was seen, to the destination of `request`.
    pub(super) async fn copy_in_parts(&self, request: &CopyRequest, source: &ObjectMeta) -> Result<Stored> {
        if request.source_etag.as_ref().is_some_and(|etag| *etag != source.etag) {
            return Err(Error::new(ErrorKind::PreconditionFailed, "a copy of another tag"));
        }
        let options = PutOptions { condition: WriteCondition::None, ..request.options.clone() };
        let upload = self.create(&request.destination, options).await?;
        let copied = self.copy_parts(request, source, &upload).await;
        if copied.is_err() && self.abort(&request.destination, &upload).await.is_err() {
            // The lifecycle rule of the bucket removes what is left.
            tracing::warn!("the parts of a failed copy could not be removed");
        }
        copied
    }

    async fn copy_parts(
        &self,
        request: &CopyRequest,
        source: &ObjectMeta,
        upload: &UploadId,
    ) -> Result<Stored> {
        let parts: Vec<(u16, ETag)> = stream::iter((1_u16..).zip(ranges(source.size)))
            .map(|(number, range)| async move {
                let from = (&request.source, &source.etag);
                let part = self.copy_part(&request.destination, upload, number, from, range).await?;
                Ok::<_, Error>((part.number, part.etag))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        self.complete_if(&request.destination, upload, &parts, &request.options.condition).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_byte_once() {
        const GIB: u64 = 1024 * 1024 * 1024;
        // The last one is the largest object there is: 10,000 parts of 5 GiB.
        for size in [1, PART - 1, PART, PART + 1, 5 * 1024 * PART, 50_000 * GIB] {
            let mut next = 0;
            let mut count = 0;
            for (first, last) in ranges(size) {
                assert_eq!(first, next);
                assert!(last >= first && last - first < 5 * GIB);
                next = last + 1;
                count += 1;
            }
            assert_eq!(next, size);
            assert!(count <= MOST_PARTS);
        }
    }
}
