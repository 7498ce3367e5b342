//! Uploads in parts, straight to S3: the record is committed first, and what a client says of key or upload is never
//! believed.
//!
//! There are two ways. In the first the server makes the upload and hands out a sealed name for it ([`Handle`]); it signs
//! parts, lists, completes and aborts. In the second the browser makes every call of S3 itself, with a URL that is signed
//! for that one call; the server knows the upload by its staging key alone.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use storage_core::ids::{FileId, PrincipalId, TenantId};
use storage_core::key::{ObjectKey, StorageKey};
use storage_core::ports::{
    ETag, IngestQueue, ObjectRef, ObjectStore, Part, PresignParts, PresignedUrl, PutOptions, RawCall,
    StagedObject, UploadId,
};
use storage_core::record::{FileRecord, FileState, MultipartUpload};
use storage_core::state::{Event, Refused};
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::ledger::Applied;
use crate::uploads::{Idempotency, IssueRequest, Uploads, actor};

/// The smallest part but the last, by S3's rules.
pub const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// The largest number of a part.
pub const MAX_PARTS: u16 = 10_000;
/// The size of parts that the server chooses, while the file needs no larger ones.
const USUAL_PART_BYTES: u64 = 16 * 1024 * 1024;
/// What larger parts are a multiple of.
const PART_STEP: u64 = 1024 * 1024;
/// How long the URL of one call works. It is longer than a slow client takes for a part.
const CALL_LIFE: Duration = Duration::from_secs(3600);

/// The size of parts with which `size` bytes are at most 10,000 of them.
pub fn part_size(size: u64) -> u64 {
    let needed = size.div_ceil(u64::from(MAX_PARTS)).div_ceil(PART_STEP) * PART_STEP;
    needed.max(USUAL_PART_BYTES)
}

/// Which upload a client means: what a sealed id says. Only the server makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// Whose file.
    pub tenant: TenantId,
    /// Who may send it.
    pub principal: PrincipalId,
    /// Which file it becomes.
    pub file: FileId,
    /// Where its bytes go.
    pub key: StorageKey,
    /// The backend's id of the upload.
    pub upload_id: String,
}

/// An upload in parts that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The committed record.
    pub record: FileRecord,
    /// What names the upload from now on.
    pub handle: Handle,
    /// The size of every part but the last, where the size of the file was declared.
    pub part_size: Option<u64>,
    /// Until when it can be gone on with.
    pub until: Timestamp,
}

/// A call of S3 that a browser is about to make.
#[derive(Clone, Debug)]
pub struct SignedCall {
    /// The URL.
    pub url: PresignedUrl,
    /// The staging key, which later calls name.
    pub key: StorageKey,
    /// The file it becomes.
    pub file: FileId,
}

/// Issues and accompanies uploads in parts.
#[derive(Clone, Debug)]
pub struct PartUploads {
    uploads: Uploads,
    storage: Arc<dyn ObjectStore>,
    signer: Arc<dyn PresignParts>,
    queue: Arc<dyn IngestQueue>,
}

impl PartUploads {
    /// Over these. `queue` is told of every upload that is complete.
    pub fn new(
        uploads: Uploads,
        storage: Arc<dyn ObjectStore>,
        signer: Arc<dyn PresignParts>,
        queue: Arc<dyn IngestQueue>,
    ) -> Self {
        PartUploads { uploads, storage, signer, queue }
    }

    /// Begins an upload, or finds the one that an earlier request with the same key began. The errors are those of
    /// [`Uploads::issue`].
    pub async fn begin(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<Begun> {
        let life = self.uploads.settings().multipart_life;
        let record = self.uploads.record(context, request, life, true, idempotency).await?;
        let (staging, left) = self.uploads.open(&record, life)?;
        let until = self.now() + left;
        let known = record.multipart.as_ref().and_then(|upload| upload.upload_id.clone());
        let record = match known {
            Some(_) => record,
            None => self.start(context, record, &staging).await?,
        };
        let upload = record.multipart.clone().ok_or_else(over)?;
        let handle = Handle {
            tenant: record.tenant,
            principal: record.owner.clone(),
            file: record.file_id,
            key: staging.key,
            upload_id: upload.upload_id.ok_or_else(over)?,
        };
        Ok(Begun { record, handle, part_size: upload.part_size, until })
    }

    /// Makes the upload and writes down its id. An upload whose id could not be written down is aborted, or ends by the
    /// bucket's lifecycle.
    async fn start(
        &self,
        context: &TenantContext,
        record: FileRecord,
        staging: &ObjectRef,
    ) -> Result<FileRecord> {
        let content_type = Some(record.declared.content_type.clone()).filter(|declared| !declared.is_empty());
        let options = PutOptions { content_type, ..PutOptions::default() };
        let upload = self.storage.create(staging, options).await?;
        let size = record.declared.size.map(part_size);
        let event = Event::SendParts(MultipartUpload { upload_id: Some(upload.0.clone()), part_size: size });
        let ledger = self.uploads.ledger();
        let written = ledger.apply(record.tenant, record.file_id, event, &actor(context)).await;
        match written {
            Ok(Applied::Written(record)) => Ok(*record),
            // Two requests with one key began it at one moment; both go on with the upload that was written down first.
            Ok(Applied::Refused(record, Refused::Leased)) => {
                self.storage.abort(staging, &upload).await?;
                Ok(*record)
            }
            Ok(Applied::Refused(..) | Applied::Missing) => {
                self.storage.abort(staging, &upload).await?;
                Err(over())
            }
            Err(error) => Err(error),
        }
    }

    /// A URL for one part. `InvalidRequest` for a number that is none; see [`PartUploads::find`] for the others.
    pub async fn sign_parts(
        &self,
        context: &TenantContext,
        handle: &Handle,
        numbers: &[u16],
    ) -> Result<Vec<(u16, PresignedUrl)>> {
        let record = self.find(context, handle).await?;
        let (staging, left) = self.uploads.open(&record, CALL_LIFE)?;
        let mut signed = Vec::with_capacity(numbers.len());
        for number in numbers {
            check_part(*number, &record)?;
            let call = RawCall::Part(UploadId(handle.upload_id.clone()), *number);
            let url = self.signer.presign_call(&staging, &call, None, left, self.now()).await?;
            signed.push((*number, url));
        }
        Ok(signed)
    }

    /// The parts that have arrived, by number.
    pub async fn list(&self, context: &TenantContext, handle: &Handle) -> Result<Vec<Part>> {
        let record = self.find(context, handle).await?;
        let (staging, _) = self.uploads.open(&record, CALL_LIFE)?;
        self.storage.parts(&staging, &UploadId(handle.upload_id.clone())).await.map_err(unknown_upload)
    }

    /// Joins the parts to the staging object and has it ingested. Asked again after that, it answers the same and changes
    /// nothing.
    ///
    /// `InvalidRequest` where the list is no list of parts of this upload, or a part but the last is too small;
    /// `PayloadTooLarge` where they are more bytes than the upload may have, which ends it.
    pub async fn complete(
        &self,
        context: &TenantContext,
        handle: &Handle,
        wanted: &[(u16, ETag)],
    ) -> Result<FileRecord> {
        check_list(wanted)?;
        let record = match self.find(context, handle).await {
            Err(error) if error.kind() == ErrorKind::StateConflict => {
                return self.completed(context, handle).await?.ok_or(error);
            }
            found => found?,
        };
        let (staging, _) = self.uploads.open(&record, CALL_LIFE)?;
        let upload = UploadId(handle.upload_id.clone());
        let arrived = match self.storage.parts(&staging, &upload).await {
            // The reply of an earlier call was lost.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.joined_before(context, handle, record, staging, error).await;
            }
            arrived => arrived?,
        };
        let total = check_parts(wanted, &arrived)?;
        if total > record.max_bytes {
            self.storage.abort(&staging, &upload).await?;
            self.uploads.refuse(&record, ErrorKind::PayloadTooLarge, &actor(context)).await?;
            let details = json!({ "max_bytes": record.max_bytes, "size_bytes": total });
            return Err(Error::new(ErrorKind::PayloadTooLarge, "parts").with_details(details));
        }
        match self.storage.complete(&staging, &upload, wanted).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.joined_before(context, handle, record, staging, error).await
            }
            joined => {
                joined?;
                self.hand_over(record, staging).await
            }
        }
    }

    /// The answer where the storage has forgotten the upload: another call has joined its parts, and ingest may have taken
    /// them away already; or it is over.
    async fn joined_before(
        &self,
        context: &TenantContext,
        handle: &Handle,
        record: FileRecord,
        staging: ObjectRef,
        error: Error,
    ) -> Result<FileRecord> {
        if self.storage.exists(&staging).await? {
            return self.hand_over(record, staging).await;
        }
        self.completed(context, handle).await?.ok_or_else(|| unknown_upload(error))
    }

    /// S3 tells of the object by itself; a backend that this process writes to has nobody who would. Whoever is told twice
    /// finds the work done.
    async fn hand_over(&self, record: FileRecord, object: ObjectRef) -> Result<FileRecord> {
        self.queue.enqueue(StagedObject { object }).await?;
        Ok(record)
    }

    /// The record of an upload that is complete already and was accepted, or may still be.
    async fn completed(&self, context: &TenantContext, handle: &Handle) -> Result<Option<FileRecord>> {
        let record = self.record_of(context, handle).await?;
        let live = matches!(record.state, FileState::Processing | FileState::Scanning | FileState::Ready);
        Ok(live.then_some(record))
    }

    /// Ends an upload and forgets its parts. Aborting again is success; a file that is being processed or is ready stays.
    pub async fn abort(&self, context: &TenantContext, handle: &Handle) -> Result<()> {
        let record = self.record_of(context, handle).await?;
        if matches!(record.state, FileState::Deleting | FileState::Deleted | FileState::Failed) {
            return Ok(());
        }
        if record.state != FileState::Pending {
            return Err(over());
        }
        let (tenant, file) = (record.tenant, record.file_id);
        // The tombstone first: from here on no part is signed and nothing that arrives is ingested.
        match self.uploads.ledger().apply(tenant, file, Event::Delete, &actor(context)).await? {
            Applied::Written(_) => {}
            Applied::Refused(_, Refused::State(FileState::Deleting | FileState::Deleted)) => {}
            Applied::Refused(..) => return Err(over()),
            Applied::Missing => return Ok(()),
        }
        let staging = ObjectRef::new(record.staging_bucket.clone(), handle.key.clone());
        self.storage.abort(&staging, &UploadId(handle.upload_id.clone())).await?;
        self.storage.delete(&staging).await
    }

    /// The record of an upload under way. `NotFound` for an upload of somebody else, as for one that never was;
    /// `StateConflict` once it is over.
    async fn find(&self, context: &TenantContext, handle: &Handle) -> Result<FileRecord> {
        let record = self.record_of(context, handle).await?;
        if record.state == FileState::Pending { Ok(record) } else { Err(over()) }
    }

    async fn record_of(&self, context: &TenantContext, handle: &Handle) -> Result<FileRecord> {
        let missing = || Error::new(ErrorKind::NotFound, "an upload of somebody else, or none");
        if handle.tenant != context.tenant || handle.principal != context.principal {
            return Err(missing());
        }
        self.uploads.check_tenant(context).await?;
        let record = self.uploads.ledger().read(handle.tenant, handle.file).await?;
        let upload = record.multipart.as_ref().and_then(|upload| upload.upload_id.as_deref());
        let known = record.state != FileState::Pending || upload == Some(handle.upload_id.as_str());
        let same = record.owner == handle.principal && record.staging_key.as_ref() == Some(&handle.key);
        if same && known { Ok(record) } else { Err(missing()) }
    }

    /// Issues an upload whose calls the browser makes itself, and signs the first of them: `PutObject`, or with `in_parts`
    /// `CreateMultipartUpload`.
    pub async fn begin_raw(
        &self,
        context: &TenantContext,
        request: IssueRequest,
        in_parts: bool,
    ) -> Result<SignedCall> {
        let settings = self.uploads.settings();
        let life = if in_parts { settings.multipart_life } else { settings.upload_life };
        let record = self.uploads.record(context, request, life, true, None).await?;
        let (staging, left) = self.uploads.open(&record, CALL_LIFE)?;
        let (record, call) = match in_parts {
            true => (self.mark_raw(context, record).await?, RawCall::Create),
            false => (record, RawCall::Put),
        };
        let url = self.signer.presign_call(&staging, &call, None, left, self.now()).await?;
        Ok(SignedCall { url, key: staging.key, file: record.file_id })
    }

    /// Several uploads of the key may be started before one is completed, so no id is written down.
    async fn mark_raw(&self, context: &TenantContext, record: FileRecord) -> Result<FileRecord> {
        let event = Event::SendParts(MultipartUpload { upload_id: None, part_size: None });
        let ledger = self.uploads.ledger();
        match ledger.apply(record.tenant, record.file_id, event, &actor(context)).await? {
            Applied::Written(record) => Ok(*record),
            Applied::Refused(..) | Applied::Missing => Err(over()),
        }
    }

    /// Signs a later call about an upload that [`PartUploads::begin_raw`] issued to this principal in parts. S3 itself
    /// refuses an upload id of another key.
    pub async fn sign_raw(&self, context: &TenantContext, key: &str, call: RawCall) -> Result<SignedCall> {
        self.uploads.check_tenant(context).await?;
        let missing = || Error::new(ErrorKind::NotFound, "an upload of somebody else, or none");
        let parsed = ObjectKey::parse(&self.uploads.staging_space(), key).map_err(|_| missing())?;
        let ObjectKey::Staging { tenant, file, .. } = parsed else { return Err(missing()) };
        if tenant != context.tenant {
            return Err(missing());
        }
        let record = self.uploads.ledger().read(tenant, file).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(),
            _ => error,
        })?;
        let raw = record.multipart.as_ref().is_some_and(|upload| upload.upload_id.is_none());
        let own = record.owner == context.principal;
        if !own || !raw || record.staging_key.as_ref().map(StorageKey::as_str) != Some(key) {
            return Err(missing());
        }
        if let RawCall::Part(_, number) = &call {
            check_part(*number, &record)?;
        }
        let (staging, left) = self.uploads.open(&record, CALL_LIFE)?;
        let url = self.signer.presign_call(&staging, &call, None, left, self.now()).await?;
        Ok(SignedCall { url, key: staging.key, file })
    }

    fn now(&self) -> Timestamp {
        self.uploads.ledger().clock.now()
    }
}

fn over() -> Error {
    Error::new(ErrorKind::StateConflict, "the upload is over")
}

/// To a client an upload that S3 has forgotten is one that is over.
fn unknown_upload(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => over().with_cause(error),
        _ => error,
    }
}

fn check_number(number: u16) -> Result<()> {
    match number {
        1..=MAX_PARTS => Ok(()),
        _ => Err(Error::new(ErrorKind::InvalidRequest, "part number")),
    }
}

/// A number that a part of this upload can have: no smaller parts are joined, so more of them are too many bytes.
fn check_part(number: u16, record: &FileRecord) -> Result<()> {
    check_number(number)?;
    match u64::from(number) <= record.max_bytes.div_ceil(MIN_PART_BYTES).max(1) {
        true => Ok(()),
        false => {
            let details = json!({ "part_number": number, "max_bytes": record.max_bytes });
            Err(Error::new(ErrorKind::InvalidRequest, "part number").with_details(details))
        }
    }
}

/// A list of parts: not empty, ascending, with numbers that parts can have.
fn check_list(wanted: &[(u16, ETag)]) -> Result<()> {
    if wanted.is_empty() || !wanted.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(Error::new(ErrorKind::InvalidRequest, "the parts do not ascend"));
    }
    wanted.iter().try_for_each(|(number, _)| check_number(*number))
}

/// The size of the object that these parts make. S3 would tell of a missing or small part only at the end, and forget
/// nothing; here the client learns which.
fn check_parts(wanted: &[(u16, ETag)], arrived: &[Part]) -> Result<u64> {
    let mut total = 0;
    for (index, (number, etag)) in wanted.iter().enumerate() {
        let part = arrived.iter().find(|part| part.number == *number && part.etag == *etag);
        let Some(part) = part else {
            let details = json!({ "part_number": number });
            return Err(Error::new(ErrorKind::InvalidRequest, "a part is missing").with_details(details));
        };
        if part.size < MIN_PART_BYTES && index + 1 < wanted.len() {
            let details =
                json!({ "part_number": number, "min_bytes": MIN_PART_BYTES, "size_bytes": part.size });
            return Err(Error::new(ErrorKind::InvalidRequest, "a part is too small").with_details(details));
        }
        total += part.size;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_are_enough_for_every_object() {
        const GIB: u64 = 1024 * 1024 * 1024;
        for size in
            [1, USUAL_PART_BYTES, 100 * GIB, 160_000 * PART_STEP, 160_000 * PART_STEP + 1, 5 * 1024 * GIB]
        {
            let part = part_size(size);
            assert!(size.div_ceil(part) <= u64::from(MAX_PARTS), "{size}");
            assert!((USUAL_PART_BYTES..=5 * GIB).contains(&part) && part.is_multiple_of(PART_STEP), "{size}");
        }
    }

    #[test]
    fn a_list_names_parts_that_arrived_in_order() {
        let tag = |text: &str| ETag::new(text);
        let part = |number, size| Part { number, etag: tag(&format!("t{number}")), size };
        let arrived = [part(1, MIN_PART_BYTES), part(2, MIN_PART_BYTES - 1), part(3, 1)];
        let list = |numbers: &[u16]| numbers.iter().map(|n| (*n, tag(&format!("t{n}")))).collect::<Vec<_>>();
        assert_eq!(check_parts(&list(&[1, 2]), &arrived).unwrap(), 2 * MIN_PART_BYTES - 1);
        assert_eq!(check_parts(&list(&[1, 3]), &arrived).unwrap(), MIN_PART_BYTES + 1);
        for bad in [list(&[1, 2, 3]), list(&[1, 4]), vec![(1, tag("other"))]] {
            assert_eq!(check_parts(&bad, &arrived).unwrap_err().kind(), ErrorKind::InvalidRequest, "{bad:?}");
        }
        for bad in [list(&[]), list(&[2, 1]), list(&[1, 1]), list(&[0]), list(&[10_001])] {
            assert_eq!(check_list(&bad).unwrap_err().kind(), ErrorKind::InvalidRequest, "{bad:?}");
        }
        check_list(&list(&[1, 5, 10_000])).unwrap();
    }
}
