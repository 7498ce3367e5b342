//! The cases of the table.

use std::time::Duration;

use bad_input_tests::table::urls::{Artefact, CASES, Change, Mangled};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use storage_core::ports::{Clock, SystemClock};

use super::signed::{STORED, Shop, Signed, UPLOAD, life};
use crate::cloud::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn s01_to_s06_changed_urls_and_forms_get_what_the_table_says() {
    let shop = Shop::open().await;
    let before = shop.keys().await;
    let mut differences = Vec::new();
    for case in CASES {
        for &artefact in case.input.of {
            let tried = format!("{} {artefact:?}", case.id);
            let answer = shop.send(&changed(&shop, artefact, case.input.change).await).await;
            if (answer.status, answer.code.as_deref()) != (case.expect.status, case.expect.code) {
                differences.push(format!("{tried}: {} {}", answer.status, shown(&answer)));
            }
            let reads = artefact == Artefact::Get && case.expect.status == 200;
            assert_eq!(answer.body == STORED, reads, "{tried}");
            if case.expect.status < 300 {
                shop.clean().await;
            }
            assert_eq!(shop.keys().await, before, "{tried}: nothing is written or removed");
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn shown(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body[..answer.body.len().min(500)]).into_owned()
}

/// What was signed now, or at the moment that the change asks for, and then changed.
async fn changed(shop: &Shop, artefact: Artefact, change: Change) -> Signed {
    let now = SystemClock.now();
    let signed_at = match change {
        // A form counts from the end of its second, and a URL at the edge lasts until the end of one.
        Change::Expired(seconds) => now - life(artefact) - Duration::from_secs(seconds + 1),
        Change::Lasting(seconds) => now - life(artefact) + Duration::from_secs(seconds),
        _ => now,
    };
    let mut signed = match change {
        Change::UnknownKey => shop.sign_unknown(artefact, now).await,
        _ => shop.sign(artefact, signed_at).await,
    };
    if let Signed::Edge { at, .. } = &mut signed {
        *at = now;
    }
    let name = signed.signature();
    match change {
        Change::Without(name) => signed.parameters().change(|pairs| {
            let before = pairs.len();
            pairs.retain(|(known, _)| known != name);
            assert_eq!(pairs.len() + 1, before, "{name}");
        }),
        Change::Twice(name) => signed.parameters().change(|pairs| {
            let again = pairs.iter().find(|(known, _)| known == name).expect(name).clone();
            pairs.push(again);
        }),
        Change::Value(name, value) => signed.parameters().set(name, |old| {
            assert_ne!(old, value);
            value.to_owned()
        }),
        Change::Reordered => signed.parameters().change(|pairs| pairs.reverse()),
        Change::OtherEscapes => signed.parameters().change(|pairs| {
            for (_, value) in pairs {
                *value = other_escapes(value);
            }
        }),
        Change::EscapedPath => {
            let (Signed::Url { url, .. } | Signed::Edge { url, .. }) = &mut signed else {
                panic!("a form has no path of its own")
            };
            *url = match artefact {
                Artefact::Put => url.replacen("/nonce", "/%6eonce", 1),
                _ => url.replacen("/medium", "/%6Dedium", 1),
            };
        }
        Change::Extra(name, value) => {
            signed.parameters().change(|pairs| pairs.push((name.to_owned(), value.to_owned())));
        }
        Change::Signature(mangled) => signed.parameters().set(name, |signature| mangle(signature, mangled)),
        Change::Method(other) => match &mut signed {
            Signed::Url { method, .. } | Signed::Edge { method, .. } => *method = other,
            Signed::Form { .. } => panic!("a form is posted"),
        },
        Change::Expired(_) | Change::Lasting(_) | Change::UnknownKey => {}
    }
    if let (Signed::Url { headers, body, .. }, Change::Method(method)) = (&mut signed, change) {
        *body = if method == "PUT" { UPLOAD.to_vec() } else { Vec::new() };
        headers.retain(|(name, _)| name != "content-length");
    }
    signed
}

/// The same text, its first letter or digit escaped, and escapes in small letters.
fn other_escapes(value: &str) -> String {
    let plain = percent_decode_str(value).decode_utf8().unwrap().into_owned();
    let mut escaped = String::new();
    for (index, byte) in plain.bytes().enumerate() {
        if index == 0 || !byte.is_ascii_alphanumeric() {
            escaped.push_str(&format!("%{byte:02x}"));
        } else {
            escaped.push(char::from(byte));
        }
    }
    escaped
}

fn mangle(signature: &str, mangled: Mangled) -> String {
    let bytes = hex::decode(signature).unwrap_or_else(|_| signature.as_bytes().to_vec());
    match mangled {
        Mangled::Shorter => signature[..signature.len() - 1].to_owned(),
        Mangled::Longer => format!("{signature}0"),
        Mangled::OtherCase => signature
            .chars()
            .map(|letter| match letter.is_ascii_lowercase() {
                true => letter.to_ascii_uppercase(),
                false => letter.to_ascii_lowercase(),
            })
            .collect(),
        Mangled::Base64 => STANDARD.encode(bytes).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
        Mangled::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        Mangled::Empty => String::new(),
        Mangled::Megabyte => "0".repeat(1 << 20),
    }
}
