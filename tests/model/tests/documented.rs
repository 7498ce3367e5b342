//! The table that people read is the table the model interprets.

use std::collections::BTreeSet;
use std::fs;

use model_tests::{Kind, TABLE};
use storage_core::record::FileState;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ARCHITECTURE.md");

fn kind(text: &str) -> Kind {
    match text {
        "claim" => Kind::Claim,
        "plan" => Kind::Plan,
        "release" => Kind::Release,
        "promote" => Kind::Promote,
        "fail" => Kind::Fail,
        "exhaust" => Kind::Exhaust,
        "supersede" => Kind::Supersede,
        "replace" => Kind::Replace,
        "trash" => Kind::Trash,
        "restore" => Kind::Restore,
        "expire" => Kind::Expire,
        "delete" => Kind::Delete,
        "pass, bytes found" => Kind::PassFound,
        "pass, nothing found" => Kind::PassEmpty,
        "postpone" => Kind::Postpone,
        "reopen" => Kind::Reopen,
        "edit" => Kind::Edit,
        "relocate" => Kind::Relocate,
        "rehome" => Kind::Rehome,
        "clear" => Kind::Clear,
        "cleared" => Kind::Cleared,
        "scanned" => Kind::Scanned,
        "condemn" => Kind::Condemn,
        "await scan" => Kind::AwaitScan,
        "acquit" => Kind::Acquit,
        "quarantine" => Kind::Quarantine,
        "scan timeout" => Kind::ScanTimeout,
        "moved" => Kind::Moved,
        "unquarantine" => Kind::Unquarantine,
        other => panic!("the model has no row for `{other}`"),
    }
}

fn states(text: &str) -> Vec<FileState> {
    let words =
        |list: &str| -> Vec<FileState> { list.split([',', ' ']).filter_map(FileState::from_word).collect() };
    match text.strip_prefix("all but ") {
        Some(others) => {
            let others = words(&others.replace(" and ", ", "));
            FileState::ALL.iter().copied().filter(|state| !others.contains(state)).collect()
        }
        None => words(text),
    }
}

#[test]
fn the_table_of_the_documentation_has_exactly_the_edges_of_the_model() {
    let page = fs::read_to_string(PAGE).unwrap();
    let table = page.split("| event | from | to | condition").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut documented = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        // An issue makes the record; it is no edge of one.
        if cells[0] == "issue" {
            continue;
        }
        for from in states(cells[1]) {
            let to = if cells[2] == "the same" { from } else { FileState::from_word(cells[2]).unwrap() };
            documented.insert((kind(cells[0]), from, to));
        }
    }
    let edges =
        TABLE.iter().flat_map(|row| row.from.iter().map(|from| (row.kind, *from, row.to.unwrap_or(*from))));
    assert_eq!(edges.collect::<BTreeSet<_>>(), documented);
}
