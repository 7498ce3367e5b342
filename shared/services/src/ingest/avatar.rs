//! Avatars: one decode, three thumbnails in one format or two, an original without metadata.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use storage_core::key::{Extension, ObjectKey, VariantSize};
use storage_core::ports::{GetOptions, ProcessedAvatar, Stored, Variant};
use storage_core::record::StoredVariant;
use storage_core::safeguards::Safeguard;
use storage_core::state::Ingested;
use storage_core::{Error, ErrorKind, Result};

use super::content::sha256_hex;
use super::writer::Final;
use super::{Job, Source, Verdict, is_change, off_thread};
use crate::policy;

/// One size of an avatar that is about to be written.
struct Piece {
    size: VariantSize,
    is_webp_variant: bool,
    width: u32,
    height: u32,
    file: Final,
}

impl Piece {
    fn stored(&self, stored: &Stored) -> StoredVariant {
        StoredVariant {
            key: self.file.key.clone(),
            content_type: self.file.content_type.clone(),
            width: self.width,
            height: self.height,
            bytes: self.file.bytes.len() as u64,
            etag: stored.etag.clone(),
        }
    }
}

impl Job<'_> {
    pub(super) async fn avatar(&mut self, source: &Source) -> Result<Verdict> {
        let bytes = match source {
            Source::Bytes(bytes) => bytes.clone(),
            Source::Staging => {
                let Some((staging, meta)) = self.staged().await? else { return Ok(Verdict::Lost) };
                if let Err(code) = self.check_size(meta.size) {
                    return Ok(Verdict::Refused(code));
                }
                if !self.fits(meta.size).await? {
                    return Ok(Verdict::Refused(ErrorKind::QuotaExceeded));
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
        let recipe = policy::recipe(&self.ingest.settings, self.record.purpose);
        let processed = match off_thread(move || images.process_avatar(bytes, &limits, recipe)).await {
            Ok(processed) => processed,
            Err(error) if error.retryable() => return Err(error),
            Err(error) => return Ok(Verdict::Refused(error.kind())),
        };
        let pieces = self.avatar_pieces(&processed)?;
        let keys = pieces.iter().map(|piece| piece.file.key.clone()).collect();
        if !self.plan(keys).await? {
            return Ok(Verdict::Lost);
        }
        let stored = try_join_all(pieces.iter().map(|piece| self.write(&piece.file))).await?;

        let (mut variants, mut webp) = (BTreeMap::new(), BTreeMap::new());
        for (piece, stored) in pieces.iter().zip(&stored) {
            let variants = if piece.is_webp_variant { &mut webp } else { &mut variants };
            variants.insert(piece.size, piece.stored(stored));
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
            webp,
            inline_small: inline,
            placeholder: Some(processed.info.placeholder),
            life: None,
        })))
    }

    /// The original first, then the sizes, then the sizes as WebP.
    fn avatar_pieces(&self, processed: &ProcessedAvatar) -> Result<Vec<Piece>> {
        let original = Variant {
            size: VariantSize::Original,
            format: processed.info.format,
            width: processed.info.width,
            height: processed.info.height,
            bytes: processed.original.clone(),
        };
        let mut pieces = vec![self.avatar_piece(&original, false)?];
        for variant in &processed.variants {
            pieces.push(self.avatar_piece(variant, false)?);
        }
        for variant in &processed.webp {
            pieces.push(self.avatar_piece(variant, true)?);
        }
        Ok(pieces)
    }

    fn avatar_piece(&self, variant: &Variant, is_webp_variant: bool) -> Result<Piece> {
        let record = &self.record;
        let (Some(kind), Some(entity)) = (record.purpose.entity_kind(), record.entity) else {
            return Err(Error::new(ErrorKind::Internal, "an avatar without an entity"));
        };
        let Variant { size, format, width, height, ref bytes } = *variant;
        let key = ObjectKey::Avatar {
            visibility: record.visibility,
            kind,
            entity,
            file: record.file_id,
            size,
            extension: Extension::parse(format.extension())?,
        };
        let file = self.final_object(&key, format.content_type(), bytes.clone());
        Ok(Piece { size, is_webp_variant, width, height, file })
    }
}
