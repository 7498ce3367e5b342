//! Planned faults happen as planned, and every call is recorded.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    CommitError, CopyRequest, MetadataStore, ObjectRef, PutOptions, StorageBackend, Transaction, Write,
};
use storage_testkit::conformance::{backend, metadata};
use storage_testkit::faulty::{ANY, Crash, Faults, Faulty};
use storage_testkit::memory::{MemoryBackend, MemoryStore};
use storage_testkit::records::{new_tenant, sample_file, sample_time};

fn bucket() -> BucketName {
    BucketName::parse("acme-files").unwrap()
}

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(bucket(), StorageKey::parse(key).unwrap())
}

fn storage() -> (MemoryBackend, Faulty<MemoryBackend>) {
    let model = MemoryBackend::new(&[&bucket()]);
    (model.clone(), Faulty::new(Arc::new(model), Faults::new()))
}

async fn put(backend: &dyn StorageBackend, key: &str, bytes: &'static str) -> Option<ErrorKind> {
    let body = Bytes::from_static(bytes.as_bytes()).into();
    backend.put(&object(key), body, PutOptions::default()).await.err().map(|error| error.kind())
}

#[tokio::test]
async fn a_planned_failure_happens_at_its_call_and_does_nothing() {
    let (model, faulty) = storage();
    faulty.faults().fail("put", 2, ErrorKind::StorageUnavailable);
    assert_eq!(put(&faulty, "a", "1").await, None);
    assert!(faulty.exists(&object("a")).await.unwrap());
    assert_eq!(put(&faulty, "b", "2").await, Some(ErrorKind::StorageUnavailable));
    assert_eq!(put(&faulty, "c", "3").await, None);
    assert_eq!(model.keys(), ["acme-files/a", "acme-files/c"]);
    assert_eq!(
        faulty.faults().lines(),
        ["put acme-files/a", "exists acme-files/a", "put acme-files/b", "put acme-files/c"]
    );
}

#[tokio::test]
async fn a_lost_reply_is_of_a_call_that_happened() {
    let model = MemoryStore::new();
    let faulty = Faulty::new(Arc::new(model.clone()), Faults::new());
    faulty.faults().lose_reply("commit", 1, ErrorKind::MetadataUnavailable);
    let record = sample_file(new_tenant(), sample_time());
    let transaction = Transaction::new(vec![Write::CreateFile(Box::new(record.clone()))]);
    match faulty.commit(transaction).await {
        Err(CommitError::Store(error)) => assert_eq!(error.kind(), ErrorKind::MetadataUnavailable),
        other => panic!("{other:?}"),
    }
    assert_eq!(model.files(), std::slice::from_ref(&record));
    assert_eq!(faulty.faults().lines(), [format!("commit create pending {}", record.file_id)]);
}

#[tokio::test]
async fn a_hook_changes_the_source_between_head_and_copy() {
    let (model, faulty) = storage();
    put(&model, "staging", "validated").await;
    let meta = faulty.head(&object("staging")).await.unwrap();
    let swapping = model.clone();
    faulty.faults().before("copy", 1, move || async move {
        put(&swapping, "staging", "swapped").await;
    });
    let request = CopyRequest {
        source: object("staging"),
        destination: object("final"),
        source_etag: Some(meta.etag),
        options: PutOptions::default(),
    };
    let error = faulty.copy(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert_eq!(model.keys(), ["acme-files/staging"]);
    assert_eq!(faulty.faults().lines()[1], "copy acme-files/staging (pinned) to acme-files/final");
}

#[tokio::test]
async fn a_crash_ends_every_port_that_shares_the_faults() {
    let (model, faulty) = storage();
    let faults = faulty.faults().clone();
    let store = Faulty::new(Arc::new(MemoryStore::new()), faults.clone());
    faults.fail_from(ANY, 2, ErrorKind::StorageUnavailable);
    assert_eq!(put(&faulty, "a", "1").await, None);
    assert!(store.check().await.is_err());
    assert_eq!(put(&faulty, "b", "2").await, Some(ErrorKind::StorageUnavailable));
    faults.heal();
    assert_eq!(put(&faulty, "c", "3").await, None);
    assert_eq!(model.keys(), ["acme-files/a", "acme-files/c"]);
    assert_eq!(faults.count(ANY), 4);
    assert_eq!(faults.count("put"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrapper_without_faults_conforms() {
    let other = BucketName::parse("acme-other").unwrap();
    let model = Arc::new(MemoryBackend::new(&[&bucket(), &other]));
    let faulty = Arc::new(Faulty::new(model, Faults::new()));
    let fixture = backend::BackendFixture::new("faulty", bucket(), other);
    backend::run(faulty.clone(), fixture.clone()).await.assert_passed();
    backend::run_multipart(faulty.clone(), faulty, fixture).await.assert_passed();
    let store: Arc<dyn MetadataStore> = Arc::new(MemoryStore::new());
    let faulty = Arc::new(Faulty::new(store, Faults::new()));
    metadata::run(faulty, metadata::StoreFixture::new("faulty", None)).await.assert_passed();
}

/// Writes `a`, then `b` and `c` at once, then `d`.
async fn process(backend: &dyn StorageBackend) {
    put(backend, "a", "1").await;
    futures_util::future::join(put(backend, "b", "2"), put(backend, "c", "3")).await;
    put(backend, "d", "4").await;
}

/// What is stored when a process dies at its second call, and when its last call has arrived.
async fn dying(crash: Crash) -> (String, String) {
    let (model, faulty) = storage();
    let stored = || model.keys().join(" ").replace("acme-files/", "");
    let faults = faulty.faults().clone();
    faults.crash(2, crash);
    let mut running = Box::pin(process(&faulty));
    assert!(faults.until_crash(running.as_mut()).await.is_none());
    assert!(faults.has_crashed());
    let before = stored();
    if crash == Crash::Late {
        faults.arrive_late(running.as_mut()).await;
    }
    (before, stored())
}

#[tokio::test]
async fn nothing_follows_the_call_a_process_dies_at() {
    let stored = |before: &str, later: &str| (before.to_owned(), later.to_owned());
    assert_eq!(dying(Crash::Before).await, stored("a", "a"));
    assert_eq!(dying(Crash::After).await, stored("a b", "a b"));
    assert_eq!(dying(Crash::Amid).await, stored("a c", "a c"));
    assert_eq!(dying(Crash::Late).await, stored("a", "a b"));
}

#[tokio::test]
async fn a_process_that_does_not_die_comes_to_its_end() {
    let (model, faulty) = storage();
    let faults = faulty.faults().clone();
    faults.crash(5, Crash::Before);
    let mut running = Box::pin(process(&faulty));
    assert!(faults.until_crash(running.as_mut()).await.is_some());
    assert!(!faults.has_crashed());
    assert_eq!(model.keys().len(), 4);
    assert_eq!(faults.calls().iter().filter(|call| call.is_write()).count(), 4);
}
