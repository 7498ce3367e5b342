//! Repeated requests: what an `Idempotency-Key` is kept with, and which file the first request made.

use storage_core::ids::FileId;
use storage_core::ports::Write;
use storage_core::record::{IDEMPOTENCY_LIFE, IdempotencyRecord};
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::ledger::Ledger;
use crate::uploads::Idempotency;

/// The file of an earlier request with this key; `IdempotencyMismatch` where that asked for something else.
pub(crate) async fn kept(
    ledger: &Ledger,
    context: &TenantContext,
    idempotency: &Idempotency,
) -> Result<Option<FileId>> {
    let kept = ledger.store.get_idempotency(context.tenant, &context.principal, &idempotency.key).await?;
    // Expiry is judged by the attribute: the table may forget the item days later.
    let Some(kept) = kept.filter(|kept| kept.expires_at > ledger.clock.now()) else { return Ok(None) };
    if kept.request_hash != idempotency.request_hash {
        return Err(Error::new(ErrorKind::IdempotencyMismatch, "the key belongs to another request"));
    }
    Ok(Some(kept.file_id))
}

/// What is written beside the effect of a request, so that it is the only one.
pub(crate) fn keep(
    context: &TenantContext,
    idempotency: &Idempotency,
    file: FileId,
    now: Timestamp,
) -> Write {
    let record = IdempotencyRecord {
        tenant: context.tenant,
        principal: context.principal.clone(),
        key: idempotency.key.clone(),
        request_hash: idempotency.request_hash.clone(),
        file_id: file,
        expires_at: now + IDEMPOTENCY_LIFE,
    };
    Write::PutIdempotency { record, now }
}
