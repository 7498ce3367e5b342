//! What administrators of a tenant may ask. Everything is within the caller's own tenant.

use std::sync::Arc;

use storage_core::ids::FileId;
use storage_core::record::AuditEntry;
use storage_core::tenant::{TenantContext, TenantLimits};
use storage_core::usage::TenantUsage;
use storage_core::{Error, ErrorKind, Result};

use crate::ledger::Ledger;
use crate::quota::Quota;
use crate::settings::Settings;
use crate::tenants::Tenants;

/// What a tenant stores, and what it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// The counters.
    pub usage: TenantUsage,
    /// The limits of its own.
    pub limits: TenantLimits,
    /// The limit of bytes that holds.
    pub max_bytes: Option<u64>,
}

/// Answers administrators.
#[derive(Clone, Debug)]
pub struct Administration {
    ledger: Ledger,
    tenants: Tenants,
    quota: Quota,
}

impl Administration {
    /// Over these.
    pub fn new(ledger: Ledger, settings: Arc<Settings>) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        let quota = Quota::new(ledger.store.clone(), settings);
        Administration { ledger, tenants, quota }
    }

    /// The history of a file, oldest first, as long as it is kept: also of one that is gone. `NotFound` where there is none
    /// in the caller's tenant.
    pub async fn audit_trail(&self, context: &TenantContext, file: FileId) -> Result<Vec<AuditEntry>> {
        self.tenants.check(context).await?;
        require_admin(context)?;
        let entries = self.ledger.store.audit_trail(context.tenant, file).await?;
        if entries.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "no history"));
        }
        Ok(entries)
    }

    /// What the caller's tenant stores.
    pub async fn usage(&self, context: &TenantContext) -> Result<UsageReport> {
        let limits = self.tenants.placement(context).await?.limits;
        require_admin(context)?;
        let usage = self.ledger.store.get_usage(context.tenant).await?;
        Ok(UsageReport { usage, max_bytes: self.quota.max_bytes(&limits), limits })
    }
}

/// `Forbidden` for everybody but administrators of the storage.
pub fn require_admin(context: &TenantContext) -> Result<()> {
    match context.scopes.admin {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Forbidden, "storage:admin is required")),
    }
}
