//! Writing, reading and deleting objects.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};
use storage_core::key::StorageKey;
use storage_core::ports::{self, GetOptions, ObjectRef, PutOptions, StorageBackend};

use super::body;
use super::checksum::Expected;
use super::conditions::{self, OfRead};
use super::service::Service;
use super::translate::{self, Sent, object_error};

/// What of a key stands as it is in a URL.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) async fn put(
    service: &Service,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let S3Request { input, headers, trailing_headers, .. } = request;
    let stored = write(service, input, &headers, trailing_headers, "Put").await?.1;
    Ok(S3Response::new(PutObjectOutput { e_tag: Some(translate::etag(&stored)), ..Default::default() }))
}

/// A form post. S3 names the object in `Location` and its tag in `ETag`, whatever the form asks to be answered.
pub(super) async fn post(
    service: &Service,
    request: S3Request<PostObjectInput>,
) -> S3Result<S3Response<PostObjectOutput>> {
    let S3Request { input, headers, .. } = request;
    let redirects = input.success_action_redirect.is_some();
    let input = PutObjectInput {
        bucket: input.bucket,
        key: input.key,
        body: input.body,
        content_length: input.content_length,
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        metadata: input.metadata,
        checksum_crc32: input.checksum_crc32,
        checksum_crc32c: input.checksum_crc32c,
        checksum_crc64nvme: input.checksum_crc64nvme,
        checksum_sha1: input.checksum_sha1,
        checksum_sha256: input.checksum_sha256,
        content_md5: input.content_md5,
        ..PutObjectInput::default()
    };
    let (object, stored) = write(service, input, &headers, None, "Post").await?;
    let output = PostObjectOutput { e_tag: Some(translate::etag(&stored)), ..Default::default() };
    let mut answer = HeaderMap::new();
    insert(&mut answer, header::ETAG, &stored.quoted());
    if !redirects {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let key = utf8_percent_encode(object.key.as_str(), PATH);
        insert(&mut answer, header::LOCATION, &format!("http://{host}/{}/{key}", object.bucket));
    }
    Ok(S3Response::with_headers(output, answer))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

async fn write(
    service: &Service,
    input: PutObjectInput,
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
    how: &'static str,
) -> S3Result<(ObjectRef, ports::ETag)> {
    let object = service.object(&input.bucket, &input.key).await?;
    let declared = [
        input.checksum_crc32,
        input.checksum_crc32c,
        input.checksum_crc64nvme,
        input.checksum_sha1,
        input.checksum_sha256,
    ];
    let expected = Expected::new(declared, input.content_md5.as_deref(), headers, trailers)?;
    let body = body::incoming(input.body, input.content_length, headers, expected)?;
    let options = PutOptions {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        metadata: translate::metadata(input.metadata),
        condition: conditions::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
    };
    let size = body.len();
    let stored = service.backend.put(&object, body, options).await.map_err(object_error)?;
    service.events.created(how, &object, size, &stored.etag);
    Ok((object, stored.etag))
}

pub(super) async fn get(service: &Service, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
    let object = service.object(&input.bucket, &input.key).await?;
    let asked = OfRead {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let options = GetOptions { range: input.range.map(translate::range), if_match: None };
    let read = service.backend.get(&object, options).await.map_err(object_error)?;
    asked.check(&read.meta)?;
    let Sent { content_type, cache_control, content_disposition, metadata, missing_meta } =
        translate::headers_of(&read.meta);
    let content_range = input
        .range
        .map(|_| format!("bytes {}-{}/{}", read.start, read.start + read.length - 1, read.meta.size));
    Ok(S3Response::new(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(translate::length(read.length)),
        content_range,
        e_tag: Some(translate::etag(&read.meta.etag)),
        last_modified: Some(translate::timestamp(read.meta.last_modified)),
        body: Some(body::outgoing(read.body, read.length)),
        content_type,
        cache_control,
        content_disposition,
        metadata,
        missing_meta,
        ..Default::default()
    }))
}

pub(super) async fn head(
    service: &Service,
    input: HeadObjectInput,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let object = service.object(&input.bucket, &input.key).await?;
    let meta = service.backend.head(&object).await.map_err(object_error)?;
    let asked = OfRead {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    asked.check(&meta)?;
    let Sent { content_type, cache_control, content_disposition, metadata, missing_meta } =
        translate::headers_of(&meta);
    // `s3s` applies these to GET only.
    let mut overrides = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, input.response_content_type),
        (header::CACHE_CONTROL, input.response_cache_control),
        (header::CONTENT_DISPOSITION, input.response_content_disposition),
        (header::CONTENT_ENCODING, input.response_content_encoding),
        (header::CONTENT_LANGUAGE, input.response_content_language),
    ] {
        if let Some(value) = value {
            let value = HeaderValue::try_from(value).map_err(|_| s3_error!(InvalidArgument))?;
            overrides.insert(name, value);
        }
    }
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(translate::length(meta.size)),
        e_tag: Some(translate::etag(&meta.etag)),
        last_modified: Some(translate::timestamp(meta.last_modified)),
        content_type,
        cache_control,
        content_disposition,
        metadata,
        missing_meta,
        ..Default::default()
    };
    Ok(S3Response::with_headers(output, overrides))
}

pub(super) async fn delete(
    service: &Service,
    input: DeleteObjectInput,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    if input.if_match.is_some() || input.version_id.is_some() {
        return Err(s3_error!(NotImplemented, "deletes have no conditions and no versions"));
    }
    let object = service.object(&input.bucket, &input.key).await?;
    service.backend.delete(&object).await.map_err(object_error)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(super) async fn delete_many(
    service: &Service,
    input: DeleteObjectsInput,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let bucket = service.bucket(&input.bucket).await?;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for ObjectIdentifier { key, e_tag, version_id, .. } in input.delete.objects {
        let outcome = match StorageKey::parse(&key) {
            Ok(_) if e_tag.is_some() || version_id.is_some() => {
                Err(s3_error!(NotImplemented, "deletes have no conditions and no versions"))
            }
            Ok(parsed) => {
                let object = ObjectRef::new(bucket.clone(), parsed);
                service.backend.delete(&object).await.map_err(object_error)
            }
            Err(error) => Err(object_error(error)),
        };
        match outcome {
            Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(key),
                message: error.message().map(str::to_owned),
                version_id: None,
            }),
        }
    }
    let deleted = (!input.delete.quiet.unwrap_or(false)).then_some(deleted);
    let errors = (!errors.is_empty()).then_some(errors);
    Ok(S3Response::new(DeleteObjectsOutput { deleted, errors, ..Default::default() }))
}
