//! The use cases: uploads, ingest, avatars, attachments, URL resolution, deletion, cleanup.
//!
//! A service decides; it never names a vendor, a status code or an environment variable. Every decision ends in one
//! conditional write, made by the pure state machine of `storage-core` and committed by [`ledger::Ledger`].

pub mod settings;
pub mod policy;
pub mod access;
pub mod tenants;
pub mod ledger;
pub mod uploads;
pub mod ingest;
pub mod resolve;
pub mod deletion;
pub mod sweep;

#[cfg(test)]
mod tests;
