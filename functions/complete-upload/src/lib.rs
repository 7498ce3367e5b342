//! `POST /api/v1/files/{id}/complete`: ingests what was uploaded, at once and as often as it is asked.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::response::Response;
use axum::routing::post;
use http::StatusCode;
use storage_core::ids::FileId;
use storage_core::ports::UrlSigner;
use storage_core::state::Actor;
use storage_core::{Error, ErrorKind, Result};
use storage_imaging::Imaging;
use storage_lambda::caller::{Caller, Gate};
use storage_lambda::config::Config;
use storage_lambda::http::error::ApiError;
use storage_lambda::http::extract::PathId;
use storage_lambda::http::respond;
use storage_lambda::views::FileView;
use storage_lambda::{routes, wiring};
use storage_services::ingest::{Ingest, Outcome, Source};
use storage_services::resolve::{Resolver, readable};

/// What this function needs: ingest, and a signer for the answer.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub gate: Arc<Gate>,
    /// Ingests.
    pub ingest: Ingest,
    /// Reads records and resolves URLs.
    pub resolver: Resolver,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, settings) = (wiring::ledger(&clients).await?, wiring::settings(&config));
        let signer: Arc<dyn UrlSigner> = wiring::url_signer(&clients).await?;
        let storage = wiring::storage(&clients).await?;
        Ok(State {
            gate: wiring::gate(&config)?,
            ingest: Ingest::new(ledger.clone(), storage, Arc::new(Imaging), settings.clone()),
            resolver: Resolver::new(ledger, settings, signer),
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new().route("/api/v1/files/{id}/complete", post(complete));
    routes::finish(routes, &state.gate).with_state(state)
}

async fn complete(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
) -> Result<Response, ApiError> {
    // Reading first: only whoever may see the file can start its ingest.
    state.resolver.file(&context, file).await?;
    let actor = Actor { name: context.principal.to_string(), request_id: Some(context.request_id.clone()) };
    match state.ingest.run(context.tenant, file, Source::Staging, &actor).await? {
        Outcome::Ready(record) => {
            let url = state.resolver.ready_url(&record, None, None).await?;
            Ok(respond::json(StatusCode::OK, &FileView::new(&record, Some(url))))
        }
        Outcome::Busy(record) => Ok(respond::json(StatusCode::ACCEPTED, &FileView::new(&record, None))),
        Outcome::Failed(record) => Err(readable(&record).err().unwrap_or(ErrorKind::Internal.into()).into()),
        Outcome::NotUploaded(_) => Err(Error::new(ErrorKind::UploadNotFound, "nothing on staging").into()),
        Outcome::Gone => Err(Error::new(ErrorKind::NotFound, "gone meanwhile").into()),
    }
}
