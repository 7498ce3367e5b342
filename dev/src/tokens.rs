//! Bearer tokens of a run: for a user, an administrator, a service, and a user of another tenant.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::keys::Keys;
use crate::{Outcome, during};

/// The issuer of development tokens.
pub(crate) const ISSUER: &str = "stowage-dev";
/// Their audience.
pub(crate) const AUDIENCE: &str = "stowage";
/// The tenants' labels.
pub(crate) const SLUG: &str = "acme";
/// That of the other tenant.
pub(crate) const OTHER_SLUG: &str = "globex";
/// Tokens are made anew by every run.
const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The `tokens` of `.local/dev.json`.
pub(crate) fn make(keys: &Keys) -> Outcome<Value> {
    let own = (&keys.tenant, SLUG);
    let sign = |subject: String, tenant: Option<(&uuid::Uuid, &str)>, scope: &str| -> Outcome<String> {
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": seconds(), "exp": seconds() + LIFE.as_secs(),
        });
        if let Some((uuid, slug)) = tenant {
            claims["tenant_uuid"] = json!(uuid);
            claims["tenant_slug"] = json!(slug);
        }
        if !scope.is_empty() {
            claims["scope"] = json!(scope);
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(keys.token_key_id.clone());
        during(
            "cannot sign a token",
            encode(&header, &claims, &EncodingKey::from_ec_der(&keys.token_pkcs8()?)),
        )
    };
    Ok(json!({
        "user": sign(keys.user.to_string(), Some(own), "")?,
        "admin": sign("admin".to_owned(), Some(own), "storage:admin agent:write")?,
        "service": sign("service".to_owned(), None, "storage:service")?,
        "other_tenant_user": sign(keys.other_user.to_string(), Some((&keys.other_tenant, OTHER_SLUG)), "")?,
    }))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
