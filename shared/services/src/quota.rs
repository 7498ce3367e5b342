//! What a tenant may still store. The counters change with the records; this only reads them and compares.

use std::sync::Arc;

use serde_json::json;
use storage_core::ids::TenantId;
use storage_core::ports::MetadataStore;
use storage_core::record::{FileRecord, Purpose};
use storage_core::tenant::TenantLimits;
use storage_core::usage::{TenantUsage, Usage};
use storage_core::{Error, ErrorKind, Result};

use crate::policy;
use crate::settings::Settings;

/// One limit of bytes that holds.
struct Bound {
    /// `tenant` or `purpose`.
    name: &'static str,
    max: u64,
    used: Usage,
}

impl Bound {
    fn room(&self) -> u64 {
        self.max.saturating_sub(self.used.bytes())
    }
}

/// Compares counters with limits.
#[derive(Clone, Debug)]
pub struct Quota {
    store: Arc<dyn MetadataStore>,
    settings: Arc<Settings>,
}

impl Quota {
    /// Over this store.
    pub fn new(store: Arc<dyn MetadataStore>, settings: Arc<Settings>) -> Self {
        Quota { store, settings }
    }

    /// The most bytes of one file of `purpose` in a tenant with these limits.
    pub fn max_file_bytes(&self, limits: &TenantLimits, purpose: Purpose) -> u64 {
        let installation = policy::max_bytes(&self.settings, purpose);
        let own = limits.purposes.get(&purpose).and_then(|purpose| purpose.max_file_bytes);
        own.map_or(installation, |own| own.min(installation))
    }

    /// The limit of all of a tenant's bytes.
    pub fn max_bytes(&self, limits: &TenantLimits) -> Option<u64> {
        limits.max_bytes.or(self.settings.tenant_max_bytes)
    }

    /// How many bytes a new file of `purpose` may have before a quota is reached; `None` without any.
    ///
    /// `QuotaExceeded`, with the numbers, where a file of `size` bytes does not fit, or would be one too many.
    pub async fn room(
        &self,
        tenant: TenantId,
        limits: &TenantLimits,
        purpose: Purpose,
        size: u64,
    ) -> Result<Option<u64>> {
        if !self.applies(limits, purpose) {
            return Ok(None);
        }
        let usage = self.store.get_usage(tenant).await?;
        let files = usage.total().files.max(0).unsigned_abs();
        if let Some(max_files) = limits.max_files.filter(|max| files >= *max) {
            return Err(too_many(max_files, files));
        }
        let tightest = self.bounds(limits, purpose, &usage).min_by_key(Bound::room);
        match tightest {
            Some(bound) if bound.room() < size.max(1) => Err(exceeded(&bound, size)),
            bound => Ok(bound.map(|bound| bound.room())),
        }
    }

    /// The same for a file that the counters hold already: uploads that were issued at one moment see each other here.
    pub async fn check_counted(&self, limits: &TenantLimits, record: &FileRecord) -> Result<()> {
        if !self.applies(limits, record.purpose) {
            return Ok(());
        }
        let usage = self.store.get_usage(record.tenant).await?;
        let files = usage.total().files.max(0).unsigned_abs();
        if let Some(max_files) = limits.max_files.filter(|max| files > *max) {
            return Err(too_many(max_files, files));
        }
        let over = self.bounds(limits, record.purpose, &usage).find(|bound| bound.used.bytes() > bound.max);
        over.map_or(Ok(()), |bound| Err(exceeded(&bound, record.declared.size.unwrap_or(0))))
    }

    /// Whether a file of undeclared size that turned out to have `size` bytes still fits.
    pub async fn fits(&self, record: &FileRecord, size: u64) -> Result<bool> {
        let tenant = self.store.get_tenant(record.tenant).await?;
        let limits = tenant.map(|tenant| tenant.limits).unwrap_or_default();
        if !self.applies(&limits, record.purpose) {
            return Ok(true);
        }
        let usage = self.store.get_usage(record.tenant).await?;
        Ok(self.bounds(&limits, record.purpose, &usage).all(|bound| bound.room() >= size))
    }

    fn applies(&self, limits: &TenantLimits, purpose: Purpose) -> bool {
        let own = limits.purposes.get(&purpose).is_some_and(|purpose| purpose.max_bytes.is_some());
        own || limits.max_files.is_some() || self.max_bytes(limits).is_some()
    }

    /// Every limit of bytes that holds.
    fn bounds(
        &self,
        limits: &TenantLimits,
        purpose: Purpose,
        usage: &TenantUsage,
    ) -> impl Iterator<Item = Bound> {
        let whole = self.max_bytes(limits).map(|max| Bound { name: "tenant", max, used: usage.total() });
        let own = limits.purposes.get(&purpose).and_then(|limits| limits.max_bytes);
        let own = own.map(|max| Bound { name: "purpose", max, used: usage.of_purpose(purpose) });
        whole.into_iter().chain(own)
    }
}

fn exceeded(bound: &Bound, size: u64) -> Error {
    let details = json!({
        "limit": bound.name,
        "max_bytes": bound.max,
        "stored_bytes": bound.used.stored.max(0),
        "reserved_bytes": bound.used.reserved.max(0),
        "size_bytes": size,
    });
    Error::new(ErrorKind::QuotaExceeded, "bytes").with_details(details)
}

fn too_many(max_files: u64, files: u64) -> Error {
    let details = json!({ "limit": "files", "max_files": max_files, "files": files });
    Error::new(ErrorKind::QuotaExceeded, "files").with_details(details)
}
