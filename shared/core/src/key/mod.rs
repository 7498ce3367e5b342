//! Object keys: the validated text form, the words in it, and in [`ObjectKey`] every kind of object the system stores.

mod object;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::TenantId;

pub use object::{ObjectKey, QUARANTINE_PREFIX, STAGING_PREFIX};

/// The longest key in bytes, as on S3.
const MAX_KEY_BYTES: usize = 1024;
/// The longest segment between two slashes, so that every key has a place on a file system.
const MAX_SEGMENT_BYTES: usize = 255;

/// A key that every backend can hold: UTF-8, 1 to 1,024 bytes, segments of 1 to 255 bytes between single slashes.
///
/// No segment is `.` or `..`; no control characters, no backslash, none of the two characters XML cannot say; no leading or trailing slash; and nothing that
/// another system would read as a drive, a home directory or a URL. `%2e` is three ordinary characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StorageKey(String);

impl StorageKey {
    /// Reads a key; `InvalidKey` where the rules above are broken.
    pub fn parse(text: &str) -> Result<Self> {
        let valid = text.len() <= MAX_KEY_BYTES
            && !text.chars().any(|character| {
                character.is_control() || matches!(character, '\\' | '\u{FFFE}' | '\u{FFFF}')
            })
            && text.split('/').all(|segment| {
                !segment.is_empty() && segment != "." && segment != ".." && segment.len() <= MAX_SEGMENT_BYTES
            })
            && !has_drive_or_scheme(text)
            && !text.starts_with('~');
        if valid { Ok(StorageKey(text.to_owned())) } else { Err(Error::new(ErrorKind::InvalidKey, "key")) }
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn has_drive_or_scheme(text: &str) -> bool {
    match text.find(':') {
        Some(1) => text.as_bytes()[0].is_ascii_alphabetic(),
        Some(end) => {
            text[end..].starts_with("://") && text[..end].bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        None => false,
    }
}

impl TryFrom<String> for StorageKey {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        StorageKey::parse(&text)
    }
}

impl From<StorageKey> for String {
    fn from(key: StorageKey) -> String {
        key.0
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StorageKey({:?})", self.0)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word in keys, records and routes.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The value with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Who may read an object without asking: it is the first segment of its key, because delivery rules go by path.
    Visibility {
        /// Anyone, through the CDN.
        Public "public",
        /// Holders of a signed URL.
        Private "private",
    }
}

words! {
    /// What an avatar belongs to.
    EntityKind {
        /// A person.
        Users "users",
        /// An agent of the organisation.
        Agents "agents",
    }
}

words! {
    /// The sizes an avatar exists in.
    VariantSize {
        /// The upload itself, stripped of metadata.
        Original "original",
        /// 32 px a side.
        Small "small",
        /// 150 px a side.
        Medium "medium",
        /// 300 px a side.
        Large "large",
    }
}

impl VariantSize {
    /// The side in pixels; `None` for the original.
    pub const fn pixels(self) -> Option<u32> {
        match self {
            VariantSize::Original => None,
            VariantSize::Small => Some(32),
            VariantSize::Medium => Some(150),
            VariantSize::Large => Some(300),
        }
    }
}

/// The extension of a stored object: 1 to 10 of `a-z 0-9`, always from the sniffed type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extension {
    bytes: [u8; 10],
    length: u8,
}

impl Extension {
    /// `bin`, for bytes of no known type.
    pub const BIN: Extension = Extension { bytes: *b"bin\0\0\0\0\0\0\0", length: 3 };

    /// Reads an extension without its dot; `InvalidKey` for other characters or lengths.
    pub fn parse(text: &str) -> Result<Self> {
        let valid = (1..=10).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !valid {
            return Err(Error::new(ErrorKind::InvalidKey, "extension"));
        }
        let mut bytes = [0; 10];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Extension { bytes, length: text.len() as u8 })
    }

    /// The extension without its dot.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or("bin")
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Extension({})", self.as_str())
    }
}

/// Where the keys of one bucket start: an optional fixed prefix, then the tenant in a bucket that tenants share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySpace {
    /// A prefix of its own for everything (`STORAGE_BUCKET_PATH`), without slashes at its ends.
    pub base: Option<StorageKey>,
    /// The tenant, where the bucket is shared (prefix isolation).
    pub tenant: Option<TenantId>,
}

impl KeySpace {
    /// The prefix as one key; `None` where keys start at the root of the bucket.
    pub fn prefix(&self) -> Option<StorageKey> {
        match (&self.base, self.tenant) {
            (Some(base), Some(tenant)) => Some(StorageKey(format!("{base}/{tenant}"))),
            (Some(base), None) => Some(base.clone()),
            (None, Some(tenant)) => Some(StorageKey(tenant.to_string())),
            (None, None) => None,
        }
    }
}
