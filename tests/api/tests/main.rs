//! The API, guarantee by guarantee. Each test names the one it proves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod avatars;
mod anyone;
mod direct;
mod limits;
mod finalisers;
mod verdicts;
mod events;
mod deletion;
mod idempotency;

mod routing;
mod json;
mod fields;
mod names;
mod tenancy;
mod foreign;
mod outages;
mod codes;
