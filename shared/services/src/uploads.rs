//! Issuing uploads: the record is committed before any byte can arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use storage_core::filename::FileName;
use storage_core::ids::{EntityId, ExternalId, FileId, IdempotencyKey, UploadNonce};
use storage_core::key::{KeySpace, ObjectKey, Visibility};
use storage_core::ports::{
    CommitError, Conflict, ObjectRef, PostRequest, PresignPost, PresignedPost, Transaction, Write,
};
use storage_core::record::{
    Declared, FileRecord, FileState, IDEMPOTENCY_LIFE, IdempotencyRecord, PointerKey, Purpose, SCHEMA_VERSION,
};
use storage_core::state::{self, Actor, EVENT_GRACE};
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::ledger::Ledger;
use crate::policy;
use crate::settings::Settings;
use crate::tenants::Tenants;

/// How long after the URL's end an upload may still be on its way.
const LATE_UPLOAD: Duration = Duration::from_secs(15 * 60);

/// What a caller wants to upload. Everything in it is a claim.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// What it is for.
    pub purpose: Purpose,
    /// Whose avatar.
    pub entity: Option<EntityId>,
    /// The name to show.
    pub filename: Option<FileName>,
    /// The media type; `None` where a direct upload does not declare one.
    pub content_type: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
    /// The SHA-256 in hex.
    pub sha256: Option<String>,
    /// Open or signed; the installation's default where absent.
    pub visibility: Option<Visibility>,
    /// A folder.
    pub scope: Option<String>,
    /// The caller's own id.
    pub external_id: Option<ExternalId>,
    /// The caller's own metadata.
    pub metadata: BTreeMap<String, String>,
    /// How long the form is to work; the installation's default where absent.
    pub expires_in: Option<Duration>,
}

impl IssueRequest {
    /// An upload for `purpose` about which nothing else is said.
    pub fn new(purpose: Purpose) -> Self {
        IssueRequest {
            purpose,
            entity: None,
            filename: None,
            content_type: None,
            size: None,
            sha256: None,
            visibility: None,
            scope: None,
            external_id: None,
            metadata: BTreeMap::new(),
            expires_in: None,
        }
    }
}

/// A caller's `Idempotency-Key` with the digest of the request it came with.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The key.
    pub key: IdempotencyKey,
    /// SHA-256 over method, route and body, in hex.
    pub request_hash: String,
}

/// An upload that may begin.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The committed record.
    pub record: FileRecord,
    /// The form for the browser.
    pub post: PresignedPost,
    /// The staging object the form writes.
    pub staging: ObjectRef,
}

/// Issues uploads.
#[derive(Clone, Debug)]
pub struct Uploads {
    ledger: Ledger,
    tenants: Tenants,
    settings: Arc<Settings>,
    backend: &'static str,
}

impl Uploads {
    /// Over these; `backend` is the word for the storage in records.
    pub fn new(ledger: Ledger, settings: Arc<Settings>, backend: &'static str) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        Uploads { ledger, tenants, settings, backend }
    }

    /// Issues a presigned form, or signs one afresh for a repeated request.
    ///
    /// Errors: `Forbidden`, `UnsupportedMediaType`, `EmptyFile`, `PayloadTooLarge`, `IdempotencyMismatch`, `NameTaken`
    /// for an `external_id` in use, `TenantNotReady`, `TenantSuspended`.
    pub async fn issue(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        idempotency: Option<Idempotency>,
        presign: &dyn PresignPost,
    ) -> Result<Issued> {
        if request.size.is_none() {
            return Err(Error::new(ErrorKind::InvalidRequest, "size_bytes is required"));
        }
        let expires_in = request.expires_in.unwrap_or(self.settings.upload_life);
        let record = self.record(context, request, expires_in, true, idempotency).await?;
        let Some(key) = record.staging_key.clone().filter(|_| record.state == FileState::Pending) else {
            return Err(Error::new(ErrorKind::StateConflict, "the upload of this request is over"));
        };
        let staging = ObjectRef::new(record.staging_bucket.clone(), key);
        // A form signed afresh for a repeated request ends with the first one: the record expires after that.
        let now = self.ledger.clock.now();
        let last = record.expires_at.map_or(now, |expires| expires - LATE_UPLOAD);
        let expires_in = expires_in.min(last.since(now));
        if expires_in.as_secs() == 0 {
            return Err(Error::new(ErrorKind::StateConflict, "the upload of this request is over"));
        }
        let form = PostRequest {
            object: staging.clone(),
            content_type: record.declared.content_type.clone(),
            min_bytes: 1,
            max_bytes: record.max_bytes,
            expires_in,
        };
        let post = presign.presign_post(form, now).await?;
        Ok(Issued { record, post, staging })
    }

    /// The record of a direct upload, whose bytes the caller holds and ingests at once.
    ///
    /// A repeated request gets the record of the first, in whatever state it is.
    pub async fn begin_direct(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        self.record(context, request, EVENT_GRACE, false, idempotency).await
    }

    async fn record(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        life: Duration,
        staged: bool,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        access::may_issue(context, request.purpose, request.entity)?;
        let declared = self.declared(&request)?;
        policy::check_metadata(&request.metadata)?;
        let placement = self.tenants.placement(context).await?;
        if let Some(idempotency) = &idempotency
            && let Some(record) = self.replay(context, idempotency).await?
        {
            return Ok(record);
        }
        if let Some(external) = &request.external_id {
            self.external_id_is_free(context, external).await?;
        }

        let now = self.ledger.clock.now();
        let file_id = FileId::generate();
        let seq = match (request.purpose.entity_kind(), request.entity) {
            (Some(kind), Some(entity)) => {
                let key = PointerKey { tenant: context.tenant, kind, entity };
                Some(self.ledger.store.take_seq(&key).await?)
            }
            _ => None,
        };
        let staging =
            ObjectKey::Staging { tenant: context.tenant, file: file_id, nonce: UploadNonce::generate() };
        let limit = policy::max_bytes(&self.settings, request.purpose);
        let expires_at = now + life + LATE_UPLOAD;
        let record = FileRecord {
            v: SCHEMA_VERSION,
            rev: 1,
            tenant: context.tenant,
            file_id,
            state: FileState::Pending,
            purpose: request.purpose,
            owner: context.principal.clone(),
            entity: request.entity,
            scope: request.scope,
            external_id: request.external_id,
            bucket: placement.bucket,
            key_prefix: placement.space.prefix(),
            backend: self.backend.to_owned(),
            staging_bucket: self.settings.staging_bucket.clone(),
            staging_key: staged.then(|| staging.path(&self.staging_space())),
            planned_keys: Vec::new(),
            final_key: None,
            etag: None,
            version_id: None,
            source_sha256: None,
            sha256: None,
            size: None,
            content_type: None,
            original_filename: request.filename,
            max_bytes: declared.size.map_or(limit, |size| size.min(limit)),
            declared,
            visibility: request.visibility.unwrap_or(self.settings.default_visibility),
            width: None,
            height: None,
            variants: BTreeMap::new(),
            webp: BTreeMap::new(),
            inline_small: None,
            placeholder: None,
            metadata: request.metadata,
            seq,
            lease_owner: None,
            lease_until: None,
            attempts: 0,
            error_code: None,
            created_at: now,
            updated_at: now,
            expires_at: Some(expires_at),
            delete_after: None,
            legal_hold: false,
            due_at: Some((now + EVENT_GRACE).min(expires_at)),
            ttl: None,
        };
        self.create(context, record, idempotency).await
    }

    async fn create(
        &self,
        context: &TenantContext,
        record: FileRecord,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        let actor =
            Actor { name: context.principal.to_string(), request_id: Some(context.request_id.clone()) };
        let mut writes = vec![Write::CreateFile(Box::new(record.clone()))];
        writes.push(Write::Audit(state::issued(&record, &actor)));
        if let Some(Idempotency { key, request_hash }) = &idempotency {
            let now = record.created_at;
            let kept = IdempotencyRecord {
                tenant: context.tenant,
                principal: context.principal.clone(),
                key: key.clone(),
                request_hash: request_hash.clone(),
                file_id: record.file_id,
                expires_at: now + IDEMPOTENCY_LIFE,
            };
            writes.push(Write::PutIdempotency { record: kept, now });
        }
        match self.ledger.store.commit(Transaction::new(writes)).await {
            Ok(()) => Ok(record),
            // Another request with the same key was faster: its record is the answer.
            Err(CommitError::Conflict(_, Conflict::Idempotency)) => match &idempotency {
                Some(idempotency) => self
                    .replay(context, idempotency)
                    .await?
                    .ok_or_else(|| Error::new(ErrorKind::RequestInProgress, "the key was taken meanwhile")),
                None => Err(Error::new(ErrorKind::Internal, "a conflict without an idempotency key")),
            },
            Err(CommitError::Conflict(index, conflict)) => Err(Error::new(
                ErrorKind::MetadataUnavailable,
                format!("issue: {conflict:?} at write {index}"),
            )),
            // The reply can be lost after the commit. The id is fresh, so a record that is there is ours.
            Err(CommitError::Store(error)) => {
                match self.ledger.store.get_file(record.tenant, record.file_id).await {
                    Ok(Some(found)) => Ok(found),
                    _ => Err(error),
                }
            }
        }
    }

    /// The record of an earlier request with this key; `IdempotencyMismatch` where that asked for something else.
    async fn replay(&self, context: &TenantContext, idempotency: &Idempotency) -> Result<Option<FileRecord>> {
        let store = &self.ledger.store;
        let kept = store.get_idempotency(context.tenant, &context.principal, &idempotency.key).await?;
        let Some(kept) = kept.filter(|kept| kept.expires_at > self.ledger.clock.now()) else {
            return Ok(None);
        };
        if kept.request_hash != idempotency.request_hash {
            return Err(Error::new(ErrorKind::IdempotencyMismatch, "the key belongs to another request"));
        }
        self.ledger.read(context.tenant, kept.file_id).await.map(Some)
    }

    /// `NameTaken` where a live file has the id already. The index lags, so two requests at once can both pass.
    async fn external_id_is_free(&self, context: &TenantContext, external: &ExternalId) -> Result<()> {
        for file in self.ledger.store.files_of_external_id(context.tenant, external).await? {
            let found = self.ledger.store.get_file(context.tenant, file).await?;
            let live = found.is_some_and(|record| {
                !matches!(record.state, FileState::Deleting | FileState::Deleted | FileState::Failed)
            });
            if live {
                return Err(Error::new(ErrorKind::NameTaken, "external_id"));
            }
        }
        Ok(())
    }

    fn declared(&self, request: &IssueRequest) -> Result<Declared> {
        let limit = policy::max_bytes(&self.settings, request.purpose);
        match request.size {
            Some(0) => return Err(Error::new(ErrorKind::EmptyFile, "declared size")),
            Some(size) if size > limit => {
                let details = serde_json::json!({ "max_bytes": limit, "size_bytes": size });
                return Err(Error::new(ErrorKind::PayloadTooLarge, "declared size").with_details(details));
            }
            _ => {}
        }
        let content_type = match &request.content_type {
            Some(text) => policy::declared_type(text, request.purpose)?,
            None => String::new(),
        };
        let sha256 = request.sha256.as_deref().map(policy::sha256).transpose()?;
        Ok(Declared { content_type, size: request.size, sha256 })
    }

    fn staging_space(&self) -> KeySpace {
        KeySpace { base: self.settings.base_path.clone(), tenant: None }
    }
}
