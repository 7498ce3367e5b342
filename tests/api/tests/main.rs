//! The API, guarantee by guarantee.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

