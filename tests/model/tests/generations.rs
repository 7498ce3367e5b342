//! Two generations of one avatar: the pointer, its events in every order, and every interleaving of those who move it.

use std::collections::{HashSet, VecDeque};

use model_tests::{Model, Step};
use serde_json::json;
use storage_core::record::{FileRecord, FileState};
use storage_testkit::trials::Trials;

use crate::pure::both;
use crate::store::{Pair, Pointer, Store, Writes};

/// Fewer states than this mean that the exploration has lost a dimension.
const FLOOR: usize = 20_000;

/// G01: eight events, four of each of two generations, in all 8! orders. Orders that begin alike share that beginning.
#[test]
fn g01_eight_events_in_every_order_end_in_the_same_state() {
    let trials = Trials::new("G01-orders", 1);
    fn orders(store: &Store, left: u8, ends: &mut Vec<([FileState; 2], Pointer)>) {
        if left == 0 {
            ends.push(store.outcome());
            return;
        }
        for event in (0..8).filter(|event| left & (1 << event) != 0) {
            let mut next = store.clone();
            next.deliver(usize::from(event % 2 == 1));
            orders(&next, left & !(1 << event), ends);
        }
    }
    let store = Store::new([1, 2]);
    let mut in_order = store.clone();
    for event in 0..8 {
        in_order.deliver(event / 4);
    }
    assert_eq!(in_order.pointer.current, Some(1));
    let mut ends = Vec::new();
    orders(&store, u8::MAX, &mut ends);
    assert_eq!(ends.len(), 40_320);
    assert!(ends.iter().all(|end| *end == in_order.outcome()));
    trials.report(json!({ "trials": ends.len(), "different_ends": 0 }));
}

/// Somebody who reads, and commits later what follows from what was read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    /// A finaliser of this generation.
    Worker(usize, u8),
    /// Deletes the avatar, with this number.
    Deleter(u64),
    /// Deletes the older generation by its id.
    Remover,
}

#[derive(Clone)]
struct Seen {
    pointer: Pointer,
    files: [Pair; 2],
}

#[derive(Clone)]
struct Node {
    store: Store,
    seen: Vec<Option<Seen>>,
    depth: usize,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    files: Vec<(FileState, Option<u8>, bool, u32)>,
    pointer: Pointer,
    seen: Vec<Option<(Pointer, [bool; 2])>>,
    leases: Vec<u64>,
}

impl Node {
    fn key(&self) -> Key {
        let now = self.store.now;
        let busy = |model: &Model| model.state == FileState::Processing;
        let file = |pair: &Pair| {
            let model = &pair.1;
            let owner = model.lease.filter(|_| busy(model)).map(|lease| lease.worker);
            let attempts = if busy(model) { model.attempts } else { 0 };
            (model.state, owner, model.is_leased(now), attempts)
        };
        let ahead = |pair: &Pair| {
            let model = &pair.1;
            model.lease.filter(|_| busy(model)).map_or(0, |lease| lease.until.saturating_sub(now))
        };
        let fresh = |seen: &Seen| [0, 1].map(|file| seen.files[file].0.rev == self.store.files[file].0.rev);
        Key {
            files: self.store.files.iter().map(file).collect(),
            pointer: self.store.pointer,
            seen: self
                .seen
                .iter()
                .map(|seen| seen.as_ref().map(|seen| (seen.pointer, fresh(seen))))
                .collect(),
            leases: self.store.files.iter().map(ahead).collect(),
        }
    }

    /// What `who` commits from what it saw.
    fn writes(&self, who: Who, seen: &Seen) -> Option<Writes> {
        match who {
            Who::Worker(file, worker) => self.store.promotion(file, worker, seen.pointer, &seen.files),
            Who::Deleter(seq) => {
                if seen.pointer.seq >= seq {
                    return None;
                }
                let mut writes = Writes {
                    pointer: Some((seen.pointer.seq, Pointer { current: None, seq })),
                    ..Writes::default()
                };
                writes.files.extend(seen.pointer.current.and_then(|file| self.deletion(seen, file)));
                Some(writes)
            }
            Who::Remover => {
                let pointer = Pointer { current: None, ..seen.pointer };
                let shown = seen.pointer.current == Some(0);
                let moved = shown.then_some((seen.pointer.seq, pointer));
                // What is ready and not shown was replaced a moment ago: its record is read again.
                if !shown && seen.files[0].1.state == FileState::Ready {
                    return None;
                }
                Some(Writes { files: vec![self.deletion(seen, 0)?], pointer: moved })
            }
        }
    }

    fn deletion(&self, seen: &Seen, file: usize) -> Option<(usize, FileRecord, Model)> {
        let (record, model) = &*seen.files[file];
        let (change, model) = both(record, model, &Step::Delete, self.store.now).ok()?;
        Some((file, change.record, model))
    }

    /// Forgets what can only be refused: an own file, or a pointer, that is not as it was read. How often.
    fn forget(&mut self, actors: &[Who]) -> u64 {
        let store = &self.store;
        let changed = |seen: &Seen, file: usize| seen.files[file].0.rev != store.files[file].0.rev;
        let mut refused = 0;
        for (who, seen) in actors.iter().zip(&mut self.seen) {
            let late = seen.as_ref().is_some_and(|seen| match who {
                Who::Worker(file, _) => changed(seen, *file),
                Who::Deleter(_) => seen.pointer.seq != store.pointer.seq,
                Who::Remover => changed(seen, 0),
            });
            if late {
                *seen = None;
                refused += 1;
            }
        }
        refused
    }

    fn next(&self) -> Node {
        Node { depth: self.depth + 1, ..self.clone() }
    }
}

/// Two finalisers of each generation, a deletion of the avatar and one of the older file, with every number order that
/// issues and deletion can have, until nothing new is found.
#[test]
fn g06_the_pointer_never_goes_back_whoever_is_interrupted_where() {
    let trials = Trials::new("avatar-pointer", 1);
    let (mut seen, mut commits, mut conflicts, mut depth) = (0, 0_u64, 0_u64, 0);
    for (seqs, deletion) in [([1, 2], 3), ([1, 3], 2), ([2, 3], 1)] {
        let actors =
            [Who::Worker(0, 0), Who::Worker(0, 1), Who::Worker(1, 2), Who::Deleter(deletion), Who::Remover];
        let mut known = HashSet::new();
        let start = Node { store: Store::new(seqs), seen: vec![None; actors.len()], depth: 0 };
        let mut queue = VecDeque::from([start]);
        let mut push = |queue: &mut VecDeque<Node>, mut node: Node| {
            conflicts += node.forget(&actors);
            if known.insert(node.key()) {
                queue.push_back(node);
            }
        };
        while let Some(node) = queue.pop_front() {
            depth = depth.max(node.depth);
            let ends = node.store.files.iter().filter_map(|pair| {
                let model = &pair.1;
                model.lease.filter(|_| model.is_leased(node.store.now)).map(|lease| lease.until)
            });
            if let Some(end) = ends.min() {
                let mut later = node.next();
                later.store.now = end;
                push(&mut queue, later);
            }
            for (index, who) in actors.into_iter().enumerate() {
                if let Who::Worker(file, worker) = who {
                    // Two attempts of each file are enough for one to be late.
                    let (record, model) = &*node.store.files[file];
                    let claim = Step::Claim { worker };
                    if let Ok((change, model)) = both(record, model, &claim, node.store.now)
                        && model.attempts <= 2
                    {
                        let mut next = node.next();
                        next.seen[index] = None;
                        assert!(
                            next.store
                                .commit(Writes { files: vec![(file, change.record, model)], pointer: None })
                        );
                        push(&mut queue, next);
                    }
                }
                let mut next = node.next();
                match &node.seen[index] {
                    None => {
                        let store = &node.store;
                        next.seen[index] = Some(Seen { pointer: store.pointer, files: store.files.clone() });
                    }
                    Some(saw) => {
                        next.seen[index] = None;
                        if let Some(writes) = node.writes(who, saw) {
                            commits += u64::from(next.store.commit(writes));
                        }
                    }
                }
                push(&mut queue, next);
            }
        }
        seen += known.len();
    }
    assert!(seen > FLOOR && commits > 0 && conflicts > 0, "{seen} states");
    trials.report(json!({
        "states": seen, "commits": commits, "conflicts": conflicts, "depth": depth, "shown_again": 0,
    }));
}
