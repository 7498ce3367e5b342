//! Reading: `GetObject`, `HeadObject`, `ListObjectsV2`.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    BodyStream, ETag, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead, ObjectRef, RangeRequest,
};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::error::{incomplete, is_missing, map};
use super::{S3Backend, metadata};

impl S3Backend {
    pub(super) async fn get_object(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead> {
        let range = match options.range {
            Some(range) if is_nothing(range) => return Err(self.invalid_range(object, range).await),
            Some(range) => Some(range_header(range)),
            None => None,
        };
        let answer = self
            .client
            .get_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .set_version_id(object.version_id.clone())
            .set_range(range)
            .set_if_match(options.if_match.as_ref().map(ETag::quoted))
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| map("GetObject", failure));
        let answer = match (answer, options.range) {
            (Err(error), Some(range)) if error.kind() == ErrorKind::InvalidRange => {
                return Err(self.invalid_range(object, range).await);
            }
            (answer, _) => answer?,
        };
        let length = size(answer.content_length, "GetObject")?;
        let (start, total) = match answer.content_range.as_deref() {
            Some(text) => parse_content_range(text).ok_or_else(|| incomplete("GetObject"))?,
            None => (0, length),
        };
        if let Some(range) = options.range {
            // A server that ignores ranges must not pass for one that honours them.
            if range.resolve(total)? != (start, length) {
                return Err(incomplete("GetObject"));
            }
        }
        let etag = ETag::new(answer.e_tag.as_deref().ok_or_else(|| incomplete("GetObject"))?);
        // Some servers ignore the condition; the bytes of another object must not pass for those that were asked for.
        if options.if_match.is_some_and(|asked| asked != etag) {
            return Err(Error::new(ErrorKind::PreconditionFailed, "GetObject answered another tag"));
        }
        let meta = ObjectMeta {
            key: object.key.clone(),
            size: total,
            etag,
            last_modified: timestamp(answer.last_modified.as_ref()),
            content_type: answer.content_type,
            cache_control: answer.cache_control,
            content_disposition: answer.content_disposition,
            metadata: metadata::decode(answer.metadata.as_ref()),
            version_id: answer.version_id,
            checksum_crc64nvme: answer.checksum_crc64_nvme,
        };
        Ok(ObjectRead { meta, start, length, body: body_stream(answer.body, length) })
    }

    /// The refusal of a range, with the object's size for the client; or that the object is missing.
    async fn invalid_range(&self, object: &ObjectRef, range: RangeRequest) -> Error {
        match self.head_object(object).await {
            Ok(meta) => match range.resolve(meta.size) {
                Err(error) => error,
                // The object was replaced by a larger one between the two calls.
                Ok(_) => Error::new(ErrorKind::InvalidRange, "GetObject"),
            },
            Err(error) => error,
        }
    }

    pub(super) async fn head_object(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        let answer = self
            .client
            .head_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .checksum_mode(ChecksumMode::Enabled)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if is_missing(&failure) => {
                self.ensure_bucket(&object.bucket).await?;
                return Err(Error::new(ErrorKind::NotFound, "HeadObject"));
            }
            Err(failure) => return Err(map("HeadObject", failure)),
        };
        Ok(ObjectMeta {
            key: object.key.clone(),
            size: size(answer.content_length, "HeadObject")?,
            etag: ETag::new(answer.e_tag.as_deref().ok_or_else(|| incomplete("HeadObject"))?),
            last_modified: timestamp(answer.last_modified.as_ref()),
            content_type: answer.content_type,
            cache_control: answer.cache_control,
            content_disposition: answer.content_disposition,
            metadata: metadata::decode(answer.metadata.as_ref()),
            version_id: answer.version_id,
            checksum_crc64nvme: answer.checksum_crc64_nvme,
        })
    }

    pub(super) async fn list_objects(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage> {
        let token = match &request.cursor {
            Some(cursor) => Some(Cursor::read(cursor, bucket, &request)?),
            None => None,
        };
        let resumed = token.is_some();
        let answer = self
            .client
            .list_objects_v2()
            .bucket(bucket.as_str())
            .prefix(&request.prefix)
            .set_delimiter(request.delimiter.map(String::from))
            .set_continuation_token(token)
            .max_keys(i32::try_from(request.limit.clamp(1, 1000)).unwrap_or(1000))
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| {
                let status = failure.raw_response().map_or(0, |response| response.status().as_u16());
                if resumed && status == 400 {
                    Error::new(ErrorKind::InvalidCursor, "ListObjectsV2").with_cause(failure)
                } else {
                    super::error::unavailable("ListObjectsV2", failure)
                }
            })?;
        let mut page = ListPage::default();
        for object in answer.contents.unwrap_or_default() {
            let key = object.key.ok_or_else(|| incomplete("ListObjectsV2"))?;
            let Ok(key) = StorageKey::parse(&key) else {
                // No code of ours wrote it; it must not hide the others.
                tracing::warn!(key.bytes = key.len(), "an object with a key that is not ours is not listed");
                continue;
            };
            page.objects.push(ObjectMeta {
                key,
                size: size(object.size, "ListObjectsV2")?,
                // Some servers leave it out of listings; the empty tag matches nothing.
                etag: ETag::new(object.e_tag.as_deref().unwrap_or_default()),
                last_modified: timestamp(object.last_modified.as_ref()),
                content_type: None,
                cache_control: None,
                content_disposition: None,
                metadata: Default::default(),
                version_id: None,
                checksum_crc64nvme: None,
            });
        }
        page.prefixes =
            answer.common_prefixes.into_iter().flatten().filter_map(|common| common.prefix).collect();
        if answer.is_truncated == Some(true) {
            let token = answer.next_continuation_token.ok_or_else(|| incomplete("ListObjectsV2"))?;
            page.next = Some(Cursor::write(token, bucket, &request));
        }
        Ok(page)
    }
}

/// A continuation token, bound to the listing it belongs to: S3's own tokens do not say which.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    bucket: String,
    prefix: String,
    delimiter: Option<char>,
    token: String,
}

impl Cursor {
    fn write(token: String, bucket: &BucketName, request: &ListRequest) -> String {
        let cursor = Cursor {
            bucket: bucket.to_string(),
            prefix: request.prefix.clone(),
            delimiter: request.delimiter,
            token,
        };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
    }

    fn read(text: &str, bucket: &BucketName, request: &ListRequest) -> Result<String> {
        let invalid = || Error::new(ErrorKind::InvalidCursor, "ListObjectsV2");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        let ours = cursor.bucket == bucket.as_str()
            && cursor.prefix == request.prefix
            && cursor.delimiter == request.delimiter
            && !cursor.token.is_empty();
        if ours { Ok(cursor.token) } else { Err(invalid()) }
    }
}

/// Exactly `length` bytes, or an error at the end.
fn body_stream(body: ByteStream, length: u64) -> BodyStream {
    Box::pin(futures_util::stream::try_unfold((body, length), |(mut body, left)| async move {
        match body.next().await {
            Some(Ok(chunk)) => {
                let left = left.checked_sub(chunk.len() as u64).ok_or_else(|| incomplete("GetObject"))?;
                Ok(Some((chunk, (body, left))))
            }
            Some(Err(cause)) => {
                Err(Error::new(ErrorKind::StorageUnavailable, "GetObject: body").with_cause(cause))
            }
            None if left == 0 => Ok(None),
            None => Err(incomplete("GetObject")),
        }
    }))
}

/// Whether no object has bytes in this range. S3 ignores one that ends before it starts, and gives everything.
fn is_nothing(range: RangeRequest) -> bool {
    match range {
        RangeRequest::Inclusive(start, end) => start > end,
        RangeRequest::Suffix(length) => length == 0,
        RangeRequest::From(_) => false,
    }
}

/// The `Range` header. Numbers beyond what a server counts in mean the same as the largest it knows.
fn range_header(range: RangeRequest) -> String {
    let known = |number: u64| number.min(i64::MAX.unsigned_abs());
    match range {
        RangeRequest::Inclusive(start, end) => format!("bytes={}-{}", known(start), known(end)),
        RangeRequest::From(start) => format!("bytes={}-", known(start)),
        RangeRequest::Suffix(length) => format!("bytes=-{}", known(length)),
    }
}

/// The first byte and the size of the whole object, of `bytes 5-9/100`.
fn parse_content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()?))
}

fn size(length: Option<i64>, operation: &'static str) -> Result<u64> {
    length.and_then(|length| u64::try_from(length).ok()).ok_or_else(|| incomplete(operation))
}

fn timestamp(time: Option<&DateTime>) -> Timestamp {
    Timestamp::from_millis(time.and_then(|time| time.to_millis().ok()).unwrap_or_default())
}
