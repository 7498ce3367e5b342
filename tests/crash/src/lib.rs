//! Every flow, killed at every call it makes, and what is left when the sweep has passed.
//!
//! [`world`] is a system without a network, [`process`] one invocation that may die, [`flows`] what it does. [`golden`]
//! lists the calls of each flow; [`run`] kills it at one of them, lets retries, events and sweeps pass on a virtual
//! clock, and [`audit`] says what is wrong afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod process;
pub mod world;

pub mod flows;
pub mod golden;

pub mod audit;
pub mod run;
pub mod watch;
