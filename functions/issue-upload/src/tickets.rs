//! Tickets: the right to upload, sealed into a path, for uploaders that send neither headers nor cookies.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts, State as Shared};
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use storage_core::ids::{EntityId, PrincipalId, TenantId, TenantSlug};
use storage_core::key::Visibility;
use storage_core::ports::Clock;
use storage_core::record::Purpose;
use storage_core::tenant::{Scopes, TenantContext};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::auth::{Authenticator, Caller};
use storage_lambda::http::extract::{Nothing, PathParameters, StrictQuery};
use storage_lambda::http::json::OptionalJson;
use storage_lambda::http::{ApiError, ApiResult, RequestId, respond};
use storage_lambda::requests::visibility;
use storage_lambda::seal::{Kind, Sealer};
use storage_services::uploads::IssueRequest;
use storage_services::{access, policy};

use crate::State;

/// How long a ticket works where the request does not say, in seconds.
const USUAL_LIFE: u64 = 3600;
/// The longest life of a ticket in seconds: as long as an upload in parts may take.
const LONGEST_LIFE: u64 = 86_400;

/// What a ticket says. It carries no scope but the one that avatars of agents need.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ticket {
    tenant: TenantId,
    slug: Option<TenantSlug>,
    principal: PrincipalId,
    agent_write: bool,
    bounds: Bounds,
}

/// What uploads with a ticket are bound to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds {
    purpose: Option<Purpose>,
    entity: Option<EntityId>,
    scope: Option<String>,
    visibility: Option<Visibility>,
}

impl Bounds {
    /// Holds a request to the bounds: what it leaves open is filled in, what contradicts them is `Forbidden`.
    pub(crate) fn apply(&self, request: &mut IssueRequest, named: bool) -> Result<()> {
        let forbidden = || Error::new(ErrorKind::Forbidden, "the ticket is for something else");
        if let Some(purpose) = self.purpose {
            if named && request.purpose != purpose {
                return Err(forbidden());
            }
            request.purpose = purpose;
        }
        hold(&self.entity, &mut request.entity).map_err(|()| forbidden())?;
        hold(&self.scope, &mut request.scope).map_err(|()| forbidden())?;
        hold(&self.visibility, &mut request.visibility).map_err(|()| forbidden())
    }
}

fn hold<T: Clone + PartialEq>(bound: &Option<T>, asked: &mut Option<T>) -> Result<(), ()> {
    match (bound, &asked) {
        (Some(bound), Some(asked)) if bound != asked => Err(()),
        (Some(bound), _) => {
            *asked = Some(bound.clone());
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// The body of `POST /uploads/tickets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketRequest {
    /// What uploads are for; the uploader decides where it is absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::PurposeWord>))]
    purpose: Option<String>,
    /// Whose avatar.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Id>))]
    entity_id: Option<String>,
    /// The folder.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Scope>))]
    scope: Option<String>,
    /// Whether anyone may read what is uploaded.
    #[serde(default)]
    is_public: Option<bool>,
    /// The seconds it is to work, an hour where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, minimum = 1, maximum = 86_400))]
    expires_in: Option<serde_json::Value>,
}

/// A ticket.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TicketView {
    /// The base of the uploader's routes, with the ticket in it.
    companion_endpoint: String,
    /// The seconds it works.
    expires_in: u64,
    /// Until when it works.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::Time))]
    expires_at: Timestamp,
}

/// `POST /api/v1/uploads/tickets`.
pub(crate) async fn issue(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(_): StrictQuery<Nothing>,
    OptionalJson(body): OptionalJson<TicketRequest>,
) -> ApiResult {
    let body = body.unwrap_or_default();
    let invalid = |what: &str| Error::new(ErrorKind::InvalidRequest, what.to_owned());
    let purpose = match body.purpose.as_deref() {
        Some(word) => Some(Purpose::from_word(word).ok_or_else(|| invalid("purpose"))?),
        None => None,
    };
    let entity = body.entity_id.as_deref().map(EntityId::parse).transpose()?;
    if entity.is_some() && purpose.and_then(Purpose::entity_kind).is_none() {
        return Err(invalid("entity_id without the purpose of an avatar").into());
    }
    if let Some(purpose) = purpose.filter(|_| entity.is_some()) {
        access::may_issue(&context, purpose, entity)?;
    }
    let seconds = match body.expires_in {
        None => USUAL_LIFE,
        Some(value) => value
            .as_u64()
            .filter(|seconds| (1..=LONGEST_LIFE).contains(seconds))
            .ok_or_else(|| Error::new(ErrorKind::InvalidExpiry, "expires_in"))?,
    };
    let bounds = Bounds {
        purpose,
        entity,
        scope: body.scope.as_deref().map(policy::scope).transpose()?,
        visibility: body.is_public.map(visibility),
    };
    let ticket = Ticket {
        tenant: context.tenant,
        slug: context.slug.clone(),
        principal: context.principal.clone(),
        agent_write: context.scopes.agent_write,
        bounds,
    };
    let expires_at = state.clock.now() + Duration::from_secs(seconds);
    let text = state.sealer.seal(Kind::Ticket, &ticket, expires_at)?;
    let companion_endpoint = format!("{}/api/v1/u/{text}", state.public_base_url);
    let view = TicketView { companion_endpoint, expires_in: seconds, expires_at };
    respond::json(StatusCode::CREATED, &view)
}

/// Extracts who uploads: by the ticket in the path where the route has one, else by bearer token.
#[derive(Clone, Debug)]
pub(crate) struct Uploader {
    pub(crate) context: TenantContext,
    pub(crate) bounds: Bounds,
}

impl<S> FromRequestParts<S> for Uploader
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
    Arc<Sealer>: FromRef<S>,
    Arc<dyn Clock>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = PathParameters::from_request_parts(parts, state).await?;
        let Ok(ticket) = path.text("ticket") else {
            let Caller(context) = Caller::from_request_parts(parts, state).await?;
            return Ok(Uploader { context, bounds: Bounds::default() });
        };
        // Two ways to say who it is are one too many.
        if parts.headers.contains_key(AUTHORIZATION) {
            return Err(Error::new(ErrorKind::InvalidRequest, "a ticket and a token").into());
        }
        let (sealer, clock) = (Arc::<Sealer>::from_ref(state), Arc::<dyn Clock>::from_ref(state));
        let ticket: Ticket = sealer.open(Kind::Ticket, ticket, clock.now())?;
        let request_id = RequestId::from_request_parts(parts, state).await?;
        let context = TenantContext {
            tenant: ticket.tenant,
            slug: ticket.slug,
            principal: ticket.principal,
            scopes: Scopes { agent_write: ticket.agent_write, ..Scopes::default() },
            request_id: request_id.as_str().to_owned(),
        };
        Ok(Uploader { context, bounds: ticket.bounds })
    }
}
