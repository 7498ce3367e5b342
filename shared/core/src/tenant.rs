//! Tenants: who a request acts for, and where a tenant's objects lie.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{BucketName, PrincipalId, TenantId, TenantSlug};
use crate::key::KeySpace;
use crate::record::Purpose;
use crate::timestamp::Timestamp;

/// How a tenant's objects are kept apart from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A bucket of its own.
    Bucket,
    /// A prefix of its own, the tenant's UUID, in a shared bucket.
    Prefix,
}

/// Whether a tenant's storage can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    /// Being provisioned: uploads answer `TENANT_NOT_READY`.
    Creating,
    /// In use.
    Active,
    /// Nothing is served or taken.
    Suspended,
    /// Being removed.
    Deleting,
}

/// The mapping record of a tenant: found by UUID, never by formatting a slug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// The identity.
    pub tenant: TenantId,
    /// The label it had when it was provisioned.
    pub slug: TenantSlug,
    /// The bucket of its final objects.
    pub bucket: BucketName,
    /// How they are kept apart there.
    pub isolation: Isolation,
    /// Whether it can be used.
    pub state: TenantState,
    /// What it may store.
    #[serde(default)]
    pub limits: TenantLimits,
    /// When the record was made.
    pub created_at: Timestamp,
}

/// What a tenant may store. What is absent is as the installation has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantLimits {
    /// The most bytes in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The most files in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u64>,
    /// What holds for one purpose beside that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub purposes: BTreeMap<Purpose, PurposeLimits>,
    /// Whether its files may not be public.
    #[serde(default)]
    pub private_only: bool,
}

/// What a tenant may store for one purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurposeLimits {
    /// The most bytes of all files of the purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The most bytes of one file; never more than the installation takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_bytes: Option<u64>,
}

/// The verified scopes of a principal that services act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// May write the avatars of the organisation's agents (`agent:write`).
    pub agent_write: bool,
    /// May act on every file of the tenant (`storage:admin`).
    pub admin: bool,
    /// A service of the product (`storage:service`).
    pub service: bool,
}

/// Whom a request acts for. It is made from verified claims alone; services take nothing weaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantContext {
    /// The tenant.
    pub tenant: TenantId,
    /// The label the token gives the tenant; it must be that of the mapping record.
    pub slug: Option<TenantSlug>,
    /// The caller.
    pub principal: PrincipalId,
    /// What the caller may do.
    pub scopes: Scopes,
    /// The id of the request, for the audit trail.
    pub request_id: String,
}

/// Where final objects of a tenant go: resolved once per request from the mapping record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The bucket.
    pub bucket: BucketName,
    /// Where keys start in it.
    pub space: KeySpace,
    /// What the tenant may store.
    pub limits: TenantLimits,
}
