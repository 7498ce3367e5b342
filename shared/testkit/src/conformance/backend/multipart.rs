//! Uploads in parts: invisible until they are completed, and then exactly the named parts.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use storage_core::ErrorKind;
use storage_core::ports::{ETag, ListRequest, Part, PutOptions, UploadId};

use super::writes::chunks;
use super::{Bench, pattern, refused};

/// An upload of one object, with what was sent.
struct Sent<'a> {
    bench: &'a Bench,
    name: &'a str,
    upload: UploadId,
    parts: BTreeMap<u16, (ETag, Bytes)>,
}

impl<'a> Sent<'a> {
    async fn start(bench: &'a Bench, name: &'a str) -> Sent<'a> {
        Self::start_with(bench, name, PutOptions::default()).await
    }

    async fn start_with(bench: &'a Bench, name: &'a str, options: PutOptions) -> Sent<'a> {
        let upload = bench.multipart().create(&bench.object(name), options).await.unwrap();
        Sent { bench, name, upload, parts: BTreeMap::new() }
    }

    async fn send(&mut self, number: u16, bytes: Bytes) -> Part {
        let object = self.bench.object(self.name);
        let body = bytes.clone().into();
        let part = self.bench.multipart().upload_part(&object, &self.upload, number, body).await.unwrap();
        assert_eq!((part.number, part.size), (number, bytes.len() as u64));
        self.parts.insert(number, (part.etag.clone(), bytes));
        part
    }

    /// What was sent, as a list to complete.
    fn list(&self) -> Vec<(u16, ETag)> {
        self.parts.iter().map(|(&number, (etag, _))| (number, etag.clone())).collect()
    }

    async fn complete(&self, list: &[(u16, ETag)]) -> storage_core::Result<storage_core::ports::Stored> {
        let object = self.bench.object(self.name);
        self.bench.multipart().complete(&object, &self.upload, list).await
    }

    /// Completes everything that was sent, and asserts that the object is its bytes in the order of numbers.
    async fn assert_completes(&self) {
        let stored = self.complete(&self.list()).await.unwrap();
        let mut expected = BytesMut::new();
        self.parts.values().for_each(|(_, bytes)| expected.extend_from_slice(bytes));
        self.bench.assert_bytes(self.name, &expected).await;
        let meta = self.bench.backend.head(&self.bench.object(self.name)).await.unwrap();
        assert_eq!((meta.size, meta.etag), (expected.len() as u64, stored.etag));
    }
}

/// The bytes of a part that is not the last.
fn full(bench: &Bench, seed: u64) -> Bytes {
    pattern(bench.fixture.min_part, seed)
}

pub(super) async fn parts_in_order(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(1, full(&bench, 1)).await;
    sent.send(2, pattern(bench.fixture.min_part + 77, 2)).await;
    sent.send(3, pattern(10, 3)).await;
    sent.assert_completes().await;
}

pub(super) async fn parts_out_of_order(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(3, pattern(10, 3)).await;
    sent.send(1, full(&bench, 1)).await;
    sent.send(2, full(&bench, 2)).await;
    sent.assert_completes().await;
}

pub(super) async fn part_numbers_with_gaps(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(10_000, pattern(10, 3)).await;
    sent.send(2, full(&bench, 1)).await;
    sent.send(10, full(&bench, 2)).await;
    sent.assert_completes().await;
}

pub(super) async fn one_part(bench: Bench) {
    let mut sent = Sent::start(&bench, "folder/a b+c 😀").await;
    sent.send(1, pattern(3, 1)).await;
    sent.assert_completes().await;
    assert_eq!(bench.names_under("").await, ["folder/a b+c 😀"]);
}

pub(super) async fn a_part_sent_again_replaces_the_earlier(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    let earlier = sent.send(1, full(&bench, 1)).await;
    sent.send(2, pattern(10, 2)).await;
    let later = sent.send(1, full(&bench, 3)).await;
    assert_ne!(earlier.etag, later.etag);
    let listed = bench.multipart().parts(&bench.object("a"), &sent.upload).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], later);
    sent.assert_completes().await;
}

pub(super) async fn parts_are_listed_by_number(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    let parts =
        async |sent: &Sent<'_>| bench.multipart().parts(&bench.object("a"), &sent.upload).await.unwrap();
    assert_eq!(parts(&sent).await, []);
    let ten = sent.send(10, pattern(11, 1)).await;
    let two = sent.send(2, pattern(12, 2)).await;
    let one = sent.send(1, pattern(13, 3)).await;
    assert_eq!(parts(&sent).await, [one, two, ten]);
}

pub(super) async fn parts_that_are_not_named_are_left_out(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    let one = full(&bench, 1);
    let three = pattern(10, 3);
    sent.send(1, one.clone()).await;
    sent.send(2, full(&bench, 2)).await;
    sent.send(3, three.clone()).await;
    let list: Vec<_> = sent.list().into_iter().filter(|(number, _)| *number != 2).collect();
    sent.complete(&list).await.unwrap();
    bench.assert_bytes("a", [one, three].concat()).await;
}

/// Asserts that a list is refused as invalid and makes no object.
async fn assert_refused(sent: &Sent<'_>, list: &[(u16, ETag)], what: &str) {
    refused(sent.complete(list).await, ErrorKind::InvalidRequest, what);
    sent.bench.assert_missing(sent.name).await;
}

pub(super) async fn a_part_that_was_not_sent_is_refused(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    let part = sent.send(1, full(&bench, 1)).await;
    assert_refused(&sent, &[(1, part.etag.clone()), (2, part.etag)], "part 2").await;
}

pub(super) async fn another_tag_is_refused(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    let earlier = sent.send(1, pattern(10, 1)).await;
    sent.send(1, pattern(10, 2)).await;
    assert_refused(&sent, &[(1, earlier.etag)], "the tag of the replaced part").await;
    let made_up = ETag::new("00000000000000000000000000000000");
    assert_refused(&sent, &[(1, made_up)], "a made-up tag").await;
}

pub(super) async fn descending_numbers_are_refused(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(1, full(&bench, 1)).await;
    sent.send(2, full(&bench, 2)).await;
    let mut list = sent.list();
    list.reverse();
    assert_refused(&sent, &list, "2, 1").await;
}

pub(super) async fn repeated_numbers_are_refused(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    let part = sent.send(1, full(&bench, 1)).await;
    assert_refused(&sent, &[(1, part.etag.clone()), (1, part.etag)], "1, 1").await;
}

pub(super) async fn a_refused_completion_can_be_repaired(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(1, full(&bench, 1)).await;
    let mut list = sent.list();
    list.push((2, ETag::new("00000000000000000000000000000000")));
    assert_refused(&sent, &list, "part 2").await;
    sent.send(2, pattern(10, 2)).await;
    sent.assert_completes().await;
}

pub(super) async fn an_abort_leaves_nothing(bench: Bench) {
    let mut sent = Sent::start(&bench, "folder/a").await;
    sent.send(1, full(&bench, 1)).await;
    let object = bench.object("folder/a");
    bench.multipart().abort(&object, &sent.upload).await.unwrap();
    bench.assert_missing("folder/a").await;
    let request = ListRequest { delimiter: Some('/'), ..ListRequest::under(bench.prefix.clone()) };
    let page = bench.backend.list(&bench.fixture.bucket, request).await.unwrap();
    assert_eq!((page.objects.len(), page.prefixes.len()), (0, 0));
    let result = sent.complete(&sent.list()).await;
    assert!(result.is_err(), "{result:?}");
    bench.assert_missing("folder/a").await;
}

pub(super) async fn an_abort_is_idempotent(bench: Bench) {
    let sent = Sent::start(&bench, "a").await;
    let object = bench.object("a");
    for _ in 0..3 {
        bench.multipart().abort(&object, &sent.upload).await.unwrap();
    }
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(1, pattern(10, 1)).await;
    sent.assert_completes().await;
    bench.multipart().abort(&object, &sent.upload).await.unwrap();
    bench.assert_bytes("a", pattern(10, 1)).await;
}

pub(super) async fn an_unknown_upload_is_not_found(bench: Bench) {
    let object = bench.object("a");
    let sent = Sent::start(&bench, "a").await;
    bench.multipart().abort(&object, &sent.upload).await.unwrap();
    let tag = ETag::new("00000000000000000000000000000000");
    for upload in [&sent.upload, &UploadId("11111111-1111-4111-8111-111111111111".to_owned())] {
        let multipart = bench.multipart();
        let body = pattern(10, 1).into();
        refused(multipart.upload_part(&object, upload, 1, body).await, ErrorKind::NotFound, "upload_part");
        refused(multipart.parts(&object, upload).await, ErrorKind::NotFound, "parts");
        refused(
            multipart.complete(&object, upload, &[(1, tag.clone())]).await,
            ErrorKind::NotFound,
            "complete",
        );
    }
    bench.assert_missing("a").await;
}

pub(super) async fn an_upload_belongs_to_one_object(bench: Bench) {
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(1, pattern(10, 1)).await;
    let other = bench.object("b");
    let multipart = bench.multipart();
    refused(multipart.parts(&other, &sent.upload).await, ErrorKind::NotFound, "parts");
    refused(multipart.complete(&other, &sent.upload, &sent.list()).await, ErrorKind::NotFound, "complete");
    bench.assert_missing("b").await;
    sent.assert_completes().await;
}

pub(super) async fn parts_are_invisible_until_completion(bench: Bench) {
    let mut sent = Sent::start(&bench, "folder/a").await;
    bench.assert_missing("folder/a").await;
    sent.send(1, full(&bench, 1)).await;
    sent.send(2, pattern(10, 2)).await;
    bench.assert_missing("folder/a").await;
    assert_eq!(bench.names_under("").await, Vec::<String>::new());
    sent.assert_completes().await;
    assert_eq!(bench.names_under("").await, ["folder/a"]);
}

pub(super) async fn the_old_object_stays_until_completion(bench: Bench) {
    bench.put("a", "old").await;
    let mut sent = Sent::start(&bench, "a").await;
    sent.send(1, pattern(10, 1)).await;
    bench.assert_bytes("a", "old").await;
    sent.assert_completes().await;
}

pub(super) async fn options_are_those_of_the_start(bench: Bench) {
    let options = PutOptions {
        content_type: Some("video/mp4".to_owned()),
        cache_control: Some("no-store".to_owned()),
        content_disposition: Some("attachment; filename=\"a.mp4\"".to_owned()),
        metadata: [("name".to_owned(), "zwölf 😀".to_owned())].into(),
        ..PutOptions::default()
    };
    let mut sent = Sent::start_with(&bench, "a", options.clone()).await;
    sent.send(1, pattern(10, 1)).await;
    sent.assert_completes().await;
    let meta = bench.backend.head(&bench.object("a")).await.unwrap();
    assert_eq!(meta.content_type, options.content_type);
    assert_eq!(meta.cache_control, options.cache_control);
    assert_eq!(meta.content_disposition, options.content_disposition);
    assert_eq!(meta.metadata, options.metadata);
}

pub(super) async fn the_tag_of_parts(bench: Bench) {
    let bytes = pattern(10, 1);
    let whole = bench.put("whole", bytes.clone()).await;
    let mut sent = Sent::start(&bench, "parts").await;
    sent.send(1, bytes).await;
    let stored = sent.complete(&sent.list()).await.unwrap();
    let differs = bench.fixture.differences.multipart_etag_differs;
    assert_eq!(stored.etag != whole.etag, differs, "{:?} and {:?}", stored.etag, whole.etag);
}

pub(super) async fn two_uploads_of_one_object(bench: Bench) {
    let mut first = Sent::start(&bench, "a").await;
    let mut second = Sent::start(&bench, "a").await;
    assert_ne!(first.upload, second.upload);
    first.send(1, pattern(10, 1)).await;
    second.send(1, pattern(20, 2)).await;
    second.assert_completes().await;
    first.assert_completes().await;
}

pub(super) async fn a_short_part_is_refused(bench: Bench) {
    let object = bench.object("a");
    let sent = Sent::start(&bench, "a").await;
    for (length, declared) in [(10, 11), (11, 10)] {
        let body = chunks(vec![Ok(pattern(length, 1))], declared);
        let result = bench.multipart().upload_part(&object, &sent.upload, 1, body).await;
        refused(result, ErrorKind::SizeMismatch, &format!("{length} of {declared} bytes"));
    }
    assert_eq!(bench.multipart().parts(&object, &sent.upload).await.unwrap(), []);
}
