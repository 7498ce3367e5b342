//! The whole local stack under load: real function processes in release builds, over the S3 and DynamoDB of this machine.
//!
//! First lives of files, from presign to delete, at rising concurrency; then presign and resolve alone, beside Node and
//! Python processes that do the same work. `scripts/load.sh` builds, installs the peers and starts this.

mod life;
mod measure;
mod options;
mod peers;
mod process;
mod report;
mod screen;
mod world;

use std::process::ExitCode;

use options::Options;
use report::Report;
use storage_testkit::trials::Random;
use world::World;

/// What goes wrong here is told to a developer in a sentence.
type Outcome<T> = Result<T, String>;

/// Adds what was being done to a failure.
fn during<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Outcome<T> {
    result.map_err(|cause| format!("{what}: {cause}"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            screen::error(&message);
            return ExitCode::from(2);
        }
    };
    screen::progress(&format!("seed {}", options.seed));
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            screen::error(&format!("{message} (seed {})", options.seed));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome<()> {
    let random = Random::new(options.seed);
    let mut report = Report::new(options);
    let world = World::start().await;
    for &concurrency in &options.levels {
        screen::progress(&format!("lives of files, {concurrency} at once"));
        report.lives(concurrency, life::measure(&world, options, concurrency, &random).await?);
    }
    // Lives leave their records in the table; what follows begins with an empty one.
    drop(world);
    let world = World::start().await;
    let files = life::ready_files(&world, options, &random).await?;
    for &concurrency in &options.levels {
        for route in peers::ROUTES {
            screen::progress(&format!("{} beside Node and Python, {concurrency} at once", route.name));
            report.peers(
                concurrency,
                route.name,
                peers::measure(&world, options, concurrency, route, &files, &random).await?,
            );
        }
    }
    screen::say(&report.markdown());
    report.write(&options.out)
}
