//! Values that no log, message or debug output may show, and where they come from.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A value whose `Debug` hides it. It has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted<T>(T);

/// A secret text.
pub type Secret = Redacted<String>;

impl<T> Redacted<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Redacted(value)
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the environment.
    Inline(Secret),
    /// In the SSM SecureString of this name, which is read once at init.
    Ssm(String),
}

/// A key that seals ids, cursors and tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKey {
    /// Its public name, which sealed texts carry.
    pub id: String,
    /// 256 bits.
    pub key: Redacted<[u8; 32]>,
}

/// Reads `id:base64(32 bytes)`, one or two of them separated by commas. The first seals; every one opens.
///
/// The reason for a refusal never holds a part of the text.
pub fn parse_seal_keys(text: &str) -> Result<Vec<SealKey>, &'static str> {
    let keys = text.trim().split(',').map(parse_seal_key).collect::<Result<Vec<_>, _>>()?;
    match keys.as_slice() {
        [_] => Ok(keys),
        [first, second] if first.id == second.id => Err("names two keys alike"),
        [first, second] if first.key == second.key => Err("holds one key twice"),
        [_, _] => Ok(keys),
        _ => Err("holds more than two keys"),
    }
}

fn parse_seal_key(text: &str) -> Result<SealKey, &'static str> {
    let (id, encoded) = text.trim().split_once(':').ok_or("is not `id:base64`, comma separated")?;
    let named = (1..=16).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !named {
        return Err("has a key id that is not 1 to 16 of a-z, 0-9 and -");
    }
    let bytes = STANDARD
        .decode(encoded)
        .or_else(|_| STANDARD_NO_PAD.decode(encoded))
        .or_else(|_| URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')))
        .map_err(|_| "holds a key that is not base64")?;
    let key: [u8; 32] = bytes.try_into().map_err(|_| "holds a key that is not 32 bytes long")?;
    if is_weak(&key) {
        return Err("holds a key that is not random");
    }
    Ok(SealKey { id: id.to_owned(), key: Redacted::new(key) })
}

/// Whether 32 bytes cannot have come from a random generator: few different ones, or text such as a passphrase.
///
/// Random bytes have fewer than 16 different values with a chance below 1 in 10^9, and are all printable below 1 in 10^13.
fn is_weak(key: &[u8; 32]) -> bool {
    let mut distinct = key.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() < 16 || key.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u8) -> String {
        let bytes: Vec<u8> = (0..32u8).map(|index| index.wrapping_mul(37).wrapping_add(seed)).collect();
        STANDARD.encode(bytes)
    }

    #[test]
    fn one_or_two_random_keys_are_read() {
        let keys = parse_seal_keys(&format!("k2:{},k1:{}", random(1), random(2))).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].id, "k2");
        assert!(!format!("{keys:?}").contains("37"));
        let url_safe = random(3).replace('+', "-").replace('/', "_");
        parse_seal_keys(&format!("k:{}", url_safe.trim_end_matches('='))).unwrap();
    }

    #[test]
    fn weak_and_malformed_keys_are_refused() {
        let zero = STANDARD.encode([0u8; 32]);
        let text = STANDARD.encode(b"correct horse battery staple 123");
        let short = STANDARD.encode([7u8; 16]);
        for bad in [
            String::new(),
            "changeme".to_owned(),
            format!("k:{zero}"),
            format!("k:{text}"),
            format!("k:{short}"),
            format!("K:{}", random(1)),
            format!("k:{},k:{}", random(1), random(2)),
            format!("a:{},b:{}", random(1), random(1)),
            format!("a:{},b:{},c:{}", random(1), random(2), random(3)),
            "k:!!!".to_owned(),
        ] {
            let reason = parse_seal_keys(&bad).unwrap_err();
            assert!(bad.len() < 9 || !reason.contains(&bad), "{reason}");
        }
    }
}
