//! Changes of a readable file: its name, its metadata, and who may read it, which is a copy to another key.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use storage_core::filename::FileName;
use storage_core::ids::FileId;
use storage_core::key::{ObjectKey, StorageKey, Visibility};
use storage_core::ports::{ETag, ObjectRef, ObjectStore};
use storage_core::record::{FileRecord, FileState};
use storage_core::state::{Edit, Event, Home, Refused};
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::copying::{Copied, check_size, object_key};
use crate::ledger::{Applied, Ledger};
use crate::policy;
use crate::settings::Settings;
use crate::tenants::Tenants;
use crate::uploads::actor;

/// How often an edit that lost a race is decided anew.
const ROUNDS: usize = 8;

/// What a caller wants to change. What is absent stays.
#[derive(Clone, Debug, Default)]
pub struct EditRequest {
    /// The name to show.
    pub filename: Option<FileName>,
    /// Open or signed.
    pub visibility: Option<Visibility>,
    /// The caller's own metadata, all of it.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Edits files.
#[derive(Clone, Debug)]
pub struct Edits {
    ledger: Ledger,
    tenants: Tenants,
    storage: Arc<dyn ObjectStore>,
    settings: Arc<Settings>,
}

/// One object on its way.
struct Move<'a> {
    from: &'a StorageKey,
    etag: &'a ETag,
    to: ObjectKey,
    path: StorageKey,
}

/// How a round ended.
enum Round {
    Done(Box<FileRecord>),
    /// Somebody else wrote; this is the revision that was written by this edit itself.
    Again(u64),
}

impl Edits {
    /// Over these.
    pub fn new(ledger: Ledger, settings: Arc<Settings>, storage: Arc<dyn ObjectStore>) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        Edits { ledger, tenants, storage, settings }
    }

    /// Changes a file, and answers its record as it is then.
    ///
    /// `expected` is asked about every revision that somebody else wrote; what it refuses is not edited. `NotFound`;
    /// `StateConflict` where the file is not ready; `Forbidden` for a public file of a tenant that may have none;
    /// `PayloadTooLarge` where a file of this size cannot be copied in a request; `RequestInProgress` while another
    /// change of visibility is under way.
    pub async fn edit(
        &self,
        context: &TenantContext,
        file: FileId,
        request: EditRequest,
        expected: impl Fn(&FileRecord) -> Result<()>,
    ) -> Result<FileRecord> {
        let placement = self.tenants.placement(context).await?;
        policy::check_visibility(&placement.limits, request.visibility)?;
        if let Some(metadata) = &request.metadata {
            policy::check_metadata(metadata)?;
        }
        let mut own = None;
        for _ in 0..ROUNDS {
            let record = self.ledger.read(context.tenant, file).await?;
            access::may_use_file(context, &record, true)?;
            if matches!(record.state, FileState::Deleting | FileState::Deleted) {
                return Err(Error::new(ErrorKind::NotFound, "a tombstone"));
            }
            if own != Some(record.rev) {
                expected(&record)?;
            }
            if record.state != FileState::Ready {
                return Err(Error::new(ErrorKind::StateConflict, "not ready"));
            }
            let round = match request.visibility.filter(|wanted| *wanted != record.visibility) {
                Some(visibility) => self.relocate(context, &record, visibility, &request).await?,
                None => self.rewrite(context, record, &request).await?,
            };
            match round {
                Round::Done(record) => return Ok(*record),
                Round::Again(rev) => own = Some(rev),
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "the record kept changing"))
    }

    /// Only words change: one write.
    async fn rewrite(
        &self,
        context: &TenantContext,
        record: FileRecord,
        request: &EditRequest,
    ) -> Result<Round> {
        let named =
            request.filename.as_ref().is_none_or(|name| record.original_filename.as_ref() == Some(name));
        if named && request.metadata.as_ref().is_none_or(|metadata| *metadata == record.metadata) {
            return Ok(Round::Done(Box::new(record)));
        }
        let event = Event::Edit(edit(request));
        match self.ledger.apply_to(&record, event, &actor(context)).await? {
            Some(Applied::Written(record)) => Ok(Round::Done(record)),
            Some(Applied::Refused(_, refused)) => Err(refusal(refused)),
            Some(Applied::Missing) | None => Ok(Round::Again(record.rev)),
        }
    }

    /// The keys first, then the copies, then the one write that makes them the file, then the old objects.
    async fn relocate(
        &self,
        context: &TenantContext,
        record: &FileRecord,
        visibility: Visibility,
        request: &EditRequest,
    ) -> Result<Round> {
        check_size(&self.settings, record)?;
        let actor = actor(context);
        let moves = moves(record, visibility)?;
        let keys = moves.iter().map(|one| one.path.clone()).collect();
        let planned = match self.ledger.apply_to(record, Event::Relocate(keys), &actor).await? {
            Some(Applied::Written(planned)) => planned,
            Some(Applied::Refused(_, refused)) => return Err(refusal(refused)),
            Some(Applied::Missing) | None => return Ok(Round::Again(record.rev)),
        };
        let name = request.filename.as_ref().or(record.original_filename.as_ref());
        let Some(home) = self.copy(&planned, &moves, visibility, name).await? else {
            let now = self.ledger.read(record.tenant, record.file_id).await?;
            if now.rev == planned.rev {
                return Err(Error::new(ErrorKind::Internal, "the stored object is not the record's"));
            }
            return Ok(Round::Again(planned.rev));
        };
        let event = Event::Rehome(Box::new(home), edit(request));
        match self.ledger.apply_to(&planned, event, &actor).await? {
            Some(Applied::Written(moved)) => {
                let moved = self.leave(*moved, &moves, context).await;
                Ok(Round::Done(Box::new(moved)))
            }
            Some(Applied::Refused(_, refused)) => Err(refusal(refused)),
            Some(Applied::Missing) | None => Ok(Round::Again(planned.rev)),
        }
    }

    /// Copies every object; `None` where one of them is not what the record says any more.
    async fn copy(
        &self,
        record: &FileRecord,
        moves: &[Move<'_>],
        visibility: Visibility,
        name: Option<&FileName>,
    ) -> Result<Option<Home>> {
        let bucket = &record.bucket;
        let content_type = record.content_type.as_deref().unwrap_or_default();
        let copies = moves.iter().map(|one| {
            let copied = Copied {
                source: ObjectRef::new(bucket.clone(), one.from.clone()),
                etag: one.etag,
                destination: ObjectRef::new(bucket.clone(), one.path.clone()),
                key: &one.to,
                content_type,
                name,
            };
            async move { copied.copy(self.storage.as_ref(), || self.is_in_time(record)).await }
        });
        let stored: Option<Vec<_>> = try_join_all(copies).await?.into_iter().collect();
        let Some(stored) = stored else { return Ok(None) };
        let mut home = None;
        let mut variants = BTreeMap::new();
        for (one, stored) in moves.iter().zip(stored) {
            variants.insert(one.from.clone(), (one.path.clone(), stored.etag.clone()));
            if record.final_key.as_ref() == Some(one.from) {
                home = Some((one.path.clone(), stored));
            }
        }
        let (final_key, stored) =
            home.ok_or_else(|| Error::new(ErrorKind::Internal, "ready without a key"))?;
        Ok(Some(Home { visibility, final_key, stored, variants }))
    }

    /// Writing over what an earlier attempt left is for who may still commit it.
    fn is_in_time(&self, record: &FileRecord) -> Result<()> {
        match record.lease_until {
            Some(until) if until > self.ledger.clock.now() => Ok(()),
            _ => Err(Error::new(ErrorKind::StorageUnavailable, "the time for this copy is over")),
        }
    }

    /// Removes the objects that are not served any more. A failure is not the caller's: the sweep removes them too, and
    /// until then the file does not come back to where they were.
    async fn leave(&self, moved: FileRecord, moves: &[Move<'_>], context: &TenantContext) -> FileRecord {
        let mut failed = false;
        for one in moves {
            let object = ObjectRef::new(moved.bucket.clone(), one.from.clone());
            if let Err(error) = self.storage.delete(&object).await {
                failed = true;
                tracing::warn!(file.id = %moved.file_id, error.kind = %error.kind(), "a left object stays for the sweep");
            }
        }
        if failed {
            return moved;
        }
        // The sweep looks all the same, for a copy of an earlier attempt that arrives late.
        let event = Event::Vacated(moved.due_at);
        match self.ledger.apply(moved.tenant, moved.file_id, event, &actor(context)).await {
            Ok(Applied::Written(cleared)) => *cleared,
            _ => moved,
        }
    }
}

/// Where each object of a file goes.
fn moves(record: &FileRecord, visibility: Visibility) -> Result<Vec<Move<'_>>> {
    // The original of an avatar is one of its sizes, and their formats are objects of their own.
    let sizes = record.variants.values().chain(record.webp.values());
    let mut objects: BTreeMap<&StorageKey, &ETag> =
        sizes.map(|variant| (&variant.key, &variant.etag)).collect();
    objects.extend(record.final_key.iter().zip(&record.etag));
    let space = record.key_space();
    let moved = |(from, etag)| {
        let mut to = object_key(record, from)?;
        match &mut to {
            ObjectKey::Avatar { visibility: own, .. } | ObjectKey::Attachment { visibility: own, .. } => {
                *own = visibility;
            }
            _ => return Err(Error::new(ErrorKind::Internal, "a key without a visibility")),
        }
        let path = to.path(&space);
        Ok(Move { from, etag, to, path })
    };
    objects.into_iter().map(moved).collect()
}

fn edit(request: &EditRequest) -> Edit {
    Edit { filename: request.filename.clone(), metadata: request.metadata.clone() }
}

fn refusal(refused: Refused) -> Error {
    let kind = match refused {
        // What was copied before is still being removed, or somebody else was faster; it is over in a moment.
        Refused::Leased | Refused::LeaseLost => ErrorKind::RequestInProgress,
        _ => ErrorKind::StateConflict,
    };
    Error::new(kind, format!("edit: {refused:?}"))
}
