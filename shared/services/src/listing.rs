//! Listings: the files of an owner, newest first, and the file with a caller's own id.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use storage_core::ids::{ExternalId, FileId, PrincipalId, TenantId};
use storage_core::ports::OwnerQuery;
use storage_core::record::{FileRecord, FileState, Purpose};
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::access;
use crate::ledger::Ledger;
use crate::settings::Settings;
use crate::tenants::Tenants;

/// The most records one request reads. The index knows owner and time alone, so a rare match is looked for.
const MOST_READ: usize = 2000;
/// The most pages of the index one request reads.
const MOST_PAGES: usize = 40;
/// How many records are read at once.
const AT_ONCE: usize = 16;

/// Which files to list.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Whose; the caller's where absent.
    pub owner: Option<PrincipalId>,
    /// Only of this purpose.
    pub purpose: Option<Purpose>,
    /// Only of this media type: by content, and as declared until that is known.
    pub content_type: Option<String>,
    /// Only in this state; all but those in the trash where absent.
    pub state: Option<FileState>,
    /// Only issued later than this.
    pub created_after: Option<Timestamp>,
    /// Only in this folder.
    pub scope: Option<String>,
    /// Only the file with this id.
    pub external_id: Option<ExternalId>,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The records, newest first. There may be fewer than were asked for, or none, with more to come.
    pub files: Vec<FileRecord>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<String>,
}

/// Lists files.
#[derive(Clone, Debug)]
pub struct Listing {
    ledger: Ledger,
    tenants: Tenants,
}

impl Listing {
    /// Over these.
    pub fn new(ledger: Ledger, settings: Arc<Settings>) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings);
        Listing { ledger, tenants }
    }

    /// Whose files a query of the caller is about; `Forbidden` for those of somebody else.
    pub fn owner(context: &TenantContext, query: &ListQuery) -> Result<PrincipalId> {
        match &query.owner {
            Some(owner) if *owner != context.principal && !access::is_trusted(context) => {
                Err(Error::new(ErrorKind::Forbidden, "files of somebody else"))
            }
            Some(owner) => Ok(owner.clone()),
            None => Ok(context.principal.clone()),
        }
    }

    /// One page of at most `limit` files; `InvalidCursor` for a cursor that is not one of this listing.
    ///
    /// A page is shorter where only a few of many files match: no request reads more than it can in its time.
    pub async fn list(
        &self,
        context: &TenantContext,
        query: &ListQuery,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Listed> {
        let owner = Self::owner(context, query)?;
        self.tenants.check(context).await?;
        if let Some(external) = &query.external_id {
            let ids = self.ledger.store.files_of_external_id(context.tenant, external).await?;
            let mut files = self.read(context, query, ids).await?;
            files.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.file_id)));
            files.truncate(limit);
            return Ok(Listed { files, next: None });
        }
        let (mut listed, mut read) = (Listed { files: Vec::new(), next: cursor }, 0);
        for _ in 0..MOST_PAGES {
            // Never more than are still wanted, so that a page of the index is used up whole.
            let wanted = (limit - listed.files.len()).min(MOST_READ - read);
            let page = self
                .ledger
                .store
                .files_of_owner(OwnerQuery {
                    tenant: context.tenant,
                    owner: owner.clone(),
                    since: query.created_after,
                    cursor: listed.next.take(),
                    limit: wanted,
                })
                .await?;
            read += page.files.len();
            listed.files.extend(self.read(context, query, page.files).await?);
            listed.next = page.next;
            if listed.next.is_none() || listed.files.len() >= limit || read >= MOST_READ {
                break;
            }
        }
        Ok(listed)
    }

    /// The records of these files, in their order, without those that do not match or are not the caller's to see.
    async fn read(
        &self,
        context: &TenantContext,
        query: &ListQuery,
        files: Vec<FileId>,
    ) -> Result<Vec<FileRecord>> {
        let (store, tenant): (_, TenantId) = (&self.ledger.store, context.tenant);
        let reads = stream::iter(files).map(|file| store.get_file(tenant, file));
        let found: Vec<Option<FileRecord>> = reads.buffered(AT_ONCE).try_collect().await?;
        let seen = |record: &FileRecord| {
            access::may_use_file(context, record, false).is_ok() && matches(query, context, record)
        };
        Ok(found.into_iter().flatten().filter(seen).collect())
    }
}

/// The index lags, so what it was asked for is compared with the record once more.
fn matches(query: &ListQuery, context: &TenantContext, record: &FileRecord) -> bool {
    let state = match query.state {
        Some(wanted) => record.state == wanted,
        None => record.state != FileState::Trashed,
    };
    let owner = match &query.owner {
        Some(owner) => record.owner == *owner,
        // Whoever may see all files finds the one with an id, whosever it is.
        None if query.external_id.is_some() => {
            access::is_trusted(context) || record.owner == context.principal
        }
        None => record.owner == context.principal,
    };
    let content_type = || record.content_type.as_ref().unwrap_or(&record.declared.content_type);
    state
        && owner
        && !matches!(record.state, FileState::Deleting | FileState::Deleted)
        && query.purpose.is_none_or(|purpose| record.purpose == purpose)
        && query.content_type.as_ref().is_none_or(|wanted| content_type() == wanted)
        && query.created_after.is_none_or(|after| record.created_at > after)
        && query.scope.as_ref().is_none_or(|scope| record.scope.as_ref() == Some(scope))
        && query.external_id.as_ref().is_none_or(|id| record.external_id.as_ref() == Some(id))
}
