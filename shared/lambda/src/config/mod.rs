//! The configuration: read once at start from documented variables, checked as a whole, then passed by value.

pub mod names;
pub mod secret;

mod load;
mod model;
mod reader;
mod strict;
#[cfg(test)]
mod tests;

pub use model::{
    AuthConfig, Backend, BucketConfig, CdnConfig, ClamdSocket, CleanupConfig, Config, DeliveryConfig,
    Environment, HealthConfig, LimitsConfig, LogConfig, LogFormat, MetadataConfig, RetryMode, S3Config,
    ScanConfig, StorageClass, TenancyConfig,
};
pub use reader::{ConfigErrors, Problem, Source};
pub use secret::{Redacted, SealKey, Secret, SecretSource, parse_seal_keys};
