//! Public keys as JWKs, each bound to the one algorithm it may verify.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use storage_core::{Error, ErrorKind, Result};

use crate::config::Secret;

/// The most bytes of a JWK set.
const MAX_BYTES: usize = 64 * 1024;
/// The most keys of a set.
const MAX_KEYS: usize = 32;

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

/// A key and the algorithm it verifies. No token can choose another.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

impl Key {
    /// The `alg` a token must name.
    pub(super) fn algorithm_name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            _ => "EdDSA",
        }
    }
}

/// The keys that are believed.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.algorithm_name()))).finish()
    }
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds or purposes, weak ones, and such whose private half is published are left
    /// out; a set that is no JSON of the right shape is an error.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::Internal, "the JWK set cannot be read");
        if bytes.len() > MAX_BYTES {
            return Err(invalid());
        }
        let set: JwkSet = serde_json::from_slice(bytes).map_err(|_| invalid())?;
        let mut keys: Vec<Key> = Vec::new();
        for value in set.keys.into_iter().take(MAX_KEYS) {
            let jwk = serde_json::from_value::<Jwk>(value).ok().filter(|jwk| jwk.d.is_none());
            if let Some(key) = jwk.and_then(read) {
                // Of two keys with one name only the first counts.
                if key.kid.is_none() || keys.iter().all(|known| known.kid != key.kid) {
                    keys.push(key);
                }
            }
        }
        Ok(KeySet { keys })
    }

    /// Reads the private JWK of development; only its public half is kept.
    pub fn parse_dev_key(jwk: &Secret) -> Result<Self> {
        let jwk = serde_json::from_str::<Jwk>(jwk.expose()).ok();
        let key = jwk.and_then(|jwk| read(Jwk { usage: None, key_ops: None, ..jwk }));
        let key = key.ok_or_else(|| Error::new(ErrorKind::Internal, "the development key cannot be read"))?;
        Ok(KeySet { keys: vec![key] })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// These keys and those.
    #[must_use]
    pub fn and(mut self, other: KeySet) -> Self {
        self.keys.extend(other.keys);
        self
    }

    /// The key a token names. Without a name, the key if there is just one.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match (kid, self.keys.as_slice()) {
            (Some(_), keys) => keys.iter().find(|key| key.kid.as_deref() == kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

fn read(jwk: Jwk) -> Option<Key> {
    let for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let may_verify = jwk.key_ops.as_ref().is_none_or(|operations| {
        operations.iter().any(|operation| operation == "verify" || operation == "sign")
    });
    if !for_signatures || !may_verify {
        return None;
    }
    let declares = |algorithm: &str| jwk.alg.as_deref().is_none_or(|declared| declared == algorithm);
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let (algorithm, decoding) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", None) if declares("RS256") => {
            let (modulus, exponent) = (bytes(&jwk.n)?, bytes(&jwk.e)?);
            let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
            if !(256..=1024).contains(&significant) || exponent.len() > 5 {
                return None;
            }
            (Algorithm::RS256, DecodingKey::from_rsa_raw_components(&modulus, &exponent))
        }
        ("EC", Some("P-256")) if declares("ES256") => {
            if bytes(&jwk.x)?.len() != 32 || bytes(&jwk.y)?.len() != 32 {
                return None;
            }
            (Algorithm::ES256, DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?).ok()?)
        }
        ("OKP", Some("Ed25519")) if declares("EdDSA") || declares("Ed25519") => {
            if bytes(&jwk.x)?.len() != 32 {
                return None;
            }
            (Algorithm::EdDSA, DecodingKey::from_ed_components(jwk.x.as_deref()?).ok()?)
        }
        _ => return None,
    };
    Some(Key { kid: jwk.kid, algorithm, decoding })
}
