//! Files that become other files: a copy, a move to another folder, owner or name, and the claim of a file that waited
//! for its tenant.
//!
//! The destination is written down first, `processing` under a lease of its own and with the keys it is to have. Then the
//! objects are copied. Then one transaction makes it `ready` and, of a move or a claim, its source a tombstone.

mod carry;

use std::collections::BTreeMap;
use std::sync::Arc;

use storage_core::filename::FileName;
use storage_core::ids::{ExternalId, FileId, PrincipalId, TenantId, WorkerId};
use storage_core::key::{ObjectKey, Visibility};
use storage_core::ports::{CommitError, Conflict, ObjectStore, Transaction, Write};
use storage_core::record::{Declared, FileRecord, FileState, SCHEMA_VERSION};
use storage_core::state::{self, Event, LEASE, Refused};
use storage_core::tenant::{Placement, TenantContext};
use storage_core::usage::UsageChange;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::copying::{check_size, object_key};
use crate::idempotency;
use crate::ledger::{Applied, Ledger};
use crate::policy;
use crate::quota::Quota;
use crate::settings::Settings;
use crate::tenants::Tenants;
use crate::uploads::{Idempotency, actor};

/// What becomes of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It stays; the destination has an id of its own.
    Copy,
    /// It goes; the destination has an id of its own.
    Move,
    /// It goes from those that wait for their tenant; the destination keeps its id.
    Claim,
}

/// What the destination is to be. What is absent is as the source has it.
#[derive(Clone, Debug)]
pub struct TransferRequest {
    /// Which of the three.
    pub kind: Kind,
    /// The name to show.
    pub filename: Option<FileName>,
    /// A folder.
    pub scope: Option<String>,
    /// Whose it is to be. A copy and a claim belong to the caller otherwise.
    pub owner: Option<PrincipalId>,
    /// Open or signed.
    pub visibility: Option<Visibility>,
    /// The caller's own id; a copy has none otherwise.
    pub external_id: Option<ExternalId>,
    /// The caller's own metadata, all of it.
    pub metadata: Option<BTreeMap<String, String>>,
}

impl TransferRequest {
    /// A transfer about which nothing else is said.
    pub fn new(kind: Kind) -> Self {
        TransferRequest {
            kind,
            filename: None,
            scope: None,
            owner: None,
            visibility: None,
            external_id: None,
            metadata: None,
        }
    }
}

/// Copies, moves and claims files.
#[derive(Clone, Debug)]
pub struct Transfers {
    ledger: Ledger,
    tenants: Tenants,
    quota: Quota,
    storage: Arc<dyn ObjectStore>,
    settings: Arc<Settings>,
    backend: &'static str,
}

/// A destination, and who holds its lease.
struct Begun {
    record: FileRecord,
    worker: WorkerId,
}

impl Transfers {
    /// Over these; `backend` is the word for the storage in records.
    pub fn new(
        ledger: Ledger,
        settings: Arc<Settings>,
        storage: Arc<dyn ObjectStore>,
        backend: &'static str,
    ) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        let quota = Quota::new(ledger.store.clone(), settings.clone());
        Transfers { ledger, tenants, quota, storage, settings, backend }
    }

    /// Makes the destination of a transfer from `file`, or answers that of an earlier request with the same key.
    ///
    /// Errors: `NotFound` for a source that is not the caller's to use; `StateConflict` for one that is not ready, an
    /// avatar, or, where it would go, on legal hold; `Forbidden` for an owner, a visibility or a claim that the caller may
    /// not choose; `NameTaken`; `PayloadTooLarge` where a file of this size cannot be copied in a request;
    /// `QuotaExceeded`; `IdempotencyMismatch`; `RequestInProgress` while somebody else makes the same destination.
    pub async fn transfer(
        &self,
        context: &TenantContext,
        file: FileId,
        request: TransferRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        let placement = self.tenants.placement(context).await?;
        may_ask(context, &placement, &request)?;
        if let Some(idempotency) = &idempotency
            && let Some(made) = idempotency::kept(&self.ledger, context, idempotency).await?
        {
            let made = self.ledger.read(context.tenant, made).await?;
            return self.resume(context, file, request.kind, made).await;
        }
        let source = self.source(context, file, request.kind).await?;
        let begun = self.destination(context, &placement, &request, &source)?;
        if let Some(external) = &begun.record.external_id {
            let except = (request.kind == Kind::Move).then_some(file);
            self.ledger.external_id_is_free(context.tenant, external, except).await?;
        }
        // What is only moved within its tenant takes no more room than before.
        let limits = Some(&placement.limits).filter(|_| request.kind != Kind::Move);
        if let Some(limits) = limits {
            let (purpose, size) = (source.purpose, source.size.unwrap_or(0));
            self.quota.room(context.tenant, limits, purpose, size).await?;
        }
        if let Some(known) = self.create(context, &begun.record, idempotency.as_ref()).await? {
            return self.take_up(context, file, request.kind, &begun.record, known).await;
        }
        if let Some(limits) = limits
            && let Err(error) = self.quota.check_counted(limits, &begun.record).await
        {
            self.refuse(&begun, error.kind(), &actor(context)).await;
            return Err(error);
        }
        self.carry(&actor(context), request.kind, source, begun).await
    }

    /// The source, where the caller may take it for this.
    async fn source(&self, context: &TenantContext, file: FileId, kind: Kind) -> Result<FileRecord> {
        let record = match kind {
            Kind::Claim => self.ledger.read(TenantId::UNASSIGNED, file).await?,
            Kind::Copy | Kind::Move => {
                let record = self.ledger.read(context.tenant, file).await?;
                access::may_use_file(context, &record, kind == Kind::Move)?;
                record
            }
        };
        self.is_usable(&record, kind)?;
        Ok(record)
    }

    /// Whether a file can be the source of a transfer.
    fn is_usable(&self, record: &FileRecord, kind: Kind) -> Result<()> {
        let conflict = |what: &str| Err(Error::new(ErrorKind::StateConflict, format!("source: {what}")));
        match record.state {
            FileState::Deleting | FileState::Deleted => Err(Error::new(ErrorKind::NotFound, "a tombstone")),
            FileState::Ready if record.purpose.entity_kind().is_some() => conflict("an avatar"),
            FileState::Ready if record.legal_hold && kind != Kind::Copy => conflict("on hold"),
            FileState::Ready => check_size(&self.settings, record),
            _ => conflict("not ready"),
        }
    }

    /// The record of the destination before a byte of it exists.
    fn destination(
        &self,
        context: &TenantContext,
        placement: &Placement,
        request: &TransferRequest,
        source: &FileRecord,
    ) -> Result<Begun> {
        let (now, worker, kind) = (self.ledger.clock.now(), WorkerId::generate(), request.kind);
        let (file_id, created_at) = match kind {
            Kind::Claim => (source.file_id, source.created_at),
            Kind::Copy | Kind::Move => (FileId::generate(), now),
        };
        let visibility = match request.visibility {
            Some(visibility) => visibility,
            None if placement.limits.private_only => Visibility::Private,
            None => source.visibility,
        };
        let owner = match kind {
            Kind::Move => source.owner.clone(),
            Kind::Copy | Kind::Claim => context.principal.clone(),
        };
        let mut record = FileRecord {
            v: SCHEMA_VERSION,
            rev: 1,
            tenant: context.tenant,
            file_id,
            state: FileState::Processing,
            owner: request.owner.clone().unwrap_or(owner),
            scope: request.scope.clone().or_else(|| source.scope.clone()),
            external_id: match kind {
                Kind::Copy => request.external_id.clone(),
                Kind::Move | Kind::Claim => {
                    request.external_id.clone().or_else(|| source.external_id.clone())
                }
            },
            bucket: placement.bucket.clone(),
            key_prefix: placement.space.prefix(),
            backend: self.backend.to_owned(),
            staging_bucket: self.settings.staging_bucket.clone(),
            staging_key: None,
            planned_keys: Vec::new(),
            final_key: None,
            etag: None,
            version_id: None,
            multipart: None,
            promotion: None,
            checksum_crc64nvme: None,
            source_sha256: None,
            sha256: None,
            size: None,
            content_type: None,
            original_filename: request.filename.clone().or_else(|| source.original_filename.clone()),
            renamed: false,
            declared: Declared {
                content_type: source.content_type.clone().unwrap_or_default(),
                size: source.size,
                sha256: None,
            },
            max_bytes: source.size.unwrap_or(0),
            visibility,
            metadata: request.metadata.clone().unwrap_or_else(|| source.metadata.clone()),
            lease_owner: Some(worker),
            lease_until: Some(now + LEASE),
            attempts: 1,
            error_code: None,
            created_at,
            updated_at: now,
            expires_at: None,
            clearing_until: None,
            delete_after: None,
            legal_hold: false,
            due_at: Some(now + LEASE),
            ttl: None,
            ..source.clone()
        };
        let (key, document) = carry::keys(&record, source)?;
        let space = record.key_space();
        record.planned_keys = vec![key.path(&space), document.path(&space)];
        Ok(Begun { record, worker })
    }

    /// Commits the destination; where another request was faster, its destination.
    async fn create(
        &self,
        context: &TenantContext,
        record: &FileRecord,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<FileRecord>> {
        let mut writes = vec![
            Write::CreateFile(Box::new(record.clone())),
            Write::Audit(state::issued(record, &actor(context))),
        ];
        writes.extend(UsageChange::between(None, record).map(Write::Usage));
        writes.extend(
            idempotency.map(|known| idempotency::keep(context, known, record.file_id, record.updated_at)),
        );
        let read = async || self.ledger.store.get_file(record.tenant, record.file_id).await;
        match self.ledger.store.commit(Transaction::new(writes)).await {
            Ok(()) => Ok(None),
            Err(CommitError::Conflict(_, Conflict::Idempotency)) => {
                let taken = || Error::new(ErrorKind::RequestInProgress, "the key was taken meanwhile");
                let known = idempotency.ok_or_else(taken)?;
                let made = idempotency::kept(&self.ledger, context, known).await?.ok_or_else(taken)?;
                self.ledger.read(context.tenant, made).await.map(Some)
            }
            // A claim keeps the id of its source, so another claim of it can have been there before.
            Err(CommitError::Conflict(_, Conflict::Exists)) => {
                Ok(read().await?.filter(|found| found != record))
            }
            Err(CommitError::Conflict(index, conflict)) => {
                let context = format!("transfer: {conflict:?} at write {index}");
                Err(Error::new(ErrorKind::MetadataUnavailable, context))
            }
            // The reply can be lost after the commit: what is there with this lease is ours.
            Err(CommitError::Store(error)) => match read().await {
                Ok(Some(found)) if found == *record => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Goes on with a destination that another request has made: of the same request, or of another claim.
    async fn take_up(
        &self,
        context: &TenantContext,
        file: FileId,
        kind: Kind,
        own: &FileRecord,
        known: FileRecord,
    ) -> Result<FileRecord> {
        if kind != Kind::Claim || known.file_id != file {
            return self.resume(context, file, kind, known).await;
        }
        match known.state {
            FileState::Ready | FileState::Trashed => Err(Error::new(ErrorKind::NotFound, "claimed before")),
            FileState::Processing | FileState::Failed
                if known.owner == own.owner && known.visibility == own.visibility =>
            {
                self.resume(context, file, kind, known).await
            }
            _ => Err(Error::new(ErrorKind::StateConflict, "another claim was here")),
        }
    }

    /// The answer of a request that was made before, which goes on where the first one broke off.
    async fn resume(
        &self,
        context: &TenantContext,
        file: FileId,
        kind: Kind,
        made: FileRecord,
    ) -> Result<FileRecord> {
        let over = || Err(Error::new(ErrorKind::StateConflict, "what this request made is gone"));
        let (actor, worker) = (actor(context), WorkerId::generate());
        let event = match (made.state, made.error_code) {
            (FileState::Ready | FileState::Trashed, _) => return Ok(made),
            (FileState::Processing, _) => Event::Claim(worker),
            // The sweep ended it when nobody went on; its source is still there, or `source` says otherwise.
            (FileState::Failed, Some(ErrorKind::UploadNotFound)) => Event::Reopen(worker),
            (FileState::Failed, Some(code)) => {
                return Err(Error::new(code, "the request was refused before"));
            }
            _ => return over(),
        };
        let record = match self.ledger.apply(made.tenant, made.file_id, event, &actor).await? {
            Applied::Written(record) => *record,
            Applied::Refused(_, Refused::Leased | Refused::Time) => {
                return Err(Error::new(ErrorKind::RequestInProgress, "the first request may still be at it"));
            }
            Applied::Refused(record, _) if record.state == FileState::Ready => return Ok(*record),
            Applied::Refused(..) | Applied::Missing => return over(),
        };
        let begun = Begun { record, worker };
        match self.source(context, file, kind).await {
            Ok(source) => self.carry(&actor, kind, source, begun).await,
            Err(error) => {
                self.give_up(&actor, &begun, &error).await;
                Err(error)
            }
        }
    }
}

/// What a request may say, whatever file it is about.
fn may_ask(context: &TenantContext, placement: &Placement, request: &TransferRequest) -> Result<()> {
    let trusted = access::is_trusted(context);
    if request.kind == Kind::Claim && !trusted {
        return Err(Error::new(ErrorKind::Forbidden, "claim"));
    }
    if request.owner.as_ref().is_some_and(|owner| *owner != context.principal) && !trusted {
        return Err(Error::new(ErrorKind::Forbidden, "owner"));
    }
    policy::check_visibility(&placement.limits, request.visibility)?;
    request.metadata.as_ref().map_or(Ok(()), policy::check_metadata)
}
