//! A backend that keeps every promise but one.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, CopyRequest, ETag, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead, ObjectRef,
    PutOptions, RangeRequest, StorageBackend, Stored, WriteCondition,
};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use storage_testkit::memory::MemoryBackend;

use crate::faults::Fault;

/// Decomposed and compatible forms with what they are composed to.
const COMPOSED: [(&str, &str); 3] = [("e\u{301}", "\u{e9}"), ("A\u{30a}", "\u{c5}"), ("\u{212b}", "\u{c5}")];

/// The reference model with one fault.
#[derive(Debug)]
pub(crate) struct Broken {
    inner: MemoryBackend,
    fault: Fault,
    /// What was there before the last overwrite of each object, until somebody reads it.
    older: MemoryBackend,
    /// The key that was written last.
    last_written: Mutex<Option<StorageKey>>,
    /// The last object of the last page that was not the last one.
    last_listed: Mutex<Option<ObjectMeta>>,
}

impl Broken {
    pub(crate) fn new(inner: MemoryBackend, fault: Fault, buckets: &[&BucketName]) -> Self {
        let older = MemoryBackend::new(buckets);
        Broken { inner, fault, older, last_written: Mutex::default(), last_listed: Mutex::default() }
    }

    /// Where an object is kept.
    fn place(&self, object: &ObjectRef) -> ObjectRef {
        let (mut bucket, key) = (object.bucket.clone(), object.key.as_str());
        let key = match self.fault {
            Fault::FoldsCase => key.to_lowercase(),
            Fault::NormalisesNames => {
                COMPOSED.iter().fold(key.to_owned(), |key, (form, composed)| key.replace(form, composed))
            }
            Fault::DecodesPercents => key.replace("%41", "A"),
            Fault::CutsLongKeys => {
                let end = (0..=key.len().min(1000)).rev().find(|&end| key.is_char_boundary(end)).unwrap();
                key[..end].trim_end_matches('/').to_owned()
            }
            _ => key.to_owned(),
        };
        if self.fault == Fault::MixesBuckets && bucket.as_str() == "conformance-other" {
            bucket = BucketName::parse("conformance-one").unwrap();
        }
        ObjectRef::new(bucket, StorageKey::parse(&key).unwrap())
    }

    fn tagged(&self, etag: ETag) -> ETag {
        if self.fault == Fault::ConstantTags { ETag::new("constant") } else { etag }
    }

    fn stored(&self, stored: Stored) -> Stored {
        Stored { etag: self.tagged(stored.etag), ..stored }
    }

    fn hidden(&self, error: Error) -> Error {
        match self.fault {
            Fault::OutageLooksMissing => Error::new(ErrorKind::NotFound, "hidden"),
            _ => error,
        }
    }

    /// `NotFound` where an object with a part of this key hides it.
    async fn look_above(&self, object: &ObjectRef) -> Result<()> {
        if self.fault == Fault::HidesWhatIsBelow {
            for (end, _) in object.key.as_str().match_indices('/') {
                let above = StorageKey::parse(&object.key.as_str()[..end])?;
                if self.inner.exists(&ObjectRef::new(object.bucket.clone(), above)).await? {
                    return Err(Error::new(ErrorKind::NotFound, "below an object"));
                }
            }
        }
        Ok(())
    }

    /// Keeps what an overwrite replaces.
    async fn remember(&self, object: &ObjectRef) -> Result<()> {
        if let Ok(read) = self.inner.get(object, GetOptions::default()).await {
            let options = options_of(&read.meta);
            self.older.put(object, read.collect(u64::MAX).await?.into(), options).await?;
        }
        Ok(())
    }

    /// Judges a condition in a step of its own.
    async fn judge_early(&self, object: &ObjectRef, condition: &mut WriteCondition) -> Result<()> {
        let found = self.inner.head(object).await.ok().map(|meta| meta.etag);
        let holds = match &*condition {
            WriteCondition::None => true,
            WriteCondition::CreateOnly => found.is_none(),
            WriteCondition::IfMatch(tag) => found.as_ref() == Some(tag),
        };
        if !holds {
            return Err(Error::new(ErrorKind::PreconditionFailed, "judged early"));
        }
        tokio::task::yield_now().await;
        *condition = WriteCondition::None;
        Ok(())
    }

    /// Makes a write visible in two steps.
    async fn put_in_steps(&self, object: &ObjectRef, body: Body, options: PutOptions) -> Result<Stored> {
        let all = received(body).await?;
        let (first, early) = match self.inner.head(object).await {
            Ok(old) if self.fault == Fault::WritesMetadataLater => (all.clone(), options_of(&old)),
            _ => (all.slice(..all.len() / 2), PutOptions::default()),
        };
        let early = PutOptions { condition: options.condition.clone(), ..early };
        self.inner.put(object, first.into(), early).await?;
        tokio::task::yield_now().await;
        let late = PutOptions { condition: WriteCondition::None, ..options };
        self.inner.put(object, all.into(), late).await
    }
}

/// Options that write what is there.
fn options_of(meta: &ObjectMeta) -> PutOptions {
    PutOptions {
        content_type: meta.content_type.clone(),
        cache_control: meta.cache_control.clone(),
        content_disposition: meta.content_disposition.clone(),
        metadata: meta.metadata.clone(),
        condition: WriteCondition::None,
    }
}

/// All bytes of a body, whatever it declares.
async fn received(body: Body) -> Result<Bytes> {
    let mut stream = body.into_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes.freeze())
}

#[async_trait]
impl StorageBackend for Broken {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn put(&self, object: &ObjectRef, mut body: Body, mut options: PutOptions) -> Result<Stored> {
        let object = &self.place(object);
        match (self.fault, &options.condition) {
            (Fault::LosesMetadata, _) => options.metadata.clear(),
            (Fault::LosesContentType, _) => options.content_type = None,
            (Fault::MergesMetadata, _) => {
                if let Ok(old) = self.inner.head(object).await {
                    options.metadata.extend(old.metadata);
                }
            }
            (Fault::WritesMetadataLater | Fault::WritesInPlace, _) => {
                return self.put_in_steps(object, body, options).await;
            }
            (Fault::PublishesEarly, _) if matches!(body, Body::Stream { .. }) => {
                self.inner.put(object, Bytes::new().into(), options.clone()).await?;
                options.condition = WriteCondition::None;
            }
            (Fault::StoresBrokenStreams, _) => {
                let whole = body.into_stream().take_while(|chunk| std::future::ready(chunk.is_ok()));
                let bytes: Vec<Bytes> =
                    whole.filter_map(|chunk| std::future::ready(chunk.ok())).collect().await;
                body = Bytes::from(bytes.concat()).into();
            }
            (Fault::LosesEmptyObjects, _) if body.is_empty() => {
                let stored = self.inner.put(object, body, options).await?;
                self.inner.delete(object).await?;
                return Ok(stored);
            }
            (Fault::RacyCreate, WriteCondition::CreateOnly)
            | (Fault::RacyUpdate, WriteCondition::IfMatch(_)) => {
                self.judge_early(object, &mut options.condition).await?;
            }
            (Fault::IgnoresCreateOnly, WriteCondition::CreateOnly)
            | (Fault::IgnoresIfMatch, WriteCondition::IfMatch(_)) => {
                options.condition = WriteCondition::None;
            }
            (Fault::StaleReads, _) => self.remember(object).await?,
            _ => {}
        }
        let stored = self.inner.put(object, body, options).await?;
        *self.last_written.lock().unwrap() = Some(object.key.clone());
        Ok(self.stored(stored))
    }

    async fn get(&self, object: &ObjectRef, mut options: GetOptions) -> Result<ObjectRead> {
        let object = &self.place(object);
        self.look_above(object).await?;
        match (self.fault, options.range) {
            (Fault::IgnoresReadTags, _) => options.if_match = None,
            (Fault::StaleReads, _) => {
                if let Ok(old) = self.older.get(object, options.clone()).await {
                    self.older.delete(object).await?;
                    return Ok(old);
                }
            }
            (Fault::OffByOneSuffix, Some(RangeRequest::Suffix(length))) => {
                options.range = Some(RangeRequest::Suffix(length.saturating_add(1)));
            }
            (Fault::TruncatesRanges, Some(range)) => {
                let (start, length) = range.resolve(self.inner.head(object).await?.size)?;
                if length > 1 {
                    options.range = Some(RangeRequest::Inclusive(start, start + length - 2));
                }
            }
            _ => {}
        }
        let mut read = match self.inner.get(object, options).await {
            Err(error)
                if self.fault == Fault::EmptyRangesBeyondTheEnd
                    && error.kind() == ErrorKind::InvalidRange =>
            {
                let meta = self.inner.head(object).await?;
                ObjectRead { start: meta.size, length: 0, body: Box::pin(stream::empty()), meta }
            }
            read => read.map_err(|error| self.hidden(error))?,
        };
        read.meta.etag = self.tagged(read.meta.etag);
        Ok(read)
    }

    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        let object = &self.place(object);
        self.look_above(object).await?;
        let mut meta = self.inner.head(object).await.map_err(|error| self.hidden(error))?;
        meta.etag = self.tagged(meta.etag);
        match self.fault {
            Fault::WrongHeadSize => meta.size += 1,
            Fault::ForgetsTheTime => meta.last_modified = Timestamp::from_millis(0),
            _ => {}
        }
        Ok(meta)
    }

    async fn delete(&self, object: &ObjectRef) -> Result<()> {
        let object = &self.place(object);
        match self.fault {
            Fault::DeletesOnce => drop(self.inner.head(object).await?),
            Fault::DeletesNowhere if self.inner.check(&object.bucket).await.is_err() => return Ok(()),
            Fault::StaleReads => self.older.delete(object).await?,
            Fault::DeletesTheFolder => {
                let below = ListRequest::under(format!("{}/", object.key));
                for found in self.inner.list(&object.bucket, below).await?.objects {
                    self.inner.delete(&ObjectRef::new(object.bucket.clone(), found.key)).await?;
                }
            }
            _ => {}
        }
        self.inner.delete(object).await
    }

    async fn list(&self, bucket: &BucketName, mut request: ListRequest) -> Result<ListPage> {
        match self.fault {
            Fault::PrefixOverreach => {
                request.prefix.truncate(request.prefix.trim_end_matches('/').len());
            }
            Fault::PrefixIsAPattern => {
                let fixed = request.prefix.find(['*', '?', '[', '{']).unwrap_or(request.prefix.len());
                request.prefix.truncate(fixed);
            }
            Fault::IgnoresTheDelimiter => request.delimiter = None,
            _ => {}
        }
        let anything = ObjectRef::new(bucket.clone(), StorageKey::parse("a")?);
        let bucket = &self.place(&anything).bucket;
        let later_page = request.cursor.is_some();
        let mut page = match self.inner.list(bucket, request.clone()).await {
            Err(error) if self.fault == Fault::AnyCursor && error.kind() == ErrorKind::InvalidCursor => {
                self.inner.list(bucket, ListRequest { cursor: None, ..request }).await?
            }
            page => page?,
        };
        match self.fault {
            Fault::ConstantTags | Fault::OtherTagsInListings => {
                page.objects.iter_mut().for_each(|object| object.etag = ETag::new("constant"));
            }
            Fault::StaleLists => {
                let last = self.last_written.lock().unwrap();
                page.objects.retain(|object| Some(&object.key) != last.as_ref());
            }
            Fault::ReversesPages => page.objects.reverse(),
            Fault::DropsAnObject if page.next.is_some() => drop(page.objects.pop()),
            Fault::RepeatsAnObject => {
                let mut last = self.last_listed.lock().unwrap();
                let repeated = last.take().filter(|_| later_page);
                *last = page.objects.last().filter(|_| page.next.is_some()).cloned();
                page.objects.splice(0..0, repeated);
            }
            Fault::NoNextPage => page.next = None,
            _ => {}
        }
        Ok(page)
    }

    async fn copy(&self, mut request: CopyRequest) -> Result<Stored> {
        request.source = self.place(&request.source);
        request.destination = self.place(&request.destination);
        let condition = request.options.condition.clone();
        match self.fault {
            Fault::CopiesAnyTag => request.source_etag = None,
            Fault::CopiesOverAnything => request.options.condition = WriteCondition::None,
            Fault::CopiesWithoutOptions => {
                request.options = PutOptions { condition, ..PutOptions::default() }
            }
            Fault::CopiesOldOptions => {
                let options = options_of(&self.inner.head(&request.source).await?);
                request.options = PutOptions { condition, ..options };
            }
            _ => {}
        }
        Ok(self.stored(self.inner.copy(request).await?))
    }

    async fn check(&self, bucket: &BucketName) -> Result<()> {
        self.inner.check(bucket).await
    }
}
