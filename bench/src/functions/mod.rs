//! The functions beside Node and Python: T5 to T8.
//!
//! Every contestant does the work of `issue-upload` behind the same runtime API, over the same DynamoDB. What is measured of
//! a start, of a first and of later invocations are medians over rounds of fresh processes.

mod process;
mod quota;
mod runtime;
mod tls;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use process::{Contestant, Process};
use quota::Quota;
use world::{Wire, World};

use crate::options::Options;
use crate::random::Random;
use crate::statistics::Rounds;
use crate::table::{Goal, Row};
use crate::{Outcome, during, screen};

/// A failure inside of a measurement.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The memory of the smallest function, in MB, whose CPU share T7 is about.
const SMALL: u32 = 128;
/// How many invocations one measurement of the steady state is about. A tenth as many come before it.
const STEADY: u32 = 500;
/// What the route answers.
const CREATED: u16 = 201;

/// Starts, first and steady invocations, and memory.
pub(crate) fn measure(options: &Options, random: &mut Random) -> Outcome<Vec<Row>> {
    let runtime = during("tokio", tokio::runtime::Builder::new_multi_thread().enable_all().build())?;
    let world = during("the world of the functions", runtime.block_on(World::start()))?;
    let quota = Quota::of_memory(SMALL);
    let mut bench = Bench { contestants: contestants(options)?, runtime, world, quota, options, random };
    let mut rows = Vec::new();

    let plain = bench.rounds("starts", async |bench, contestant| {
        let process = Process::start(contestant, &bench.world.environment(Wire::Plain)).await?;
        let start = process.start;
        process.end().await?;
        Ok(milliseconds(start))
    })?;
    rows.extend(bench.ratios(
        Part { target: "T5", work: "issue-upload: exec to first poll", unit: "ms" },
        &plain,
        [Goal::Ratio(25.0), Goal::Ratio(40.0)],
        "DynamoDB over TCP. Ours has asked it something by then, the peers have not",
    ));
    let secure = bench.rounds("starts over TLS", async |bench, contestant| {
        let process = Process::start(contestant, &bench.world.environment(Wire::Tls)).await?;
        let start = process.start;
        process.end().await?;
        Ok(milliseconds(start))
    })?;
    rows.extend(bench.ratios(
        Part { target: "T5", work: "issue-upload: exec to first poll, DynamoDB over TLS", unit: "ms" },
        &secure,
        [Goal::Nothing, Goal::Nothing],
        "ours includes the handshake, whose server shares the machine; the peers shake hands in their first invocation",
    ));

    let steady = bench.rounds("steady invocations", async |bench, contestant| {
        let mut process = Process::start(contestant, &bench.world.environment(Wire::Plain)).await?;
        for _ in 0..STEADY / 10 {
            process.invoke(&bench.world.event(), CREATED).await?;
        }
        let before = process.cpu()?;
        for _ in 0..STEADY {
            process.invoke(&bench.world.event(), CREATED).await?;
        }
        let used = (process.cpu()? - before) / STEADY;
        process.end().await?;
        Ok(milliseconds(used))
    })?;
    rows.extend(bench.ratios(
        Part { target: "T6", work: "issue-upload: steady state", unit: "ms CPU" },
        &steady,
        [Goal::Ratio(8.0), Goal::Ratio(4.0)],
        "user and system time of the process per request; waiting for DynamoDB is not in it, talking to it is",
    ));

    let first = bench.rounds("first invocations", async |bench, contestant| {
        let mut process = Process::start(contestant, &bench.world.environment(Wire::Tls)).await?;
        let held = bench.quota.hold(process.pid())?;
        let answered = process.invoke(&bench.world.event(), CREATED).await?;
        drop(held);
        process.end().await?;
        Ok(milliseconds(answered.took))
    })?;
    let note = format!("at {SMALL} MB: {}; start without limit", bench.quota.describe());
    rows.extend(bench.ratios(
        Part { target: "T7", work: "issue-upload: first invocation, DynamoDB over TLS", unit: "ms" },
        &first,
        [Goal::AtMost(10.0), Goal::AtMost(10.0)],
        &note,
    ));

    let memory = bench.rounds("memory", async |bench, contestant| {
        let mut process = Process::start(contestant, &bench.world.environment(Wire::Tls)).await?;
        process.invoke(&bench.world.event(), CREATED).await?;
        let memory = process.memory()?;
        process.end().await?;
        Ok(memory as f64 / 1e6)
    })?;
    rows.extend(bench.ratios(
        Part { target: "T8", work: "issue-upload: RSS after the first invocation", unit: "MB" },
        &memory,
        [Goal::AtMost(15.0), Goal::AtMost(15.0)],
        "",
    ));
    Ok(rows)
}

/// Ours first, then the peers in the order of [`PEERS`].
fn contestants(options: &Options) -> Outcome<Vec<Contestant>> {
    let ours = options.root.join("target/deploy/issue-upload");
    let node = options.tool("bench-functions/issue.cjs");
    let python = options.tool("bench-functions-python/bin/python");
    for (file, remedy) in [
        (&ours, "cargo build --profile deploy -p issue-upload"),
        (&node, "scripts/bench.sh"),
        (&python, "scripts/bench.sh"),
    ] {
        if !file.exists() {
            return Err(format!("{} is missing; {remedy} makes it", file.display()));
        }
    }
    let contestant = |name: &str, command: Vec<PathBuf>| Contestant { name: name.to_owned(), command };
    Ok(vec![
        contestant("ours", vec![ours]),
        contestant(PEERS[0], vec!["/usr/bin/env".into(), "node".into(), node]),
        contestant(PEERS[1], vec![python, options.root.join("bench/peers/functions/issue.py")]),
    ])
}

/// Who does the same work.
const PEERS: [&str; 2] = ["Node, SDK v3", "Python, boto3"];

/// What a row is about.
struct Part {
    target: &'static str,
    work: &'static str,
    unit: &'static str,
}

struct Bench<'a> {
    contestants: Vec<Contestant>,
    runtime: tokio::runtime::Runtime,
    world: World,
    quota: Quota,
    options: &'a Options,
    random: &'a mut Random,
}

impl Bench<'_> {
    /// One number of each contestant in each round.
    fn rounds(
        &mut self,
        what: &str,
        turn: impl AsyncFn(&Self, &Contestant) -> Result<f64>,
    ) -> Outcome<Rounds> {
        screen::progress(what);
        let mut random = self.random.clone();
        let mut contestants = self.contestants.clone();
        let rounds = Rounds::interleave(&mut random, self.options.rounds, &mut contestants, |contestant| {
            let measured = self.runtime.block_on(turn(self, contestant));
            during(&format!("{what} of {}", contestant.name), measured)
        });
        *self.random = random;
        rounds
    }

    /// A row for each peer.
    fn ratios(&self, part: Part, rounds: &Rounds, goals: [Goal; 2], note: &str) -> Vec<Row> {
        let rows = PEERS.iter().zip(goals).enumerate().map(|(index, (peer, goal))| Row {
            target: part.target.to_owned(),
            work: part.work.to_owned(),
            peer: (*peer).to_owned(),
            unit: part.unit.to_owned(),
            ours: rounds.median(0),
            theirs: Some(rounds.median(index + 1)),
            ratio: Some(rounds.ratio(index + 1, 0)),
            parts: BTreeMap::new(),
            goal,
            rounds: self.options.rounds,
            note: note.to_owned(),
        });
        rows.collect()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
