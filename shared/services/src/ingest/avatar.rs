//! Avatars: one decode, three thumbnails, an original without metadata.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::try_join_all;
use storage_core::key::{Extension, ObjectKey, VariantSize};
use storage_core::ports::{GetOptions, ImageFormat, ProcessedAvatar};
use storage_core::record::StoredVariant;
use storage_core::safeguards::Safeguard;
use storage_core::state::Ingested;
use storage_core::{Error, ErrorKind, Result};

use super::content::sha256_hex;
use super::writer::Final;
use super::{Job, Source, Verdict, is_change, off_thread};

impl Job<'_> {
    pub(super) async fn avatar(&mut self, source: &Source) -> Result<Verdict> {
        let bytes = match source {
            Source::Bytes(bytes) => bytes.clone(),
            Source::Staging => {
                let Some((staging, meta)) = self.staged().await? else { return Ok(Verdict::Lost) };
                if let Err(code) = self.check_size(meta.size) {
                    return Ok(Verdict::Refused(code));
                }
                let options = GetOptions { range: None, if_match: Some(meta.etag) };
                match self.ingest.storage.get(&staging, options).await {
                    Ok(read) if read.length > self.record.max_bytes => {
                        return Ok(Verdict::Refused(ErrorKind::PayloadTooLarge));
                    }
                    Ok(read) => read.collect(self.record.max_bytes).await?,
                    Err(error) if is_change(&error) => return Ok(Verdict::Changed),
                    Err(error) => return Err(error),
                }
            }
        };
        if let Err(code) = self.check_size(bytes.len() as u64) {
            return Ok(Verdict::Refused(code));
        }
        let source_sha256 = sha256_hex(&bytes);
        if let Err(code) = self.check_sha256(&source_sha256) {
            return Ok(Verdict::Refused(code));
        }
        let Some(format) = self.ingest.images.sniff(&bytes) else {
            return Ok(Verdict::Refused(ErrorKind::UnsupportedMediaType));
        };
        let declared = self.record.declared.content_type.as_str();
        if !declared.is_empty() && declared != format.content_type() && Safeguard::Sniff.holds() {
            return Ok(Verdict::Refused(ErrorKind::ContentMismatch));
        }

        let (images, limits) = (self.ingest.images.clone(), self.ingest.settings.image_limits);
        let processed = match off_thread(move || images.process_avatar(bytes, &limits)).await {
            Ok(processed) => processed,
            Err(error) if error.retryable() => return Err(error),
            Err(error) => return Ok(Verdict::Refused(error.kind())),
        };
        let finals = self.avatar_finals(&processed)?;
        let keys = finals.iter().map(|(_, file)| file.key.clone()).collect();
        if !self.plan(keys).await? {
            return Ok(Verdict::Lost);
        }
        let stored = try_join_all(finals.iter().map(|(_, file)| self.write(file))).await?;

        let mut variants = BTreeMap::new();
        for ((size, file), stored) in finals.iter().zip(&stored) {
            let (width, height) = dimensions(&processed, *size);
            variants.insert(
                *size,
                StoredVariant {
                    key: file.key.clone(),
                    content_type: file.content_type.clone(),
                    width,
                    height,
                    bytes: file.bytes.len() as u64,
                    etag: stored.etag.clone(),
                },
            );
        }
        let inline =
            processed.variants.iter().find(|variant| variant.size == VariantSize::Small).map(|variant| {
                format!("data:{};base64,{}", variant.format.content_type(), STANDARD.encode(&variant.bytes))
            });
        Ok(Verdict::Accepted(Box::new(Ingested {
            final_key: variants.get(&VariantSize::Original).map(|variant| variant.key.clone()),
            etag: stored.first().map(|stored| stored.etag.clone()),
            version_id: stored.first().and_then(|stored| stored.version_id.clone()),
            source_sha256: Some(source_sha256),
            sha256: Some(sha256_hex(&processed.original)),
            checksum_crc64nvme: stored.first().and_then(|stored| stored.checksum_crc64nvme.clone()),
            size: processed.original.len() as u64,
            content_type: processed.info.format.content_type().to_owned(),
            width: Some(processed.info.width),
            height: Some(processed.info.height),
            variants,
            inline_small: inline,
            placeholder: Some(processed.info.placeholder),
        })))
    }

    /// The original first, then the sizes.
    fn avatar_finals(&self, processed: &ProcessedAvatar) -> Result<Vec<(VariantSize, Final)>> {
        let mut finals = vec![self.avatar_final(
            VariantSize::Original,
            processed.info.format,
            processed.original.clone(),
        )?];
        for variant in &processed.variants {
            finals.push(self.avatar_final(variant.size, variant.format, variant.bytes.clone())?);
        }
        Ok(finals)
    }

    fn avatar_final(
        &self,
        size: VariantSize,
        format: ImageFormat,
        bytes: Bytes,
    ) -> Result<(VariantSize, Final)> {
        let record = &self.record;
        let (Some(kind), Some(entity)) = (record.purpose.entity_kind(), record.entity) else {
            return Err(Error::new(ErrorKind::Internal, "an avatar without an entity"));
        };
        let key = ObjectKey::Avatar {
            visibility: record.visibility,
            kind,
            entity,
            file: record.file_id,
            size,
            extension: Extension::parse(format.extension())?,
        };
        Ok((size, self.final_object(&key, format.content_type(), bytes)))
    }
}

fn dimensions(processed: &ProcessedAvatar, size: VariantSize) -> (u32, u32) {
    processed
        .variants
        .iter()
        .find(|variant| variant.size == size)
        .map_or((processed.info.width, processed.info.height), |variant| (variant.width, variant.height))
}
