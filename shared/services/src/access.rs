//! Who may do what. Foreign and missing are the same answer, so a refusal on a file is `NotFound`.

use storage_core::ids::EntityId;
use storage_core::key::EntityKind;
use storage_core::record::{FileRecord, FileState, Purpose};
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};

/// Whether the caller may act on everything of its tenant.
pub fn is_trusted(context: &TenantContext) -> bool {
    context.scopes.admin || context.scopes.service
}

/// May the caller change the avatar of this entity? `Forbidden` otherwise: whose avatar it is, is no secret.
pub fn may_write_avatar(context: &TenantContext, kind: EntityKind, entity: EntityId) -> Result<()> {
    let own = kind == EntityKind::Users && context.principal.as_str() == entity.to_string();
    let agent = kind == EntityKind::Agents && context.scopes.agent_write;
    if own || agent || is_trusted(context) { Ok(()) } else { Err(Error::new(ErrorKind::Forbidden, "avatar")) }
}

/// May the caller see and act on this file? Owners may; ready avatars are seen by everyone in their tenant.
pub fn may_use_file(context: &TenantContext, record: &FileRecord, write: bool) -> Result<()> {
    let tenant = record.tenant == context.tenant;
    let owner = record.owner == context.principal;
    let avatar = match (record.purpose.entity_kind(), record.entity) {
        (Some(kind), Some(entity)) => {
            let shown = !write && record.state == FileState::Ready;
            shown || may_write_avatar(context, kind, entity).is_ok()
        }
        _ => false,
    };
    if tenant && (owner || avatar || is_trusted(context)) {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::NotFound, "file of somebody else"))
    }
}

/// May the caller issue an upload for this purpose?
pub fn may_issue(context: &TenantContext, purpose: Purpose, entity: Option<EntityId>) -> Result<()> {
    match (purpose.entity_kind(), entity) {
        (Some(kind), Some(entity)) => may_write_avatar(context, kind, entity),
        (Some(_), None) => Err(Error::new(ErrorKind::InvalidRequest, "an avatar needs an entity")),
        (None, _) => Ok(()),
    }
}
