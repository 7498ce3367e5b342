//! Every interleaving of two actors who read and write one file, and every time at which it can happen.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::rc::Rc;

use model_tests::{Lease, Model, Step, moment, observe, sample, start};
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::record::{FileRecord, FileState};
use storage_testkit::trials::Trials;

use crate::pure::both;

/// Fewer states than this mean that the exploration has lost a dimension.
const FLOOR: usize = 10_000;

/// Seconds that outlast every other deadline.
const DISTANT: u64 = 24 * 3600;

/// A record with what the model makes of it.
type Pair = Rc<(FileRecord, Model)>;

#[derive(Clone)]
struct Node {
    file: Pair,
    /// Which of the actors has read the record as it is.
    read: [bool; 2],
    now: u64,
    depth: usize,
}

/// What tells two nodes apart: no revisions, no names, and of times only how far ahead they are. Fields that no edge
/// reads in this state are left out.
#[derive(PartialEq, Eq, Hash)]
struct Key(Model, [bool; 2]);

impl Node {
    fn key(&self) -> Key {
        let ahead = |at: Option<u64>| at.map(|at| at.saturating_sub(self.now));
        let mut model = self.file.1.clone();
        let state = model.state;
        let open = matches!(state, FileState::Pending | FileState::Processing);
        model.rev = 0;
        model.forgotten = None;
        model.due = ahead(model.due).map(|left| left.min(DISTANT));
        model.expires = ahead(model.expires).filter(|_| state == FileState::Pending);
        // How far ahead a distant end is makes no difference: each deadline is jumped to.
        let trashed = ahead(model.restorable).filter(|_| state == FileState::Trashed);
        model.restorable = trashed.map(|left| left.min(DISTANT));
        model.lease = model.lease.map(|lease| Lease {
            worker: if open { lease.worker } else { 0 },
            until: lease.until.saturating_sub(self.now),
        });
        model.attempts = if open { model.attempts } else { 0 };
        Key(model, self.read)
    }

    /// The same moment after a commit: whoever has read the record has read an old one now.
    fn written(&self, record: FileRecord, model: Model) -> Node {
        Node { file: Rc::new((record, model)), read: [false; 2], now: self.now, depth: self.depth + 1 }
    }

    /// The times at which anything can change by itself.
    fn later(&self) -> impl Iterator<Item = Node> {
        let model = &self.file.1;
        let lease = model.lease.map(|lease| lease.until);
        let times = [lease, model.expires, model.restorable, model.due];
        let times: BTreeSet<u64> = times.into_iter().flatten().filter(|at| *at > self.now).collect();
        times.into_iter().map(|now| Node { now, depth: self.depth + 1, ..self.clone() })
    }
}

/// What was visited, and what is still to be.
#[derive(Default)]
struct Frontier {
    seen: HashSet<Key>,
    queue: VecDeque<Node>,
    edges: u64,
    refusals: u64,
    late_commits: u64,
}

impl Frontier {
    fn push(&mut self, node: Node) {
        if self.seen.insert(node.key()) {
            self.queue.push_back(node);
        }
    }

    /// Every step of actor `by`, who has read the record as it is.
    fn act(&mut self, node: &Node, by: usize) {
        let (record, model) = &*node.file;
        for step in steps(by as u8, node.now) {
            self.edges += 1;
            let Ok((change, expected)) = both(record, model, &step, node.now) else {
                self.refusals += 1;
                continue;
            };
            let next = node.written(change.record, expected);
            // The other one, who read the same, comes too late with anything: the revision is taken.
            if node.read[1 - by]
                && let Ok((late, _)) = both(record, model, &Step::Delete, node.now)
            {
                assert_ne!(late.record.rev, next.file.0.rev + 1, "two commits from one revision");
                self.late_commits += 1;
            }
            self.push(next);
        }
    }
}

fn steps(worker: u8, now: u64) -> Vec<Step> {
    vec![
        Step::Claim { worker },
        Step::Plan { worker, keys: vec![worker] },
        Step::Release { worker, counts: true },
        Step::Release { worker, counts: false },
        Step::Promote { worker },
        Step::Fail { worker, code: ErrorKind::InvalidImage },
        Step::Exhaust,
        Step::Supersede { worker },
        Step::Replace,
        Step::Trash { life: 30 * 24 * 3600 },
        Step::Restore,
        Step::Expire,
        Step::Delete,
        Step::PassFound,
        Step::PassEmpty,
        Step::Postpone { until: now + 600 },
    ]
}

/// The closure over all steps, which holds every run of two actors with twelve steps each, and every longer one.
#[test]
fn every_interleaving_of_two_actors_is_as_the_model_says() {
    let trials = Trials::new("state-machine", 1);
    let mut frontier = Frontier::default();
    for staged in [true, false] {
        let record = sample(staged);
        let model = observe(&record, start());
        frontier.push(Node { file: Rc::new((record, model)), read: [false; 2], now: 0, depth: 0 });
    }
    let (mut depth, mut reached) = (0, HashSet::new());
    while let Some(node) = frontier.queue.pop_front() {
        depth = depth.max(node.depth);
        reached.insert(node.file.1.state);
        for later in node.later() {
            // A second before a deadline everything is as it was.
            for step in steps(0, later.now - 1) {
                let _ = both(&node.file.0, &node.file.1, &step, later.now - 1);
            }
            frontier.push(later);
        }
        // Somebody outside puts the file on hold, or takes it off: one more write that an actor may not have seen.
        let (mut record, mut model) = (*node.file).clone();
        (record.legal_hold, record.rev) = (!record.legal_hold, record.rev + 1);
        (model.held, model.rev) = (!model.held, model.rev + 1);
        frontier.push(node.written(record, model));
        for by in 0..2 {
            if node.read[by] {
                frontier.act(&node, by);
            } else {
                let mut next = Node { depth: node.depth + 1, ..node.clone() };
                next.read[by] = true;
                frontier.push(next);
            }
        }
    }
    let states = frontier.seen.len();
    assert!(depth >= 24, "two actors make twelve steps each: {depth}");
    assert!(states > FLOOR, "{states} states");
    assert!(frontier.refusals > 0 && frontier.late_commits > 0);
    // A scan is a state of the record that no event leads to.
    assert_eq!(reached.len(), FileState::ALL.len() - 2, "{reached:?}");
    trials.report(json!({
        "states": states, "edges": frontier.edges, "refusals": frontier.refusals,
        "late_commits": frontier.late_commits, "depth": depth, "differences": 0,
    }));
}

/// Every step from every state there is, those included that nothing leads to, at every time around its deadlines.
#[test]
fn every_step_from_every_state_is_as_the_model_says() {
    let mut pairs = 0;
    for state in FileState::ALL {
        for (held, staged, attempts, times) in combinations() {
            // Nobody has tried what nobody has claimed.
            if *state == FileState::Pending && attempts > 0 {
                continue;
            }
            let mut record = sample(staged);
            let at = |second: u64| Some(moment(start(), second));
            record.state = *state;
            record.legal_hold = held;
            record.attempts = attempts;
            record.lease_owner = Some(model_tests::worker(0));
            record.lease_until = at(times);
            record.expires_at = at(times);
            record.delete_after = at(times);
            record.due_at = at(times);
            let model = observe(&record, start());
            for worker in 0..2 {
                for step in steps(worker, 1000) {
                    // An attempt that was never made cannot be given back.
                    if attempts == 0 && step == (Step::Release { worker, counts: false }) {
                        continue;
                    }
                    let _ = both(&record, &model, &step, 1000);
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs > 6_000, "{pairs}");
}

fn combinations() -> impl Iterator<Item = (bool, bool, u32, u64)> {
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    flags.into_iter().flat_map(|(held, staged)| {
        [0, 1, 4, 5].into_iter().flat_map(move |attempts| {
            [999, 1000, 1001].into_iter().map(move |times| (held, staged, attempts, times))
        })
    })
}
