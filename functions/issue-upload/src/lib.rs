//! `POST /api/v1/files/presigned-upload`: a record first, then a form that uploads straight to S3.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::post;
use http::{Method, StatusCode};
use storage_core::Result;
use storage_core::ports::{Clock, PresignPost};
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Idempotency, Nothing, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::requests::{PresignRequest, idempotency};
use storage_lambda::views::IssuedView;
use storage_lambda::wiring;
use storage_services::uploads::Uploads;

/// What this function needs: the ledger, and a signer of forms.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Issues.
    pub uploads: Uploads,
    /// Signs forms.
    pub presign: Arc<dyn PresignPost>,
    /// Tells what is left of a form's life.
    pub clock: Arc<dyn Clock>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let ledger = wiring::ledger(&clients).await?;
        Ok(State {
            authenticator: wiring::authenticator(&config)?,
            http: HttpSettings::from(config.as_ref()),
            uploads: Uploads::new(ledger.clone(), wiring::settings(&config), wiring::backend_name(&config)),
            presign: wiring::presign_post(&clients).await?,
            clock: ledger.clock,
        })
    }
}

/// The route.
const ROUTE: &str = "/api/v1/files/presigned-upload";

/// The routes.
pub fn router(state: State) -> Router {
    finish(Router::new().route(ROUTE, post(issue)), state.http.clone()).with_state(state)
}

async fn issue(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    StrictJson(body): StrictJson<PresignRequest>,
) -> ApiResult {
    let idempotency = idempotency(key, &Method::POST, ROUTE, &body)?;
    let issued =
        state.uploads.issue(&context, body.into_issue()?, idempotency, state.presign.as_ref()).await?;
    respond::json(StatusCode::CREATED, &IssuedView::new(issued, state.clock.now()))
}
