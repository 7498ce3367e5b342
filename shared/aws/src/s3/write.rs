//! Writing: `PutObject`, `CopyObject`, `DeleteObject`.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::copy_object::CopyObjectError;
use aws_sdk_s3::types::{MetadataDirective, TaggingDirective};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use storage_core::ports::{
    Body, CopyRequest, ETag, ObjectRef, PutOptions, StorageBackend, Stored, WriteCondition,
};
use storage_core::{Error, ErrorKind, Result};

use super::body::to_byte_stream;
use super::error::{incomplete, map};
use super::{S3Backend, metadata};

/// The largest source of one `CopyObject`.
const LARGEST_COPY: u64 = 5 * 1024 * 1024 * 1024;
/// The media type of objects that were stored without one, on every backend.
pub(super) const OCTETS: &str = "application/octet-stream";
/// Everything in a copy source but unreserved characters and the slashes between segments.
const COPY_SOURCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The header that names the source of a copy.
pub(super) fn copy_source(source: &ObjectRef) -> String {
    let key = utf8_percent_encode(source.key.as_str(), COPY_SOURCE);
    let version =
        source.version_id.as_deref().map(|id| format!("?versionId={}", utf8_percent_encode(id, COPY_SOURCE)));
    format!("{}/{key}{}", source.bucket, version.unwrap_or_default())
}

/// `If-None-Match` and `If-Match` of a write.
pub(super) fn conditions(condition: &WriteCondition) -> (Option<String>, Option<String>) {
    match condition {
        WriteCondition::None => (None, None),
        WriteCondition::CreateOnly => (Some("*".to_owned()), None),
        WriteCondition::IfMatch(etag) => (None, Some(etag.quoted())),
    }
}

impl S3Backend {
    pub(super) async fn put_object(
        &self,
        object: &ObjectRef,
        body: Body,
        options: PutOptions,
    ) -> Result<Stored> {
        let length = i64::try_from(body.len()).map_err(|_| ErrorKind::PayloadTooLarge)?;
        let (stream, verdict) = to_byte_stream(body).await?;
        let (if_none_match, if_match) = conditions(&options.condition);
        let answer = self
            .client
            .put_object()
            .set_storage_class(self.storage_class.clone())
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .body(stream)
            .content_length(length)
            .content_type(options.content_type.as_deref().unwrap_or(OCTETS))
            .set_cache_control(options.cache_control)
            .set_content_disposition(options.content_disposition)
            .set_metadata(metadata::encode(&options.metadata))
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| {
                verdict.or(condition_of_missing(map("PutObject", failure), &options.condition))
            })?;
        let etag = answer.e_tag.ok_or_else(|| incomplete("PutObject"))?;
        Ok(Stored {
            etag: ETag::new(&etag),
            version_id: answer.version_id,
            checksum_crc64nvme: answer.checksum_crc64_nvme,
        })
    }

    pub(super) async fn copy_object(&self, request: CopyRequest) -> Result<Stored> {
        let CopyRequest { source, destination, source_etag, options } = &request;
        let (if_none_match, if_match) = conditions(&options.condition);
        let answer = self
            .client
            .copy_object()
            .set_storage_class(self.storage_class.clone())
            .copy_source(copy_source(source))
            .set_copy_source_if_match(source_etag.as_ref().map(ETag::quoted))
            .bucket(destination.bucket.as_str())
            .key(destination.key.as_str())
            .metadata_directive(MetadataDirective::Replace)
            // What a scanner noted about an upload is not for the copy, and copying it would take a permission more.
            .tagging_directive(TaggingDirective::Replace)
            .content_type(options.content_type.as_deref().unwrap_or(OCTETS))
            .set_cache_control(options.cache_control.clone())
            .set_content_disposition(options.content_disposition.clone())
            .set_metadata(metadata::encode(&options.metadata))
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .set_expected_bucket_owner(self.owner.clone())
            .set_expected_source_bucket_owner(self.owner.clone())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return self.copy_otherwise(&request, failure).await,
        };
        // A 200 without a result is no success: the copy may have failed after the status line was sent.
        let (etag, checksum) = match answer.copy_object_result {
            Some(result) => (result.e_tag, result.checksum_crc64_nvme),
            None => (None, None),
        };
        let etag = etag.ok_or_else(|| incomplete("CopyObject"))?;
        Ok(Stored { etag: ETag::new(&etag), version_id: answer.version_id, checksum_crc64nvme: checksum })
    }

    /// What is left to do after a refused copy: copy a large source in parts, or tell what was missing.
    async fn copy_otherwise(
        &self,
        request: &CopyRequest,
        failure: SdkError<CopyObjectError, HttpResponse>,
    ) -> Result<Stored> {
        let code = failure.as_service_error().and_then(|error| error.code());
        if matches!(code, Some("InvalidRequest" | "EntityTooLarge")) {
            let source = self.head_object(&request.source).await?;
            if source.size > LARGEST_COPY {
                return self.copy_in_parts(request, &source).await;
            }
        }
        let error = map("CopyObject", failure);
        let matching = matches!(request.options.condition, WriteCondition::IfMatch(_));
        // The same 404 tells of a missing source and of a missing object to match.
        if matching && error.kind() == ErrorKind::NotFound && self.exists(&request.source).await? {
            return Err(condition_of_missing(error, &request.options.condition));
        }
        Err(error)
    }

    pub(super) async fn delete_object(&self, object: &ObjectRef) -> Result<()> {
        let answer = self
            .client
            .delete_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| map("DeleteObject", failure));
        match answer {
            Ok(_) => Ok(()),
            // S3 answers 204 for a missing object; some servers say so instead.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// S3 answers `If-Match` on a missing object with 404, for which the port has one word: the condition does not hold.
fn condition_of_missing(error: Error, condition: &WriteCondition) -> Error {
    if error.kind() == ErrorKind::NotFound && matches!(condition, WriteCondition::IfMatch(_)) {
        Error::new(ErrorKind::PreconditionFailed, "nothing to match").with_cause(error)
    } else {
        error
    }
}
