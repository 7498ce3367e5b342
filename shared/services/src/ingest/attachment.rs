//! Attachments: streamed once for digest and type, then promoted by a copy that is pinned to what was read.

use futures_util::StreamExt;
use serde_json::{Value, json};
use storage_core::key::{Extension, ObjectKey};
use storage_core::ports::{CopyRequest, GetOptions, ImageInfo, ObjectRef, Stored, WriteCondition};
use storage_core::safeguards::Safeguard;
use storage_core::state::Ingested;
use storage_core::{ErrorKind, Result};

use super::content::{Content, ContentReader, served_as};
use super::documents::{PdfInfo, pdf_info};
use super::writer::{Final, Found};
use super::{Job, Source, Verdict, is_change, off_thread};
use crate::policy;

/// The bytes that were read, so that exactly they are promoted.
enum Pinned {
    Bytes(bytes::Bytes),
    Staging(ObjectRef, storage_core::ports::ETag),
}

impl Job<'_> {
    pub(super) async fn attachment(&mut self, source: &Source) -> Result<Verdict> {
        let mut reader = ContentReader::new();
        let pinned = match source {
            Source::Bytes(bytes) => {
                reader.push(bytes);
                Pinned::Bytes(bytes.clone())
            }
            Source::Staging => {
                let Some((staging, meta)) = self.staged().await? else { return Ok(Verdict::Lost) };
                if let Err(code) = self.check_size(meta.size) {
                    return Ok(Verdict::Refused(code));
                }
                if !self.fits(meta.size).await? {
                    return Ok(Verdict::Refused(ErrorKind::QuotaExceeded));
                }
                if meta.size > self.ingest.settings.inline_max_bytes {
                    return Box::pin(self.large(staging, meta)).await;
                }
                let options = GetOptions { range: None, if_match: Some(meta.etag.clone()) };
                let mut read = match self.ingest.storage.get(&staging, options).await {
                    Ok(read) => read,
                    Err(error) if is_change(&error) => return Ok(Verdict::Changed),
                    Err(error) => return Err(error),
                };
                while let Some(chunk) = read.body.next().await {
                    reader.push(&chunk?);
                }
                Pinned::Staging(staging, meta.etag)
            }
        };
        let content = reader.finish();
        if let Err(code) = self.check_size(content.size).and_then(|()| self.check_sha256(&content.sha256)) {
            return Ok(Verdict::Refused(code));
        }
        let Some(content_type) = served_as(&self.record.declared.content_type, content.sniffed) else {
            return Ok(Verdict::Refused(ErrorKind::ContentMismatch));
        };

        let (image, pdf) = match self.look_inside(&content, content_type).await {
            Ok(found) => found,
            Err(error) if error.retryable() => return Err(error),
            Err(error) => return Ok(Verdict::Refused(error.kind())),
        };
        let extension = policy::served_type(content_type).unwrap_or(Extension::BIN.as_str());
        let record = &self.record;
        let key = ObjectKey::attachment(
            record.visibility,
            record.created_at,
            record.file_id,
            Extension::parse(extension)?,
        );
        let metadata_key = ObjectKey::AttachmentMetadata { file: record.file_id };
        let facts = self.facts(&content, content_type, image.as_ref(), pdf.as_ref());
        let document = self.final_object(&metadata_key, "application/json", facts.to_string().into());
        let mut served = self.final_object(&key, content_type, bytes::Bytes::new());
        if let (Some(text), true) = (&content.text, content_type.starts_with("text/")) {
            // Without it a browser guesses, and guesses wrong for most languages.
            served.options.content_type = Some(format!("{content_type}; charset={}", text.encoding));
        }
        served.options.metadata.insert("sha256".to_owned(), content.sha256.clone());
        if !self.plan(vec![served.key.clone(), document.key.clone()]).await? {
            return Ok(Verdict::Lost);
        }
        let stored = match pinned {
            Pinned::Bytes(bytes) => Some(self.write(&Final { bytes, ..served.clone() }).await?),
            Pinned::Staging(staging, etag) => {
                self.promote_copy(staging, etag, &served, &content.sha256).await?
            }
        };
        let Some(stored) = stored else { return Ok(Verdict::Changed) };
        self.write(&document).await?;

        Ok(Verdict::Accepted(Box::new(Ingested {
            final_key: Some(served.key),
            etag: Some(stored.etag),
            version_id: stored.version_id,
            checksum_crc64nvme: stored.checksum_crc64nvme,
            source_sha256: Some(content.sha256.clone()),
            sha256: Some(content.sha256),
            size: content.size,
            content_type: content_type.to_owned(),
            width: image.as_ref().map(|image| image.width),
            height: image.as_ref().map(|image| image.height),
            placeholder: image.map(|image| image.placeholder),
            ..Ingested::default()
        })))
    }

    /// Copies the validated staging object; `None` where it is not that object any more.
    async fn promote_copy(
        &self,
        source: ObjectRef,
        source_etag: storage_core::ports::ETag,
        served: &Final,
        sha256: &str,
    ) -> Result<Option<Stored>> {
        let destination = ObjectRef::new(self.record.bucket.clone(), served.key.clone());
        let mut request = CopyRequest {
            source,
            destination: destination.clone(),
            source_etag: Some(source_etag).filter(|_| Safeguard::CopySource.holds()),
            options: served.create_only(),
        };
        match self.ingest.storage.copy(request.clone()).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
                request.options.condition = match self.found(&destination, sha256).await? {
                    Found::Same(stored) => return Ok(Some(stored)),
                    // It was the source that did not match.
                    Found::Nothing => return Ok(None),
                    // Other bytes of an earlier attempt, which were never served.
                    Found::Other(etag) => WriteCondition::IfMatch(etag),
                };
                self.still_own()?;
                match self.ingest.storage.copy(request).await {
                    Ok(stored) => Ok(Some(stored)),
                    Err(error) if is_change(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Dimensions of an image, pages of a PDF. An image that does not decode is refused; a PDF never is.
    async fn look_inside(
        &self,
        content: &Content,
        content_type: &str,
    ) -> Result<(Option<ImageInfo>, Option<PdfInfo>)> {
        let Some(whole) = content.whole.clone() else { return Ok((None, None)) };
        if self.ingest.images.sniff(&whole).is_some_and(|format| format.content_type() == content_type) {
            let (images, limits) = (self.ingest.images.clone(), self.ingest.settings.image_limits);
            return Ok((Some(off_thread(move || images.inspect(whole, &limits)).await?), None));
        }
        if content_type == "application/pdf" {
            let info = off_thread(move || Ok(pdf_info(&whole))).await.unwrap_or_default();
            return Ok((None, Some(info)));
        }
        Ok((None, None))
    }

    /// The document that lies beside an attachment.
    fn facts(
        &self,
        content: &Content,
        content_type: &str,
        image: Option<&ImageInfo>,
        pdf: Option<&PdfInfo>,
    ) -> Value {
        let mut facts = json!({
            "schema": 1,
            "file_id": self.record.file_id,
            "content_type": content_type,
            "size_bytes": content.size,
            "sha256": content.sha256,
        });
        if let Some(image) = image {
            facts["image"] = json!({ "width": image.width, "height": image.height });
        }
        if let Some(text) = &content.text {
            facts["text"] = json!({ "encoding": text.encoding, "lines": text.lines, "words": text.words });
        }
        if let Some(pdf) = pdf {
            facts["pdf"] = json!({ "pages": pdf.pages, "title": pdf.title });
        }
        facts
    }
}
