//! Who may call: the keys that the gateway was given.

use s3s::auth::{S3Auth, SecretKey, SimpleAuth};
use s3s::{S3Result, s3_error};

/// Known keys. `s3s` has a code of its own for an unknown one; S3's is `InvalidAccessKeyId`.
pub(super) struct Credentials(pub(super) SimpleAuth);

#[async_trait::async_trait]
impl S3Auth for Credentials {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let unknown = |_| s3_error!(InvalidAccessKeyId, "The access key is not known.");
        self.0.get_secret_key(access_key).await.map_err(unknown)
    }
}
