//! `GET /api/v1/health` says that this process runs; `GET /api/v1/health/ready` asks what it depends on.

mod checks;
#[cfg(feature = "openapi")]
pub mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::get;
use http::StatusCode;
use serde::Serialize;
use storage_core::Result;
use storage_lambda::config::Config;
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::wiring;

pub use checks::Checks;

/// What this function needs: something to ask, and how long it may take.
#[derive(Clone, FromRef)]
pub struct State {
    /// The configuration, for what the layer around the routes needs.
    pub config: Arc<Config>,
    /// The dependencies.
    pub checks: Arc<Checks>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, storage) = (wiring::ledger(&clients).await?, wiring::storage(&clients).await?);
        let checks = Checks::new(&config, ledger, storage);
        Ok(State { checks: Arc::new(checks), config })
    }
}

/// The routes. They answer whether or not storage is switched on.
pub fn router(state: State) -> Router {
    let settings = HttpSettings { enabled: true, ..HttpSettings::from(state.config.as_ref()) };
    let routes: Router<State> =
        Router::new().route("/api/v1/health", get(alive)).route("/api/v1/health/ready", get(ready));
    finish(routes, settings).with_state(state)
}

/// The answer of `GET /api/v1/health`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Alive {
    /// Always `ok`.
    status: &'static str,
}

async fn alive() -> ApiResult {
    respond::json(StatusCode::OK, &Alive { status: "ok" })
}

async fn ready(Shared(checks): Shared<Arc<Checks>>) -> ApiResult {
    let report = checks.report().await;
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    respond::json(status, &report)
}
