//! Sealed texts: what is made up never opens, what is changed never opens, what is left alone always does.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use storage_core::ErrorKind;
use storage_core::timestamp::Timestamp;
use storage_lambda::config::parse_seal_keys;
use storage_lambda::seal::{Kind, MAX_TEXT_BYTES, Sealer};

static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let keys =
        "k2:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=,k1:q83vEjRWeJCrze8SNFZ4kJh2VDIQ/ty6CRtPYnaKnrI=";
    let keys = parse_seal_keys(keys).expect("two keys");
    Sealer::new(&keys).expect("usable keys")
});

fuzz_target!(|data: &[u8]| {
    let now = Timestamp::from_millis(1_795_176_000_000);
    let text = String::from_utf8_lossy(data);
    for kind in Kind::ALL {
        assert_eq!(refusal(*kind, &text, now), ErrorKind::InvalidSignature);
    }
    // Three bytes choose a kind, a place and a change; the rest are the claims.
    let [choice, place, change, claims @ ..] = data else { return };
    let kind = Kind::ALL[usize::from(*choice) % Kind::ALL.len()];
    let life = Duration::from_millis(1 + u64::from(*place));
    let sealed = match SEALER.seal(kind, &claims, now + life) {
        Ok(sealed) => sealed,
        Err(error) => return assert!(error.kind() == ErrorKind::Internal && claims.len() > 700),
    };
    assert!(sealed.len() <= MAX_TEXT_BYTES && sealed.starts_with("k2."));
    assert_eq!(SEALER.open::<Vec<u8>>(kind, &sealed, now).ok().as_deref(), Some(claims));
    assert_eq!(refusal(kind, &sealed, now + life), ErrorKind::UrlExpired);

    let mut changed = sealed.clone().into_bytes();
    let place = (usize::from(*place) * 251 + usize::from(*choice)) % changed.len();
    match change % 4 {
        0 => changed.truncate(place),
        1 => changed.insert(place, *change),
        2 => changed[place] ^= change | 1,
        _ => changed.extend_from_slice(data),
    }
    let changed = String::from_utf8_lossy(&changed);
    assert_eq!(refusal(kind, &changed, now), ErrorKind::InvalidSignature, "{sealed} {changed}");
});

fn refusal(kind: Kind, text: &str, now: Timestamp) -> ErrorKind {
    SEALER.open::<Vec<u8>>(kind, text, now).expect_err("a forgery opens").kind()
}
