//! An upload in parts on disk: a directory with a manifest and one sealed file a part.

use std::io;

use cap_std::fs::Dir;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use storage_core::key::StorageKey;
use storage_core::ports::{Clock, ETag, Part, Stored, SystemClock, UploadId, WriteCondition};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::sealed::{self, Description, Headers};
use super::staged::Staged;
use super::{Bucket, OpenUpload, beneath, failure, read, storage};

/// The sealed file that starts an upload: it describes the object to be, and its bytes are the [`Condition`].
const MANIFEST: &str = "manifest";
const MAX_PART: u16 = 10_000;

/// The condition an upload was started under, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
enum Condition {
    None,
    CreateOnly,
    IfMatch(ETag),
}

pub(super) fn create(
    bucket: &Bucket,
    key: StorageKey,
    headers: Headers,
    condition: WriteCondition,
) -> Result<UploadId> {
    let id = Uuid::new_v4().simple().to_string();
    let condition = match condition {
        WriteCondition::None => Condition::None,
        WriteCondition::CreateOnly => Condition::CreateOnly,
        WriteCondition::IfMatch(etag) => Condition::IfMatch(etag),
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

pub(super) fn store_part(
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

pub(super) fn complete(
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
        let file =
            beneath::open_file(&dir, &format!("{number:05}"))?.ok_or_else(|| invalid("unknown part"))?;
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
pub(super) fn open(bucket: &Bucket, key: &StorageKey, upload: &UploadId) -> Result<(Dir, Description)> {
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
    let json = read::read_at(&file, 0, sealed::describe(&file)?.size)?;
    let condition: Condition = serde_json::from_slice(&json).map_err(|cause| damaged().with_cause(cause))?;
    Ok(match condition {
        Condition::None => WriteCondition::None,
        Condition::CreateOnly => WriteCondition::CreateOnly,
        Condition::IfMatch(etag) => WriteCondition::IfMatch(etag),
    })
}

/// Uploads that were started before `started_before`, oldest first.
pub(super) fn list(bucket: &Bucket, started_before: Timestamp) -> Result<Vec<OpenUpload>> {
    let failed = |cause| failure::io("list uploads", cause);
    let uploads = bucket.uploads()?;
    let mut found = Vec::new();
    for entry in uploads.entries().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str().filter(|name| is_id(name)) else { continue };
        let Some(dir) = beneath::open_dir(&uploads, name)? else { continue };
        // Without a manifest it is being made, or its making was cut off.
        let Some(file) = beneath::open_file(&dir, MANIFEST)? else { continue };
        let Description { key, last_modified: started, .. } = sealed::describe(&file)?;
        if started < started_before {
            found.push(OpenUpload { upload: UploadId(name.to_owned()), key, started });
        }
    }
    found.sort_by(|one, other| (one.started, &one.upload.0).cmp(&(other.started, &other.upload.0)));
    Ok(found)
}

/// The parts of an upload by number.
pub(super) fn stored_parts(dir: &Dir) -> Result<Vec<Part>> {
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
pub(super) fn forget(bucket: &Bucket, upload: &UploadId) -> Result<()> {
    let (uploads, staging) = (bucket.uploads()?, bucket.staging()?);
    match uploads.rename(&upload.0, &staging, &upload.0) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failure::io("remove upload", cause)),
    }
    beneath::sync_dir(&uploads)?;
    staging.remove_dir_all(&upload.0).map_err(|cause| failure::io("remove upload", cause))
}

pub(super) fn check_number(number: u16) -> Result<()> {
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
