//! From an id to a URL: what is readable, by whom, and where.

use std::collections::BTreeMap;
use std::sync::Arc;

use storage_core::filename::{Disposition, FileName};
use storage_core::ids::{EntityId, FileId, TenantId};
use storage_core::key::{EntityKind, StorageKey, VariantSize, Visibility};
use storage_core::ports::{ObjectRef, Placeholder, ResolvedUrl, UrlSigner, UrlTarget};
use storage_core::record::{FileRecord, FileState, PointerKey, StoredVariant};
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::encoding::Encoding;
use crate::ledger::Ledger;
use crate::settings::Settings;
use crate::tenants::Tenants;

/// How often a pointer is followed again when its file went away in between.
const ROUNDS: usize = 4;

/// Who asks for an avatar.
#[derive(Clone, Debug)]
pub enum Reader<'a> {
    /// A verified caller.
    Caller(&'a TenantContext),
    /// Nobody in particular: only public avatars of this tenant.
    Anyone(TenantId),
}

/// One size of an avatar.
#[derive(Clone, Debug, PartialEq)]
pub struct AvatarSize {
    /// Where to read it.
    pub url: ResolvedUrl,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The size in bytes.
    pub bytes: u64,
    /// The media type.
    pub content_type: String,
    /// The entity tag.
    pub etag: String,
    /// The same picture as WebP, where there is one.
    pub webp: Option<AvatarWebp>,
}

/// The WebP variant of a size, as wide and high as the size itself.
#[derive(Clone, Debug, PartialEq)]
pub struct AvatarWebp {
    /// Where to read it.
    pub url: ResolvedUrl,
    /// The size in bytes.
    pub bytes: u64,
    /// The entity tag.
    pub etag: String,
}

/// Everything a client shows of an avatar. All sizes belong to one generation.
#[derive(Clone, Debug, PartialEq)]
pub struct AvatarInfo {
    /// The generation; `None` where the entity has no avatar of its own.
    pub file_id: Option<FileId>,
    /// The sizes.
    pub sizes: BTreeMap<VariantSize, AvatarSize>,
    /// Thumbhash and average colour.
    pub placeholder: Option<Placeholder>,
    /// The 32 px size as a `data:` URI.
    pub inline_small: Option<String>,
    /// When it became current.
    pub updated_at: Option<Timestamp>,
}

/// Resolves avatars and files.
#[derive(Clone, Debug)]
pub struct Resolver {
    ledger: Ledger,
    tenants: Tenants,
    signer: Arc<dyn UrlSigner>,
}

impl Resolver {
    /// Over these.
    pub fn new(ledger: Ledger, settings: Arc<Settings>, signer: Arc<dyn UrlSigner>) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings);
        Resolver { ledger, tenants, signer }
    }

    /// The URL of one size of the current avatar.
    ///
    /// Errors: `NotFound` where there is none, and for anyone where it is private; `NotAcceptable` where it is not
    /// stored in the wanted encoding.
    pub async fn avatar_url(
        &self,
        reader: &Reader<'_>,
        kind: EntityKind,
        entity: EntityId,
        size: VariantSize,
        encoding: Encoding,
    ) -> Result<ResolvedUrl> {
        let record = self.current_avatar(reader, kind, entity).await?;
        self.variant_url(&record, encoding.choose(&record, size)?).await
    }

    /// The generation that is current now, with all its sizes.
    pub async fn avatar_info(
        &self,
        reader: &Reader<'_>,
        kind: EntityKind,
        entity: EntityId,
    ) -> Result<AvatarInfo> {
        let record = match self.current_avatar(reader, kind, entity).await {
            Ok(record) => record,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(AvatarInfo {
                    file_id: None,
                    sizes: BTreeMap::new(),
                    placeholder: None,
                    inline_small: None,
                    updated_at: None,
                });
            }
            Err(error) => return Err(error),
        };
        let sizes = self.sizes(&record).await?;
        Ok(AvatarInfo {
            file_id: Some(record.file_id),
            sizes,
            placeholder: record.placeholder,
            inline_small: record.inline_small,
            updated_at: Some(record.updated_at),
        })
    }

    /// Every size of one avatar; empty for a file that is none.
    pub async fn sizes(&self, record: &FileRecord) -> Result<BTreeMap<VariantSize, AvatarSize>> {
        let mut sizes = BTreeMap::new();
        for (size, variant) in &record.variants {
            let webp = match record.webp.get(size) {
                Some(webp) => Some(AvatarWebp {
                    url: self.variant_url(record, webp).await?,
                    bytes: webp.bytes,
                    etag: webp.etag.quoted(),
                }),
                None => None,
            };
            let size_info = AvatarSize {
                url: self.variant_url(record, variant).await?,
                width: variant.width,
                height: variant.height,
                bytes: variant.bytes,
                content_type: variant.content_type.clone(),
                etag: variant.etag.quoted(),
                webp,
            };
            sizes.insert(*size, size_info);
        }
        Ok(sizes)
    }

    async fn current_avatar(
        &self,
        reader: &Reader<'_>,
        kind: EntityKind,
        entity: EntityId,
    ) -> Result<FileRecord> {
        let tenant = match reader {
            Reader::Caller(context) => {
                self.tenants.check(context).await?;
                context.tenant
            }
            Reader::Anyone(tenant) => {
                self.tenants.check_open(*tenant).await?;
                *tenant
            }
        };
        let missing = || Error::new(ErrorKind::NotFound, "no avatar");
        let key = PointerKey { tenant, kind, entity };
        for _ in 0..ROUNDS {
            let pointer = self.ledger.store.get_pointer(&key).await?.unwrap_or_default();
            let Some(file) = pointer.current_file_id else { return Err(missing()) };
            // Between the two reads a newer upload can have taken the place of this file.
            let Some(record) = self.ledger.store.get_file(tenant, file).await? else { continue };
            match (record.state, reader) {
                (FileState::Ready, Reader::Caller(_)) => return Ok(record),
                (FileState::Ready, Reader::Anyone(_)) if record.visibility == Visibility::Public => {
                    return Ok(record);
                }
                (FileState::Ready, Reader::Anyone(_)) => return Err(missing()),
                _ => {}
            }
        }
        Err(missing())
    }

    async fn variant_url(&self, record: &FileRecord, variant: &StoredVariant) -> Result<ResolvedUrl> {
        self.sign(record, variant.key.clone(), None).await
    }

    /// A file's record, for whoever may see it.
    pub async fn file(&self, context: &TenantContext, file: FileId) -> Result<FileRecord> {
        self.record_for(context, file, false).await
    }

    /// A file's record, for whoever may change it.
    pub async fn file_to_change(&self, context: &TenantContext, file: FileId) -> Result<FileRecord> {
        self.record_for(context, file, true).await
    }

    async fn record_for(&self, context: &TenantContext, file: FileId, write: bool) -> Result<FileRecord> {
        self.tenants.check(context).await?;
        let record = self.ledger.read(context.tenant, file).await?;
        access::may_use_file(context, &record, write)?;
        match record.state {
            FileState::Deleting | FileState::Deleted => Err(Error::new(ErrorKind::NotFound, "a tombstone")),
            _ => Ok(record),
        }
    }

    /// The URL of a readable file.
    ///
    /// Before it is ready: `NotReady`. Refused uploads answer with their own code, quarantined ones with
    /// `FileQuarantined`, deleted ones with `NotFound`.
    pub async fn file_url(
        &self,
        context: &TenantContext,
        file: FileId,
        disposition: Option<Disposition>,
        name: Option<FileName>,
    ) -> Result<(FileRecord, ResolvedUrl)> {
        let record = self.file(context, file).await?;
        let url = self.ready_url(&record, disposition, name).await?;
        Ok((record, url))
    }

    /// The URL of a record that the caller has read and may see.
    pub async fn ready_url(
        &self,
        record: &FileRecord,
        disposition: Option<Disposition>,
        name: Option<FileName>,
    ) -> Result<ResolvedUrl> {
        readable(record)?;
        let key =
            record.final_key.clone().ok_or_else(|| Error::new(ErrorKind::Internal, "ready without a key"))?;
        let content_type = record.content_type.as_deref().unwrap_or_default();
        let shown = storage_core::record::is_inline_type(content_type);
        // A type that could run a script is never shown in place, whatever the caller asks for.
        let disposition = disposition.map(|wanted| if shown { wanted } else { Disposition::Attachment });
        let asked = match (disposition, name) {
            // An object says the name it was stored with; after a rename only its URL can say the new one.
            (None, None) if !record.renamed => None,
            (disposition, name) => {
                let named = name.or_else(|| record.original_filename.clone());
                let name = named.or_else(|| {
                    let last = key.as_str().rsplit('/').next().unwrap_or_default();
                    FileName::parse(last).ok()
                });
                let disposition =
                    disposition.unwrap_or(if shown { Disposition::Inline } else { Disposition::Attachment });
                name.map(|name| (disposition, name))
            }
        };
        self.sign(record, key, asked).await
    }

    async fn sign(
        &self,
        record: &FileRecord,
        key: StorageKey,
        disposition: Option<(Disposition, FileName)>,
    ) -> Result<ResolvedUrl> {
        let target = UrlTarget {
            tenant: record.tenant,
            object: ObjectRef::new(record.bucket.clone(), key),
            visibility: record.visibility,
            disposition,
        };
        self.signer.resolve(&target, self.ledger.clock.now()).await
    }
}

/// Why a file cannot be read, if it cannot.
pub fn readable(record: &FileRecord) -> Result<()> {
    match record.state {
        FileState::Ready => Ok(()),
        FileState::Pending | FileState::Processing | FileState::Scanning => {
            Err(Error::new(ErrorKind::NotReady, "not ready"))
        }
        FileState::Failed => {
            Err(Error::new(record.error_code.unwrap_or(ErrorKind::InvalidRequest), "the upload was refused"))
        }
        FileState::Quarantined => Err(Error::new(ErrorKind::FileQuarantined, "quarantined")),
        FileState::Trashed | FileState::Deleting | FileState::Deleted => {
            Err(Error::new(ErrorKind::NotFound, "deleted"))
        }
    }
}
