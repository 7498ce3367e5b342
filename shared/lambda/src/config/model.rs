//! What the configuration says once it is read. Every value is already valid for its type.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use storage_core::ids::{BucketName, TenantId};
use storage_core::key::{StorageKey, Visibility};
use storage_core::ports::ImageLimits;
use storage_core::record::Purpose;
use storage_core::tenant::Isolation;
use url::Url;

use super::reader::Source;
use super::secret::{Secret, SecretSource};

/// Which kind of deployment this is. Staging and production refuse weak settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// A laptop or a test.
    Development,
    /// A rehearsal, as strict as production.
    Staging,
    /// The real thing.
    Production,
}

impl Environment {
    /// Whether weak settings are refused.
    pub fn is_strict(self) -> bool {
        self != Environment::Development
    }
}

/// Where final objects lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Files under [`Config::local_root`].
    Local,
    /// S3, or a service that speaks it.
    S3,
}

/// Everything the environment says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether storage is on; if not, routes answer `STORAGE_NOT_CONFIGURED`.
    pub enabled: bool,
    /// Which kind of deployment.
    pub environment: Environment,
    /// Where final objects lie.
    pub backend: Backend,
    /// The folder of the local backend.
    pub local_root: PathBuf,
    /// Buckets and what new objects get.
    pub buckets: BucketConfig,
    /// How S3 is reached.
    pub s3: S3Config,
    /// The table and the queue.
    pub metadata: MetadataConfig,
    /// Who owns what.
    pub tenancy: TenancyConfig,
    /// Which bearer tokens are believed.
    pub auth: AuthConfig,
    /// The keys of sealed ids, cursors and tickets; `None` in development, where the caller makes some.
    pub seal_keys: Option<SecretSource>,
    /// Which URLs clients get.
    pub delivery: DeliveryConfig,
    /// Sizes.
    pub limits: LimitsConfig,
    /// Scans for malware.
    pub scan: ScanConfig,
    /// The sweep.
    pub cleanup: CleanupConfig,
    /// Readiness.
    pub health: HealthConfig,
    /// Logging.
    pub log: LogConfig,
    /// The tenant the command line acts for, as written.
    pub cli_tenant: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) sources: Vec<Source>,
}

impl Config {
    /// What is allowed but should be known; logged once at start. It names variables and shows no secret.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Which spelling of each variable gave its value, in the order in which they were read.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }
}

/// Buckets and what new objects get.
#[derive(Clone, Debug)]
pub struct BucketConfig {
    /// The bucket of files whose tenant has none of its own.
    pub files: BucketName,
    /// The one bucket that browsers upload to.
    pub staging: BucketName,
    /// A prefix for every key.
    pub base_path: Option<StorageKey>,
    /// The account that must own every bucket.
    pub owner: Option<String>,
    /// The visibility of uploads that do not say.
    pub default_visibility: Visibility,
    /// The storage class of final objects.
    pub storage_class: StorageClass,
}

/// The storage classes whose objects can be read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageClass {
    /// `STANDARD`.
    Standard,
    /// `INTELLIGENT_TIERING`.
    IntelligentTiering,
    /// `STANDARD_IA`.
    StandardInfrequentAccess,
    /// `ONEZONE_IA`.
    OneZoneInfrequentAccess,
    /// `GLACIER_IR`.
    GlacierInstantRetrieval,
}

impl StorageClass {
    /// Every class, with the name S3 gives it.
    pub const ALL: &'static [(&'static str, StorageClass)] = &[
        ("STANDARD", StorageClass::Standard),
        ("INTELLIGENT_TIERING", StorageClass::IntelligentTiering),
        ("STANDARD_IA", StorageClass::StandardInfrequentAccess),
        ("ONEZONE_IA", StorageClass::OneZoneInfrequentAccess),
        ("GLACIER_IR", StorageClass::GlacierInstantRetrieval),
    ];

    /// The name S3 gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            StorageClass::Standard => "STANDARD",
            StorageClass::IntelligentTiering => "INTELLIGENT_TIERING",
            StorageClass::StandardInfrequentAccess => "STANDARD_IA",
            StorageClass::OneZoneInfrequentAccess => "ONEZONE_IA",
            StorageClass::GlacierInstantRetrieval => "GLACIER_IR",
        }
    }
}

/// How S3 is reached.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// The region.
    pub region: String,
    /// A service in place of AWS; it is addressed path-style.
    pub endpoint: Option<Url>,
    /// Access key id and secret; `None` leaves them to the AWS default chain.
    pub credentials: Option<(Secret, Secret)>,
    /// Whether certificates are checked.
    pub verify_ssl: bool,
    /// The most idle connections to one host.
    pub max_pool_connections: usize,
    /// How often a failed call is repeated.
    pub max_retries: u32,
    /// How the SDK paces repetitions.
    pub retry_mode: RetryMode,
    /// The most time for one call with all its retries.
    pub timeout: Duration,
}

/// How the SDK paces repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryMode {
    /// Exponential, with jitter and a budget.
    Standard,
    /// The same, and the client slows down when it is throttled.
    Adaptive,
}

/// The table and the queue.
#[derive(Clone, Debug)]
pub struct MetadataConfig {
    /// The DynamoDB table.
    pub table: String,
    /// A service in place of AWS.
    pub dynamodb_endpoint: Option<Url>,
    /// The queue that wakes `process-upload`.
    pub ingest_queue_url: Option<Url>,
    /// In development: where `process-upload` is invoked instead.
    pub ingest_invoke_url: Option<Url>,
}

/// Who owns what.
#[derive(Clone, Debug)]
pub struct TenancyConfig {
    /// Whether the token names the tenant.
    pub multi_tenancy: bool,
    /// Whether a request without a tenant is refused.
    pub require_tenant_context: bool,
    /// The tenant of everything else.
    pub default_tenant: TenantId,
    /// What a new tenant gets.
    pub isolation: Isolation,
    /// The name of a new tenant's bucket, with its placeholder.
    pub bucket_naming_pattern: String,
}

/// Which bearer tokens are believed.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Their `iss`.
    pub issuer: String,
    /// One of their `aud`.
    pub audience: String,
    /// Where the issuer's keys are published.
    pub jwks_url: Option<Url>,
    /// The issuer's keys themselves, a JWK set.
    pub jwks: Option<String>,
    /// The private JWK of development.
    pub dev_key: Option<Secret>,
}

/// Which URLs clients get.
#[derive(Clone, Debug)]
pub struct DeliveryConfig {
    /// The origin of this API, without a slash at its end.
    pub public_base_url: Option<String>,
    /// The browser origins that may call it, exactly as browsers send them; `*` in development.
    pub allowed_origins: Vec<String>,
    /// The distribution.
    pub cdn: Option<CdnConfig>,
    /// How long a reader's signed URL works at least.
    pub url_life: Duration,
    /// Within which readers get the same one.
    pub url_window: Duration,
    /// How long an upload form works.
    pub presign_expiry: Duration,
    /// Whether the sizes of an avatar are also made as WebP.
    pub avatar_webp: bool,
}

/// The distribution.
#[derive(Clone, Debug)]
pub struct CdnConfig {
    /// Its host name.
    pub domain: String,
    /// The id of the public key whose private half signs.
    pub key_pair_id: String,
    /// The private keys, PEM.
    pub private_keys: SecretSource,
}

/// Sizes.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// The most bytes of an avatar.
    pub avatar_max_bytes: u64,
    /// The most bytes of an attachment.
    pub attachment_max_bytes: u64,
    /// Up to how many bytes an upload is one form.
    pub post_max_bytes: u64,
    /// The most bytes of all files of a tenant whose own limits do not say.
    pub tenant_max_bytes: Option<u64>,
    /// How many uploads one caller may issue a minute.
    pub issues_per_minute: Option<u64>,
    /// The most bytes of a file in a request body.
    pub direct_max_bytes: u64,
    /// The most bytes of a JSON body.
    pub json_max_bytes: usize,
    /// Of images.
    pub images: ImageLimits,
}

/// Scans for malware.
#[derive(Clone, Debug, Default)]
pub struct ScanConfig {
    /// The purposes whose uploads are scanned before they become readable.
    pub scanned: BTreeSet<Purpose>,
    /// In development: the daemon that scans.
    pub clamd: Option<ClamdSocket>,
}

/// Where ClamAV's daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdSocket {
    /// A Unix socket.
    Unix(PathBuf),
    /// An address of this machine.
    Tcp(SocketAddr),
}

/// The sweep.
#[derive(Clone, Debug)]
pub struct CleanupConfig {
    /// Whether it removes anything.
    pub enabled: bool,
    /// How long a trashed file can be restored.
    pub retention: Duration,
    /// How long an export is kept.
    pub export_life: Duration,
    /// Five cron fields, UTC.
    pub schedule: String,
}

/// Readiness.
#[derive(Clone, Debug)]
pub struct HealthConfig {
    /// Whether it asks the dependencies.
    pub enabled: bool,
    /// The most time one may take.
    pub timeout: Duration,
}

/// Logging.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// A level or a filter.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
