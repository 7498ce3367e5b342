//! `POST /api/v1/files/presigned-upload`: a record first, then a form that uploads straight to S3.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use axum::routing::post;
use axum::{Router, extract::FromRef};
use http::StatusCode;
use storage_core::Result;
use storage_core::ports::{Clock, PresignPost};
use storage_lambda::caller::{Caller, Gate};
use storage_lambda::config::Config;
use storage_lambda::http::error::ApiError;
use storage_lambda::http::extract::StrictJson;
use storage_lambda::http::respond;
use storage_lambda::requests::{Idempotent, PresignRequest};
use storage_lambda::views::IssuedView;
use storage_lambda::{routes, wiring};
use storage_services::uploads::Uploads;

/// What this function needs: the ledger, and a signer of forms.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub gate: Arc<Gate>,
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
            gate: wiring::gate(&config)?,
            uploads: Uploads::new(ledger.clone(), wiring::settings(&config)?, wiring::backend_name(&config)),
            presign: wiring::presign_post(&clients).await?,
            clock: ledger.clock,
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    routes::finish(Router::new().route("/api/v1/files/presigned-upload", post(issue)), &state.gate.clone()).with_state(state)
}

async fn issue(
    extract::State(state): extract::State<State>,
    Caller(context): Caller,
    idempotent: Idempotent,
    StrictJson(body): StrictJson<PresignRequest>,
) -> Result<Response, ApiError> {
    let idempotency = idempotent.over(&body);
    let request = body.into_issue()?;
    let issued = state.uploads.issue(&context, request, idempotency, state.presign.as_ref()).await?;
    Ok(respond::json(StatusCode::CREATED, &IssuedView::new(issued, state.clock.now())))
}
