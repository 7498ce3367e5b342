//! What clients were promised, what they were shown, and how long something has been lying about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use storage_core::ErrorKind;
use storage_core::ids::FileId;
use storage_core::ports::ObjectRef;
use storage_core::timestamp::Timestamp;

use crate::process::{Action, Answer};

/// Nothing lies on staging longer, and no upload is neither refused nor readable longer: 2 hours.
pub const STAGING_BOUND: Duration = Duration::from_secs(2 * 3600);
/// No upload in parts, and no part of one, is older: 25 hours.
pub const PARTS_BOUND: Duration = Duration::from_secs(25 * 3600);
/// No final key that no live record names, and no tombstone with bytes, is older: 49 hours.
pub const FINAL_BOUND: Duration = Duration::from_secs(49 * 3600);

/// A kind of thing that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An acknowledged upload that is not served, though nobody deleted or replaced it.
    Lost,
    /// An object and a record that do not belong together.
    WrongBytes,
    /// A file that was readable after its end, or an avatar that was shown after a newer one.
    Resurrected,
    /// An object, a lease or an unfinished record beyond its bound.
    Orphan,
    /// An edge that the state machine does not have, or a second effect of one request.
    Illegal,
}

/// What is wrong, and how long it took to put everything in order.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Every fault, in words.
    pub faults: Vec<(Fault, String)>,
    /// The longest that anything lay about.
    pub worst_heal: Duration,
}

impl Findings {
    /// Adds those of another run.
    pub fn add(&mut self, other: Findings) {
        self.faults.extend(other.faults);
        self.worst_heal = self.worst_heal.max(other.worst_heal);
    }

    /// The numbers for the report of a campaign: 0 each where the guarantees hold, and how long healing took.
    pub fn report(&self) -> Value {
        let count = |fault| self.faults.iter().filter(|(found, _)| *found == fault).count();
        json!({
            "lost": count(Fault::Lost),
            "wrong_bytes": count(Fault::WrongBytes),
            "resurrected": count(Fault::Resurrected),
            "orphans": count(Fault::Orphan),
            "illegal": count(Fault::Illegal),
            "worst_heal_minutes": self.worst_heal.as_secs() / 60,
        })
    }

    /// Fails the test with the first faults in words, if there are any.
    pub fn assert_none(&self, runs: usize) {
        let shown: Vec<String> =
            self.faults.iter().take(20).map(|(fault, words)| format!("{fault:?}: {words}")).collect();
        assert!(shown.is_empty(), "{} faults in {runs} runs:\n{}", self.faults.len(), shown.join("\n"));
    }
}

/// What is remembered of a world beside its stores.
#[derive(Debug, Default)]
pub struct Watch {
    /// SHA-256 of everything that was ever sent for a file.
    pub uploads: BTreeMap<FileId, BTreeSet<String>>,
    /// Every object that a form wrote, with its bytes.
    pub staged: Vec<(ObjectRef, Bytes)>,
    /// The last acknowledged upload of a file, by its SHA-256.
    pub promised: BTreeMap<FileId, String>,
    /// Files that are to be refused, and why.
    pub refused: BTreeMap<FileId, ErrorKind>,
    /// Files that a scan did not find clean, and that nobody may ever read.
    pub condemned: BTreeSet<FileId>,
    /// Files whose deletion was asked for, and may have happened.
    pub doomed: BTreeSet<FileId>,
    /// SHA-256 of every upload that was to become another file.
    pub copied: BTreeSet<String>,
    /// Files that were to become another: they may end once that is readable.
    pub leaving: BTreeSet<FileId>,
    /// Files whose deletion was acknowledged.
    pub ended: BTreeSet<FileId>,
    /// The highest number of an avatar that was shown.
    pub shown: u64,
    /// What is wrong so far.
    pub findings: Findings,
    since: BTreeMap<String, (Timestamp, Duration)>,
}

impl Watch {
    /// Bytes are on their way to a file. Nobody has acknowledged them.
    pub fn sent(&mut self, file: FileId, bytes: &Bytes) {
        self.uploads.entry(file).or_default().insert(sha256(bytes));
    }

    /// S3 has acknowledged a form.
    pub fn posted(&mut self, file: FileId, staging: &ObjectRef, bytes: &Bytes) {
        self.sent(file, bytes);
        self.promised.insert(file, sha256(bytes));
        self.staged.push((staging.clone(), bytes.clone()));
    }

    /// The system is to refuse what was uploaded.
    pub fn refuse(&mut self, file: FileId, code: ErrorKind) {
        self.refused.insert(file, code);
    }

    /// A scan does not find this file clean: what was acknowledged is locked away, and no promise.
    pub fn condemn(&mut self, file: FileId) {
        self.promised.remove(&file);
        self.condemned.insert(file);
    }

    /// A deletion is on its way to these files.
    pub fn doom(&mut self, files: impl IntoIterator<Item = FileId>) {
        self.doomed.extend(files);
    }

    /// A client has its answer.
    pub fn answered(&mut self, action: &Action, answer: &Answer) {
        match (action, answer) {
            (Action::Direct(_, bytes, _), Answer::Stored(record)) => {
                self.promised.insert(record.file_id, sha256(bytes));
            }
            (Action::Transfer(..), Answer::Stored(record)) => {
                self.promised.extend(record.source_sha256.clone().map(|sha256| (record.file_id, sha256)));
            }
            // Whoever released it was told that it will be readable.
            (Action::Unquarantine(file), Answer::Done) => {
                let sent = self.uploads.get(file).and_then(|known| known.first()).cloned();
                self.promised.extend(sent.map(|sha256| (*file, sha256)));
            }
            // It may be deleted once more after it was restored.
            (Action::Restore(file), Answer::Done) => {
                self.ended.remove(file);
                self.doomed.remove(file);
            }
            (Action::Delete(file, _), Answer::Done) => {
                self.ended.insert(*file);
            }
            (Action::AbortParts(handle), Answer::Done) => {
                self.ended.insert(handle.file);
            }
            (Action::DeleteAvatar, Answer::Done) => self.ended.extend(self.doomed.iter().copied()),
            _ => {}
        }
    }

    /// Compares what lies about now with what lay about before: each thing with the longest it may.
    pub fn lying_about(&mut self, now: Timestamp, things: BTreeMap<String, Duration>) {
        for (thing, bound) in &things {
            self.since.entry(thing.clone()).or_insert((now, *bound));
        }
        let gone: Vec<String> =
            self.since.keys().filter(|thing| !things.contains_key(*thing)).cloned().collect();
        for thing in gone {
            let (since, bound) = self.since.remove(&thing).unwrap();
            self.judge(&thing, now.since(since), bound);
        }
    }

    /// Whatever still lies about after the last sweep will lie there for ever.
    pub fn left_over(&mut self) {
        let since = std::mem::take(&mut self.since);
        for thing in since.keys() {
            self.found(Fault::Orphan, format!("{thing} lies there for ever"));
        }
    }

    /// Something is wrong.
    pub fn found(&mut self, fault: Fault, words: String) {
        self.findings.faults.push((fault, words));
    }

    fn judge(&mut self, thing: &str, age: Duration, bound: Duration) {
        self.findings.worst_heal = self.findings.worst_heal.max(age);
        if age > bound {
            self.found(Fault::Orphan, format!("{thing} lay about for {} min", age.as_secs() / 60));
        }
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
