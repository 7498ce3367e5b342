//! Deleting avatars and files: the tombstone is committed before the answer, and nothing brings it back. What is only
//! in the trash can be restored.

mod files;
#[cfg(feature = "openapi")]
pub mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::{delete, post};
use storage_core::Result;
use storage_core::ids::EntityId;
use storage_core::key::EntityKind;
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Nothing, PathId, StrictQuery};
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::wiring;
use storage_services::deletion::Deletion;

/// What this function needs: the ledger, and the storage to remove bytes from.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Deletes and restores.
    pub deletion: Deletion,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, storage) = (wiring::ledger(&clients).await?, wiring::storage(&clients).await?);
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            deletion: Deletion::new(ledger, wiring::settings(&config), storage),
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/users/{id}/avatar", delete(user_avatar))
        .route("/api/v1/agents/{id}/avatar", delete(agent_avatar))
        .route("/api/v1/files/{id}", delete(files::delete))
        .route("/api/v1/delete/{id}", delete(files::delete))
        .route("/api/v1/files/delete", post(files::delete_many))
        .route("/api/v1/files/{id}/restore", post(files::restore));
    finish(routes, state.http.clone()).with_state(state)
}

async fn user_avatar(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(entity): PathId<EntityId>,
    StrictQuery(_): StrictQuery<Nothing>,
) -> ApiResult {
    state.deletion.delete_avatar(&context, EntityKind::Users, entity).await?;
    Ok(respond::no_content())
}

async fn agent_avatar(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(entity): PathId<EntityId>,
    StrictQuery(_): StrictQuery<Nothing>,
) -> ApiResult {
    state.deletion.delete_avatar(&context, EntityKind::Agents, entity).await?;
    Ok(respond::no_content())
}
