//! Bearer tokens: from a header to a [`storage_core::tenant::TenantContext`], by one path in every function.

mod authenticator;
mod claims;
mod jwk;
mod jws;
mod key_store;
mod tenant;
#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, Caller, Principal};
pub use claims::{TenantClaim, Verified};
pub use jwk::KeySet;
pub use key_store::{FetchJwks, KeyStore};
pub use tenant::{TENANT_HEADER, tenant_context, unassigned_context};
