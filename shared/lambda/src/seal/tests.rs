//! What a sealed text binds: every bit of it, its key, its kind and its expiry.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use storage_core::ErrorKind;
use storage_core::timestamp::Timestamp;

use super::{Kind, MAX_TEXT_BYTES, Sealer};
use crate::config::{SealKey, parse_seal_keys};

/// The alphabet of base64url, in order.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    tenant: String,
    part: u32,
}

fn claims() -> Claims {
    Claims { tenant: "01920000-0000-7000-8000-00000000000a".to_owned(), part: 7 }
}

fn key(id: &str, seed: u8) -> SealKey {
    let bytes: Vec<u8> = (0..32u8).map(|index| index.wrapping_mul(37).wrapping_add(seed)).collect();
    parse_seal_keys(&format!("{id}:{}", STANDARD.encode(bytes))).unwrap().remove(0)
}

fn sealer(keys: &[SealKey]) -> Sealer {
    Sealer::new(keys).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_176_000_000)
}

fn later() -> Timestamp {
    now() + Duration::from_secs(60)
}

/// Why a text does not open as an upload id.
fn refusal(sealer: &Sealer, text: &str) -> ErrorKind {
    sealer.open::<Claims>(Kind::UploadId, text, now()).expect_err(text).kind()
}

#[test]
fn a_sealed_text_opens_to_its_claims_and_shows_none_of_them() {
    let sealer = sealer(&[key("k1", 1)]);
    let text = sealer.seal(Kind::Ticket, &claims(), later()).unwrap();
    assert_eq!(sealer.open::<Claims>(Kind::Ticket, &text, now()).unwrap(), claims());
    let (id, encoded) = text.split_once('.').unwrap();
    assert_eq!(id, "k1");
    assert!(encoded.bytes().all(|byte| ALPHABET.contains(&byte)), "{text}");
    let bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    assert!(!bytes.windows(4).any(|window| window == b"0192"));
    // The nonce is random, so the same claims never look the same.
    assert_ne!(text, sealer.seal(Kind::Ticket, &claims(), later()).unwrap());
    assert_eq!(format!("{sealer:?}"), "[\"k1\"]");
}

#[test]
fn g36_every_single_bit_flip_of_a_sealed_text_is_refused() {
    let sealer = sealer(&[key("k1", 1), key("k0", 2), key("c1", 3)]);
    let text = sealer.seal(Kind::UploadId, &claims(), later()).unwrap();
    // Of the text as it travels: flips that leave ASCII arrive as another character.
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = String::from_utf8_lossy(&bytes);
        assert_eq!(refusal(&sealer, &changed), ErrorKind::InvalidSignature, "bit {bit}");
    }
    // Of the nonce, the claims and the tag themselves.
    let (id, encoded) = text.split_once('.').unwrap();
    let sealed = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut bytes = sealed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = format!("{id}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(refusal(&sealer, &changed), ErrorKind::InvalidSignature, "bit {bit}");
    }
    assert_eq!(sealer.open::<Claims>(Kind::UploadId, &text, now()).unwrap(), claims());
}

#[test]
fn g36_every_truncation_and_extension_of_a_sealed_text_is_refused() {
    let sealer = sealer(&[key("k1", 1)]);
    let text = sealer.seal(Kind::UploadId, &claims(), later()).unwrap();
    for end in 0..text.len() {
        assert_eq!(refusal(&sealer, &text[..end]), ErrorKind::InvalidSignature, "{end}");
        assert_eq!(refusal(&sealer, &text[end + 1..]), ErrorKind::InvalidSignature, "{end}");
    }
    for more in ALPHABET.iter().chain(b"= \n\0.+/%").map(|byte| char::from(*byte)) {
        for changed in [format!("{text}{more}"), format!("{text}{more}{more}"), format!("{more}{text}")] {
            assert_eq!(refusal(&sealer, &changed), ErrorKind::InvalidSignature, "{changed:?}");
        }
    }
    let endless = format!("{text}{}", "A".repeat(MAX_TEXT_BYTES));
    assert_eq!(refusal(&sealer, &endless), ErrorKind::InvalidSignature);
}

/// Where the last character of base64 has bits to spare, only the character with none of them set is taken.
#[test]
fn g36_a_sealed_text_has_one_spelling() {
    let sealer = sealer(&[key("k1", 1)]);
    let mut spare = 0;
    for extra in ["", "a", "ab"] {
        let claims = Claims { tenant: format!("t{extra}"), part: 7 };
        let text = sealer.seal(Kind::UploadId, &claims, later()).unwrap();
        let (head, last) = text.split_at(text.len() - 1);
        let encoded = text.len() - "k1.".len();
        spare += usize::from(!encoded.is_multiple_of(4));
        let opening: Vec<u8> = ALPHABET
            .iter()
            .copied()
            .filter(|character| {
                let text = format!("{head}{}", char::from(*character));
                sealer.open::<Claims>(Kind::UploadId, &text, now()).is_ok()
            })
            .collect();
        assert_eq!(opening, last.as_bytes());
    }
    assert_eq!(spare, 2, "two of three lengths leave bits to spare");
}

#[test]
fn g38_a_sealed_text_expires_exactly() {
    let sealer = sealer(&[key("k1", 1)]);
    let expiry = later();
    let text = sealer.seal(Kind::Ticket, &claims(), expiry).unwrap();
    let open = |now| sealer.open::<Claims>(Kind::Ticket, &text, now).map_err(|error| error.kind());
    assert_eq!(open(expiry - Duration::from_secs(1)), Ok(claims()));
    assert_eq!(open(expiry - Duration::from_millis(1)), Ok(claims()));
    assert_eq!(open(expiry), Err(ErrorKind::UrlExpired));
    assert_eq!(open(expiry + Duration::from_secs(1)), Err(ErrorKind::UrlExpired));
    assert_eq!(open(Timestamp::from_millis(i64::MAX)), Err(ErrorKind::UrlExpired));
    // Whoever cannot prove the text learns nothing of its expiry.
    let forged = text.replacen("k1.", "k1.A", 1);
    let error = sealer.open::<Claims>(Kind::Ticket, &forged, expiry).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidSignature);
}

#[test]
fn g39_texts_of_a_key_stay_valid_while_it_is_listed() {
    let (old, new) = (key("k1", 1), key("k2", 2));
    let (before, during, after) =
        (sealer(std::slice::from_ref(&old)), sealer(&[new.clone(), old]), sealer(std::slice::from_ref(&new)));
    let first = before.seal(Kind::UploadId, &claims(), later()).unwrap();
    let second = during.seal(Kind::UploadId, &claims(), later()).unwrap();
    assert!(second.starts_with("k2."), "the first key seals");
    let opens = |sealer: &Sealer, text: &str| sealer.open::<Claims>(Kind::UploadId, text, now()).is_ok();
    assert!(opens(&during, &first) && opens(&during, &second) && opens(&after, &second));
    assert_eq!(refusal(&after, &first), ErrorKind::InvalidSignature);
    assert_eq!(refusal(&before, &second), ErrorKind::InvalidSignature);
    // Another key under a known id, and a known key under another id.
    assert_eq!(refusal(&sealer(&[key("k1", 3)]), &first), ErrorKind::InvalidSignature);
    let renamed = first.replace("k1.", "k9.");
    assert_eq!(refusal(&sealer(&[key("k9", 1)]), &renamed), ErrorKind::InvalidSignature);
}

#[test]
fn g18_a_text_of_one_kind_does_not_open_as_another() {
    let sealer = sealer(&[key("k1", 1)]);
    for kind in Kind::ALL {
        let text = sealer.seal(*kind, &claims(), later()).unwrap();
        for other in Kind::ALL {
            let opened = sealer.open::<Claims>(*other, &text, now()).map_err(|error| error.kind());
            let expected = if kind == other { Ok(claims()) } else { Err(ErrorKind::InvalidSignature) };
            assert_eq!(opened, expected, "{kind:?} {other:?}");
        }
    }
}

#[test]
fn claims_of_another_shape_and_claims_without_measure_are_refused() {
    let sealer = sealer(&[key("k1", 1)]);
    let text = sealer.seal(Kind::UploadId, &"not the claims", later()).unwrap();
    assert_eq!(refusal(&sealer, &text), ErrorKind::InvalidSignature);
    let long = sealer.seal(Kind::UploadId, &"a".repeat(MAX_TEXT_BYTES), later()).unwrap_err();
    assert_eq!(long.kind(), ErrorKind::Internal);
    assert_eq!(Sealer::new(&[]).unwrap_err().kind(), ErrorKind::Internal);
}
