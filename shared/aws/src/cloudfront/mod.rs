//! URLs for readers through CloudFront: open ones as they are, private ones with a canned policy.
//!
//! ECDSA signatures are random: signing twice gives two texts, and aws-lc-rs has no deterministic mode. So a signed URL
//! is remembered for its window. Within a process every caller gets one text; two processes may differ in the signature
//! alone, which CloudFront leaves out of its cache key. RSA signatures are equal everywhere.

mod cache;
mod key;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use storage_core::key::Visibility;
use storage_core::ports::{ResolvedUrl, UrlSigner, UrlTarget};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::settings::invalid;
use crate::window::Window;
use cache::SignedUrls;
pub use key::CloudFrontKey;

/// Everything in a path but unreserved characters and slashes.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Everything in a query's value but unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes URLs of one distribution.
#[derive(Clone)]
pub struct CloudFrontSigner {
    domain: String,
    keys: Arc<[CloudFrontKey]>,
    window: Window,
    signed: Arc<SignedUrls>,
}

impl CloudFrontSigner {
    /// URLs of `domain`, a bare host name. The first key signs; a second one is there so that both can be configured while
    /// keys change: CloudFront verifies with every key of its group, so URLs of the old one work until they end.
    ///
    /// Without keys only open URLs can be made, and a private target is `StorageNotConfigured`.
    pub fn new(domain: &str, keys: Vec<CloudFrontKey>, window: Window) -> Result<Self> {
        let valid = !domain.is_empty()
            && domain.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        if !valid {
            return Err(invalid("the domain of the distribution is no host name"));
        }
        Ok(CloudFrontSigner {
            domain: domain.to_ascii_lowercase(),
            keys: keys.into(),
            window,
            signed: Arc::default(),
        })
    }

    /// The URL that is signed: its query is part of it.
    fn resource(&self, target: &UrlTarget) -> String {
        let key = target.object.key.as_str();
        let tenant = target.tenant.to_string();
        // In a shared bucket the key starts with the tenant, as every delivery path does.
        let inside = key.strip_prefix(&tenant).is_some_and(|rest| rest.starts_with('/'));
        let path = utf8_percent_encode(key, PATH);
        let mut url = if inside {
            format!("https://{}/{path}", self.domain)
        } else {
            format!("https://{}/{tenant}/{path}", self.domain)
        };
        if let Some((disposition, name)) = &target.disposition {
            let value = name.content_disposition(*disposition);
            url.push_str(&format!("?response-content-disposition={}", utf8_percent_encode(&value, VALUE)));
        }
        url
    }

    fn sign(&self, resource: &str, end: i64) -> Result<String> {
        let key = self.keys.first().ok_or_else(|| {
            Error::new(ErrorKind::StorageNotConfigured, "a private URL needs a key of CloudFront")
        })?;
        let signature = key.sign(canned_policy(resource, end).as_bytes())?;
        let separator = if resource.contains('?') { '&' } else { '?' };
        let id = key.id();
        Ok(format!(
            "{resource}{separator}Expires={end}&Signature={signature}&Key-Pair-Id={id}&Hash-Algorithm=SHA256"
        ))
    }
}

/// The text that CloudFront builds from a URL and its `Expires` to verify the signature: without a single space.
fn canned_policy(resource: &str, end: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{end}}}}}}}]}}"#
    )
}

impl fmt::Debug for CloudFrontSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CloudFrontSigner")
            .field("domain", &self.domain)
            .field("keys", &self.keys)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl UrlSigner for CloudFrontSigner {
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> Result<ResolvedUrl> {
        let resource = self.resource(target);
        match target.visibility {
            Visibility::Public => Ok(ResolvedUrl { url: resource, expires_at: None }),
            Visibility::Private => {
                let expires_at = self.window.end(now);
                let end = expires_at.as_seconds();
                let url = self.signed.get_or_sign(&resource, end, || self.sign(&resource, end))?;
                Ok(ResolvedUrl { url, expires_at: Some(expires_at) })
            }
        }
    }
}
