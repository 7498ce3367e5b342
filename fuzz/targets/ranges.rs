//! What narrows a read: byte ranges, entity tags and queries.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use storage_core::ErrorKind;
use storage_core::ports::RangeRequest;
use storage_lambda::http::conditional::Conditions;
use storage_lambda::http::extract::QueryPairs;

fuzz_target!(|data: &[u8]| {
    if let Some((numbers, _)) = data.split_first_chunk::<24>() {
        let number = |index: usize| {
            let bytes: [u8; 8] = numbers[index * 8..][..8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes)
        };
        ranges(number(0), number(1), number(2));
        // Small numbers, so that borders meet.
        ranges(number(0) % 8, number(1) % 8, number(2) % 8);
    }
    tags(data);
    if let Ok(query) = str::from_utf8(data) {
        queries(query);
    }
});

/// Every range against the definition: which of the bytes 0 to `size` - 1 it names.
fn ranges(first: u64, last: u64, size: u64) {
    let (first_wide, last_wide, size_wide) = (u128::from(first), u128::from(last), u128::from(size));
    let asked = [
        (RangeRequest::From(first), first_wide, size_wide),
        (RangeRequest::Inclusive(first, last), first_wide, size_wide.min(last_wide + 1)),
        (RangeRequest::Suffix(first), size_wide.saturating_sub(first_wide), size_wide),
    ];
    for (range, start, end) in asked {
        match range.resolve(size) {
            Ok((found, length)) => {
                assert_eq!(
                    (u128::from(found), u128::from(length)),
                    (start, end - start),
                    "{range:?} of {size}"
                );
                assert!(length > 0 && found.checked_add(length).is_some_and(|end| end <= size));
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidRange);
                assert!(start >= end, "{range:?} of {size} names bytes");
            }
        }
    }
}

fn tags(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    for name in ["if-match", "if-none-match"] {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.clone());
        let conditions = match Conditions::parse(&headers) {
            Ok(conditions) => conditions,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidRequest);
                continue;
            }
        };
        assert_eq!(conditions.has_if_match(), name == "if-match");
        let text = value.to_str().expect("conditions are ASCII");
        // A tag that the header does not hold in quotes is never taken for the one that it names.
        let current = "0192-7";
        let holds = text.contains(&format!("\"{current}\""));
        let is_any = text.trim() == "*";
        if name == "if-match" {
            let strong = conditions.check_match(current).is_ok();
            assert!(!strong || holds || is_any, "{text}");
            assert!(!conditions.is_unchanged(current));
        } else {
            assert_eq!(conditions.is_unchanged(current), holds || is_any, "{text}");
            assert!(conditions.check_match(current).is_ok());
        }
    }
}

fn queries(query: &str) {
    let pairs = match QueryPairs::parse(query) {
        Ok(pairs) => pairs,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::InvalidRequest),
    };
    for (index, (name, value)) in pairs.0.iter().enumerate() {
        assert_eq!(pairs.get(name), Some(value.as_str()));
        assert!(pairs.0[index + 1..].iter().all(|(other, _)| other != name), "{name} repeats");
        assert!(!name.chars().chain(value.chars()).any(char::is_control));
    }
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let written: Vec<String> =
        pairs.0.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let written = written.join("&");
    // Encoding every character makes a query longer, so the longest cannot come back.
    if written.len() <= 8 * 1024 {
        assert_eq!(QueryPairs::parse(&written).expect("what was read can be written").0, pairs.0);
    }
}
