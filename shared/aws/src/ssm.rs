//! Secrets from the SSM parameter store, read once in init.

use std::fmt;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use storage_core::{Error, ErrorKind, Result};

use crate::client::Aws;
use crate::settings::Secret;

/// Reads `SecureString` parameters.
#[derive(Clone)]
pub struct SecretReader {
    client: Client,
}

impl SecretReader {
    /// A reader over a connection that other ports share.
    pub fn new(aws: &Aws) -> Self {
        SecretReader { client: aws.ssm() }
    }

    /// The decrypted value of a parameter.
    ///
    /// `StorageNotConfigured` where there is no such parameter; `Internal` where the store did not answer.
    pub async fn read_secret(&self, name: &str) -> Result<Secret> {
        let answer = self.client.get_parameter().name(name).with_decryption(true).send().await;
        let answer = answer.map_err(|failure| {
            let missing = matches!(failure.as_service_error(), Some(GetParameterError::ParameterNotFound(_)));
            let kind = if missing { ErrorKind::StorageNotConfigured } else { ErrorKind::Internal };
            Error::new(kind, format!("GetParameter {name}")).with_cause(failure)
        })?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        let value = value.ok_or_else(|| Error::new(ErrorKind::Internal, "GetParameter: no value"))?;
        Ok(Secret::new(value))
    }
}

impl fmt::Debug for SecretReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretReader")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Answer, Canned};

    async fn read(status: u16, body: &'static str) -> (Result<Secret>, Canned) {
        let server = Canned::start(move |_| Answer::new(status, body)).await;
        let reader = SecretReader::new(&Aws::connect(&server.settings()).await.unwrap());
        (reader.read_secret("/stowage/seal-keys").await, server)
    }

    #[tokio::test]
    async fn a_secret_is_read_decrypted_and_never_shown() {
        let (secret, server) = read(200, r#"{"Parameter":{"Name":"n","Value":"canary"}}"#).await;
        let secret = secret.unwrap();
        assert_eq!(secret.expose(), "canary");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let asked: serde_json::Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
        assert_eq!(asked, serde_json::json!({ "Name": "/stowage/seal-keys", "WithDecryption": true }));
    }

    #[tokio::test]
    async fn a_missing_parameter_is_a_missing_setting() {
        let (secret, _server) = read(400, r#"{"__type":"ParameterNotFound"}"#).await;
        assert_eq!(secret.unwrap_err().kind(), ErrorKind::StorageNotConfigured);
        let (secret, _server) = read(400, r#"{"__type":"AccessDeniedException"}"#).await;
        assert_eq!(secret.unwrap_err().kind(), ErrorKind::Internal);
    }
}
