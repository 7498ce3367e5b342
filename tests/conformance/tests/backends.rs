//! Every implementation of `StorageBackend` and `MultipartBackend`, on every server there is.

use std::sync::Arc;

use conformance_tests::{conclude, fixture, gateway, local, loudly, opted_in_s3, s3s_fs};
use storage_core::ports::{MultipartBackend, StorageBackend};
use storage_testkit::conformance::backend::{BackendFixture, run, run_multipart};
use storage_testkit::memory::MemoryBackend;

async fn run_both<B>(backend: B, fixture: BackendFixture)
where
    B: StorageBackend + MultipartBackend + 'static,
{
    let backend = Arc::new(backend);
    let objects = run(backend.clone(), fixture.clone()).await;
    let uploads = run_multipart(backend.clone(), backend, fixture).await;
    conclude(&[objects, uploads]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_reference_model() {
    let fixture = fixture("memory");
    let backend = MemoryBackend::new(&[&fixture.bucket, &fixture.other_bucket]);
    run_both(backend, fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_local_backend() {
    let root = tempfile::tempdir().unwrap();
    run_both(local(root.path()).await, fixture("local")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_on_our_gateway() {
    let root = tempfile::tempdir().unwrap();
    let backend = gateway(local(root.path()).await).await;
    let fixture = fixture("s3 on our gateway");
    run_both(backend, fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_on_s3s_fs() {
    let root = tempfile::tempdir().unwrap();
    let (backend, fixture) = s3s_fs(root.path()).await;
    run_both(backend, fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_on_the_server_of_the_environment() {
    match opted_in_s3().await {
        Some((backend, fixture)) => run_both(backend, fixture).await,
        None => loudly("SKIPPED s3 on another server: STOWAGE_TEST_S3_ENDPOINT names none"),
    }
}
