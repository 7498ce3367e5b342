//! The real services, operation by operation, beside what the model expects of them.

mod orders;
mod story;
mod sweeping;
mod system;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use storage_testkit::trials::{Random, Trials};
use test_harness::Sim;

use self::story::Story;
use self::world::World;

/// Operations of one sequence.
const LENGTH: usize = 30;
/// What became of the files of some sequences: the state each ended in, and how many were ever readable.
#[derive(Default)]
struct Ends {
    states: BTreeMap<&'static str, usize>,
    became_ready: usize,
}

/// Sequences of operations on up to four files of one user, each in a world of its own, on two threads.
#[test]
fn the_services_do_as_the_model_says() {
    let trials = Trials::new("services-model", 1_000);
    let seeds = trials.seeds();
    let mut ends = Ends::default();
    std::thread::scope(|scope| {
        let halves = seeds.chunks(seeds.len().div_ceil(2));
        let threads: Vec<_> = halves.map(|half| scope.spawn(|| tell(&trials, half))).collect();
        for thread in threads {
            let told = thread.join().unwrap();
            ends.became_ready += told.became_ready;
            for (state, files) in told.states {
                *ends.states.entry(state).or_insert(0) += files;
            }
        }
    });
    assert!(ends.became_ready > 0 && ends.states.len() >= 4, "{:?}", ends.states);
    trials.report(json!({
        "operations": seeds.len() * LENGTH, "became_ready": ends.became_ready, "ends": ends.states, "differences": 0,
    }));
}

/// The sequences of these seeds, one after the other.
fn tell(trials: &Trials, seeds: &[u64]) -> Ends {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut ends = Ends::default();
    for seed in seeds {
        let _guard = trials.guard(*seed);
        runtime.block_on(async {
            let world = World::new(Arc::new(Sim::start().await));
            let mut story = Story::new(world, Random::new(*seed));
            let mut told = Vec::new();
            for _ in 0..LENGTH {
                let (name, touched) = story.operate().await;
                told.push(name);
                let _told = Told(&told);
                story.compare(Some(touched)).await;
            }
            let _told = Told(&told);
            story.compare(None).await;
            for file in &story.expected.files {
                *ends.states.entry(file.model.state.as_str()).or_insert(0) += 1;
                ends.became_ready += usize::from(file.shown.is_some());
            }
        });
    }
    ends
}

/// Shows the story so far where it goes wrong.
struct Told<'a>(&'a [String]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the output of a failing test")]
            {
                eprintln!("{:#?}", self.0);
            }
        }
    }
}
