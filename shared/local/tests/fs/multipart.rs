//! Uploads in parts.

use bytes::Bytes;
use md5::{Digest, Md5};
use storage_core::ErrorKind;
use storage_core::ports::{
    Clock, ETag, MultipartBackend, PutOptions, StorageBackend, SystemClock, UploadId, WriteCondition,
};

use crate::{Fixture, bucket, object, tree};

#[tokio::test]
async fn parts_become_one_object_with_the_options_of_the_start() {
    let fixture = Fixture::new().await;
    let (backend, target) = (&fixture.backend, object("d/k"));
    let options = PutOptions { content_type: Some("video/mp4".to_owned()), ..PutOptions::default() };
    let upload = backend.create(&target, options).await.unwrap();
    let part = async |number: u16, byte: u8, size: usize| {
        backend.upload_part(&target, &upload, number, Bytes::from(vec![byte; size]).into()).await.unwrap()
    };
    part(10_000, b'z', 3).await;
    let first = part(1, b'x', 300_000).await;
    let first_again = part(1, b'a', 300_000).await;
    let second = part(2, b'b', 1).await;
    let parts = backend.parts(&target, &upload).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 10_000]);
    assert_eq!((&parts[0], parts[1].size), (&first_again, 1));
    assert_eq!(fixture.read("d/k").await, None, "parts are invisible");

    for wrong in [
        vec![],
        vec![(2, second.etag.clone()), (1, first_again.etag.clone())],
        vec![(1, first_again.etag.clone()), (1, first_again.etag.clone())],
        vec![(1, first.etag.clone())],
        vec![(3, second.etag.clone())],
        vec![(0, second.etag.clone())],
    ] {
        let error = backend.complete(&target, &upload, &wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    let chosen = [(1, first_again.etag.clone()), (2, second.etag.clone())];
    let stored = backend.complete(&target, &upload, &chosen).await.unwrap();
    let digests = [Md5::digest(vec![b'a'; 300_000]), Md5::digest(b"b")].concat();
    assert_eq!(stored.etag, ETag::new(&format!("{}-2", hex::encode(Md5::digest(digests)))));
    let meta = backend.head(&target).await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (300_001, Some("video/mp4")));
    assert_eq!(fixture.read("d/k").await.unwrap(), [vec![b'a'; 300_000], vec![b'b']].concat());
    let error = backend.complete(&target, &upload, &chosen).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(tree(&fixture.staging()).is_empty());
}

#[tokio::test]
async fn unknown_uploads_are_not_found_and_aborting_them_is_success() {
    let fixture = Fixture::new().await;
    let (backend, target) = (&fixture.backend, object("k"));
    let upload = backend.create(&target, PutOptions::default()).await.unwrap();
    let other_key = object("other");
    let ids = ["", "..", "../objects", "manifest", "00000000000000000000000000000000"];
    let unknown = ids.map(|id| (UploadId(id.to_owned()), &target));
    for (upload, object) in unknown.into_iter().chain([(upload.clone(), &other_key)]) {
        let not_found = ErrorKind::NotFound;
        assert_eq!(backend.parts(object, &upload).await.unwrap_err().kind(), not_found, "{upload:?}");
        let part = backend.upload_part(object, &upload, 1, Bytes::new().into()).await;
        assert_eq!(part.unwrap_err().kind(), not_found);
        let complete = backend.complete(object, &upload, &[(1, ETag::new("x"))]).await;
        assert_eq!(complete.unwrap_err().kind(), not_found);
        backend.abort(object, &upload).await.unwrap();
    }
    let number = backend.upload_part(&target, &upload, 0, Bytes::new().into()).await;
    assert_eq!(number.unwrap_err().kind(), ErrorKind::InvalidRequest);
    backend.upload_part(&target, &upload, 1, Bytes::from_static(b"x").into()).await.unwrap();
    let now = SystemClock.now() + std::time::Duration::from_secs(1);
    let open = backend.list_uploads(&bucket(), now).await.unwrap();
    assert_eq!((open.len(), &open[0].upload, &open[0].key), (1, &upload, &target.key));
    assert_eq!(backend.list_uploads(&bucket(), open[0].started).await.unwrap(), []);
    backend.abort(&target, &upload).await.unwrap();
    backend.abort(&target, &upload).await.unwrap();
    assert_eq!(backend.list_uploads(&bucket(), now).await.unwrap(), []);
    assert_eq!(backend.parts(&target, &upload).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(tree(&fixture.root.path().join("test-bucket/uploads")).is_empty());
}

#[tokio::test]
async fn the_condition_of_an_upload_is_judged_when_it_completes() {
    let fixture = Fixture::new().await;
    let (backend, target) = (&fixture.backend, object("k"));
    let options = PutOptions { condition: WriteCondition::CreateOnly, ..PutOptions::default() };
    let upload = backend.create(&target, options).await.unwrap();
    let part = backend.upload_part(&target, &upload, 1, Bytes::from_static(b"new").into()).await.unwrap();
    fixture.put("k", b"old").await;
    let parts = [(1, part.etag)];
    let complete = || backend.complete(&target, &upload, &parts);
    assert_eq!(complete().await.unwrap_err().kind(), ErrorKind::PreconditionFailed);
    assert_eq!(fixture.read("k").await.unwrap(), &b"old"[..]);
    backend.delete(&target).await.unwrap();
    complete().await.unwrap();
    assert_eq!(fixture.read("k").await.unwrap(), &b"new"[..]);
}
