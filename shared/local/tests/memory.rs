//! Bodies stream: a large upload and download need no more memory than a small one.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use bytes::Bytes;
use futures_util::StreamExt;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, CopyRequest, ETag, GetOptions, MultipartBackend, ObjectRef, PutOptions, StorageBackend,
};
use storage_local::LocalBackend;

const SIZE: u64 = 192 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;

/// The most memory this process has had at once, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn memory_stays_flat_for_writes_reads_copies_and_parts() {
    let root = tempfile::tempdir().unwrap();
    let backend = LocalBackend::open(root.path()).unwrap();
    let bucket = BucketName::parse("test-bucket").unwrap();
    backend.create_bucket(&bucket).await.unwrap();
    let object = |key: &str| ObjectRef::new(bucket.clone(), StorageKey::parse(key).unwrap());
    let body = || {
        let chunks =
            futures_util::stream::iter(0..SIZE / CHUNK as u64).map(|_| Ok(Bytes::from(vec![7; CHUNK])));
        Body::Stream { length: SIZE, stream: Box::pin(chunks) }
    };
    let before = peak();
    backend.put(&object("k"), body(), PutOptions::default()).await.unwrap();
    let mut read = backend.get(&object("k"), GetOptions::default()).await.unwrap();
    let mut length = 0;
    while let Some(chunk) = read.body.next().await {
        length += chunk.unwrap().len() as u64;
    }
    assert_eq!(length, SIZE);
    let copy = CopyRequest {
        source: object("k"),
        destination: object("copy"),
        source_etag: None,
        options: PutOptions::default(),
    };
    backend.copy(copy).await.unwrap();
    let upload = backend.create(&object("parts"), PutOptions::default()).await.unwrap();
    let part = backend.upload_part(&object("parts"), &upload, 1, body()).await.unwrap();
    let parts: [(u16, ETag); 1] = [(1, part.etag)];
    backend.complete(&object("parts"), &upload, &parts).await.unwrap();
    let grown = peak() - before;
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes for bodies of {SIZE}");
}
