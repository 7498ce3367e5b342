//! `POST /api/v1/{users|agents}/{id}/avatar`, `POST /api/v1/files/upload` and its alias `/api/v1/upload`: a file of up to
//! 4 MB in the request itself, validated and stored before the answer. An avatar may also be asked for in JSON, which
//! issues a presigned upload.

mod form;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequest, Request, State as Shared};
use axum::routing::post;
use http::{Method, StatusCode};
use storage_core::ids::{EntityId, IdempotencyKey};
use storage_core::key::EntityKind;
use storage_core::ports::{Clock, PresignPost};
use storage_core::record::{FileRecord, FileState, Purpose};
use storage_core::state::Actor;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};
use storage_imaging::Imaging;
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Idempotency, Nothing, PathId, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, HttpSettings, finish, multipart, respond};
use storage_lambda::requests::{AvatarRequest, idempotency};
use storage_lambda::views::{FileView, IssuedView};
use storage_lambda::wiring;
use storage_services::access;
use storage_services::ingest::{Ingest, Outcome, Source};
use storage_services::resolve::{Resolver, readable};
use storage_services::settings::Settings;
use storage_services::uploads::Uploads;

use crate::form::Upload;

/// What this function needs: issuing, ingest, and signers for forms and for the answer.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Issues.
    pub uploads: Uploads,
    /// Ingests.
    pub ingest: Ingest,
    /// Resolves URLs.
    pub resolver: Resolver,
    /// Signs forms.
    pub presign: Arc<dyn PresignPost>,
    /// Tells what is left of a form's life.
    pub clock: Arc<dyn Clock>,
    /// The limits.
    pub settings: Arc<Settings>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, settings) = (wiring::ledger(&clients).await?, wiring::settings(&config));
        let (storage, signer) = (wiring::storage(&clients).await?, wiring::url_signer(&clients).await?);
        let scanner = wiring::scanner(&clients, &storage)?;
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            uploads: Uploads::new(ledger.clone(), settings.clone(), wiring::backend_name(&config)),
            ingest: Ingest::new(ledger.clone(), storage, Arc::new(Imaging), settings.clone())
                .with_scanner(scanner),
            resolver: Resolver::new(ledger.clone(), settings.clone(), signer),
            presign: wiring::presign_post(&clients).await?,
            clock: ledger.clock,
            settings,
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/users/{id}/avatar", post(user_avatar))
        .route("/api/v1/agents/{id}/avatar", post(agent_avatar))
        .route("/api/v1/files/upload", post(file))
        .route("/api/v1/upload", post(file));
    finish(routes, state.http.clone()).with_state(state)
}

async fn user_avatar(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(entity): PathId<EntityId>,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    request: Request,
) -> ApiResult {
    avatar(&state, &context, EntityKind::Users, entity, key, request).await
}

async fn agent_avatar(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(entity): PathId<EntityId>,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    request: Request,
) -> ApiResult {
    avatar(&state, &context, EntityKind::Agents, entity, key, request).await
}

async fn avatar(
    state: &State,
    context: &TenantContext,
    kind: EntityKind,
    entity: EntityId,
    key: Option<IdempotencyKey>,
    request: Request,
) -> ApiResult {
    access::may_write_avatar(context, kind, entity)?;
    let path = request.uri().path().to_owned();
    if multipart::is_form(request.headers()) {
        let upload = form::avatar(request, &state.settings, kind, entity).await?;
        return store(state, context, upload, &path, key).await;
    }
    let StrictJson(body) = StrictJson::<AvatarRequest>::from_request(request, state).await?;
    let idempotency = idempotency(key, &Method::POST, &path, &body)?;
    let issued = state
        .uploads
        .issue(context, body.into_issue(kind, entity)?, idempotency, state.presign.as_ref())
        .await?;
    respond::json(StatusCode::CREATED, &IssuedView::new(issued, state.clock.now()))
}

async fn file(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    request: Request,
) -> ApiResult {
    let path = request.uri().path().to_owned();
    let upload = form::file(request, &state.settings, &context).await?;
    store(&state, &context, upload, &path, key).await
}

/// The record, the ingest, the answer.
async fn store(
    state: &State,
    context: &TenantContext,
    upload: Upload,
    path: &str,
    key: Option<IdempotencyKey>,
) -> ApiResult {
    let idempotency = idempotency(key, &Method::POST, path, &upload.digest())?;
    let Upload { request, bytes, .. } = upload;
    let record = state.uploads.begin_direct(context, request, idempotency).await?;
    let record = match record.state {
        FileState::Pending | FileState::Processing => ingest(state, context, &record, bytes).await?,
        _ => record,
    };
    // What is scanned lies on staging, where others find it too: nobody has to hold the bytes any more.
    if record.scan.is_some() && matches!(record.state, FileState::Processing | FileState::Scanning) {
        return respond::json(StatusCode::ACCEPTED, &FileView::new(&record, None));
    }
    readable(&record)?;
    let url = state.resolver.ready_url(&record, None, None).await?;
    let sizes = state.resolver.sizes(&record).await?;
    respond::json(StatusCode::CREATED, &FileView::new(&record, Some(url)).with_sizes(sizes))
}

async fn ingest(
    state: &State,
    context: &TenantContext,
    record: &FileRecord,
    bytes: bytes::Bytes,
) -> Result<FileRecord> {
    let actor = Actor { name: context.principal.to_string(), request_id: Some(context.request_id.clone()) };
    match state.ingest.run(context.tenant, record.file_id, Source::Bytes(bytes), &actor).await? {
        Outcome::Ready(record)
        | Outcome::Failed(record)
        | Outcome::Scanning(record)
        | Outcome::Quarantined(record) => Ok(*record),
        Outcome::Busy(record) if record.scan.is_some() => Ok(*record),
        Outcome::Busy(_) => {
            Err(Error::new(ErrorKind::RequestInProgress, "the first request is still running"))
        }
        Outcome::Deferred(_) | Outcome::NotUploaded(_) => {
            Err(Error::new(ErrorKind::Internal, "a direct upload without bytes"))
        }
        // Only an avatar that lost to a newer one, or a deletion, ends here.
        Outcome::Gone => Err(Error::new(ErrorKind::StateConflict, "superseded or deleted meanwhile")),
    }
}

/// The purpose of files that are no avatars.
const ATTACHMENT: Purpose = Purpose::Attachment;
