//! The port to object storage.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::BucketName;
use crate::key::StorageKey;
use crate::ports::MultipartBackend;
use crate::timestamp::Timestamp;

/// A stream of an object's bytes. An error ends it.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: StorageKey,
    /// One version of it, for reads and as the source of copies; `None` for whatever lies there. Backends without
    /// versions pass it over.
    pub version_id: Option<String>,
}

impl ObjectRef {
    /// The object `key` in `bucket`.
    pub fn new(bucket: BucketName, key: StorageKey) -> Self {
        ObjectRef { bucket, key, version_id: None }
    }

    /// Exactly this version of it, where the storage keeps versions. A tag is not enough for that: on S3 it is often an
    /// MD5, and whoever makes both objects can make two with one.
    #[must_use]
    pub fn at(self, version_id: Option<String>) -> Self {
        ObjectRef { version_id, ..self }
    }
}

/// A backend's fingerprint of an object's content, without quotes. Equal tags of one key mean equal bytes; nothing
/// else follows from it (it is an MD5 only sometimes).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ETag(String);

impl ETag {
    /// From a header or a listing, with or without quotes.
    pub fn new(text: &str) -> Self {
        ETag(text.trim_matches('"').to_owned())
    }

    /// Without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With quotes, as in a header.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ETag({})", self.0)
    }
}

/// The bytes of a write, whose length is always known beforehand.
pub enum Body {
    /// All of them.
    Bytes(Bytes),
    /// A stream of exactly `length` bytes.
    Stream {
        /// The length in bytes.
        length: u64,
        /// The bytes.
        stream: BodyStream,
    },
}

impl Body {
    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Stream { length, .. } => *length,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes as a stream.
    pub fn into_stream(self) -> BodyStream {
        match self {
            Body::Bytes(bytes) => Box::pin(futures_util::stream::once(async move { Ok(bytes) })),
            Body::Stream { stream, .. } => stream,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body::Bytes(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Body({} bytes)", self.len())
    }
}

/// Object storage that also takes uploads in parts, as every backend here does.
pub trait ObjectStore: StorageBackend + MultipartBackend {}

impl<T: StorageBackend + MultipartBackend + ?Sized> ObjectStore for T {}

/// What must hold of the destination for a write to happen. The check and the write are one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriteCondition {
    /// Nothing: the last writer wins.
    #[default]
    None,
    /// There is no object.
    CreateOnly,
    /// The object has this tag.
    IfMatch(ETag),
}

/// What is stored beside the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// `Content-Type`; backends answer `application/octet-stream` where it is absent.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// User metadata: lower-case ASCII names, values of any text, 2 KB in all.
    pub metadata: BTreeMap<String, String>,
    /// What must hold of the destination.
    pub condition: WriteCondition,
}

/// What a successful write left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The tag of what was written.
    pub etag: ETag,
    /// Its version, on versioned buckets.
    pub version_id: Option<String>,
    /// The checksum the storage computed of the whole object (CRC-64/NVME, base64), where it does.
    pub checksum_crc64nvme: Option<String>,
}

/// A range as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// From `start` to the end.
    From(u64),
    /// From `start` to `end`, both included; an end beyond the object means its end.
    Inclusive(u64, u64),
    /// The last bytes; more than there are means all.
    Suffix(u64),
}

impl RangeRequest {
    /// The first byte and the length in an object of `size` bytes; `InvalidRange` where nothing is left.
    pub fn resolve(self, size: u64) -> Result<(u64, u64)> {
        let (start, end) = match self {
            RangeRequest::From(start) => (start, size),
            RangeRequest::Inclusive(start, end) if start <= end => (start, end.saturating_add(1).min(size)),
            RangeRequest::Inclusive(..) => (size, size),
            RangeRequest::Suffix(length) => (size - length.min(size), size),
        };
        if start < end {
            Ok((start, end - start))
        } else {
            Err(Error::new(ErrorKind::InvalidRange, "range")
                .with_details(serde_json::json!({ "size": size })))
        }
    }
}

/// How to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// One range; the whole object where it is absent.
    pub range: Option<RangeRequest>,
    /// Read only the object with this tag.
    pub if_match: Option<ETag>,
}

/// What is known of a stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key.
    pub key: StorageKey,
    /// The size of the whole object in bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// When it was written.
    pub last_modified: Timestamp,
    /// `Content-Type`. Listings leave it, and what follows, empty.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// The version, on versioned buckets.
    pub version_id: Option<String>,
    /// The checksum the storage computed of the whole object (CRC-64/NVME, base64), where it does.
    pub checksum_crc64nvme: Option<String>,
}

/// An object being read.
pub struct ObjectRead {
    /// What is known of the whole object.
    pub meta: ObjectMeta,
    /// The first byte of `body` in the object.
    pub start: u64,
    /// How many bytes `body` gives.
    pub length: u64,
    /// The bytes.
    pub body: BodyStream,
}

impl ObjectRead {
    /// All bytes at once; `PayloadTooLarge` where there are more than `limit`.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes> {
        let too_large = || Error::new(ErrorKind::PayloadTooLarge, "object above the limit of this read");
        if self.length > limit {
            return Err(too_large());
        }
        let mut collected = BytesMut::with_capacity(usize::try_from(self.length).unwrap_or(0));
        while let Some(chunk) = self.body.next().await {
            collected.extend_from_slice(&chunk?);
            if collected.len() as u64 > limit {
                return Err(too_large());
            }
        }
        Ok(collected.freeze())
    }
}

impl fmt::Debug for ObjectRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ObjectRead").field("meta", &self.meta).field("length", &self.length).finish()
    }
}

/// Which part of a bucket to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that start with this text, taken literally. It need not end at a slash.
    pub prefix: String,
    /// Keys with this character behind the prefix are folded into one common prefix each.
    pub delimiter: Option<char>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// The most objects and common prefixes of a page, 1 to 1,000.
    pub limit: usize,
}

impl ListRequest {
    /// Everything under `prefix`, 1,000 a page.
    pub fn under(prefix: impl Into<String>) -> Self {
        ListRequest { prefix: prefix.into(), delimiter: None, cursor: None, limit: 1000 }
    }
}

/// One page of a listing, in the byte order of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects.
    pub objects: Vec<ObjectMeta>,
    /// The common prefixes, each ending in the delimiter.
    pub prefixes: Vec<String>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<String>,
}

/// A copy inside the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRequest {
    /// The source.
    pub source: ObjectRef,
    /// The destination.
    pub destination: ObjectRef,
    /// Copy only the source with this tag, whose check and copy are one step.
    pub source_etag: Option<ETag>,
    /// What the destination gets: it replaces the source's headers and metadata. `condition` is of the destination.
    pub options: PutOptions,
}

/// Object storage, as S3 has it.
///
/// Promises of every backend, each with a case in the conformance suite of `storage-testkit`:
/// - **Keys are opaque.** `a` and `a/b`, `A` and `a`, NFC and NFD forms are different objects and can all exist.
/// - **Writes are atomic and durable.** A reader sees the old object or the new one, never a mix; an acknowledged write
///   survives a crash of the process. A failed write leaves what was there.
/// - **Read after write.** After an acknowledged write or delete every read and listing sees it.
/// - **Conditions are checked in the same step as the write**: of many racing `CreateOnly` writes exactly one wins, the
///   others get `PreconditionFailed`.
/// - **Missing is `NotFound`** for `get`, `head` and the source of `copy`; `false` for `exists`; success for `delete`.
///   No other failure looks like missing: an outage is `StorageUnavailable`.
/// - **Bytes and metadata come back as written**: content type, cache control, disposition, user metadata.
///
/// Known differences, which the suite takes as parameters: S3 assembles tags of multipart objects differently; only
/// versioned buckets have versions; some servers ignore conditions on copies.
#[async_trait]
pub trait StorageBackend: Send + Sync + fmt::Debug {
    /// The word for this backend in records: `s3` or `local`.
    fn name(&self) -> &'static str;

    /// Writes an object.
    ///
    /// `PreconditionFailed` where the condition does not hold; `SizeMismatch` where the stream ends early or goes on
    /// beyond its length, and nothing is stored then.
    async fn put(&self, object: &ObjectRef, body: Body, options: PutOptions) -> Result<Stored>;

    /// Reads an object, or one range of it, without holding more than a few chunks in memory.
    ///
    /// `NotFound`; `InvalidRange` for a range that starts beyond the end (any range of an empty object does);
    /// `PreconditionFailed` where `if_match` names another tag. All bytes of one read belong to one write.
    async fn get(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead>;

    /// What is known of an object; `NotFound`.
    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta>;

    /// Whether there is an object. Only "not found" is `false`.
    async fn exists(&self, object: &ObjectRef) -> Result<bool> {
        match self.head(object).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes an object. A missing object is success, as often as it is asked.
    async fn delete(&self, object: &ObjectRef) -> Result<()>;

    /// One page of a bucket, in byte order; `InvalidCursor` for a cursor that is not one of this listing.
    async fn list(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage>;

    /// Copies inside the backend, without the bytes passing through the caller.
    ///
    /// `NotFound` where there is no source; `PreconditionFailed` where `source_etag` names another tag or the
    /// destination's condition does not hold.
    async fn copy(&self, request: CopyRequest) -> Result<Stored>;

    /// Whether the bucket answers; `StorageUnavailable` where it does not.
    async fn check(&self, bucket: &BucketName) -> Result<()>;
}
