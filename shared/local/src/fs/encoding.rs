//! Where a key is on disk: an injective encoding that also holds on file systems that fold case or normalise names.
//!
//! Names consist of `a-z 0-9 . _ -`; every other byte, and a dot in front, is `%` and two hex digits. An object's name
//! ends in `@`. A segment of more than 80 bytes is cut into directories ending in `+`. Plain names are directories.

use storage_core::key::StorageKey;

/// How many bytes of a segment one name holds: encoded, and with its mark, at most 241 of the 255 a name can have.
const CHUNK: usize = 80;
const OBJECT: u8 = b'@';
const CONTINUED: u8 = b'+';

/// The directories from the bucket's `objects` to an object, and the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) directories: Vec<String>,
    pub(super) file: String,
}

/// What a name on disk stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An object whose key ends here.
    Object,
    /// A directory whose segment ends here.
    Directory,
    /// A directory in which the segment goes on.
    Continued,
}

impl Location {
    pub(super) fn of(key: &StorageKey) -> Self {
        let mut directories = Vec::new();
        let (parents, last) = key.as_str().rsplit_once('/').unwrap_or(("", key.as_str()));
        for segment in parents.split('/').filter(|segment| !segment.is_empty()) {
            let rest = push_continued(segment.as_bytes(), &mut directories);
            directories.push(encode(rest));
        }
        let rest = push_continued(last.as_bytes(), &mut directories);
        let mut file = encode(rest);
        file.push(char::from(OBJECT));
        Location { directories, file }
    }
}

/// Adds a directory for each full chunk that is not the segment's last, and gives what is left.
fn push_continued<'a>(mut rest: &'a [u8], directories: &mut Vec<String>) -> &'a [u8] {
    while rest.len() > CHUNK {
        let (chunk, tail) = rest.split_at(CHUNK);
        let mut name = encode(chunk);
        name.push(char::from(CONTINUED));
        directories.push(name);
        rest = tail;
    }
    rest
}

fn encode(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut name = String::with_capacity(bytes.len() + 1);
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            b'.' if index > 0 => name.push('.'),
            _ => {
                name.push('%');
                name.push(char::from(HEX[usize::from(byte >> 4)]));
                name.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    name
}

/// Reads a name back; `None` for every name that [`Location::of`] does not write.
pub(super) fn decode(name: &str) -> Option<(Kind, Vec<u8>)> {
    let (kind, text) = match name.as_bytes().split_last()? {
        (&OBJECT, text) => (Kind::Object, text),
        (&CONTINUED, text) => (Kind::Continued, text),
        _ => (Kind::Directory, name.as_bytes()),
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
        }
    }
    let length_fits = match kind {
        Kind::Continued => bytes.len() == CHUNK,
        Kind::Object | Kind::Directory => (1..=CHUNK).contains(&bytes.len()),
    };
    // Encoding again refuses every other spelling, such as upper-case digits.
    (length_fits && encode(&bytes).as_bytes() == text).then_some((kind, bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn decoded(location: &Location) -> String {
        let mut key = Vec::new();
        for name in location.directories.iter().chain([&location.file]) {
            let (kind, bytes) = decode(name).unwrap();
            key.extend(bytes);
            if kind == Kind::Directory {
                key.push(b'/');
            }
        }
        String::from_utf8(key).unwrap()
    }

    /// Keys of few characters, so that near collisions are common, and of any characters and lengths.
    fn keys() -> impl Strategy<Value = StorageKey> {
        prop_oneof!["[aA.@+%_/é]{1,12}", "(\\PC{1,60}/){0,3}\\PC{1,60}", "[aÉ]{70,130}(/[bB]{75,90}){0,2}"]
            .prop_filter_map("a valid key", |text| StorageKey::parse(&text).ok())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn keys_round_trip_as_short_names_of_a_closed_alphabet(key in keys()) {
            let location = Location::of(&key);
            prop_assert_eq!(decoded(&location), key.as_str());
            for name in location.directories.iter().chain([&location.file]) {
                prop_assert!(name.len() <= 255 && !name.starts_with('.'));
                prop_assert!(name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase() && byte != b'/'));
            }
        }

        #[test]
        fn two_keys_never_share_a_place_and_a_file_is_never_a_directory(keys in proptest::collection::vec(keys(), 2..40)) {
            let mut files = HashMap::new();
            for key in &keys {
                let location = Location::of(key);
                for name in &location.directories {
                    prop_assert!(!name.ends_with('@'));
                }
                // Folding case stands for a file system that does so.
                let place = format!("{}/{}", location.directories.join("/"), location.file).to_uppercase();
                if let Some(other) = files.insert(place, key) {
                    prop_assert_eq!(other, key);
                }
            }
        }
    }

    #[test]
    fn names_nobody_writes_are_not_read() {
        let long = format!("{}@", "a".repeat(81));
        for name in ["", "@", "+", ".tmp", "..", "A@", "%2@", "%zz@", "%61@", "%2F", "é@", "a+", "a@@", &long]
        {
            assert_eq!(decode(name), None, "{name}");
        }
        assert_eq!(decode("%2e%2e@"), None);
        assert_eq!(decode("%2e."), Some((Kind::Directory, b"..".to_vec())));
    }
}
