//! HTTP as every function speaks it. Only this module knows status codes, header rules and the shape of an error.

pub mod auth;
pub mod conditional;
pub mod cors;
pub mod error;
pub mod extract;
pub mod json;
pub mod multipart;
pub mod request_id;
pub mod respond;

mod body;
mod guard;
mod layer;
#[cfg(test)]
mod tests;

pub use error::{ApiError, ApiResult};
pub use layer::{HttpSettings, finish};
pub use request_id::RequestId;
