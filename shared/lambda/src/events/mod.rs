//! Lambda events as hints: which staging objects may be waiting. Nothing in an event is believed but its keys' names.
//!
//! Producers are AWS and ourselves, so unknown, repeated and oddly typed members are tolerated, unlike in user JSON.

mod key;
mod parse;
mod response;
mod scan;
mod sequencer;
#[cfg(test)]
mod tests;

pub use parse::{Delivery, Hint, Poison, REENQUEUED, ScanResult, parse};
pub use response::BatchResponse;
pub use sequencer::Sequencer;
