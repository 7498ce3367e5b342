//! What the rest of the product is told about files: items written in the transaction of what they tell, and sent on
//! afterwards, at least once, under an id that stays the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ErrorKind;
use crate::ids::{EntityId, ExternalId, FileId, PrincipalId, TenantId};
use crate::key::words;
use crate::record::{FileRecord, FileState, Purpose};
use crate::timestamp::Timestamp;

/// How long an item is kept, sent or not.
pub const OUTBOX_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

words! {
    /// What happened to a file, as subscribers know it.
    FileEvent {
        /// It can be read, for the first time or again.
        Ready "file.ready",
        /// It was refused or quarantined.
        Rejected "file.rejected",
        /// It can no longer be read.
        Deleted "file.deleted",
    }
}

/// One thing to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// A UUIDv7. Whoever is told twice knows by it.
    pub id: Uuid,
    /// What happened.
    pub event: FileEvent,
    /// When.
    pub at: Timestamp,
    /// Whose file.
    pub tenant: TenantId,
    /// Which file.
    pub file_id: FileId,
    /// The revision of the record that tells the same.
    pub rev: u64,
    /// What it is for.
    pub purpose: Purpose,
    /// Who uploaded it.
    pub owner: PrincipalId,
    /// Whose avatar it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// The caller's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The caller's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// The media type, by content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of what is served, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorKind>,
    /// Of a deletion: whether it is for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

impl OutboxItem {
    /// What the step from one revision to the next tells, if it tells anything.
    pub fn between(before: &FileRecord, after: &FileRecord) -> Option<Self> {
        use FileState::*;
        let readable = |state| matches!(state, Ready | Trashed);
        let event = match (before.state, after.state) {
            (from, to) if from == to => return None,
            (_, Ready) => FileEvent::Ready,
            (_, Failed | Quarantined) => FileEvent::Rejected,
            (_, Trashed) => FileEvent::Deleted,
            (from, Deleting) if readable(from) => FileEvent::Deleted,
            _ => return None,
        };
        let error_code = match after.state {
            Quarantined => Some(ErrorKind::FileQuarantined),
            _ => after.error_code,
        };
        Some(OutboxItem {
            id: Uuid::now_v7(),
            event,
            at: after.updated_at,
            tenant: after.tenant,
            file_id: after.file_id,
            rev: after.rev,
            purpose: after.purpose,
            owner: after.owner.clone(),
            entity: after.entity,
            scope: after.scope.clone(),
            external_id: after.external_id.clone(),
            content_type: after.content_type.clone(),
            size: after.size,
            sha256: after.sha256.clone(),
            error_code: error_code.filter(|_| event == FileEvent::Rejected),
            permanent: after.state == Deleting,
        })
    }
}
