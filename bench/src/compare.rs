//! Whether ratios have dropped since the committed table.

use std::fmt;

use crate::statistics::geometric_mean;
use crate::table::{Row, Table};

/// By how much a ratio may drop, as a share: what a shared machine does to one by itself is less.
const TOLERANCE: f64 = 0.15;

/// A ratio that dropped by more than [`TOLERANCE`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drop {
    name: String,
    before: f64,
    now: f64,
}

impl fmt::Display for Drop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Drop { name, before, now } = self;
        let percent = (1.0 - now / before) * 100.0;
        write!(formatter, "{name}: {now:.2}x, {percent:.0} % below the {before:.2}x of docs/BENCHMARKS.md")
    }
}

/// The ratios of `now` that are far below those of the same name in `committed`. What only one of them has is passed
/// over.
pub(crate) fn drops(committed: &Table, now: &Table) -> Vec<Drop> {
    let pairs = now.rows.iter().filter_map(|row| {
        let before = committed.rows.iter().find(|other| other.name() == row.name())?;
        let (before, now) = comparable(before, row)?;
        Some(Drop { name: row.name(), before, now })
    });
    pairs.filter(|drop| drop.now < drop.before * (1.0 - TOLERANCE)).collect()
}

/// Both ratios, over the parts that both rows have.
fn comparable(before: &Row, now: &Row) -> Option<(f64, f64)> {
    if before.parts.is_empty() || now.parts.is_empty() {
        return before.ratio.zip(now.ratio);
    }
    let shared = || now.parts.iter().filter_map(|(name, now)| Some((*before.parts.get(name)?, *now)));
    shared().next()?;
    Some((geometric_mean(shared().map(|both| both.0)), geometric_mean(shared().map(|both| both.1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Goal;
    use crate::table::tests::{row, table};

    fn named(drops: &[Drop]) -> Vec<&str> {
        drops.iter().map(|drop| drop.name.as_str()).collect()
    }

    #[test]
    fn a_drop_of_more_than_the_tolerance_is_named() {
        let before = table(vec![
            row("kept", 2.0, Goal::Nothing),
            row("a little less", 2.0, Goal::Nothing),
            row("much less", 2.0, Goal::Nothing),
            row("gone", 2.0, Goal::Nothing),
        ]);
        let now = table(vec![
            row("much less", 1.69, Goal::Nothing),
            row("a little less", 1.71, Goal::Nothing),
            row("new", 0.1, Goal::Nothing),
            row("kept", 2.5, Goal::Nothing),
        ]);
        let found = drops(&before, &now);
        assert_eq!(named(&found), ["much less beside sharp"]);
        assert_eq!(
            found[0].to_string(),
            "much less beside sharp: 1.69x, 16 % below the 2.00x of docs/BENCHMARKS.md"
        );
    }

    #[test]
    fn only_shared_parts_count() {
        let with = |parts: &[(&str, f64)]| {
            let mut row = row("photos", geometric_mean(parts.iter().map(|part| part.1)), Goal::Nothing);
            row.parts = parts.iter().map(|(name, ratio)| ((*name).to_owned(), *ratio)).collect();
            table(vec![row])
        };
        let before = with(&[("small", 1.0), ("large", 4.0)]);
        assert!(drops(&before, &with(&[("small", 1.0)])).is_empty(), "1 is less than 2, but no drop");
        assert_eq!(named(&drops(&before, &with(&[("large", 3.0)]))), ["photos beside sharp"]);
        assert!(drops(&before, &with(&[("another", 0.1)])).is_empty());
    }
}
