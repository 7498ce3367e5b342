//! Buckets, and how S3 is reached.

use storage_core::ids::BucketName;
use storage_core::key::{StorageKey, Visibility};

use super::required;
use crate::config::model::{BucketConfig, RetryMode, S3Config, StorageClass};
use crate::config::names;
use crate::config::reader::{Reader, parse_url, shown};

fn bucket(
    reader: &mut Reader<'_>,
    variable: &names::Variable,
    strict: bool,
    development: &str,
) -> Option<BucketName> {
    let text = required(reader, variable, strict, development);
    BucketName::parse(&text).ok().or_else(|| {
        reader.problem(variable, format!("{} is not the name of a bucket", shown(&text)));
        BucketName::parse(development).ok()
    })
}

pub(super) fn buckets(reader: &mut Reader<'_>, strict: bool) -> Option<BucketConfig> {
    let files = bucket(reader, &names::BUCKET, strict, "stowage-files");
    let staging = bucket(reader, &names::SHARED_BUCKET, strict, "stowage-staging");
    if files == staging {
        reader.problem(&names::SHARED_BUCKET, "is the bucket of final objects too");
    }
    let base_path = reader.parsed(&names::BUCKET_PATH, |text| {
        StorageKey::parse(text.trim_matches('/')).map_err(|_| "is not a usable prefix".to_owned())
    });
    let owner = reader.parsed(&names::BUCKET_OWNER, |text| {
        let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_account { Ok(text.to_owned()) } else { Err("is not an account id of 12 digits".to_owned()) }
    });
    let visibility = reader.parsed(&names::DEFAULT_ACL, |text| match text {
        "private" => Ok(Visibility::Private),
        "public-read" | "public" => Ok(Visibility::Public),
        "public-read-write" => Err("would let anyone write; use private or public-read".to_owned()),
        other => Err(format!("{} is none of private, public-read", shown(other))),
    });
    let storage_class = reader.parsed(&names::DEFAULT_STORAGE_CLASS, |text| {
        let class = StorageClass::ALL.iter().find(|(name, _)| *name == text).map(|(_, class)| *class);
        class.ok_or_else(|| match text {
            "GLACIER" | "DEEP_ARCHIVE" => "is an archive class, whose objects cannot be served".to_owned(),
            "REDUCED_REDUNDANCY" => "is less durable than STANDARD and no cheaper".to_owned(),
            other => format!("{} is not a storage class that can be served", shown(other)),
        })
    });
    Some(BucketConfig {
        files: files?,
        staging: staging?,
        base_path,
        owner,
        default_visibility: visibility.unwrap_or(Visibility::Private),
        storage_class: storage_class.unwrap_or(StorageClass::Standard),
    })
}

pub(super) fn s3(reader: &mut Reader<'_>) -> S3Config {
    let use_ssl = reader.flag(&names::S3_USE_SSL);
    let endpoint = reader.parsed(&names::S3_ENDPOINT, |text| {
        let scheme = if use_ssl == Some(false) { "http" } else { "https" };
        let url = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
        parse_url(&url)
    });
    if endpoint.as_ref().is_some_and(|url| use_ssl.is_some_and(|ssl| ssl != (url.scheme() == "https"))) {
        reader.problem(&names::S3_USE_SSL, format!("contradicts the scheme of {}", names::S3_ENDPOINT.name));
    }
    let region = reader.parsed(&names::S3_REGION, |text| {
        let plain = text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain { Ok(text.to_owned()) } else { Err(format!("{} is not a region", shown(text))) }
    });
    let credentials = match (reader.secret(&names::S3_ACCESS_KEY), reader.secret(&names::S3_SECRET_KEY)) {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        (Some(_), None) => {
            reader.problem(&names::S3_SECRET_KEY, "is missing while the access key is set");
            None
        }
        (None, Some(_)) => {
            reader.problem(&names::S3_ACCESS_KEY, "is missing while the secret key is set");
            None
        }
    };
    let modes = [("standard", RetryMode::Standard), ("adaptive", RetryMode::Adaptive)];
    let legacy = reader.text(&names::RETRY_MODE).is_some_and(|text| text.eq_ignore_ascii_case("legacy"));
    let retry_mode = if legacy {
        reader.warnings.push(format!("{}=legacy is read as standard", names::RETRY_MODE.name));
        RetryMode::Standard
    } else {
        reader.word(&names::RETRY_MODE, &modes).unwrap_or(RetryMode::Standard)
    };
    S3Config {
        region: region.unwrap_or_default(),
        endpoint,
        credentials,
        verify_ssl: reader.flag(&names::S3_VERIFY_SSL).unwrap_or(true),
        max_pool_connections: reader.number(&names::MAX_POOL_CONNECTIONS, 1..=1000) as usize,
        max_retries: reader.number(&names::MAX_RETRIES, 0..=10) as u32,
        retry_mode,
        timeout: reader.seconds(&names::TIMEOUT, 1..=900),
    }
}
