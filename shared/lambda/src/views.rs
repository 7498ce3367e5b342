//! What clients see of records: the shapes of the API's answers. Keys, buckets and staging places are never among them.

use std::collections::BTreeMap;

use serde::Serialize;
use storage_core::ErrorKind;
use storage_core::key::{VariantSize, Visibility};
use storage_core::ports::{Placeholder, ResolvedUrl};
use storage_core::record::{AuditEntry, FileRecord, FileState, Purpose};
use storage_core::timestamp::Timestamp;
use storage_core::usage::Usage;
use storage_services::admin::UsageReport;
use storage_services::part_uploads::{Begun, part_size};
use storage_services::resolve::{AvatarInfo, AvatarSize};
use storage_services::uploads::Issued;

/// A file, as `GET /files/{id}` answers it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileView {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::FileId))]
    pub file_id: String,
    /// Where it is in its life.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::State))]
    pub state: &'static str,
    /// What it is for.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::PurposeWord))]
    pub purpose: &'static str,
    /// Who uploaded it.
    pub owner_id: String,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// By content, once it is ready; until then as declared.
    pub content_type: String,
    /// In bytes, once it is ready; until then as declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// SHA-256 of what is served, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// CRC-64/NVME of what is served, in base64, where the storage computes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum_crc64nvme: Option<String>,
    /// Width in pixels, of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Thumbhash and average colour, of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Placeholder>))]
    pub placeholder: Option<Placeholder>,
    /// Whether anyone may read it.
    pub is_public: bool,
    /// A folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The caller's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The caller's own metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::ErrorCode>))]
    pub error_code: Option<ErrorKind>,
    /// When it was issued.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Time))]
    pub created_at: Timestamp,
    /// When it last changed.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Time))]
    pub updated_at: Timestamp,
    /// When it is deleted for good: of files in the trash or in quarantine, and of exports.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Time>))]
    pub delete_after: Option<Timestamp>,
    /// Where to read it, once it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Until when that URL works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Time>))]
    pub expires_at: Option<Timestamp>,
    /// The sizes of an avatar, where they are asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<crate::openapi::Size, SizeView>))]
    pub sizes: BTreeMap<VariantSize, SizeView>,
}

/// The strong tag of a record, without quotes: one for each revision, and none of it from a URL that changes with time.
pub fn etag(record: &FileRecord) -> String {
    format!("{}-{}", record.file_id.as_uuid().simple(), record.rev)
}

impl FileView {
    /// The view of a record, with its URL where it has one.
    pub fn new(record: &FileRecord, url: Option<ResolvedUrl>) -> Self {
        let (url, expires_at) = url.map_or((None, None), |url| (Some(url.url), url.expires_at));
        FileView {
            file_id: record.file_id.to_string(),
            state: record.state.as_str(),
            purpose: record.purpose.as_str(),
            owner_id: record.owner.to_string(),
            filename: record.original_filename.as_ref().map(|name| name.to_string()),
            content_type: record.content_type.clone().unwrap_or_else(|| record.declared.content_type.clone()),
            size_bytes: record.size.or(record.declared.size),
            sha256: record.sha256.clone(),
            checksum_crc64nvme: record.checksum_crc64nvme.clone(),
            width: record.width,
            height: record.height,
            placeholder: record.placeholder.clone(),
            is_public: record.visibility == Visibility::Public,
            scope: record.scope.clone(),
            external_id: record.external_id.as_ref().map(|id| id.to_string()),
            metadata: record.metadata.clone(),
            error_code: record.error_code,
            created_at: record.created_at,
            updated_at: record.updated_at,
            delete_after: match record.state {
                FileState::Ready => record.expires_at,
                _ => record.delete_after,
            },
            url,
            expires_at,
            sizes: BTreeMap::new(),
        }
    }

    /// The same with the sizes of an avatar.
    #[must_use]
    pub fn with_sizes(mut self, sizes: BTreeMap<VariantSize, AvatarSize>) -> Self {
        self.sizes = sizes.into_iter().map(|(size, found)| (size, SizeView::from(found))).collect();
        self
    }
}

/// One size of an avatar.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SizeView {
    /// Where to read it.
    pub url: String,
    /// Until when that URL works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Time>))]
    pub expires_at: Option<Timestamp>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size in bytes.
    pub bytes: u64,
    /// The media type.
    pub content_type: String,
    /// The entity tag.
    pub etag: String,
    /// The same picture as WebP, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webp: Option<WebpView>,
}

/// The WebP variant of a size, as wide and high as the size itself.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebpView {
    /// Where to read it.
    pub url: String,
    /// Until when that URL works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Time>))]
    pub expires_at: Option<Timestamp>,
    /// Size in bytes.
    pub bytes: u64,
    /// The entity tag.
    pub etag: String,
}

impl From<AvatarSize> for SizeView {
    fn from(size: AvatarSize) -> Self {
        SizeView {
            url: size.url.url,
            expires_at: size.url.expires_at,
            width: size.width,
            height: size.height,
            bytes: size.bytes,
            content_type: size.content_type,
            etag: size.etag,
            webp: size.webp.map(|webp| WebpView {
                url: webp.url.url,
                expires_at: webp.url.expires_at,
                bytes: webp.bytes,
                etag: webp.etag,
            }),
        }
    }
}

/// An avatar, as `GET /{kind}/{id}/avatar/info` answers it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AvatarView {
    /// Whether the entity has an avatar of its own.
    pub has_custom_avatar: bool,
    /// The stable URL of the medium size, for `avatar_url` of an entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// `ready` where there is one, else `none`.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::AvatarState))]
    pub state: &'static str,
    /// The generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::FileId>))]
    pub file_id: Option<String>,
    /// Its sizes.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<crate::openapi::Size, SizeView>))]
    pub sizes: BTreeMap<VariantSize, SizeView>,
    /// Thumbhash and average colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Placeholder>))]
    pub placeholder: Option<Placeholder>,
    /// The 32 px size as a `data:` URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_small: Option<String>,
    /// When it became current.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Time>))]
    pub updated_at: Option<Timestamp>,
}

impl AvatarView {
    /// The view of what was resolved; `avatar_url` is the route that always leads to the current generation.
    pub fn new(info: AvatarInfo, avatar_url: String) -> Self {
        let has = info.file_id.is_some();
        AvatarView {
            has_custom_avatar: has,
            avatar_url: has.then_some(avatar_url),
            state: if has { "ready" } else { "none" },
            file_id: info.file_id.map(|file| file.to_string()),
            sizes: info.sizes.into_iter().map(|(size, found)| (size, SizeView::from(found))).collect(),
            placeholder: info.placeholder,
            inline_small: info.inline_small,
            updated_at: info.updated_at,
        }
    }
}

/// A presigned upload.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedView {
    /// The id of the file to be.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::FileId))]
    pub file_id: String,
    /// How to send it.
    pub method: &'static str,
    /// Where to send it; absent for an upload in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_url: Option<String>,
    /// The form's fields, to be sent before the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub upload_fields: BTreeMap<String, String>,
    /// How to send it in parts, where it is too large for a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multipart: Option<MultipartView>,
    /// The staging key that is written.
    pub key: String,
    /// The most bytes the upload may have.
    pub max_bytes: u64,
    /// The seconds it works: of a form never more than the signing credentials do.
    pub expires_in: u64,
}

/// An upload in parts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MultipartView {
    /// What names the upload in the routes under `/s3/multipart`.
    pub upload_id: String,
    /// The size of every part but the last, in bytes.
    pub part_size: u64,
    /// How many parts there are.
    pub part_count: u64,
}

impl IssuedView {
    /// The view of an issued upload at `now`.
    pub fn new(issued: Issued, now: Timestamp) -> Self {
        IssuedView {
            file_id: issued.record.file_id.to_string(),
            method: "POST",
            upload_url: Some(issued.post.url),
            upload_fields: issued.post.fields,
            multipart: None,
            key: issued.staging.key.to_string(),
            max_bytes: issued.record.max_bytes,
            expires_in: issued.post.expires_at.since(now).as_secs(),
        }
    }

    /// The view of an upload in parts at `now`, under the sealed name of it.
    pub fn in_parts(begun: Begun, upload_id: String, now: Timestamp) -> Self {
        let size = begun.record.declared.size.unwrap_or_default();
        let part_size = begun.part_size.unwrap_or_else(|| part_size(size));
        IssuedView {
            file_id: begun.record.file_id.to_string(),
            method: "PUT",
            upload_url: None,
            upload_fields: BTreeMap::new(),
            multipart: Some(MultipartView { upload_id, part_size, part_count: size.div_ceil(part_size) }),
            key: begun.handle.key.to_string(),
            max_bytes: begun.record.max_bytes,
            expires_in: begun.until.since(now).as_secs(),
        }
    }
}

/// The history of a file.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// Its lines, oldest first.
    pub entries: Vec<AuditLine>,
}

/// One line of a history.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditLine {
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Time))]
    pub at: Timestamp,
    /// What happened, such as `issued` or `ready`.
    pub action: String,
    /// Who did it: a principal, or the name of a function.
    pub actor: String,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::State>))]
    pub from: Option<&'static str>,
    /// The state after.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::State))]
    pub to: &'static str,
    /// Why, for refusals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::ErrorCode>))]
    pub error_code: Option<ErrorKind>,
    /// The request that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl AuditView {
    /// The view of these entries.
    pub fn new(entries: Vec<AuditEntry>) -> Self {
        let line = |entry: AuditEntry| AuditLine {
            at: entry.at,
            action: entry.action,
            actor: entry.actor,
            from: entry.from.map(|state| state.as_str()),
            to: entry.to.as_str(),
            error_code: entry.error_code,
            request_id: entry.request_id,
        };
        AuditView { entries: entries.into_iter().map(line).collect() }
    }
}

/// What a tenant stores.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageView {
    /// Bytes of files that exist.
    pub used_bytes: u64,
    /// Bytes that uploads under way may still bring.
    pub reserved_bytes: u64,
    /// Files that exist or are under way.
    pub files: u64,
    /// The most bytes in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The most files in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u64>,
    /// The same by purpose, for those that have any.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<crate::openapi::PurposeWord, PurposeUsageView>))]
    pub purposes: BTreeMap<&'static str, PurposeUsageView>,
}

/// What a tenant stores for one purpose.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurposeUsageView {
    /// Bytes of files that exist.
    pub used_bytes: u64,
    /// Bytes that uploads under way may still bring.
    pub reserved_bytes: u64,
    /// Files that exist or are under way.
    pub files: u64,
    /// The most bytes of all files of the purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl UsageView {
    /// The view of a report.
    pub fn new(report: &UsageReport) -> Self {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let total = report.usage.total();
        let purposes = Purpose::ALL.iter().filter_map(|purpose| {
            let usage = report.usage.of_purpose(*purpose);
            let limits = report.limits.purposes.get(purpose);
            let view = PurposeUsageView {
                used_bytes: count(usage.stored),
                reserved_bytes: count(usage.reserved),
                files: count(usage.files),
                max_bytes: limits.and_then(|limits| limits.max_bytes),
            };
            (usage != Usage::default() || limits.is_some()).then_some((purpose.as_str(), view))
        });
        UsageView {
            used_bytes: count(total.stored),
            reserved_bytes: count(total.reserved),
            files: count(total.files),
            max_bytes: report.max_bytes,
            max_files: report.limits.max_files,
            purposes: purposes.collect(),
        }
    }
}
