//! The use cases: uploads, ingest, avatars, attachments, URL resolution, deletion, cleanup.
//!
//! A service decides; it never names a vendor, a status code or an environment variable. Every decision ends in one
//! conditional write, made by the pure state machine of `storage-core` and committed by [`ledger::Ledger`].

pub mod access;
pub mod admin;
pub mod cleanup;
mod copying;
pub mod deletion;
pub mod edits;
pub mod encoding;
mod idempotency;
pub mod ingest;
pub mod ledger;
pub mod listing;
pub mod part_uploads;
pub mod policy;
pub mod quarantine;
pub mod quota;
pub mod recount;
pub mod resolve;
pub mod scan;
pub mod settings;
pub mod sweep;
pub mod tenants;
pub mod transfers;
pub mod uploads;

#[cfg(test)]
mod tests;
