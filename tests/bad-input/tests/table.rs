//! The table itself: complete, each id once, and as the document shows it.

use std::collections::BTreeSet;

use bad_input_tests::document::markdown;
use bad_input_tests::table::parts;

/// The letters of the ids, and the highest number of each. I41 needs a scanner: `i41_*` in `tests/api/tests/scans.rs`.
const NUMBERS: &[(&str, u32)] = &[("I", 44), ("N", 14), ("E", 16), ("K", 15), ("S", 6), ("L", 6)];
const MISSING: &[&str] = &["I41"];

#[test]
fn every_number_is_in_the_table_and_no_id_is_there_twice() {
    let wanted =
        NUMBERS.iter().flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n:02}")));
    let wanted: BTreeSet<String> = wanted.filter(|id| !MISSING.contains(&id.as_str())).collect();
    let ids: Vec<&str> = parts().iter().flat_map(|part| &part.rows).map(|row| row.id).collect();
    let numbered: BTreeSet<String> =
        ids.iter().map(|id| id.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned()).collect();
    assert_eq!(wanted.difference(&numbered).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the table");
    assert_eq!(
        numbered.difference(&wanted).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "no number of the table"
    );
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len(), "an id is there twice");
}

#[test]
fn bad_input_md_is_what_the_tables_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/BAD-INPUT.md");
    if std::fs::read_to_string(path).unwrap_or_default() != markdown() {
        let written = concat!(env!("CARGO_TARGET_TMPDIR"), "/BAD-INPUT.md");
        std::fs::write(written, markdown()).unwrap();
        panic!("docs/BAD-INPUT.md is out of date; it should be {written}");
    }
}
