//! How often a property is tried, from which seeds, and where the result is written.
//!
//! `make test` runs a fiftieth of the counts that `docs/CAMPAIGN.md` reports; `make campaign` runs them in full. The
//! seeds of a run are the committed ones of `tests/seeds/`, then fixed ones, then fresh ones: a seed that fails is shown,
//! and stays in the repository once it is added there.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Part of the full count that an ordinary test run makes.
const SHARE: usize = 50;

/// The trials of one guarantee.
#[derive(Debug)]
pub struct Trials {
    name: &'static str,
    count: usize,
    fresh: u64,
    started: Instant,
}

impl Trials {
    /// Trials of the guarantee `name`, such as `G52`, which the campaign makes `full` times.
    pub fn new(name: &'static str, full: usize) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Trials { name, count: count(full), fresh: since.as_nanos() as u64, started: Instant::now() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The seeds of this run: those that failed once, then fixed and fresh ones, [`Trials::count`] together or more.
    pub fn seeds(&self) -> Vec<u64> {
        let path = format!("{}/../../tests/seeds/{}.txt", env!("CARGO_MANIFEST_DIR"), self.name);
        let known = std::fs::read_to_string(path).unwrap_or_default();
        let lines = known.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut seeds: Vec<u64> = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.parse().unwrap_or_else(|_| panic!("{}: {line} is no seed", self.name)))
            .collect();
        let fixed = self.count / 2 + self.count % 2;
        seeds.extend((1..=fixed as u64).map(mixed));
        seeds.extend((0..(self.count - fixed) as u64).map(|index| mixed(self.fresh ^ (index << 40))));
        seeds
    }

    /// Shows `seed` if the test fails while the guard lives.
    #[must_use]
    pub fn guard(&self, seed: u64) -> Guard {
        Guard { name: self.name, seed }
    }

    /// Adds a line to the report of the campaign: the guarantee, the trials, how long they took, and `found`.
    pub fn report(&self, found: Value) {
        let mut line = json!({
            "guarantee": self.name,
            "trials": self.count,
            "fresh_seed": self.fresh,
            "seconds": (self.started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        });
        if let (Value::Object(line), Value::Object(found)) = (&mut line, found) {
            line.extend(found);
        }
        let Some(path) = variable("STOWAGE_REPORT") else { return };
        let file = OpenOptions::new().create(true).append(true).open(Path::new(&path));
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).unwrap();
    }
}

/// Shows a seed when a test fails.
#[derive(Debug)]
pub struct Guard {
    name: &'static str,
    seed: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the output of a failing test")]
            {
                eprintln!("{}: seed {} fails; add it to tests/seeds/{}.txt", self.name, self.seed, self.name);
            }
        }
    }
}

/// `full` in a campaign, a fiftieth of it in an ordinary run, never 0.
pub fn count(full: usize) -> usize {
    match variable("STOWAGE_COUNTS").as_deref() {
        Some("full") => full,
        _ => (full / SHARE).max(1),
    }
}

#[expect(clippy::disallowed_methods, reason = "the extent of a test run is no configuration of a function")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A small generator of choices, so that a failing run can be repeated from its seed. Not for secrets.
#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Random {
    /// The choices of this seed.
    pub fn new(seed: u64) -> Self {
        Random(Cell::new(seed))
    }

    /// Any number.
    pub fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        mixed(self.0.get())
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True in `wins` of `of` cases.
    pub fn chance(&self, wins: usize, of: usize) -> bool {
        self.below(of) < wins
    }

    /// One of these.
    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// So many bytes.
    pub fn bytes(&self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }

    /// The same elements in another order.
    pub fn shuffle<T>(&self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            elements.swap(last, self.below(last + 1));
        }
    }
}

/// The finaliser of SplitMix64: neighbouring seeds give unlike numbers.
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_run_is_a_fiftieth_and_never_nothing() {
        if variable("STOWAGE_COUNTS").is_none() {
            assert_eq!((count(10_000), count(49), count(1)), (200, 1, 1));
        }
    }

    #[test]
    fn fixed_seeds_stay_and_fresh_ones_differ() {
        let (one, other) = (Trials::new("G00", 500), Trials::new("G00", 500));
        let (one, other) = (one.seeds(), other.seeds());
        let fixed = one.len().div_ceil(2);
        assert_eq!(one[..fixed], other[..fixed]);
        assert_ne!(one[fixed..], other[fixed..]);
    }

    #[test]
    fn choices_repeat_with_their_seed() {
        let choices = |seed| -> Vec<usize> {
            let random = Random::new(seed);
            (0..20).map(|_| random.below(10)).collect()
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
        assert!(choices(1).iter().all(|choice| *choice < 10));
        assert_eq!(Random::new(1).bytes(13).len(), 13);
    }
}
