//! An issuer of bearer tokens whose key lives as long as the test: any header, any claims, any damage.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use storage_core::ids::TenantId;
use storage_core::timestamp::Timestamp;
use uuid::Uuid;

/// The `iss` of [`Issuer::claims`].
pub const ISSUER: &str = "https://issuer.example.com/";
/// The `aud` of [`Issuer::claims`].
pub const AUDIENCE: &str = "stowage";

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// An issuer with one key.
pub struct Issuer {
    key: Key,
    kid: String,
}

impl Issuer {
    /// An issuer that signs with a new P-256 key.
    pub fn es256() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Issuer { key: Key::Es256(key), kid: Uuid::new_v4().to_string() }
    }

    /// An issuer that signs with a new Ed25519 key.
    pub fn ed_dsa() -> Self {
        Issuer { key: Key::EdDsa(Ed25519KeyPair::generate().unwrap()), kid: Uuid::new_v4().to_string() }
    }

    /// The id of its key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The name of its algorithm in token headers.
    pub fn algorithm(&self) -> &'static str {
        match &self.key {
            Key::Es256(_) => "ES256",
            Key::EdDsa(_) => "EdDSA",
        }
    }

    /// Its public key as a JSON Web Key.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Es256(key) => {
                // An uncompressed point: 4, x, y.
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..65]) })
            }
            Key::EdDsa(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().as_ref()) })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm());
        jwk["use"] = json!("sig");
        jwk
    }

    /// Its key set, as an issuer serves it.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// Good claims of an ordinary user of `tenant` for an hour from `now`. Tests change what they are about.
    pub fn claims(tenant: TenantId, subject: &str, now: Timestamp) -> Value {
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now.as_seconds(),
            "exp": (now + Duration::from_secs(3600)).as_seconds(),
            "tenant_uuid": tenant.to_string(),
            "tenant_slug": "acme",
            "roles": ["user"],
        })
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with_header(&self.header(), claims)
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": self.algorithm(), "kid": self.kid })
    }

    /// A properly signed token with any header: another `alg`, no `kid`, a `crit`.
    pub fn token_with_header(&self, header: &Value, claims: &Value) -> String {
        self.token_of_texts(&header.to_string(), &claims.to_string())
    }

    /// A properly signed token of two texts, which need not be JSON: repeated members, numbers no JSON value holds.
    pub fn token_of_texts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = match &self.key {
            Key::Es256(key) => key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
            Key::EdDsa(key) => key.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", encode(&signature))
    }
}

/// A token with `alg: none` and an empty signature.
pub fn unsigned_token(claims: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "none" }).to_string();
    format!("{}.{}.", encode(header.as_bytes()), encode(claims.to_string().as_bytes()))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
    use storage_core::ports::{Clock, SystemClock};

    use super::*;
    use crate::records::new_tenant;

    /// The verified claims, by the key set of `issuer`.
    fn verify(issuer: &Issuer, token: &str, algorithm: Algorithm) -> Option<Value> {
        let keys: JwkSet = serde_json::from_value(issuer.jwks()).unwrap();
        let jwk = keys.find(&decode_header(token).ok()?.kid?)?;
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let decoded = decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation);
        decoded.ok().map(|decoded| decoded.claims)
    }

    #[test]
    fn tokens_verify_by_the_published_keys_and_no_others() {
        let claims = Issuer::claims(new_tenant(), "user-1", SystemClock.now());
        for (issuer, other, algorithm) in [
            (Issuer::es256(), Issuer::es256(), Algorithm::ES256),
            (Issuer::ed_dsa(), Issuer::ed_dsa(), Algorithm::EdDSA),
        ] {
            let token = issuer.token(&claims);
            assert_eq!(verify(&issuer, &token, algorithm), Some(claims.clone()));
            assert_eq!(verify(&other, &token, algorithm), None);
            let foreign = other.token_with_header(&issuer.header(), &claims);
            assert_eq!(verify(&issuer, &foreign, algorithm), None);
            assert_eq!(verify(&issuer, &unsigned_token(&claims), algorithm), None);
        }
    }
}
