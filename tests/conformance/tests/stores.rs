//! Every implementation of `MetadataStore`, on every server there is.

use std::sync::Arc;

use conformance_tests::{conclude, dynoxide, loudly, opted_in_store};
use storage_testkit::conformance::metadata::{StoreFixture, run};
use storage_testkit::memory::MemoryStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_reference_model() {
    let unreachable = MemoryStore::new();
    unreachable.set_available(false);
    let fixture = StoreFixture::new("memory", Some(Arc::new(unreachable)));
    conclude(&[run(Arc::new(MemoryStore::new()), fixture).await]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dynamodb_on_dynoxide() {
    let (store, fixture) = dynoxide().await;
    conclude(&[run(store, fixture).await]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dynamodb_on_the_server_of_the_environment() {
    match opted_in_store().await {
        Some((store, fixture)) => conclude(&[run(store, fixture).await]),
        None => loudly("SKIPPED dynamodb on another server: STOWAGE_TEST_DYNAMODB_ENDPOINT names none"),
    }
}
