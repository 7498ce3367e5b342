//! Real function binaries as AWS Lambda runs them, on this machine.
//!
//! [`build`] compiles the functions, a [`Function`] is one process of one of them behind a runtime API, and a [`Sim`] is
//! the S3 and DynamoDB it talks to. What a test adds is what happens to them: a limit, a kill, a lost event.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test harness fails by panicking")]

mod binaries;
mod function;
mod request;
mod runtime;
mod sim;

pub use binaries::{Binaries, build};
pub use function::{Ended, Function, Killer, Limits, SECRETS};
pub use request::{Reply, Request};
pub use sim::Sim;
