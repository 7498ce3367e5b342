//! The real services over the local backend and DynamoDB in this process, with a clock that only the test moves.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model_tests::moment;
use sha2::{Digest, Sha256};
use storage_core::Result;
use storage_core::ids::{EntityId, FileId, PrincipalId, WorkerId};
use storage_core::key::{EntityKind, StorageKey};
use storage_core::ports::{
    Clock, GetOptions, IngestQueue, MetadataStore, ObjectRef, ObjectStore, PostRequest, PresignPost,
    PresignedPost, PutOptions, ResolvedUrl, StagedObject, StorageBackend, SystemClock, Transaction,
    UrlSigner, UrlTarget, Write,
};
use storage_core::record::{AvatarPointer, FileRecord, PointerKey, Purpose};
use storage_core::state::{Actor, Event};
use storage_core::tenant::{Scopes, TenantContext};
use storage_core::timestamp::Timestamp;
use storage_imaging::Imaging;
use storage_services::deletion::Deletion;
use storage_services::ingest::{Ingest, Outcome, Source};
use storage_services::ledger::{Applied, Ledger};
use storage_services::resolve::{AvatarInfo, Reader, Resolver};
use storage_services::settings::Settings;
use storage_services::sweep::{Counts, Sweep};
use storage_services::uploads::{IssueRequest, Uploads};
use storage_testkit::clock::ManualClock;
use test_harness::Sim;

/// One user's world.
pub(crate) struct World {
    sim: Arc<Sim>,
    pub(crate) start: Timestamp,
    clock: Arc<ManualClock>,
    settings: Arc<Settings>,
    user: EntityId,
}

impl World {
    /// A user that nobody else has, in this simulation.
    pub(crate) fn new(sim: Arc<Sim>) -> Self {
        // Objects bear the time of the machine, so the story begins there too.
        let start = Timestamp::from_millis(SystemClock.now().as_seconds() * 1000);
        let settings = Settings::new(sim.staging(), sim.files(), sim.tenant);
        World {
            sim,
            start,
            clock: Arc::new(ManualClock::at(start)),
            settings: Arc::new(settings),
            user: EntityId::from(*WorkerId::generate().as_uuid()),
        }
    }

    pub(crate) fn set_second(&self, second: u64) {
        self.clock.set(moment(self.start, second));
    }

    fn caller(&self) -> TenantContext {
        TenantContext {
            tenant: self.sim.tenant,
            slug: None,
            principal: PrincipalId::parse(&self.user.to_string()).unwrap(),
            scopes: Scopes::default(),
            request_id: "request-1".to_owned(),
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(Arc::new(self.sim.store.clone()), self.clock.clone())
    }

    fn storage(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.sim.storage.clone())
    }

    fn resolver(&self) -> Resolver {
        Resolver::new(self.ledger(), self.settings.clone(), Arc::new(KeySigner))
    }

    fn deletion(&self) -> Deletion {
        Deletion::new(self.ledger(), self.settings.clone(), self.storage())
    }

    /// A new file for which `good` is declared.
    pub(crate) async fn issue(&self, avatar: bool, digest: bool, staged: bool, good: &Bytes) -> FileRecord {
        let purpose = if avatar { Purpose::AvatarUser } else { Purpose::Attachment };
        let request = IssueRequest {
            entity: avatar.then_some(self.user),
            content_type: Some(if avatar { "image/jpeg" } else { "text/plain" }.to_owned()),
            size: Some(good.len() as u64),
            sha256: digest.then(|| sha256(good)),
            ..IssueRequest::new(purpose)
        };
        let uploads = Uploads::new(self.ledger(), self.settings.clone(), "local");
        if staged {
            uploads.issue(&self.caller(), request, None, &PlainForm).await.unwrap().record
        } else {
            uploads.begin_direct(&self.caller(), request, None).await.unwrap()
        }
    }

    /// What the browser does with the form.
    pub(crate) async fn post(&self, record: &FileRecord, bytes: &Bytes) {
        let object = staging(record).unwrap();
        self.sim.storage.put(&object, bytes.clone().into(), PutOptions::default()).await.unwrap();
    }

    /// Ingest, as the event, `complete` and a direct upload all do it.
    pub(crate) async fn ingest(&self, file: FileId, source: Source) -> Outcome {
        let ingest = Ingest::new(self.ledger(), self.storage(), Arc::new(Imaging), self.settings.clone());
        ingest.run(self.sim.tenant, file, source, &Actor::function("model")).await.unwrap()
    }

    /// Applies one event to the record as it is, as a part of the system that is not under test would.
    pub(crate) async fn apply(&self, file: FileId, event: Event) -> bool {
        let actor = Actor::function("model");
        matches!(
            self.ledger().apply(self.sim.tenant, file, event, &actor).await.unwrap(),
            Applied::Written(_)
        )
    }

    /// Puts the file on legal hold or takes it off.
    pub(crate) async fn hold(&self, file: FileId, held: bool) {
        let mut record = self.record(file).await;
        (record.legal_hold, record.rev) = (held, record.rev + 1);
        let write = Write::UpdateFile(Box::new(record));
        self.sim.store.commit(Transaction::new(vec![write])).await.unwrap();
    }

    pub(crate) async fn delete_file(&self, file: FileId, permanent: bool) -> Result<()> {
        self.deletion().delete_file(&self.caller(), file, permanent).await
    }

    pub(crate) async fn restore(&self, file: FileId) -> Result<()> {
        self.deletion().restore(&self.caller(), file, None).await.map(drop)
    }

    pub(crate) async fn delete_avatar(&self) -> Result<()> {
        self.deletion().delete_avatar(&self.caller(), EntityKind::Users, self.user).await
    }

    pub(crate) async fn sweep(&self) -> Counts {
        let queue = Arc::new(Unheard);
        Sweep::new(self.ledger(), self.storage(), queue, self.settings.clone()).run().await.unwrap()
    }

    pub(crate) async fn record(&self, file: FileId) -> FileRecord {
        self.sim.store.get_file(self.sim.tenant, file).await.unwrap().unwrap()
    }

    pub(crate) async fn pointer(&self) -> AvatarPointer {
        let key = PointerKey { tenant: self.sim.tenant, kind: EntityKind::Users, entity: self.user };
        self.sim.store.get_pointer(&key).await.unwrap().unwrap_or_default()
    }

    pub(crate) async fn avatar(&self) -> AvatarInfo {
        let caller = self.caller();
        self.resolver().avatar_info(&Reader::Caller(&caller), EntityKind::Users, self.user).await.unwrap()
    }

    /// What a reader gets who asks for the file's URL and follows it.
    pub(crate) async fn read(&self, file: FileId) -> Result<Bytes> {
        let (record, url) = self.resolver().file_url(&self.caller(), file, None, None).await?;
        let key = StorageKey::parse(&url.url).unwrap();
        let object = ObjectRef::new(record.bucket, key);
        let read = self.sim.storage.get(&object, GetOptions::default()).await.unwrap();
        read.collect(u64::MAX).await
    }

    /// How many of the objects that a record names are there: on staging, and final ones.
    pub(crate) async fn objects(&self, record: &FileRecord) -> (usize, usize) {
        let (mut staged, mut finals) = (0, 0);
        if let Some(object) = staging(record) {
            staged += usize::from(self.sim.storage.exists(&object).await.unwrap());
        }
        for key in record.final_keys() {
            let object = ObjectRef::new(record.bucket.clone(), key.clone());
            finals += usize::from(self.sim.storage.exists(&object).await.unwrap());
        }
        (staged, finals)
    }
}

fn staging(record: &FileRecord) -> Option<ObjectRef> {
    Some(ObjectRef::new(record.staging_bucket.clone(), record.staging_key.clone()?))
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A form without a signature: nothing stands before the storage here.
#[derive(Debug)]
struct PlainForm;

#[async_trait]
impl PresignPost for PlainForm {
    async fn presign_post(&self, request: PostRequest, now: Timestamp) -> Result<PresignedPost> {
        let expires_at = now + request.expires_in;
        Ok(PresignedPost { url: String::new(), fields: Default::default(), expires_at })
    }
}

/// URLs that are the key.
#[derive(Debug)]
struct KeySigner;

#[async_trait]
impl UrlSigner for KeySigner {
    async fn resolve(&self, target: &UrlTarget, _: Timestamp) -> Result<ResolvedUrl> {
        Ok(ResolvedUrl { url: target.object.key.to_string(), expires_at: None })
    }
}

/// A queue whose messages the test sends itself, whenever it likes.
#[derive(Debug)]
struct Unheard;

#[async_trait]
impl IngestQueue for Unheard {
    async fn enqueue(&self, _: StagedObject) -> Result<()> {
        Ok(())
    }
}
