//! `campaign [--trials N] [--seed S] [--off Safeguard]` plays trials and prints what they found; with `--off` it stops at
//! the first finding. `campaign report LINES` turns the lines of a whole campaign into its document.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]

use std::process::ExitCode;

use campaign::{Stack, Tally, play, report};
use storage_core::safeguards::Safeguard;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, path] = arguments.as_slice()
        && verb == "report"
    {
        return document(path);
    }
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let trials: u64 = value("--trials").and_then(|text| text.parse().ok()).unwrap_or(40);
    let first: u64 = value("--seed").and_then(|text| text.parse().ok()).unwrap_or(1);
    let off = match value("--off").map(|name| (Safeguard::parse(&name), name)) {
        Some((None, name)) => {
            eprintln!("{name} is none of {:?}", Safeguard::ALL);
            return ExitCode::from(2);
        }
        off => off.and_then(|(off, _)| off),
    };
    let stack = Stack::start(off).await;
    let mut tally = Tally::default();
    for seed in first..first.saturating_add(trials) {
        let found = play(&stack, seed, &mut tally).await;
        for finding in &found {
            eprintln!("seed {seed}: {:?}: {}", finding.kind, finding.what);
        }
        if off.is_some() && !found.is_empty() {
            break;
        }
    }
    println!("{} trials: {}", tally.trials, tally.report());
    if tally.findings.is_empty() == off.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn document(path: &str) -> ExitCode {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    match text.and_then(|text| report::render(&text)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}
