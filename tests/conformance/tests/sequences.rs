//! The same random sequence of operations gives the same answers on disk, over S3 and on the reference model (G52).
//!
//! A failure names its seed; `STOWAGE_TEST_SEED` repeats it.

use std::sync::atomic::{AtomicUsize, Ordering};

use conformance_tests::{fixture, gateway, local, s3s_fs, seeds, volatile_dir};
use serde_json::json;
use storage_core::ports::{MultipartBackend, StorageBackend};
use storage_testkit::conformance::backend::{BackendFixture, run_sequence};
use storage_testkit::trials::Trials;

/// The operations of one sequence.
const STEPS: usize = 50;
/// How many sequences are played at once.
const PLAYERS: usize = 4;

/// Plays all sequences of `trials` and reports them. Without `in_parts` nothing is uploaded in parts.
async fn play<B>(backend: &B, fixture: &BackendFixture, in_parts: bool, trials: Trials)
where
    B: StorageBackend + MultipartBackend + Clone + 'static,
{
    let seeds: &'static [u64] = seeds(&trials).leak();
    let next: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
    let trials: &'static Trials = Box::leak(Box::new(trials));
    let mut players = tokio::task::JoinSet::new();
    for _ in 0..PLAYERS {
        let (backend, fixture) = (backend.clone(), fixture.clone());
        players.spawn(async move {
            let multipart = in_parts.then_some(&backend as &dyn MultipartBackend);
            while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _guard = trials.guard(*seed);
                run_sequence(&backend, multipart, &fixture, *seed, STEPS).await;
            }
        });
    }
    while let Some(ended) = players.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    trials.report(json!({ "server": fixture.server, "steps": STEPS, "other_answers": 0 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g52_the_local_backend_answers_as_the_model() {
    let root = volatile_dir();
    let backend = local(root.path()).await;
    play(&backend, &fixture("local"), true, Trials::new("G52", 10_000)).await;
    let left = backend.list_uploads(&fixture("local").bucket, far_future()).await.unwrap();
    assert_eq!(left, [], "uploads that were neither completed nor aborted");
}

/// A time that every upload was started before.
fn far_future() -> storage_core::timestamp::Timestamp {
    storage_core::timestamp::Timestamp::from_millis(32_503_680_000_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g52_s3_on_our_gateway_answers_as_the_model() {
    let root = volatile_dir();
    let backend = gateway(local(root.path()).await).await;
    play(&backend, &fixture("s3 on our gateway"), true, Trials::new("G52", 1_500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g52_s3_on_s3s_fs_answers_as_the_model_where_it_can() {
    let root = volatile_dir();
    let (backend, fixture) = s3s_fs(root.path()).await;
    play(&backend, &fixture, false, Trials::new("G52", 1_000)).await;
}
