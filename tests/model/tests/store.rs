//! A store of two generations of one avatar and the pointer to them, with transactions that are refused as the real one's.

use std::rc::Rc;

use model_tests::{Model, Step, observe, sample, start};
use storage_core::record::{FileRecord, FileState};

use crate::pure::both;

/// Which generation is shown, and the number of who set that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pointer {
    pub(crate) current: Option<usize>,
    pub(crate) seq: u64,
}

/// A record with what the model makes of it.
pub(crate) type Pair = Rc<(FileRecord, Model)>;

/// Two files of one entity, in one store.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) files: [Pair; 2],
    seqs: [u64; 2],
    pub(crate) pointer: Pointer,
    pub(crate) now: u64,
}

/// A transaction: new records with the revisions they were made from, and the pointer with the number it was read with.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) files: Vec<(usize, FileRecord, Model)>,
    pub(crate) pointer: Option<(u64, Pointer)>,
}

impl Store {
    pub(crate) fn new(seqs: [u64; 2]) -> Self {
        let file = || {
            let record = sample(true);
            let model = observe(&record, start());
            Rc::new((record, model))
        };
        Store { files: [file(), file()], seqs, pointer: Pointer::default(), now: 0 }
    }

    /// All writes, or none where one of them was made from something that is not there any more.
    pub(crate) fn commit(&mut self, writes: Writes) -> bool {
        let fresh =
            |(file, record, _): &(usize, FileRecord, Model)| record.rev == self.files[*file].0.rev + 1;
        if !writes.files.iter().all(fresh) || writes.pointer.is_some_and(|(seen, _)| seen != self.pointer.seq)
        {
            return false;
        }
        for (file, record, model) in writes.files {
            self.files[file] = Rc::new((record, model));
        }
        if let Some((seen, pointer)) = writes.pointer {
            assert!(pointer.seq >= seen, "the pointer goes back");
            self.pointer = pointer;
        }
        self.check();
        true
    }

    /// What readers rely on, after every commit.
    fn check(&self) {
        for file in 0..2 {
            let ready = self.files[file].1.state == FileState::Ready;
            assert_eq!(ready, self.pointer.current == Some(file), "shown, or readable, without the other");
        }
    }

    /// One delivery of an event, from start to end with nobody else in between.
    pub(crate) fn deliver(&mut self, file: usize) {
        let worker = file as u8;
        let claim = Step::Claim { worker };
        let Ok((change, model)) = both(&self.files[file].0, &self.files[file].1, &claim, self.now) else {
            return;
        };
        assert!(self.commit(Writes { files: vec![(file, change.record, model)], pointer: None }));
        let writes = self.promotion(file, worker, self.pointer, &self.files.clone()).unwrap();
        assert!(self.commit(writes));
    }

    /// What a worker commits that saw this pointer and these files; `None` where its lease is lost.
    pub(crate) fn promotion(
        &self,
        file: usize,
        worker: u8,
        pointer: Pointer,
        seen: &[Pair; 2],
    ) -> Option<Writes> {
        let own = &seen[file];
        let seq = self.seqs[file];
        if pointer.seq >= seq {
            let (change, model) = both(&own.0, &own.1, &Step::Supersede { worker }, self.now).ok()?;
            return Some(Writes { files: vec![(file, change.record, model)], pointer: None });
        }
        let (change, model) = both(&own.0, &own.1, &Step::Promote { worker, life: None }, self.now).ok()?;
        let mut files = vec![(file, change.record, model)];
        if let Some(old) = pointer.current
            && let Ok((change, model)) = both(&seen[old].0, &seen[old].1, &Step::Replace, self.now)
        {
            files.push((old, change.record, model));
        }
        Some(Writes { files, pointer: Some((pointer.seq, Pointer { current: Some(file), seq })) })
    }

    pub(crate) fn outcome(&self) -> ([FileState; 2], Pointer) {
        (self.files.each_ref().map(|file| file.1.state), self.pointer)
    }
}
