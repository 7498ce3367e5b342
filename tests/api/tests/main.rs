//! The API, guarantee by guarantee. Each test names the one it proves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod admin;
mod administration;
mod anyone;
mod avatars;
mod bulk;
mod checksums;
mod deletion;
mod direct;
mod edit;
mod events;
mod finalisers;
mod formats;
mod idempotency;
mod large;
mod limits;
mod listing;
mod quotas;
mod replays;
mod restore;
mod scans;
mod told;
mod transfers;
mod verdicts;

mod codes;
mod fields;
mod foreign;
mod inputs;
mod json;
mod logs;
mod outages;
mod parts;
mod routing;
mod tenancy;
