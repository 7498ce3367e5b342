//! File names that clients send, and the header that carries them back.
#![no_main]

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use storage_core::ErrorKind;
use storage_core::filename::{Disposition, FileName};
use unicode_normalization::is_nfc;

fuzz_target!(|text: &str| {
    let name = match FileName::parse(text) {
        Ok(name) => name,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::InvalidFilename),
    };
    let shown = name.as_str();
    assert!((1..=255).contains(&shown.len()));
    assert!(!shown.contains(['/', '\\']) && !shown.chars().any(char::is_control), "{shown:?}");
    assert!(is_nfc(shown), "{shown:?} is composed");
    assert!(!shown.ends_with('.') && shown.trim() == shown, "{shown:?} is trimmed");
    assert!(!format!("{name:?}").contains(shown) || shown.len() < 20, "names are personal");
    assert_eq!(FileName::parse(shown).ok().as_ref(), Some(&name), "a name that is sent back stays the same");

    for disposition in [Disposition::Inline, Disposition::Attachment] {
        let header = name.content_disposition(disposition);
        assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header:?} is one line of ASCII");
        assert!(HeaderValue::from_str(&header).is_ok());
        let parts =
            header.strip_prefix(disposition.as_str()).and_then(|rest| rest.strip_prefix("; filename=\""));
        let (ascii, exact) =
            parts.and_then(|rest| rest.split_once("\"; filename*=UTF-8''")).expect("two names");
        assert!(!ascii.contains(['"', '\\', '%']), "{ascii:?} needs no escapes");
        assert_eq!(ascii.chars().count(), shown.chars().count());
        assert!(!exact.contains(['"', ';', ' ', ',', '\'']), "{exact:?} is one value");
        assert_eq!(
            percent_decode_str(exact).decode_utf8().as_deref(),
            Ok(shown),
            "browsers see the exact name"
        );
    }
});
