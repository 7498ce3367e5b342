//! The documentation lists exactly what exists.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use contract_tests::read;
use storage_core::ErrorKind;
use storage_lambda::config::names;

/// G62: each code is in one of the two tables, once, with its status and whether the same request may succeed later.
/// Which table it is in, `tests/api/tests/codes.rs` compares with what routes answer.
#[test]
fn g62_errors_md_lists_every_code_once_with_its_status() {
    let text = read("docs/ERRORS.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let listed: Vec<&str> = rows.iter().map(|row| row[1].trim_matches('`')).collect();
    let known: BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(listed.len(), known.len(), "no code is in both tables");
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
    for row in rows {
        let kind = ErrorKind::from_code(row[1].trim_matches('`')).unwrap();
        assert_eq!(row[2], storage_lambda::http::error::status(kind).as_u16().to_string(), "{kind}");
        assert_eq!(row[3], if kind.retryable() { "yes" } else { "no" }, "{kind}");
        assert!(row[4].ends_with('.'), "{kind} says what it means");
    }
}

#[test]
fn configuration_md_is_what_the_code_reads() {
    let text = read("docs/CONFIGURATION.md");
    assert!(
        text.contains(names::markdown().trim()),
        "docs/CONFIGURATION.md is out of date; it should contain:\n{}",
        names::markdown()
    );
}

#[test]
fn features_md_has_one_line_per_row() {
    let text = read("docs/FEATURES.md");
    let rows: Vec<u32> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|row| row.split(' ').next().and_then(|number| number.parse().ok()))
        .collect();
    assert_eq!(rows, (1..=143).collect::<Vec<_>>());
}

#[test]
fn every_code_block_path_of_the_readme_exists() {
    let text = read("README.md");
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !target.starts_with("http") && !target.starts_with('#') {
            let path = target.split('#').next().unwrap();
            assert!(contract_tests::root().join(path).exists(), "README.md links to {target}");
        }
    }
}

/// A document that names a test names one that exists.
#[test]
fn every_test_that_a_document_names_exists() {
    let mut named = 0;
    for entry in std::fs::read_dir(contract_tests::root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let Some((file, test)) = quoted.split_once("::").filter(|(file, _)| file.ends_with(".rs")) else {
                continue;
            };
            let source = contract_tests::root().join(file);
            let source = std::fs::read_to_string(source).unwrap_or_else(|_| panic!("{path:?} names {file}"));
            assert!(source.contains(&format!("fn {test}(")), "{path:?} names {file}::{test}");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}
