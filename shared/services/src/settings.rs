//! What the services are told once, at start.

use std::collections::BTreeSet;
use std::time::Duration;

use storage_core::ids::{BucketName, TenantId};
use storage_core::key::{StorageKey, Visibility};
use storage_core::ports::ImageLimits;
use storage_core::record::Purpose;
use storage_core::state::TRASH_LIFE;
use storage_core::tenant::Isolation;

/// One mebibyte; everywhere in the system 1 MB means this.
pub const MB: u64 = 1024 * 1024;

/// Limits, places and lives. The defaults are those of a development stack.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The one bucket that browsers upload to.
    pub staging_bucket: BucketName,
    /// The bucket of tenants that have none of their own.
    pub files_bucket: BucketName,
    /// A prefix for every key, from `STORAGE_BUCKET_PATH`.
    pub base_path: Option<StorageKey>,
    /// How tenants without a mapping record are kept apart.
    pub isolation: Isolation,
    /// Whether requests must name a tenant; else everything belongs to `default_tenant`.
    pub multi_tenancy: bool,
    /// The tenant of a single-tenant installation.
    pub default_tenant: TenantId,
    /// The visibility of uploads that do not say.
    pub default_visibility: Visibility,
    /// How long a presigned form works.
    pub upload_life: Duration,
    /// The most bytes of an avatar.
    pub avatar_max_bytes: u64,
    /// The most bytes of an attachment.
    pub attachment_max_bytes: u64,
    /// Up to how many bytes an upload is one form; above, it is sent in parts.
    pub post_max_bytes: u64,
    /// Up to how many bytes a request ingests a file itself; above, it is left to the queue.
    pub inline_max_bytes: u64,
    /// The size of the parts in which larger files are copied, in bytes.
    pub copy_part_bytes: u64,
    /// How long an upload in parts may take.
    pub multipart_life: Duration,
    /// The most bytes of a tenant whose own limits do not say; `None` where there is no such limit.
    pub tenant_max_bytes: Option<u64>,
    /// How many uploads one caller may issue a minute; `None` where there is no such limit.
    pub issues_per_minute: Option<u64>,
    /// The most bytes of a body that a function takes itself.
    pub direct_max_bytes: u64,
    /// The limits of images.
    pub image_limits: ImageLimits,
    /// Whether the sizes of an avatar are also made as WebP.
    pub avatar_webp: bool,
    /// The purposes whose uploads are scanned for malware before they become readable.
    pub scanned: BTreeSet<Purpose>,
    /// How long an export is kept once it is readable.
    pub export_life: Duration,
    /// How long a trashed file can be restored.
    pub trash_life: Duration,
    /// Whether the sweep removes anything.
    pub sweep_enabled: bool,
    /// The most objects one run of the sweep may remove.
    pub sweep_object_budget: u64,
}

impl Settings {
    /// Development defaults over these two buckets.
    pub fn new(staging_bucket: BucketName, files_bucket: BucketName, default_tenant: TenantId) -> Self {
        Settings {
            staging_bucket,
            files_bucket,
            base_path: None,
            isolation: Isolation::Prefix,
            multi_tenancy: true,
            default_tenant,
            default_visibility: Visibility::Private,
            upload_life: Duration::from_secs(3600),
            avatar_max_bytes: 5 * MB,
            attachment_max_bytes: 100 * MB,
            post_max_bytes: 100 * MB,
            inline_max_bytes: 1024 * MB,
            copy_part_bytes: 512 * MB,
            multipart_life: Duration::from_secs(24 * 3600),
            tenant_max_bytes: None,
            issues_per_minute: None,
            direct_max_bytes: 4 * MB,
            image_limits: ImageLimits::default(),
            avatar_webp: true,
            scanned: BTreeSet::new(),
            export_life: Duration::from_secs(7 * 24 * 3600),
            trash_life: TRASH_LIFE,
            sweep_enabled: true,
            sweep_object_budget: 1000,
        }
    }
    /// How long a readable file of this purpose is kept; `None` for those that stay.
    pub fn kept_for(&self, purpose: Purpose) -> Option<Duration> {
        (purpose == Purpose::Export).then_some(self.export_life)
    }
}
