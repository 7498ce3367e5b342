//! Secrets of this checkout, made on the first run and kept in `.local/`.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::workspace::Local;
use crate::{Outcome, during};

/// Everything that stays the same from run to run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    /// The PKCS#8 key that signs tokens, in base64.
    pub(crate) token_key: String,
    pub(crate) token_key_id: String,
    pub(crate) seal_keys: String,
    pub(crate) tenant: Uuid,
    pub(crate) other_tenant: Uuid,
    pub(crate) user: Uuid,
    pub(crate) other_user: Uuid,
    pub(crate) agent: Uuid,
}

impl Keys {
    /// Those of the last run, or new ones.
    pub(crate) fn load_or_make(local: &Local) -> Outcome<Self> {
        if let Ok(text) = std::fs::read_to_string(local.path("keys.json")) {
            return during(
                ".local/keys.json is damaged; remove it to start anew",
                serde_json::from_str(&text),
            );
        }
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| "cannot make a key".to_owned())?;
        let keys = Keys {
            access_key: format!("DEV{}", Uuid::new_v4().simple().to_string()[..17].to_uppercase()),
            secret_key: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            token_key: STANDARD.encode(pkcs8.as_ref()),
            token_key_id: format!("dev-{}", &Uuid::new_v4().simple().to_string()[..8]),
            seal_keys: format!(
                "1:{}",
                STANDARD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat())
            ),
            tenant: Uuid::new_v4(),
            other_tenant: Uuid::new_v4(),
            user: Uuid::new_v4(),
            other_user: Uuid::new_v4(),
            agent: Uuid::new_v4(),
        };
        local.write("keys.json", &during("keys", serde_json::to_string_pretty(&keys))?)?;
        Ok(keys)
    }

    /// The PKCS#8 form of the token key.
    pub(crate) fn token_pkcs8(&self) -> Outcome<Vec<u8>> {
        during("the token key of .local/keys.json", STANDARD.decode(&self.token_key))
    }

    /// The public half of the token key, as a JWK set.
    pub(crate) fn jwks(&self) -> Outcome<String> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.token_pkcs8()?)
            .map_err(|_| "the token key of .local/keys.json is no P-256 key".to_owned())?;
        // The public key is 0x04, x, y: the uncompressed point.
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.token_key_id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        Ok(json!({ "keys": [key] }).to_string())
    }
}
