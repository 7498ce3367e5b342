//! Measures the product beside its peers: images against sharp and Pillow, functions against Node and Python.
//!
//! `scripts/bench.sh` installs the peers, builds what is measured and starts this. Everything is a ratio inside one run:
//! in each round every contestant has its turn, in an order of the seed's, and the median over the rounds counts.

mod compare;
mod functions;
mod images;
mod machine;
mod options;
mod random;
mod screen;
mod sizes;
mod statistics;
mod table;

use std::process::ExitCode;

use options::{Options, Part};
use random::Random;
use table::Table;

/// What goes wrong here is told to a developer in a sentence.
type Outcome<T> = Result<T, String>;

/// Adds what was being done to a failure.
fn during<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Outcome<T> {
    result.map_err(|cause| format!("{what}: {cause}"))
}

fn main() -> ExitCode {
    let measured = Options::parse(std::env::args().skip(1)).and_then(|options| run(&options));
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            screen::error(&message);
            ExitCode::from(2)
        }
    }
}

/// Measures what `options` ask for; says whether nothing got worse.
fn run(options: &Options) -> Outcome<bool> {
    screen::say(&format!("seed {}, {} rounds", options.seed, options.rounds));
    let mut random = Random::new(options.seed);
    let mut rows = Vec::new();
    if options.wants(Part::Images) {
        rows.extend(images::measure(options, &mut random)?);
    }
    if options.wants(Part::Functions) {
        rows.extend(functions::measure(options, &mut random)?);
    }
    if options.wants(Part::Sizes) {
        rows.extend(sizes::measure(options)?);
    }
    let table = Table {
        seed: options.seed,
        machine: machine::describe(),
        versions: machine::versions(options),
        rows,
    };
    screen::say(&table.markdown());
    if !options.quick {
        if options.is_whole() {
            table.write(&options.root)?;
        }
        return Ok(true);
    }
    let committed = Table::read(&options.root)?;
    let drops = compare::drops(&committed, &table);
    for drop in &drops {
        screen::error(&drop.to_string());
    }
    Ok(drops.is_empty())
}
