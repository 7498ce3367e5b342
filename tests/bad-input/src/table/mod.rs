//! The cases, by kind.

pub mod images;

pub mod events;
pub mod keys;
pub mod local;
pub mod names;
pub mod urls;

use crate::{Case, Row};

/// A part of the table: its heading, what its columns mean, and its rows.
pub struct Part {
    /// Its heading in `docs/BAD-INPUT.md`.
    pub heading: &'static str,
    /// How its input comes in, and what its columns mean there.
    pub about: &'static str,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// Every part, in the order of the document.
pub fn parts() -> Vec<Part> {
    vec![
        part("Images", images::ABOUT, images::CASES),
        part("File names", names::ABOUT, names::CASES),
        part("Events", events::ABOUT, events::CASES),
        part("Ids, keys and buckets", keys::ABOUT, keys::CASES),
        part("Signed URLs and forms", urls::ABOUT, urls::CASES),
        part("The disk of the local backend", local::ABOUT, local::CASES),
    ]
}

fn part<I>(heading: &'static str, about: &'static str, cases: &[Case<I>]) -> Part {
    Part { heading, about, rows: cases.iter().map(Case::row).collect() }
}
