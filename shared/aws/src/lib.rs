//! S3, DynamoDB, SQS, SSM and CloudFront behind the ports of storage-core.
//!
//! Nothing above this crate names an SDK type: [`Aws`] holds the connection, and every port is made from it. Nothing here
//! reads the environment, but for the SDK's own default chain of credentials.

mod client;
mod cloudfront;
mod credentials;
mod dynamodb;
mod http_fetch;
mod presign_signer;
mod retry;
mod s3;
mod settings;
mod sqs;
mod ssm;
mod window;

#[cfg(test)]
mod test_support;

pub use client::Aws;
pub use cloudfront::{CloudFrontKey, CloudFrontSigner};
pub use dynamodb::DynamoStore;
pub use http_fetch::{FETCH_LIMIT, Fetcher};
pub use presign_signer::PresignSigner;
pub use s3::{GuardDutyTags, PostSigner, S3Backend, guard_duty_verdict};
pub use settings::{AwsSettings, Retries, Secret};
pub use sqs::{SqsQueue, reenqueued_event};
pub use ssm::SecretReader;
pub use window::Window;
