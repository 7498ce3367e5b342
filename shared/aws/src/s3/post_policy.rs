//! Presigned forms: a SigV4 signature over a policy that binds everything a browser may send.
//!
//! The SDK has no signer for forms. The policy names exactly the fields that are sent: S3 refuses a form with a field that
//! has no condition, and one that lacks a field the policy names.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use storage_core::ids::BucketName;
use storage_core::ports::{PostRequest, PresignPost, PresignedPost};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use time::macros::format_description;

use crate::client::Aws;
use crate::credentials::{CredentialSource, Life};
use crate::settings::AwsSettings;

/// Signs upload forms, and the calls of uploads in parts, for one region and endpoint.
#[derive(Clone)]
pub struct PostSigner {
    credentials: CredentialSource,
    region: String,
    endpoint: Option<String>,
}

impl PostSigner {
    /// A signer with the credentials and the endpoint of a connection.
    pub fn new(aws: &Aws) -> Result<Self> {
        Self::build(aws.credentials(), aws.settings())
    }

    fn build(credentials: CredentialSource, settings: &AwsSettings) -> Result<Self> {
        Ok(PostSigner { credentials, region: settings.region.clone(), endpoint: settings.endpoint_url()? })
    }

    /// Where forms for `bucket` are posted; it ends in a slash, as the form's key is not part of it.
    pub(super) fn url(&self, bucket: &BucketName) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/"),
            // A certificate for `*.s3...` covers one label only.
            None if bucket.as_str().contains('.') => format!("https://s3.{}.{suffix}/{bucket}/", self.region),
            None => format!("https://{bucket}.s3.{}.{suffix}/", self.region),
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) async fn credentials(&self, now: Timestamp) -> Result<Credentials> {
        self.credentials.current(now).await
    }

    fn sign(&self, request: &PostRequest, life: Life, credentials: &Credentials) -> Result<PresignedPost> {
        let time = life.start.to_datetime();
        let internal = |cause| Error::new(ErrorKind::Internal, "formatting a date").with_cause(cause);
        let date = time.format(format_description!("[year][month][day]")).map_err(internal)?;
        let amz_date = time
            .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
            .map_err(internal)?;
        let scope = format!("{}/{date}/{}/s3/aws4_request", credentials.access_key_id(), self.region);
        let mut fields = BTreeMap::from([
            ("Content-Type".to_owned(), request.content_type.clone()),
            ("key".to_owned(), request.object.key.to_string()),
            ("success_action_status".to_owned(), "201".to_owned()),
            ("x-amz-algorithm".to_owned(), "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential".to_owned(), scope),
            ("x-amz-date".to_owned(), amz_date),
        ]);
        if let Some(token) = credentials.session_token() {
            fields.insert("x-amz-security-token".to_owned(), token.to_owned());
        }
        let mut conditions = vec![
            json!({ "bucket": request.object.bucket }),
            json!(["content-length-range", request.min_bytes, request.max_bytes]),
        ];
        conditions.extend(fields.iter().map(|(name, value)| json!(["eq", format!("${name}"), value])));
        let policy = json!({ "expiration": life.end(), "conditions": conditions });
        let policy = STANDARD.encode(policy.to_string());
        let key = signing_key(credentials.secret_access_key(), &date, &self.region, "s3")?;
        fields.insert("x-amz-signature".to_owned(), hex::encode(hmac_sha256(&key, policy.as_bytes())?));
        fields.insert("policy".to_owned(), policy);
        Ok(PresignedPost { url: self.url(&request.object.bucket), fields, expires_at: life.end() })
    }
}

impl fmt::Debug for PostSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostSigner")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl PresignPost for PostSigner {
    async fn presign_post(&self, request: PostRequest, now: Timestamp) -> Result<PresignedPost> {
        if request.min_bytes > request.max_bytes {
            return Err(Error::new(ErrorKind::InvalidRequest, "an empty range of sizes"));
        }
        // S3 puts the name of the uploaded file in its place, so the key would not be the one that was signed.
        if request.object.key.as_str().contains("${filename}") {
            return Err(Error::new(ErrorKind::InvalidKey, "a key that S3 would change"));
        }
        let credentials = self.credentials.current(now).await?;
        // The life counts from the end of this second, so that what is promised is not over early.
        let from = Timestamp::from_millis(now.as_millis().saturating_add(999) / 1000 * 1000);
        let life = Life::bounded(from, request.expires_in, &credentials)?;
        self.sign(&request, life, &credentials)
    }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|cause| Error::new(ErrorKind::Internal, "HMAC key").with_cause(cause))?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().into())
}

/// The key of SigV4 for one day, region and service.
fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Result<[u8; 32]> {
    let key = hmac_sha256(format!("AWS4{secret}").as_bytes(), date.as_bytes())?;
    let key = hmac_sha256(&key, region.as_bytes())?;
    let key = hmac_sha256(&key, service.as_bytes())?;
    hmac_sha256(&key, b"aws4_request")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::provider::SharedCredentialsProvider;
    use serde_json::Value;
    use storage_core::key::StorageKey;
    use storage_core::ports::ObjectRef;

    use super::*;
    use crate::credentials::to_system_time;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn signer(endpoint: Option<&str>, expiry: Option<Timestamp>) -> PostSigner {
        let keys = Credentials::new(
            "AKIDEXAMPLE",
            SECRET,
            Some("session-canary".to_owned()),
            expiry.map(to_system_time),
            "test",
        );
        let settings = AwsSettings { endpoint: endpoint.map(str::to_owned), ..AwsSettings::new("us-east-1") };
        PostSigner::build(CredentialSource::new(SharedCredentialsProvider::new(keys)), &settings).unwrap()
    }

    fn request() -> PostRequest {
        let bucket = BucketName::parse("acme-staging").unwrap();
        let key = StorageKey::parse("temp/uploads/t/f/n \"é$").unwrap();
        PostRequest {
            object: ObjectRef::new(bucket, key),
            content_type: "image/png".to_owned(),
            min_bytes: 1,
            max_bytes: 5_000_000,
            expires_in: Duration::from_secs(900),
        }
    }

    fn decode(form: &PresignedPost) -> Value {
        serde_json::from_slice(&STANDARD.decode(&form.fields["policy"]).unwrap()).unwrap()
    }

    /// The example of "Deriving a signing key" in the reference of AWS, for `iam` on 2015-08-30.
    #[test]
    fn the_signing_key_is_that_of_the_documentation() {
        let key = signing_key(SECRET, "20150830", "us-east-1", "iam").unwrap();
        assert_eq!(hex::encode(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    /// The example of "POST with SigV4" in the S3 reference: its policy text is signed as it stands there.
    #[test]
    fn the_signature_of_a_policy_is_reproducible() {
        let key =
            signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20151229", "us-east-1", "s3").unwrap();
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let signature = hex::encode(hmac_sha256(&key, policy.as_bytes()).unwrap());
        assert_eq!(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }

    #[tokio::test]
    async fn every_field_that_is_sent_has_a_condition() {
        let now = Timestamp::from_millis(1_795_000_000_999);
        let form = signer(None, None).presign_post(request(), now).await.unwrap();
        let policy = decode(&form);
        let conditions = policy["conditions"].as_array().unwrap();
        for (name, value) in &form.fields {
            if name == "policy" || name == "x-amz-signature" {
                continue;
            }
            let expected = json!(["eq", format!("${name}"), value]);
            assert!(conditions.contains(&expected), "{name} has no condition");
        }
        assert!(conditions.contains(&json!({ "bucket": "acme-staging" })));
        assert!(conditions.contains(&json!(["content-length-range", 1, 5_000_000])));
        assert_eq!(conditions.len(), form.fields.len(), "two more conditions, two fields without one");
        assert_eq!(form.fields["x-amz-security-token"], "session-canary");
        assert_eq!(form.fields["x-amz-date"], "20261118T110641Z");
        assert_eq!(policy["expiration"], form.expires_at.to_string());
    }

    #[tokio::test]
    async fn urls_end_in_a_slash() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let form = signer(None, None).presign_post(request(), now).await.unwrap();
        assert_eq!(form.url, "https://acme-staging.s3.us-east-1.amazonaws.com/");
        let local = signer(Some("http://127.0.0.1:9000/"), None);
        assert_eq!(
            local.presign_post(request(), now).await.unwrap().url,
            "http://127.0.0.1:9000/acme-staging/"
        );
    }

    #[tokio::test]
    async fn a_key_that_s3_would_change_is_refused() {
        let mut request = request();
        request.object.key = StorageKey::parse("temp/${filename}").unwrap();
        let now = Timestamp::from_millis(1_795_000_000_000);
        let error = signer(None, None).presign_post(request, now).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey);
    }

    /// S3 looks at the policy and at the credentials; a form that says when it ends knows both.
    #[tokio::test]
    async fn g17_a_form_ends_with_its_credentials_and_never_before_it_says() {
        for millis in [0, 1, 500, 999] {
            let now = Timestamp::from_millis(1_795_000_000_000 + millis);
            let end = now + Duration::from_secs(120);
            let form = signer(None, Some(end)).presign_post(request(), now).await.unwrap();
            assert!(
                form.expires_at <= end && form.expires_at.since(now) > Duration::from_secs(118),
                "{millis}"
            );
            assert_eq!(decode(&form)["expiration"], form.expires_at.to_string());
            for long in [None, Some(now + Duration::from_secs(901)), Some(now + Duration::from_secs(36_000))]
            {
                let form = signer(None, long).presign_post(request(), now).await.unwrap();
                assert!(form.expires_at.since(now) >= request().expires_in, "{millis} {long:?}");
                assert_eq!(decode(&form)["expiration"], form.expires_at.to_string());
            }
            let over = signer(None, Some(now)).presign_post(request(), now).await.unwrap_err();
            assert_eq!(over.kind(), ErrorKind::StorageUnavailable);
        }
    }

    #[tokio::test]
    async fn debug_shows_no_secret() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let signer = signer(None, None);
        let form = signer.presign_post(request(), now).await.unwrap();
        let text = format!("{signer:?} {form:?}");
        assert!(!text.contains(SECRET) && !text.contains("canary") && !text.contains("AKID"));
    }
}
