//! `docs/BAD-INPUT.md`, written from the table.

use std::fmt::Write;

use crate::Row;
use crate::table::{Part, parts};

/// What stands above the tables.
const TOP: &str = "# Bad input

What each kind of bad input gets, case by case. This file is written from the tables in `tests/bad-input/src/table/`,
which the runners in `tests/bad-input/tests/` try one by one; a test compares the two.

`status` is that of the HTTP answer; where an upload is refused after it was accepted for checking, it is the status that
the file answers with from then on. `code` is that of the error, from the closed list in [ERRORS.md](ERRORS.md). `state` is
that of the file's record afterwards. A dash means that there is none: no HTTP, no error, no record.
";

/// The whole text.
pub fn markdown() -> String {
    let mut text = TOP.to_owned();
    for Part { heading, about, rows } in parts() {
        write!(text, "\n## {heading}\n\n{about}\n\n").unwrap();
        text.push_str("| id | case | status | code | state |\n|---|---|---|---|---|\n");
        for row in rows {
            text.push_str(&line(&row));
        }
    }
    text
}

fn line(row: &Row) -> String {
    let Row { id, what, expect } = row;
    let status = if expect.status == 0 { "-".to_owned() } else { expect.status.to_string() };
    let code = expect.code.map_or_else(|| "-".to_owned(), |code| format!("`{code}`"));
    // A bar would end the cell.
    let what = what.replace('|', "\\|");
    format!("| {id} | {what} | {status} | {code} | {} |\n", expect.state.unwrap_or("-"))
}
