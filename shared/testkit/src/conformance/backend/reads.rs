//! Reads: ranges, conditions, and what is missing.

use storage_core::ErrorKind;
use storage_core::Result;
use storage_core::ports::{ETag, GetOptions, ObjectRead, RangeRequest};

use super::{Bench, assert_same, pattern, refused};

async fn get_range(bench: &Bench, name: &str, range: RangeRequest) -> Result<ObjectRead> {
    bench.backend.get(&bench.object(name), GetOptions { range: Some(range), if_match: None }).await
}

pub(super) async fn ranges_give_their_bytes(bench: Bench) {
    use RangeRequest::{From, Inclusive, Suffix};
    let bytes = b"0123456789";
    bench.put("a", &bytes[..]).await;
    for (range, first, length) in [
        (From(0), 0, 10),
        (From(3), 3, 7),
        (From(9), 9, 1),
        (Inclusive(0, 0), 0, 1),
        (Inclusive(2, 5), 2, 4),
        (Inclusive(9, 9), 9, 1),
        (Inclusive(0, 9), 0, 10),
        (Inclusive(5, 10), 5, 5),
        (Inclusive(5, 1_000_000), 5, 5),
        (Suffix(1), 9, 1),
        (Suffix(4), 6, 4),
        (Suffix(10), 0, 10),
    ] {
        let what = format!("{range:?}");
        let read = get_range(&bench, "a", range).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!((read.start, read.length), (first, length), "{what}");
        assert_eq!(read.meta.size, 10, "{what}: the size is that of the whole object");
        let expected = &bytes[first as usize..(first + length) as usize];
        assert_same(&read.collect(100).await.unwrap(), expected, &what);
    }
}

pub(super) async fn ranges_beyond_the_end_are_invalid(bench: Bench) {
    use RangeRequest::{From, Inclusive};
    bench.put("a", "0123456789").await;
    for range in [From(10), From(11), Inclusive(10, 10), Inclusive(10, 20), Inclusive(99, 100)] {
        refused(get_range(&bench, "a", range).await, ErrorKind::InvalidRange, &format!("{range:?}"));
    }
}

pub(super) async fn ranges_of_huge_numbers(bench: Bench) {
    use RangeRequest::{From, Inclusive};
    bench.put("a", "0123456789").await;
    for huge in HUGE {
        let read = get_range(&bench, "a", Inclusive(9, huge)).await;
        let read = read.unwrap_or_else(|error| panic!("9 to {huge}: {error:?}"));
        assert_eq!((read.start, read.length), (9, 1), "9 to {huge}");
        for range in [From(huge), Inclusive(huge, huge)] {
            refused(get_range(&bench, "a", range).await, ErrorKind::InvalidRange, &format!("{range:?}"));
        }
    }
}

/// Numbers at the edges of what servers count in.
const HUGE: [u64; 5] = [1 << 32, 1 << 62, 1 << 63, u64::MAX - 1, u64::MAX];

pub(super) async fn a_suffix_longer_than_the_object_is_all_of_it(bench: Bench) {
    bench.put("a", "0123456789").await;
    for length in [11, 1_000_000].into_iter().chain(HUGE) {
        let read = get_range(&bench, "a", RangeRequest::Suffix(length)).await;
        let read = read.unwrap_or_else(|error| panic!("the last {length} bytes: {error:?}"));
        assert_eq!((read.start, read.length), (0, 10), "the last {length} bytes");
    }
}

pub(super) async fn an_inverted_range_is_invalid(bench: Bench) {
    bench.put("a", "0123456789").await;
    for (start, end) in [(5, 4), (9, 0), (20, 10)] {
        let range = RangeRequest::Inclusive(start, end);
        refused(get_range(&bench, "a", range).await, ErrorKind::InvalidRange, &format!("{range:?}"));
    }
}

pub(super) async fn every_range_of_an_empty_object_is_invalid(bench: Bench) {
    use RangeRequest::{From, Inclusive};
    bench.put("a", "").await;
    for range in [From(0), From(1), Inclusive(0, 0), Inclusive(0, 9)] {
        refused(get_range(&bench, "a", range).await, ErrorKind::InvalidRange, &format!("{range:?}"));
    }
}

pub(super) async fn a_suffix_without_bytes_is_invalid(bench: Bench) {
    bench.put("full", "0123456789").await;
    bench.put("empty", "").await;
    for (name, length) in [("full", 0), ("empty", 0), ("empty", 1), ("empty", 9)] {
        let result = get_range(&bench, name, RangeRequest::Suffix(length)).await;
        refused(result, ErrorKind::InvalidRange, &format!("the last {length} bytes of {name}"));
    }
}

pub(super) async fn a_range_across_chunks(bench: Bench) {
    let bytes = pattern(3_000_000, 3);
    bench.put("a", bytes.clone()).await;
    for (start, end) in [(1, 2_999_998), (65_535, 131_073), (2_500_000, 2_999_999), (1_048_576, 1_048_576)] {
        let read = get_range(&bench, "a", RangeRequest::Inclusive(start, end)).await.unwrap();
        let expected = &bytes[start as usize..=end as usize];
        assert_same(&read.collect(4_000_000).await.unwrap(), expected, &format!("{start} to {end}"));
    }
}

fn only(tag: &ETag) -> GetOptions {
    GetOptions { range: None, if_match: Some(tag.clone()) }
}

pub(super) async fn a_read_of_its_tag(bench: Bench) {
    let stored = bench.put("a", "bytes").await;
    let read = bench.backend.get(&bench.object("a"), only(&stored.etag)).await.unwrap();
    assert_same(&read.collect(100).await.unwrap(), b"bytes", "a");
}

/// The read was refused.
fn assert_refused(result: Result<ObjectRead>) {
    refused(result, ErrorKind::PreconditionFailed, "a read of another tag");
}

pub(super) async fn a_read_of_another_tag_is_refused(bench: Bench) {
    let old = bench.put("a", "old").await;
    bench.put("a", "new").await;
    for tag in [old.etag, ETag::new("00000000000000000000000000000000")] {
        let result = bench.backend.get(&bench.object("a"), only(&tag)).await;
        assert_refused(result);
    }
}

pub(super) async fn a_range_of_another_tag_is_refused(bench: Bench) {
    let old = bench.put("a", "0123456789").await;
    let new = bench.put("a", "9876543210").await;
    let range = Some(RangeRequest::Inclusive(2, 3));
    let options = GetOptions { range, if_match: Some(old.etag) };
    let result = bench.backend.get(&bench.object("a"), options).await;
    assert_refused(result);
    let options = GetOptions { range, if_match: Some(new.etag) };
    let read = bench.backend.get(&bench.object("a"), options).await.unwrap();
    assert_same(&read.collect(100).await.unwrap(), b"76", "a");
}

pub(super) async fn a_missing_object_is_not_found(bench: Bench) {
    let object = bench.object("a");
    let range = Some(RangeRequest::From(5));
    for options in [
        GetOptions::default(),
        GetOptions { range, if_match: None },
        GetOptions { range, if_match: Some(ETag::new("00000000000000000000000000000000")) },
    ] {
        let what = format!("{options:?}");
        refused(bench.backend.get(&object, options).await, ErrorKind::NotFound, &what);
    }
    refused(bench.backend.head(&object).await, ErrorKind::NotFound, "head");
}

pub(super) async fn exists_tells_yes_and_no(bench: Bench) {
    let object = bench.object("a");
    assert!(!bench.backend.exists(&object).await.unwrap());
    bench.put("a", "").await;
    assert!(bench.backend.exists(&object).await.unwrap());
    bench.backend.delete(&object).await.unwrap();
    assert!(!bench.backend.exists(&object).await.unwrap());
}

pub(super) async fn a_folder_is_no_object(bench: Bench) {
    bench.put("folder/inner/a", "bytes").await;
    for name in ["folder", "folder/inner", "folder/inner/a/beyond", "folder/inne", "folder/inner/a.x"] {
        bench.assert_missing(name).await;
    }
}

pub(super) async fn a_read_tells_the_whole_object(bench: Bench) {
    bench.put("a", "0123456789").await;
    let read = get_range(&bench, "a", RangeRequest::Inclusive(2, 3)).await.unwrap();
    let head = bench.backend.head(&bench.object("a")).await.unwrap();
    assert_eq!(read.meta.size, head.size);
    assert_eq!(read.meta.etag, head.etag);
    assert_eq!(read.meta.key, head.key);
    assert_eq!(read.meta.content_type, head.content_type);
    assert_eq!(read.meta.last_modified.as_seconds(), head.last_modified.as_seconds());
}
