//! The suites can fail: backends with one planted fault each are caught, by the cases that are about it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use storage_core::ids::BucketName;
use storage_core::ports::{
    Body, CopyRequest, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead, ObjectRef, PutOptions,
    StorageBackend, Stored, WriteCondition,
};
use storage_core::{Error, ErrorKind, Result};
use storage_testkit::conformance::backend::{BackendFixture, run, run_sequence};
use storage_testkit::memory::MemoryBackend;

/// What is wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// User metadata is not stored.
    LosesMetadata,
    /// A second delete fails.
    DeletesOnce,
    /// The check of a create-only write is a step of its own.
    RacyCreate,
    /// An outage looks like a missing object.
    OutageLooksMissing,
    /// The tag of a copy's source is not judged.
    CopiesAnyTag,
    /// Listings lose the last object of a full page.
    DropsAnObject,
}

#[derive(Debug)]
struct Broken {
    inner: MemoryBackend,
    fault: Fault,
}

#[async_trait]
impl StorageBackend for Broken {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn put(&self, object: &ObjectRef, body: Body, mut options: PutOptions) -> Result<Stored> {
        match self.fault {
            Fault::LosesMetadata => options.metadata.clear(),
            Fault::RacyCreate if options.condition == WriteCondition::CreateOnly => {
                if self.inner.exists(object).await? {
                    return Err(Error::new(ErrorKind::PreconditionFailed, "exists"));
                }
                tokio::task::yield_now().await;
                options.condition = WriteCondition::None;
            }
            _ => {}
        }
        self.inner.put(object, body, options).await
    }

    async fn get(&self, object: &ObjectRef, options: GetOptions) -> Result<ObjectRead> {
        self.inner.get(object, options).await.map_err(|error| self.hidden(error))
    }

    async fn head(&self, object: &ObjectRef) -> Result<ObjectMeta> {
        self.inner.head(object).await.map_err(|error| self.hidden(error))
    }

    async fn delete(&self, object: &ObjectRef) -> Result<()> {
        if matches!(self.fault, Fault::DeletesOnce) {
            self.inner.head(object).await?;
        }
        self.inner.delete(object).await
    }

    async fn list(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage> {
        let mut page = self.inner.list(bucket, request).await?;
        if matches!(self.fault, Fault::DropsAnObject) && page.next.is_some() {
            page.objects.pop();
        }
        Ok(page)
    }

    async fn copy(&self, mut request: CopyRequest) -> Result<Stored> {
        if matches!(self.fault, Fault::CopiesAnyTag) {
            request.source_etag = None;
        }
        self.inner.copy(request).await
    }

    async fn check(&self, bucket: &BucketName) -> Result<()> {
        self.inner.check(bucket).await
    }
}

impl Broken {
    fn hidden(&self, error: Error) -> Error {
        match self.fault {
            Fault::OutageLooksMissing => Error::new(ErrorKind::NotFound, "hidden"),
            _ => error,
        }
    }
}

fn buckets() -> [BucketName; 2] {
    ["conformance-one", "conformance-other"].map(|name| BucketName::parse(name).unwrap())
}

/// The cases that fail for a fault.
async fn caught(fault: Fault) -> Vec<&'static str> {
    let [one, other] = buckets();
    let backend = Broken { inner: MemoryBackend::new(&[&one, &other]), fault };
    let report = run(Arc::new(backend), BackendFixture::new(&format!("{fault:?}"), one, other)).await;
    report.failures().iter().map(|(name, _)| *name).collect()
}

#[tokio::test]
async fn lost_metadata_is_caught() {
    let failed = caught(Fault::LosesMetadata).await;
    for case in [
        "every_metadata_field_comes_back",
        "metadata_values_of_any_text_come_back",
        "metadata_of_two_kilobytes_comes_back",
    ] {
        assert!(failed.contains(&case), "{failed:?}");
    }
    assert!(!failed.contains(&"bytes_come_back"), "{failed:?}");
}

#[tokio::test]
async fn a_delete_that_works_once_is_caught() {
    let failed = caught(Fault::DeletesOnce).await;
    for case in
        ["a_delete_is_idempotent", "a_delete_of_a_folder_removes_nothing", "racing_deletes_all_succeed"]
    {
        assert!(failed.contains(&case), "{failed:?}");
    }
    assert!(!failed.contains(&"a_deleted_object_is_missing"), "{failed:?}");
}

#[tokio::test]
async fn a_racy_create_is_caught() {
    assert_eq!(caught(Fault::RacyCreate).await, ["one_of_60_racing_creates_wins"]);
}

#[tokio::test]
async fn an_outage_that_looks_missing_is_caught() {
    let failed = caught(Fault::OutageLooksMissing).await;
    assert!(failed.contains(&"reads_of_a_missing_bucket_do_not_look_missing"), "{failed:?}");
}

#[tokio::test]
async fn a_copy_of_any_tag_is_caught() {
    assert_eq!(caught(Fault::CopiesAnyTag).await, ["a_copy_of_another_tag_is_refused"]);
}

#[tokio::test]
async fn a_listing_that_loses_objects_is_caught() {
    let failed = caught(Fault::DropsAnObject).await;
    for case in ["pages_of_every_size_give_everything_once", "more_than_a_thousand_objects"] {
        assert!(failed.contains(&case), "{failed:?}");
    }
}

#[tokio::test]
async fn random_sequences_find_a_fault_and_none_in_the_model() {
    for (fault, found) in
        [(Some(Fault::DropsAnObject), true), (Some(Fault::CopiesAnyTag), true), (None, false)]
    {
        let mut failed = 0;
        for seed in 1..=20 {
            let [one, other] = buckets();
            let inner = MemoryBackend::new(&[&one, &other]);
            let backend: Arc<dyn StorageBackend> = match fault {
                Some(fault) => Arc::new(Broken { inner, fault }),
                None => Arc::new(inner),
            };
            let fixture = BackendFixture::new("memory", one, other);
            let play = async move { run_sequence(backend.as_ref(), &fixture, seed, 100).await };
            failed += usize::from(tokio::spawn(play).await.is_err());
        }
        assert_eq!(failed > 0, found, "{fault:?}: {failed} of 20 sequences differ");
    }
}
