//! A campaign: seeded faults on real function binaries, and what may never come of them.
//!
//! Each trial is a fresh S3 and DynamoDB, a story of clients and functions, and a fault somewhere in it: a process dies at
//! one of its calls, a call is late, a reply is lost, an event comes twice or never, other bytes arrive. Then time passes,
//! the sweep runs, and the [`oracle`] looks at everything there is.
//!
//! Reading order: the story, what it is told with, what is checked at its end, and the stack it runs on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test kit fails by panicking")]

mod content;
mod story;
mod trial;

mod heal;
mod oracle;

mod plan;
mod proxy;
mod stack;

pub mod findings;
pub mod report;

pub use findings::{Finding, Kind, Tally};
pub use stack::Stack;
pub use story::play;
