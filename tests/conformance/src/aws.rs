//! Connections of `storage-aws` to servers on this machine.

use storage_aws::{Aws, AwsSettings, PostSigner, S3Backend, Secret};

/// The keys that the in-process servers accept.
pub(crate) const ACCESS_KEY: &str = "AKIACONFORMANCE";
/// The secret of [`ACCESS_KEY`].
pub(crate) const SECRET_KEY: &str = "conformance-secret";

/// Settings for a server at `endpoint`.
pub(crate) fn settings(endpoint: &str, access_key: &str, secret_key: &str) -> AwsSettings {
    AwsSettings {
        endpoint: Some(endpoint.to_owned()),
        access_key_id: Some(access_key.to_owned()),
        secret_access_key: Some(Secret::new(secret_key)),
        ..AwsSettings::new("us-east-1")
    }
}

/// The signer of calls to an in-process server.
pub async fn signer_for(endpoint: &str) -> PostSigner {
    PostSigner::new(&Aws::connect(&settings(endpoint, ACCESS_KEY, SECRET_KEY)).await.unwrap()).unwrap()
}

/// The S3 backend on an in-process server.
pub async fn s3_on(endpoint: &str) -> S3Backend {
    S3Backend::connect(&settings(endpoint, ACCESS_KEY, SECRET_KEY)).await.unwrap()
}
