//! Uploads above [`Settings::inline_max_bytes`](crate::settings::Settings::inline_max_bytes): promoted by a copy in parts
//! that may take several invocations. Only the head of the content is read; the storage's own checksum is kept in place
//! of a digest.

use bytes::Bytes;
use futures_util::future::try_join_all;
use storage_core::key::{Extension, ObjectKey};
use storage_core::ports::{
    ETag, GetOptions, ObjectMeta, ObjectRef, Part, PutOptions, RangeRequest, Stored, UploadId, WriteCondition,
};
use storage_core::record::Promotion;
use storage_core::state::{Event, Ingested};
use storage_core::{ErrorKind, Result};

use super::content::{ContentReader, HEAD, served_as};
use super::is_change;
use super::writer::Final;
use super::{Job, Verdict};
use crate::ledger::Applied;
use crate::policy;

/// How many parts are copied at the same time, and between two looks at the clock.
const AT_ONCE: usize = 4;
/// The most parts of an upload, by S3's rules.
const MOST_PARTS: u64 = 10_000;
/// What sizes of parts are a multiple of.
const STEP: u64 = 1024 * 1024;
/// The name of the user metadata that says which upload a large object was copied from.
const SOURCE: &str = "source-etag";

impl Job<'_> {
    pub(super) async fn large(&mut self, staging: ObjectRef, meta: ObjectMeta) -> Result<Verdict> {
        if self.record.declared.sha256.is_some() {
            // Nobody reads all of it, so what was declared cannot be shown to be true.
            return Ok(Verdict::Refused(ErrorKind::ChecksumMismatch));
        }
        let head = GetOptions {
            range: Some(RangeRequest::Inclusive(0, HEAD as u64 - 1)),
            if_match: Some(meta.etag.clone()),
        };
        let head = match self.ingest.storage.get(&staging, head).await {
            Ok(read) => read.collect(HEAD as u64).await?,
            Err(error) if is_change(&error) => return Ok(Verdict::Changed),
            Err(error) => return Err(error),
        };
        let mut reader = ContentReader::new();
        reader.push(&head);
        let content = reader.finish();
        let Some(content_type) = served_as(&self.record.declared.content_type, content.sniffed) else {
            return Ok(Verdict::Refused(ErrorKind::ContentMismatch));
        };

        let record = &self.record;
        let extension =
            Extension::parse(policy::served_type(content_type).unwrap_or(Extension::BIN.as_str()))?;
        let key = ObjectKey::attachment(record.visibility, record.created_at, record.file_id, extension);
        let mut served = self.final_object(&key, content_type, Bytes::new());
        if let (Some(text), true) = (&content.text, content_type.starts_with("text/")) {
            served.options.content_type = Some(format!("{content_type}; charset={}", text.encoding));
        }
        served.options.metadata = [(SOURCE.to_owned(), source_tag(&meta))].into();
        let facts = serde_json::json!({
            "schema": 1,
            "file_id": record.file_id,
            "content_type": content_type,
            "size_bytes": meta.size,
        });
        let metadata_key = ObjectKey::AttachmentMetadata { file: record.file_id };
        let document = self.final_object(&metadata_key, "application/json", facts.to_string().into());
        if !self.plan(vec![served.key.clone(), document.key.clone()]).await? {
            return Ok(Verdict::Lost);
        }
        let stored = match self.copy_in_parts(&staging, &meta, &served).await? {
            Copied::Stored(stored) => stored,
            Copied::Paused => return Ok(Verdict::Paused),
            Copied::Changed => return Ok(Verdict::Changed),
            Copied::Lost => return Ok(Verdict::Lost),
        };
        self.write(&document).await?;
        let destination = ObjectRef::new(self.record.bucket.clone(), served.key.clone());
        let checksum = match stored.checksum_crc64nvme {
            Some(checksum) => Some(checksum),
            None => match self.ingest.storage.head(&destination).await {
                Ok(meta) => meta.checksum_crc64nvme,
                // The file was deleted meanwhile.
                Err(error) if is_change(&error) => return Ok(Verdict::Changed),
                Err(error) => return Err(error),
            },
        };
        Ok(Verdict::Accepted(Box::new(Ingested {
            final_key: Some(served.key),
            etag: Some(stored.etag),
            version_id: stored.version_id,
            checksum_crc64nvme: checksum,
            size: meta.size,
            content_type: content_type.to_owned(),
            ..Ingested::default()
        })))
    }

    async fn copy_in_parts(
        &mut self,
        staging: &ObjectRef,
        meta: &ObjectMeta,
        served: &Final,
    ) -> Result<Copied> {
        let destination = ObjectRef::new(self.record.bucket.clone(), served.key.clone());
        if let Some(stored) = self.adopted(&destination, meta).await? {
            return Ok(Copied::Stored(stored));
        }
        let Some((mut promotion, mut done)) = self.promotion(&destination, meta, served).await? else {
            return Ok(Copied::Lost);
        };
        let upload = UploadId(promotion.upload_id.clone());
        let missing: Vec<u16> =
            (1..=promotion.parts).filter(|number| !done.iter().any(|part| part.number == *number)).collect();
        for numbers in missing.chunks(AT_ONCE) {
            if self.is_late() {
                return Ok(Copied::Paused);
            }
            let copies = numbers.iter().map(|number| {
                let range = range(*number, promotion.part_size, meta.size);
                self.ingest.storage.copy_part(&destination, &upload, *number, (staging, &meta.etag), range)
            });
            match try_join_all(copies).await {
                Ok(parts) => done.extend(parts),
                Err(error) if is_change(&error) => return Ok(Copied::Changed),
                Err(error) => return Err(error),
            }
            promotion.copied = u16::try_from(done.len()).unwrap_or(promotion.parts);
            if !self.progress(promotion.clone()).await? {
                return Ok(Copied::Lost);
            }
        }
        done.sort_by_key(|part| part.number);
        let parts: Vec<(u16, ETag)> = done.into_iter().map(|part| (part.number, part.etag)).collect();
        self.still_own()?;
        let storage = &self.ingest.storage;
        match storage.complete_if(&destination, &upload, &parts, &WriteCondition::CreateOnly).await {
            Ok(stored) => Ok(Copied::Stored(stored)),
            // The reply of an earlier attempt was lost, or other bytes of one lie there, which were never served.
            Err(error) if is_change(&error) => {
                if let Some(stored) = self.adopted(&destination, meta).await? {
                    // A refused completion leaves its parts.
                    storage.abort(&destination, &upload).await?;
                    return Ok(Copied::Stored(stored));
                }
                match storage.head(&destination).await {
                    Ok(found) => {
                        self.still_own()?;
                        let condition = WriteCondition::IfMatch(found.etag);
                        let stored = storage.complete_if(&destination, &upload, &parts, &condition).await?;
                        Ok(Copied::Stored(stored))
                    }
                    // The copy was aborted: the file was deleted meanwhile, or it begins again.
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(Copied::Changed),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The object that an earlier attempt made of the same upload.
    async fn adopted(&self, destination: &ObjectRef, source: &ObjectMeta) -> Result<Option<Stored>> {
        match self.ingest.storage.head(destination).await {
            Ok(found) => {
                let same = found.metadata.get(SOURCE).is_some_and(|tag| *tag == source_tag(source));
                Ok((same && found.size == source.size).then_some(Stored {
                    etag: found.etag,
                    version_id: found.version_id,
                    checksum_crc64nvme: found.checksum_crc64nvme,
                }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The copy under way with the parts it has, or a new one, which is written down before anything is copied. `None`
    /// where the file is not this worker's any more.
    async fn promotion(
        &mut self,
        destination: &ObjectRef,
        source: &ObjectMeta,
        served: &Final,
    ) -> Result<Option<(Promotion, Vec<Part>)>> {
        if let Some(known) = self.record.promotion.clone() {
            let upload = UploadId(known.upload_id.clone());
            let same = known.source_etag == source.etag && known.source_version == source.version_id;
            if known.key == served.key && same {
                match self.ingest.storage.parts(destination, &upload).await {
                    Ok(parts) => return Ok(Some((known, parts))),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            } else {
                let other = ObjectRef::new(self.record.bucket.clone(), known.key.clone());
                self.ingest.storage.abort(&other, &upload).await?;
            }
        }
        let options = PutOptions { condition: WriteCondition::None, ..served.options.clone() };
        let upload = self.ingest.storage.create(destination, options).await?;
        let part_size = part_size(source.size, self.ingest.settings.copy_part_bytes);
        let promotion = Promotion {
            upload_id: upload.0.clone(),
            key: served.key.clone(),
            source_etag: source.etag.clone(),
            source_version: source.version_id.clone(),
            part_size,
            parts: u16::try_from(source.size.div_ceil(part_size)).unwrap_or(u16::MAX),
            copied: 0,
        };
        if self.progress(promotion.clone()).await? {
            return Ok(Some((promotion, Vec::new())));
        }
        self.ingest.storage.abort(destination, &upload).await?;
        Ok(None)
    }

    /// Writes down how far the copy is; `false` where the file is not this worker's any more.
    async fn progress(&mut self, promotion: Promotion) -> Result<bool> {
        let event = Event::Progress(self.worker, promotion);
        match self.ingest.ledger.apply(self.record.tenant, self.record.file_id, event, self.actor).await? {
            Applied::Written(record) => {
                self.record = *record;
                Ok(true)
            }
            Applied::Refused(..) | Applied::Missing => Ok(false),
        }
    }

    /// Whether the invocation ends too soon to copy more.
    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.ingest.ledger.clock.now() >= deadline)
    }
}

/// What a copy in parts led to.
enum Copied {
    /// The object is there.
    Stored(Stored),
    /// There was no time for the rest.
    Paused,
    /// The source is another one now.
    Changed,
    /// The file is not this worker's any more.
    Lost,
}

/// What tells an upload from every other: its tag, and its version where there are versions.
fn source_tag(meta: &ObjectMeta) -> String {
    match &meta.version_id {
        Some(version) => format!("{} {version}", meta.etag.as_str()),
        None => meta.etag.as_str().to_owned(),
    }
}

fn part_size(size: u64, usual: u64) -> u64 {
    usual.max(size.div_ceil(MOST_PARTS).div_ceil(STEP) * STEP)
}

/// The first and the last byte of a part.
fn range(number: u16, part_size: u64, size: u64) -> (u64, u64) {
    let first = (u64::from(number) - 1) * part_size;
    (first, (first + part_size).min(size) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_byte_once() {
        const GIB: u64 = 1024 * 1024 * 1024;
        for size in [1, 512 * STEP, 512 * STEP + 1, 5 * GIB, 5 * 1024 * GIB] {
            let part = part_size(size, 512 * STEP);
            assert!(part <= 5 * GIB && size.div_ceil(part) <= MOST_PARTS);
            let mut next = 0;
            for number in 1..=u16::try_from(size.div_ceil(part)).unwrap() {
                let (first, last) = range(number, part, size);
                assert!(first == next && last >= first, "{size} part {number}");
                next = last + 1;
            }
            assert_eq!(next, size);
        }
    }
}
