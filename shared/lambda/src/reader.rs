//! The one exception to "no answer without a token": a public avatar, for an `<img>` that sends no header.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use storage_core::ids::TenantId;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind};
use storage_services::resolve::Reader;

use crate::http::ApiError;
use crate::http::auth::{Authenticator, Caller};
use crate::http::extract::QueryPairs;

/// Extracts who asks for an avatar: a verified caller, or anyone who names the tenant in the query.
#[derive(Clone, Debug)]
pub enum AvatarReader {
    /// A verified caller. A tenant in the query must be its own.
    Caller(TenantContext),
    /// Anyone, of this tenant's public avatars.
    Anyone(TenantId),
}

impl AvatarReader {
    /// The tenant whose avatars are asked for.
    pub fn tenant(&self) -> TenantId {
        match self {
            AvatarReader::Caller(context) => context.tenant,
            AvatarReader::Anyone(tenant) => *tenant,
        }
    }

    /// The reader as the service takes it.
    pub fn as_reader(&self) -> Reader<'_> {
        match self {
            AvatarReader::Caller(context) => Reader::Caller(context),
            AvatarReader::Anyone(tenant) => Reader::Anyone(*tenant),
        }
    }
}

impl<S> FromRequestParts<S> for AvatarReader
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = QueryPairs::from_request_parts(parts, state).await?;
        let named = query.get("tenant").map(TenantId::parse).transpose()?;
        // A token that is sent is judged: a bad one never becomes an anonymous request.
        if !parts.headers.contains_key(AUTHORIZATION) {
            return match named {
                Some(tenant) => Ok(AvatarReader::Anyone(tenant)),
                None => Err(Error::new(ErrorKind::Unauthenticated, "neither token nor tenant").into()),
            };
        }
        let Caller(context) = Caller::from_request_parts(parts, state).await?;
        if named.is_some_and(|tenant| tenant != context.tenant) {
            return Err(Error::new(ErrorKind::TenantMismatch, "tenant of the query").into());
        }
        Ok(AvatarReader::Caller(context))
    }
}
