//! What administrators of a tenant ask and do: the history of a file, what the tenant stores, its old files, and files in
//! quarantine.

mod cleanup;

#[cfg(feature = "openapi")]
pub mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use storage_core::Result;
use storage_core::ids::FileId;
use storage_core::ports::Clock;
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Nothing, PathId, StrictQuery};
use storage_lambda::http::json::OptionalJson;
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::seal::Sealer;
use storage_lambda::views::{AuditView, FileView, UsageView};
use storage_lambda::wiring;
use storage_services::admin::Administration;
use storage_services::cleanup::Cleanup;
use storage_services::quarantine::Quarantine;

/// What this function needs: the ledger, the storage that files go to quarantine in, and the queue that wakes ingest.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Answers.
    pub administration: Administration,
    /// Cleans up.
    pub cleanup: Cleanup,
    /// Releases.
    pub quarantine: Quarantine,
    /// Seals cursors.
    pub sealer: Arc<Sealer>,
    /// Tells what is old.
    pub clock: Arc<dyn Clock>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, settings) = (wiring::ledger(&clients).await?, wiring::settings(&config));
        let (storage, queue) = (wiring::storage_on_demand(&clients)?, wiring::queue(&clients).await?);
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            administration: Administration::new(ledger.clone(), settings.clone()),
            cleanup: Cleanup::new(ledger.clone(), settings.clone(), storage.clone()),
            sealer: wiring::sealer(&clients).await?,
            clock: ledger.clock.clone(),
            quarantine: Quarantine::new(ledger, settings, storage, queue),
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/admin/audit", get(audit))
        .route("/api/v1/admin/usage", get(usage))
        .route("/api/v1/admin/files/{id}/release", post(release))
        .route("/api/v1/cleanup", post(cleanup::run));
    finish(routes, state.http.clone()).with_state(state)
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Whose history.
    #[cfg_attr(feature = "openapi", param(value_type = storage_lambda::openapi::FileId))]
    file_id: String,
}

async fn audit(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> ApiResult {
    let entries = state.administration.audit_trail(&context, FileId::parse(&query.file_id)?).await?;
    respond::json(StatusCode::OK, &AuditView::new(entries))
}

async fn usage(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(_): StrictQuery<Nothing>,
) -> ApiResult {
    let report = state.administration.usage(&context).await?;
    respond::json(StatusCode::OK, &UsageView::new(&report))
}

/// Lets a file out of quarantine; it is readable when it has been ingested.
async fn release(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(_): OptionalJson<Nothing>,
) -> ApiResult {
    let record = state.quarantine.release(&context, file).await?;
    respond::json(StatusCode::ACCEPTED, &FileView::new(&record, None))
}
