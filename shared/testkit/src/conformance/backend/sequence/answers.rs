//! What the answers of a backend and of the model have in common.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use storage_core::Result;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{GetOptions, ListRequest, ObjectMeta, ObjectRef, StorageBackend};

/// Both answers, real and expected, where they differ.
pub(super) type Compared = std::result::Result<(), (String, String)>;

/// An operation, and how its answers compare.
pub(super) type Played = (String, Compared);

/// Values must be equal, and errors of one kind.
pub(super) fn compare<T: PartialEq + Debug>(real: Result<T>, model: Result<T>) -> Compared {
    match (&real, &model) {
        (Ok(real), Ok(model)) if real == model => Ok(()),
        (Err(real), Err(model)) if real.kind() == model.kind() => Ok(()),
        _ => Err((format!("{real:?}"), format!("{model:?}"))),
    }
}

/// Key, size in bytes, content type and metadata.
pub(super) type Facts = (StorageKey, u64, Option<String>, BTreeMap<String, String>);

/// What both sides must agree on.
pub(super) fn facts(meta: ObjectMeta) -> Facts {
    (meta.key, meta.size, meta.content_type, meta.metadata)
}

/// The first byte of a read, its bytes and its facts.
pub(super) async fn read(
    backend: &dyn StorageBackend,
    object: &ObjectRef,
    options: GetOptions,
) -> Result<(u64, Bytes, Facts)> {
    let read = backend.get(object, options).await?;
    let (start, facts) = (read.start, facts(read.meta.clone()));
    Ok((start, read.collect(1_000_000).await?, facts))
}

/// All pages of a listing: objects with their sizes, and common prefixes.
pub(super) async fn entries(
    backend: &dyn StorageBackend,
    bucket: &BucketName,
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
