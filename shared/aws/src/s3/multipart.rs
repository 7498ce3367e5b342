//! Uploads in parts.

use async_trait::async_trait;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use storage_core::ports::{
    Body, ETag, MultipartBackend, ObjectRef, Part, PutOptions, Stored, UploadId, WriteCondition,
};
use storage_core::{Error, ErrorKind, Result};

use super::body::to_byte_stream;
use super::error::{incomplete, map};
use super::write::{OCTETS, conditions, copy_source};
use super::{S3Backend, metadata};

#[async_trait]
impl MultipartBackend for S3Backend {
    /// S3 takes a condition only when an upload is completed, and nothing of ours is kept until then: a condition here is
    /// `InvalidRequest`, so that none is ever silently dropped.
    async fn create(&self, object: &ObjectRef, options: PutOptions) -> Result<UploadId> {
        if options.condition != WriteCondition::None {
            return Err(Error::new(ErrorKind::InvalidRequest, "a condition on an upload in parts"));
        }
        let answer = self
            .client
            .create_multipart_upload()
            .set_storage_class(self.storage_class.clone())
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .content_type(options.content_type.as_deref().unwrap_or(OCTETS))
            .set_cache_control(options.cache_control)
            .set_content_disposition(options.content_disposition)
            .set_metadata(metadata::encode(&options.metadata))
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| map("CreateMultipartUpload", failure))?;
        answer.upload_id.map(UploadId).ok_or_else(|| incomplete("CreateMultipartUpload"))
    }

    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part> {
        if !(1..=10_000).contains(&number) {
            return Err(Error::new(ErrorKind::InvalidRequest, "part number"));
        }
        let size = body.len();
        let length = i64::try_from(size).map_err(|_| ErrorKind::PayloadTooLarge)?;
        let (stream, verdict) = to_byte_stream(body).await?;
        let answer = self
            .client
            .upload_part()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .upload_id(&upload.0)
            .part_number(i32::from(number))
            .body(stream)
            .content_length(length)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| verdict.or(map("UploadPart", failure)))?;
        let etag = answer.e_tag.ok_or_else(|| incomplete("UploadPart"))?;
        Ok(Part { number, etag: ETag::new(&etag), size })
    }

    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut marker = None;
        loop {
            let answer = self
                .client
                .list_parts()
                .bucket(object.bucket.as_str())
                .key(object.key.as_str())
                .upload_id(&upload.0)
                .set_part_number_marker(marker)
                .set_expected_bucket_owner(self.owner.clone())
                .send()
                .await
                .map_err(|failure| map("ListParts", failure))?;
            for part in answer.parts.unwrap_or_default() {
                let read = || {
                    Some(Part {
                        number: u16::try_from(part.part_number?).ok()?,
                        // Some servers leave it out; no upload can be completed with the empty tag.
                        etag: ETag::new(part.e_tag.as_deref().unwrap_or_default()),
                        size: u64::try_from(part.size?).ok()?,
                    })
                };
                parts.push(read().ok_or_else(|| incomplete("ListParts"))?);
            }
            if answer.is_truncated != Some(true) {
                return Ok(parts);
            }
            marker = Some(answer.next_part_number_marker.ok_or_else(|| incomplete("ListParts"))?);
        }
    }

    async fn copy_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        (source, etag): (&ObjectRef, &ETag),
        (first, last): (u64, u64),
    ) -> Result<Part> {
        let answer = self
            .client
            .upload_part_copy()
            .copy_source(copy_source(source))
            .copy_source_if_match(etag.quoted())
            .copy_source_range(format!("bytes={first}-{last}"))
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .upload_id(&upload.0)
            .part_number(i32::from(number))
            .set_expected_bucket_owner(self.owner.clone())
            .set_expected_source_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| map("UploadPartCopy", failure))?;
        let etag = answer.copy_part_result.and_then(|result| result.e_tag);
        let etag = ETag::new(&etag.ok_or_else(|| incomplete("UploadPartCopy"))?);
        Ok(Part { number, etag, size: last - first + 1 })
    }

    async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: &WriteCondition,
    ) -> Result<Stored> {
        let ascending = parts.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if parts.is_empty() || !ascending {
            return Err(Error::new(ErrorKind::InvalidRequest, "the parts do not ascend"));
        }
        let list = parts.iter().map(|(number, etag)| {
            CompletedPart::builder().part_number(i32::from(*number)).e_tag(etag.quoted()).build()
        });
        let (if_none_match, if_match) = conditions(condition);
        let answer = self
            .client
            .complete_multipart_upload()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .upload_id(&upload.0)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(list.collect())).build())
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| map("CompleteMultipartUpload", failure))?;
        // S3 sends the status line before it knows the outcome: only a tag says that there is an object.
        let etag = answer.e_tag.ok_or_else(|| incomplete("CompleteMultipartUpload"))?;
        Ok(Stored {
            etag: ETag::new(&etag),
            version_id: answer.version_id,
            checksum_crc64nvme: answer.checksum_crc64_nvme,
        })
    }

    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()> {
        let answer = self
            .client
            .abort_multipart_upload()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .upload_id(&upload.0)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|failure| map("AbortMultipartUpload", failure));
        match answer {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn open_uploads(&self, object: &ObjectRef) -> Result<Vec<UploadId>> {
        let (mut open, mut markers) = (Vec::new(), (None, None));
        loop {
            let answer = self
                .client
                .list_multipart_uploads()
                .bucket(object.bucket.as_str())
                .prefix(object.key.as_str())
                .set_key_marker(markers.0)
                .set_upload_id_marker(markers.1)
                .set_expected_bucket_owner(self.owner.clone())
                .send()
                .await
                .map_err(|failure| map("ListMultipartUploads", failure))?;
            // The prefix also finds uploads of longer keys.
            let of_object = answer.uploads.unwrap_or_default();
            let of_object =
                of_object.into_iter().filter(|upload| upload.key.as_deref() == Some(object.key.as_str()));
            open.extend(of_object.filter_map(|upload| upload.upload_id).map(UploadId));
            if answer.is_truncated != Some(true) {
                return Ok(open);
            }
            markers = (answer.next_key_marker, answer.next_upload_id_marker);
        }
    }
}
