//! The outer form of a token: three strict base64url segments, a plain header, a signature by the bound algorithm.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use storage_core::{Error, ErrorKind, Result};

use super::jwk::Key;
use crate::http::json;

/// The most bytes of a token.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The most bytes of a key's name.
const MAX_KID_BYTES: usize = 255;

/// What counts in a header. `jku`, `x5u`, `jwk` and `x5c` would let a token bring its own key: they are not read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Whether a member is there, whatever its value.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A token whose form is right and whose signature is not yet checked.
pub(super) struct Jws<'a> {
    header: Header,
    signed: &'a str,
    payload: Vec<u8>,
    signature: &'a str,
}

/// Whatever is wrong with a token, the client learns only that it is not valid.
pub(super) fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("token: {why}"))
}

impl<'a> Jws<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused("too long"));
        }
        let segments: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = segments.as_slice() else {
            return Err(refused("not three segments"));
        };
        // The engine refuses padding, other characters and set bits after the last byte.
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| refused("not base64url"));
        let header_bytes = decode(header)?;
        json::check(&header_bytes).map_err(|_| refused("header is no strict JSON object"))?;
        let parsed: Header = serde_json::from_slice(&header_bytes).map_err(|_| refused("header"))?;
        if parsed.crit {
            return Err(refused("crit"));
        }
        if parsed.kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID_BYTES) {
            return Err(refused("kid"));
        }
        // A token made for another protocol is none for this one, whoever signed it.
        let typ = parsed.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !matches!(typ.as_str(), "jwt" | "at+jwt" | "application/at+jwt") {
            return Err(refused("typ"));
        }
        decode(signature)?;
        let signed = &token[..header.len() + 1 + payload.len()];
        Ok(Jws { header: parsed, signed, payload: decode(payload)?, signature })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The payload, if `key` signed it with the algorithm it is bound to.
    pub(super) fn verify(self, key: &Key) -> Result<Vec<u8>> {
        if self.header.alg != key.algorithm_name() {
            return Err(refused("alg is not that of the key"));
        }
        let verified = jsonwebtoken::crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            &key.decoding,
            key.algorithm,
        );
        match verified {
            Ok(true) => Ok(self.payload),
            Ok(false) | Err(_) => Err(refused("signature")),
        }
    }
}
