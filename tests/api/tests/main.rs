//! The API, guarantee by guarantee. Each test names the one it proves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod admin;
mod anyone;
mod avatars;
mod deletion;
mod direct;
mod events;
mod finalisers;
mod formats;
mod idempotency;
mod limits;
mod replays;
mod verdicts;

mod codes;
mod fields;
mod foreign;
mod json;
mod logs;
mod outages;
mod routing;
mod tenancy;
