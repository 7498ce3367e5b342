//! Each flow's world, up to the moment at which the flow begins.

use storage_core::ErrorKind;
use storage_core::filename::FileName;
use storage_core::key::Visibility;
use storage_core::ports::ObjectRef;
use storage_core::state::{LEASE, SETTLE, TRASH_LIFE};
use storage_services::edits::EditRequest;
use storage_services::transfers::{Kind, TransferRequest};
use storage_services::uploads::IssueRequest;
use storage_testkit::faulty::Crash;

use super::uploads::{photo, text};
use super::{Flow, Scene};
use crate::process::{Action, Process};
use crate::world::World;

/// A key of the caller.
pub(super) const KEY: Option<&str> = Some("key-1");

impl Flow {
    /// Makes a world ready.
    pub async fn prepare(self, world: &World) -> Scene {
        use Flow::*;
        match self {
            IssueAvatar => Action::Issue(world.avatar(&photo(1)), photo(1), None).into(),
            IssueAvatarKeyed => Action::Issue(world.avatar(&photo(1)), photo(1), KEY).into(),
            IssueAttachment => Action::Issue(world.attachment(&text()), text(), None).into(),
            IssueAttachmentKeyed => Action::Issue(world.attachment(&text()), text(), KEY).into(),
            DirectAvatar => Action::Direct(world.avatar(&photo(1)), photo(1), None).into(),
            DirectAttachment => Action::Direct(world.attachment(&text()), text(), None).into(),
            DirectAttachmentKeyed => Action::Direct(world.attachment(&text()), text(), KEY).into(),
            DirectRefused => {
                let content_type = Some("image/png".to_owned());
                let request = IssueRequest { content_type, ..world.attachment(&text()) };
                let refusal = Some(ErrorKind::ContentMismatch);
                Scene { refusal, ..Action::Direct(request, text(), None).into() }
            }
            IngestAvatar => Action::Event(world.uploaded(world.avatar(&photo(1)), &photo(1)).await.1).into(),
            IngestAttachment => {
                Action::Event(world.uploaded(world.attachment(&text()), &text()).await.1).into()
            }
            RefuseAvatar => {
                let (file, staging) = world.uploaded(world.avatar(&text()), &text()).await;
                world.watch().refuse(file, ErrorKind::UnsupportedMediaType);
                Action::Event(staging).into()
            }
            RefuseAttachment => {
                let request = IssueRequest { sha256: Some("0".repeat(64)), ..world.attachment(&text()) };
                let (file, staging) = world.uploaded(request, &text()).await;
                world.watch().refuse(file, ErrorKind::ChecksumMismatch);
                Action::Event(staging).into()
            }
            ReplaceAvatar => {
                world.ready(world.avatar(&photo(1)), &photo(1)).await;
                Action::Event(world.uploaded(world.avatar(&photo(2)), &photo(2)).await.1).into()
            }
            SupersededAvatar => {
                let (_, old) = world.uploaded(world.avatar(&photo(1)), &photo(1)).await;
                world.ready(world.avatar(&photo(2)), &photo(2)).await;
                Action::Event(old).into()
            }
            OldAvatarDies | NewAvatarDies => {
                let (_, old) = world.uploaded(world.avatar(&photo(1)), &photo(1)).await;
                let (_, new) = world.uploaded(world.avatar(&photo(2)), &photo(2)).await;
                let (dying, other) = if self == OldAvatarDies { (old, new) } else { (new, old) };
                Scene { meanwhile: Some(Action::Event(other)), ..Action::Event(dying).into() }
            }
            AvatarDeletedMeanwhile => {
                let (_, staging) = world.uploaded(world.avatar(&photo(1)), &photo(1)).await;
                Scene { meanwhile: Some(Action::DeleteAvatar), ..Action::Event(staging).into() }
            }
            AttachmentDeletedMeanwhile => {
                let (file, staging) = world.uploaded(world.attachment(&text()), &text()).await;
                Scene { meanwhile: Some(Action::Delete(file, true)), ..Action::Event(staging).into() }
            }
            DeleteSoft => Action::Delete(world.ready(world.attachment(&text()), &text()).await, false).into(),
            DeletePermanent => {
                Action::Delete(world.ready(world.attachment(&text()), &text()).await, true).into()
            }
            DeletePending => {
                Action::Delete(world.uploaded(world.attachment(&text()), &text()).await.0, true).into()
            }
            DeleteCurrentAvatar => {
                Action::Delete(world.ready(world.avatar(&photo(1)), &photo(1)).await, false).into()
            }
            DeleteAvatar => {
                world.ready(world.avatar(&photo(1)), &photo(1)).await;
                Action::DeleteAvatar.into()
            }
            Restore => {
                let file = world.ready(world.attachment(&text()), &text()).await;
                world.perform(&Action::Delete(file, false)).await;
                Action::Restore(file).into()
            }
            PublishAttachment | PublishedMeanwhile | PublishedDeletedMeanwhile => {
                let file = world.ready(world.attachment(&text()), &text()).await;
                let meanwhile = match self {
                    PublishedMeanwhile => Some(Action::Edit(file, seen_by(Visibility::Private))),
                    PublishedDeletedMeanwhile => Some(Action::Delete(file, true)),
                    _ => None,
                };
                let filename = FileName::parse("another.txt").ok();
                let request = EditRequest { filename, ..seen_by(Visibility::Public) };
                Scene { meanwhile, ..Action::Edit(file, request).into() }
            }
            PublishAvatar => {
                let file = world.ready(world.avatar(&photo(1)), &photo(1)).await;
                Action::Edit(file, seen_by(Visibility::Public)).into()
            }
            Copy | CopyKeyed | Move | MoveKeyed | MovedDeletedMeanwhile => {
                let file = world.ready(world.attachment(&text()), &text()).await;
                let kind = if matches!(self, Copy | CopyKeyed) { Kind::Copy } else { Kind::Move };
                let key = KEY.filter(|_| self.is_keyed());
                let meanwhile = (self == MovedDeletedMeanwhile).then_some(Action::Delete(file, true));
                let request = TransferRequest::new(kind);
                Scene { meanwhile, ..Action::Transfer(file, request, key).into() }
            }
            Claim => {
                let file = world.waiting(&text()).await;
                Action::Transfer(file, TransferRequest::new(Kind::Claim), None).into()
            }
            BeginParts
            | BeginPartsKeyed
            | SignPart
            | CompleteParts
            | AbortParts
            | DeleteParts
            | IngestLarge
            | LargeDeletedMeanwhile => Box::pin(self.prepare_parts(world)).await,
            other if !other.is_sweep() => Box::pin(self.prepare_scan(world)).await,
            _ => {
                Box::pin(self.prepare_sweep(world)).await;
                Action::Sweep.into()
            }
        }
    }

    async fn prepare_sweep(self, world: &World) {
        use Flow::*;
        match self {
            SweepLostEvent | SweepAfterOutage => {
                world.uploaded(world.attachment(&text()), &text()).await;
                world.wait_minutes(if self == SweepLostEvent { 11 } else { 80 });
            }
            SweepDeadWorker => {
                let (file, _) = world.uploaded(world.attachment(&text()), &text()).await;
                world.dead_worker(file).await;
            }
            SweepExpired => {
                world.issued(world.attachment(&text())).await;
                world.wait_minutes(76);
            }
            SweepExhausted => {
                let (file, _) = world.uploaded(world.attachment(&text()), &text()).await;
                for _ in 0..5 {
                    world.dead_worker(file).await;
                }
                world.watch().refuse(file, ErrorKind::AttemptsExhausted);
            }
            SweepDeadDirect => {
                let process = Process::new(world);
                let record = process.begin_direct(&world.attachment(&text()), &text(), None).await.unwrap();
                world.dead_worker(record.file_id).await;
                world.watch().refuse(record.file_id, ErrorKind::UploadNotFound);
            }
            SweepTombstoneWithBytes | SweepTombstone => {
                let file = world.ready(world.attachment(&text()), &text()).await;
                let record = world.record(file).await;
                let action = Action::Delete(file, true);
                world.perform(&action).await;
                if self == SweepTombstoneWithBytes {
                    for key in record.final_keys() {
                        let object = ObjectRef::new(record.bucket.clone(), key.clone());
                        world.repost(&object, &text()).await;
                    }
                }
                world.wait(LEASE + SETTLE);
            }
            SweepRefused => {
                let (file, staging) = world.uploaded(world.avatar(&text()), &text()).await;
                world.watch().refuse(file, ErrorKind::UnsupportedMediaType);
                world.perform(&Action::Event(staging)).await;
                world.wait(LEASE + SETTLE);
            }
            SweepTrash => {
                let file = world.ready(world.attachment(&text()), &text()).await;
                world.perform(&Action::Delete(file, false)).await;
                world.wait(TRASH_LIFE);
            }
            SweepStagingOrphan => {
                let (file, staging) = world.uploaded(world.attachment(&text()), &text()).await;
                world.perform(&Action::Delete(file, true)).await;
                world.wait_minutes(16);
                world.perform(&Action::Sweep).await;
                world.repost(&staging, &text()).await;
                world.wait_minutes(76);
            }
            SweepLeftCopy | SweepDeadCopy => {
                let file = world.ready(world.attachment(&text()), &text()).await;
                let action = match self {
                    SweepLeftCopy => Action::Edit(file, seen_by(Visibility::Public)),
                    _ => Action::Transfer(file, TransferRequest::new(Kind::Copy), None),
                };
                world.asked(&action);
                let process = Process::new(world);
                // It dies as soon as its first copy is there.
                let copy = Box::pin(calls_until_copy(&action, world)).await;
                process.faults.crash(copy, Crash::After);
                let mut running = Box::pin(process.perform(&action));
                assert!(process.faults.until_crash(running.as_mut()).await.is_none());
                world.wait(LEASE + SETTLE);
            }
            SweepExpiredParts | SweepAbandonedParts | SweepCompletedParts | SweepDeadLarge
            | SweepDeletedLarge => Box::pin(self.prepare_parts_sweep(world)).await,
            _ => Box::pin(self.prepare_scan_sweep(world)).await,
        }
    }
}

/// Who is to read a file from now on.
fn seen_by(visibility: Visibility) -> EditRequest {
    EditRequest { visibility: Some(visibility), ..EditRequest::default() }
}

/// The number of the call that copies, where the same is done in a world like this one.
async fn calls_until_copy(action: &Action, world: &World) -> usize {
    let twin = World::default();
    let file = twin.ready(twin.attachment(&text()), &text()).await;
    let action = match action {
        Action::Edit(_, request) => Action::Edit(file, request.clone()),
        Action::Transfer(_, request, key) => Action::Transfer(file, request.clone(), *key),
        other => panic!("{other:?} copies nothing"),
    };
    assert_eq!(twin.tenant, world.tenant);
    let process = Process::new(&twin);
    process.perform(&action).await;
    let calls = process.faults.calls();
    1 + calls.iter().position(|call| call.operation == "copy").expect("a copy")
}
