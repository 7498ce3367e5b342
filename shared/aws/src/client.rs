//! The connection: one HTTP client, one chain of credentials, and the limits every call has.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use storage_core::Result;

use crate::credentials::CredentialSource;
use crate::retry::{DynamoRetries, S3Retries};
use crate::settings::{AwsSettings, Retries, invalid};

/// The longest attempt of a call that answers in milliseconds when all is well: DynamoDB, SQS, SSM.
const SHORT: Duration = Duration::from_secs(3);
/// The first pause before a repetition; later ones double, and jitter shortens each.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A connection that all ports of a process are made from. A clone shares the HTTP client and the credentials.
#[derive(Clone)]
pub struct Aws {
    config: SdkConfig,
    settings: Arc<AwsSettings>,
    credentials: CredentialSource,
}

impl Aws {
    /// Prepares a connection; nothing is sent. `StorageNotConfigured` for settings that cannot be honoured.
    pub async fn connect(settings: &AwsSettings) -> Result<Aws> {
        let keys = match (&settings.access_key_id, &settings.secret_access_key) {
            (Some(id), Some(secret)) => {
                let token = settings.session_token.as_ref().map(|token| token.expose().to_owned());
                let keys = Credentials::new(id, secret.expose(), token, None, "settings");
                Some(SharedCredentialsProvider::new(keys))
            }
            _ => None,
        };
        Self::build(settings, keys).await
    }

    pub(crate) async fn build(
        settings: &AwsSettings,
        provider: Option<SharedCredentialsProvider>,
    ) -> Result<Aws> {
        settings.validate()?;
        let http = aws_smithy_http_client::Builder::new()
            .pool_max_idle_per_host(settings.max_pool_connections)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .http_client(http)
            .retry_config(retries(settings))
            .timeout_config(timeouts(settings, settings.timeout))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(provider) = provider {
            loader = loader.credentials_provider(provider);
        }
        if let Some(endpoint) = settings.endpoint_url()? {
            loader = loader.endpoint_url(endpoint);
        }
        let config = loader.load().await;
        let provider = config.credentials_provider().ok_or_else(|| invalid("no credentials provider"))?;
        Ok(Aws { config, settings: Arc::new(settings.clone()), credentials: CredentialSource::new(provider) })
    }

    /// The same connection to another server, such as a local DynamoDB beside a local S3. `None` is AWS itself.
    pub fn with_endpoint(&self, endpoint: Option<&str>) -> Result<Aws> {
        let settings = AwsSettings {
            endpoint: endpoint.map(str::to_owned),
            // What is true of another server's certificates is not true of AWS.
            use_ssl: endpoint.is_none() || self.settings.use_ssl,
            verify_ssl: endpoint.is_none() || self.settings.verify_ssl,
            ..(*self.settings).clone()
        };
        let mut builder = self.config.clone().into_builder();
        builder.set_endpoint_url(settings.endpoint_url()?);
        Ok(Aws {
            config: builder.build(),
            settings: Arc::new(settings),
            credentials: self.credentials.clone(),
        })
    }

    /// What it was made from.
    pub fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    pub(crate) fn credentials(&self) -> CredentialSource {
        self.credentials.clone()
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.settings.endpoint.is_some())
            .retry_classifier(S3Retries)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config)
            .timeout_config(self.short())
            .retry_classifier(DynamoRetries)
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config).timeout_config(self.short()).build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        let config = aws_sdk_ssm::config::Builder::from(&self.config).timeout_config(self.short()).build();
        aws_sdk_ssm::Client::from_conf(config)
    }

    fn short(&self) -> TimeoutConfig {
        timeouts(&self.settings, self.settings.timeout.min(SHORT))
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Aws").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn retries(settings: &AwsSettings) -> RetryConfig {
    let config = match settings.retries {
        Retries::Standard => RetryConfig::standard(),
        Retries::Adaptive => RetryConfig::adaptive(),
    };
    config
        .with_max_attempts(settings.max_retries.saturating_add(1))
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE)
}

/// The whole of a call is bounded too: its attempts and the pauses between them.
fn timeouts(settings: &AwsSettings, attempt: Duration) -> TimeoutConfig {
    let attempts = settings.max_retries.saturating_add(1);
    let every_attempt = attempt.saturating_mul(attempts).saturating_add(LONGEST_PAUSE);
    TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(attempt)
        .operation_timeout(settings.call_timeout.map_or(every_attempt, |limit| limit.min(every_attempt)))
        .build()
}
