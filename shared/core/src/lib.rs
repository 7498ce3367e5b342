//! Ids, keys, records, errors and the ports that every other crate is written against.
//!
//! Nothing here does I/O, reads the environment or names a vendor. The trait documentation in [`ports`] is the
//! contract that the conformance suites of `storage-testkit` check, promise by promise.

pub mod error;
pub mod filename;
pub mod ids;
pub mod key;
pub mod outbox;
pub mod ports;
pub mod record;
pub mod safeguards;
pub mod state;
pub mod tenant;
pub mod timestamp;
pub mod usage;

pub use error::{Error, ErrorKind, Result};
