//! What a verified token says, and the claims that must be right before it is believed.

use serde_json::{Map, Value};
use storage_core::ids::{PrincipalId, TenantId, TenantSlug};
use storage_core::tenant::Scopes;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::jws::refused;
use crate::http::json;

/// How far the issuer's clock may be off, in seconds.
const LEEWAY: i64 = 30;
/// The last second of the year 9999.
const LATEST: i64 = 253_402_300_799;

/// What a token says about its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantClaim {
    /// Nothing.
    Absent,
    /// Something that is no tenant, or a slug that is none.
    Malformed,
    /// Two different things.
    Contradictory,
    /// This tenant.
    Named(TenantId),
}

/// A principal whose token has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub principal: PrincipalId,
    /// What it may do.
    pub scopes: Scopes,
    /// For whom.
    pub tenant: TenantClaim,
    /// The label the token gives the tenant; the caller compares it with the mapping record.
    pub slug: Option<TenantSlug>,
    /// The request it came with.
    pub request_id: String,
}

/// Whom a token must be from and for.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) audience: String,
}

/// Reads the payload of a token whose signature is right.
pub(super) fn read(
    payload: &[u8],
    expected: &Expected,
    request_id: &str,
    now: Timestamp,
) -> Result<Verified> {
    json::check(payload).map_err(|_| refused("claims are no strict JSON object"))?;
    let claims: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| refused("claims"))?;

    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer.as_str()) {
        return Err(refused("iss"));
    }
    let audience = expected.audience.as_str();
    let for_us = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    };
    if !for_us {
        return Err(refused("aud"));
    }
    let subject = claims.get("sub").and_then(Value::as_str).ok_or_else(|| refused("sub"))?;
    let principal = PrincipalId::parse(subject)?;

    let now = now.as_seconds();
    for name in ["nbf", "iat"] {
        if seconds(&claims, name)?.is_some_and(|from| from > now + LEEWAY) {
            return Err(refused(name));
        }
    }
    let expires = seconds(&claims, "exp")?.ok_or_else(|| refused("exp"))?;
    if now >= expires + LEEWAY {
        return Err(Error::new(ErrorKind::TokenExpired, "token"));
    }
    let (tenant, slug) = tenant(&claims);
    Ok(Verified { principal, scopes: scopes(&claims), tenant, slug, request_id: request_id.to_owned() })
}

/// A point in time: a JSON integer from 0 to the year 9999.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_i64().filter(|number| (0..=LATEST).contains(number));
            number.map(Some).ok_or_else(|| refused(name))
        }
    }
}

/// Scopes from the space-separated `scope` and from `roles`. Anything of another shape grants nothing.
fn scopes(claims: &Map<String, Value>) -> Scopes {
    let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    let roles = claims.get("roles").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let granted: Vec<&str> = scope.split(' ').chain(roles.iter().filter_map(Value::as_str)).collect();
    Scopes {
        agent_write: granted.contains(&"agent:write"),
        admin: granted.contains(&"storage:admin"),
        service: granted.contains(&"storage:service"),
    }
}

/// The tenant at the top level or under `metadata`, where some issuers put what they do not know.
fn tenant(claims: &Map<String, Value>) -> (TenantClaim, Option<TenantSlug>) {
    let nested = claims.get("metadata").and_then(Value::as_object);
    let values = |name: &str| {
        let both = [claims.get(name), nested.and_then(|nested| nested.get(name))];
        both.into_iter().flatten().filter(|value| !value.is_null()).collect::<Vec<_>>()
    };
    let ids: Option<Vec<TenantId>> =
        values("tenant_uuid").into_iter().map(|value| TenantId::parse(value.as_str()?).ok()).collect();
    let slugs: Option<Vec<TenantSlug>> =
        values("tenant_slug").into_iter().map(|value| TenantSlug::parse(value.as_str()?).ok()).collect();
    let (Some(ids), Some(slugs)) = (ids, slugs) else { return (TenantClaim::Malformed, None) };
    let agree =
        ids.windows(2).all(|pair| pair[0] == pair[1]) && slugs.windows(2).all(|pair| pair[0] == pair[1]);
    if !agree {
        return (TenantClaim::Contradictory, None);
    }
    let claim = ids.first().map_or(TenantClaim::Absent, |tenant| TenantClaim::Named(*tenant));
    (claim, slugs.into_iter().next())
}
