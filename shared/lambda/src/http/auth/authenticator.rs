//! From the headers of a request to a verified principal, and to the context services take.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use storage_core::Result;
use storage_core::ports::Clock;
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;

use super::claims::{self, Expected, Verified};
use super::jwk::KeySet;
use super::jws::{Jws, refused};
use super::key_store::{FetchJwks, KeyStore};
use super::tenant::{TENANT_HEADER, tenant_context};
use crate::config::{AuthConfig, TenancyConfig};
use crate::http::error::ApiError;
use crate::http::extract::text_header;
use crate::http::request_id::RequestId;

/// Checks bearer tokens.
#[derive(Debug)]
pub struct Authenticator {
    expected: Expected,
    keys: KeyStore,
    tenancy: TenancyConfig,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Believes the configured keys and those of `source`, which reads the configured URL.
    pub fn new(
        auth: &AuthConfig,
        tenancy: &TenancyConfig,
        source: Option<Arc<dyn FetchJwks>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut configured = KeySet::default();
        if let Some(jwks) = &auth.jwks {
            configured = configured.and(KeySet::parse(jwks.as_bytes())?);
        }
        if let Some(jwk) = &auth.dev_key {
            configured = configured.and(KeySet::parse_dev_key(jwk)?);
        }
        Ok(Authenticator {
            expected: Expected { issuer: auth.issuer.clone(), audience: auth.audience.clone() },
            keys: KeyStore::new(configured, source),
            tenancy: tenancy.clone(),
            clock,
        })
    }

    /// Fetches the issuer's keys, where they are published, before the first token needs them.
    ///
    /// It cannot fail: keys that are not to be had now are asked for again by the first token.
    pub async fn warm(&self) {
        self.keys.warm(self.clock.now()).await;
    }

    /// Checks the bearer token of a request at `now`.
    ///
    /// `Unauthenticated` for whatever is wrong with it, `TokenExpired` where only its time is over, `Internal` where the
    /// issuer's keys are not to be had.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Verified> {
        let token = Jws::parse(bearer(headers)?)?;
        let key = self.keys.find(token.kid(), now).await?;
        claims::read(&token.verify(&key)?, &self.expected, request_id, now)
    }

    /// The context of a verified principal; see [`tenant_context`].
    pub fn tenant_context(&self, verified: &Verified, headers: &HeaderMap) -> Result<TenantContext> {
        tenant_context(verified, text_header(headers, TENANT_HEADER)?, &self.tenancy)
    }

    /// The clock tokens are judged by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

/// The token of `Authorization: Bearer`. The scheme is read in any case, the rest exactly.
fn bearer(headers: &HeaderMap) -> Result<&str> {
    let value = text_header(headers, AUTHORIZATION.as_str())?.ok_or_else(|| refused("none"))?;
    let (scheme, token) = value.split_once(' ').ok_or_else(|| refused("scheme"))?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(refused("scheme"));
    }
    Ok(token)
}

/// Extracts a verified principal, whether or not it has a tenant.
#[derive(Clone, Debug)]
pub struct Principal(pub Verified);

impl<S> FromRequestParts<S> for Principal
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let authenticator = Arc::<Authenticator>::from_ref(state);
        let request_id = RequestId::from_request_parts(parts, state).await?;
        let now = authenticator.clock.now();
        Ok(Principal(authenticator.authenticate(&parts.headers, request_id.as_str(), now).await?))
    }
}

/// Extracts whom a request acts for. A handler that takes it cannot be reached without a valid token and a tenant.
#[derive(Clone, Debug)]
pub struct Caller(pub TenantContext);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Principal(verified) = Principal::from_request_parts(parts, state).await?;
        let authenticator = Arc::<Authenticator>::from_ref(state);
        Ok(Caller(authenticator.tenant_context(&verified, &parts.headers)?))
    }
}
