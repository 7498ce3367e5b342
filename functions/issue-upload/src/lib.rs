//! Everything that lets a client upload: forms, uploads in parts, tickets, and the routes that browser uploaders speak. A
//! record comes first in each of them; the bytes go straight to S3.

mod companion;
mod form;
#[cfg(feature = "openapi")]
pub mod openapi;
mod raw;
mod tickets;
mod uppy;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use storage_core::Result;
use storage_core::ports::{Clock, PresignPost};
use storage_lambda::config::Config;
use storage_lambda::http::auth::Authenticator;
use storage_lambda::http::{HttpSettings, finish};
use storage_lambda::seal::Sealer;
use storage_lambda::wiring;
use storage_services::part_uploads::PartUploads;
use storage_services::uploads::Uploads;

/// What this function needs: the ledger, signers of forms and calls, and the storage's uploads in parts.
#[derive(Clone, FromRef)]
pub struct State {
    /// Lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// What surrounds the routes.
    pub http: HttpSettings,
    /// Issues by form.
    pub uploads: Uploads,
    /// Issues in parts.
    pub parts: PartUploads,
    /// Signs forms.
    pub presign: Arc<dyn PresignPost>,
    /// Seals tickets and the names of uploads.
    pub sealer: Arc<Sealer>,
    /// Tells what is left of a life.
    pub clock: Arc<dyn Clock>,
    /// The origin of the addresses that are handed out.
    pub public_base_url: Arc<str>,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let ledger = wiring::ledger(&clients).await?;
        let uploads = Uploads::new(ledger.clone(), wiring::settings(&config), wiring::backend_name(&config));
        let (storage, signer) =
            (wiring::storage_on_demand(&clients)?, wiring::presign_parts(&clients).await?);
        let queue = wiring::queue(&clients).await?;
        Ok(State {
            authenticator: wiring::authenticator(&config).await?,
            http: HttpSettings::from(config.as_ref()),
            parts: PartUploads::new(uploads.clone(), storage, signer, queue),
            uploads,
            presign: wiring::presign_post(&clients).await?,
            sealer: wiring::sealer(&clients).await?,
            clock: ledger.clock,
            public_base_url: config.delivery.public_base_url.as_deref().unwrap_or_default().into(),
        })
    }
}

/// The routes. Those of uploaders are there twice: with a bearer token, and with a ticket in the path.
pub fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/files/presigned-upload", post(form::issue))
        .route("/api/v1/uploads/tickets", post(tickets::issue))
        .route("/api/v1/s3/params", get(companion::params))
        .route("/api/v1/s3/multipart", post(companion::create))
        .route("/api/v1/s3/multipart/{upload_id}", get(companion::list).delete(companion::abort))
        .route("/api/v1/s3/multipart/{upload_id}/batch", get(companion::sign_batch))
        .route("/api/v1/s3/multipart/{upload_id}/complete", post(companion::complete))
        .route("/api/v1/s3/multipart/{upload_id}/{number}", get(companion::sign))
        .route("/api/v1/s3/sign", post(raw::sign))
        .route("/api/v1/u/{ticket}/s3/params", get(companion::params))
        .route("/api/v1/u/{ticket}/s3/multipart", post(companion::create))
        .route("/api/v1/u/{ticket}/s3/multipart/{upload_id}", get(companion::list).delete(companion::abort))
        .route("/api/v1/u/{ticket}/s3/multipart/{upload_id}/batch", get(companion::sign_batch))
        .route("/api/v1/u/{ticket}/s3/multipart/{upload_id}/complete", post(companion::complete))
        .route("/api/v1/u/{ticket}/s3/multipart/{upload_id}/{number}", get(companion::sign))
        .route("/api/v1/u/{ticket}/s3/sign", post(raw::sign));
    finish(routes, state.http.clone()).with_state(state)
}
