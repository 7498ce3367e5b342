//! Every flow, killed at every call it makes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod deletions;
mod golden;
mod kills;
mod twice;
