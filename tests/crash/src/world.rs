//! A whole system without a network: the reference models, a clock that tests move, a queue, a browser.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use storage_core::Result;
use storage_core::ids::{BucketName, EntityId, FileId, PrincipalId, TenantId};
use storage_core::key::EntityKind;
use storage_core::ports::{
    Body, Clock, ETag, IngestQueue, MetadataStore, MultipartBackend, ObjectRef, PostRequest, PresignParts,
    PresignPost, PresignedPost, PresignedUrl, PutOptions, RawCall, StagedObject, StorageBackend, UploadId,
};
use storage_core::record::{AvatarPointer, FileRecord, PointerKey, Purpose};
use storage_core::tenant::{Scopes, TenantContext};
use storage_core::timestamp::Timestamp;
use storage_services::part_uploads::Handle;
use storage_services::settings::{MB, Settings};
use storage_services::transfers::Kind;
use storage_testkit::clock::ManualClock;
use storage_testkit::memory::{MemoryBackend, MemoryScanner, MemoryStore};

use crate::process::{Action, Answer, Process};
use crate::watch::Watch;

/// The system. Its stores survive every process.
pub struct World {
    /// The time.
    pub clock: Arc<ManualClock>,
    /// The records.
    pub store: Arc<MemoryStore>,
    /// The objects.
    pub storage: Arc<MemoryBackend>,
    /// The queue of `process-upload`.
    pub queue: Arc<Queue>,
    /// The signer of forms.
    pub forms: Arc<PlainForm>,
    /// What scans exports. It knows nothing until a scene says so.
    pub scanner: Arc<MemoryScanner>,
    /// The settings of every function.
    pub settings: Arc<Settings>,
    /// The tenant of everything.
    pub tenant: TenantId,
    /// The caller, whose avatar is changed.
    pub user: EntityId,
    watch: Mutex<Watch>,
}

impl Default for World {
    fn default() -> Self {
        let bucket = |name| BucketName::parse(name).unwrap();
        let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
        let clock = Arc::new(ManualClock::default());
        let settings = Settings {
            scanned: [Purpose::Export].into(),
            // Trials last months, and what they look at is not the end of exports.
            export_life: Duration::from_secs(3650 * 24 * 3600),
            // A large upload is small here, and its parts are the smallest there are.
            inline_max_bytes: MB,
            copy_part_bytes: MB,
            ..Settings::new(bucket("staging"), bucket("files"), tenant)
        };
        let buckets = [&settings.staging_bucket, &settings.files_bucket];
        World {
            storage: Arc::new(MemoryBackend::with_clock(&buckets, clock.clone())),
            clock,
            store: Arc::new(MemoryStore::new()),
            queue: Arc::default(),
            forms: Arc::default(),
            scanner: Arc::default(),
            settings: Arc::new(settings),
            tenant,
            user: EntityId::parse("22222222-2222-4222-8222-222222222222").unwrap(),
            watch: Mutex::default(),
        }
    }
}

impl World {
    /// The user, with no scopes.
    pub fn caller(&self) -> TenantContext {
        TenantContext {
            tenant: self.tenant,
            slug: None,
            principal: PrincipalId::parse(&self.user.to_string()).unwrap(),
            scopes: Scopes::default(),
            request_id: "request-1".to_owned(),
        }
    }

    /// What was promised and seen.
    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Lets so many minutes pass.
    pub fn wait_minutes(&self, minutes: u64) {
        self.wait(Duration::from_secs(60 * minutes));
    }

    /// A file's record.
    pub async fn record(&self, file: FileId) -> FileRecord {
        self.store.get_file(self.tenant, file).await.unwrap().unwrap()
    }

    /// The pointer of the user's avatar.
    pub async fn pointer(&self) -> AvatarPointer {
        let key = PointerKey { tenant: self.tenant, kind: EntityKind::Users, entity: self.user };
        self.store.get_pointer(&key).await.unwrap().unwrap_or_default()
    }

    /// What a browser does with a form. Success is an acknowledgement by S3; the event of it is not delivered yet.
    pub async fn post(&self, staging: &ObjectRef, file: FileId, bytes: &Bytes) {
        self.storage.put(staging, Body::Bytes(bytes.clone()), PutOptions::default()).await.unwrap();
        self.watch().posted(file, staging, bytes);
    }

    /// Posts a form that was posted before. It is no news, and so no promise.
    pub async fn repost(&self, staging: &ObjectRef, bytes: &Bytes) {
        self.storage.put(staging, Body::Bytes(bytes.clone()), PutOptions::default()).await.unwrap();
    }

    /// A client is about to ask: from here on a deletion may happen.
    pub fn asked(&self, action: &Action) {
        let doomed: Vec<FileId> = match action {
            Action::Delete(file, _) => vec![*file],
            Action::DeleteAvatar => {
                let avatars =
                    self.store.files().into_iter().filter(|record| record.entity == Some(self.user));
                avatars.map(|record| record.file_id).collect()
            }
            Action::AbortParts(handle) => vec![handle.file],
            _ => Vec::new(),
        };
        self.watch().doom(doomed);
        match action {
            Action::Transfer(file, request, _) => self.leaves(*file, request.kind),
            // From here on it may be readable again.
            Action::Restore(file) => drop(self.watch().ended.remove(file)),
            Action::Unquarantine(file) => drop(self.watch().condemned.remove(file)),
            // Who asks the scanner from now on is told the same.
            Action::Verdict(_, etag, verdict) => self.scanner.found(etag, verdict.clone()),
            _ => {}
        }
    }

    /// A file is about to become another one.
    fn leaves(&self, file: FileId, kind: Kind) {
        let sources = self.store.files().into_iter().filter(|record| record.file_id == file);
        let uploads = sources.filter_map(|record| record.source_sha256);
        let mut watch = self.watch();
        watch.copied.extend(uploads);
        if kind != Kind::Copy {
            watch.leaving.insert(file);
        }
    }

    /// Does something in an invocation that lives, and does what the client does with its answer.
    pub async fn perform(&self, action: &Action) -> Answer {
        self.asked(action);
        let answer = Process::new(self).perform(action).await;
        self.answered(action, &answer).await;
        answer
    }

    /// The client has an answer. Who has a form posts it, and the event of that waits in the queue.
    pub async fn answered(&self, action: &Action, answer: &Answer) {
        self.watch().answered(action, answer);
        if let (Action::Issue(_, bytes, _), Answer::Issued(issued)) = (action, answer) {
            self.post(&issued.staging, issued.record.file_id, bytes).await;
            self.queue.waiting.lock().unwrap().push(issued.staging.clone());
        }
        match (action, answer) {
            (Action::BeginParts(_, bytes, _), Answer::Begun(handle)) => {
                // Who was told twice of one upload may have completed it.
                if let Some(etag) = self.send_part(handle, bytes).await {
                    Box::pin(self.perform(&Action::CompleteParts((**handle).clone(), etag, bytes.clone())))
                        .await;
                }
            }
            (Action::CompleteParts(handle, _, bytes), Answer::Done) => {
                let staging = self.staging(handle);
                self.watch().posted(handle.file, &staging, bytes);
                self.queue.waiting.lock().unwrap().push(staging);
            }
            _ => {}
        }
    }

    /// The staging object of an upload in parts.
    pub fn staging(&self, handle: &Handle) -> ObjectRef {
        ObjectRef::new(self.settings.staging_bucket.clone(), handle.key.clone())
    }

    /// What a browser does with the URL of a part: all of the bytes are in one. `None` where the upload is over.
    pub async fn send_part(&self, handle: &Handle, bytes: &Bytes) -> Option<ETag> {
        self.watch().sent(handle.file, bytes);
        let upload = UploadId(handle.upload_id.clone());
        let body = Body::Bytes(bytes.clone());
        let sent = self.storage.upload_part(&self.staging(handle), &upload, 1, body).await;
        sent.ok().map(|part| part.etag)
    }

    /// Delivers every message that waits, each to an invocation of its own. One that fails is delivered again.
    pub async fn deliver(&self) {
        for _ in 0..3 {
            let messages = std::mem::take(&mut *self.queue.waiting.lock().unwrap());
            for object in messages {
                let action = Action::Event(object.clone());
                if let Answer::Refused(_) = self.perform(&action).await {
                    self.queue.waiting.lock().unwrap().push(object);
                }
            }
        }
    }
}

/// The queue: at least once, in order here.
#[derive(Debug, Default)]
pub struct Queue {
    /// What has not been delivered.
    pub waiting: Mutex<Vec<ObjectRef>>,
}

#[async_trait]
impl IngestQueue for Queue {
    async fn enqueue(&self, staged: StagedObject) -> Result<()> {
        self.waiting.lock().unwrap().push(staged.object);
        Ok(())
    }
}

/// A form without a signature: the reference backend has no door to knock at.
#[derive(Debug, Default)]
pub struct PlainForm;

#[async_trait]
impl PresignPost for PlainForm {
    async fn presign_post(&self, request: PostRequest, now: Timestamp) -> Result<PresignedPost> {
        Ok(PresignedPost {
            url: "http://storage.test/".to_owned(),
            fields: [("key".to_owned(), request.object.key.to_string())].into(),
            expires_at: now + request.expires_in,
        })
    }
}

#[async_trait]
impl PresignParts for PlainForm {
    async fn presign_call(
        &self,
        _object: &ObjectRef,
        _call: &RawCall,
        _content_type: Option<&str>,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl> {
        let url = "http://storage.test/".to_owned();
        Ok(PresignedUrl { url, headers: Default::default(), expires_at: now + expires_in })
    }
}
