//! What is asked for on the command line.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Outcome, during};

/// How to use it.
const USAGE: &str = "stowage-load --functions FOLDER --peers FOLDER --out FOLDER [--levels 1,4,16,32] [--seconds 3] \
    [--rounds 3] [--seed NUMBER]";
/// More processes of each contestant than anybody has cores for.
const MOST: usize = 128;

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The folder of the functions' release binaries.
    pub(crate) functions: PathBuf,
    /// The folder of the peers' programs: executable files named `{contestant}-{route}`.
    pub(crate) peers: PathBuf,
    /// Where `load.md` and `load.jsonl` are written.
    pub(crate) out: PathBuf,
    /// How many requests are under way at once, rising.
    pub(crate) levels: Vec<usize>,
    /// How long a turn takes, without its warm-up.
    pub(crate) turn: Duration,
    /// How many turns each contestant has at each level.
    pub(crate) rounds: usize,
    /// Decides sizes, bytes, which file is asked for, and the order of turns.
    pub(crate) seed: u64,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (mut functions, mut peers, mut out) = (None, None, None);
        let (mut levels, mut seconds, mut rounds) = (vec![1, 4, 16, 32], 3.0, 3);
        let mut seed = u64::from(now.subsec_nanos());
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--functions" => functions = Some(PathBuf::from(value)),
                "--peers" => peers = Some(PathBuf::from(value)),
                "--out" => out = Some(PathBuf::from(value)),
                "--levels" => {
                    levels = value.split(',').map(|level| number(&name, level)).collect::<Outcome<_>>()?
                }
                "--seconds" => seconds = number(&name, &value)?,
                "--rounds" => rounds = number(&name, &value)?,
                "--seed" => seed = number(&name, &value)?,
                _ => return Err(format!("{name}: unknown\n{USAGE}")),
            }
        }
        if levels.is_empty() || levels.iter().any(|level| !(1..=MOST).contains(level)) || rounds == 0 {
            return Err(format!("levels are 1 to {MOST}, and there is a round at least"));
        }
        let turn = during("--seconds", Duration::try_from_secs_f64(seconds))?;
        Ok(Options {
            functions: functions.ok_or(USAGE)?,
            peers: peers.ok_or(USAGE)?,
            out: out.ok_or(USAGE)?,
            levels,
            turn,
            rounds,
            seed,
        })
    }
}

fn number<N: std::str::FromStr<Err: std::fmt::Display>>(name: &str, value: &str) -> Outcome<N> {
    during(&format!("{name} {value}"), value.parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn folders_are_wanted_and_the_rest_has_defaults() {
        let options = parse("--functions f --peers p --out o --seed 7 --levels 2,8").unwrap();
        assert_eq!((options.seed, options.levels, options.rounds), (7, vec![2, 8], 3));
        for refused in
            ["", "--functions f", "--functions f --peers p --out o --levels 0", "--what 1", "--seed"]
        {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
