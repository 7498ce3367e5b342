//! Changes of files that are ready: name, metadata and visibility, and copies, moves and claims of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State as Shared};
use axum::routing::{patch, post};
use http::{Method, StatusCode};
use serde::Serialize;
use storage_core::Result;
use storage_core::ids::{FileId, IdempotencyKey};
use storage_core::record::{FileRecord, FileState};
use storage_core::tenant::TenantContext;
use storage_lambda::config::Config;
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::conditional::Conditions;
use storage_lambda::http::extract::{Idempotency, Nothing, PathId, StrictQuery};
use storage_lambda::http::json::{OptionalJson, StrictJson};
use storage_lambda::http::{ApiResult, HttpSettings, finish, respond};
use storage_lambda::requests::{ClaimRequest, CopyFileRequest, MoveFileRequest, PatchRequest, idempotency};
use storage_lambda::views::{self, FileView};
use storage_lambda::wiring;
use storage_services::edits::Edits;
use storage_services::resolve::Resolver;
use storage_services::transfers::{TransferRequest, Transfers};

/// What this function needs: the ledger, the storage to copy in, and a signer for the answer.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Edits.
    pub edits: Edits,
    /// Copies, moves and claims.
    pub transfers: Transfers,
    /// Resolves the URL of what came of it.
    pub resolver: Resolver,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, storage) = (wiring::ledger(&clients).await?, wiring::storage(&clients).await?);
        let (settings, signer) = (wiring::settings(&config), wiring::url_signer(&clients).await?);
        let backend = wiring::backend_name(&config);
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            edits: Edits::new(ledger.clone(), settings.clone(), storage.clone()),
            transfers: Transfers::new(ledger.clone(), settings.clone(), storage, backend),
            resolver: Resolver::new(ledger, settings, signer),
        })
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/files/{id}", patch(edit))
        .route("/api/v1/files/{id}/copy", post(copy))
        .route("/api/v1/files/{id}/move", post(relocate))
        .route("/api/v1/files/{id}/claim", post(claim));
    finish(routes, state.http.clone()).with_state(state)
}

async fn edit(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    StrictQuery(_): StrictQuery<Nothing>,
    conditions: Conditions,
    StrictJson(body): StrictJson<PatchRequest>,
) -> ApiResult {
    let expected = |record: &FileRecord| conditions.check_match(&views::etag(record));
    let record = state.edits.edit(&context, file, body.into_edit()?, expected).await?;
    let view = view(&state, &record).await?;
    respond::json_with_etag(&view, &views::etag(&record))
}

async fn copy(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(body): OptionalJson<CopyFileRequest>,
) -> ApiResult {
    let body = body.unwrap_or_default();
    let asked = Asked { key, path: format!("/api/v1/files/{file}/copy"), body: &body };
    transfer(&state, &context, file, asked, body.clone().into_transfer()?, StatusCode::CREATED).await
}

async fn relocate(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(body): OptionalJson<MoveFileRequest>,
) -> ApiResult {
    let body = body.unwrap_or_default();
    let asked = Asked { key, path: format!("/api/v1/files/{file}/move"), body: &body };
    transfer(&state, &context, file, asked, body.clone().into_transfer()?, StatusCode::OK).await
}

async fn claim(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    PathId(file): PathId<FileId>,
    Idempotency(key): Idempotency,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(body): OptionalJson<ClaimRequest>,
) -> ApiResult {
    let body = body.unwrap_or_default();
    let asked = Asked { key, path: format!("/api/v1/files/{file}/claim"), body: &body };
    transfer(&state, &context, file, asked, body.clone().into_transfer()?, StatusCode::OK).await
}

/// A request as its `Idempotency-Key` knows it.
struct Asked<'a, T> {
    key: Option<IdempotencyKey>,
    path: String,
    body: &'a T,
}

async fn transfer<T: Serialize>(
    state: &State,
    context: &TenantContext,
    file: FileId,
    asked: Asked<'_, T>,
    request: TransferRequest,
    status: StatusCode,
) -> ApiResult {
    let idempotency = idempotency(asked.key, &Method::POST, &asked.path, asked.body)?;
    let record = state.transfers.transfer(context, file, request, idempotency).await?;
    respond::json(status, &view(state, &record).await?)
}

async fn view(state: &State, record: &FileRecord) -> Result<FileView> {
    let url = match record.state {
        FileState::Ready => Some(state.resolver.ready_url(record, None, None).await?),
        _ => None,
    };
    Ok(FileView::new(record, url))
}
