//! Every edge and every refusal of the state machine.

mod relocations;

use super::*;
use crate::ids::{BucketName, FileId, PrincipalId, TenantId};
use crate::key::Visibility;
use crate::record::{Declared, Purpose, SCHEMA_VERSION};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000) + Duration::from_secs(seconds)
}

fn pending() -> FileRecord {
    FileRecord {
        v: SCHEMA_VERSION,
        rev: 1,
        tenant: TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap(),
        file_id: FileId::generate(),
        state: FileState::Pending,
        purpose: Purpose::Attachment,
        owner: PrincipalId::parse("user-1").unwrap(),
        entity: None,
        scope: None,
        external_id: None,
        bucket: BucketName::parse("files").unwrap(),
        key_prefix: None,
        backend: "local".into(),
        staging_bucket: BucketName::parse("staging").unwrap(),
        staging_key: None,
        planned_keys: vec![],
        final_key: None,
        etag: None,
        version_id: None,
        multipart: None,
        promotion: None,
        checksum_crc64nvme: None,
        source_sha256: None,
        sha256: None,
        size: None,
        content_type: None,
        original_filename: None,
        renamed: false,
        declared: Declared::default(),
        max_bytes: 10,
        visibility: Visibility::Private,
        width: None,
        height: None,
        variants: Default::default(),
        webp: Default::default(),
        inline_small: None,
        placeholder: None,
        metadata: Default::default(),
        seq: None,
        lease_owner: None,
        lease_until: None,
        attempts: 0,
        error_code: None,
        created_at: at(0),
        updated_at: at(0),
        expires_at: Some(at(1000)),
        clearing_until: None,
        delete_after: None,
        legal_hold: false,
        due_at: Some(at(600)),
        ttl: None,
    }
}

fn step(record: &FileRecord, event: Event, seconds: u64) -> Result<FileRecord, Refused> {
    apply(record, event, &Actor::function("test"), at(seconds)).map(|change| {
        assert_eq!(change.record.rev, record.rev + 1);
        assert_eq!(change.audit.is_some(), change.record.state != record.state);
        change.record
    })
}

#[test]
fn a_file_becomes_ready_under_its_own_lease_only() {
    let (one, two) = (WorkerId::generate(), WorkerId::generate());
    let claimed = step(&pending(), Event::Claim(one), 1).unwrap();
    assert_eq!(step(&claimed, Event::Claim(two), 2), Err(Refused::Leased));
    assert_eq!(step(&claimed, Event::Promote(two, Box::default()), 2), Err(Refused::LeaseLost));
    let ready = step(&claimed, Event::Promote(one, Box::default()), 2).unwrap();
    assert_eq!(ready.state, FileState::Ready);
    assert_eq!(step(&ready, Event::Claim(two), 3), Err(Refused::State(FileState::Ready)));
}

#[test]
fn g04_a_worker_whose_lease_is_over_cannot_commit() {
    let (one, two) = (WorkerId::generate(), WorkerId::generate());
    let claimed = step(&pending(), Event::Claim(one), 0).unwrap();
    let late = LEASE.as_secs();
    assert_eq!(step(&claimed, Event::Promote(one, Box::default()), late), Err(Refused::LeaseLost));
    let taken = step(&claimed, Event::Claim(two), late).unwrap();
    assert_eq!(taken.attempts, 2);
    assert_eq!(step(&taken, Event::Promote(one, Box::default()), late + 1), Err(Refused::LeaseLost));
    step(&taken, Event::Promote(two, Box::default()), late + 1).unwrap();
}

#[test]
fn attempts_are_bounded() {
    let mut record = pending();
    let mut now = 0;
    for _ in 0..MAX_ATTEMPTS {
        let worker = WorkerId::generate();
        record = step(&record, Event::Claim(worker), now).unwrap();
        assert_eq!(step(&record, Event::Exhaust, now), Err(Refused::Leased));
        record = step(&record, Event::Release { worker, counts: true }, now + 1).unwrap();
        now += 2;
    }
    assert_eq!(step(&record, Event::Claim(WorkerId::generate()), now), Err(Refused::Exhausted));
    let failed = step(&record, Event::Exhaust, now).unwrap();
    assert_eq!((failed.state, failed.error_code), (FileState::Failed, Some(ErrorKind::AttemptsExhausted)));
}

#[test]
fn an_outage_takes_no_attempt() {
    let mut record = pending();
    for round in 0..20 {
        let worker = WorkerId::generate();
        record = step(&record, Event::Claim(worker), round * 2).unwrap();
        record = step(&record, Event::Release { worker, counts: false }, round * 2 + 1).unwrap();
        assert_eq!(record.attempts, 0);
    }
}

#[test]
fn planned_keys_of_earlier_attempts_stay_known() {
    let worker = WorkerId::generate();
    let key = |text: &str| StorageKey::parse(text).unwrap();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    let planned = step(&claimed, Event::Plan(worker, vec![key("a"), key("b")]), 1).unwrap();
    let again = step(&planned, Event::Plan(worker, vec![key("b"), key("c")]), 2).unwrap();
    assert_eq!(again.planned_keys, vec![key("a"), key("b"), key("c")]);
}

#[test]
fn a_tombstone_stays_dead() {
    let worker = WorkerId::generate();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    let deleting = step(&claimed, Event::Delete, 1).unwrap();
    let settled = LEASE.as_secs() + SETTLE.as_secs();
    assert_eq!(step(&deleting, Event::PassFoundNothing, settled - 1), Err(Refused::Time));
    let again = step(&deleting, Event::PassFoundBytes, settled).unwrap();
    assert_eq!(step(&again, Event::PassFoundNothing, settled), Err(Refused::Time));
    let deleted = step(&again, Event::PassFoundNothing, settled + SETTLE.as_secs()).unwrap();
    assert_eq!(deleted.state, FileState::Deleted);
    for record in [&deleting, &deleted] {
        for event in [
            Event::Claim(worker),
            Event::Plan(worker, vec![]),
            Event::Promote(worker, Box::default()),
            Event::Fail(worker, ErrorKind::InvalidImage),
            Event::Supersede(worker),
            Event::Restore,
            Event::Trash(TRASH_LIFE),
            Event::Delete,
            Event::Replace,
            Event::Expire,
            Event::Exhaust,
        ] {
            assert_eq!(step(record, event.clone(), 2), Err(Refused::State(record.state)), "{event:?}");
        }
    }
}

#[test]
fn an_upload_expires_after_its_time_only() {
    assert_eq!(step(&pending(), Event::Expire, 999), Err(Refused::Time));
    assert_eq!(step(&pending(), Event::Expire, 1000).unwrap().state, FileState::Deleting);
}

#[test]
fn a_trashed_file_is_restorable_for_a_while() {
    let worker = WorkerId::generate();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    let ready = step(&claimed, Event::Promote(worker, Box::default()), 1).unwrap();
    let trashed = step(&ready, Event::Trash(TRASH_LIFE), 2).unwrap();
    let over = 2 + TRASH_LIFE.as_secs();
    assert_eq!(step(&trashed, Event::Expire, over - 1), Err(Refused::Time));
    assert_eq!(step(&trashed, Event::Restore, 3).unwrap().state, FileState::Ready);
    assert_eq!(step(&trashed, Event::Restore, over), Err(Refused::Time));
    assert_eq!(step(&trashed, Event::Expire, over).unwrap().state, FileState::Deleting);
}

#[test]
fn a_legal_hold_keeps_the_bytes() {
    let worker = WorkerId::generate();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    let mut ready = step(&claimed, Event::Promote(worker, Box::default()), 1).unwrap();
    ready.legal_hold = true;
    assert_eq!(step(&ready, Event::Delete, 2), Err(Refused::Held));
    assert_eq!(step(&ready, Event::Trash(TRASH_LIFE), 2), Err(Refused::Held));
    let replaced = step(&ready, Event::Replace, 2).unwrap();
    assert_eq!(replaced.state, FileState::Trashed);
    assert_eq!(step(&replaced, Event::Expire, 2 + TRASH_LIFE.as_secs()), Err(Refused::Held));
}

#[test]
fn a_refused_upload_is_looked_through_after_its_lease() {
    let worker = WorkerId::generate();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    let failed = step(&claimed, Event::Fail(worker, ErrorKind::InvalidImage), 1).unwrap();
    assert_eq!((failed.state, failed.error_code), (FileState::Failed, Some(ErrorKind::InvalidImage)));
    assert_eq!(failed.ttl, Some((at(1) + TOMBSTONE_LIFE).as_seconds()));
    let settled = (LEASE + SETTLE).as_secs();
    assert_eq!(failed.due_at, Some(at(settled)));
    assert_eq!(step(&failed, Event::PassFoundNothing, settled - 1), Err(Refused::Time));
    let again = step(&failed, Event::PassFoundBytes, settled).unwrap();
    assert_eq!(again.due_at, Some(at(settled) + SETTLE));
    let done = step(&again, Event::PassFoundNothing, settled + SETTLE.as_secs()).unwrap();
    assert_eq!((done.state, done.due_at), (FileState::Failed, None));
    assert_eq!(step(&done, Event::Claim(worker), settled), Err(Refused::State(FileState::Failed)));
}

#[test]
fn an_avatar_that_lost_goes_for_good() {
    let worker = WorkerId::generate();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    assert_eq!(step(&claimed, Event::Replace, 1), Err(Refused::State(FileState::Processing)));
    let superseded = step(&claimed, Event::Supersede(worker), 1).unwrap();
    let ready = step(&claimed, Event::Promote(worker, Box::default()), 1).unwrap();
    assert_eq!(step(&ready, Event::Supersede(worker), 2), Err(Refused::State(FileState::Ready)));
    let replaced = step(&ready, Event::Replace, 2).unwrap();
    for gone in [superseded, replaced] {
        assert_eq!((gone.state, gone.due_at), (FileState::Deleting, Some(at((LEASE + SETTLE).as_secs()))));
        assert_eq!((gone.expires_at, gone.ttl), (None, None));
    }
}

/// No event leads to a scan's states or out of them, but for a deletion.
#[test]
fn a_file_in_a_scan_can_only_be_deleted() {
    let worker = WorkerId::generate();
    for state in [FileState::Scanning, FileState::Quarantined] {
        let scanned =
            FileRecord { state, lease_owner: Some(worker), lease_until: Some(at(1000)), ..pending() };
        for event in [
            Event::Claim(worker),
            Event::Plan(worker, vec![]),
            Event::Release { worker, counts: true },
            Event::Promote(worker, Box::default()),
            Event::Fail(worker, ErrorKind::InvalidImage),
            Event::Supersede(worker),
            Event::Exhaust,
            Event::Replace,
            Event::Expire,
            Event::Trash(TRASH_LIFE),
            Event::Restore,
            Event::PassFoundBytes,
            Event::PassFoundNothing,
        ] {
            assert_eq!(step(&scanned, event.clone(), 2000), Err(Refused::State(state)), "{event:?}");
        }
        assert_eq!(step(&scanned, Event::Postpone(at(3000)), 2).unwrap().due_at, Some(at(3000)));
        assert_eq!(step(&scanned, Event::Delete, 2).unwrap().state, FileState::Deleting);
    }
}
