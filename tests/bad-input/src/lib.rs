//! The table of bad input: for each case its id, what it is, how it is made, and exactly what it gets.
//!
//! The cases of one kind are one constant; `tests/` holds one runner for each kind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test table fails by panicking")]

pub mod document;
pub mod generate;
pub mod table;

/// One case.
#[derive(Clone, Debug)]
pub struct Case<I> {
    /// Its id: a letter for the kind, a number, and a letter more where one row of the table has several inputs.
    pub id: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// The input, or what makes it.
    pub input: I,
    /// What it gets.
    pub expect: Expect,
}

impl<I> Case<I> {
    /// The case without its input.
    pub fn row(&self) -> Row {
        Row { id: self.id, what: self.what, expect: self.expect }
    }
}

/// A case as `docs/BAD-INPUT.md` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its id.
    pub id: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// What it gets.
    pub expect: Expect,
}

/// What a case gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The status; 0 where the input does not come by HTTP.
    pub status: u16,
    /// The code of the error.
    pub code: Option<&'static str>,
    /// The state of the record afterwards, where there is a record.
    pub state: Option<&'static str>,
}

impl Expect {
    /// Accepted: a record that is ready.
    pub const READY: Expect = Expect { status: 201, code: None, state: Some("ready") };

    /// Refused with a status and a code before there is a record.
    pub const fn refused(status: u16, code: &'static str) -> Self {
        Expect { status, code: Some(code), state: None }
    }

    /// Refused by what the bytes are: the record is failed with the same code.
    pub const fn failed(status: u16, code: &'static str) -> Self {
        Expect { status, code: Some(code), state: Some("failed") }
    }
}
