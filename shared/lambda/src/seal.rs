//! Sealed texts: claims that travel through a client and come back unread and unchanged.
//!
//! Ids of multipart uploads, upload tickets and listing cursors are of this kind. A text is `{key id}.{base64url}`
//! over a random nonce, the encrypted claims with their expiry, and a tag that also covers the key id and what the
//! text is for.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::config::SealKey;

/// The longest sealed text in bytes. Tickets are one segment of a path and cursors one value of a query.
pub const MAX_TEXT_BYTES: usize = 4096;

/// What a sealed text is for. A text of one kind never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The id of a multipart upload.
    UploadId,
    /// The right to upload, in a path.
    Ticket,
    /// Where the next page of a listing starts.
    Cursor,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Kind] = &[Kind::UploadId, Kind::Ticket, Kind::Cursor];

    /// The word that is authenticated with the claims; changing one makes every text of that kind invalid.
    const fn as_str(self) -> &'static str {
        match self {
            Kind::UploadId => "upload-id",
            Kind::Ticket => "ticket",
            Kind::Cursor => "cursor",
        }
    }
}

/// What is encrypted.
#[derive(Serialize, Deserialize)]
struct Content<T> {
    expires_at: Timestamp,
    claims: T,
}

/// Seals with the first key, opens with every one.
///
/// AES-256-GCM-SIV: should a random nonce ever repeat, it shows that two texts are equal and nothing else.
pub struct Sealer {
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl Sealer {
    /// From the configured keys; `Internal` where there is none.
    pub fn new(keys: &[SealKey]) -> Result<Self> {
        let unusable = || Error::new(ErrorKind::Internal, "seal keys");
        let usable = |key: &SealKey| {
            let usable = RandomizedNonceKey::new(&AES_256_GCM_SIV, key.key.expose());
            usable.map(|usable| (key.id.clone(), usable)).map_err(|_| unusable())
        };
        let keys = keys.iter().map(usable).collect::<Result<Vec<_>>>()?;
        if keys.is_empty() { Err(unusable()) } else { Ok(Sealer { keys }) }
    }

    /// Seals `claims` until `expires_at`. `Internal` where they are no JSON or the text would be longer than
    /// [`MAX_TEXT_BYTES`], which is the caller's mistake.
    pub fn seal<T: Serialize>(&self, kind: Kind, claims: &T, expires_at: Timestamp) -> Result<String> {
        let failed = |what: &str| Error::new(ErrorKind::Internal, format!("sealing: {what}"));
        let (id, key) = self.keys.first().ok_or_else(|| failed("no key"))?;
        let mut sealed = serde_json::to_vec(&Content { expires_at, claims })
            .map_err(|cause| failed("claims").with_cause(cause))?;
        let nonce = key.seal_in_place_append_tag(Aad::from(bound(id, kind)), &mut sealed);
        let nonce = nonce.map_err(|_| failed("encryption"))?;
        let bytes = [nonce.as_ref().as_slice(), &sealed].concat();
        let text = format!("{id}.{}", URL_SAFE_NO_PAD.encode(bytes));
        if text.len() > MAX_TEXT_BYTES { Err(failed("claims that are too long")) } else { Ok(text) }
    }

    /// The claims of a text of this kind that has not expired at `now`.
    ///
    /// `InvalidSignature` for whatever [`Sealer::seal`] did not make under one of the keys, down to the last bit, and
    /// for claims that are no `T`; `UrlExpired` from the expiry itself on.
    pub fn open<T: DeserializeOwned>(&self, kind: Kind, text: &str, now: Timestamp) -> Result<T> {
        let invalid = |what: &str| Error::new(ErrorKind::InvalidSignature, format!("sealed text: {what}"));
        if text.len() > MAX_TEXT_BYTES {
            return Err(invalid("too long"));
        }
        let (id, encoded) = text.split_once('.').ok_or_else(|| invalid("shape"))?;
        let key = self.keys.iter().find(|(known, _)| known == id).map(|(_, key)| key);
        let key = key.ok_or_else(|| invalid("key id"))?;
        // This engine takes the one encoding that it writes: no padding, and no stray bits in the last character.
        let mut bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| invalid("base64"))?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>().ok_or_else(|| invalid("length"))?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let content = key.open_in_place(nonce, Aad::from(bound(id, kind)), sealed);
        let content = content.map_err(|_| invalid("tag"))?;
        // The cause may repeat a claim, which the log must not hold.
        let content: Content<T> = serde_json::from_slice(content).map_err(|_| invalid("claims"))?;
        if now < content.expires_at {
            Ok(content.claims)
        } else {
            Err(Error::new(ErrorKind::UrlExpired, "sealed text"))
        }
    }
}

/// What the tag covers beside the claims. Neither part holds a space.
fn bound(id: &str, kind: Kind) -> Vec<u8> {
    format!("stowage {id} {}", kind.as_str()).into_bytes()
}

impl fmt::Debug for Sealer {
    /// Which keys there are; their ids are public.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

#[cfg(test)]
mod tests;
