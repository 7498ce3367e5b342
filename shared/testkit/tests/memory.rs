//! The reference models keep every promise.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use storage_core::ids::BucketName;
use storage_testkit::conformance::{backend, metadata};
use storage_testkit::memory::{MemoryBackend, MemoryStore};

fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_backend_model_conforms() {
    let (one, other) = (bucket("conformance-one"), bucket("conformance-other"));
    let model = Arc::new(MemoryBackend::new(&[&one, &other]));
    let fixture = backend::BackendFixture::new("memory", one, other);
    let report = backend::run(model.clone(), fixture.clone()).await;
    println!("{report}");
    report.assert_passed();
    let report = backend::run_multipart(model.clone(), model.clone(), fixture).await;
    println!("{report}");
    report.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_model_conforms() {
    let unreachable = MemoryStore::new();
    unreachable.set_available(false);
    let fixture = metadata::StoreFixture::new("memory", Some(Arc::new(unreachable)));
    let report = metadata::run(Arc::new(MemoryStore::new()), fixture).await;
    println!("{report}");
    report.assert_passed();
}
