//! Paging: everything once, in order, whatever the size of the pages; and only cursors of the same listing.

use storage_core::ErrorKind;
use storage_core::ports::{ListPage, ListRequest};
use tokio::task::JoinSet;

use super::listing::names_of;
use super::{Bench, refused};

async fn page(
    bench: &Bench,
    start: &str,
    delimiter: Option<char>,
    limit: usize,
    cursor: Option<String>,
) -> storage_core::Result<ListPage> {
    let prefix = format!("{}{start}", bench.prefix);
    bench.backend.list(&bench.fixture.bucket, ListRequest { prefix, delimiter, cursor, limit }).await
}

/// All entries of a listing by pages of `limit`, objects and common prefixes merged in byte order.
async fn all_pages(bench: &Bench, delimiter: Option<char>, limit: usize) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(bench, "", delimiter, limit, cursor).await.unwrap();
        let (mut names, prefixes) = names_of(bench, &page);
        names.extend(prefixes);
        names.sort_unstable();
        assert!(names.len() <= limit, "{} entries on a page of {limit}", names.len());
        if let (Some(last), Some(first)) = (entries.last(), names.first()) {
            assert!(last < first, "{first:?} comes behind {last:?}, with pages of {limit}");
        }
        entries.extend(names);
        cursor = page.next;
        if cursor.is_none() {
            return entries;
        }
    }
}

/// Seven entries with the delimiter, eleven objects without.
const NAMES: [&str; 11] = ["a", "b/1", "b/2", "b/3", "b0", "c-d", "c/d/1", "c/d/2", "c0", "d/1", "e"];

async fn put_names(bench: &Bench) {
    for name in NAMES {
        bench.put(name, name).await;
    }
}

pub(super) async fn pages_of_every_size_give_everything_once(bench: Bench) {
    put_names(&bench).await;
    for limit in [1, 2, 3, 5, 10, 11, 12, 1000] {
        assert_eq!(all_pages(&bench, None, limit).await, NAMES, "with pages of {limit}");
    }
}

pub(super) async fn pages_count_common_prefixes(bench: Bench) {
    put_names(&bench).await;
    let expected = ["a", "b/", "b0", "c-d", "c/", "c0", "d/", "e"];
    for limit in [1, 2, 3, 4, 7, 8, 9, 1000] {
        assert_eq!(all_pages(&bench, Some('/'), limit).await, expected, "with pages of {limit}");
    }
}

pub(super) async fn a_full_last_page_has_no_next(bench: Bench) {
    for name in ["a", "b", "c"] {
        bench.put(name, name).await;
    }
    let first = page(&bench, "", None, 3, None).await.unwrap();
    assert_eq!((first.objects.len(), &first.next), (3, &None));
    let first = page(&bench, "", None, 2, None).await.unwrap();
    let second = page(&bench, "", None, 2, first.next).await.unwrap();
    assert_eq!((second.objects.len(), &second.next), (1, &None));
}

pub(super) async fn more_than_a_thousand_objects(bench: Bench) {
    let mut tasks = JoinSet::new();
    for worker in 0..16 {
        let bench = bench.clone();
        tasks.spawn(async move {
            for index in (worker..1003).step_by(16) {
                bench.put(&format!("{index:04}"), "").await;
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    let first = page(&bench, "", None, 1000, None).await.unwrap();
    assert_eq!(first.objects.len(), 1000);
    assert!(first.next.is_some(), "three more follow");
    let expected: Vec<String> = (0..1003).map(|index| format!("{index:04}")).collect();
    assert_eq!(bench.names_under("").await, expected);
}

pub(super) async fn a_page_is_not_disturbed_by_deletes(bench: Bench) {
    put_names(&bench).await;
    let first = page(&bench, "", None, 4, None).await.unwrap();
    let (names, _) = names_of(&bench, &first);
    assert_eq!(names, NAMES[..4]);
    for name in &names {
        bench.backend.delete(&bench.object(name)).await.unwrap();
    }
    let second = page(&bench, "", None, 1000, first.next).await.unwrap();
    assert_eq!(names_of(&bench, &second).0, NAMES[4..]);
}

pub(super) async fn a_made_up_cursor_is_invalid(bench: Bench) {
    put_names(&bench).await;
    for cursor in
        ["", "x", "garbage", "b/2", "AAAA", "bm9uc2Vuc2U=", "../..", "\u{0}", "😀", &"a".repeat(5000)]
    {
        let result = page(&bench, "", None, 2, Some(cursor.to_owned())).await;
        refused(result, ErrorKind::InvalidCursor, &cursor[..cursor.len().min(20)]);
    }
}

pub(super) async fn a_changed_cursor_is_invalid(bench: Bench) {
    put_names(&bench).await;
    let cursor = page(&bench, "", None, 2, None).await.unwrap().next.unwrap();
    let middle = cursor.len() / 2;
    let swap = |at: usize| {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'b' { b'c' } else { b'b' };
        String::from_utf8(bytes).unwrap()
    };
    for changed in
        [swap(0), swap(middle), cursor[..middle].to_owned(), format!("{cursor}b"), format!("b{cursor}")]
    {
        let result = page(&bench, "", None, 2, Some(changed.clone())).await;
        refused(result, ErrorKind::InvalidCursor, &format!("{changed} instead of {cursor}"));
    }
}

pub(super) async fn a_cursor_of_another_prefix_is_invalid(bench: Bench) {
    put_names(&bench).await;
    let cursor = page(&bench, "b/", None, 1, None).await.unwrap().next;
    assert!(cursor.is_some());
    for start in ["", "c/", "b"] {
        refused(page(&bench, start, None, 1, cursor.clone()).await, ErrorKind::InvalidCursor, start);
    }
}

pub(super) async fn a_cursor_of_another_delimiter_is_invalid(bench: Bench) {
    put_names(&bench).await;
    let cursor = page(&bench, "", None, 2, None).await.unwrap().next;
    let result = page(&bench, "", Some('/'), 2, cursor).await;
    refused(result, ErrorKind::InvalidCursor, "a cursor without delimiter");
    let cursor = page(&bench, "", Some('/'), 2, None).await.unwrap().next;
    refused(page(&bench, "", None, 2, cursor).await, ErrorKind::InvalidCursor, "a cursor with delimiter");
}
