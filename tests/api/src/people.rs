//! Callers: tenants, users and services with real tokens.

use serde_json::{Value, json};
use storage_core::ids::{EntityId, TenantId};
use storage_core::ports::Clock;
use storage_testkit::jwt::Issuer;
use uuid::Uuid;

use crate::{EMAIL, TestApp, scanner};

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Person {
    /// Whose people they belong to.
    pub tenant: TenantId,
    /// Their id: the `sub` of the token.
    pub id: EntityId,
    /// The token.
    pub token: String,
}

impl TestApp {
    /// A new user of the app's tenant.
    pub fn user(&self) -> Person {
        self.person(self.tenant, &["user"])
    }

    /// A new principal of any tenant with these roles.
    pub fn person(&self, tenant: TenantId, roles: &[&str]) -> Person {
        let id = EntityId::from(Uuid::new_v4());
        Person { tenant, id, token: self.token(tenant, id, roles) }
    }

    /// An ordinary token that is good for an hour from now.
    pub fn token(&self, tenant: TenantId, id: EntityId, roles: &[&str]) -> String {
        let mut claims = self.claims(tenant, id);
        claims["roles"] = json!(roles);
        self.sign(&claims)
    }

    /// The claims of an ordinary user, for a test to change.
    pub fn claims(&self, tenant: TenantId, id: EntityId) -> Value {
        let mut claims = Issuer::claims(tenant, &id.to_string(), self.clock.now());
        claims["email"] = json!(EMAIL);
        claims
    }

    /// A properly signed token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let token = self.issuer.token(claims);
        scanner().token(&token);
        token
    }
}
