//! Scans: nothing is readable that was not found clean, whatever happens between two looks at it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::ports::{Body, GetOptions, ObjectRef, PutOptions, ScanVerdict, StorageBackend};
use storage_core::record::{FileRecord, FileState, Purpose, ScanStatus, ScannedObject};
use storage_core::state::{Actor, QUARANTINE_LIFE, SCAN_LIFE};
use storage_core::tenant::{Scopes, TenantContext};
use storage_imaging::Imaging;
use storage_testkit::faulty::{Faults, Faulty};
use storage_testkit::memory::{MemoryBackend, MemoryScanner};

use super::{World, photo};
use crate::ingest::{Ingest, Outcome, Source};
use crate::quarantine::Quarantine;
use crate::settings::Settings;
use crate::sweep::{Counts, Sweep};
use crate::uploads::{IssueRequest, Issued};

const TEXT: &[u8] = b"a harmless text";

/// A world in which everything is scanned.
struct Scanned {
    world: World,
    scanner: Arc<MemoryScanner>,
    faults: Faults,
}

impl Scanned {
    fn new() -> Self {
        let mut world = World::new();
        let settings = Settings::clone(&world.settings);
        let scanned = Purpose::ALL.iter().copied().collect();
        world.settings = Arc::new(Settings { scanned, ..settings });
        Scanned { world, scanner: Arc::new(MemoryScanner::new()), faults: Faults::new() }
    }

    fn storage(&self) -> Arc<Faulty<MemoryBackend>> {
        Arc::new(Faulty::new(self.world.storage.clone(), self.faults.clone()))
    }

    fn scanner(&self) -> Arc<Faulty<MemoryScanner>> {
        Arc::new(Faulty::new(self.scanner.clone(), self.faults.clone()))
    }

    fn ledger(&self) -> crate::ledger::Ledger {
        let store = Faulty::new(self.world.store.clone(), self.faults.clone());
        crate::ledger::Ledger::new(Arc::new(store), self.world.clock.clone())
    }

    fn ingest(&self) -> Ingest {
        Ingest::new(self.ledger(), self.storage(), Arc::new(Imaging), self.world.settings.clone())
            .with_scanner(self.scanner())
    }

    fn quarantine(&self) -> Quarantine {
        let world = &self.world;
        Quarantine::new(self.ledger(), world.settings.clone(), self.storage(), world.queue.clone())
    }

    async fn sweep(&self) -> Counts {
        let world = &self.world;
        Sweep::new(self.ledger(), self.storage(), world.queue.clone(), world.settings.clone())
            .with_scanner(self.scanner())
            .run()
            .await
            .unwrap()
    }

    /// A text whose bytes lie on staging.
    async fn uploaded(&self, bytes: &'static [u8]) -> Issued {
        let issued = self.world.issue_attachment("text/plain", bytes.len()).await;
        self.world.post(&issued, &Bytes::from_static(bytes)).await;
        issued
    }

    async fn run(&self, issued: &Issued) -> Outcome {
        let file = issued.record.file_id;
        self.ingest().run(self.world.tenant, file, Source::Staging, &Actor::function("test")).await.unwrap()
    }

    async fn record(&self, issued: &Issued) -> FileRecord {
        self.world.record(issued.record.file_id).await
    }

    fn keys(&self, issued: &Issued) -> Vec<String> {
        let nonce = issued.staging.key.as_str().rsplit('/').next().unwrap().to_owned();
        let tenant = self.world.tenant.to_string();
        let keys = self.world.keys(&[(issued.record.file_id, "file")]);
        keys.into_iter().map(|key| key.replace(&nonce, "nonce").replace(&tenant, "tenant")).collect()
    }

    fn admin(&self) -> TenantContext {
        TenantContext { scopes: Scopes { admin: true, ..Scopes::default() }, ..self.world.caller() }
    }
}

fn infected() -> Option<ScanVerdict> {
    Some(ScanVerdict::Infected { threat: "Virus\n\u{7}".to_owned() + &"x".repeat(200) })
}

/// Writes over the upload, as whoever has its form can.
async fn overwrite(storage: Arc<MemoryBackend>, staging: ObjectRef, bytes: &'static [u8]) {
    storage.put(&staging, Body::Bytes(Bytes::from_static(bytes)), PutOptions::default()).await.unwrap();
}

#[tokio::test]
async fn g49_a_clean_upload_is_read_after_its_verdict_and_becomes_ready() {
    let scanned = Scanned::new();
    scanned.scanner.answer(Some(ScanVerdict::Clean));
    let issued = scanned.uploaded(TEXT).await;
    scanned.faults.forget_calls();
    let Outcome::Ready(record) = scanned.run(&issued).await else { panic!("not ready") };
    let scan = record.scan.clone().unwrap();
    assert_eq!((scan.status, scan.threat), (ScanStatus::Clean, None));
    let lines = scanned.faults.lines();
    let place = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    assert!(place("verdict ") < place("get "), "{lines:#?}");
    assert_eq!(scanned.keys(&issued).len(), 2, "the file and its document");
}

/// Another upload takes the place of the clean one, at every moment of the ingest.
#[tokio::test]
async fn g49_what_takes_the_place_of_a_clean_upload_is_not_read_unscanned() {
    let total = {
        let scanned = Scanned::new();
        let issued = scanned.uploaded(TEXT).await;
        let meta = scanned.world.storage.head(&issued.staging).await.unwrap();
        scanned.scanner.found(&meta.etag, ScanVerdict::Clean);
        scanned.faults.forget_calls();
        scanned.run(&issued).await;
        scanned.faults.count(storage_testkit::faulty::ANY)
    };
    assert!(total > 8);
    for nth in 1..=total {
        for verdict in [None, infected(), Some(ScanVerdict::Error)] {
            let scanned = Scanned::new();
            let issued = scanned.uploaded(TEXT).await;
            let meta = scanned.world.storage.head(&issued.staging).await.unwrap();
            scanned.scanner.found(&meta.etag, ScanVerdict::Clean);
            scanned.scanner.answer(verdict.clone());
            let (storage, staging) = (scanned.world.storage.clone(), issued.staging.clone());
            scanned.faults.before(storage_testkit::faulty::ANY, nth, move || {
                overwrite(storage, staging, b"a harmful  text")
            });
            let outcome = scanned.run(&issued).await;
            let record = scanned.record(&issued).await;
            match outcome {
                // It came too late: the clean one had been promoted.
                Outcome::Ready(_) => {
                    assert_eq!(scanned.world.served(&record).as_deref(), Some(TEXT), "{nth} {verdict:?}");
                }
                Outcome::Scanning(_) => assert_eq!(verdict, None, "{nth}"),
                Outcome::Quarantined(_) => assert!(verdict.is_some(), "{nth}"),
                other => panic!("{nth} {verdict:?}: {other:?}"),
            }
            assert!(record.state != FileState::Ready || record.sha256 == Some(super::sha256_hex(TEXT)));
        }
    }
}

#[tokio::test]
async fn g49_what_is_not_clean_is_moved_to_a_key_that_is_known_first() {
    for (verdict, status, threat) in
        [(infected(), ScanStatus::Infected, Some(100)), (Some(ScanVerdict::Error), ScanStatus::Error, None)]
    {
        let scanned = Scanned::new();
        scanned.scanner.answer(verdict);
        let issued = scanned.uploaded(TEXT).await;
        scanned.faults.forget_calls();
        let Outcome::Quarantined(_) = scanned.run(&issued).await else { panic!("not in quarantine") };
        let record = scanned.record(&issued).await;
        let scan = record.scan.clone().unwrap();
        assert_eq!((record.state, scan.status, scan.moved), (FileState::Quarantined, status, true));
        assert_eq!(scan.threat.as_ref().map(String::len), threat, "a name fit to be shown");
        assert!(scan.threat.is_none_or(|threat| !threat.contains(char::is_control)));
        assert_eq!(record.error_code, Some(ErrorKind::FileQuarantined));
        assert_eq!(scanned.keys(&issued), ["staging/quarantine/tenant/file"]);
        let lines = scanned.faults.lines();
        let place = |words: &str| lines.iter().position(|line| line.contains(words)).unwrap();
        assert!(place("update quarantined") < place("copy "), "{lines:#?}");
        assert!(place("copy ") < place("delete staging/temp"), "{lines:#?}");
        assert!(
            lines[place("copy ")].contains("(pinned)") && lines[place("copy ")].contains("(create only)")
        );
        assert_eq!(lines.iter().filter(|line| line.starts_with("get ")).count(), 0, "nobody reads it");
        // Whoever comes later finds it there, and leaves it alone.
        let before = (scanned.world.store.files(), scanned.world.storage.keys());
        assert!(matches!(scanned.run(&issued).await, Outcome::Quarantined(_)));
        assert_eq!((scanned.world.store.files(), scanned.world.storage.keys()), before);
    }
}

/// Between the commit and the copy the browser sends something else: it was not scanned, and is not kept.
#[tokio::test]
async fn an_upload_that_replaces_a_quarantined_one_is_not_kept_in_its_place() {
    let scanned = Scanned::new();
    scanned.scanner.answer(infected());
    let issued = scanned.uploaded(TEXT).await;
    let (storage, staging) = (scanned.world.storage.clone(), issued.staging.clone());
    scanned.faults.before("copy", 1, move || overwrite(storage, staging, b"an innocent one"));
    assert!(matches!(scanned.run(&issued).await, Outcome::Quarantined(_)));
    assert_eq!(scanned.keys(&issued), Vec::<String>::new());
    let refused = scanned.quarantine().release(&scanned.admin(), issued.record.file_id).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::UploadNotFound);
}

#[tokio::test]
async fn a_verdict_that_comes_as_the_wait_begins_is_found_by_asking_again() {
    for (verdict, ready) in [(Some(ScanVerdict::Clean), true), (infected(), false)] {
        let scanned = Scanned::new();
        let issued = scanned.uploaded(TEXT).await;
        let scanner = scanned.scanner.clone();
        // It is not there when the worker asks, and there when the record has come to wait for it.
        scanned.faults.after("verdict", 1, move || async move { scanner.answer(verdict) });
        let outcome = scanned.run(&issued).await;
        assert_eq!(matches!(outcome, Outcome::Ready(_)), ready, "{outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Quarantined(_)), !ready, "{outcome:?}");
    }
}

#[tokio::test]
async fn g49_silence_ends_in_quarantine_even_where_the_scanner_is_away() {
    for away in [false, true] {
        let scanned = Scanned::new();
        let issued = scanned.uploaded(TEXT).await;
        assert!(matches!(scanned.run(&issued).await, Outcome::Scanning(_)));
        let began = scanned.record(&issued).await;
        assert_eq!(began.attempts, 0);
        if away {
            scanned.faults.fail_from("verdict", 1, ErrorKind::StorageUnavailable);
        }
        let mut sweeps = 0;
        while scanned.record(&issued).await.state == FileState::Scanning {
            scanned.world.wait(10);
            let counts = scanned.sweep().await;
            let timed_out = scanned.record(&issued).await.state == FileState::Quarantined;
            assert_eq!((counts.scan_timeouts, counts.quarantined), (timed_out.into(), timed_out.into()));
            sweeps += 1;
        }
        assert_eq!(sweeps, 6, "after an hour, in sweeps of ten minutes");
        let record = scanned.record(&issued).await;
        assert_eq!(record.scan.unwrap().status, ScanStatus::Timeout);
        assert_eq!(scanned.keys(&issued), ["staging/quarantine/tenant/file"]);
        // The verdict comes a minute too late.
        scanned.faults.heal();
        scanned.scanner.answer(Some(ScanVerdict::Clean));
        let record = scanned.record(&issued).await;
        let object = record.scan.clone().unwrap().object.unwrap();
        let actor = Actor::function("test");
        let ingest = scanned.ingest();
        assert_eq!(ingest.scans().deliver(&record, &object, ScanVerdict::Clean, &actor).await.unwrap(), None);
        assert!(matches!(scanned.run(&issued).await, Outcome::Quarantined(_)));
    }
}

/// Replacing the upload again and again does not put the end off.
#[tokio::test]
async fn g49_the_end_of_the_wait_is_set_once() {
    let scanned = Scanned::new();
    let issued = scanned.uploaded(TEXT).await;
    scanned.run(&issued).await;
    let deadline = scanned.record(&issued).await.scan.unwrap().deadline.unwrap();
    for other in [&b"another text, 1"[..], b"another text, 2", b"another text, 3"] {
        scanned.world.wait(15);
        let record = scanned.record(&issued).await;
        let object = ScannedObject::from(&scanned.world.storage.head(&issued.staging).await.unwrap());
        let (ingest, actor) = (scanned.ingest(), Actor::function("test"));
        ingest.scans().deliver(&record, &object, ScanVerdict::Clean, &actor).await.unwrap().unwrap();
        overwrite(scanned.world.storage.clone(), issued.staging.clone(), other).await;
        assert!(matches!(scanned.run(&issued).await, Outcome::Scanning(_)));
        assert_eq!(scanned.record(&issued).await.scan.unwrap().deadline, Some(deadline));
    }
    scanned.world.wait(15);
    assert_eq!(scanned.sweep().await.scan_timeouts, 1);
    assert_eq!(SCAN_LIFE, Duration::from_secs(3600));
}

#[tokio::test]
async fn the_sweep_hands_on_what_it_finds_clean_and_locks_away_what_it_does_not() {
    let scanned = Scanned::new();
    let (one, two) = (scanned.uploaded(TEXT).await, scanned.uploaded(b"a harmful  text").await);
    scanned.run(&one).await;
    scanned.run(&two).await;
    let meta = scanned.world.storage.head(&one.staging).await.unwrap();
    scanned.scanner.answer(infected());
    scanned.scanner.found(&meta.etag, ScanVerdict::Clean);
    scanned.world.wait(10);
    let counts = scanned.sweep().await;
    assert_eq!((counts.enqueued, counts.quarantined, counts.errors), (1, 1, 0), "{counts:?}");
    assert_eq!(scanned.world.queue.sent.lock().unwrap()[0].object, one.staging);
    assert_eq!(scanned.record(&one).await.state, FileState::Processing);
    assert!(matches!(scanned.run(&one).await, Outcome::Ready(_)));
    assert_eq!(scanned.record(&two).await.state, FileState::Quarantined);
}

#[tokio::test]
async fn only_an_administrator_releases_a_file_and_what_is_released_is_validated() {
    let scanned = Scanned::new();
    scanned.scanner.answer(infected());
    let issued = scanned.uploaded(TEXT).await;
    let file = issued.record.file_id;
    let quarantine = scanned.quarantine();
    let refused = quarantine.release(&scanned.admin(), file).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::StateConflict, "nothing to release yet");
    scanned.run(&issued).await;
    for scopes in [Scopes::default(), Scopes { service: true, agent_write: true, ..Scopes::default() }] {
        let caller = TenantContext { scopes, ..scanned.world.caller() };
        let refused = quarantine.release(&caller, file).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Forbidden);
    }
    assert_eq!(scanned.record(&issued).await.state, FileState::Quarantined);

    let released = quarantine.release(&scanned.admin(), file).await.unwrap();
    assert!(released.state == FileState::Processing && released.is_released());
    assert_eq!(scanned.world.queue.sent.lock().unwrap()[0].object, issued.staging);
    let refused = quarantine.release(&scanned.admin(), file).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::StateConflict, "once is enough");
    let Outcome::Ready(record) = scanned.run(&issued).await else { panic!("not ready") };
    assert_eq!(scanned.world.served(&record).as_deref(), Some(TEXT));
    assert_eq!(record.scan.unwrap().status, ScanStatus::Released);
    assert!(scanned.keys(&issued).iter().all(|key| key.starts_with("files/")), "nothing stays in quarantine");
}

/// A crash between the commit and the move, an outage of the queue, and the end of the time there is.
#[tokio::test]
async fn a_release_makes_up_for_what_a_crash_left() {
    let scanned = Scanned::new();
    scanned.scanner.answer(infected());
    let issued = scanned.uploaded(TEXT).await;
    scanned.faults.fail("copy", 1, ErrorKind::StorageUnavailable);
    scanned.run(&issued).await;
    assert!(scanned.record(&issued).await.awaits_move());
    assert_eq!(scanned.keys(&issued), ["staging/temp/uploads/tenant/file/nonce"]);
    scanned.quarantine().release(&scanned.admin(), issued.record.file_id).await.unwrap();
    assert!(matches!(scanned.run(&issued).await, Outcome::Ready(_)));

    let other = scanned.uploaded(b"a harmful  text").await;
    scanned.faults.fail("copy", 1, ErrorKind::StorageUnavailable);
    scanned.run(&other).await;
    scanned.world.wait(80);
    let counts = scanned.sweep().await;
    assert_eq!((counts.staging_removed, counts.errors), (0, 0), "what is to be moved is no orphan");
    assert!(scanned.keys(&other).contains(&"staging/quarantine/tenant/file".to_owned()));
    scanned.world.clock.advance(QUARANTINE_LIFE);
    let refused = scanned.quarantine().release(&scanned.admin(), other.record.file_id).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::StateConflict, "its time is over");
    assert_eq!(scanned.sweep().await.expired, 1);
    assert_eq!(scanned.record(&other).await.state, FileState::Deleting);
    scanned.world.wait(20);
    scanned.sweep().await;
    let keys = scanned.keys(&other);
    assert!(!keys.iter().any(|key| key.contains("quarantine")), "{keys:?}");
    let gone = scanned.quarantine().release(&scanned.admin(), other.record.file_id).await;
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
}

/// The bytes of a direct upload are in the request; a scanner sees only what lies on staging.
#[tokio::test]
async fn a_direct_upload_is_put_on_staging_to_be_scanned() {
    for (verdict, state) in [
        (Some(ScanVerdict::Clean), FileState::Ready),
        (infected(), FileState::Quarantined),
        (None, FileState::Scanning),
    ] {
        let scanned = Scanned::new();
        scanned.scanner.answer(verdict);
        let request =
            IssueRequest { size: Some(TEXT.len() as u64), ..IssueRequest::new(Purpose::Attachment) };
        let uploads = scanned.world.uploads();
        let record = uploads.begin_direct(&scanned.world.caller(), request, None).await.unwrap();
        assert!(record.staging_key.is_some() && record.scan.is_some());
        for _ in 0..2 {
            let source = Source::Bytes(Bytes::from_static(TEXT));
            let actor = Actor::function("test");
            scanned.ingest().run(record.tenant, record.file_id, source, &actor).await.unwrap();
            assert_eq!(scanned.world.record(record.file_id).await.state, state);
        }
        let staged = scanned.world.storage.keys().iter().filter(|key| key.contains("temp/")).count();
        assert_eq!(staged, usize::from(state == FileState::Scanning));
    }
}

/// An infected avatar never takes the place of the one that is shown.
#[tokio::test]
async fn g49_an_infected_avatar_is_not_shown() {
    let scanned = Scanned::new();
    scanned.scanner.answer(Some(ScanVerdict::Clean));
    let mut issued = Vec::new();
    for seed in 0..2 {
        let bytes = photo(64, seed);
        let one = scanned.world.issue_avatar(bytes.len()).await;
        scanned.world.post(&one, &bytes).await;
        issued.push(one);
    }
    assert!(matches!(scanned.run(&issued[0]).await, Outcome::Ready(_)));
    scanned.scanner.answer(infected());
    assert!(matches!(scanned.run(&issued[1]).await, Outcome::Quarantined(_)));
    assert_eq!(scanned.world.current().await, Some(issued[0].record.file_id));
    let read = scanned.world.storage.get(&issued[1].staging, GetOptions::default()).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::NotFound);
}
