//! From ids to URLs: avatars by entity, files by id, one by one and in batches. Reads only.

mod avatars;
mod files;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use storage_core::Result;
use storage_lambda::caller::Gate;
use storage_lambda::config::Config;
use storage_lambda::http::{HttpSettings, finish};
use storage_lambda::wiring;
use storage_services::resolve::Resolver;

/// What this function needs: records and a signer.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub gate: Arc<Gate>,
    /// Resolves.
    pub resolver: Resolver,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let ledger = wiring::ledger(&clients).await?;
        let signer = wiring::url_signer(&clients).await?;
        Ok(State {
            gate: wiring::gate(&config)?,
            resolver: Resolver::new(ledger, wiring::settings(&config), signer),
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/users/{id}/avatar", get(avatars::user))
        .route("/api/v1/agents/{id}/avatar", get(avatars::agent))
        .route("/api/v1/users/{id}/avatar/info", get(avatars::user_info))
        .route("/api/v1/agents/{id}/avatar/info", get(avatars::agent_info))
        .route("/api/v1/storage/avatars/{kind}/{id}/{file}", get(avatars::stable))
        .route("/api/v1/avatars/urls", post(avatars::batch))
        .route("/api/v1/files/{id}", get(files::record))
        .route("/api/v1/files/{id}/download", get(files::download))
        .route("/api/v1/download/{id}", get(files::download))
        .route("/api/v1/files/urls", post(files::batch));
    finish(routes, HttpSettings::from(state.gate.config.as_ref())).with_state(state)
}
