//! The campaign itself, a fiftieth of it in an ordinary run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use campaign::{Stack, Tally, play};
use storage_core::safeguards::Safeguard;
use storage_testkit::trials::{Trials, count};

/// G19, G20, G55, G56: whatever process dies, whatever call fails, is late or loses its reply, whatever event comes twice
/// or never: no acknowledged byte is lost, nothing is served that was not validated, nothing deleted comes back, and
/// nothing is left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_no_fault_of_real_processes_breaks_a_promise() {
    let trials = Trials::new("G19-BINARIES", 1500);
    let stack = Stack::start(None).await;
    let mut tally = Tally::default();
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let found = play(&stack, seed, &mut tally).await;
        assert_eq!(found, [], "seed {seed}");
    }
    assert!(tally.kills.values().sum::<usize>() * 8 > trials.count(), "hardly anything died: {tally:?}");
    trials.report(tally.report());
}

/// A campaign that finds nothing proves something only if it finds what is broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g56_a_build_without_one_safeguard_is_found() {
    // In an ordinary run two of them stand for all.
    let all = count(2) == 2;
    let chosen: &[Safeguard] = match all {
        true => &Safeguard::ALL,
        false => &[Safeguard::WriteAhead, Safeguard::Tombstone],
    };
    // What is not on disk is lost only with the power: the order of system calls shows it (`durable.rs`).
    for &off in chosen.iter().filter(|off| **off != Safeguard::Fsync) {
        let trials = Trials::new("SAFEGUARDS", 50);
        let stack = Stack::start(Some(off)).await;
        let mut tally = Tally::default();
        for seed in 1..=2000 {
            if !play(&stack, seed, &mut tally).await.is_empty() {
                break;
            }
        }
        let (_, first) = tally.findings.first().unwrap_or_else(|| panic!("nobody misses {off:?}"));
        trials.report(serde_json::json!({
            "off": format!("{off:?}"),
            "caught": true,
            "trials": tally.trials,
            "found": format!("{:?}", first.kind),
        }));
    }
}
