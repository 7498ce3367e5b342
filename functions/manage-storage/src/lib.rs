//! What administrators of a tenant ask and do: the history of a file, and what the tenant stores.

#[cfg(feature = "openapi")]
pub mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use storage_core::Result;
use storage_core::ids::FileId;
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Nothing, StrictQuery};
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::views::{AuditView, UsageView};
use storage_lambda::wiring;
use storage_services::admin::Administration;

/// What this function needs: the ledger.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Answers.
    pub administration: Administration,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let ledger = wiring::ledger(&clients).await?;
        Ok(State {
            authenticator: wiring::authenticator(&config)?,
            http: HttpSettings::from(config.as_ref()),
            administration: Administration::new(ledger, wiring::settings(&config)),
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes =
        Router::new().route("/api/v1/admin/audit", get(audit)).route("/api/v1/admin/usage", get(usage));
    finish(routes, state.http.clone()).with_state(state)
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Whose history.
    #[cfg_attr(feature = "openapi", param(value_type = storage_lambda::openapi::Id))]
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
