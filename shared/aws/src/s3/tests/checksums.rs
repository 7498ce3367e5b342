//! The checksum that S3 computes by itself, wherever it tells it.

use bytes::Bytes;
use storage_core::ports::{Body, ETag, MultipartBackend, PutOptions, StorageBackend, UploadId};

use super::{backend, copy, object, well};
use crate::test_support::{Answer, Recorded};

/// That of `123456789`.
const CHECKSUM: &str = "rosUhgp5mIg=";

/// What S3 answers: in a header, but for copies and completions.
fn telling(request: &Recorded) -> Answer {
    let xml = |name: &str| {
        let checksum = format!("<ETag>\"abc\"</ETag><ChecksumCRC64NVME>{CHECKSUM}</ChecksumCRC64NVME>");
        Answer::new(200, format!("<?xml version=\"1.0\"?><{name}>{checksum}</{name}>"))
    };
    match request.method.as_str() {
        "PUT" if request.header("x-amz-copy-source").is_some() => xml("CopyObjectResult"),
        "POST" if request.target.contains("uploadId=") => xml("CompleteMultipartUploadResult"),
        _ => well(request).header("x-amz-checksum-crc64nvme", CHECKSUM),
    }
}

#[tokio::test]
async fn the_checksum_of_every_write_and_look_is_kept() {
    for (told, expected) in [(true, Some(CHECKSUM.to_owned())), (false, None)] {
        let (backend, server) =
            backend(move |request| if told { telling(request) } else { well(request) }).await;
        let target = object("private/x");
        let body = Body::from(Bytes::from_static(b"123456789"));
        let stored = [
            backend.put(&target, body, PutOptions::default()).await.unwrap(),
            backend.copy(copy("private/from", PutOptions::default())).await.unwrap(),
            backend.complete(&target, &UploadId("u".to_owned()), &[(1, ETag::new("p"))]).await.unwrap(),
        ];
        let seen = backend.head(&target).await.unwrap().checksum_crc64nvme;
        let told = stored.into_iter().map(|stored| stored.checksum_crc64nvme).chain([seen]);
        assert_eq!(
            told.collect::<Vec<_>>(),
            [expected.clone(), expected.clone(), expected.clone(), expected]
        );
        let head = server.requests().into_iter().find(|request| request.method == "HEAD").unwrap();
        // S3 tells it only where it is asked.
        assert_eq!(head.header("x-amz-checksum-mode"), Some("ENABLED"));
    }
}
