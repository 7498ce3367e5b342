//! What must hold at every edge, whatever the table says.

use storage_core::record::FileRecord;
use storage_core::record::FileState::*;
use storage_core::state::{Change, LEASE, MAX_ATTEMPTS, SETTLE};

use crate::bridge::worker;
use crate::model::Step;
use storage_core::timestamp::Timestamp;

/// Panics where the change that `step` made of `before` at `now` breaks a promise that does not depend on the table.
pub fn check(before: &FileRecord, step: &Step, change: &Change, now: Timestamp) {
    let after = &change.record;
    let context = || format!("{step:?}: {before:#?}");
    assert_eq!(after.rev, before.rev + 1, "{}", context());
    assert_eq!(after.updated_at, now);
    assert!(after.attempts <= MAX_ATTEMPTS, "{}", context());

    let edge = (before.state, after.state);
    let tombstone = matches!(before.state, Deleting | Deleted);
    assert!(before.state != Deleted, "nothing is written to what is deleted: {}", context());
    assert!(!tombstone || matches!(after.state, Deleting | Deleted), "back from the dead: {}", context());
    assert!(after.state != Deleted || before.state == Deleting, "bytes go before the file: {}", context());
    assert!(after.state != Pending || before.state == Pending, "an upload starts once: {}", context());
    if after.state == Ready && before.state != Ready {
        let own = step.worker().is_some_and(|number| before.leased_to(worker(number), now));
        assert!(own || edge == (Trashed, Ready), "ready without a live lease of its own: {}", context());
    }
    if after.state == Ready && before.state == Processing {
        assert!(after.scan.as_ref().is_none_or(|scan| scan.passes()), "readable unscanned: {}", context());
    }
    if after.state == Quarantined {
        assert!(after.quarantine_key.is_some() || before.state == Quarantined, "{}", context());
        assert!(after.due_at.is_some(), "nobody would move its bytes: {}", context());
        assert!(matches!(before.state, Processing | Scanning | Quarantined), "{}", context());
    }
    assert!(after.state != Scanning || matches!(before.state, Processing | Scanning), "{}", context());
    assert!(before.quarantine_key.is_none() || after.quarantine_key.is_some(), "{}", context());
    if before.lease_owner != after.lease_owner {
        let live = before.state == Processing && before.lease_until.is_some_and(|until| until > now);
        assert!(!live, "a live lease was taken away: {}", context());
    }
    if before.legal_hold && matches!(before.state, Ready | Trashed) {
        assert!(matches!(after.state, Ready | Trashed), "deleted under a legal hold: {}", context());
    }
    assert!(before.planned_keys.iter().all(|key| after.planned_keys.contains(key)), "{}", context());
    if after.state == Ready && after.final_key != before.final_key && before.final_key.is_some() {
        let settled = now + LEASE + SETTLE;
        let forbidden = after.clearing_until.is_some_and(|until| until >= settled);
        assert!(forbidden, "a late removal could reach the key it leaves: {}", context());
        assert!(after.due_at.is_some(), "nobody would remove what it leaves: {}", context());
    }
    if after.planned_keys.len() > before.planned_keys.len() && after.state == Ready {
        assert!(after.due_at.is_some_and(|due| due >= now + LEASE + SETTLE), "{}", context());
    }
    if after.state == Deleting {
        assert!(after.due_at.is_some(), "nobody would remove its bytes: {}", context());
    }

    assert_eq!(change.audit.is_some(), before.state != after.state, "{}", context());
    if let Some(line) = &change.audit {
        assert_eq!((line.from, line.to), (Some(before.state), after.state));
        assert_eq!((line.tenant, line.file_id, line.at), (before.tenant, before.file_id, now));
    }
    assert_eq!((after.tenant, after.file_id, after.seq), (before.tenant, before.file_id, before.seq));
    assert_eq!(
        (&after.owner, &after.bucket, after.legal_hold),
        (&before.owner, &before.bucket, before.legal_hold)
    );
    assert_eq!((&after.staging_key, &after.declared), (&before.staging_key, &before.declared));
}
