//! Issuing uploads: the record is committed before any byte can arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use storage_core::filename::FileName;
use storage_core::ids::{EntityId, ExternalId, FileId, IdempotencyKey, UploadNonce, WorkerId};
use storage_core::key::{KeySpace, ObjectKey, Visibility};
use storage_core::ports::{
    CommitError, Conflict, ObjectRef, PostRequest, PresignPost, PresignedPost, RateWindow, Transaction, Write,
};
use storage_core::record::{Declared, FileRecord, FileState, PointerKey, Purpose, SCHEMA_VERSION, Scan};
use storage_core::state::{self, Actor, EVENT_GRACE, Event};
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;
use storage_core::usage::UsageChange;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::idempotency;
use crate::ledger::{Applied, Ledger};
use crate::policy;
use crate::quota::Quota;
use crate::settings::Settings;
use crate::tenants::Tenants;

/// How long after the URL's end an upload may still be on its way.
const LATE_UPLOAD: Duration = Duration::from_secs(15 * 60);

/// The window that uploads are counted in, in milliseconds.
const WINDOW_MS: i64 = 60_000;
/// How long a count is kept.
const RATE_MEMORY: Duration = Duration::from_secs(600);

/// The caller, as the audit trail names it.
pub(crate) fn actor(context: &TenantContext) -> Actor {
    Actor { name: context.principal.to_string(), request_id: Some(context.request_id.clone()) }
}

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
    quota: Quota,
    settings: Arc<Settings>,
    backend: &'static str,
}

impl Uploads {
    /// Over these; `backend` is the word for the storage in records.
    pub fn new(ledger: Ledger, settings: Arc<Settings>, backend: &'static str) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        let quota = Quota::new(ledger.store.clone(), settings.clone());
        Uploads { ledger, tenants, quota, settings, backend }
    }

    /// The records and their clock.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The limits.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Issues a presigned form, or signs one afresh for a repeated request.
    ///
    /// Without a declared size the form takes what the purpose and the quota allow, and nothing is reserved.
    ///
    /// Errors: `Forbidden`, `UnsupportedMediaType`, `EmptyFile`, `PayloadTooLarge`, `QuotaExceeded`, `RateLimited`,
    /// `IdempotencyMismatch`, `NameTaken` for an `external_id` in use, `TenantNotReady`, `TenantSuspended`.
    pub async fn issue(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        idempotency: Option<Idempotency>,
        presign: &dyn PresignPost,
    ) -> Result<Issued> {
        let expires_in = request.expires_in.unwrap_or(self.settings.upload_life);
        let record = self.record(context, request, expires_in, true, idempotency).await?;
        let (staging, expires_in) = self.open(&record, expires_in)?;
        let form = PostRequest {
            object: staging.clone(),
            content_type: record.declared.content_type.clone(),
            min_bytes: 1,
            max_bytes: record.max_bytes.min(self.settings.post_max_bytes),
            expires_in,
        };
        let post = presign.presign_post(form, self.ledger.clock.now()).await?;
        Ok(Issued { record, post, staging })
    }

    /// Where the bytes of an upload go, and how much of `wanted` is left of its life.
    ///
    /// What is signed afresh for a repeated request ends with what was signed first: the record expires after that.
    /// `StateConflict` once the upload is over.
    pub(crate) fn open(&self, record: &FileRecord, wanted: Duration) -> Result<(ObjectRef, Duration)> {
        let over = || Error::new(ErrorKind::StateConflict, "the upload of this request is over");
        let key =
            record.staging_key.clone().filter(|_| record.state == FileState::Pending).ok_or_else(over)?;
        let now = self.ledger.clock.now();
        let last = record.expires_at.map_or(now, |expires| expires - LATE_UPLOAD);
        let left = Duration::from_secs(wanted.min(last.since(now)).as_secs());
        if left.is_zero() {
            return Err(over());
        }
        Ok((ObjectRef::new(record.staging_bucket.clone(), key), left))
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

    /// Makes and commits the record of an upload, or finds that of an earlier request with the same key.
    pub(crate) async fn record(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        life: Duration,
        staged: bool,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        access::may_issue(context, request.purpose, request.entity)?;
        policy::check_metadata(&request.metadata)?;
        let placement = self.tenants.placement(context).await?;
        let limit = self.quota.max_file_bytes(&placement.limits, request.purpose);
        let declared = self.declared(&request, limit)?;
        if let Some(idempotency) = &idempotency
            && let Some(record) = self.replay(context, idempotency).await?
        {
            return Ok(record);
        }
        policy::check_visibility(&placement.limits, request.visibility)?;
        let visibility = request.visibility.unwrap_or(match placement.limits.private_only {
            true => Visibility::Private,
            false => self.settings.default_visibility,
        });
        self.check_rate(context).await?;
        let size = request.size.unwrap_or(0);
        let room = self.quota.room(context.tenant, &placement.limits, request.purpose, size).await?;
        if let Some(external) = &request.external_id {
            self.ledger.external_id_is_free(context.tenant, external, None).await?;
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
        let max_bytes = declared.size.unwrap_or(limit).min(limit).min(room.unwrap_or(limit));
        let expires_at = now + life + LATE_UPLOAD;
        // A scanner that works by itself sees what lies on staging, and nothing else.
        let scan = self.settings.scanned.contains(&request.purpose).then(|| Scan::required(now));
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
            staging_key: (staged || scan.is_some()).then(|| staging.path(&self.staging_space())),
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
            original_filename: request.filename,
            renamed: false,
            max_bytes,
            declared,
            visibility,
            width: None,
            height: None,
            variants: BTreeMap::new(),
            webp: BTreeMap::new(),
            inline_small: None,
            placeholder: None,
            metadata: request.metadata,
            scan,
            quarantine_key: None,
            seq,
            lease_owner: None,
            lease_until: None,
            attempts: 0,
            error_code: None,
            created_at: now,
            updated_at: now,
            expires_at: Some(expires_at),
            clearing_until: None,
            delete_after: None,
            legal_hold: false,
            due_at: Some((now + EVENT_GRACE).min(expires_at)),
            ttl: None,
        };
        let record = self.create(context, record, idempotency).await?;
        match self.quota.check_counted(&placement.limits, &record).await {
            Ok(()) => Ok(record),
            Err(error) => {
                if error.kind() == ErrorKind::QuotaExceeded {
                    self.refuse(&record, ErrorKind::QuotaExceeded, &actor(context)).await?;
                }
                Err(error)
            }
        }
    }

    /// `TenantSuspended` and its like, where the caller's tenant may not go on with uploads either.
    pub(crate) async fn check_tenant(&self, context: &TenantContext) -> Result<()> {
        self.tenants.check(context).await
    }

    /// `RateLimited` where the caller has issued as many uploads in this minute as it may.
    async fn check_rate(&self, context: &TenantContext) -> Result<()> {
        let Some(most) = self.settings.issues_per_minute else { return Ok(()) };
        let now = self.ledger.clock.now();
        let from = Timestamp::from_millis(now.as_millis() - now.as_millis() % WINDOW_MS);
        let window = RateWindow {
            tenant: context.tenant,
            principal: context.principal.clone(),
            from,
            until: from + RATE_MEMORY,
        };
        let asked = self.ledger.store.count_requests(&window, 1).await?;
        if asked > most {
            let details = serde_json::json!({ "max_per_minute": most });
            return Err(Error::new(ErrorKind::RateLimited, "issuing").with_details(details));
        }
        Ok(())
    }

    /// Ends an upload that has not begun to be processed, with a code that its record keeps.
    pub(crate) async fn refuse(&self, record: &FileRecord, code: ErrorKind, actor: &Actor) -> Result<()> {
        let worker = WorkerId::generate();
        let (tenant, file) = (record.tenant, record.file_id);
        if let Applied::Written(_) = self.ledger.apply(tenant, file, Event::Claim(worker), actor).await? {
            self.ledger.apply(tenant, file, Event::Fail(worker, code), actor).await?;
        }
        Ok(())
    }

    async fn create(
        &self,
        context: &TenantContext,
        record: FileRecord,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        let actor = actor(context);
        let mut writes = vec![Write::CreateFile(Box::new(record.clone()))];
        writes.push(Write::Audit(state::issued(&record, &actor)));
        writes.extend(UsageChange::between(None, &record).map(Write::Usage));
        if let Some(idempotency) = &idempotency {
            writes.push(idempotency::keep(context, idempotency, record.file_id, record.created_at));
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
        let Some(file) = idempotency::kept(&self.ledger, context, idempotency).await? else {
            return Ok(None);
        };
        let record = self.ledger.read(context.tenant, file).await?;
        match record.error_code {
            // What was refused as it was issued is refused again.
            Some(ErrorKind::QuotaExceeded) if record.attempts <= 1 => {
                Err(Error::new(ErrorKind::QuotaExceeded, "the request was refused before"))
            }
            _ => Ok(Some(record)),
        }
    }

    fn declared(&self, request: &IssueRequest, limit: u64) -> Result<Declared> {
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
        // Above this size nobody reads all of the bytes, so a digest of them could not be kept.
        if sha256.is_some() && request.size.is_some_and(|size| size > self.settings.inline_max_bytes) {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "sha256 of an upload that is too large for it",
            ));
        }
        Ok(Declared { content_type, size: request.size, sha256 })
    }

    pub(crate) fn staging_space(&self) -> KeySpace {
        KeySpace { base: self.settings.base_path.clone(), tenant: None }
    }
}
