//! The reference model of object storage.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, CopyRequest, ETag, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead, ObjectRef,
    PutOptions, StorageBackend, Stored, SystemClock, WriteCondition,
};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::checksum::crc64nvme;
use super::cursor;
use super::multipart::Upload;

/// The bytes of one chunk of a read: small, so that readers of whole objects see several.
const CHUNK: usize = 64 * 1024;

/// An object store in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryBackend {
    state: Arc<Mutex<State>>,
    available: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
pub(super) struct State {
    buckets: BTreeMap<BucketName, BTreeMap<StorageKey, Object>>,
    pub(super) uploads: BTreeMap<String, Upload>,
    checksums: bool,
    /// Every version of every object, where versions are kept.
    versions: Option<BTreeMap<(BucketName, StorageKey, String), Object>>,
    weak_tags: bool,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    meta: ObjectMeta,
}

impl MemoryBackend {
    /// A store with these buckets and the machine's clock.
    pub fn new(buckets: &[&BucketName]) -> Self {
        Self::with_clock(buckets, Arc::new(SystemClock))
    }

    /// A store with these buckets whose objects are dated by `clock`.
    pub fn with_clock(buckets: &[&BucketName], clock: Arc<dyn Clock>) -> Self {
        let buckets = buckets.iter().map(|&name| (name.clone(), BTreeMap::new())).collect();
        let state = State { buckets, ..State::default() };
        MemoryBackend {
            state: Arc::new(Mutex::new(state)),
            available: Arc::new(AtomicBool::new(true)),
            clock,
        }
    }

    /// Adds an empty bucket, if it is not there yet.
    pub fn add_bucket(&self, bucket: &BucketName) {
        self.lock().buckets.entry(bucket.clone()).or_default();
    }

    /// Ends or restores service: without it every call answers `StorageUnavailable`.
    pub fn set_available(&self, available: bool) {
        self.available.store(available, Ordering::SeqCst);
    }

    /// From now on every write computes a checksum of the whole object, as S3 does.
    pub fn tell_checksums(&self) {
        self.lock().checksums = true;
    }

    /// From now on every write is a version of its own, which can be read after it was replaced.
    pub fn keep_versions(&self) {
        self.lock().versions.get_or_insert_default();
    }

    /// From now on all objects of one size have one tag, as those of somebody who knows how to make them.
    pub fn weaken_tags(&self) {
        self.lock().weak_tags = true;
    }

    /// Every object as `bucket/key`, in order: for snapshots after an action.
    pub fn keys(&self) -> Vec<String> {
        let state = self.lock();
        let named =
            state.buckets.iter().flat_map(|(bucket, objects)| objects.keys().map(move |key| (bucket, key)));
        named.map(|(bucket, key)| format!("{bucket}/{key}")).collect()
    }

    /// The bytes of an object, if it is there.
    pub fn bytes(&self, object: &ObjectRef) -> Option<Bytes> {
        self.lock().buckets.get(&object.bucket)?.get(&object.key).map(|found| found.bytes.clone())
    }

    /// How many multipart uploads are neither completed nor aborted.
    pub fn open_upload_count(&self) -> usize {
        self.lock().uploads.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The state, or `StorageUnavailable`.
    pub(super) fn state(&self) -> Result<MutexGuard<'_, State>> {
        if self.available.load(Ordering::SeqCst) {
            Ok(self.lock())
        } else {
            Err(Error::new(ErrorKind::StorageUnavailable, "the model is switched off"))
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl State {
    /// The objects of a bucket; `StorageUnavailable` where there is no such bucket.
    fn bucket(&mut self, bucket: &BucketName) -> Result<&mut BTreeMap<StorageKey, Object>> {
        let missing = || Error::new(ErrorKind::StorageUnavailable, format!("no bucket {bucket}"));
        self.buckets.get_mut(bucket).ok_or_else(missing)
    }

    fn object(&mut self, object: &ObjectRef) -> Result<&Object> {
        let missing = || Error::new(ErrorKind::NotFound, format!("no object {}", object.key));
        if let (true, Some(version)) = (self.versions.is_some(), &object.version_id) {
            let name = (object.bucket.clone(), object.key.clone(), version.clone());
            return self.versions.as_ref().and_then(|versions| versions.get(&name)).ok_or_else(missing);
        }
        self.bucket(&object.bucket)?.get(&object.key).ok_or_else(missing)
    }

    /// Whether the bucket of a write is there.
    pub(super) fn require_bucket(&mut self, bucket: &BucketName) -> Result<()> {
        self.bucket(bucket).map(|_| ())
    }

    /// Writes an object where the condition holds.
    pub(super) fn write(
        &mut self,
        object: &ObjectRef,
        bytes: Bytes,
        etag: ETag,
        options: PutOptions,
        now: Timestamp,
    ) -> Result<Stored> {
        let checksum_crc64nvme = self.checksums.then(|| crc64nvme(&bytes));
        let etag = if self.weak_tags { ETag::new(&format!("weak-{}", bytes.len())) } else { etag };
        let version_id = self.versions.as_ref().map(|versions| format!("v{}", versions.len() + 1));
        let objects = self.bucket(&object.bucket)?;
        let holds = match (&options.condition, objects.get(&object.key)) {
            (WriteCondition::None, _) | (WriteCondition::CreateOnly, None) => true,
            (WriteCondition::CreateOnly, Some(_)) | (WriteCondition::IfMatch(_), None) => false,
            (WriteCondition::IfMatch(tag), Some(found)) => found.meta.etag == *tag,
        };
        if !holds {
            return Err(Error::new(ErrorKind::PreconditionFailed, format!("write of {}", object.key)));
        }
        let meta = ObjectMeta {
            key: object.key.clone(),
            size: bytes.len() as u64,
            etag: etag.clone(),
            last_modified: now,
            content_type: Some(options.content_type.unwrap_or_else(|| "application/octet-stream".to_owned())),
            cache_control: options.cache_control,
            content_disposition: options.content_disposition,
            metadata: options.metadata,
            version_id: version_id.clone(),
            checksum_crc64nvme: checksum_crc64nvme.clone(),
        };
        let written = Object { bytes, meta };
        objects.insert(object.key.clone(), written.clone());
        if let (Some(versions), Some(version)) = (&mut self.versions, &version_id) {
            versions.insert((object.bucket.clone(), object.key.clone(), version.clone()), written);
        }
        Ok(Stored { etag, version_id, checksum_crc64nvme })
    }
}

/// The fingerprint of bytes.
pub(super) fn tag(bytes: &[u8]) -> ETag {
    ETag::new(&hex::encode(&Sha256::digest(bytes)[..16]))
}

/// All bytes of a body; `SizeMismatch` where there are more or fewer than it declares.
pub(super) async fn collect(body: Body) -> Result<Bytes> {
    let length = body.len();
    let mut stream = body.into_stream();
    let mut collected = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        collected.extend_from_slice(&chunk?);
        if collected.len() as u64 > length {
            return Err(Error::new(ErrorKind::SizeMismatch, "the stream goes on beyond its length"));
        }
    }
    if (collected.len() as u64) < length {
        return Err(Error::new(ErrorKind::SizeMismatch, "the stream ends early"));
    }
    Ok(collected.freeze())
}

#[async_trait]
impl StorageBackend for MemoryBackend {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn put(&self, object: &ObjectRef, body: Body, options: PutOptions) -> Result<Stored> {
        self.state()?.require_bucket(&object.bucket)?;
        let bytes = collect(body).await?;
        let etag = tag(&bytes);
        let now = self.now();
        self.state()?.write(object, bytes, etag, options, now)
    }

    async fn get(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead> {
        let found = self.state()?.object(object)?.clone();
        if options.if_match.is_some_and(|tag| tag != found.meta.etag) {
            return Err(Error::new(ErrorKind::PreconditionFailed, format!("read of {}", object.key)));
        }
        let (start, length) = match options.range {
            Some(range) => range.resolve(found.meta.size)?,
            None => (0, found.meta.size),
        };
        let first = usize::try_from(start).unwrap();
        let mut rest = found.bytes.slice(first..first + usize::try_from(length).unwrap());
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            chunks.push(Ok(rest.split_to(rest.len().min(CHUNK))));
        }
        Ok(ObjectRead { meta: found.meta, start, length, body: Box::pin(stream::iter(chunks)) })
    }

    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        Ok(self.state()?.object(object)?.meta.clone())
    }

    async fn delete(&self, object: &ObjectRef) -> Result<()> {
        self.state()?.bucket(&object.bucket)?.remove(&object.key);
        Ok(())
    }

    async fn list(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage> {
        let delimiter = request.delimiter.map(String::from).unwrap_or_default();
        let listing = [bucket.as_str(), &request.prefix, &delimiter];
        let after = request.cursor.as_deref().map(|text| cursor::open(&listing, text)).transpose()?;
        let mut state = self.state()?;
        let mut page = ListPage::default();
        let mut last = String::new();
        for object in state.bucket(bucket)?.values() {
            let key = object.meta.key.as_str();
            let Some(rest) = key.strip_prefix(&request.prefix) else { continue };
            let end =
                request.delimiter.and_then(|character| Some(rest.find(character)? + character.len_utf8()));
            let entry = end.map_or(key, |end| &key[..request.prefix.len() + end]);
            let listed = after.as_deref().is_some_and(|after| entry <= after) || entry == last;
            if listed {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == request.limit {
                page.next = Some(cursor::seal(&listing, &last));
                break;
            }
            last = entry.to_owned();
            match end {
                Some(_) => page.prefixes.push(entry.to_owned()),
                None => page.objects.push(bare(&object.meta)),
            }
        }
        Ok(page)
    }

    async fn copy(&self, request: CopyRequest) -> Result<Stored> {
        let mut state = self.state()?;
        let source = state.object(&request.source)?.clone();
        if request.source_etag.is_some_and(|tag| tag != source.meta.etag) {
            return Err(Error::new(ErrorKind::PreconditionFailed, format!("copy of {}", request.source.key)));
        }
        // As on S3, a copy is written in one piece, whatever its source was put together from.
        let etag = tag(&source.bytes);
        state.write(&request.destination, source.bytes, etag, request.options, self.now())
    }

    async fn check(&self, bucket: &BucketName) -> Result<()> {
        self.state()?.require_bucket(bucket)
    }
}

/// What a listing tells of an object.
fn bare(meta: &ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        content_type: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        version_id: None,
        checksum_crc64nvme: None,
        ..meta.clone()
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryBackend").field("objects", &self.keys().len()).finish()
    }
}
