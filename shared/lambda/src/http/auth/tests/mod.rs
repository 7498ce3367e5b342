mod keys;
mod tenants;
mod tokens;

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde_json::{Value, json};
use storage_core::ids::TenantId;
use storage_core::ports::Clock;
use storage_core::tenant::Isolation;
use storage_core::timestamp::Timestamp;
use storage_core::{ErrorKind, Result};

use super::*;
use crate::config::{AuthConfig, TenancyConfig};

const A: &str = "11111111-1111-4111-8111-111111111111";
const B: &str = "22222222-2222-4222-8222-222222222222";
const DEFAULT: &str = "33333333-3333-4333-8333-333333333333";
const NOW: i64 = 1_795_000_000;

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW * 1000)
    }
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Someone who signs.
struct Issuer {
    kid: &'static str,
    alg: &'static str,
    jwk: Value,
    sign: Sign,
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

static RSA: LazyLock<Issuer> = LazyLock::new(|| {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
    let jwk = json!({ "kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig",
        "n": base64url(&public.n), "e": base64url(&public.e) });
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    };
    Issuer { kid: "rsa", alg: "RS256", jwk, sign: Box::new(sign) }
});

static EC: LazyLock<Issuer> = LazyLock::new(|| {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref().to_vec();
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "ec",
        "x": base64url(&point[1..33]), "y": base64url(&point[33..]) });
    let sign = move |message: &[u8]| key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    Issuer { kid: "ec", alg: "ES256", jwk, sign: Box::new(sign) }
});

static ED: LazyLock<Issuer> = LazyLock::new(|| {
    let key = Ed25519KeyPair::generate().unwrap();
    let jwk =
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64url(key.public_key().as_ref()) });
    let sign = move |message: &[u8]| key.sign(message).as_ref().to_vec();
    Issuer { kid: "ed", alg: "EdDSA", jwk, sign: Box::new(sign) }
});

impl Issuer {
    /// A token of exactly these texts.
    fn raw(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = (self.sign)(signed.as_bytes());
        format!("{signed}.{}", base64url(&signature))
    }

    fn header(&self) -> String {
        json!({ "alg": self.alg, "kid": self.kid, "typ": "JWT" }).to_string()
    }

    fn token(&self, changes: Value) -> String {
        self.raw(&self.header(), &claims(changes).to_string())
    }
}

/// Good claims with some changed; `null` removes one.
fn claims(changes: Value) -> Value {
    let mut claims = json!({ "sub": "user-1", "iss": "https://auth.example.com", "aud": "storage",
        "exp": NOW + 600, "iat": NOW, "tenant_uuid": A });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn tenancy(multi_tenancy: bool, require_tenant_context: bool) -> TenancyConfig {
    TenancyConfig {
        multi_tenancy,
        require_tenant_context,
        default_tenant: TenantId::parse(DEFAULT).unwrap(),
        isolation: Isolation::Prefix,
        bucket_naming_pattern: String::new(),
    }
}

fn auth_config(keys: &[&Value]) -> AuthConfig {
    AuthConfig {
        issuer: "https://auth.example.com".to_owned(),
        audience: "storage".to_owned(),
        jwks_url: None,
        jwks: Some(json!({ "keys": keys }).to_string()),
        dev_key: None,
    }
}

fn authenticator(keys: &[&Value]) -> Authenticator {
    Authenticator::new(&auth_config(keys), &tenancy(true, true), None, Arc::new(Fixed)).unwrap()
}

fn headers(authorization: &str) -> HeaderMap {
    [("authorization", authorization)]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect::<HeaderMap>()
}

async fn present(authenticator: &Authenticator, authorization: &str) -> Result<Verified, ErrorKind> {
    let verified = authenticator.authenticate(&headers(authorization), "r-1", Fixed.now()).await;
    verified.map_err(|error| error.kind())
}

async fn bearer(token: &str) -> Result<Verified, ErrorKind> {
    let authenticator = authenticator(&[&RSA.jwk, &EC.jwk, &ED.jwk]);
    present(&authenticator, &format!("Bearer {token}")).await
}

const REFUSED: Result<Verified, ErrorKind> = Err(ErrorKind::Unauthenticated);
