//! G36: no bit of a signature or of a policy can be another.

use bad_input_tests::table::urls::Artefact;
use percent_encoding::percent_encode_byte;
use serde_json::json;
use storage_core::ports::{Clock, SystemClock};
use storage_testkit::trials::{Trials, count};

use super::signed::{STORED, Shop, Signed};

/// What is flipped: one parameter of one artefact.
const FLIPPED: [(Artefact, &str); 5] = [
    (Artefact::Get, "X-Amz-Signature"),
    (Artefact::Put, "X-Amz-Signature"),
    (Artefact::Form, "x-amz-signature"),
    (Artefact::Form, "policy"),
    (Artefact::Edge, "Signature"),
];

/// The value with one bit of it flipped, as it can stand where the value stands.
fn flipped(value: &str, bit: usize, in_url: bool) -> String {
    let (before, after) = (&value[..bit / 8], &value[bit / 8 + 1..]);
    let byte = match value.as_bytes()[bit / 8] ^ (1 << (bit % 8)) {
        byte if in_url && !byte.is_ascii_alphanumeric() => percent_encode_byte(byte).to_owned(),
        byte => char::from(byte).to_string(),
    };
    format!("{before}{byte}{after}")
}

fn value(signed: &mut Signed, name: &str) -> String {
    let mut found = String::new();
    signed.parameters().set(name, |value| {
        value.clone_into(&mut found);
        found.clone()
    });
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn g36_every_flipped_bit_of_a_signature_or_policy_is_refused() {
    let shop = Shop::open().await;
    let before = shop.keys().await;
    let mut all = Vec::new();
    for (artefact, name) in FLIPPED {
        let mut signed = shop.sign(artefact, SystemClock.now()).await;
        let bits = value(&mut signed, name).len() * 8;
        all.extend((0..bits).map(|bit| (artefact, name, bit)));
    }
    let trials = Trials::new("G36", all.len());
    // Odd, so that an ordinary run meets every bit of a byte.
    let every = all.len().div_ceil(count(all.len())) | 1;
    for (artefact, name, bit) in all.into_iter().step_by(every) {
        // Signed anew for each, so that none is refused for its age.
        let mut signed = shop.sign(artefact, SystemClock.now()).await;
        let old = value(&mut signed, name);
        if bit / 8 >= old.len() {
            // A signature of the edge can be a little shorter than the last one.
            continue;
        }
        let new = flipped(&old, bit, !matches!(artefact, Artefact::Form));
        signed.parameters().set(name, |_| new.clone());
        let answer = shop.send(&signed).await;
        assert!(matches!(answer.status, 400 | 403), "{artefact:?} {name} bit {bit}: {answer:?}");
        assert_ne!(answer.body, STORED);
    }
    assert_eq!(shop.keys().await, before, "nothing is written or removed");
    trials.report(json!({ "accepted": 0 }));
}
