//! Long random histories of three actors, beyond what can be enumerated, shrunk where they differ from the model.

use std::cell::Cell;

use model_tests::{Model, Step, observe, sample, start, unscanned};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseError, TestRunner};
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::record::FileRecord;
use storage_testkit::trials::{Trials, count};

use crate::pure::both;

/// Histories of a campaign.
const CASES: usize = 20_000;

/// What one of the actors does next.
#[derive(Clone, Debug)]
enum Act {
    Read,
    Write(Step),
    Hold(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..3_u8;
    let codes = prop::sample::select(vec![ErrorKind::InvalidImage, ErrorKind::SizeMismatch]);
    prop_oneof![
        4 => worker.clone().prop_map(|worker| Step::Claim { worker }),
        2 => (worker.clone(), prop::collection::vec(0..5_u8, 0..4))
            .prop_map(|(worker, keys)| Step::Plan { worker, keys }),
        2 => (worker.clone(), any::<bool>()).prop_map(|(worker, counts)| Step::Release { worker, counts }),
        2 => (worker.clone(), prop::option::of(1..2_000_000_u64)).prop_map(|(worker, life)| Step::Promote { worker, life }),
        1 => (worker.clone(), codes).prop_map(|(worker, code)| Step::Fail { worker, code }),
        1 => worker.prop_map(|worker| Step::Supersede { worker }),
        2 => Just(Step::Exhaust),
        1 => (0..3_u8).prop_map(|worker| Step::Reopen { worker }),
        1 => Just(Step::Replace),
        2 => (1..4_000_000_u64).prop_map(|life| Step::Trash { life }),
        2 => Just(Step::Restore),
        1 => Just(Step::Expire),
        1 => Just(Step::Delete),
        1 => Just(Step::PassFound),
        1 => Just(Step::PassEmpty),
        1 => (0..20_000_u64).prop_map(|until| Step::Postpone { until }),
        1 => Just(Step::Edit),
        2 => (0..5_u8).prop_map(|key| Step::Relocate { key }),
        2 => (0..5_u8).prop_map(|key| Step::Rehome { key }),
        1 => Just(Step::Clear),
        1 => prop::option::of(0..20_000_u64).prop_map(|again| Step::Cleared { again }),
        2 => scan_step(),
    ]
}

fn scan_step() -> impl Strategy<Value = Step> {
    let worker = 0..3_u8;
    prop_oneof![
        1 => worker.clone().prop_map(|worker| Step::Scanned { worker }),
        1 => (worker.clone(), any::<bool>()).prop_map(|(worker, threat)| Step::Condemn { worker, threat }),
        3 => worker.prop_map(|worker| Step::AwaitScan { worker }),
        2 => Just(Step::Acquit),
        1 => any::<bool>().prop_map(|threat| Step::Quarantine { threat }),
        1 => Just(Step::ScanTimeout),
        1 => Just(Step::Moved),
        2 => Just(Step::Unquarantine),
    ]
}

fn act() -> impl Strategy<Value = (usize, Act)> {
    let act = prop_oneof![
        6 => Just(Act::Read),
        10 => step().prop_map(Act::Write),
        1 => any::<bool>().prop_map(Act::Hold),
        3 => prop::sample::select(vec![1, 599, 600, 899, 900, 959, 960, 3600, 4499, 4500, 2_592_000]).prop_map(Act::Wait),
    ];
    (0..3_usize, act)
}

fn config() -> ProptestConfig {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/sequences.txt");
    ProptestConfig {
        cases: count(CASES) as u32,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(path))),
        ..ProptestConfig::default()
    }
}

fn history() -> impl Strategy<Value = (u8, Vec<(usize, Act)>)> {
    (0..3_u8, prop::collection::vec(act(), 3 * 60))
}

/// What the histories came to.
#[derive(Default)]
struct Tally {
    cases: Cell<usize>,
    commits: Cell<u64>,
    late_commits: Cell<u64>,
}

/// One history from its start to its end.
fn follow(kind: u8, acts: Vec<(usize, Act)>, tally: &Tally) -> Result<(), TestCaseError> {
    let mut record: FileRecord = if kind == 2 { unscanned() } else { sample(kind == 0) };
    let mut model: Model = observe(&record, start());
    let mut views: [Option<(FileRecord, Model)>; 3] = [None, None, None];
    let (mut now, mut newest) = (0, 1);
    for (by, act) in acts {
        match act {
            Act::Read => views[by] = Some((record.clone(), model.clone())),
            Act::Wait(seconds) => now += seconds,
            Act::Hold(held) => {
                (record.legal_hold, record.rev) = (held, record.rev + 1);
                (model.held, model.rev) = (held, model.rev + 1);
            }
            Act::Write(step) => {
                let Some((seen, expected)) = views[by].take() else { continue };
                let Ok((change, after)) = both(&seen, &expected, &step, now) else { continue };
                if change.record.rev == record.rev + 1 {
                    (record, model) = (change.record, after);
                    // A worker goes on from what it has written.
                    views[by] = Some((record.clone(), model.clone()));
                    tally.commits.update(|count| count + 1);
                } else {
                    tally.late_commits.update(|count| count + 1);
                }
            }
        }
        prop_assert!(record.rev >= newest && record.rev == model.rev);
        newest = record.rev;
    }
    tally.cases.update(|count| count + 1);
    Ok(())
}

#[test]
fn three_actors_in_sixty_steps_do_as_the_model_says() {
    let trials = Trials::new("state-machine-sequences", CASES);
    let tally = Tally::default();
    let mut runner = TestRunner::new(config());
    let outcome = runner.run(&history(), |(kind, acts)| follow(kind, acts, &tally));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    // Regressions that are kept in the repository come on top.
    let (cases, commits, late_commits) = (tally.cases.get(), tally.commits.get(), tally.late_commits.get());
    assert!(cases >= trials.count(), "{cases} of {} histories", trials.count());
    assert!(commits > 0 && late_commits > 0, "{commits} commits, {late_commits} from outdated copies");
    trials.report(json!({
        "histories": cases, "commits": commits, "late_commits": late_commits, "differences": 0,
    }));
}
