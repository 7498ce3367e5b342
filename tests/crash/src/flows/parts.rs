//! Flows of uploads that are sent in parts, and of those that are copied in parts.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use storage_core::ids::FileId;
use storage_core::ports::{ETag, ObjectRef};
use storage_core::state::{LEASE, SETTLE};
use storage_services::part_uploads::Handle;
use storage_services::settings::MB;
use storage_testkit::faulty::Crash;

use super::scenes::KEY;
use super::uploads::text;
use super::{Flow, Scene};
use crate::process::{Action, Answer, Process};
use crate::world::World;

/// Five parts, of which four are copied at a time.
static LARGE: LazyLock<Bytes> =
    LazyLock::new(|| (0..4 * MB + 1).map(|at| (at / 4096 * 31 + at) as u8).collect::<Vec<u8>>().into());

impl Flow {
    /// Makes a world ready for a flow that is no sweep.
    pub(super) async fn prepare_parts(self, world: &World) -> Scene {
        use Flow::*;
        match self {
            BeginParts => Action::BeginParts(world.attachment(&text()), text(), None).into(),
            BeginPartsKeyed => Action::BeginParts(world.attachment(&text()), text(), KEY).into(),
            SignPart => Action::SignPart(world.begun().await.0).into(),
            CompleteParts => {
                let (handle, etag) = world.begun().await;
                Action::CompleteParts(handle, etag, text()).into()
            }
            AbortParts => Action::AbortParts(world.begun().await.0).into(),
            DeleteParts => Action::Delete(world.begun().await.0.file, true).into(),
            IngestLarge | LargeDeletedMeanwhile => {
                let (file, staging) = world.large().await;
                let meanwhile = (self == LargeDeletedMeanwhile).then_some(Action::Delete(file, true));
                Scene { meanwhile, ..Action::Event(staging).into() }
            }
            other => panic!("{other:?} has no parts"),
        }
    }

    /// The same for a sweep.
    pub(super) async fn prepare_parts_sweep(self, world: &World) {
        use Flow::*;
        match self {
            SweepExpiredParts | SweepAbandonedParts => {
                world.begun().await;
                world.wait(world.settings.multipart_life + SETTLE + Duration::from_secs(60));
                if self == SweepAbandonedParts {
                    world.perform(&Action::Sweep).await;
                    world.wait(SETTLE + Duration::from_secs(60));
                }
            }
            SweepCompletedParts => {
                let (handle, etag) = world.begun().await;
                world.perform(&Action::CompleteParts(handle, etag, text())).await;
                world.queue.waiting.lock().unwrap().clear();
                world.wait_minutes(11);
            }
            SweepDeadLarge | SweepDeletedLarge => {
                let (file, staging) = world.large().await;
                let action = Action::Event(staging);
                let process = Process::new(world);
                process.faults.crash(calls_until_last_part().await, Crash::Before);
                let mut running = Box::pin(process.perform(&action));
                assert!(process.faults.until_crash(running.as_mut()).await.is_none());
                assert_eq!(world.record(file).await.promotion.unwrap().copied, 4);
                if self == SweepDeletedLarge {
                    // The parts stay, as if S3 had not answered the deletion.
                    let action = Action::Delete(file, true);
                    world.asked(&action);
                    let process = Process::new(world);
                    process.faults.fail_from("abort_upload", 1, storage_core::ErrorKind::StorageUnavailable);
                    let answer = process.perform(&action).await;
                    world.answered(&action, &answer).await;
                }
                world.wait(LEASE + SETTLE);
            }
            other => panic!("{other:?} is no sweep of parts"),
        }
    }
}

impl World {
    /// An upload in parts whose only part has arrived.
    async fn begun(&self) -> (Handle, ETag) {
        let action = Action::BeginParts(self.attachment(&text()), text(), None);
        match Process::new(self).perform(&action).await {
            Answer::Begun(handle) => {
                let etag = self.send_part(&handle, &text()).await.unwrap();
                (*handle, etag)
            }
            other => panic!("{other:?}"),
        }
    }

    /// An upload that is too large to be read, whose event is still on its way.
    async fn large(&self) -> (FileId, ObjectRef) {
        let content_type = Some("application/octet-stream".to_owned());
        let request = storage_services::uploads::IssueRequest { content_type, ..self.attachment(&LARGE) };
        self.uploaded(request, &LARGE).await
    }
}

/// The number of the call that copies the last part.
async fn calls_until_last_part() -> usize {
    let twin = World::default();
    let (_, staging) = twin.large().await;
    let process = Process::new(&twin);
    process.perform(&Action::Event(staging)).await;
    let calls = process.faults.calls();
    1 + calls.iter().rposition(|call| call.operation == "copy_part").expect("a part")
}
