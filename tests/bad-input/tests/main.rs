//! One runner for each kind of bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

