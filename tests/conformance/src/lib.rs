//! The servers that the conformance suites run against, and how their reports are told.
//!
//! In-process servers are always there. Others are named by the environment; see [`opted_in`].
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod aws;
mod dynamodb;
mod gateway;
mod opted_in;
mod s3s_fs;

use std::path::Path;

use storage_core::ids::BucketName;
use storage_local::LocalBackend;
use storage_testkit::conformance::backend::BackendFixture;
use storage_testkit::suite::{Outcome, Report};
use storage_testkit::trials::Trials;
use tempfile::TempDir;

pub use aws::{s3_on, signer_for};
pub use dynamodb::{dynoxide, opted_in_store};
pub use gateway::{gateway, gateway_on};
pub use opted_in::opted_in_s3;
pub use s3s_fs::{s3s_fs, s3s_fs_on};
pub use storage_testkit::loud::loudly;

/// A bucket of this name.
pub fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

/// A fixture of two buckets that the in-process servers all have.
pub fn fixture(server: &str) -> BackendFixture {
    BackendFixture::new(server, bucket("conformance-one"), bucket("conformance-other"))
}

/// The local backend in `root`, with the buckets of [`fixture`].
pub async fn local(root: &Path) -> LocalBackend {
    let backend = LocalBackend::open(root).unwrap();
    for name in ["conformance-one", "conformance-other"] {
        backend.create_bucket(&bucket(name)).await.unwrap();
    }
    backend
}

/// Tells each report: the counts and what was skipped in every run, all cases with `--nocapture`. Then fails, naming
/// every case that failed.
pub fn conclude(reports: &[Report]) {
    let mut failures = Vec::new();
    for report in reports {
        tell_all(report);
        let (passed, skipped, failed) = report.counts();
        loudly(&format!("{}: {passed} passed, {skipped} skipped, {failed} failed", report.server));
        for case in &report.cases {
            if let Outcome::Skipped(power) = case.outcome {
                loudly(&format!("  SKIPPED {}: {} lacks {power}", case.name, report.server));
            }
        }
        let failed = report.failures().into_iter();
        failures.extend(failed.map(|(name, message)| format!("  {} {name}: {message}", report.server)));
    }
    assert!(failures.is_empty(), "{} cases failed\n{}", failures.len(), failures.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the harness shows it where it is asked to")]
fn tell_all(report: &Report) {
    println!("{report}");
}

/// The seeds of `trials`, or the one in `STOWAGE_TEST_SEED`.
pub fn seeds(trials: &Trials) -> Vec<u64> {
    match opted_in::variable("STOWAGE_TEST_SEED") {
        Some(seed) => vec![seed.parse().expect("a number")],
        None => trials.seeds(),
    }
}

/// A directory for what need not outlive the machine: in memory where there is such a place, as answers do not depend on
/// what a disk has kept.
pub fn volatile_dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}
