//! The table of `docs/ARCHITECTURE.md`, row by row: what happens, from where, to where, when, and what else it does.

use storage_core::record::FileState;
use storage_core::record::FileState::*;

/// What happens, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A worker asks for the lease.
    Claim,
    /// The lease holder names keys.
    Plan,
    /// The lease holder gives the lease back.
    Release,
    /// The lease holder makes the file readable.
    Promote,
    /// The lease holder refuses the upload.
    Fail,
    /// The attempts are over.
    Exhaust,
    /// Somebody takes up a transfer that died.
    Reopen,
    /// A newer avatar is shown already.
    Supersede,
    /// A newer avatar takes the place of this one.
    Replace,
    /// The owner deletes, restorably.
    Trash,
    /// The owner takes that back.
    Restore,
    /// Its time is over.
    Expire,
    /// It is deleted for good.
    Delete,
    /// A pass over its keys found bytes.
    PassFound,
    /// A pass over its keys found none.
    PassEmpty,
    /// The sweep looks again later.
    Postpone,
    /// The owner changes what is said about it.
    Edit,
    /// It is about to be copied to another key.
    Relocate,
    /// It was, and is served from there.
    Rehome,
    /// Keys it has left are about to be removed.
    Clear,
    /// They were.
    Cleared,
    /// The lease holder knows that the upload is clean.
    Scanned,
    /// The lease holder knows that it is not.
    Condemn,
    /// The lease holder leaves it to a scanner.
    AwaitScan,
    /// The scanner says that it is clean.
    Acquit,
    /// The scanner says that it is not.
    Quarantine,
    /// The scanner says nothing.
    ScanTimeout,
    /// The bytes are in quarantine.
    Moved,
    /// An administrator lets it out.
    Unquarantine,
}

/// A condition of a row, and the refusal where it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The worker holds the lease, and the lease is not over.
    OwnLease,
    /// Nobody holds a lease that is not over.
    LeaseOver,
    /// Fewer than five attempts were made.
    AttemptsLeft,
    /// Five attempts were made.
    AttemptsUsed,
    /// There is no legal hold.
    NotHeld,
    /// There is a legal hold.
    Held,
    /// `expires_at` is reached.
    Expired,
    /// `delete_after` is reached.
    TrashOver,
    /// `delete_after` is not reached.
    TrashOpen,
    /// `due_at` is reached, or there is none.
    Due,
    /// Its bytes never come by way of staging.
    Unstaged,
    /// Nothing is due.
    Rested,
    /// No removal of a key it has left may still be on its way.
    NotClearing,
    /// Whoever copies is within its time, and has named the key.
    Relocating,
    /// It need not be scanned, was found clean, or was let out of quarantine.
    Passed,
    /// The wait for a verdict is over.
    ScanOver,
}

/// Why nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No row has this state.
    State,
    /// Somebody else's lease.
    Leased,
    /// Not, or no longer, the own lease.
    LeaseLost,
    /// No attempt is left.
    Exhausted,
    /// Legal hold.
    Held,
    /// Too early or too late.
    Time,
    /// Not found clean.
    Unscanned,
}

/// What a row does beside changing the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A lease of 16 minutes, one more attempt, due at its end.
    Lease,
    /// A lease as for a first attempt: no error, and the record is kept.
    Reopen,
    /// The named keys are known from now on.
    RememberKeys,
    /// The lease ends now; due now, or in 10 minutes where no staging object can be waited for.
    EndLease,
    /// No error, no expiry, nothing due.
    Publish,
    /// An error code, no lease; due 15 minutes after its end; the record is kept 7 days.
    Refuse,
    /// Due 15 minutes after the last lease; no expiry, and the record is kept.
    Entomb,
    /// Restorable for a while, and due after it.
    Keep,
    /// Not restorable any more, nothing due.
    Return,
    /// Due again in 15 minutes.
    LookAgain,
    /// Nothing due; the record is kept 7 days.
    Bury,
    /// Nothing due.
    Rest,
    /// Due at the named time.
    DueAt,
    /// Nothing of what is here.
    Nothing,
    /// The key is known; a lease for whoever copies, and due 15 minutes after it.
    Prepare,
    /// A lease for whoever removes, due 15 minutes after it, and no key it has left is used again before that.
    Forbid,
    /// Keys it has left may be used again; due at the named time, else at the end of the trash.
    Allow,
    /// It is known to be clean.
    NoteClean,
    /// The lease ends now and was no attempt; a verdict is waited for an hour from the first time, and asked for after 10
    /// minutes.
    Wait,
    /// It is known to be clean, and due now.
    GoOn,
    /// The quarantine key is known; no lease; the move is due now, and the end after 30 days.
    LockAway,
    /// Due at its end.
    Settle,
    /// Let out, due now, with all its attempts.
    LetOut,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What happens.
    pub kind: Kind,
    /// In which states.
    pub from: &'static [FileState],
    /// Where it leads; `None` to the same state.
    pub to: Option<FileState>,
    /// Under which conditions, in the order of their refusals.
    pub guards: &'static [Guard],
    /// What it does.
    pub effect: Effect,
}

const fn row(
    kind: Kind,
    from: &'static [FileState],
    to: Option<FileState>,
    guards: &'static [Guard],
    effect: Effect,
) -> Row {
    Row { kind, from, to, guards, effect }
}

const ALIVE: &[FileState] = &[Pending, Processing, Scanning, Quarantined, Ready, Trashed, Failed];
const ALL_BUT_DELETED: &[FileState] =
    &[Pending, Processing, Scanning, Quarantined, Ready, Trashed, Failed, Deleting];

/// Every edge there is. Where two rows have the same start, the first whose conditions hold is taken.
pub const TABLE: &[Row] = &[
    row(Kind::Claim, &[Pending], Some(Processing), &[], Effect::Lease),
    row(Kind::Claim, &[Processing], None, &[Guard::LeaseOver, Guard::AttemptsLeft], Effect::Lease),
    row(Kind::Plan, &[Processing], None, &[Guard::OwnLease], Effect::RememberKeys),
    row(Kind::Release, &[Processing], None, &[Guard::OwnLease], Effect::EndLease),
    row(Kind::Promote, &[Processing], Some(Ready), &[Guard::OwnLease, Guard::Passed], Effect::Publish),
    row(Kind::Fail, &[Processing], Some(Failed), &[Guard::OwnLease], Effect::Refuse),
    row(Kind::Exhaust, &[Processing], Some(Failed), &[Guard::LeaseOver, Guard::AttemptsUsed], Effect::Refuse),
    row(Kind::Reopen, &[Failed], Some(Processing), &[Guard::Unstaged, Guard::Rested], Effect::Reopen),
    row(Kind::Supersede, &[Processing], Some(Deleting), &[Guard::OwnLease], Effect::Entomb),
    row(Kind::Replace, &[Ready], Some(Deleting), &[Guard::NotHeld], Effect::Entomb),
    row(Kind::Replace, &[Ready], Some(Trashed), &[Guard::Held], Effect::Keep),
    row(Kind::Trash, &[Ready], Some(Trashed), &[Guard::NotHeld], Effect::Keep),
    row(Kind::Restore, &[Trashed], Some(Ready), &[Guard::TrashOpen], Effect::Return),
    row(Kind::Expire, &[Pending], Some(Deleting), &[Guard::Expired], Effect::Entomb),
    row(Kind::Expire, &[Ready], Some(Deleting), &[Guard::NotHeld, Guard::Expired], Effect::Entomb),
    row(
        Kind::Expire,
        &[Trashed, Quarantined],
        Some(Deleting),
        &[Guard::NotHeld, Guard::TrashOver],
        Effect::Entomb,
    ),
    row(Kind::Delete, ALIVE, Some(Deleting), &[Guard::NotHeld], Effect::Entomb),
    row(Kind::PassFound, &[Deleting, Failed], None, &[], Effect::LookAgain),
    row(Kind::PassEmpty, &[Deleting], Some(Deleted), &[Guard::Due], Effect::Bury),
    row(Kind::PassEmpty, &[Failed], None, &[Guard::Due], Effect::Rest),
    row(Kind::Postpone, ALL_BUT_DELETED, None, &[], Effect::DueAt),
    row(Kind::Edit, &[Ready], None, &[], Effect::Nothing),
    row(Kind::Relocate, &[Ready], None, &[Guard::NotClearing], Effect::Prepare),
    row(Kind::Rehome, &[Ready], None, &[Guard::NotClearing, Guard::Relocating], Effect::Forbid),
    row(Kind::Clear, &[Ready, Trashed], None, &[Guard::Due], Effect::Forbid),
    row(Kind::Cleared, &[Ready, Trashed], None, &[], Effect::Allow),
    row(Kind::Scanned, &[Processing], None, &[Guard::OwnLease], Effect::NoteClean),
    row(Kind::Condemn, &[Processing], Some(Quarantined), &[Guard::OwnLease], Effect::LockAway),
    row(Kind::AwaitScan, &[Processing], Some(Scanning), &[Guard::OwnLease], Effect::Wait),
    row(Kind::Acquit, &[Scanning], Some(Processing), &[], Effect::GoOn),
    row(Kind::Quarantine, &[Scanning], Some(Quarantined), &[], Effect::LockAway),
    row(Kind::ScanTimeout, &[Scanning], Some(Quarantined), &[Guard::ScanOver], Effect::LockAway),
    row(Kind::Moved, &[Quarantined], None, &[], Effect::Settle),
    row(Kind::Unquarantine, &[Quarantined], Some(Processing), &[Guard::TrashOpen], Effect::LetOut),
];
