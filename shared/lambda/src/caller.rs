//! The only way from a request to a service: a verified caller, or the one anonymous exception.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use storage_core::ids::TenantId;
use storage_core::ports::Clock;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind};

use crate::config::Config;
use crate::http::auth::Authenticator;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;

/// What every HTTP function needs to let a caller in.
#[derive(Debug)]
pub struct Gate {
    /// Verifies tokens.
    pub authenticator: Authenticator,
    /// The tenancy settings.
    pub config: Arc<Config>,
    /// The time tokens are judged by.
    pub clock: Arc<dyn Clock>,
}
