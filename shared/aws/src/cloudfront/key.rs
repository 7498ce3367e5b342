//! A private key of a CloudFront key group: ECDSA P-256 or RSA 2048.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use storage_core::{Error, ErrorKind, Result};

use crate::settings::{Secret, invalid};

/// A key and the id CloudFront knows its public half by.
#[derive(Clone)]
pub struct CloudFrontKey {
    id: String,
    pair: Arc<Pair>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl CloudFrontKey {
    /// Reads a PEM private key: PKCS#8, SEC1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), unencrypted.
    ///
    /// `StorageNotConfigured` for anything else, and for the curves and sizes that CloudFront does not take.
    pub fn parse(id: &str, pem: &Secret) -> Result<Self> {
        let valid_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !valid_id {
            return Err(invalid("the id of a CloudFront key"));
        }
        // The cause is left out: a parser may quote what it could not read.
        let blocks = pem::parse_many(pem.expose()).map_err(|_| invalid("a CloudFront key is no PEM"))?;
        let pair = blocks.iter().find_map(|block| match block.tag() {
            "PRIVATE KEY" => Pair::pkcs8(block.contents()),
            "EC PRIVATE KEY" => {
                EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, block.contents())
                    .ok()
                    .map(Pair::Ecdsa)
            }
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(block.contents()).ok().map(Pair::Rsa),
            // `openssl ecparam` writes the parameters of the curve in front of the key.
            _ => None,
        });
        match pair {
            Some(Pair::Rsa(pair)) if pair.public_modulus_len() != KeySize::Rsa2048.len() => {
                Err(invalid("CloudFront takes RSA keys of 2048 bits only"))
            }
            Some(pair) => Ok(CloudFrontKey { id: id.to_owned(), pair: Arc::new(pair) }),
            None => Err(invalid("a CloudFront key is neither ECDSA P-256 nor RSA")),
        }
    }

    /// The id in URLs.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The signature of `message` in CloudFront's alphabet.
    pub(super) fn sign(&self, message: &[u8]) -> Result<String> {
        let failed = |_| Error::new(ErrorKind::Internal, "signing with a CloudFront key");
        let random = SystemRandom::new();
        let signature = match self.pair.as_ref() {
            Pair::Ecdsa(pair) => pair.sign(&random, message).map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                signature
            }
        };
        Ok(STANDARD.encode(signature).replace('+', "-").replace('=', "_").replace('/', "~"))
    }
}

impl Pair {
    fn pkcs8(der: &[u8]) -> Option<Pair> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map(Pair::Ecdsa)
            .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa))
            .ok()
    }
}

impl fmt::Debug for CloudFrontKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CloudFrontKey").field("id", &self.id).finish_non_exhaustive()
    }
}
