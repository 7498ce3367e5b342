//! Object keys: the validated text form, and the one enum that owns path, content type, cache and disposition.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::filename::Disposition;
use crate::ids::{EntityId, FileId, TenantId, UploadNonce};
use crate::timestamp::Timestamp;

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

/// Every kind of object the system stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// An upload nobody can read, in the staging bucket. The tenant is always part of the path.
    Staging {
        /// Whose upload.
        tenant: TenantId,
        /// The file it becomes.
        file: FileId,
        /// The part nobody can guess.
        nonce: UploadNonce,
    },
    /// An infected or unscannable upload, in the staging bucket.
    Quarantine {
        /// Whose upload.
        tenant: TenantId,
        /// The file it was to become.
        file: FileId,
    },
    /// One size of one generation of an avatar.
    Avatar {
        /// Open or signed.
        visibility: Visibility,
        /// User or agent.
        kind: EntityKind,
        /// Whose avatar.
        entity: EntityId,
        /// The generation.
        file: FileId,
        /// The size.
        size: VariantSize,
        /// By content.
        extension: Extension,
    },
    /// A chat attachment or export.
    Attachment {
        /// Open or signed.
        visibility: Visibility,
        /// The year of issue, four digits.
        year: u16,
        /// The month of issue, 1 to 12.
        month: u8,
        /// The file.
        file: FileId,
        /// By content.
        extension: Extension,
    },
    /// What was found out about an attachment, as JSON.
    AttachmentMetadata {
        /// The attachment.
        file: FileId,
    },
}

/// The folder all browser uploads land under; only creations under it are events.
pub const STAGING_PREFIX: &str = "temp/uploads/";

impl ObjectKey {
    /// The key of an attachment issued at `issued`.
    pub fn attachment(visibility: Visibility, issued: Timestamp, file: FileId, extension: Extension) -> Self {
        let date = issued.to_datetime().date();
        let year = u16::try_from(date.year()).unwrap_or(1970);
        ObjectKey::Attachment { visibility, year, month: u8::from(date.month()), file, extension }
    }

    /// The path in a bucket whose keys start at `space`. Staging and quarantine always carry their tenant themselves.
    pub fn path(&self, space: &KeySpace) -> StorageKey {
        let mut path = String::new();
        if let Some(base) = &space.base {
            path.push_str(base.as_str());
            path.push('/');
        }
        let shared = !matches!(self, ObjectKey::Staging { .. } | ObjectKey::Quarantine { .. });
        if let Some(tenant) = space.tenant.filter(|_| shared) {
            path.push_str(&format!("{tenant}/"));
        }
        path.push_str(&match self {
            ObjectKey::Staging { tenant, file, nonce } => format!("{STAGING_PREFIX}{tenant}/{file}/{nonce}"),
            ObjectKey::Quarantine { tenant, file } => format!("quarantine/{tenant}/{file}"),
            ObjectKey::Avatar { visibility, kind, entity, file, size, extension } => {
                format!("{visibility}/avatars/{kind}/{entity}/{file}/{size}.{extension}")
            }
            ObjectKey::Attachment { visibility, year, month, file, extension } => {
                format!("{visibility}/attachments/{year:04}/{month:02}/{file}.{extension}")
            }
            ObjectKey::AttachmentMetadata { file } => {
                format!("private/attachments/processed/{file}_metadata.json")
            }
        });
        StorageKey(path)
    }

    /// Reads a path of `space` back; `InvalidKey` where it is none that [`ObjectKey::path`] writes.
    pub fn parse(space: &KeySpace, path: &str) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::InvalidKey, "object key");
        let mut rest = path;
        if let Some(base) = &space.base {
            rest = rest
                .strip_prefix(base.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .ok_or_else(invalid)?;
        }
        let shared = !rest.starts_with("temp/") && !rest.starts_with("quarantine/");
        if let Some(tenant) = space.tenant.filter(|_| shared) {
            rest = rest.strip_prefix(&format!("{tenant}/")).ok_or_else(invalid)?;
        }
        let key = Self::parse_relative(rest).ok_or_else(invalid)?;
        // Only the exact text that is written is read back: no upper-case ids, no other spelling of a number.
        if key.path(space).as_str() == path { Ok(key) } else { Err(invalid()) }
    }

    fn parse_relative(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["temp", "uploads", tenant, file, nonce] => Some(ObjectKey::Staging {
                tenant: tenant.parse().ok()?,
                file: file.parse().ok()?,
                nonce: UploadNonce::parse(nonce).ok()?,
            }),
            ["quarantine", tenant, file] => {
                Some(ObjectKey::Quarantine { tenant: tenant.parse().ok()?, file: file.parse().ok()? })
            }
            [visibility, "avatars", kind, entity, file, name] => {
                let (size, extension) = name.split_once('.')?;
                Some(ObjectKey::Avatar {
                    visibility: Visibility::from_word(visibility)?,
                    kind: EntityKind::from_word(kind)?,
                    entity: entity.parse().ok()?,
                    file: file.parse().ok()?,
                    size: VariantSize::from_word(size)?,
                    extension: Extension::parse(extension).ok()?,
                })
            }
            ["private", "attachments", "processed", name] => Some(ObjectKey::AttachmentMetadata {
                file: name.strip_suffix("_metadata.json")?.parse().ok()?,
            }),
            [visibility, "attachments", year, month, name] => {
                let (file, extension) = name.split_once('.')?;
                Some(ObjectKey::Attachment {
                    visibility: Visibility::from_word(visibility)?,
                    year: year.parse().ok()?,
                    month: month.parse().ok().filter(|month| (1..=12).contains(month))?,
                    file: file.parse().ok()?,
                    extension: Extension::parse(extension).ok()?,
                })
            }
            _ => None,
        }
    }

    /// Who may read the object, by its path. Staging and quarantine are nobody's.
    pub fn visibility(&self) -> Option<Visibility> {
        match self {
            ObjectKey::Staging { .. } | ObjectKey::Quarantine { .. } => None,
            ObjectKey::Avatar { visibility, .. } | ObjectKey::Attachment { visibility, .. } => {
                Some(*visibility)
            }
            ObjectKey::AttachmentMetadata { .. } => Some(Visibility::Private),
        }
    }

    /// The `Cache-Control` of the object.
    ///
    /// Final keys are written once, so browsers keep them for ever; the edge asks again every hour, which makes a
    /// deletion final within one. Of private objects only the edge keeps a copy, for an hour.
    pub fn cache_control(&self) -> &'static str {
        match self.visibility() {
            None => "no-store",
            Some(Visibility::Public) => "public, max-age=31536000, s-maxage=3600, immutable",
            Some(Visibility::Private) => "max-age=3600",
        }
    }

    /// The media type that the kind itself determines; `None` where it depends on the content.
    pub fn fixed_content_type(&self) -> Option<&'static str> {
        match self {
            ObjectKey::AttachmentMetadata { .. } => Some("application/json"),
            ObjectKey::Staging { .. } | ObjectKey::Quarantine { .. } => Some("application/octet-stream"),
            ObjectKey::Avatar { .. } | ObjectKey::Attachment { .. } => None,
        }
    }

    /// Whether a browser may show an object of this kind and type in place. Only images, PDF and plain text are shown;
    /// anything that could run a script is saved.
    pub fn disposition(&self, content_type: &str) -> Disposition {
        match self {
            ObjectKey::Avatar { .. } => Disposition::Inline,
            ObjectKey::Attachment { .. } if crate::record::is_inline_type(content_type) => {
                Disposition::Inline
            }
            _ => Disposition::Attachment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<ObjectKey> {
        let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
        let entity = EntityId::parse("22222222-2222-4222-8222-222222222222").unwrap();
        let file = FileId::parse("01920000-0000-7000-8000-000000000001").unwrap();
        let jpg = Extension::parse("jpg").unwrap();
        let mut keys = vec![
            ObjectKey::Staging { tenant, file, nonce: UploadNonce::generate() },
            ObjectKey::Quarantine { tenant, file },
            ObjectKey::AttachmentMetadata { file },
        ];
        for &visibility in Visibility::ALL {
            keys.push(ObjectKey::attachment(
                visibility,
                Timestamp::from_millis(1_795_000_000_000),
                file,
                jpg,
            ));
            for &kind in EntityKind::ALL {
                for &size in VariantSize::ALL {
                    keys.push(ObjectKey::Avatar { visibility, kind, entity, file, size, extension: jpg });
                }
            }
        }
        keys
    }

    #[test]
    fn every_key_parses_back_in_every_space() {
        let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
        let base = StorageKey::parse("files/eu").unwrap();
        for space in [
            KeySpace::default(),
            KeySpace { base: Some(base.clone()), tenant: None },
            KeySpace { base: None, tenant: Some(tenant) },
            KeySpace { base: Some(base.clone()), tenant: Some(tenant) },
        ] {
            let flat = KeySpace { base: space.prefix(), tenant: None };
            for key in samples() {
                let path = key.path(&space);
                let of_tenant = key.visibility().is_some();
                assert!(!of_tenant || key.path(&flat) == path);
                StorageKey::parse(path.as_str()).unwrap();
                assert_eq!(ObjectKey::parse(&space, path.as_str()).unwrap(), key);
                assert!(ObjectKey::parse(&space, &path.as_str().to_uppercase()).is_err());
            }
        }
    }

    #[test]
    fn g07_only_staging_keys_lie_under_the_prefix_that_makes_events() {
        for key in samples() {
            let path = key.path(&KeySpace::default());
            let is_staging = matches!(key, ObjectKey::Staging { .. });
            assert_eq!(path.as_str().starts_with(STAGING_PREFIX), is_staging, "{path}");
        }
    }

    #[test]
    fn keys_outside_the_rules_are_refused() {
        let long_segment = "a".repeat(256);
        let long = vec!["a".repeat(200); 6].join("/");
        for bad in [
            "",
            "..",
            ".",
            "a/../b",
            "/a",
            "a//b",
            "a/",
            "a\0",
            "a\\b",
            "a\u{7f}",
            "a\u{ffff}",
            &long_segment,
            &long,
            "C:\\x",
            "C:/x",
            "\\\\srv\\s",
            "file:///x",
            "~root",
        ] {
            assert_eq!(StorageKey::parse(bad).unwrap_err().kind(), ErrorKind::InvalidKey, "{bad:.30}");
        }
        for good in ["a", "a/b", "%2e%2e/x", "e\u{301}", "é", "x.meta.json", ".tmp", "ab:c", "...", "a b"] {
            StorageKey::parse(good).unwrap();
        }
    }
}
