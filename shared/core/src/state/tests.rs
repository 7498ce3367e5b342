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
        scan: None,
        quarantine_key: None,
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
        ]
        .into_iter()
        .chain(of_a_scan())
        {
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

/// Events that belong to a lease holder, whom a file that waits or is locked away does not have.
fn of_a_worker(worker: WorkerId) -> Vec<Event> {
    vec![
        Event::Claim(worker),
        Event::Plan(worker, vec![]),
        Event::Release { worker, counts: true },
        Event::Promote(worker, Box::default()),
        Event::Fail(worker, ErrorKind::InvalidImage),
        Event::Supersede(worker),
        Event::Scanned(worker, object("a")),
        Event::Condemn(worker, finding("a", None)),
        Event::AwaitScan(worker, object("a")),
    ]
}

/// Everything that a scan does with a file that is not in a lease holder's hands.
fn of_a_scan() -> Vec<Event> {
    vec![
        Event::Acquit(object("a")),
        Event::Quarantine(finding("a", Some("Virus"))),
        Event::Quarantine(finding("a", None)),
        Event::ScanTimeout(key("quarantine/x")),
        Event::Moved,
        Event::Unquarantine,
    ]
}

fn key(text: &str) -> StorageKey {
    StorageKey::parse(text).unwrap()
}

fn object(tag: &str) -> ScannedObject {
    ScannedObject { etag: crate::ports::ETag::new(tag), version_id: None }
}

fn finding(tag: &str, threat: Option<&str>) -> Finding {
    Finding { object: object(tag), threat: threat.map(str::to_owned), key: key("quarantine/x") }
}

/// A pending upload that has to be scanned.
fn unscanned() -> FileRecord {
    FileRecord { scan: Some(Scan::required(at(0))), ..pending() }
}

/// The same, left to a scanner that works by itself.
fn scanning(worker: WorkerId) -> FileRecord {
    let claimed = step(&unscanned(), Event::Claim(worker), 0).unwrap();
    step(&claimed, Event::AwaitScan(worker, object("a")), 1).unwrap()
}

#[test]
fn g49_what_has_to_be_scanned_is_not_readable_before_a_clean_verdict() {
    let worker = WorkerId::generate();
    let claimed = step(&unscanned(), Event::Claim(worker), 0).unwrap();
    assert_eq!(step(&claimed, Event::Promote(worker, Box::default()), 1), Err(Refused::Unscanned));
    let clean = step(&claimed, Event::Scanned(worker, object("a")), 1).unwrap();
    assert!(clean.scan.as_ref().unwrap().clears(&object("a")));
    assert!(!clean.scan.as_ref().unwrap().clears(&object("b")), "another upload is another object");
    assert_eq!((clean.state, clean.lease_until), (FileState::Processing, claimed.lease_until));
    assert_eq!(step(&clean, Event::Promote(worker, Box::default()), 2).unwrap().state, FileState::Ready);
    // A replaced upload is unscanned again, and what was known of the first is no help.
    let again = step(&clean, Event::AwaitScan(worker, object("b")), 2).unwrap();
    let cleared = step(&again, Event::Acquit(object("b")), 3).unwrap();
    let again = step(&cleared, Event::Claim(worker), 4).unwrap();
    step(&again, Event::Promote(worker, Box::default()), 5).unwrap();
}

#[test]
fn waiting_for_a_scan_holds_no_lease_and_is_no_attempt() {
    let (one, two) = (WorkerId::generate(), WorkerId::generate());
    let waiting = scanning(one);
    assert_eq!((waiting.state, waiting.attempts), (FileState::Scanning, 0));
    assert_eq!(waiting.lease_until, Some(at(1)));
    assert_eq!(waiting.due_at, Some(at(1) + SCAN_GRACE));
    let scan = waiting.scan.clone().unwrap();
    assert_eq!((scan.status, scan.deadline), (ScanStatus::Pending, Some(at(1) + SCAN_LIFE)));
    for event in of_a_worker(two) {
        assert_eq!(step(&waiting, event.clone(), 2), Err(Refused::State(FileState::Scanning)), "{event:?}");
    }
    let cleared = step(&waiting, Event::Acquit(object("a")), 2).unwrap();
    assert_eq!((cleared.state, cleared.due_at), (FileState::Processing, Some(at(2))));
    // Its upload was replaced: it waits again, and not a second longer in all.
    let claimed = step(&cleared, Event::Claim(two), 3000).unwrap();
    let again = step(&claimed, Event::AwaitScan(two, object("b")), 3001).unwrap();
    assert_eq!(again.scan.unwrap().deadline, scan.deadline);
    assert_eq!(again.due_at, Some(at(3001 + 600).min(at(1) + SCAN_LIFE)));
}

#[test]
fn g49_infected_error_and_timeout_lead_to_quarantine() {
    let worker = WorkerId::generate();
    let claimed = step(&unscanned(), Event::Claim(worker), 0).unwrap();
    let waiting = scanning(worker);
    let over = 1 + SCAN_LIFE.as_secs();
    let timeout = Event::ScanTimeout(key("quarantine/x"));
    assert_eq!(step(&waiting, timeout.clone(), over - 1), Err(Refused::Time));
    let cases = [
        (&claimed, Event::Condemn(worker, finding("a", Some("Virus"))), 2, ScanStatus::Infected),
        (&claimed, Event::Condemn(worker, finding("a", None)), 2, ScanStatus::Error),
        (&waiting, Event::Quarantine(finding("a", Some("Virus"))), 2, ScanStatus::Infected),
        (&waiting, Event::Quarantine(finding("a", None)), 2, ScanStatus::Error),
        (&waiting, timeout, over, ScanStatus::Timeout),
    ];
    for (from, event, now, status) in cases {
        let locked = step(from, event.clone(), now).unwrap();
        let scan = locked.scan.clone().unwrap();
        assert_eq!((locked.state, scan.status), (FileState::Quarantined, status), "{event:?}");
        assert_eq!((scan.object, scan.moved), (Some(object("a")), false), "{event:?}");
        assert_eq!(scan.threat.is_some(), status == ScanStatus::Infected);
        assert_eq!(locked.quarantine_key, Some(key("quarantine/x")));
        assert_eq!(locked.error_code, Some(ErrorKind::FileQuarantined));
        assert_eq!((locked.due_at, locked.delete_after), (Some(at(now)), Some(at(now) + QUARANTINE_LIFE)));
        assert!(locked.lease_until.is_none_or(|until| until <= at(now)), "nobody holds it");
        assert!(locked.awaits_move());
        for late in of_a_worker(worker).into_iter().chain(of_a_scan().into_iter().take(4)) {
            assert_eq!(step(&locked, late.clone(), now + 1), Err(Refused::State(FileState::Quarantined)));
        }
        let moved = step(&locked, Event::Moved, now + 1).unwrap();
        assert!(!moved.awaits_move());
        assert_eq!(moved.due_at, moved.delete_after);
    }
}

#[test]
fn a_quarantined_file_is_let_out_or_goes_for_good() {
    let worker = WorkerId::generate();
    let mut waiting = scanning(worker);
    waiting.attempts = 3;
    let locked = step(&waiting, Event::Quarantine(finding("a", Some("Virus"))), 2).unwrap();
    let moved = step(&locked, Event::Moved, 3).unwrap();
    let over = 2 + QUARANTINE_LIFE.as_secs();
    assert_eq!(step(&moved, Event::Expire, over - 1), Err(Refused::Time));
    assert_eq!(step(&moved, Event::Unquarantine, over), Err(Refused::Time));
    assert_eq!(step(&moved, Event::Expire, over).unwrap().state, FileState::Deleting);
    let held = FileRecord { legal_hold: true, ..moved.clone() };
    assert_eq!(step(&held, Event::Expire, over), Err(Refused::Held));
    assert_eq!(step(&moved, Event::Delete, 4).unwrap().state, FileState::Deleting);

    let released = step(&moved, Event::Unquarantine, 4).unwrap();
    assert_eq!((released.state, released.attempts), (FileState::Processing, 0));
    assert!(released.is_released());
    assert_eq!(
        released.scan.as_ref().unwrap().threat.as_deref(),
        Some("Virus"),
        "what was found stays known"
    );
    assert_eq!((released.error_code, released.delete_after), (None, None));
    assert_eq!(released.due_at, Some(at(4)));
    let claimed = step(&released, Event::Claim(worker), 5).unwrap();
    assert_eq!(step(&claimed, Event::Promote(worker, Box::default()), 6).unwrap().state, FileState::Ready);
}

/// G49: a verdict that comes late changes nothing, least of all from clean to readable.
#[test]
fn g49_a_verdict_on_any_other_state_is_refused() {
    let worker = WorkerId::generate();
    for state in FileState::ALL {
        let record = FileRecord { state: *state, scan: Some(Scan::required(at(0))), ..pending() };
        let verdicts = [
            Event::Acquit(object("a")),
            Event::Quarantine(finding("a", Some("Virus"))),
            Event::ScanTimeout(key("quarantine/x")),
        ];
        for verdict in verdicts {
            let result = step(&record, verdict.clone(), 5000);
            match state {
                FileState::Scanning => assert!(result.is_ok(), "{verdict:?}"),
                other => assert_eq!(result, Err(Refused::State(*other)), "{verdict:?}"),
            }
        }
        for event in [Event::Moved, Event::Unquarantine] {
            let record = FileRecord { delete_after: Some(at(9000)), ..record.clone() };
            assert_eq!(step(&record, event, 5000).is_ok(), *state == FileState::Quarantined);
        }
        let postponed = step(&record, Event::Postpone(at(3000)), 2);
        assert_eq!(postponed.is_ok(), *state != FileState::Deleted);
        if !matches!(state, FileState::Pending | FileState::Processing) {
            for event in of_a_worker(worker) {
                assert_eq!(step(&record, event.clone(), 2), Err(Refused::State(*state)), "{event:?}");
            }
        }
    }
}
