//! `POST /api/v1/cleanup`: the old files of the caller's tenant, which are named first and put into the trash when that is
//! confirmed.

use std::time::Duration;

use axum::extract::State as Shared;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use storage_core::ids::TenantId;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::auth::Caller;
use storage_lambda::http::extract::{Nothing, StrictQuery};
use storage_lambda::http::json::OptionalJson;
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::seal::Kind;

use crate::State;

/// How old files are, where the query does not say.
const DAYS: u32 = 30;
/// The most days a query may say.
const MOST_DAYS: u32 = 3650;
/// How long a cursor opens.
const CURSOR_LIFE: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct CleanupQuery {
    /// How many days ago files were issued, at least; 30 where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 3650))]
    days: Option<u32>,
    /// Whether they are put into the trash; else they are only named.
    #[serde(default)]
    confirm: Option<bool>,
    /// `next_cursor` of the answer before.
    #[serde(default)]
    cursor: Option<String>,
}

/// What a cursor says: where a cleanup of this tenant goes on. The moment stays that of the first request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    tenant: TenantId,
    before: Timestamp,
    days: u32,
    inner: String,
}

/// One page of a cleanup.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct CleanupView {
    /// Whether nothing was done.
    dry_run: bool,
    /// The age in days that was asked for.
    days: u32,
    /// The files of this age.
    files: Vec<OldFile>,
    /// How many of them are in the trash now.
    trashed: u64,
    /// Where the next request goes on. A page may be empty with more to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A file that is old enough.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct OldFile {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::FileId))]
    file_id: String,
    /// Who uploaded it.
    owner_id: String,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// When it was issued.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::Time))]
    created_at: Timestamp,
}

/// One page of it.
pub(crate) async fn run(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(query): StrictQuery<CleanupQuery>,
    OptionalJson(_): OptionalJson<Nothing>,
) -> ApiResult {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Error::new(ErrorKind::InvalidRequest, "days").into());
    }
    let confirm = query.confirm.unwrap_or(false);
    let (before, inner) = match query.cursor {
        Some(text) => {
            let cursor = open(&state, &text, context.tenant, days)?;
            (cursor.before, Some(cursor.inner))
        }
        None => (state.clock.now() - Duration::from_secs(u64::from(days) * 86_400), None),
    };
    let cleaned = state.cleanup.run(&context, before, confirm, inner).await?;
    let seal = |inner| {
        let cursor = Cursor { tenant: context.tenant, before, days, inner };
        state.sealer.seal(Kind::Cursor, &cursor, state.clock.now() + CURSOR_LIFE)
    };
    let next_cursor = cleaned.next.map(seal).transpose()?;
    let files = cleaned.files.iter().map(|record| OldFile {
        file_id: record.file_id.to_string(),
        owner_id: record.owner.to_string(),
        size_bytes: record.size,
        created_at: record.created_at,
    });
    let view = CleanupView {
        dry_run: !confirm,
        days,
        files: files.collect(),
        trashed: cleaned.trashed,
        next_cursor,
    };
    respond::json(StatusCode::OK, &view)
}

/// `InvalidCursor` for whatever is not one of exactly this cleanup, or too old.
fn open(state: &State, text: &str, tenant: TenantId, days: u32) -> Result<Cursor> {
    let invalid = || Error::new(ErrorKind::InvalidCursor, "cursor");
    let opened = state.sealer.open(Kind::Cursor, text, state.clock.now());
    let cursor: Cursor = opened.map_err(|cause| invalid().with_cause(cause))?;
    if cursor.tenant == tenant && cursor.days == days { Ok(cursor) } else { Err(invalid()) }
}
