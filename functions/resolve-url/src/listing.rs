//! `GET /api/v1/files`: the files of an owner, a page at a time, under cursors that hold for one listing only.

use std::time::Duration;

use axum::extract::State as Shared;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_core::ids::{PrincipalId, TenantId};
use storage_core::record::{FileState, Purpose};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::auth::Caller;
use storage_lambda::http::extract::StrictQuery;
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::requests::owner;
use storage_lambda::seal::Kind;
use storage_lambda::views::FileView;
use storage_services::listing::{ListQuery, Listing};
use storage_services::policy;

use crate::State;

/// How long a cursor opens.
const CURSOR_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The files of a page, where the query does not say.
const PAGE: u64 = 50;
/// The most files of a page.
const LARGEST_PAGE: u64 = 1000;

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct FilesQuery {
    /// Whose files; the caller's where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::PrincipalName>))]
    owner: Option<String>,
    /// Only files of this purpose.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::PurposeWord>))]
    purpose: Option<String>,
    /// Only files of this type, by content, and as declared while an upload is not checked.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::MediaType>))]
    content_type: Option<String>,
    /// Only files in this state; all but `trashed` where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::ListedState>))]
    state: Option<String>,
    /// Only files that were asked for later.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Time>))]
    created_after: Option<String>,
    /// Only files of this folder.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Scope>))]
    scope: Option<String>,
    /// Only the file with this id of the caller's.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::ExternalId>))]
    external_id: Option<String>,
    /// The most files of a page; 50 where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 1000))]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
}

impl FilesQuery {
    fn read(&self) -> Result<ListQuery> {
        let invalid = |what: &str| Error::new(ErrorKind::InvalidRequest, format!("query: {what}"));
        let listed = |state: &FileState| !matches!(state, FileState::Deleting | FileState::Deleted);
        let word = |text: &String| Purpose::from_word(text).ok_or_else(|| invalid("purpose"));
        let state = |text: &String| FileState::from_word(text).filter(listed).ok_or_else(|| invalid("state"));
        Ok(ListQuery {
            owner: self.owner.as_deref().map(owner).transpose()?,
            purpose: self.purpose.as_ref().map(word).transpose()?,
            content_type: self
                .content_type
                .as_ref()
                .map(|text| policy::declared_type(text, Purpose::Attachment))
                .transpose()?,
            state: self.state.as_ref().map(state).transpose()?,
            created_after: self
                .created_after
                .as_ref()
                .map(|text| Timestamp::parse(text).map_err(|_| invalid("created_after")))
                .transpose()?,
            scope: self.scope.as_deref().map(policy::scope).transpose()?,
            external_id: self.external_id.as_deref().map(policy::external_id).transpose()?,
        })
    }

    /// What a cursor is bound to beside tenant and owner: everything but the size of a page.
    fn filters(&self) -> String {
        let filters = [
            &self.purpose,
            &self.content_type,
            &self.state,
            &self.created_after,
            &self.scope,
            &self.external_id,
        ];
        let mut digest = Sha256::new();
        for filter in filters {
            // Absent and empty are different filters.
            let length = filter.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            digest.update(length.to_be_bytes());
            digest.update(filter.as_deref().unwrap_or_default());
        }
        hex::encode(digest.finalize())
    }
}

/// What a cursor says. It comes back sealed, so it is believed; it is compared all the same.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    tenant: TenantId,
    owner: PrincipalId,
    filters: String,
    /// The store's own cursor.
    inner: String,
}

/// One page of a listing.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = FilePage))]
pub(crate) struct Page {
    /// Newest first.
    files: Vec<FileView>,
    /// What asks for the next page; the last one has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One page. Ready files have their URL.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(query): StrictQuery<FilesQuery>,
) -> ApiResult {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Error::new(ErrorKind::InvalidRequest, "limit").into());
    }
    let wanted = query.read()?;
    let owner = Listing::owner(&context, &wanted)?;
    let bound = (context.tenant, owner, query.filters());
    let inner = query.cursor.as_deref().map(|text| open(&state, text, &bound)).transpose()?;
    let limit = usize::try_from(limit).unwrap_or(1);
    let listed = state.listing.list(&context, &wanted, inner, limit).await?;
    let mut files = Vec::with_capacity(listed.files.len());
    for record in &listed.files {
        let url = match record.state {
            FileState::Ready => Some(state.resolver.ready_url(record, None, None).await?),
            _ => None,
        };
        files.push(FileView::new(record, url));
    }
    let next_cursor = listed.next.map(|inner| seal(&state, bound, inner)).transpose()?;
    respond::json(StatusCode::OK, &Page { files, next_cursor })
}

fn seal(
    state: &State,
    (tenant, owner, filters): (TenantId, PrincipalId, String),
    inner: String,
) -> Result<String> {
    let cursor = Cursor { tenant, owner, filters, inner };
    state.sealer.seal(Kind::Cursor, &cursor, state.clock.now() + CURSOR_LIFE)
}

/// The store's cursor in a sealed one; `InvalidCursor` for whatever is not one of exactly this listing, or too old.
fn open(
    state: &State,
    text: &str,
    (tenant, owner, filters): &(TenantId, PrincipalId, String),
) -> Result<String> {
    let invalid = || Error::new(ErrorKind::InvalidCursor, "cursor");
    let cursor: Cursor = state
        .sealer
        .open(Kind::Cursor, text, state.clock.now())
        .map_err(|cause| invalid().with_cause(cause))?;
    if cursor.tenant == *tenant && cursor.owner == *owner && cursor.filters == *filters {
        Ok(cursor.inner)
    } else {
        Err(invalid())
    }
}
