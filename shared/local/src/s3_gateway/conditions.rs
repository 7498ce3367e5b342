//! Conditional requests: what must hold for a write, and what of an object a read accepts.

use http::{HeaderMap, HeaderValue, header};
use s3s::dto::{ETagCondition, Timestamp as S3Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use storage_core::ports::{ETag, ObjectMeta, WriteCondition};
use time::OffsetDateTime;

/// The condition of a write: as on S3, `If-None-Match` only with `*` and `If-Match` only with a tag.
pub(super) fn of_write(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<WriteCondition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(WriteCondition::None),
        (None, Some(ETagCondition::Any)) => Ok(WriteCondition::CreateOnly),
        (Some(ETagCondition::ETag(etag)), None) => Ok(WriteCondition::IfMatch(ETag::new(etag.value()))),
        _ => Err(s3_error!(NotImplemented, "this condition of a write is not supported")),
    }
}

/// The same from headers, for CopyObject, whose input does not have them.
pub(super) fn of_write_headers(headers: &HeaderMap) -> S3Result<WriteCondition> {
    let condition = |name| -> S3Result<Option<ETagCondition>> {
        let Some(value) = headers.get(name) else { return Ok(None) };
        ETagCondition::parse_http_header(value.as_bytes())
            .map(Some)
            .map_err(|_| s3_error!(InvalidArgument, "a condition is not valid"))
    };
    of_write(condition(header::IF_MATCH)?.as_ref(), condition(header::IF_NONE_MATCH)?.as_ref())
}

/// What a read asks of the object.
#[derive(Debug)]
pub(super) struct OfRead {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<S3Timestamp>,
    pub(super) if_unmodified_since: Option<S3Timestamp>,
}

impl OfRead {
    /// `PreconditionFailed` or `NotModified`, in the order of RFC 9110: tags go before times.
    pub(super) fn check(self, meta: &ObjectMeta) -> S3Result<()> {
        let modified = meta.last_modified.as_seconds();
        let seconds = |time: S3Timestamp| OffsetDateTime::from(time).unix_timestamp();
        let failed = match (&self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => !matches(condition, &meta.etag),
            (None, Some(time)) => modified > seconds(time),
            (None, None) => false,
        };
        if failed {
            return Err(s3_error!(PreconditionFailed));
        }
        let unchanged = match (&self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => matches(condition, &meta.etag),
            (None, Some(time)) => modified <= seconds(time),
            (None, None) => false,
        };
        if unchanged {
            let mut error = S3Error::new(S3ErrorCode::NotModified);
            if let Ok(etag) = HeaderValue::try_from(meta.etag.quoted()) {
                error.set_headers(HeaderMap::from_iter([(header::ETAG, etag)]));
            }
            return Err(error);
        }
        Ok(())
    }
}

/// The tag of a condition; `None` where it accepts any.
pub(super) fn tag(condition: Option<&ETagCondition>) -> Option<ETag> {
    condition.and_then(ETagCondition::as_etag).map(|etag| ETag::new(etag.value()))
}

pub(super) fn matches(condition: &ETagCondition, etag: &ETag) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag.as_str(),
    }
}
