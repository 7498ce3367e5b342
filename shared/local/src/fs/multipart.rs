//! Uploads in parts: a directory an upload, with a manifest and one sealed file a part.

use std::io;

use async_trait::async_trait;
use cap_std::fs::Dir;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, ETag, MultipartBackend, ObjectRef, Part, PutOptions, Stored, SystemClock, UploadId,
    WriteCondition,
};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::sealed::{self, Description, Headers};
use super::staged::Staged;
use super::{Bucket, LocalBackend, OpenUpload, beneath, failure, storage};

const MANIFEST: &str = "manifest";
const MAX_PART: u16 = 10_000;

/// What is kept of the start of an upload, as the bytes of the sealed file [`MANIFEST`].
#[derive(Debug, Serialize, Deserialize)]
struct Condition {
    create_only: bool,
    if_match: Option<ETag>,
}

#[async_trait]
impl MultipartBackend for LocalBackend {
    async fn create(&self, object: &ObjectRef, options: PutOptions) -> Result<UploadId> {
        let headers = Headers::of(&options)?;
        let key = object.key.clone();
        self.on(&object.bucket, move |bucket| create(bucket, key, headers, options.condition)).await
    }

    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part> {
        check_number(number)?;
        let (key, id) = (object.key.clone(), upload.clone());
        let staged = self
            .on(&object.bucket, move |bucket| {
                open(bucket, &key, &id)?;
                bucket.stage()
            })
            .await?
            .fill(body)
            .await?;
        let (key, id) = (object.key.clone(), upload.clone());
        self.on(&object.bucket, move |bucket| store_part(bucket, key, &id, number, staged)).await
    }

    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>> {
        let (key, upload) = (object.key.clone(), upload.clone());
        self.on(&object.bucket, move |bucket| {
            let (dir, _) = open(bucket, &key, &upload)?;
            stored_parts(&dir)
        })
        .await
    }

    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        self.complete_if(object, upload, parts, None).await
    }

    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()> {
        let (key, upload) = (object.key.clone(), upload.clone());
        self.on(&object.bucket, move |bucket| {
            let _lock = bucket.lock("upload", &upload.0)?;
            match open(bucket, &key, &upload) {
                Ok(_) => forget(bucket, &upload),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

impl LocalBackend {
    /// Uploads that were started before `started_before`, oldest first: what a sweep aborts.
    pub async fn list_uploads(
        &self,
        bucket: &BucketName,
        started_before: Timestamp,
    ) -> Result<Vec<OpenUpload>> {
        self.on(bucket, move |bucket| {
            let uploads = bucket.uploads()?;
            let mut found = Vec::new();
            for entry in uploads.entries().map_err(|cause| failure::io("list uploads", cause))? {
                let name = entry.map_err(|cause| failure::io("list uploads", cause))?.file_name();
                let Some(name) = name.to_str().filter(|name| is_id(name)) else { continue };
                let Some(dir) = beneath::open_dir(&uploads, name)? else { continue };
                let Some(file) = beneath::open_file(&dir, MANIFEST)? else { continue };
                let Description { key, last_modified: started, .. } = sealed::describe(&file)?;
                if started < started_before {
                    found.push(OpenUpload { upload: UploadId(name.to_owned()), key, started });
                }
            }
            found.sort_by(|one, other| (one.started, &one.upload.0).cmp(&(other.started, &other.upload.0)));
            Ok(found)
        })
        .await
    }

    /// The same as [`MultipartBackend::complete`], under a condition that replaces the one the upload was started with.
    pub(crate) async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: Option<WriteCondition>,
    ) -> Result<Stored> {
        let (key, upload, parts) = (object.key.clone(), upload.clone(), parts.to_vec());
        self.on(&object.bucket, move |bucket| complete(bucket, &key, &upload, &parts, condition)).await
    }
}

fn create(bucket: &Bucket, key: StorageKey, headers: Headers, condition: WriteCondition) -> Result<UploadId> {
    let id = Uuid::new_v4().simple().to_string();
    let condition = Condition {
        create_only: condition == WriteCondition::CreateOnly,
        if_match: match condition {
            WriteCondition::IfMatch(etag) => Some(etag),
            WriteCondition::None | WriteCondition::CreateOnly => None,
        },
    };
    let json = serde_json::to_vec(&condition)
        .map_err(|cause| Error::new(ErrorKind::Internal, "describe upload").with_cause(cause))?;
    let mut staged = bucket.stage()?;
    staged.write(&json)?;
    let dir = beneath::ensure_dir(&bucket.uploads()?, &id)?
        .ok_or_else(|| Error::new(ErrorKind::StorageUnavailable, "upload directory"))?;
    publish(staged, &dir, MANIFEST, key, headers)?;
    Ok(UploadId(id))
}

fn store_part(
    bucket: &Bucket,
    key: StorageKey,
    upload: &UploadId,
    number: u16,
    staged: Staged,
) -> Result<Part> {
    let part = Part { number, etag: staged.etag(), size: staged.written() };
    // A part that arrives while the upload is completed or aborted belongs to an unknown upload.
    let _lock = bucket.lock("upload", &upload.0)?;
    let (dir, _) = open(bucket, &key, upload)?;
    publish(staged, &dir, &format!("{number:05}"), key, Headers::default())?;
    Ok(part)
}

fn complete(
    bucket: &Bucket,
    key: &StorageKey,
    upload: &UploadId,
    wanted: &[(u16, ETag)],
    condition: Option<WriteCondition>,
) -> Result<Stored> {
    let _lock = bucket.lock("upload", &upload.0)?;
    let (dir, manifest) = open(bucket, key, upload)?;
    let invalid = |what: &str| Error::new(ErrorKind::InvalidRequest, what);
    if wanted.is_empty() || !wanted.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(invalid("numbers of parts must ascend"));
    }
    let mut staged = bucket.stage()?;
    let mut digests = Md5::new();
    for (number, etag) in wanted {
        check_number(*number)?;
        let file = beneath::open_file(&dir, &format!("{number:05}"))?.ok_or_else(|| invalid("unknown part"))?;
        let part = sealed::describe(&file)?;
        if part.etag != *etag {
            return Err(invalid("a part has another tag"));
        }
        digests.update(hex::decode(etag.as_str()).map_err(|_| invalid("tag of a part"))?);
        storage::append(&mut staged, &file, 0, part.size)?;
    }
    let etag = ETag::new(&format!("{}-{}", hex::encode(digests.finalize()), wanted.len()));
    let condition = match condition {
        Some(condition) => condition,
        None => started_condition(&dir)?,
    };
    let stored = bucket.commit(staged, key, etag, manifest.headers, &condition)?;
    if let Err(error) = forget(bucket, upload) {
        // The object is there; what is left of the upload is for the sweep.
        tracing::warn!(error = %error.log_line(), "a completed upload could not be removed");
    }
    Ok(stored)
}

/// The directory and the manifest of an upload of this key; `NotFound` for any other.
fn open(bucket: &Bucket, key: &StorageKey, upload: &UploadId) -> Result<(Dir, Description)> {
    let unknown = || Error::new(ErrorKind::NotFound, "unknown upload");
    if !is_id(&upload.0) {
        return Err(unknown());
    }
    let dir = beneath::open_dir(&bucket.uploads()?, &upload.0)?.ok_or_else(unknown)?;
    let manifest = beneath::open_file(&dir, MANIFEST)?.ok_or_else(unknown)?;
    let manifest = sealed::describe(&manifest)?;
    if manifest.key == *key { Ok((dir, manifest)) } else { Err(unknown()) }
}

fn started_condition(dir: &Dir) -> Result<WriteCondition> {
    let damaged = || Error::new(ErrorKind::Internal, "a manifest is damaged");
    let file = beneath::open_file(dir, MANIFEST)?.ok_or_else(damaged)?;
    let json = super::read::read_at(&file, 0, sealed::describe(&file)?.size)?;
    let condition: Condition =
        serde_json::from_slice(&json).map_err(|cause| damaged().with_cause(cause))?;
    Ok(match condition {
        Condition { if_match: Some(etag), .. } => WriteCondition::IfMatch(etag),
        Condition { create_only: true, .. } => WriteCondition::CreateOnly,
        Condition { .. } => WriteCondition::None,
    })
}

/// The parts of an upload by number.
fn stored_parts(dir: &Dir) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for entry in dir.entries().map_err(|cause| failure::io("list parts", cause))? {
        let name = entry.map_err(|cause| failure::io("list parts", cause))?.file_name();
        let Some((name, number)) = name.to_str().and_then(|name| Some((name, name.parse().ok()?))) else {
            continue;
        };
        let Some(file) = beneath::open_file(dir, name)? else { continue };
        let Description { etag, size, .. } = sealed::describe(&file)?;
        parts.push(Part { number, etag, size });
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

fn publish(mut staged: Staged, dir: &Dir, name: &str, key: StorageKey, headers: Headers) -> Result<()> {
    let (size, etag) = (staged.written(), staged.etag());
    let description = Description { key, size, etag, last_modified: SystemClock.now(), headers };
    sealed::seal(staged.file(), &description)?;
    staged.publish(dir, name).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "unknown upload"),
        _ => failure::io("publish part", cause),
    })?;
    beneath::sync_dir(dir)
}

/// Takes the upload out of sight in one step, then removes its files.
fn forget(bucket: &Bucket, upload: &UploadId) -> Result<()> {
    let (uploads, staging) = (bucket.uploads()?, bucket.staging()?);
    match uploads.rename(&upload.0, &staging, &upload.0) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failure::io("remove upload", cause)),
    }
    beneath::sync_dir(&uploads)?;
    staging.remove_dir_all(&upload.0).map_err(|cause| failure::io("remove upload", cause))
}

fn check_number(number: u16) -> Result<()> {
    if (1..=MAX_PART).contains(&number) {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::InvalidRequest, "number of a part"))
    }
}

/// Ids are 32 hex digits, so that none is a path.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
