//! No other failure looks like a missing object, and none looks like success.

use std::fmt::Debug;

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::Result;
use storage_core::ports::{CopyRequest, GetOptions, ListRequest, ObjectRef, PutOptions};

use super::{Bench, refused};

/// The object in a bucket that does not exist.
fn nowhere(bench: &Bench) -> ObjectRef {
    ObjectRef::new(bench.fixture.missing_bucket.clone(), bench.object("a").key)
}

#[track_caller]
fn failed<T: Debug>(result: Result<T>, what: &str) {
    match result {
        Ok(value) => panic!("{what} in a missing bucket: {value:?}"),
        Err(error) => assert_ne!(error.kind(), ErrorKind::NotFound, "{what} in a missing bucket: {error:?}"),
    }
}

pub(super) async fn check_of_a_bucket(bench: Bench) {
    bench.backend.check(&bench.fixture.bucket).await.unwrap();
    bench.backend.check(&bench.fixture.other_bucket).await.unwrap();
}

pub(super) async fn check_of_a_missing_bucket(bench: Bench) {
    let result = bench.backend.check(&bench.fixture.missing_bucket).await;
    refused(result, ErrorKind::StorageUnavailable, "check");
}

pub(super) async fn reads_of_a_missing_bucket_do_not_look_missing(bench: Bench) {
    let object = nowhere(&bench);
    failed(bench.backend.get(&object, GetOptions::default()).await, "get");
    failed(bench.backend.head(&object).await, "head");
    failed(bench.backend.exists(&object).await, "exists");
    let request = ListRequest::under(bench.prefix.clone());
    failed(bench.backend.list(&object.bucket, request).await, "list");
    let request = CopyRequest {
        source: object,
        destination: bench.object("copy"),
        source_etag: None,
        options: PutOptions::default(),
    };
    failed(bench.backend.copy(request).await, "copy");
}

pub(super) async fn writes_to_a_missing_bucket_fail(bench: Bench) {
    let object = nowhere(&bench);
    let body = Bytes::from_static(b"bytes").into();
    failed(bench.backend.put(&object, body, PutOptions::default()).await, "put");
    bench.put("source", "bytes").await;
    let request = CopyRequest {
        source: bench.object("source"),
        destination: object.clone(),
        source_etag: None,
        options: PutOptions::default(),
    };
    failed(bench.backend.copy(request).await, "copy");
    // Neither write made the bucket.
    refused(bench.backend.check(&object.bucket).await, ErrorKind::StorageUnavailable, "check");
}

pub(super) async fn a_delete_in_a_missing_bucket_is_no_success(bench: Bench) {
    failed(bench.backend.delete(&nowhere(&bench)).await, "delete");
}
