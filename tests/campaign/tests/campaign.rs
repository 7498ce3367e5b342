//! The campaign itself, a fiftieth of it in an ordinary run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use campaign::{Kind, Stack, Tally, play};
use storage_core::safeguards::Safeguard;
use storage_testkit::trials::{Trials, count};

/// G19, G20, G55, G56: whatever process dies, whatever call fails, is late or loses its reply, whatever event comes twice
/// or never: no acknowledged byte is lost, nothing is served that was not validated, nothing deleted comes back, and
/// nothing is left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_no_fault_of_real_processes_breaks_a_promise() {
    let trials = Trials::new("G19-BINARIES", 1_500);
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

/// A campaign that finds nothing proves something only if it finds what is broken: each safeguard is missed, in the way
/// that it is for, by a trial that finds nothing when all hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_without_one_safeguard_is_noticed() {
    // In an ordinary run two of them stand for all.
    let all = count(2) == 2;
    let chosen = |off: Safeguard| all || matches!(off, Safeguard::WriteAhead | Safeguard::Tombstone);
    let whole = Stack::start(None).await;
    for (off, kinds) in MISSED.iter().filter(|(off, _)| chosen(*off)) {
        let trials = Trials::new("SAFEGUARDS", 50);
        let stack = Stack::start(Some(*off)).await;
        let mut tally = Tally::default();
        let noticed = async {
            for seed in 1..=2000 {
                let found = play(&stack, seed, &mut tally).await;
                if let Some(finding) = found.iter().find(|finding| kinds.contains(&finding.kind)) {
                    return Some((seed, finding.kind));
                }
            }
            None
        };
        let (seed, kind) = noticed.await.unwrap_or_else(|| panic!("nobody misses {off:?}"));
        assert_eq!(play(&whole, seed, &mut Tally::default()).await, [], "seed {seed} with all safeguards");
        trials.report(serde_json::json!({
            "off": format!("{off:?}"),
            "trials": tally.trials,
            "found": format!("{kind:?}"),
        }));
    }
}

/// How each safeguard is missed. What is not on disk is lost only with the power: the order of system calls shows it
/// (`shared/local/tests/fs/durable.rs`).
const MISSED: &[(Safeguard, &[Kind])] = &[
    (Safeguard::Lease, &[Kind::SharedLease]),
    (Safeguard::CopySource, &[Kind::WrongBytes]),
    (Safeguard::SecondPass, &[Kind::Orphan]),
    (Safeguard::Revision, &[Kind::Resurrected, Kind::Lost, Kind::Orphan]),
    (Safeguard::CreateOnly, &[Kind::WrongBytes]),
    (Safeguard::Size, &[Kind::Unvalidated]),
    (Safeguard::Sniff, &[Kind::Unvalidated]),
    (Safeguard::Tombstone, &[Kind::IllegalEdge, Kind::Resurrected]),
    (Safeguard::AvatarOrder, &[Kind::OldAvatar]),
    (Safeguard::WriteAhead, &[Kind::Orphan]),
    (Safeguard::Survivors, &[Kind::Lost]),
];

#[test]
fn every_safeguard_but_that_of_the_disk_is_tried() {
    let tried = |off: &Safeguard| MISSED.iter().any(|(known, _)| known == off);
    let left: Vec<_> = Safeguard::ALL.into_iter().filter(|off| !tried(off)).collect();
    assert_eq!(left, [Safeguard::Fsync]);
}
