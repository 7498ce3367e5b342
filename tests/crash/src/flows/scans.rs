//! Flows of files that are scanned for malware: exports, in this world.

use bytes::Bytes;
use storage_core::ids::FileId;
use storage_core::ports::{ObjectRef, ScanVerdict, StorageBackend};
use storage_core::record::{FileState, Purpose};
use storage_core::state::{QUARANTINE_LIFE, SCAN_LIFE};
use storage_services::uploads::IssueRequest;
use storage_testkit::faulty::Crash;

use super::uploads::text;
use super::{Flow, Scene};
use crate::process::{Action, Process};
use crate::world::World;

/// What a scanner says that has found something.
fn infected() -> ScanVerdict {
    ScanVerdict::Infected { threat: "threat".to_owned() }
}

impl Flow {
    /// Makes a world ready for a flow that is no sweep.
    pub(super) async fn prepare_scan(self, world: &World) -> Scene {
        use Flow::*;
        match self {
            ScanClean | ScanAwaited | ScanInfected | DirectScanned => {
                if self == DirectScanned {
                    world.scanner.answer(Some(ScanVerdict::Clean));
                    return Action::Direct(world.export(&text()), text(), None).into();
                }
                let (file, staging) = world.uploaded(world.export(&text()), &text()).await;
                match self {
                    ScanClean => world.scanner.answer(Some(ScanVerdict::Clean)),
                    ScanInfected => {
                        world.scanner.answer(Some(infected()));
                        world.watch().condemn(file);
                    }
                    _ => {}
                }
                // The verdict of a scanner that works by itself comes while whoever was to wait for it is dead.
                let meanwhile = match self {
                    ScanAwaited => Some(world.verdict(&staging, ScanVerdict::Clean).await),
                    _ => None,
                };
                Scene { meanwhile, ..Action::Event(staging).into() }
            }
            VerdictClean | VerdictInfected | VerdictDeletedMeanwhile => {
                let (file, staging) = world.scanning().await;
                let bad = self == VerdictInfected;
                if bad {
                    world.watch().condemn(file);
                }
                let verdict = if bad { infected() } else { ScanVerdict::Clean };
                let meanwhile = (self == VerdictDeletedMeanwhile).then_some(Action::Delete(file, true));
                Scene { meanwhile, ..world.verdict(&staging, verdict).await.into() }
            }
            DeleteQuarantined => Action::Delete(world.quarantined().await, true).into(),
            Unquarantine => Action::Unquarantine(world.quarantined().await).into(),
            IngestReleased => {
                let file = world.quarantined().await;
                world.perform(&Action::Unquarantine(file)).await;
                let staging = world.queue.waiting.lock().unwrap().pop().unwrap();
                Action::Event(staging).into()
            }
            other => panic!("{other:?} is no scan"),
        }
    }

    /// The same for a sweep.
    pub(super) async fn prepare_scan_sweep(self, world: &World) {
        use Flow::*;
        match self {
            SweepScanFound | SweepScanTimeout => {
                let (file, _) = world.scanning().await;
                if self == SweepScanFound {
                    world.scanner.answer(Some(ScanVerdict::Clean));
                    world.wait_minutes(11);
                } else {
                    world.watch().condemn(file);
                    world.wait(SCAN_LIFE);
                }
            }
            SweepUnmoved => {
                let (file, staging) = world.scanning().await;
                world.watch().condemn(file);
                let action = world.verdict(&staging, infected()).await;
                let process = Process::new(world);
                process.faults.crash(world.calls_until_copy().await, Crash::Before);
                let mut running = Box::pin(process.perform(&action));
                assert!(process.faults.until_crash(running.as_mut()).await.is_none());
                assert!(world.record(file).await.awaits_move());
                world.wait_minutes(11);
            }
            SweepQuarantineOver => {
                world.quarantined().await;
                world.wait(QUARANTINE_LIFE);
            }
            other => panic!("{other:?} is no sweep of scans"),
        }
    }
}

impl World {
    /// An export that claims to be a text.
    fn export(&self, bytes: &Bytes) -> IssueRequest {
        IssueRequest { purpose: Purpose::Export, ..self.attachment(bytes) }
    }

    /// What a scanner that works by itself tells about what lies there.
    async fn verdict(&self, staging: &ObjectRef, verdict: ScanVerdict) -> Action {
        let etag = self.storage.head(staging).await.unwrap().etag;
        Action::Verdict(staging.clone(), etag, verdict)
    }

    /// An export that waits for its verdict.
    async fn scanning(&self) -> (FileId, ObjectRef) {
        let (file, staging) = self.uploaded(self.export(&text()), &text()).await;
        self.perform(&Action::Event(staging.clone())).await;
        self.look().await;
        assert_eq!(self.record(file).await.state, FileState::Scanning);
        (file, staging)
    }

    /// An export in quarantine.
    async fn quarantined(&self) -> FileId {
        let (file, staging) = self.scanning().await;
        self.watch().condemn(file);
        let action = self.verdict(&staging, infected()).await;
        self.perform(&action).await;
        self.look().await;
        let record = self.record(file).await;
        assert!(record.state == FileState::Quarantined && !record.awaits_move());
        file
    }

    /// The number of the call that moves what a verdict condemned, in a world like this one.
    async fn calls_until_copy(&self) -> usize {
        let twin = World::default();
        let (_, staging) = twin.scanning().await;
        let action = twin.verdict(&staging, infected()).await;
        let process = Process::new(&twin);
        process.perform(&action).await;
        let copies = process.faults.calls().iter().position(|call| call.operation == "copy");
        copies.unwrap() + 1
    }
}
