//! Listings: byte order, literal prefixes, folding, and every write and delete seen at once.

use std::time::Duration;

use storage_core::ports::{Clock, ETag, ListPage, ListRequest, SystemClock};

use super::{Bench, pattern};

/// The first page under the prefix of the case followed by `start`, as names.
async fn list(bench: &Bench, start: &str, delimiter: Option<char>) -> (Vec<String>, Vec<String>) {
    let request = ListRequest { delimiter, ..ListRequest::under(format!("{}{start}", bench.prefix)) };
    let page = bench.backend.list(&bench.fixture.bucket, request).await.unwrap();
    assert_eq!(page.next, None, "all fits on one page");
    names_of(bench, &page)
}

/// The objects and the common prefixes of a page, without the prefix of the case.
pub(super) fn names_of(bench: &Bench, page: &ListPage) -> (Vec<String>, Vec<String>) {
    let objects = page.objects.iter().map(|meta| bench.name_of(meta.key.as_str())).collect();
    (objects, page.prefixes.iter().map(|prefix| bench.name_of(prefix)).collect())
}

async fn put_all(bench: &Bench, names: &[&str]) {
    for name in names {
        bench.put(name, name.as_bytes().to_vec()).await;
    }
}

pub(super) async fn an_empty_listing(bench: Bench) {
    for delimiter in [None, Some('/')] {
        let request = ListRequest { delimiter, ..ListRequest::under(bench.prefix.clone()) };
        let page = bench.backend.list(&bench.fixture.bucket, request).await.unwrap();
        assert_eq!(page, ListPage::default());
    }
}

pub(super) async fn byte_order(bench: Bench) {
    // Each pair is in another order by locale, by UTF-16 or by a walk through folders.
    let mut names = [
        "A", "B", "a!", "a-b", "a.b", "a/b", "a0", "aa/c", "ab", "b/c/d", "b/c-d", "b/c.d", "z", "é", "～",
        "😀", "日",
    ];
    put_all(&bench, &names).await;
    names.sort_unstable();
    assert_eq!(bench.names_under("").await, names);
    assert_eq!(list(&bench, "a", None).await.0, ["a!", "a-b", "a.b", "a/b", "a0", "aa/c", "ab"]);
}

pub(super) async fn a_prefix_is_literal(bench: Bench) {
    put_all(&bench, &["100%/a", "100x/a", "a_b/c", "axb/c", "*/d", "x/d", "[ab]/e", "b/e", "%25/f", "f"])
        .await;
    for (start, expected) in
        [("100%/", "100%/a"), ("a_b/", "a_b/c"), ("*/", "*/d"), ("[ab]/", "[ab]/e"), ("%25/", "%25/f")]
    {
        assert_eq!(list(&bench, start, None).await.0, [expected], "under {start}");
    }
    for start in ["%/", "_/", "./", "../", "?/", "%2A/"] {
        assert_eq!(list(&bench, start, None).await.0, Vec::<String>::new(), "under {start}");
    }
}

pub(super) async fn a_prefix_need_not_end_at_a_slash(bench: Bench) {
    put_all(&bench, &["aB", "ab/x", "ab/y/z", "abc", "abd/x", "b", "xab"]).await;
    assert_eq!(list(&bench, "ab", None).await.0, ["ab/x", "ab/y/z", "abc", "abd/x"]);
    assert_eq!(list(&bench, "ab/", None).await.0, ["ab/x", "ab/y/z"]);
    assert_eq!(list(&bench, "ab/y", None).await.0, ["ab/y/z"]);
    assert_eq!(list(&bench, "ab/y/zz", None).await.0, Vec::<String>::new());
}

pub(super) async fn a_prefix_can_be_a_whole_key(bench: Bench) {
    put_all(&bench, &["a/b", "a/b.c", "a/bc"]).await;
    assert_eq!(list(&bench, "a/b", None).await.0, ["a/b", "a/b.c", "a/bc"]);
    assert_eq!(list(&bench, "a/bc", None).await.0, ["a/bc"]);
    assert_eq!(list(&bench, "a/b/", None).await.0, Vec::<String>::new());
}

pub(super) async fn a_delimiter_folds(bench: Bench) {
    put_all(&bench, &["a", "b/1", "b/2", "c/d/1", "c/d/2", "c/e", "f"]).await;
    let (objects, prefixes) = list(&bench, "", Some('/')).await;
    assert_eq!(
        (objects, prefixes),
        (vec!["a".to_owned(), "f".to_owned()], vec!["b/".to_owned(), "c/".to_owned()])
    );
    let (objects, prefixes) = list(&bench, "c/", Some('/')).await;
    assert_eq!((objects, prefixes), (vec!["c/e".to_owned()], vec!["c/d/".to_owned()]));
    let (objects, prefixes) = list(&bench, "b/", Some('/')).await;
    assert_eq!((objects.len(), prefixes.len()), (2, 0));
}

pub(super) async fn a_delimiter_folds_behind_a_partial_prefix(bench: Bench) {
    put_all(&bench, &["ab/1", "ab/2/3", "abc/1", "abd", "b/1"]).await;
    let (objects, prefixes) = list(&bench, "ab", Some('/')).await;
    assert_eq!(objects, ["abd"]);
    assert_eq!(prefixes, ["ab/", "abc/"]);
}

pub(super) async fn any_character_can_be_the_delimiter(bench: Bench) {
    put_all(&bench, &["2026-01-a", "2026-01-b", "2026-02/x-y", "2027", "a b c", "a bc"]).await;
    let (objects, prefixes) = list(&bench, "2026-", Some('-')).await;
    assert_eq!((objects, prefixes), (vec![], vec!["2026-01-".to_owned(), "2026-02/x-".to_owned()]));
    let (objects, prefixes) = list(&bench, "a ", Some(' ')).await;
    assert_eq!((objects, prefixes), (vec!["a bc".to_owned()], vec!["a b ".to_owned()]));
}

pub(super) async fn a_wide_character_can_be_the_delimiter(bench: Bench) {
    put_all(&bench, &["é1é2", "é1é3", "1😀2"]).await;
    let (objects, prefixes) = list(&bench, "é1", Some('é')).await;
    assert_eq!((objects, prefixes), (vec![], vec!["é1é".to_owned()]));
    let (objects, prefixes) = list(&bench, "", Some('😀')).await;
    assert_eq!((objects.len(), prefixes), (2, vec!["1😀".to_owned()]));
}

pub(super) async fn it_sees_every_write_and_delete(bench: Bench) {
    let mut expected: Vec<String> = Vec::new();
    for index in 0..20 {
        let name = format!("folder-{}/{index:02}", index % 3);
        bench.put(&name, "bytes").await;
        expected.push(name);
        expected.sort_unstable();
        assert_eq!(bench.names_under("").await, expected);
    }
    while let Some(name) = expected.pop() {
        bench.backend.delete(&bench.object(&name)).await.unwrap();
        assert_eq!(bench.names_under("").await, expected);
    }
    // No folder is left behind.
    assert_eq!(list(&bench, "", Some('/')).await, (vec![], vec![]));
}

pub(super) async fn an_overwritten_object_is_listed_once(bench: Bench) {
    for length in [10, 20, 5] {
        let stored = bench.put("a", pattern(length, 1)).await;
        let request = ListRequest::under(bench.prefix.clone());
        let page = bench.backend.list(&bench.fixture.bucket, request).await.unwrap();
        let listed: Vec<_> = page.objects.iter().map(|meta| meta.size).collect();
        assert_eq!(listed, [length as u64]);
        assert_tag(&bench, &page.objects[0].etag, &stored.etag);
    }
}

/// The tag of a listing is that of the object; on a server that lists none it is empty.
fn assert_tag(bench: &Bench, listed: &ETag, stored: &ETag) {
    let expected = if bench.fixture.differences.listed_tags { stored } else { &ETag::new("") };
    assert_eq!(listed, expected);
}

pub(super) async fn it_tells_sizes_tags_and_times(bench: Bench) {
    let options = storage_core::ports::PutOptions {
        content_type: Some("image/png".to_owned()),
        cache_control: Some("no-store".to_owned()),
        metadata: [("name".to_owned(), "value".to_owned())].into(),
        ..Default::default()
    };
    let stored = bench.put_with("folder/a", pattern(1234, 1), options).await.unwrap();
    let page =
        bench.backend.list(&bench.fixture.bucket, ListRequest::under(bench.prefix.clone())).await.unwrap();
    let meta = &page.objects[0];
    assert_eq!(meta.key, bench.object("folder/a").key);
    assert_eq!(meta.size, 1234);
    assert_tag(&bench, &meta.etag, &stored.etag);
    let now = SystemClock.now();
    assert!(meta.last_modified.since(now) < Duration::from_secs(300), "{}", meta.last_modified);
    assert!(now.since(meta.last_modified) < Duration::from_secs(300), "{}", meta.last_modified);
    assert_eq!((&meta.content_type, &meta.cache_control), (&None, &None), "listings leave them empty");
    assert!(meta.metadata.is_empty(), "listings leave it empty");
}

pub(super) async fn other_buckets_are_not_listed(bench: Bench) {
    bench.put("here", "bytes").await;
    let elsewhere = bench.elsewhere("there");
    bench
        .backend
        .put(&elsewhere, bytes::Bytes::from_static(b"bytes").into(), Default::default())
        .await
        .unwrap();
    assert_eq!(bench.names_under("").await, ["here"]);
    let request = ListRequest::under(bench.prefix.clone());
    let page = bench.backend.list(&bench.fixture.other_bucket, request).await.unwrap();
    assert_eq!(names_of(&bench, &page).0, ["there"]);
    bench.assert_missing("there").await;
}
