//! docs/GUARANTEES.md lists the promises that tests keep, with those tests, and no others.
//!
//! `cargo test -p contract-tests --test guarantees -- --ignored` writes the tests of each row anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use contract_tests::{read, root, sources};

const PATH: &str = "docs/GUARANTEES.md";
const HEAD: &str = "| no. | promise | tests |\n|---|---|---|\n";
/// What a new row says until somebody says what it promises.
const MISSING: &str = "?";

/// The guarantees that the name of a test names: `g61_g62_...` names two.
fn named(test: &str) -> BTreeSet<u32> {
    let numbers = test.split('_').map_while(|word| {
        let digits = word.strip_prefix('g')?;
        (digits.len() == 2).then(|| digits.parse().ok()).flatten()
    });
    numbers.collect()
}

/// The names of the tests of a source, but for those that are ignored.
fn tests_of(source: &str) -> Vec<&str> {
    let (mut found, mut is_test) = (Vec::new(), false);
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if let Some(name) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if is_test {
                found.extend(name.split(['(', '<']).next());
            }
            is_test = false;
        }
    }
    found
}

#[test]
fn a_helper_or_an_ignored_test_proves_nothing() {
    let source = "#[test]\nfn g01_a() {\n}\nfn g02_b() {\n}\n#[tokio::test]\n#[ignore = \"slow\"]\nasync fn g03_c() {\n}\n";
    assert_eq!(tests_of(source), ["g01_a"]);
}

/// Every test that proves a guarantee, as `path::name`, by guarantee.
fn proofs() -> BTreeMap<u32, BTreeSet<String>> {
    let mut proofs: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let root = root();
    for folder in ["shared", "functions", "dev", "tests", "cli"] {
        let folder = root.join(folder);
        let files = if folder.exists() { sources(&folder) } else { Vec::new() };
        for (path, source) in files {
            let path = path.trim_start_matches(&format!("{}/", root.display())).to_owned();
            for test in tests_of(&source) {
                for number in named(test) {
                    proofs.entry(number).or_default().insert(format!("{path}::{test}"));
                }
            }
        }
    }
    proofs
}

/// A row of the document.
#[derive(Debug)]
struct Row {
    promise: String,
    tests: Vec<String>,
}

/// The rows of the document, by guarantee.
fn rows() -> BTreeMap<u32, Row> {
    let text = read(PATH);
    let mut rows = BTreeMap::new();
    let mut last = 0;
    for line in text.lines().filter(|line| line.starts_with("| G")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [number, promise, tests] = cells[..] else { panic!("{line} has three columns") };
        let number: u32 = number.trim_start_matches("| G").parse().unwrap();
        assert!(number > last, "G{number} follows G{last}");
        last = number;
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        rows.insert(number, Row { promise: promise.to_owned(), tests });
    }
    rows
}

#[test]
fn every_promise_has_its_tests_and_every_test_its_promise() {
    let (proofs, rows) = (proofs(), rows());
    let (listed, proven): (Vec<_>, Vec<_>) = (rows.keys().collect(), proofs.keys().collect());
    assert!(proven.iter().all(|number| listed.contains(number)), "{PATH} has {listed:?}, tests {proven:?}");
    for (number, row) in &rows {
        assert!(row.promise.ends_with('.') && row.promise != MISSING, "G{number:02} says what it promises");
        assert!(!row.tests.is_empty(), "nothing proves G{number:02}");
        let own: BTreeSet<&String> =
            row.tests.iter().filter(|test| named(name(test)).contains(number)).collect();
        let expected: BTreeSet<&String> = proofs.get(number).into_iter().flatten().collect();
        let missing: Vec<_> = expected.difference(&own).collect();
        let gone: Vec<_> = own.difference(&expected).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "{PATH}, G{number:02}: not listed {missing:?}, not there {gone:?}; \
             `cargo test -p contract-tests --test guarantees -- --ignored` writes them"
        );
        for test in &row.tests {
            let path = test.split("::").next().unwrap();
            let source = read(path);
            assert!(tests_of(&source).contains(&name(test)), "G{number:02}: there is no {test}");
        }
    }
    assert!(rows.len() >= 40, "{}", rows.len());
}

fn name(test: &str) -> &str {
    test.rsplit("::").next().unwrap_or_default()
}

#[test]
#[ignore = "writes docs/GUARANTEES.md"]
fn write_the_tests_of_each_promise() {
    let text = read(PATH);
    let (mut rows, proofs) = (rows(), proofs());
    for (number, tests) in proofs {
        let row = rows.entry(number).or_insert(Row { promise: MISSING.to_owned(), tests: Vec::new() });
        // Tests with another name stay: somebody put them there.
        row.tests.retain(|test| named(name(test)).is_empty());
        row.tests.splice(0..0, tests);
    }
    let mut table = HEAD.to_owned();
    for (number, row) in rows.iter().filter(|(_, row)| !row.tests.is_empty()) {
        let tests: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
        writeln!(table, "| G{number:02} | {} | {} |", row.promise, tests.join(", ")).unwrap();
    }
    let (before, rest) = text.split_once(HEAD).unwrap();
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let after = if after.is_empty() { String::new() } else { format!("\n{after}") };
    std::fs::write(root().join(PATH), format!("{before}{table}{after}")).unwrap();
}

#[test]
fn names_tell_their_guarantees() {
    assert_eq!(named("g61_g62_the_check_of_errors"), BTreeSet::from([61, 62]));
    assert_eq!(named("g07_nothing"), BTreeSet::from([7]));
    for other in ["good_bytes", "g1_x", "g123_x", "the_g07_filter", "get_file"] {
        assert!(named(other).is_empty(), "{other}");
    }
}
