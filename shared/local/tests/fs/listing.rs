//! Listings against a model, page by page.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use storage_core::ErrorKind;
use storage_core::key::StorageKey;
use storage_core::ports::{ListRequest, StorageBackend};

use crate::{Fixture, bucket};

/// What a listing gives: an object or a common prefix.
type Entry = (String, bool);

fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: Option<char>) -> Vec<Entry> {
    let mut entries = BTreeMap::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        match delimiter.and_then(|delimiter| key[prefix.len()..].find(delimiter)) {
            Some(at) => entries.insert(key[..prefix.len() + at + 1].to_owned(), true),
            None => entries.insert(key.clone(), false),
        };
    }
    entries.into_iter().collect()
}

async fn listed(fixture: &Fixture, prefix: &str, delimiter: Option<char>, limit: usize) -> Vec<Entry> {
    let mut request = ListRequest { prefix: prefix.to_owned(), delimiter, cursor: None, limit };
    let mut entries = Vec::new();
    loop {
        let page = fixture.backend.list(&bucket(), request.clone()).await.unwrap();
        let mut found: Vec<Entry> = page.objects.iter().map(|meta| (meta.key.to_string(), false)).collect();
        assert!(found.is_sorted() && page.prefixes.is_sorted());
        found.extend(page.prefixes.into_iter().map(|prefix| (prefix, true)));
        found.sort();
        assert!(found.len() == limit || page.next.is_none(), "a page that is neither full nor the last");
        entries.extend(found);
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => return entries,
        }
    }
}

/// Few characters, among them those that sort before and behind a slash, and segments around the length of a name.
fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    let key = prop_oneof![
        4 => "[a!~]{1,2}(/[aA!é]{1,2}){0,3}",
        1 => "a{78,83}[b!]{0,2}(/c)?",
    ];
    proptest::collection::btree_set(key.prop_filter("valid", |key| StorageKey::parse(key).is_ok()), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn g52_pages_are_those_of_the_model(keys in keys(), cut in 0_usize..6, limit in 1_usize..8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            for key in &keys {
                fixture.put(key, b"").await;
            }
            let some = keys.iter().nth(keys.len() / 2).cloned().unwrap_or_default();
            let cut = (0..=cut).rev().find(|&cut| some.is_char_boundary(cut)).unwrap_or(0);
            for prefix in ["", &some[..cut], &some, "a/", "a", "none"] {
                for delimiter in [None, Some('/'), Some('a')] {
                    assert_eq!(
                        listed(&fixture, prefix, delimiter, limit).await,
                        model(&keys, prefix, delimiter),
                        "prefix {prefix:?}, delimiter {delimiter:?}"
                    );
                }
            }
        });
    }
}

#[tokio::test]
async fn g51_prefixes_are_literal_text() {
    let fixture = Fixture::new().await;
    for key in ["a/a/x", "a/aaa/x", "a/*/x", "a/?/x", "a/[b]/x", "a/{b}/x"] {
        fixture.put(key, b"").await;
    }
    for (prefix, expected) in
        [("a/a/", "a/a/x"), ("a/*", "a/*/x"), ("a/?", "a/?/x"), ("a/[", "a/[b]/x"), ("a/{b}", "a/{b}/x")]
    {
        assert_eq!(listed(&fixture, prefix, None, 1).await, [(expected.to_owned(), false)]);
    }
}

#[tokio::test]
async fn a_cursor_continues_its_own_listing_and_no_other() {
    let fixture = Fixture::new().await;
    for key in ["a/1", "a/2", "b/1"] {
        fixture.put(key, b"").await;
    }
    let first = ListRequest { prefix: "a".to_owned(), delimiter: None, cursor: None, limit: 1 };
    let cursor = fixture.backend.list(&bucket(), first.clone()).await.unwrap().next.unwrap();
    let with = |prefix: &str, delimiter: Option<char>, cursor: String| ListRequest {
        prefix: prefix.to_owned(),
        delimiter,
        cursor: Some(cursor),
        limit: 1,
    };
    let page = fixture.backend.list(&bucket(), with("a", None, cursor.clone())).await.unwrap();
    assert_eq!(page.objects[0].key.as_str(), "a/2");
    let mut flipped = cursor.clone().into_bytes();
    let at = flipped.len() / 2;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    for request in [
        with("", None, cursor.clone()),
        with("a", Some('/'), cursor.clone()),
        with("a", None, String::from_utf8(flipped).unwrap()),
        with("a", None, cursor[1..].to_owned()),
        with("a", None, String::new()),
        with("a", None, "é".to_owned()),
    ] {
        let error = fixture.backend.list(&bucket(), request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCursor);
    }
    // The page goes on behind its last key also where that key was deleted meanwhile.
    fixture.backend.delete(&crate::object("a/1")).await.unwrap();
    let page = fixture.backend.list(&bucket(), with("a", None, cursor)).await.unwrap();
    assert_eq!((page.objects.len(), page.next), (1, None));
}
