//! Presign and resolve alone, beside Node and Python.
//!
//! The peers run behind the same runtime API, over the same S3 and DynamoDB, and do the same work: verify the token, read
//! the tenant, then write the record and sign a form, or read the record and sign a URL. Before a contestant is measured its
//! form has to take a file and its URL has to give one.

use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use storage_testkit::trials::Random;
use test_harness::Request;

use crate::life;
use crate::measure::{Samples, median};
use crate::options::Options;
use crate::process::{Process, together, total};
use crate::world::World;
use crate::{Outcome, during};

/// A route that the peers have too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// What the table calls it.
    pub(crate) name: &'static str,
    function: &'static str,
    status: u16,
}

/// All of them.
pub(crate) const ROUTES: [Route; 2] = [
    Route { name: "presign", function: "issue-upload", status: 201 },
    Route { name: "resolve", function: "resolve-url", status: 200 },
];
/// Who is measured; the first is ours.
pub(crate) const CONTESTANTS: [&str; 3] = ["Stowage", "Node", "Python"];
/// How many requests a process answers before they are counted, as far as time allows: Node compiles what is hot.
const WARM_UP: usize = 150;
/// The longest warm-up, in turns.
const WARM_UP_TURNS: u32 = 4;

/// A file that is ready, and its bytes.
pub(crate) type File = (String, Bytes);

/// What a contestant took at one level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contest {
    /// Of all rounds.
    pub(crate) samples: Samples,
    /// Requests a CPU-second in each round.
    pub(crate) rounds: Vec<f64>,
}

impl Contest {
    /// How many times as many requests a CPU-second `ours` answers: the median of the ratios of the rounds, since what slows
    /// a machine down for seconds slows down both.
    pub(crate) fn ratio(&self, ours: &Contest) -> f64 {
        let pairs = ours.rounds.iter().zip(&self.rounds);
        median(&pairs.map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }
}

/// Lets every contestant answer `concurrency` requests at once, in turns, with as many processes as requests.
pub(crate) async fn measure(
    world: &World,
    options: &Options,
    concurrency: usize,
    route: Route,
    files: &[File],
    random: &Random,
) -> Outcome<[Contest; CONTESTANTS.len()]> {
    let token = world.token();
    let mut fields: [Vec<Process>; CONTESTANTS.len()] = Default::default();
    for (field, contestant) in fields.iter_mut().zip(CONTESTANTS) {
        let program = program(options, contestant, route);
        for _ in 0..concurrency {
            field.push(Process::start(&program, &world.environment()).await?);
        }
        during(contestant, prove(world, &mut field[0], route, &token, &files[0]).await)?;
        let until = Instant::now() + options.turn * WARM_UP_TURNS;
        let warm = field.iter_mut().map(async |process| {
            for file in files.iter().cycle().take(WARM_UP) {
                if Instant::now() < until {
                    process.ask(request(route, file, &token), route.status).await?;
                }
            }
            Ok(())
        });
        together(warm).await?;
    }
    let mut contests: [Contest; CONTESTANTS.len()] = Default::default();
    for _ in 0..options.rounds {
        // Every contestant is asked for the same files.
        let seed = random.next();
        let mut order: Vec<usize> = (0..CONTESTANTS.len()).collect();
        random.shuffle(&mut order);
        for at in order {
            let samples = turn(options, &mut fields[at], route, files, &token, seed).await?;
            contests[at].rounds.push(samples.per_cpu_second().unwrap_or(f64::NAN));
            contests[at].samples.extend(samples);
        }
    }
    Ok(contests)
}

fn program(options: &Options, contestant: &str, route: Route) -> PathBuf {
    match contestant == CONTESTANTS[0] {
        true => options.functions.join(route.function),
        false => options.peers.join(format!("{}-{}", contestant.to_lowercase(), route.name)),
    }
}

/// The same text of a request for everybody.
fn request(route: Route, file: &File, token: &str) -> Request {
    let (id, bytes) = file;
    match route.name {
        "presign" => life::presign(bytes.len()).token(token),
        _ => life::resolve(id).token(token),
    }
}

/// Whether the answer is good for what it is meant for, and a stranger gets none.
async fn prove(world: &World, process: &mut Process, route: Route, token: &str, file: &File) -> Outcome<()> {
    let (reply, _) = process.ask(request(route, file, token), route.status).await?;
    match route.name {
        "presign" => life::upload(world, &reply.json(), &file.1).await?,
        _ => life::read(world, &reply.json(), &file.1).await?,
    };
    let mut forged = token.to_owned();
    // The signature's first half: whatever it was, it is another number now.
    let at = token.rfind('.').unwrap_or_default() + 1;
    forged.replace_range(at..at + 4, if token[at..].starts_with("AAAA") { "BBBB" } else { "AAAA" });
    process.ask(request(route, file, &forged), 401).await?;
    Ok(())
}

/// One turn of one contestant.
async fn turn(
    options: &Options,
    processes: &mut [Process],
    route: Route,
    files: &[File],
    token: &str,
    seed: u64,
) -> Outcome<Samples> {
    let before = total(&*processes)?;
    let began = Instant::now();
    let until = began + options.turn;
    let clients = processes.iter_mut().zip(0..).map(async |(process, client)| {
        let random = Random::new(seed ^ client);
        let mut took = Vec::new();
        while Instant::now() < until {
            took.push(process.ask(request(route, random.pick(files), token), route.status).await?.1);
        }
        Ok(took)
    });
    let took = together(clients).await?.concat();
    let wall = began.elapsed();
    let cpu = total(&*processes)?.saturating_sub(before);
    processes.iter().for_each(Process::forget_log);
    Ok(Samples { took, cpu, wall })
}
