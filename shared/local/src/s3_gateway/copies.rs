//! Copying objects.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use storage_core::ErrorKind;
use storage_core::ports::{
    Clock, CopyRequest, ObjectRef, PutOptions, StorageBackend, SystemClock, WriteCondition,
};

use super::conditions;
use super::service::Service;
use super::translate::{self, object_error};

/// How often a copy starts again because its source was replaced between reading its metadata and its bytes.
const COPY_ATTEMPTS: usize = 5;

/// The source of a copy, in a bucket that exists.
pub(super) async fn source(service: &Service, source: &CopySource) -> S3Result<ObjectRef> {
    match source {
        CopySource::Bucket { bucket, key, version_id: None } => service.object(bucket, key).await,
        _ => Err(s3_error!(NotImplemented, "versions and access points are not supported")),
    }
}

pub(super) async fn copy(
    service: &Service,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let S3Request { input, headers, .. } = request;
    let source = source(service, &input.copy_source).await?;
    let destination = service.object(&input.bucket, &input.key).await?;
    let condition = conditions::of_write_headers(&headers)?;
    let replaces =
        input.metadata_directive.as_ref().is_some_and(|how| how.as_str() == MetadataDirective::REPLACE);
    if source == destination && !replaces {
        return Err(s3_error!(InvalidRequest, "a copy onto itself must replace the metadata"));
    }
    let sent = PutOptions {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        metadata: translate::metadata(input.metadata),
        condition,
    };
    let wanted = conditions::tag(input.copy_source_if_match.as_ref());
    let mut attempt = 1;
    let (stored, size) = loop {
        let meta = service.backend.head(&source).await.map_err(object_error)?;
        if input
            .copy_source_if_none_match
            .as_ref()
            .is_some_and(|other| conditions::matches(other, &meta.etag))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let options = if replaces {
            sent.clone()
        } else {
            PutOptions {
                content_type: meta.content_type,
                cache_control: meta.cache_control,
                content_disposition: meta.content_disposition,
                metadata: meta.metadata,
                condition: sent.condition.clone(),
            }
        };
        // The tag read here ties the metadata to the bytes, also where the client named none.
        let source_etag = Some(wanted.clone().unwrap_or(meta.etag.clone()));
        let (source, destination) = (source.clone(), destination.clone());
        let copied = service.backend.copy(CopyRequest { source, destination, source_etag, options }).await;
        match copied {
            Ok(stored) => break (stored, meta.size),
            Err(error)
                if error.kind() == ErrorKind::PreconditionFailed
                    && wanted.is_none()
                    && sent.condition == WriteCondition::None
                    && attempt < COPY_ATTEMPTS =>
            {
                attempt += 1;
            }
            Err(error) => return Err(object_error(error)),
        }
    };
    service.events.created("Copy", &destination, size, &stored.etag);
    let result = CopyObjectResult {
        e_tag: Some(translate::etag(&stored.etag)),
        last_modified: Some(translate::timestamp(SystemClock.now())),
        ..Default::default()
    };
    Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
}
