//! User metadata as header values: visible ASCII only, so everything else is percent-encoded, and `%` itself too.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What does not survive in a header: spaces at its ends are trimmed and runs of them folded on the way.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

pub(super) fn encode(metadata: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    if metadata.is_empty() {
        return None;
    }
    let encoded =
        |(name, value): (&String, &String)| (name.clone(), utf8_percent_encode(value, UNSAFE).to_string());
    Some(metadata.iter().map(encoded).collect())
}

pub(super) fn decode(metadata: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    let decoded = |(name, value): (&String, &String)| {
        // What another writer left may not be ours to decode; it then comes back as it is.
        let text = percent_decode_str(value).decode_utf8().map_or_else(|_| value.clone(), Into::into);
        (name.clone(), text)
    };
    metadata.into_iter().flatten().map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        let metadata: BTreeMap<String, String> =
            ["", " ", "a  b ", "100%", "%41", "naïve ☃ 😀", "a\r\nb", "\u{7f}\0", "=?UTF-8?Q?x?="]
                .iter()
                .enumerate()
                .map(|(index, text)| (format!("key-{index}"), (*text).to_owned()))
                .collect();
        let encoded = encode(&metadata).unwrap();
        assert!(encoded.values().all(|value| value.bytes().all(|byte| byte.is_ascii_graphic())));
        assert_eq!(decode(Some(&encoded)), metadata);
    }

    #[test]
    fn foreign_values_are_left_alone() {
        let foreign = HashMap::from([("a".to_owned(), "%ff".to_owned())]);
        assert_eq!(decode(Some(&foreign))["a"], "%ff");
    }
}
