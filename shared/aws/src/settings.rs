//! What a connection to AWS, or to a server that speaks its APIs, is made from. The caller reads the environment.

use std::fmt;
use std::time::Duration;

use storage_core::{Error, ErrorKind, Result};
use url::Url;

/// A text that `Debug` never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself. It is for signing and parsing, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// How retries are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retries {
    /// Exponential backoff with jitter, and a token bucket that stops retry storms.
    #[default]
    Standard,
    /// The same, and a rate limit on the client's side that throttling answers lower.
    Adaptive,
}

/// What a connection is made from.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// A server to use instead of AWS: a URL, or `host:port` whose scheme `use_ssl` gives. Buckets are then part of the
    /// path. `None` means AWS itself.
    pub endpoint: Option<String>,
    /// The access key id. Without it the SDK's default chain is asked: roles in the cloud, profiles on a laptop.
    pub access_key_id: Option<String>,
    /// The secret of `access_key_id`.
    pub secret_access_key: Option<Secret>,
    /// The session token of temporary keys.
    pub session_token: Option<Secret>,
    /// The account that must own every bucket. S3 refuses a call to a bucket of another account.
    pub bucket_owner: Option<String>,
    /// The storage class of objects that are written here, such as `INTELLIGENT_TIERING`; the bucket's default without it.
    pub storage_class: Option<String>,
    /// Whether certificates are verified. `false` is accepted only together with a plain-text endpoint, where it says
    /// nothing: the TLS client has no way to skip verification. A private authority belongs into the trust store
    /// (`SSL_CERT_FILE`).
    pub verify_ssl: bool,
    /// Whether an endpoint without a scheme is reached over TLS. AWS itself always is.
    pub use_ssl: bool,
    /// How often one call is repeated after throttling, server errors and lost connections.
    pub max_retries: u32,
    /// How the repetitions are spaced.
    pub retries: Retries,
    /// The longest one attempt may take, its body included where it is sent. DynamoDB, SQS and SSM are held to less.
    pub timeout: Duration,
    /// The longest one call may take with all its repetitions; a function that has to answer sets it below its deadline.
    /// `None` allows every repetition its full time.
    pub call_timeout: Option<Duration>,
    /// The longest opening a connection may take.
    pub connect_timeout: Duration,
    /// The most idle connections that are kept per host.
    pub max_pool_connections: usize,
}

impl AwsSettings {
    /// AWS itself in `region`, with the default chain of credentials, 3 retries, and 30 s per attempt.
    pub fn new(region: impl Into<String>) -> Self {
        AwsSettings {
            region: region.into(),
            endpoint: None,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            bucket_owner: None,
            storage_class: None,
            verify_ssl: true,
            use_ssl: true,
            max_retries: 3,
            retries: Retries::Standard,
            timeout: Duration::from_secs(30),
            call_timeout: None,
            connect_timeout: Duration::from_secs(3),
            max_pool_connections: 50,
        }
    }

    /// The endpoint as a URL without a slash at its end; an error for settings that cannot be honoured.
    pub(crate) fn endpoint_url(&self) -> Result<Option<String>> {
        let Some(endpoint) = self.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
            return if self.use_ssl && self.verify_ssl {
                Ok(None)
            } else {
                Err(invalid("AWS itself is only reached over verified TLS"))
            };
        };
        let scheme = if self.use_ssl { "https" } else { "http" };
        let text =
            if endpoint.contains("://") { endpoint.to_owned() } else { format!("{scheme}://{endpoint}") };
        let url = Url::parse(&text).map_err(|cause| invalid("the endpoint is no URL").with_cause(cause))?;
        let bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match (url.scheme(), url.host()) {
            ("http", Some(_)) if bare => {}
            ("https", Some(_)) if bare && self.verify_ssl => {}
            ("https", Some(_)) if bare => {
                return Err(invalid(
                    "certificates of an https endpoint are always verified: trust its authority",
                ));
            }
            _ => return Err(invalid("the endpoint is no plain http or https URL")),
        }
        Ok(Some(text.trim_end_matches('/').to_owned()))
    }

    /// Refuses settings that contradict each other.
    pub(crate) fn validate(&self) -> Result<()> {
        self.endpoint_url()?;
        if self.region.is_empty() {
            return Err(invalid("the region is empty"));
        }
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            return Err(invalid("an access key id and its secret come together"));
        }
        if self.timeout.is_zero() || self.connect_timeout.is_zero() {
            return Err(invalid("a timeout of zero"));
        }
        Ok(())
    }
}

/// A setting that stops the start.
pub(crate) fn invalid(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::StorageNotConfigured, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(endpoint: &str, use_ssl: bool, verify_ssl: bool) -> Result<Option<String>> {
        let settings = AwsSettings {
            endpoint: Some(endpoint.to_owned()),
            use_ssl,
            verify_ssl,
            ..AwsSettings::new("eu-central-1")
        };
        settings.endpoint_url()
    }

    #[test]
    fn an_endpoint_gets_the_scheme_that_is_configured() {
        assert_eq!(with("minio:9000", false, false).unwrap().unwrap(), "http://minio:9000");
        assert_eq!(with("minio:9000/", true, true).unwrap().unwrap(), "https://minio:9000");
        assert_eq!(with("http://[::1]:9000/", true, true).unwrap().unwrap(), "http://[::1]:9000");
        assert_eq!(AwsSettings::new("eu-central-1").endpoint_url().unwrap(), None);
    }

    #[test]
    fn what_cannot_be_honoured_stops_the_start() {
        for (endpoint, use_ssl, verify_ssl) in [
            ("https://minio:9000", true, false),
            ("https://127.0.0.1", true, false),
            ("ftp://minio", true, true),
            ("http://user:password@minio", true, true),
            ("http://", true, true),
            ("http://minio/?x=1", true, true),
        ] {
            let error = with(endpoint, use_ssl, verify_ssl).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageNotConfigured, "{endpoint}");
        }
        let plain = AwsSettings { use_ssl: false, ..AwsSettings::new("eu-central-1") };
        assert!(plain.validate().is_err());
        let half = AwsSettings { access_key_id: Some("AKIA".into()), ..AwsSettings::new("eu-central-1") };
        assert!(half.validate().is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let settings = AwsSettings {
            secret_access_key: Some(Secret::new("canary-1")),
            session_token: Some(Secret::new("canary-2")),
            ..AwsSettings::new("eu-central-1")
        };
        assert!(!format!("{settings:?}").contains("canary"));
    }
}
