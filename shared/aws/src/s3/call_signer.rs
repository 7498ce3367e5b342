//! URLs for single calls of the S3 API that a browser makes itself.
//!
//! The SDK presigns some calls only, and none of those that begin, list, complete or abort an upload in parts. Only the
//! host is signed besides method, path and query: browsers add headers of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use storage_core::ports::{ObjectRef, PresignParts, PresignedUrl, RawCall};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::post_policy::PostSigner;
use crate::credentials::{Life, to_system_time};

/// Everything but what SigV4 leaves as it is, and the slashes between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The same without slashes.
const QUERY: &AsciiSet = &PATH.add(b'/');

/// The method and the query of a call.
fn request_line(call: &RawCall) -> (&'static str, String) {
    let encoded = |id: &str| utf8_percent_encode(id, QUERY).to_string();
    match call {
        RawCall::Put => ("PUT", String::new()),
        RawCall::Create => ("POST", "uploads=".to_owned()),
        RawCall::Part(upload, number) => {
            ("PUT", format!("partNumber={number}&uploadId={}", encoded(&upload.0)))
        }
        RawCall::Parts(upload) => ("GET", format!("uploadId={}", encoded(&upload.0))),
        RawCall::Complete(upload) => ("POST", format!("uploadId={}", encoded(&upload.0))),
        RawCall::Abort(upload) => ("DELETE", format!("uploadId={}", encoded(&upload.0))),
    }
}

impl PostSigner {
    fn sign_call(
        &self,
        object: &ObjectRef,
        call: &RawCall,
        content_type: Option<&str>,
        life: Life,
        credentials: &Credentials,
    ) -> Result<String> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Internal, "presigning a call").with_cause(cause)
        };
        let (method, query) = request_line(call);
        let path = utf8_percent_encode(object.key.as_str(), PATH);
        let mut url = format!("{}{path}", self.url(&object.bucket));
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(life.length);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region())
            .name("s3")
            .time(to_system_time(life.start))
            .settings(settings)
            .build()
            .map_err(|cause| failed(cause.into()))?
            .into();
        let headers = content_type.map(|content_type| ("content-type", content_type));
        let request = SignableRequest::new(method, &*url, headers.into_iter(), SignableBody::UnsignedPayload)
            .map_err(|cause| failed(cause.into()))?;
        let (signed, _) = sign(request, &parameters).map_err(|cause| failed(cause.into()))?.into_parts();
        for (name, value) in signed.params() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{name}={}", utf8_percent_encode(value, QUERY)));
        }
        Ok(url)
    }
}

#[async_trait]
impl PresignParts for PostSigner {
    async fn presign_call(
        &self,
        object: &ObjectRef,
        call: &RawCall,
        content_type: Option<&str>,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl> {
        let credentials = self.credentials(now).await?;
        let life = Life::bounded(now, expires_in, &credentials)?;
        let url = self.sign_call(object, call, content_type, life, &credentials)?;
        let headers = content_type.map(|text| ("content-type".to_owned(), text.to_owned()));
        let headers: BTreeMap<_, _> = headers.into_iter().collect();
        Ok(PresignedUrl { url, headers, expires_at: life.end() })
    }
}
