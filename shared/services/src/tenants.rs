//! Where a tenant's objects lie: by its mapping record, never by formatting a slug.

use std::sync::Arc;

use storage_core::ids::{BucketName, TenantId};
use storage_core::key::KeySpace;
use storage_core::ports::MetadataStore;
use storage_core::tenant::{Isolation, Placement, TenantContext, TenantLimits, TenantState};
use storage_core::{Error, ErrorKind, Result};

use crate::settings::Settings;

/// Finds placements.
#[derive(Clone, Debug)]
pub struct Tenants {
    store: Arc<dyn MetadataStore>,
    settings: Arc<Settings>,
}

impl Tenants {
    /// Over this store.
    pub fn new(store: Arc<dyn MetadataStore>, settings: Arc<Settings>) -> Self {
        Tenants { store, settings }
    }

    /// Where new files of the caller's tenant go.
    ///
    /// A tenant without a mapping record lives under its own prefix of the shared bucket where the installation isolates
    /// by prefix; where it isolates by bucket the answer is `TenantNotReady`. `TenantSuspended` and `TenantMismatch` (the
    /// token's slug is not the record's) refuse every call. Files that wait for their tenant lie in the shared bucket.
    pub async fn placement(&self, context: &TenantContext) -> Result<Placement> {
        if context.tenant == TenantId::UNASSIGNED {
            let bucket = self.settings.files_bucket.clone();
            return Ok(self.place(bucket, Isolation::Prefix, context.tenant, TenantLimits::default()));
        }
        let Some(record) = self.store.get_tenant(context.tenant).await? else {
            return match (self.settings.multi_tenancy, self.settings.isolation) {
                (false, _) | (true, Isolation::Prefix) => {
                    let limits = TenantLimits::default();
                    Ok(self.place(
                        self.settings.files_bucket.clone(),
                        Isolation::Prefix,
                        context.tenant,
                        limits,
                    ))
                }
                (true, Isolation::Bucket) => {
                    Err(Error::new(ErrorKind::TenantNotReady, "tenant without a bucket"))
                }
            };
        };
        if context.slug.as_ref().is_some_and(|slug| *slug != record.slug) {
            return Err(Error::new(ErrorKind::TenantMismatch, "the slug of the token is not the tenant's"));
        }
        match record.state {
            TenantState::Active => {
                Ok(self.place(record.bucket, record.isolation, context.tenant, record.limits))
            }
            TenantState::Creating => {
                Err(Error::new(ErrorKind::TenantNotReady, "tenant is being provisioned"))
            }
            TenantState::Suspended | TenantState::Deleting => {
                Err(Error::new(ErrorKind::TenantSuspended, "tenant is not active"))
            }
        }
    }

    /// `NotFound` for readers without a token, where the tenant is not in use: why, is nobody's business.
    pub async fn check_open(&self, tenant: TenantId) -> Result<()> {
        match self.store.get_tenant(tenant).await? {
            Some(record) if record.state != TenantState::Active => {
                Err(Error::new(ErrorKind::NotFound, "tenant is not active"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a suspended tenant and a slug that is not its own.
    pub async fn check(&self, context: &TenantContext) -> Result<()> {
        self.placement(context).await.map(drop)
    }

    fn place(
        &self,
        bucket: BucketName,
        isolation: Isolation,
        tenant: TenantId,
        limits: TenantLimits,
    ) -> Placement {
        let tenant = (isolation == Isolation::Prefix).then_some(tenant);
        Placement { bucket, space: KeySpace { base: self.settings.base_path.clone(), tenant }, limits }
    }
}
