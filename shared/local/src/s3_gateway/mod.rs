//! An S3 server over the local backend: what browsers and S3 clients talk to in development and in tests.
//!
//! `s3s` checks signatures (headers, presigned URLs, POST policies) and speaks the protocol; the modules here translate
//! to the backend, answer CORS, and tell an [`EventRelay`] what was created under the staging prefix. Bodies stream in
//! both directions, but for form posts, which `s3s` collects in memory up to 100 MB.

mod body;
mod checksum;
mod conditions;
mod copies;
mod cors;
mod credentials;
mod event;
mod invoke;
mod listing;
mod objects;
mod range;
mod server;
mod service;
mod signed_url;
mod translate;
mod uploads;

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::LocalBackend;

pub use self::cors::AllowedOrigins;
pub use self::event::{ChannelRelay, EventRelay, ObjectCreated};
pub use self::invoke::{HttpRelay, InvokeQueue};
pub use self::server::serve;

/// The largest file of a form post, which is held in memory: the most a presigned form is issued for.
const MAX_FORM_FILE: u64 = 100 * 1024 * 1024;

/// How old a form post may be, and how far a client's clock may be off. `s3s` has one limit for both, 15 minutes; on S3
/// a form lives as long as its policy, and uploads wait in queues for longer than that.
const MAX_AGE_SECONDS: u32 = 60 * 60;

const NOSNIFF: (HeaderName, HeaderValue) =
    (http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The S3 server, ready to be [served](serve). Clones share everything.
#[derive(Clone)]
pub struct Gateway {
    service: S3Service,
    origins: Arc<AllowedOrigins>,
}

/// Collects what a [`Gateway`] needs.
pub struct GatewayBuilder {
    backend: LocalBackend,
    auth: SimpleAuth,
    origins: AllowedOrigins,
    relay: Option<Arc<dyn EventRelay>>,
}

impl Gateway {
    /// A gateway to `backend`. Without credentials it refuses every request.
    pub fn builder(backend: LocalBackend) -> GatewayBuilder {
        GatewayBuilder { backend, auth: SimpleAuth::new(), origins: AllowedOrigins::default(), relay: None }
    }

    /// Answers one request. Every answer has a request id and `X-Content-Type-Options: nosniff`.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<s3s::Body> {
        let origin = request.headers().get(http::header::ORIGIN).cloned();
        let mut response = match cors::preflight(&self.origins, &request) {
            Some(response) => response.map(|()| s3s::Body::empty()),
            None => self.answer(request).await,
        };
        let headers = response.headers_mut();
        if let Some(origin) = origin {
            cors::allow(&self.origins, &origin, headers);
        }
        add_common(headers);
        response
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<s3s::Body> {
        range::ignore_unusable(&mut request);
        let answered = match signed_url::refusal(request.uri().query()) {
            Some(refusal) => refusal.map_err(s3s::StdError::from),
            None => self.service.call(request.map(s3s::Body::from)).await.map_err(s3s::StdError::from),
        };
        answered.unwrap_or_else(|error| {
            tracing::error!(%error, "the answer could not be written");
            let mut response = Response::new(s3s::Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

fn add_common(headers: &mut HeaderMap) {
    let (name, value) = NOSNIFF;
    headers.insert(name, value);
    let id = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
}

impl GatewayBuilder {
    /// Accepts requests signed with this key. Every key may do everything.
    #[must_use]
    pub fn credentials(mut self, access_key: &str, secret_key: &str) -> Self {
        self.auth.register(access_key.to_owned(), secret_key.to_owned().into());
        self
    }

    /// Which origins browsers may call from; none without this.
    #[must_use]
    pub fn cors(mut self, origins: AllowedOrigins) -> Self {
        self.origins = origins;
        self
    }

    /// Who learns of objects created under the staging prefix; nobody without this.
    #[must_use]
    pub fn relay(mut self, relay: Arc<dyn EventRelay>) -> Self {
        self.relay = Some(relay);
        self
    }

    /// The gateway.
    pub fn build(self) -> Gateway {
        let mut config = S3Config::default();
        config.post_object_max_file_size = MAX_FORM_FILE;
        config.presigned_url_max_skew_time_secs = MAX_AGE_SECONDS;
        let events = event::Events::new(self.relay);
        let mut builder = S3ServiceBuilder::new(service::Service { backend: self.backend, events });
        builder.set_auth(credentials::Credentials(self.auth));
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Gateway { service: builder.build(), origins: Arc::new(self.origins) }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl fmt::Debug for GatewayBuilder {
    /// Without the credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GatewayBuilder").field("origins", &self.origins).finish_non_exhaustive()
    }
}
