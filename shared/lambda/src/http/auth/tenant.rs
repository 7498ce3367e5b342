//! Which tenant a verified principal acts for.

use storage_core::ids::TenantId;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};

use super::claims::{TenantClaim, Verified};
use crate::config::TenancyConfig;

/// The header by which a service names a tenant.
pub const TENANT_HEADER: &str = "x-tenant-id";

/// The context of a service that takes in a file before it is known whose it is. `Forbidden` for anybody else.
pub fn unassigned_context(verified: &Verified) -> Result<TenantContext> {
    if !verified.scopes.service {
        return Err(Error::new(ErrorKind::Forbidden, "unassigned uploads are for services"));
    }
    Ok(TenantContext {
        tenant: TenantId::UNASSIGNED,
        slug: None,
        principal: verified.principal.clone(),
        scopes: verified.scopes.clone(),
        request_id: verified.request_id.clone(),
    })
}

/// Decides the tenant.
///
/// The token decides. `X-Tenant-ID` may repeat it; only a principal with `storage:service` and without a tenant in its
/// token may choose by it. In single-tenant mode there is one tenant and the token's is not looked at.
pub fn tenant_context(
    verified: &Verified,
    x_tenant_id: Option<&str>,
    tenancy: &TenancyConfig,
) -> Result<TenantContext> {
    let named = match x_tenant_id {
        None => None,
        Some(text) => {
            let invalid = |_| Error::new(ErrorKind::InvalidRequest, TENANT_HEADER);
            Some(TenantId::parse(text).map_err(invalid)?)
        }
    };
    let mismatch = || Error::new(ErrorKind::TenantMismatch, "token and x-tenant-id");
    let agreed = |tenant: TenantId| {
        if named.is_some_and(|named| named != tenant) { Err(mismatch()) } else { Ok(tenant) }
    };
    let (tenant, slug) = if !tenancy.multi_tenancy {
        (agreed(tenancy.default_tenant)?, None)
    } else {
        match (verified.tenant, named) {
            (TenantClaim::Named(tenant), _) => (agreed(tenant)?, verified.slug.clone()),
            (TenantClaim::Contradictory, _) => return Err(mismatch()),
            (TenantClaim::Malformed, _) => return Err(Error::new(ErrorKind::TenantRequired, "tenant claim")),
            (TenantClaim::Absent, Some(tenant)) if verified.scopes.service => {
                tracing::info!(tenant.id = %tenant, request_id = verified.request_id, "service acts for tenant");
                (tenant, None)
            }
            (TenantClaim::Absent, _) if !tenancy.require_tenant_context => {
                (agreed(tenancy.default_tenant)?, None)
            }
            (TenantClaim::Absent, _) => return Err(Error::new(ErrorKind::TenantRequired, "no tenant claim")),
        }
    };
    if tenant == TenantId::UNASSIGNED {
        return Err(Error::new(ErrorKind::TenantRequired, "the tenant of unassigned files"));
    }
    Ok(TenantContext {
        tenant,
        slug,
        principal: verified.principal.clone(),
        scopes: verified.scopes.clone(),
        request_id: verified.request_id.clone(),
    })
}
