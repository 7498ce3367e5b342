//! What trials find, and how it is counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub kind: Kind,
    /// Where, in words.
    pub what: String,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Acknowledged bytes cannot be read.
    Lost,
    /// Something is served that is not what the record says was validated.
    WrongBytes,
    /// Something is served that should have been refused.
    Unvalidated,
    /// Something deleted is readable.
    Resurrected,
    /// Bytes that no live record names.
    Orphan,
    /// A record that never comes to rest.
    Stuck,
    /// An older avatar is shown in place of a newer one.
    OldAvatar,
    /// A step of the state machine that there is not.
    IllegalEdge,
    /// Two workers held one lease.
    SharedLease,
    /// A repeated request had a second effect.
    SecondEffect,
    /// A secret in a log.
    LoggedSecret,
    /// A function panicked.
    Panicked,
}

/// What a run of trials did and found.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many trials.
    pub trials: usize,
    /// Kills by the point of the call they happened at.
    pub kills: BTreeMap<&'static str, usize>,
    /// Other faults.
    pub faults: BTreeMap<&'static str, usize>,
    /// What was found, with the seed of its trial.
    pub findings: Vec<(u64, Finding)>,
    /// The longest it took, in minutes of the functions' clock, until nothing was left to heal.
    pub worst_heal_minutes: u64,
}

impl Tally {
    /// How often a promise was found broken.
    pub fn count(&self, kind: Kind) -> usize {
        self.findings.iter().filter(|(_, finding)| finding.kind == kind).count()
    }

    /// The line of the report.
    pub fn report(&self) -> Value {
        let others = [
            Kind::Unvalidated,
            Kind::Stuck,
            Kind::OldAvatar,
            Kind::IllegalEdge,
            Kind::SharedLease,
            Kind::SecondEffect,
            Kind::LoggedSecret,
            Kind::Panicked,
        ];
        json!({
            "kills": self.kills,
            "faults": self.faults,
            "lost": self.count(Kind::Lost),
            "wrong_bytes": self.count(Kind::WrongBytes),
            "resurrected": self.count(Kind::Resurrected),
            "orphans": self.count(Kind::Orphan),
            "other": others.iter().map(|kind| self.count(*kind)).sum::<usize>(),
            "worst_heal_minutes": self.worst_heal_minutes,
        })
    }
}
