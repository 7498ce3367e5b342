//! The services over the reference models: every flow, in every order that can happen.

mod avatars;
mod deletion;
mod live;
mod races;
mod scans;
mod sweep;
mod verdicts;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::Digest;
use storage_core::Result;
use storage_core::ids::{BucketName, EntityId, FileId, PrincipalId, TenantId};
use storage_core::key::EntityKind;
use storage_core::ports::{
    AvatarRecipe, Body, ImageFormat, ImageInfo, ImageLimits, ImageProcessor, IngestQueue, MetadataStore,
    ObjectRef, ObjectStore, PostRequest, PresignPost, PresignedPost, ProcessedAvatar, PutOptions,
    ResolvedUrl, StagedObject, StorageBackend, UrlSigner, UrlTarget,
};
use storage_core::record::{FileRecord, Purpose};
use storage_core::state::Actor;
use storage_core::tenant::{Scopes, TenantContext};
use storage_core::timestamp::Timestamp;
use storage_imaging::Imaging;
use storage_testkit::clock::ManualClock;
use storage_testkit::memory::{MemoryBackend, MemoryStore};

use crate::deletion::Deletion;
use crate::ingest::{Ingest, Outcome, Source};
use crate::ledger::Ledger;
use crate::resolve::Resolver;
use crate::settings::Settings;
use crate::sweep::Sweep;
use crate::uploads::{IssueRequest, Issued, Uploads};

/// A whole system without a network.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) storage: Arc<MemoryBackend>,
    pub(super) settings: Arc<Settings>,
    pub(super) queue: Arc<RecordingQueue>,
    pub(super) tenant: TenantId,
    pub(super) user: EntityId,
}

impl World {
    pub(super) fn new() -> Self {
        let bucket = |name| BucketName::parse(name).unwrap();
        let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
        let clock = Arc::new(ManualClock::default());
        let settings = Settings::new(bucket("staging"), bucket("files"), tenant);
        let buckets = [&settings.staging_bucket, &settings.files_bucket];
        World {
            storage: Arc::new(MemoryBackend::with_clock(&buckets, clock.clone())),
            clock,
            store: Arc::new(MemoryStore::new()),
            settings: Arc::new(settings),
            queue: Arc::default(),
            tenant,
            user: EntityId::parse("22222222-2222-4222-8222-222222222222").unwrap(),
        }
    }

    pub(super) fn caller(&self) -> TenantContext {
        TenantContext {
            tenant: self.tenant,
            slug: None,
            principal: PrincipalId::parse(&self.user.to_string()).unwrap(),
            scopes: Scopes::default(),
            request_id: "request-1".to_owned(),
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        Ledger::new(self.store.clone(), self.clock.clone())
    }

    pub(super) fn uploads(&self) -> Uploads {
        Uploads::new(self.ledger(), self.settings.clone(), "memory")
    }

    pub(super) fn ingest(&self) -> Ingest {
        self.ingest_over(self.storage.clone(), Arc::new(Imaging))
    }

    pub(super) fn ingest_over(
        &self,
        storage: Arc<dyn ObjectStore>,
        images: Arc<dyn ImageProcessor>,
    ) -> Ingest {
        Ingest::new(self.ledger(), storage, images, self.settings.clone())
    }

    pub(super) fn resolver(&self) -> Resolver {
        Resolver::new(self.ledger(), self.settings.clone(), Arc::new(PathSigner))
    }

    pub(super) fn deletion(&self) -> Deletion {
        Deletion::new(self.ledger(), self.settings.clone(), self.storage.clone())
    }

    pub(super) fn sweep(&self) -> Sweep {
        Sweep::new(self.ledger(), self.storage.clone(), self.queue.clone(), self.settings.clone())
    }

    /// Issues an avatar of the user, whose bytes are declared as JPEG.
    pub(super) async fn issue_avatar(&self, size: usize) -> Issued {
        let request = IssueRequest {
            entity: Some(self.user),
            content_type: Some("image/jpeg".to_owned()),
            size: Some(size as u64),
            ..IssueRequest::new(Purpose::AvatarUser)
        };
        self.uploads().issue(&self.caller(), request, None, &PlainForm).await.unwrap()
    }

    pub(super) async fn issue_attachment(&self, content_type: &str, size: usize) -> Issued {
        let request = IssueRequest {
            content_type: Some(content_type.to_owned()),
            size: Some(size as u64),
            ..IssueRequest::new(Purpose::Attachment)
        };
        self.uploads().issue(&self.caller(), request, None, &PlainForm).await.unwrap()
    }

    /// What a browser does with the form; as often as it likes.
    pub(super) async fn post(&self, issued: &Issued, bytes: &Bytes) {
        let options = PutOptions::default();
        self.storage.put(&issued.staging, Body::Bytes(bytes.clone()), options).await.unwrap();
    }

    /// An avatar from issue to ready.
    pub(super) async fn upload_avatar(&self, bytes: &Bytes) -> FileRecord {
        let issued = self.issue_avatar(bytes.len()).await;
        self.post(&issued, bytes).await;
        match self.finalise(issued.record.file_id).await {
            Outcome::Ready(record) => *record,
            other => panic!("not ready: {other:?}"),
        }
    }

    pub(super) async fn finalise(&self, file: FileId) -> Outcome {
        self.ingest().run(self.tenant, file, Source::Staging, &Actor::function("test")).await.unwrap()
    }

    pub(super) async fn record(&self, file: FileId) -> FileRecord {
        self.store.get_file(self.tenant, file).await.unwrap().unwrap()
    }

    /// The stored keys with the file's id replaced, in order.
    pub(super) fn keys(&self, names: &[(FileId, &str)]) -> Vec<String> {
        let mut keys = self.storage.keys();
        for key in &mut keys {
            for (file, name) in names {
                *key = key.replace(&file.to_string(), name);
            }
        }
        keys
    }

    pub(super) fn served(&self, record: &FileRecord) -> Option<Bytes> {
        self.storage.bytes(&ObjectRef::new(record.bucket.clone(), record.final_key.clone()?))
    }

    pub(super) async fn current(&self) -> Option<FileId> {
        let key = storage_core::record::PointerKey {
            tenant: self.tenant,
            kind: EntityKind::Users,
            entity: self.user,
        };
        self.store.get_pointer(&key).await.unwrap().unwrap_or_default().current_file_id
    }

    pub(super) fn wait(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }
}

/// A JPEG photo of `side` pixels whose content depends on `seed`.
pub(super) fn photo(side: u16, seed: u64) -> Bytes {
    storage_testkit::images::jpeg(side, side, seed)
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}

/// A form without a signature: the reference backend has no door to knock at.
#[derive(Debug)]
pub(super) struct PlainForm;

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

/// URLs that show their object.
#[derive(Debug)]
pub(super) struct PathSigner;

#[async_trait]
impl UrlSigner for PathSigner {
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> Result<ResolvedUrl> {
        let url = format!("https://cdn.test/{}/{}", target.tenant, target.object.key);
        Ok(ResolvedUrl { url, expires_at: Some(now + Duration::from_secs(900)) })
    }
}

/// A queue that only remembers.
#[derive(Debug, Default)]
pub(super) struct RecordingQueue {
    pub(super) sent: Mutex<Vec<StagedObject>>,
}

#[async_trait]
impl IngestQueue for RecordingQueue {
    async fn enqueue(&self, staged: StagedObject) -> Result<()> {
        self.sent.lock().unwrap().push(staged);
        Ok(())
    }
}

/// An image processor that lets something else happen while it works.
pub(super) struct Interrupted<F> {
    pub(super) during: F,
}

impl<F> std::fmt::Debug for Interrupted<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Interrupted")
    }
}

impl<F: Fn() + Send + Sync> ImageProcessor for Interrupted<F> {
    fn sniff(&self, head: &[u8]) -> Option<ImageFormat> {
        Imaging.sniff(head)
    }

    fn process_avatar(
        &self,
        source: Bytes,
        limits: &ImageLimits,
        recipe: AvatarRecipe,
    ) -> Result<ProcessedAvatar> {
        (self.during)();
        Imaging.process_avatar(source, limits, recipe)
    }

    fn inspect(&self, source: Bytes, limits: &ImageLimits) -> Result<ImageInfo> {
        (self.during)();
        Imaging.inspect(source, limits)
    }
}

/// Runs a future to its end from code that is not async, beside the test's own runtime.
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future))
            .join()
            .unwrap()
    })
}
