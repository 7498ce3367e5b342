//! Uploads in parts.

use std::time::Duration;

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use storage_core::ports::{
    self, Body, Clock, GetOptions, MultipartBackend, PutOptions, StorageBackend, SystemClock, UploadId,
    WriteCondition,
};

use super::checksum::Expected;
use super::service::Service;
use super::translate::{self, object_error, upload_error};
use super::{body, conditions, copies};

pub(super) async fn create(
    service: &Service,
    input: CreateMultipartUploadInput,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let object = service.object(&input.bucket, &input.key).await?;
    let options = PutOptions {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        metadata: translate::metadata(input.metadata),
        condition: WriteCondition::None,
    };
    let upload = service.backend.create(&object, options).await.map_err(object_error)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload.0),
        ..Default::default()
    }))
}

fn number(number: i32) -> S3Result<u16> {
    u16::try_from(number)
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| s3_error!(InvalidArgument, "a part number is 1 to 10,000"))
}

pub(super) async fn part(
    service: &Service,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let S3Request { input, headers, trailing_headers, .. } = request;
    let object = service.object(&input.bucket, &input.key).await?;
    let declared = [
        input.checksum_crc32,
        input.checksum_crc32c,
        input.checksum_crc64nvme,
        input.checksum_sha1,
        input.checksum_sha256,
    ];
    let expected = Expected::new(declared, input.content_md5.as_deref(), &headers, trailing_headers)?;
    let body = body::incoming(input.body, input.content_length, &headers, expected)?;
    let (upload, number) = (UploadId(input.upload_id), number(input.part_number)?);
    let part = service.backend.upload_part(&object, &upload, number, body).await.map_err(upload_error)?;
    Ok(S3Response::new(UploadPartOutput { e_tag: Some(translate::etag(&part.etag)), ..Default::default() }))
}

pub(super) async fn part_copy(
    service: &Service,
    input: UploadPartCopyInput,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let object = service.object(&input.bucket, &input.key).await?;
    let source = copies::source(service, &input.copy_source).await?;
    let range = match &input.copy_source_range {
        Some(range) => Some(Range::parse(range).map_err(|_| s3_error!(InvalidArgument, "copy range"))?),
        None => None,
    };
    let options = GetOptions {
        range: range.map(translate::range),
        if_match: conditions::tag(input.copy_source_if_match.as_ref()),
    };
    let read = service.backend.get(&source, options).await.map_err(object_error)?;
    let body = Body::Stream { length: read.length, stream: read.body };
    let (upload, number) = (UploadId(input.upload_id), number(input.part_number)?);
    let part = service.backend.upload_part(&object, &upload, number, body).await.map_err(upload_error)?;
    let result = CopyPartResult {
        e_tag: Some(translate::etag(&part.etag)),
        last_modified: Some(translate::timestamp(SystemClock.now())),
        ..Default::default()
    };
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
}

pub(super) async fn parts(service: &Service, input: ListPartsInput) -> S3Result<S3Response<ListPartsOutput>> {
    const MAX_PARTS: i32 = 1000;
    let object = service.object(&input.bucket, &input.key).await?;
    let upload = UploadId(input.upload_id.clone());
    let stored = service.backend.parts(&object, &upload).await.map_err(upload_error)?;
    let marker = input.part_number_marker.unwrap_or(0);
    let max_parts = input.max_parts.unwrap_or(MAX_PARTS).clamp(1, MAX_PARTS);
    let limit = usize::try_from(max_parts).unwrap_or(1);
    let mut parts: Vec<Part> = stored
        .into_iter()
        .filter(|part| i32::from(part.number) > marker)
        .take(limit + 1)
        .map(|part| Part {
            part_number: Some(part.number.into()),
            e_tag: Some(translate::etag(&part.etag)),
            size: Some(translate::length(part.size)),
            ..Default::default()
        })
        .collect();
    let is_truncated = parts.len() > limit;
    parts.truncate(limit);
    let next = parts.last().and_then(|part| part.part_number).filter(|_| is_truncated);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: Some(max_parts),
        part_number_marker: Some(marker),
        is_truncated: Some(is_truncated),
        next_part_number_marker: next,
        parts: Some(parts),
        ..Default::default()
    }))
}

/// All open uploads on one page.
pub(super) async fn list(
    service: &Service,
    input: ListMultipartUploadsInput,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let bucket = service.bucket(&input.bucket).await?;
    let soon = SystemClock.now() + Duration::from_secs(60);
    let mut open = service.backend.list_uploads(&bucket, soon).await.map_err(object_error)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    open.retain(|upload| upload.key.as_str().starts_with(&prefix));
    // Uploads of one key stay in the order they were started in.
    open.sort_by(|one, other| one.key.cmp(&other.key));
    let uploads = open
        .into_iter()
        .map(|upload| MultipartUpload {
            key: Some(upload.key.into()),
            upload_id: Some(upload.upload.0),
            initiated: Some(translate::timestamp(upload.started)),
            ..Default::default()
        })
        .collect();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        is_truncated: Some(false),
        uploads: Some(uploads),
        ..Default::default()
    }))
}

pub(super) async fn complete(
    service: &Service,
    input: CompleteMultipartUploadInput,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let object = service.object(&input.bucket, &input.key).await?;
    let upload = UploadId(input.upload_id);
    let mut wanted = Vec::new();
    for part in input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default() {
        let etag = part.e_tag.ok_or_else(|| s3_error!(MalformedXML))?;
        let number = number(part.part_number.ok_or_else(|| s3_error!(MalformedXML))?)?;
        wanted.push((number, ports::ETag::new(etag.value())));
    }
    if wanted.is_empty() {
        return Err(s3_error!(MalformedXML));
    }
    if !wanted.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let condition = conditions::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let stored =
        service.backend.complete_if(&object, &upload, &wanted, &condition).await.map_err(upload_error)?;
    // Another write may have followed already: the size is a hint, as the whole event is.
    let size = service.backend.head(&object).await.map_or(0, |meta| meta.size);
    service.events.created("CompleteMultipartUpload", &object, size, &stored.etag);
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", object.bucket, object.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(translate::etag(&stored.etag)),
        ..Default::default()
    }))
}

pub(super) async fn abort(
    service: &Service,
    input: AbortMultipartUploadInput,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let object = service.object(&input.bucket, &input.key).await?;
    let upload = UploadId(input.upload_id);
    // To S3 an unknown upload is an error; to the backend it is success.
    service.backend.parts(&object, &upload).await.map_err(upload_error)?;
    service.backend.abort(&object, &upload).await.map_err(upload_error)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}
