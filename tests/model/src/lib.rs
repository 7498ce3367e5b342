//! The states of a file as a table, written from `docs/ARCHITECTURE.md` and from nothing else.
//!
//! [`Model`] and [`TABLE`] share no code with `storage_core::state`, so a test that compares the two finds a mistake in
//! either. Reading order: the table, the model that interprets it, and the bridge to real records and events.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test kit fails by panicking")]

mod table;

mod model;

mod bridge;
mod invariants;

pub use bridge::{event, moment, observe, sample, start, unscanned, worker};
pub use invariants::check;
pub use model::{Lease, Model, Scan, Step};
pub use table::{Effect, Guard, Kind, Refusal, Row, TABLE};
