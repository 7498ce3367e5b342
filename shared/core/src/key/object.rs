//! The one enum that owns path, content type, cache headers and disposition of every object.

use super::{EntityKind, Extension, KeySpace, StorageKey, VariantSize, Visibility};
use crate::error::{Error, ErrorKind, Result};
use crate::filename::Disposition;
use crate::ids::{EntityId, FileId, TenantId, UploadNonce};
use crate::timestamp::Timestamp;

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
/// The folder of what scans refused.
pub const QUARANTINE_PREFIX: &str = "quarantine/";

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
            ObjectKey::Quarantine { tenant, file } => format!("{QUARANTINE_PREFIX}{tenant}/{file}"),
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
            Some(Visibility::Private) => "private, max-age=3600",
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
