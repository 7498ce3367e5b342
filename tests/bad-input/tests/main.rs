//! One runner for each kind of bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod content;
mod corpus;
mod images;
mod table;
mod uploads;

mod cloud;
mod events;
mod keys;
mod local;
mod names;
mod urls;

/// Says past the test harness that a case did not run, and why.
fn skip(id: &str, why: &str) {
    storage_testkit::loud::loudly(&format!("SKIPPED {id}: {why}"));
}
