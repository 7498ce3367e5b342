//! A file as the table sees it, in whole seconds and with small numbers for names.

use std::collections::BTreeSet;

use storage_core::ErrorKind;
use storage_core::record::{FileState, ScanStatus};

use crate::table::{Effect, Guard, Kind, Refusal, TABLE};

const MINUTE: u64 = 60;
const LEASE: u64 = 16 * MINUTE;
const SETTLE: u64 = 15 * MINUTE;
const GRACE: u64 = 10 * MINUTE;
/// How long a verdict is waited for.
const HOUR: u64 = 60 * MINUTE;
const WEEK: u64 = 7 * 24 * 60 * MINUTE;
/// How long an avatar on legal hold can be restored after it was replaced.
const MONTH: u64 = 30 * 24 * 60 * MINUTE;
const ATTEMPTS: u32 = 5;

/// Who may commit, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// The worker.
    pub worker: u8,
    /// The second in which the lease is over.
    pub until: u64,
}

/// A scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scan {
    /// What is known.
    pub status: ScanStatus,
    /// Until when a verdict is waited for.
    pub until: Option<u64>,
    /// Whether the bytes are in quarantine.
    pub moved: bool,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Model {
    /// Where it is in its life.
    pub state: FileState,
    /// One more with every write.
    pub rev: u64,
    /// The last lease; none after a refusal.
    pub lease: Option<Lease>,
    /// Leases that count.
    pub attempts: u32,
    /// Legal hold.
    pub held: bool,
    /// Whether its bytes come by way of the staging bucket.
    pub staged: bool,
    /// When the upload is given up.
    pub expires: Option<u64>,
    /// Until when it can be, or could have been, restored.
    pub restorable: Option<u64>,
    /// Until when a removal of a key it has left may be on its way.
    pub clearing: Option<u64>,
    /// When the sweep looks at it.
    pub due: Option<u64>,
    /// When the table forgets it.
    pub forgotten: Option<u64>,
    /// Keys that may have been written.
    pub planned: BTreeSet<u8>,
    /// Why it was refused.
    pub code: Option<ErrorKind>,
    /// Its scan, where it has to be scanned.
    pub scan: Option<Scan>,
    /// Whether it has a place in quarantine.
    pub locked: bool,
}

/// What happens to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the row of the table with its name")]
pub enum Step {
    Claim { worker: u8 },
    Plan { worker: u8, keys: Vec<u8> },
    Release { worker: u8, counts: bool },
    Promote { worker: u8, life: Option<u64> },
    Fail { worker: u8, code: ErrorKind },
    Exhaust,
    Reopen { worker: u8 },
    Supersede { worker: u8 },
    Replace,
    Trash { life: u64 },
    Restore,
    Expire,
    Delete,
    PassFound,
    PassEmpty,
    Postpone { until: u64 },
    Edit,
    Relocate { key: u8 },
    Rehome { key: u8 },
    Clear,
    Cleared { again: Option<u64> },
    Scanned { worker: u8 },
    Condemn { worker: u8, threat: bool },
    AwaitScan { worker: u8 },
    Acquit,
    Quarantine { threat: bool },
    ScanTimeout,
    Moved,
    Unquarantine,
}

impl Step {
    /// Its row.
    pub fn kind(&self) -> Kind {
        match self {
            Step::Claim { .. } => Kind::Claim,
            Step::Plan { .. } => Kind::Plan,
            Step::Release { .. } => Kind::Release,
            Step::Promote { .. } => Kind::Promote,
            Step::Fail { .. } => Kind::Fail,
            Step::Exhaust => Kind::Exhaust,
            Step::Reopen { .. } => Kind::Reopen,
            Step::Supersede { .. } => Kind::Supersede,
            Step::Replace => Kind::Replace,
            Step::Trash { .. } => Kind::Trash,
            Step::Restore => Kind::Restore,
            Step::Expire => Kind::Expire,
            Step::Delete => Kind::Delete,
            Step::PassFound => Kind::PassFound,
            Step::PassEmpty => Kind::PassEmpty,
            Step::Postpone { .. } => Kind::Postpone,
            Step::Edit => Kind::Edit,
            Step::Relocate { .. } => Kind::Relocate,
            Step::Rehome { .. } => Kind::Rehome,
            Step::Clear => Kind::Clear,
            Step::Cleared { .. } => Kind::Cleared,
            Step::Scanned { .. } => Kind::Scanned,
            Step::Condemn { .. } => Kind::Condemn,
            Step::AwaitScan { .. } => Kind::AwaitScan,
            Step::Acquit => Kind::Acquit,
            Step::Quarantine { .. } => Kind::Quarantine,
            Step::ScanTimeout => Kind::ScanTimeout,
            Step::Moved => Kind::Moved,
            Step::Unquarantine => Kind::Unquarantine,
        }
    }

    /// The worker that does it, where only a lease holder can or wants to be one.
    pub fn worker(&self) -> Option<u8> {
        match self {
            Step::Claim { worker }
            | Step::Reopen { worker }
            | Step::Plan { worker, .. }
            | Step::Release { worker, .. }
            | Step::Promote { worker, .. }
            | Step::Fail { worker, .. }
            | Step::Scanned { worker }
            | Step::Condemn { worker, .. }
            | Step::AwaitScan { worker }
            | Step::Supersede { worker } => Some(*worker),
            _ => None,
        }
    }
}

impl Model {
    /// The file after `step` at second `now`, or why nothing happens.
    pub fn step(&self, step: &Step, now: u64) -> Result<Model, Refusal> {
        let mut refusal = Refusal::State;
        for row in TABLE.iter().filter(|row| row.kind == step.kind() && row.from.contains(&self.state)) {
            match row.guards.iter().find(|guard| !self.holds(**guard, step, now)) {
                None => {
                    let mut next = self.clone();
                    next.rev += 1;
                    next.take_effect(row.effect, step, now);
                    next.state = row.to.unwrap_or(self.state);
                    return Ok(next);
                }
                Some(guard) => refusal = refusal_of(*guard),
            }
        }
        Err(refusal)
    }

    /// Whether somebody may commit at `now`.
    pub fn is_leased(&self, now: u64) -> bool {
        self.state == FileState::Processing && self.lease.is_some_and(|lease| lease.until > now)
    }

    fn holds(&self, guard: Guard, step: &Step, now: u64) -> bool {
        let reached = |at: Option<u64>| at.is_some_and(|at| at <= now);
        match guard {
            Guard::OwnLease => self.is_leased(now) && self.lease.map(|lease| lease.worker) == step.worker(),
            Guard::LeaseOver => !self.is_leased(now),
            Guard::AttemptsLeft => self.attempts < ATTEMPTS,
            Guard::AttemptsUsed => self.attempts == ATTEMPTS,
            Guard::NotHeld => !self.held,
            Guard::Held => self.held,
            Guard::Expired => reached(self.expires),
            Guard::TrashOver => reached(self.restorable),
            Guard::TrashOpen => self.restorable.is_some_and(|until| now < until),
            Guard::Due => self.due.is_none() || reached(self.due),
            Guard::Unstaged => !self.staged,
            Guard::Rested => self.due.is_none(),
            Guard::NotClearing => self.clearing.is_none() || reached(self.clearing),
            Guard::Relocating => {
                let named = matches!(step, Step::Rehome { key } if self.planned.contains(key));
                named && self.lease.is_some_and(|lease| now < lease.until)
            }
            Guard::Passed => {
                self.scan.is_none_or(|scan| matches!(scan.status, ScanStatus::Clean | ScanStatus::Released))
            }
            Guard::ScanOver => self.scan.and_then(|scan| scan.until).is_none_or(|until| now >= until),
        }
    }

    fn take_effect(&mut self, effect: Effect, step: &Step, now: u64) {
        let settled = self.lease.map_or(now, |lease| lease.until.max(now)) + SETTLE;
        match effect {
            Effect::Lease => {
                let until = now + LEASE;
                self.lease = step.worker().map(|worker| Lease { worker, until });
                self.attempts += 1;
                self.due = Some(until);
            }
            Effect::Reopen => {
                let until = now + LEASE;
                self.lease = step.worker().map(|worker| Lease { worker, until });
                (self.attempts, self.due, self.code, self.forgotten) = (1, Some(until), None, None);
            }
            Effect::RememberKeys => {
                if let Step::Plan { keys, .. } = step {
                    self.planned.extend(keys);
                }
            }
            Effect::EndLease => {
                self.lease = self.lease.map(|lease| Lease { until: now, ..lease });
                self.due = Some(if self.staged { now } else { now + GRACE });
                self.attempts -= u32::from(matches!(step, Step::Release { counts: false, .. }));
            }
            Effect::Publish => {
                let life = match step {
                    Step::Promote { life, .. } => *life,
                    _ => None,
                };
                self.expires = life.map(|life| now + life);
                (self.code, self.due) = (None, self.expires);
            }
            Effect::Refuse => {
                self.due = Some(settled);
                self.lease = None;
                self.forgotten = Some(now + WEEK);
                self.code = match step {
                    Step::Fail { code, .. } => Some(*code),
                    _ => Some(ErrorKind::AttemptsExhausted),
                };
            }
            Effect::Entomb => (self.due, self.expires, self.forgotten) = (Some(settled), None, None),
            Effect::Keep => {
                let life = if let Step::Trash { life } = step { *life } else { MONTH };
                let end = self.expires.map_or(now + life, |expires| expires.min(now + life));
                self.restorable = Some(end);
                self.due = Some(self.due.map_or(end, |due| due.min(end)));
            }
            Effect::Return => {
                if self.due == self.restorable {
                    self.due = None;
                }
                self.due = self.due.or(self.expires);
                self.restorable = None;
            }
            Effect::LookAgain => self.due = Some(now + SETTLE),
            Effect::Bury => (self.due, self.forgotten) = (None, Some(now + WEEK)),
            Effect::Rest => self.due = None,
            Effect::DueAt => {
                if let Step::Postpone { until } = step {
                    self.due = Some(*until);
                }
            }
            Effect::Nothing => {}
            Effect::Prepare => {
                if let Step::Relocate { key } = step {
                    self.planned.insert(*key);
                }
                self.work_until(now + LEASE);
            }
            Effect::Forbid => {
                self.work_until(now + LEASE);
                self.clearing = self.due;
            }
            Effect::Allow => {
                self.clearing = None;
                self.due = match step {
                    Step::Cleared { again: Some(at) } => Some(*at),
                    _ => self.restorable.or(self.expires),
                };
            }
            Effect::NoteClean => {
                self.note(ScanStatus::Clean);
            }
            Effect::Wait => {
                let until = *self.note(ScanStatus::Pending).until.get_or_insert(now + HOUR);
                self.lease = self.lease.map(|lease| Lease { until: now, ..lease });
                self.attempts = self.attempts.saturating_sub(1);
                self.due = Some(until.min(now + GRACE));
            }
            Effect::GoOn => {
                self.note(ScanStatus::Clean);
                self.due = Some(now);
            }
            Effect::LockAway => {
                self.note(match step {
                    Step::Condemn { threat: true, .. } | Step::Quarantine { threat: true } => {
                        ScanStatus::Infected
                    }
                    Step::ScanTimeout => ScanStatus::Timeout,
                    _ => ScanStatus::Error,
                });
                self.locked = true;
                self.lease = self.lease.map(|lease| Lease { until: lease.until.min(now), ..lease });
                self.code = Some(ErrorKind::FileQuarantined);
                (self.due, self.restorable) = (Some(now), Some(now + MONTH));
            }
            Effect::Settle => {
                if let Some(scan) = &mut self.scan {
                    scan.moved = true;
                }
                self.due = self.restorable;
            }
            Effect::LetOut => {
                self.note(ScanStatus::Released);
                (self.attempts, self.code, self.restorable) = (0, None, None);
                self.due = Some(now);
            }
        }
    }
}

impl Model {
    /// What is known of the scan from now on; its bytes are in no quarantine.
    fn note(&mut self, status: ScanStatus) -> &mut Scan {
        let scan = self.scan.get_or_insert(Scan { status, until: None, moved: false });
        (scan.status, scan.moved) = (status, false);
        scan
    }

    /// Somebody writes until then at least, and what it has sent arrives within 15 minutes more.
    fn work_until(&mut self, end: u64) {
        let until = self.lease.map_or(end, |lease| lease.until.max(end));
        self.lease = Some(Lease { worker: self.lease.map_or(0, |lease| lease.worker), until });
        self.due = Some(until + SETTLE);
    }
}

fn refusal_of(guard: Guard) -> Refusal {
    match guard {
        Guard::OwnLease | Guard::Relocating => Refusal::LeaseLost,
        Guard::LeaseOver | Guard::NotClearing => Refusal::Leased,
        Guard::AttemptsLeft => Refusal::Exhausted,
        Guard::Unstaged => Refusal::State,
        Guard::NotHeld => Refusal::Held,
        Guard::Passed => Refusal::Unscanned,
        Guard::AttemptsUsed
        | Guard::ScanOver
        | Guard::Held
        | Guard::Expired
        | Guard::TrashOver
        | Guard::TrashOpen
        | Guard::Rested
        | Guard::Due => Refusal::Time,
    }
}
