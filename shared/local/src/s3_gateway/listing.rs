//! Listings of objects and buckets, and making buckets.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};
use storage_core::ids::BucketName;
use storage_core::ports::{ListPage, ListRequest};

use super::service::Service;
use super::translate::{self, object_error};

/// What `encoding-type=url` leaves as it is.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

const MAX_KEYS: i32 = 1000;

pub(super) async fn objects(
    service: &Service,
    input: ListObjectsV2Input,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let bucket = service.bucket(&input.bucket).await?;
    let max_keys = input.max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS);
    let limit = usize::try_from(max_keys).map_err(|_| s3_error!(InvalidArgument, "max-keys is negative"))?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = one_character(input.delimiter.as_deref())?;
    let cursor = input.continuation_token.clone();
    let page = if limit == 0 {
        ListPage::default()
    } else {
        let request = ListRequest { prefix, delimiter, cursor, limit };
        service.backend.list_after(&bucket, request, input.start_after.clone()).await.map_err(object_error)?
    };
    let encodes = input.encoding_type.as_ref().is_some_and(|how| how.as_str() == EncodingType::URL);
    let text = |text: String| if encodes { utf8_percent_encode(&text, LISTED).to_string() } else { text };
    let key_count = i32::try_from(page.objects.len() + page.prefixes.len()).unwrap_or(MAX_KEYS);
    let contents: Vec<Object> = page
        .objects
        .into_iter()
        .map(|meta| Object {
            key: Some(text(meta.key.into())),
            size: Some(translate::length(meta.size)),
            e_tag: Some(translate::etag(&meta.etag)),
            last_modified: Some(translate::timestamp(meta.last_modified)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Default::default()
        })
        .collect();
    let prefixes: Vec<CommonPrefix> =
        page.prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(text(prefix)) }).collect();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(text(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(text),
        start_after: input.start_after.map(text),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        max_keys: Some(max_keys),
        key_count: Some(key_count),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next,
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        ..Default::default()
    }))
}

fn one_character(delimiter: Option<&str>) -> S3Result<Option<char>> {
    let mut characters = delimiter.unwrap_or_default().chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(s3_error!(NotImplemented, "a delimiter is one character")),
    }
}

pub(super) async fn buckets(service: &Service) -> S3Result<S3Response<ListBucketsOutput>> {
    let buckets = service.backend.buckets().await.map_err(object_error)?;
    let buckets = buckets
        .into_iter()
        .map(|(name, made)| Bucket {
            name: Some(name.into()),
            creation_date: Some(translate::timestamp(made)),
            ..Default::default()
        })
        .collect();
    Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets), ..Default::default() }))
}

pub(super) async fn create_bucket(service: &Service, name: &str) -> S3Result<S3Response<CreateBucketOutput>> {
    let bucket = BucketName::parse(name).map_err(|_| s3_error!(InvalidBucketName))?;
    if service.backend.has_bucket(&bucket).await.map_err(object_error)? {
        return Err(s3_error!(BucketAlreadyOwnedByYou));
    }
    service.backend.create_bucket(&bucket).await.map_err(object_error)?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{bucket}")) }))
}
