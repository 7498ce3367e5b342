//! Uploads of the user, as far as a scene needs them.

use std::time::Duration;

use bytes::Bytes;
use storage_core::ids::{FileId, TenantId, WorkerId};
use storage_core::ports::{MetadataStore, ObjectRef};
use storage_core::record::{FileRecord, FileState, Purpose};
use storage_core::state::{Actor, Event, LEASE};
use storage_core::tenant::TenantContext;
use storage_services::uploads::IssueRequest;

use crate::process::{Action, Answer, Process};
use crate::world::World;

/// A JPEG of 64 px a side.
pub(super) fn photo(seed: u64) -> Bytes {
    storage_testkit::images::jpeg(64, 64, seed)
}

/// A small text.
pub(super) fn text() -> Bytes {
    Bytes::from_static(b"one line\nand another\n")
}

impl World {
    /// An avatar of the user that claims to be a JPEG.
    pub(super) fn avatar(&self, bytes: &Bytes) -> IssueRequest {
        IssueRequest {
            entity: Some(self.user),
            content_type: Some("image/jpeg".to_owned()),
            size: Some(bytes.len() as u64),
            ..IssueRequest::new(Purpose::AvatarUser)
        }
    }

    /// An attachment that claims to be a text.
    pub(super) fn attachment(&self, bytes: &Bytes) -> IssueRequest {
        IssueRequest {
            content_type: Some("text/plain".to_owned()),
            size: Some(bytes.len() as u64),
            ..IssueRequest::new(Purpose::Attachment)
        }
    }

    /// A form that nobody has posted yet.
    pub(super) async fn issued(&self, request: IssueRequest) -> (FileRecord, ObjectRef) {
        match Process::new(self).perform(&Action::Issue(request, Bytes::new(), None)).await {
            Answer::Issued(issued) => (issued.record, issued.staging),
            other => panic!("{other:?}"),
        }
    }

    /// An upload whose event is still on its way.
    pub(super) async fn uploaded(&self, request: IssueRequest, bytes: &Bytes) -> (FileId, ObjectRef) {
        let (record, staging) = self.issued(request).await;
        self.post(&staging, record.file_id, bytes).await;
        (record.file_id, staging)
    }

    /// A readable file.
    pub(super) async fn ready(&self, request: IssueRequest, bytes: &Bytes) -> FileId {
        let (file, staging) = self.uploaded(request, bytes).await;
        self.perform(&Action::Event(staging)).await;
        self.look().await;
        assert_eq!(self.record(file).await.state, FileState::Ready);
        file
    }

    /// A readable file that waits for its tenant.
    pub(super) async fn waiting(&self, bytes: &Bytes) -> FileId {
        let caller = TenantContext { tenant: TenantId::UNASSIGNED, ..self.caller() };
        let uploads = Process::new(self).uploads();
        let issued = uploads.issue(&caller, self.attachment(bytes), None, &*self.forms).await.unwrap();
        let file = issued.record.file_id;
        self.post(&issued.staging, file, bytes).await;
        self.perform(&Action::Event(issued.staging)).await;
        let record = self.store.get_file(TenantId::UNASSIGNED, file).await.unwrap().unwrap();
        assert_eq!(record.state, FileState::Ready);
        file
    }

    /// A worker takes the lease and is never heard of again; its lease is over now.
    pub(super) async fn dead_worker(&self, file: FileId) {
        let claim = Event::Claim(WorkerId::generate());
        let ledger = Process::new(self).ledger();
        ledger.apply(self.tenant, file, claim, &Actor::function("dead")).await.unwrap();
        self.wait(LEASE + Duration::from_secs(1));
    }
}
