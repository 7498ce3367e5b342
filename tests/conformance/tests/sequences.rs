//! The same random sequence of operations gives the same answers on disk, over S3 and on the reference model.
//!
//! A failure names its seed; `STOWAGE_TEST_SEED` repeats it, `STOWAGE_TEST_SEQUENCES` plays more of them.

use conformance_tests::{fixture, gateway, local, seeds};
use storage_testkit::conformance::backend::run_sequence;

/// The operations of one sequence.
const STEPS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_backend_answers_as_the_model() {
    let root = tempfile::tempdir().unwrap();
    let backend = local(root.path()).await;
    for seed in seeds(40) {
        run_sequence(&backend, &fixture("local"), seed, STEPS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_on_our_gateway_answers_as_the_model() {
    let root = tempfile::tempdir().unwrap();
    let backend = gateway(local(root.path()).await).await;
    for seed in seeds(20) {
        run_sequence(&backend, &fixture("s3 on our gateway"), seed, STEPS).await;
    }
}
