//! The file record: the single source of truth about a file, and the items written beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ErrorKind;
use crate::filename::FileName;
use crate::ids::{BucketName, EntityId, ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId, WorkerId};
use crate::key::{EntityKind, KeySpace, ObjectKey, StorageKey, VariantSize, Visibility, words};
use crate::ports::{ETag, ObjectMeta, Placeholder};
use crate::timestamp::Timestamp;

/// The version of the record's schema that this code writes.
pub const SCHEMA_VERSION: u32 = 1;

words! {
    /// What a file is for. It decides limits, types, layout and who may write.
    Purpose {
        /// The avatar of a user.
        AvatarUser "avatar.user",
        /// The avatar of an agent.
        AvatarAgent "avatar.agent",
        /// A chat attachment.
        Attachment "attachment",
        /// A generated export.
        Export "export",
    }
}

impl Purpose {
    /// The avatar purpose of a kind of entity.
    pub const fn avatar(kind: EntityKind) -> Self {
        match kind {
            EntityKind::Users => Purpose::AvatarUser,
            EntityKind::Agents => Purpose::AvatarAgent,
        }
    }

    /// The kind of entity, for avatars.
    pub const fn entity_kind(self) -> Option<EntityKind> {
        match self {
            Purpose::AvatarUser => Some(EntityKind::Users),
            Purpose::AvatarAgent => Some(EntityKind::Agents),
            Purpose::Attachment | Purpose::Export => None,
        }
    }
}

words! {
    /// Where a file is in its life. See `docs/ARCHITECTURE.md` for the edges.
    FileState {
        /// Issued; no bytes have been claimed.
        Pending "pending",
        /// A worker holds the lease and validates.
        Processing "processing",
        /// Waiting for a scan's verdict.
        Scanning "scanning",
        /// Infected or unscannable.
        Quarantined "quarantined",
        /// Validated, readable.
        Ready "ready",
        /// Deleted by its owner, restorable for a while.
        Trashed "trashed",
        /// Refused; `error_code` says why.
        Failed "failed",
        /// A tombstone whose bytes are being removed.
        Deleting "deleting",
        /// A tombstone without bytes.
        Deleted "deleted",
    }
}

/// What the client said about its upload. None of it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The media type, lower case, without parameters.
    pub content_type: String,
    /// The size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The SHA-256 in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An upload in parts that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultipartUpload {
    /// The backend's own id of it, which clients of the parts API see only sealed; absent where a browser makes the calls
    /// of S3 itself, and may have started more than one upload of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// The size of every part but the last in bytes, where the server chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_size: Option<u64>,
}

/// How far the copy of a large upload to its final place has come. Which parts are there is the backend's to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The backend's id of the upload that becomes the final object.
    pub upload_id: String,
    /// The final key.
    pub key: StorageKey,
    /// The tag of the staging object that is copied; every part is pinned to it.
    pub source_etag: ETag,
    /// Its version, where the bucket has versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// The size of every part but the last, in bytes.
    pub part_size: u64,
    /// How many parts there are in all.
    pub parts: u16,
    /// How many of them are known to be copied.
    pub copied: u16,
}

words! {
    /// What is known of the scan of an upload for malware.
    ScanStatus {
        /// It has to be scanned, and nothing is known yet.
        Pending "pending",
        /// Nothing was found.
        Clean "clean",
        /// Something was found.
        Infected "infected",
        /// It could not be scanned.
        Error "error",
        /// There was no verdict in time.
        Timeout "timeout",
        /// An administrator has let it out of quarantine, whatever was found.
        Released "released",
    }
}

/// Exactly which bytes a verdict is about: another upload under the same key is another object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedObject {
    /// The tag of the object.
    pub etag: ETag,
    /// Its version, on versioned buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl From<&ObjectMeta> for ScannedObject {
    fn from(meta: &ObjectMeta) -> Self {
        ScannedObject { etag: meta.etag.clone(), version_id: meta.version_id.clone() }
    }
}

/// The scan of an upload. A record that has one becomes readable only by a clean verdict, or by an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// What is known.
    pub status: ScanStatus,
    /// What the status is about; absent before anything was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ScannedObject>,
    /// What was found, in the words of the scanner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
    /// Since when the status holds.
    pub at: Timestamp,
    /// Of a quarantined upload: whether its bytes are in quarantine, and nowhere else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// Until when a verdict is waited for. It is set once, however often the upload is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl Scan {
    /// Of an upload that has to be scanned.
    pub fn required(at: Timestamp) -> Self {
        Scan { status: ScanStatus::Pending, object: None, threat: None, at, moved: false, deadline: None }
    }

    /// Whether the file may become readable.
    pub fn passes(&self) -> bool {
        matches!(self.status, ScanStatus::Clean | ScanStatus::Released)
    }

    /// Whether exactly this object was found clean.
    pub fn clears(&self, object: &ScannedObject) -> bool {
        self.status == ScanStatus::Clean && self.object.as_ref() == Some(object)
    }
}

/// One stored size of an avatar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVariant {
    /// Its key in the record's bucket.
    pub key: StorageKey,
    /// Its media type.
    pub content_type: String,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The size in bytes.
    pub bytes: u64,
    /// The backend's entity tag.
    pub etag: ETag,
}

/// Everything that is known about a file. `rev` grows by one with every write, and every write names the `rev` it read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The schema version.
    pub v: u32,
    /// The revision, from 1.
    pub rev: u64,
    /// Whose file.
    pub tenant: TenantId,
    /// Which file.
    pub file_id: FileId,
    /// Where it is in its life.
    pub state: FileState,
    /// What it is for.
    pub purpose: Purpose,
    /// Who issued it.
    pub owner: PrincipalId,
    /// Whose avatar it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// A caller's folder, such as a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The caller's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// The bucket of the final objects.
    pub bucket: BucketName,
    /// Where its final keys start in that bucket, from the tenant's placement at issue; absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<StorageKey>,
    /// Which backend holds them: `s3` or `local`.
    pub backend: String,
    /// The bucket browsers upload to.
    pub staging_bucket: BucketName,
    /// Where the upload lands; `None` for a direct upload that is not to be scanned, whose bytes never lie on staging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_key: Option<StorageKey>,
    /// The upload in parts that fills the staging object; absent for uploads by form or in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<MultipartUpload>,
    /// The copy in parts that fills the final object, while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,
    /// Every final key that may have been written. Recorded before the first of them is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned_keys: Vec<StorageKey>,
    /// The key that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_key: Option<StorageKey>,
    /// The entity tag of the served object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<ETag>,
    /// The version of the served object, on versioned buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// SHA-256 of what was uploaded, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sha256: Option<String>,
    /// SHA-256 of what is served, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// S3's own checksum of what is served (CRC-64/NVME of the whole object, base64), where the storage keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum_crc64nvme: Option<String>,
    /// The size of what is served, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The sniffed media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The client's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_filename: Option<FileName>,
    /// Whether that is another name than the one its object was stored with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renamed: bool,
    /// What the client said.
    pub declared: Declared,
    /// The most bytes this upload may have.
    pub max_bytes: u64,
    /// Who may read it.
    pub visibility: Visibility,
    /// Width in pixels, of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The stored sizes of an avatar, the original among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<VariantSize, StoredVariant>,
    /// The same sizes as WebP, of an avatar that has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub webp: BTreeMap<VariantSize, StoredVariant>,
    /// The 32 px variant as a `data:` URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_small: Option<String>,
    /// Thumbhash and average colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<Placeholder>,
    /// The caller's own metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Its scan, where the policy asked for one when it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// Where its bytes go, or went, in the staging bucket when a scan refused them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine_key: Option<StorageKey>,
    /// The order among the avatars of one entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The worker that may commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_owner: Option<WorkerId>,
    /// Until when it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// How many leases have been taken.
    #[serde(default)]
    pub attempts: u32,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorKind>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When a pending upload is given up, and a readable file that is not kept for ever is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Until when removals of objects that it has left may still be on their way: none of those keys may be used again
    /// before. Absent where every removal was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearing_until: Option<Timestamp>,
    /// When a trashed or quarantined file is removed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<Timestamp>,
    /// Whether deletion is forbidden.
    #[serde(default)]
    pub legal_hold: bool,
    /// When the sweep looks at it next; absent where nothing is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When the table may forget the record, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
}

impl FileRecord {
    /// Every key this file may occupy in its final bucket.
    pub fn final_keys(&self) -> impl Iterator<Item = &StorageKey> {
        let variants = self.variants.values().chain(self.webp.values());
        let known = self.final_key.iter().chain(variants.map(|variant| &variant.key));
        self.planned_keys.iter().chain(known.filter(|key| !self.planned_keys.contains(key)))
    }

    /// The keys it serves, and that of the document beside an attachment.
    pub fn live_keys(&self) -> impl Iterator<Item = &StorageKey> {
        self.final_keys().filter(|key| self.is_live(key))
    }

    /// Keys it has left, or was to have and never got.
    pub fn left_keys(&self) -> impl Iterator<Item = &StorageKey> {
        self.planned_keys.iter().filter(|key| !self.is_live(key))
    }

    fn is_live(&self, key: &StorageKey) -> bool {
        self.final_key.as_ref() == Some(key)
            || self.variants.values().chain(self.webp.values()).any(|variant| variant.key == *key)
            || *key == ObjectKey::AttachmentMetadata { file: self.file_id }.path(&self.key_space())
    }

    /// Where its final keys start.
    pub fn key_space(&self) -> KeySpace {
        KeySpace { base: self.key_prefix.clone(), tenant: None }
    }

    /// The pointer of the entity whose avatar this is.
    pub fn pointer_key(&self) -> Option<PointerKey> {
        Some(PointerKey { tenant: self.tenant, kind: self.purpose.entity_kind()?, entity: self.entity? })
    }

    /// Whether an administrator has let it out of quarantine.
    pub fn is_released(&self) -> bool {
        self.scan.as_ref().is_some_and(|scan| scan.status == ScanStatus::Released)
    }

    /// Whether its bytes have yet to be moved to quarantine.
    pub fn awaits_move(&self) -> bool {
        self.state == FileState::Quarantined && self.scan.as_ref().is_some_and(|scan| !scan.moved)
    }

    /// Whether `worker` holds the lease at `now`.
    pub fn leased_to(&self, worker: WorkerId, now: Timestamp) -> bool {
        self.state == FileState::Processing
            && self.lease_owner == Some(worker)
            && self.lease_until.is_some_and(|until| until > now)
    }
}

/// Whose current avatar a pointer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PointerKey {
    /// The tenant.
    pub tenant: TenantId,
    /// User or agent.
    pub kind: EntityKind,
    /// The entity.
    pub entity: EntityId,
}

/// The current avatar of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvatarPointer {
    /// The last number handed out to an issue or a delete.
    #[serde(default)]
    pub seq: u64,
    /// The generation that is shown; `None` after a delete and before the first upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_file_id: Option<FileId>,
    /// The number of the issue or delete that set it; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_seq: Option<u64>,
}

/// What a repeated request with the same `Idempotency-Key` is answered from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The tenant.
    pub tenant: TenantId,
    /// The caller.
    pub principal: PrincipalId,
    /// The caller's key.
    pub key: IdempotencyKey,
    /// SHA-256 of the method, route and body, lower-case hex.
    pub request_hash: String,
    /// The file the first request made.
    pub file_id: FileId,
    /// Until when the answer is kept. It is judged by this attribute, never by the table's TTL.
    pub expires_at: Timestamp,
}

/// How long an answer to an idempotent request is kept.
pub const IDEMPOTENCY_LIFE: Duration = Duration::from_secs(24 * 3600);

/// One line of a file's history, written in the same transaction as what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// A UUIDv7, so that entries sort by time.
    pub id: Uuid,
    /// The tenant.
    pub tenant: TenantId,
    /// The file.
    pub file_id: FileId,
    /// When.
    pub at: Timestamp,
    /// What happened, such as `issued` or `ready`.
    pub action: String,
    /// Who did it: a principal, or the name of a function.
    pub actor: String,
    /// The state before; absent for an issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<FileState>,
    /// The state after.
    pub to: FileState,
    /// Why, for refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorKind>,
    /// The request that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How long audit entries are kept.
pub const AUDIT_LIFE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Media types a browser may show in place.
pub fn is_inline_type(content_type: &str) -> bool {
    matches!(
        content_type,
        "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "application/pdf" | "text/plain"
    )
}
