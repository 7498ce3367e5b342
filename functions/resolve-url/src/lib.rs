//! From ids to URLs: avatars by entity, files by id, one by one, in batches and in listings. Reads only.

mod avatars;
mod fallback;
mod files;
mod initials;
mod listing;
mod negotiation;
#[cfg(feature = "openapi")]
pub mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use storage_core::Result;
use storage_core::ports::Clock;
use storage_lambda::config::Config;
use storage_lambda::http::auth::Authenticator;
use storage_lambda::http::{HttpSettings, finish};
use storage_lambda::seal::Sealer;
use storage_lambda::wiring;
use storage_services::listing::Listing;
use storage_services::resolve::Resolver;

/// What this function needs: records and a signer.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Resolves.
    pub resolver: Resolver,
    /// Lists.
    pub listing: Listing,
    /// Seals the cursors of listings.
    pub sealer: Arc<Sealer>,
    /// Tells when a cursor ends.
    pub clock: Arc<dyn Clock>,
    /// The origin of stable URLs.
    pub public_base_url: Arc<str>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let ledger = wiring::ledger(&clients).await?;
        let settings = wiring::settings(&config);
        let signer = wiring::url_signer(&clients).await?;
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            listing: Listing::new(ledger.clone(), settings.clone()),
            sealer: wiring::sealer(&clients).await?,
            clock: ledger.clock.clone(),
            resolver: Resolver::new(ledger, settings, signer),
            public_base_url: config.delivery.public_base_url.as_deref().unwrap_or_default().into(),
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
        .route("/api/v1/files", get(listing::list))
        .route("/api/v1/files/{id}", get(files::record))
        .route("/api/v1/files/{id}/download", get(files::download))
        .route("/api/v1/download/{id}", get(files::download))
        .route("/api/v1/files/urls", post(files::batch));
    finish(routes, state.http.clone()).with_state(state)
}
