//! What is to be measured, and how often.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Outcome;

/// A part of the table that can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Thumbnails beside sharp and Pillow.
    Images,
    /// Functions beside Node and Python.
    Functions,
    /// Sizes of what is deployed.
    Sizes,
}

/// The arguments of this program.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Fewer rounds and photos, compared with the committed table instead of replacing it.
    pub(crate) quick: bool,
    /// What every random choice is derived from.
    pub(crate) seed: u64,
    /// How often each contestant has its turn.
    pub(crate) rounds: usize,
    /// Whether the functions are built as they are deployed, for their sizes.
    pub(crate) with_binaries: bool,
    only: Option<Part>,
}

/// What the program answers to arguments that it does not know.
const USAGE: &str = "usage: stowage-bench [--quick] [--seed N] [--rounds N] [--with-binaries] [--only images|functions|sizes]";

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Options> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no checkout")?.to_owned();
        let (mut quick, mut with_binaries) = (false, false);
        let (mut seed, mut rounds, mut only) = (None, None, None);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok()).ok_or(USAGE);
            match argument.as_str() {
                "--quick" => quick = true,
                "--with-binaries" => with_binaries = true,
                "--seed" => seed = Some(number()?),
                "--rounds" => rounds = Some(number()?.max(1) as usize),
                "--only" => only = Some(part(arguments.next().as_deref())?),
                _ => return Err(USAGE.into()),
            }
        }
        // Fewer than seven rounds are no basis for a table.
        let rounds = rounds.unwrap_or(if quick { 5 } else { 9 });
        Ok(Options { root, quick, seed: seed.unwrap_or_else(of_the_clock), rounds, with_binaries, only })
    }

    /// Whether a part is measured. Without a choice, the quick form is about images: building the functions as they are
    /// deployed takes longer than it may.
    pub(crate) fn wants(&self, part: Part) -> bool {
        match self.only {
            Some(only) => only == part,
            None => !self.quick || part == Part::Images,
        }
    }

    /// Whether nothing is left out. A part of the table does not replace the committed one.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_none() && !self.quick
    }

    /// The folder of a peer's packages.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.root.join(".tools").join(name)
    }
}

fn part(name: Option<&str>) -> Outcome<Part> {
    match name {
        Some("images") => Ok(Part::Images),
        Some("functions") => Ok(Part::Functions),
        Some("sizes") => Ok(Part::Sizes),
        _ => Err(USAGE.into()),
    }
}

fn of_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read_and_others_are_refused() {
        let options = parse("--quick --seed 7 --only sizes").unwrap();
        assert!(options.quick && options.wants(Part::Sizes) && !options.wants(Part::Images));
        assert_eq!((options.seed, options.rounds), (7, 5));
        assert!(parse("").unwrap().rounds >= 7);
        assert!(parse("--seed 1").unwrap().is_whole() && !options.is_whole());
        assert!(!parse("--only images").unwrap().is_whole());
        for wrong in ["--seed", "--seed x", "--only", "--only nothing", "quick"] {
            assert_eq!(parse(wrong).unwrap_err(), USAGE, "{wrong}");
        }
    }
}
