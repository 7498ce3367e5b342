//! Identities as newtypes: built by `parse`, compared by value, never a bare `String`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

/// Reads a UUID in its hyphenated form, upper or lower case. Braces, `urn:`, other digits and nil are refused.
fn parse_uuid(text: &str) -> Result<Uuid> {
    let invalid = || Error::new(ErrorKind::InvalidId, "id");
    if text.len() != 36 || !text.is_ascii() {
        return Err(invalid());
    }
    let id = Uuid::try_parse(text).map_err(|_| invalid())?;
    if id.is_nil() { Err(invalid()) } else { Ok(id) }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $version:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Reads the hyphenated form in either case; `InvalidId` for anything else and for the nil UUID, and where
            /// ids of this kind have one version, for every other.
            pub fn parse(text: &str) -> Result<Self> {
                let id = parse_uuid(text)?;
                let version: Option<usize> = $version;
                if version.is_some_and(|version| id.get_version_num() != version) {
                    return Err(Error::new(ErrorKind::InvalidId, "version of an id"));
                }
                Ok($name(id))
            }

            /// The UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                $name(id)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                $name::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }
    };
}

uuid_id! {
    /// A tenant. The UUID is the identity; its slug is a label and never a boundary.
    TenantId, None
}
uuid_id! {
    /// A file: a UUIDv7 made at issue, so that ids sort by time. Only version 7 is ever made; see [`FileId::parse`].
    FileId, Some(7)
}
uuid_id! {
    /// A user or an agent, as the product knows it.
    EntityId, None
}
uuid_id! {
    /// One run of one worker: the owner of a lease.
    WorkerId, None
}

impl TenantId {
    /// Holds files that a service took in before it was known whose they are. No token can name it.
    pub const UNASSIGNED: TenantId = TenantId(Uuid::from_u128(0xffff_ffff_ffff_4fff_8fff_0000_0000_0001));
}

impl FileId {
    /// A new id whose first 48 bits are the current time in milliseconds.
    pub fn generate() -> Self {
        FileId(Uuid::now_v7())
    }
}

impl WorkerId {
    /// A new random id.
    pub fn generate() -> Self {
        WorkerId(Uuid::new_v4())
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the text form.
            pub fn parse(text: &str) -> Result<Self> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(Error::new(ErrorKind::$kind, stringify!($name)))
                }
            }

            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({:?})", stringify!($name), self.0)
            }
        }
    };
}

fn printable(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
}

text_id! {
    /// The `sub` of a verified token: 1 to 255 bytes without control characters.
    PrincipalId, Unauthenticated, |text| printable(text, 255)
}
text_id! {
    /// A tenant's label: 1 to 63 of `a-z 0-9 -`, starting and ending with a letter or digit.
    TenantSlug, TenantRequired, |text| {
        text.len() <= 63
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.is_empty()
    }
}
text_id! {
    /// A caller's `Idempotency-Key`: 1 to 255 visible ASCII characters.
    IdempotencyKey, InvalidRequest, |text| {
        !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}
text_id! {
    /// A caller's own id of a file: 1 to 255 bytes without control characters, unique in its tenant.
    ExternalId, InvalidRequest, |text| printable(text, 255)
}
text_id! {
    /// The random last part of a staging key, so that nobody can guess where an upload lands: 32 lower-case hex digits.
    UploadNonce, InvalidKey, |text| {
        text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl UploadNonce {
    /// 122 random bits.
    pub fn generate() -> Self {
        UploadNonce(Uuid::new_v4().simple().to_string())
    }
}

text_id! {
    /// A bucket: 3 to 63 of `a-z 0-9 . -`, by the rules S3 has for new buckets.
    BucketName, InvalidRequest, valid_bucket_name
}

/// S3's naming rules, with the reserved prefixes and suffixes.
fn valid_bucket_name(name: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_ids_are_read_in_either_case_and_nothing_else() {
        let id = FileId::generate();
        assert_eq!(FileId::parse(&id.to_string().to_uppercase()).unwrap(), id);
        let simple = id.as_uuid().simple().to_string();
        for bad in [
            "",
            "x",
            &simple,
            &format!("{{{id}}}"),
            &format!("urn:uuid:{id}"),
            "00000000-0000-0000-0000-000000000000",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "０1920000-0000-7000-8000-0000000000",
            &"a".repeat(10_240),
        ] {
            assert_eq!(FileId::parse(bad).unwrap_err().kind(), ErrorKind::InvalidId, "{bad:.40}");
        }
    }

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for good in ["abc", "acme-uploads", "a.b.c", &"a".repeat(63)] {
            BucketName::parse(good).unwrap();
        }
        let long = "a".repeat(64);
        for bad in [
            "ab",
            "A-b",
            "192.168.0.1",
            "xn--a",
            "a..b",
            "-a1",
            "a1-",
            &long,
            "sthree-x",
            "x-s3alias",
            "a_b",
            "a b",
        ] {
            assert!(BucketName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn slugs_and_idempotency_keys_have_closed_alphabets() {
        TenantSlug::parse("acme-2").unwrap();
        for bad in ["", "-a", "a-", "a/../b", "Acme", &"a".repeat(64)] {
            assert!(TenantSlug::parse(bad).is_err(), "{bad}");
        }
        IdempotencyKey::parse("k-1").unwrap();
        for bad in ["", "a b", "a\0", &"a".repeat(1000)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad}");
        }
    }
}
