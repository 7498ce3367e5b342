//! Each flow's world, up to the moment at which the flow begins.

use storage_core::ErrorKind;
use storage_core::ports::ObjectRef;
use storage_core::state::{LEASE, SETTLE, TRASH_LIFE};
use storage_services::uploads::IssueRequest;

use super::uploads::{photo, text};
use super::{Flow, Scene};
use crate::process::{Action, Process};
use crate::world::World;

/// A key of the caller.
const KEY: Option<&str> = Some("key-1");

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
            _ => {
                self.prepare_sweep(world).await;
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
            other => panic!("{other:?} is no sweep"),
        }
    }
}
