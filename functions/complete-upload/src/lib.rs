//! `POST /api/v1/files/{id}/complete`: ingests what was uploaded, at once and as often as it is asked.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::post;
use http::StatusCode;
use storage_core::ids::FileId;
use storage_core::ports::{IngestQueue, StagedObject, UrlSigner};
use storage_core::state::Actor;
use storage_core::{Error, ErrorKind, Result};
use storage_imaging::Imaging;
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Nothing, PathId, StrictQuery};
use storage_lambda::http::json::OptionalJson;
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::views::FileView;
use storage_lambda::wiring;
use storage_services::ingest::{Ingest, Outcome, Source, staging_object};
use storage_services::resolve::{Resolver, readable};

/// What this function needs: ingest, and a signer for the answer.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Ingests.
    pub ingest: Ingest,
    /// Reads records and resolves URLs.
    pub resolver: Resolver,
    /// Takes what is too large for a request.
    pub queue: Arc<dyn IngestQueue>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, settings) = (wiring::ledger(&clients).await?, wiring::settings(&config));
        let signer: Arc<dyn UrlSigner> = wiring::url_signer(&clients).await?;
        let storage = wiring::storage(&clients).await?;
        let scanner = wiring::scanner(&clients, &storage)?;
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            ingest: Ingest::new(ledger.clone(), storage, Arc::new(Imaging), settings.clone())
                .with_scanner(scanner),
            resolver: Resolver::new(ledger, settings, signer),
            queue: wiring::queue(&clients).await?,
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new().route("/api/v1/files/{id}/complete", post(complete));
    finish(routes, state.http.clone()).with_state(state)
}

async fn complete(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(_): OptionalJson<Nothing>,
) -> ApiResult {
    // Reading first: only whoever may change the file can start its ingest.
    state.resolver.file_to_change(&context, file).await?;
    let actor = Actor { name: context.principal.to_string(), request_id: Some(context.request_id.clone()) };
    match state.ingest.run(context.tenant, file, Source::Staging, &actor).await? {
        Outcome::Ready(record) => {
            let url = state.resolver.ready_url(&record, None, None).await?;
            let sizes = state.resolver.sizes(&record).await?;
            respond::json(StatusCode::OK, &FileView::new(&record, Some(url)).with_sizes(sizes))
        }
        Outcome::Deferred(record) => {
            if let Some(object) = staging_object(&record) {
                state.queue.enqueue(StagedObject { object }).await?;
            }
            respond::json(StatusCode::ACCEPTED, &FileView::new(&record, None))
        }
        Outcome::Busy(record) | Outcome::Scanning(record) => {
            respond::json(StatusCode::ACCEPTED, &FileView::new(&record, None))
        }
        Outcome::Failed(record) | Outcome::Quarantined(record) => {
            Err(readable(&record).err().unwrap_or(ErrorKind::Internal.into()).into())
        }
        Outcome::NotUploaded(_) => Err(Error::new(ErrorKind::UploadNotFound, "nothing on staging").into()),
        Outcome::Gone => Err(Error::new(ErrorKind::NotFound, "gone meanwhile").into()),
    }
}
