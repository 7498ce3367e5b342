//! The section of the benchmarks, and the lines it is made from.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::life::STEPS;
use crate::measure::Samples;
use crate::options::Options;
use crate::peers::{CONTESTANTS, Contest};
use crate::{Outcome, during};

/// What was measured so far.
pub(crate) struct Report {
    lines: Vec<Value>,
    lives: String,
    peers: String,
    options: Options,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let run = json!({
            "kind": "run",
            "seed": options.seed,
            "levels": options.levels,
            "turn_seconds": options.turn.as_secs_f64(),
            "rounds": options.rounds,
        });
        Report { lines: vec![run], lives: String::new(), peers: String::new(), options: options.clone() }
    }

    /// Adds the steps of lives at one level.
    pub(crate) fn lives(&mut self, concurrency: usize, steps: Vec<Samples>) {
        for (step, samples) in STEPS.into_iter().zip(steps) {
            let mut line = line("step", concurrency, step, &samples);
            line["requests_per_cpu_second"] = json!(samples.per_cpu_second());
            self.lines.push(line);
            let per_cpu = samples.per_cpu_second().map_or("-".to_owned(), whole);
            let (p50, p99) = (samples.percentile(50), samples.percentile(99));
            let per_second = whole(samples.per_second());
            // Writing to a string does not fail.
            let _ = writeln!(
                self.lives,
                "| {concurrency} | {step} | {p50:.1} | {p99:.1} | {per_second} | {per_cpu} |"
            );
        }
    }

    /// Adds the contestants of a route at one level.
    pub(crate) fn peers(&mut self, concurrency: usize, route: &str, contests: [Contest; CONTESTANTS.len()]) {
        let ours = &contests[0];
        for (contestant, contest) in CONTESTANTS.into_iter().zip(&contests) {
            let samples = &contest.samples;
            let mut line = line("contest", concurrency, route, samples);
            line["contestant"] = json!(contestant);
            line["requests_per_cpu_second"] = json!(samples.per_cpu_second());
            line["ratio"] = json!(contest.ratio(ours));
            self.lines.push(line);
            let ratio = match contestant == CONTESTANTS[0] {
                true => String::new(),
                false => format!("{:.1}x", contest.ratio(ours)),
            };
            let per_cpu = samples.per_cpu_second().map_or("-".to_owned(), whole);
            let (p50, p99) = (samples.percentile(50), samples.percentile(99));
            let per_second = whole(samples.per_second());
            let _ = writeln!(
                self.peers,
                "| {concurrency} | {route} | {contestant} | {p50:.1} | {p99:.1} | {per_second} | {per_cpu} | {ratio} |"
            );
        }
    }

    /// The section.
    pub(crate) fn markdown(&self) -> String {
        let Report { lives, peers, options, .. } = self;
        let (turn, rounds, seed) = (options.turn.as_secs_f64(), options.rounds, options.seed);
        format!(
            "## Under load\n\
             \n\
             Release builds of the functions behind a Lambda runtime API, over the S3 gateway and the DynamoDB of the \
             development stack, all on one machine: the latencies are those of its cores, which functions, S3, DynamoDB and \
             clients share. What the CPU of a function buys does not depend on that: \"a CPU-second\" counts requests for each \
             second of CPU time of the processes that answer them (`/proc/{{pid}}/stat`). Each request that is under way has \
             a process to itself, as in Lambda; API Gateway is not there.\n\
             \n\
             Files of 1 to 64 KB, each through its whole life: presign, upload by form, ready (`complete`, which reads, \
             checks and stores it), resolve, read and compare, delete for good. Clients lead one life after the other. \
             Seed {seed}.\n\
             \n\
             | at once | step | p50 ms | p99 ms | a second | a CPU-second |\n\
             |---:|---|---:|---:|---:|---:|\n\
             {lives}\n\
             Presign and resolve alone, beside Node (AWS SDK v3, bundled) and Python (boto3) processes that do the same \
             work: verify the token, read the tenant, write record, history and counter and sign a form; or read the record \
             and sign a URL. {rounds} turns of {turn} s each in an order of the seed's, after a warm-up; \"ours\" is how many \
             times as many requests a CPU-second of Stowage answers, the median over the turns.\n\
             \n\
             | at once | route | who | p50 ms | p99 ms | a second | a CPU-second | ours |\n\
             |---:|---|---|---:|---:|---:|---:|---:|\n\
             {peers}"
        )
    }

    /// Writes `load.md` and `load.jsonl`.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<()> {
        during("the folder of the report", std::fs::create_dir_all(folder))?;
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        for (name, text) in [("load.md", self.markdown()), ("load.jsonl", lines)] {
            during(name, std::fs::write(folder.join(name), text))?;
        }
        Ok(())
    }
}

fn line(kind: &str, concurrency: usize, route: &str, samples: &Samples) -> Value {
    json!({
        "kind": kind,
        "concurrency": concurrency,
        "route": route,
        "requests": samples.took.len(),
        "p50_ms": samples.percentile(50),
        "p99_ms": samples.percentile(99),
        "requests_per_second": samples.per_second(),
        "cpu_seconds": samples.cpu.as_secs_f64(),
    })
}

/// A count as people read it: `12,345`.
fn whole(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable() {
        assert_eq!([9.6, 999.0, 1000.0, 1_234_567.0].map(whole), ["10", "999", "1,000", "1,234,567"]);
    }
}
