//! Presigned URLs: what they sign, and when they end.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use storage_core::ErrorKind;
use storage_core::filename::{Disposition, FileName};
use storage_core::ports::PresignUrl;
use storage_core::timestamp::Timestamp;

use super::object;
use crate::client::Aws;
use crate::credentials::to_system_time;
use crate::s3::S3Backend;
use crate::settings::AwsSettings;

async fn presigner(left: Option<Duration>) -> S3Backend {
    let end = left.map(|left| to_system_time(now() + left));
    let keys = Credentials::new("AKIDEXAMPLE", "secret", Some("session".to_owned()), end, "test");
    let settings = AwsSettings::new("eu-central-1");
    S3Backend::new(&Aws::build(&settings, Some(SharedCredentialsProvider::new(keys))).await.unwrap())
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_500)
}

fn query(url: &str) -> BTreeMap<String, String> {
    url::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_presigned_put_signs_size_and_type_and_adds_no_checksum() {
    let signed = presigner(None)
        .await
        .presign_put(&object("temp/x"), "image/png", 1234, Duration::from_secs(900), now())
        .await
        .unwrap();
    assert!(signed.url.starts_with("https://acme-files.s3.eu-central-1.amazonaws.com/temp/x?"));
    let query = query(&signed.url);
    assert_eq!(query["X-Amz-SignedHeaders"], "content-length;content-type;host");
    assert_eq!(query["X-Amz-Expires"], "900");
    assert_eq!(query["X-Amz-Date"], "20261118T110640Z");
    assert!(!signed.url.to_lowercase().contains("checksum"));
    let headers: Vec<_> =
        signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("content-length", "1234"), ("content-type", "image/png")]);
    assert_eq!(signed.expires_at, Timestamp::from_millis(1_795_000_900_000));
}

#[tokio::test]
async fn a_presigned_get_carries_the_disposition() {
    let name = FileName::parse("réport.pdf").unwrap();
    let signed = presigner(None)
        .await
        .presign_get(&object("a/b"), Some((Disposition::Attachment, name)), Duration::from_secs(60), now())
        .await
        .unwrap();
    let query = query(&signed.url);
    assert_eq!(
        query["response-content-disposition"],
        "attachment; filename=\"r_port.pdf\"; filename*=UTF-8''r%C3%A9port.pdf"
    );
    assert_eq!(query["X-Amz-SignedHeaders"], "host");
    assert!(signed.headers.is_empty(), "a link sends no headers");
    assert!(!format!("{signed:?}").contains("Signature"));
}

#[tokio::test]
async fn a_url_says_when_its_credentials_end() {
    let backend = presigner(Some(Duration::from_secs(120))).await;
    let signed = backend.presign_get(&object("a/b"), None, Duration::from_secs(900), now()).await.unwrap();
    assert_eq!(query(&signed.url)["X-Amz-Expires"], "120");
    assert_eq!(signed.expires_at, Timestamp::from_millis(1_795_000_120_000));
    let late = now() + Duration::from_secs(121);
    let error = backend.presign_get(&object("a/b"), None, Duration::from_secs(900), late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    let error = backend.presign_get(&object("a/b"), None, Duration::ZERO, now()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidExpiry);
}
