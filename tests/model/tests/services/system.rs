//! What the services are expected to do, one operation after the other: the model of a file, and what lies around it.

use model_tests::{Model, Refusal, Step};
use storage_core::ErrorKind;
use storage_core::record::FileState;

pub(crate) const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// What was uploaded, measured by what was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// What was declared.
    Good,
    /// Other bytes of the same size, and for a text file as good as the declared ones.
    Other,
    /// Bytes of another type, of the same size.
    Foreign,
    /// A byte too few.
    Short,
}

/// One file, as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) model: Model,
    pub(crate) avatar: bool,
    /// Whether a digest was declared.
    pub(crate) digest: bool,
    pub(crate) seq: u64,
    /// What lies on staging.
    pub(crate) staging: Option<Content>,
    /// Whether its final objects are there.
    pub(crate) finals: bool,
    /// What became readable.
    pub(crate) shown: Option<Content>,
}

/// What ingest answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ready,
    Failed,
    Busy,
    NotUploaded,
    Gone,
}

/// Every file of one user, and the pointer of the user's avatar.
#[derive(Clone, Debug, Default)]
pub(crate) struct System {
    pub(crate) now: u64,
    pub(crate) files: Vec<Expected>,
    pub(crate) current: Option<usize>,
    pub(crate) current_seq: Option<u64>,
    pub(crate) last_seq: u64,
}

impl Expected {
    pub(super) fn step(&mut self, step: Step, now: u64) -> Result<(), Refusal> {
        self.model = self.model.step(&step, now)?;
        Ok(())
    }

    fn objects(&self) -> u64 {
        let finals = if self.avatar { 7 } else { 2 };
        u64::from(self.staging.is_some()) + if self.finals { finals } else { 0 }
    }

    pub(super) fn remove_bytes(&mut self) -> u64 {
        let found = self.objects();
        (self.staging, self.finals) = (None, false);
        found
    }

    fn verdict(&self, content: Content) -> Result<(), ErrorKind> {
        match content {
            Content::Good => Ok(()),
            Content::Short => Err(ErrorKind::SizeMismatch),
            _ if self.digest => Err(ErrorKind::ChecksumMismatch),
            Content::Other if !self.avatar => Ok(()),
            _ if self.avatar => Err(ErrorKind::UnsupportedMediaType),
            _ => Err(ErrorKind::ContentMismatch),
        }
    }
}

impl System {
    /// A new file; an avatar takes the next number.
    pub(crate) fn issue(&mut self, avatar: bool, digest: bool, staged: bool) {
        let (now, minutes) = (self.now, if staged { 75 } else { 25 });
        let seq = if avatar { self.take_seq() } else { 0 };
        let model = Model {
            state: FileState::Pending,
            rev: 1,
            lease: None,
            attempts: 0,
            held: false,
            staged,
            expires: Some(now + minutes * MINUTE),
            restorable: None,
            clearing: None,
            due: Some(now + 10 * MINUTE),
            forgotten: None,
            planned: Default::default(),
            code: None,
            scan: None,
            locked: false,
        };
        self.files.push(Expected { model, avatar, digest, seq, staging: None, finals: false, shown: None });
    }

    fn take_seq(&mut self) -> u64 {
        self.last_seq += 1;
        self.last_seq
    }

    /// Ingest of what lies on staging, or of these bytes.
    pub(crate) fn ingest(&mut self, index: usize, bytes: Option<Content>) -> Answer {
        let now = self.now;
        let file = &mut self.files[index];
        match file.model.state {
            FileState::Ready => {
                file.staging = None;
                return Answer::Ready;
            }
            FileState::Failed => return Answer::Failed,
            FileState::Deleting | FileState::Deleted => {
                file.staging = None;
                return Answer::Gone;
            }
            FileState::Trashed | FileState::Scanning | FileState::Quarantined => return Answer::Gone,
            FileState::Pending | FileState::Processing => {}
        }
        let Some(content) = bytes.or(file.staging) else {
            let pending = file.model.state == FileState::Pending;
            return if pending { Answer::NotUploaded } else { Answer::Busy };
        };
        match file.step(Step::Claim { worker: 0 }, now) {
            Ok(()) => {}
            Err(Refusal::Exhausted) => {
                file.step(Step::Exhaust, now).unwrap();
                return Answer::Failed;
            }
            Err(_) => return Answer::Busy,
        }
        if let Err(code) = file.verdict(content) {
            file.step(Step::Fail { worker: 0, code }, now).unwrap();
            file.remove_bytes();
            return Answer::Failed;
        }
        let keys = (0..if file.avatar { 7 } else { 2 }).collect();
        file.step(Step::Plan { worker: 0, keys }, now).unwrap();
        if file.avatar && self.current_seq >= Some(file.seq) {
            file.step(Step::Supersede { worker: 0 }, now).unwrap();
            file.remove_bytes();
            return Answer::Gone;
        }
        file.step(Step::Promote { worker: 0, life: None }, now).unwrap();
        (file.staging, file.finals, file.shown) = (None, true, Some(content));
        if file.avatar {
            self.current_seq = Some(file.seq);
            if let Some(old) = self.current.replace(index) {
                self.files[old].step(Step::Replace, now).unwrap();
            }
        }
        Answer::Ready
    }

    /// A deletion by id; `Err` where a legal hold forbids it.
    pub(crate) fn delete_file(&mut self, index: usize, permanent: bool) -> Result<(), ()> {
        let now = self.now;
        if self.current == Some(index) {
            return self.clear(None);
        }
        let file = &mut self.files[index];
        let step = match file.model.state {
            FileState::Deleting | FileState::Deleted => return Ok(()),
            FileState::Trashed if !permanent => return Ok(()),
            FileState::Ready if !permanent && !file.avatar => Step::Trash { life: 30 * DAY },
            _ => Step::Delete,
        };
        file.step(step, now).map_err(|_| ())?;
        if file.model.state == FileState::Deleting {
            file.remove_bytes();
        }
        Ok(())
    }

    /// A restore by id. An avatar comes back only where none is shown, and is the newest then.
    pub(crate) fn restore(&mut self, index: usize) -> Result<(), ErrorKind> {
        let file = &self.files[index];
        if matches!(file.model.state, FileState::Deleting | FileState::Deleted) {
            return Err(ErrorKind::NotFound);
        }
        let restored = file.model.step(&Step::Restore, self.now).map_err(|_| ErrorKind::StateConflict)?;
        if file.avatar {
            if self.current.is_some() {
                return Err(ErrorKind::StateConflict);
            }
            let seq = self.take_seq();
            (self.current, self.current_seq, self.files[index].seq) = (Some(index), Some(seq), seq);
        }
        self.files[index].model = restored;
        Ok(())
    }

    /// A deletion of the user's avatar.
    pub(crate) fn delete_avatar(&mut self) -> Result<(), ()> {
        let seq = self.take_seq();
        self.clear(Some(seq))
    }

    fn clear(&mut self, seq: Option<u64>) -> Result<(), ()> {
        if let Some(shown) = self.current {
            self.files[shown].step(Step::Delete, self.now).map_err(|_| ())?;
            self.files[shown].remove_bytes();
        }
        self.current = None;
        self.current_seq = seq.or(self.current_seq);
        Ok(())
    }
}
