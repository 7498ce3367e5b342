//! Every interleaving of two actors who read one file and write it back, and every time at which it can happen.
//!
//! A step of an actor is one of two. It reads: from then on it has a copy of the record that is stored. Or it writes:
//! one of the events is applied to its copy, whatever is stored by then, and what results is committed by
//! compare-and-swap on the revision. Where `apply` refuses, the copy stays; after a commit the actor goes on from what it
//! has written; after a refused commit it has no copy and must read again. Between any two steps somebody outside may put
//! the file on hold or take it off, and time may jump to any deadline of the file. All of this is followed until no state
//! is new, so that runs of every length are in it.
//!
//! Two nodes are the same state if what is stored is the same but for its revision, if deadlines are equally far ahead,
//! and if each actor has no copy, a copy of what is stored, or an outdated one that shows the same state of the file and
//! the same answer to whether the actor holds a live lease by it. What else an outdated copy says is left out of a state,
//! because no commit from it can be accepted. That is not taken on trust: in the moment a copy becomes outdated, at every
//! edge and not only at those to new states, everything that follows from the very copy is committed and must be refused.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::rc::Rc;

use model_tests::{Lease, Model, Scan, Step, moment, observe, sample, start, unscanned};
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::record::{self, FileRecord, FileState, ScanStatus};
use storage_testkit::trials::Trials;

use crate::pure::both;
use crate::store::Pair;

/// Fewer states than this mean that the exploration has lost a dimension.
const FLOOR: usize = 30_000;

/// So many steps away from the start is the farthest state, at least.
const DEPTH: usize = 20;

/// Seconds that outlast every other deadline.
const DISTANT: u64 = 24 * 3600;

/// What an actor has read.
#[derive(Clone)]
struct Copy {
    file: Pair,
    /// Whether nobody has written since. The commit does not look at this: it sees revisions only.
    fresh: bool,
}

#[derive(Clone)]
struct Node {
    stored: Pair,
    copies: [Option<Copy>; 2],
    now: u64,
    depth: usize,
}

/// What an actor holds, as far as it tells states apart.
#[derive(PartialEq, Eq, Hash)]
enum Held {
    Nothing,
    Fresh,
    /// The state of the file as it was read, and whether the actor takes itself for the lease holder.
    Outdated(FileState, bool),
}

/// What tells two nodes apart: no revisions, no names, and of times only how far ahead they are. Fields that no edge
/// reads in this state are left out.
#[derive(PartialEq, Eq, Hash)]
struct Key(Model, [Held; 2]);

impl Node {
    fn key(&self) -> Key {
        let ahead = |at: Option<u64>| at.map(|at| at.saturating_sub(self.now));
        let mut model = self.stored.1.clone();
        let state = model.state;
        let open = matches!(state, FileState::Pending | FileState::Processing);
        model.rev = 0;
        model.forgotten = None;
        model.due = ahead(model.due).map(|left| left.min(DISTANT));
        // How far ahead a distant end is makes no difference: each deadline is jumped to.
        let ending = matches!(state, FileState::Pending | FileState::Ready | FileState::Trashed);
        model.expires = ahead(model.expires).filter(|_| ending).map(|left| left.min(DISTANT));
        let ends = matches!(state, FileState::Trashed | FileState::Quarantined);
        let trashed = ahead(model.restorable).filter(|_| ends);
        model.restorable = trashed.map(|left| left.min(DISTANT));
        let kept = matches!(state, FileState::Ready | FileState::Trashed);
        model.clearing = ahead(model.clearing).filter(|left| kept && *left > 0);
        model.lease = model.lease.map(|lease| Lease {
            worker: if open { lease.worker } else { 0 },
            until: lease.until.saturating_sub(self.now),
        });
        model.attempts = if open { model.attempts } else { 0 };
        // Of a scan only two things are read: whether the file passed it, and until when it is waited for.
        let passed = model.scan.is_none_or(|scan| {
            matches!(scan.status, ScanStatus::Clean | ScanStatus::Released) && state == FileState::Processing
        });
        let waited = open || state == FileState::Scanning;
        model.scan = model.scan.filter(|_| waited).map(|scan| Scan {
            status: if passed { ScanStatus::Clean } else { ScanStatus::Pending },
            until: ahead(scan.until),
            moved: false,
        });
        model.locked = false;
        Key(model, [0, 1].map(|by| self.held(by)))
    }

    fn held(&self, by: usize) -> Held {
        match &self.copies[by] {
            None => Held::Nothing,
            Some(copy) if copy.fresh => Held::Fresh,
            Some(copy) => {
                let model = &copy.file.1;
                let own = model.lease.is_some_and(|lease| usize::from(lease.worker) == by);
                Held::Outdated(model.state, own && model.is_leased(self.now))
            }
        }
    }

    fn next(&self) -> Node {
        Node { depth: self.depth + 1, ..self.clone() }
    }

    /// Stores a record if it was made from the one that is stored, going by revisions as the real store does.
    fn commit(&mut self, record: &FileRecord, model: &Model) -> bool {
        let accepted = record.rev == self.stored.0.rev + 1;
        if accepted {
            self.stored = Rc::new((record.clone(), model.clone()));
            for copy in self.copies.iter_mut().flatten() {
                copy.fresh = false;
            }
        }
        accepted
    }

    /// Takes a copy of what is stored.
    fn read(&mut self, by: usize) {
        self.copies[by] = Some(Copy { file: Rc::clone(&self.stored), fresh: true });
    }

    /// The times at which what is stored can change by itself.
    fn later(&self) -> impl Iterator<Item = Node> {
        let model = &self.stored.1;
        let lease = model.lease.map(|lease| lease.until);
        let scan = model.scan.filter(|_| model.state == FileState::Scanning).and_then(|scan| scan.until);
        let times = [lease, model.expires, model.restorable, model.due, model.clearing, scan];
        let times: BTreeSet<u64> = times.into_iter().flatten().filter(|at| *at > self.now).collect();
        times.into_iter().map(|now| Node { now, ..self.next() })
    }
}

/// What an actor can commit from its copy.
struct Candidate {
    record: FileRecord,
    model: Model,
    promotes: bool,
}

/// What was visited, and what is still to be.
#[derive(Default)]
struct Frontier {
    seen: HashSet<Key>,
    queue: VecDeque<Node>,
    edges: u64,
    /// Events that `apply` refuses.
    refusals: u64,
    /// Commits that the revision refuses, and how many of them would have made a file readable.
    late_commits: u64,
    late_promotions: u64,
}

impl Frontier {
    fn push(&mut self, node: Node) {
        if self.seen.insert(node.key()) {
            let (record, model) = &*node.stored;
            assert_eq!(observe(record, start()), *model, "what is stored is what the model says");
            self.queue.push_back(node);
        }
    }

    /// Everything that follows from the copy of actor `by`.
    fn candidates(&mut self, node: &Node, by: usize) -> Vec<Candidate> {
        let Some(copy) = &node.copies[by] else { return Vec::new() };
        let (record, model) = &*copy.file;
        let mut found = Vec::new();
        for step in steps(by as u8, node.now) {
            self.edges += 1;
            match both(record, model, &step, node.now) {
                Ok((change, model)) => found.push(Candidate {
                    record: change.record,
                    model,
                    promotes: matches!(step, Step::Promote { .. }),
                }),
                Err(_) => self.refusals += 1,
            }
        }
        found
    }

    /// Commits what follows from an outdated copy, which changes nothing.
    fn refuse(&mut self, node: &Node, late: &Candidate) {
        let mut after = node.clone();
        assert!(!after.commit(&late.record, &late.model), "two commits from one revision: {:?}", late.record);
        assert!(Rc::ptr_eq(&after.stored, &node.stored), "a refused commit has changed {:?}", node.stored);
        self.late_commits += 1;
        self.late_promotions += u64::from(late.promotes);
    }

    /// Every step of every actor, and of somebody outside.
    fn expand(&mut self, node: &Node) {
        let candidates = [0, 1].map(|by| self.candidates(node, by));
        // One more write that an actor may not have seen.
        let (mut record, mut model) = (*node.stored).clone();
        (record.legal_hold, record.rev) = (!record.legal_hold, record.rev + 1);
        (model.held, model.rev) = (!model.held, model.rev + 1);
        let mut held = node.next();
        assert!(held.commit(&record, &model));
        candidates.iter().flatten().for_each(|late| self.refuse(&held, late));
        self.push(held);

        for by in 0..2 {
            let fresh = node.copies[by].as_ref().map(|copy| copy.fresh);
            if fresh != Some(true) {
                let mut next = node.next();
                next.read(by);
                self.push(next);
            }
            for candidate in &candidates[by] {
                let mut next = node.next();
                let accepted = next.commit(&candidate.record, &candidate.model);
                assert_eq!(Some(accepted), fresh, "a commit by {by} of {:?}", candidate.record);
                if accepted {
                    assert!(next.stored.0 == candidate.record && next.stored.1 == candidate.model);
                    // From here on the copy of the other one is outdated, if it was not before.
                    candidates[1 - by].iter().for_each(|late| self.refuse(&next, late));
                    next.read(by);
                } else {
                    self.refuse(node, candidate);
                    next.copies[by] = None;
                }
                self.push(next);
            }
        }
    }
}

fn steps(worker: u8, now: u64) -> Vec<Step> {
    vec![
        Step::Claim { worker },
        Step::Plan { worker, keys: vec![worker] },
        Step::Release { worker, counts: true },
        Step::Release { worker, counts: false },
        // One of the two keeps what it publishes for a while only.
        Step::Promote { worker, life: (worker == 0).then_some(7 * 24 * 3600) },
        Step::Fail { worker, code: ErrorKind::InvalidImage },
        Step::Exhaust,
        Step::Reopen { worker },
        Step::Supersede { worker },
        Step::Replace,
        Step::Trash { life: 30 * 24 * 3600 },
        Step::Restore,
        Step::Expire,
        Step::Delete,
        Step::PassFound,
        Step::PassEmpty,
        Step::Postpone { until: now + 600 },
        Step::Edit,
        Step::Relocate { key: 0 },
        Step::Rehome { key: 0 },
        Step::Clear,
        Step::Cleared { again: None },
        Step::Scanned { worker },
        Step::Condemn { worker, threat: true },
        Step::AwaitScan { worker },
        Step::Acquit,
        Step::Quarantine { threat: false },
        Step::ScanTimeout,
        Step::Moved,
        Step::Unquarantine,
    ]
}

/// The closure over all steps: what follows from its last states is in it already, so every run is, however long.
#[test]
fn every_interleaving_of_two_actors_is_as_the_model_says() {
    let trials = Trials::new("state-machine", 1);
    let mut frontier = Frontier::default();
    for record in [sample(true), sample(false), unscanned()] {
        let model = observe(&record, start());
        let stored = Rc::new((record, model));
        frontier.push(Node { stored, copies: [None, None], now: 0, depth: 0 });
    }
    let (mut depth, mut reached, mut both_outdated) = (0, HashSet::new(), 0_u64);
    while let Some(node) = frontier.queue.pop_front() {
        depth = depth.max(node.depth);
        reached.insert(node.stored.1.state);
        both_outdated += u64::from(node.copies.iter().flatten().filter(|copy| !copy.fresh).count() == 2);
        for later in node.later() {
            // A second before a deadline everything is as it was.
            for step in steps(0, later.now - 1) {
                let _ = both(&node.stored.0, &node.stored.1, &step, later.now - 1);
            }
            frontier.push(later);
        }
        frontier.expand(&node);
    }
    let states = frontier.seen.len();
    assert!(depth >= DEPTH, "the farthest state is {depth} steps away");
    assert!(states > FLOOR, "{states} states");
    assert!(frontier.refusals > 0 && frontier.late_commits > 0);
    assert!(
        frontier.late_promotions > 0 && both_outdated > 0,
        "actors go on from what they have read before"
    );
    assert_eq!(reached.len(), FileState::ALL.len(), "{reached:?}");
    trials.report(json!({
        "states": states, "edges": frontier.edges, "refusals": frontier.refusals,
        "late_commits": frontier.late_commits, "late_promotions": frontier.late_promotions, "depth": depth,
        "differences": 0,
    }));
}

/// Every step from every state there is, those included that nothing leads to, at every time around its deadlines.
#[test]
fn every_step_from_every_state_is_as_the_model_says() {
    let mut pairs = 0;
    let scans = || [None].into_iter().chain(ScanStatus::ALL.iter().map(Some));
    for (state, status) in FileState::ALL.iter().flat_map(|state| scans().map(move |status| (state, status)))
    {
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
            record.clearing_until = at(times);
            record.scan = status.map(|status| record::Scan {
                status: *status,
                deadline: at(times).filter(|_| staged),
                ..record::Scan::required(start())
            });
            let model = observe(&record, start());
            for worker in 0..2 {
                // What is due again at a named time leads to more states than can be followed, and is tried here alone.
                let again = Step::Cleared { again: Some(1900) };
                for step in steps(worker, 1000).into_iter().chain([again]) {
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
