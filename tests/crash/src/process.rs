//! One invocation of a function: the real services over ports that may die together.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use storage_core::ids::{FileId, IdempotencyKey};
use storage_core::key::EntityKind;
use storage_core::ports::{
    AvatarRecipe, ETag, ImageFormat, ImageInfo, ImageLimits, ImageProcessor, IngestQueue, ObjectRef,
    ObjectStore, PresignPost, ProcessedAvatar, ScanVerdict, Scanner,
};
use storage_core::record::{FileRecord, FileState};
use storage_core::state::Actor;
use storage_core::tenant::{Scopes, TenantContext};
use storage_core::{Error, ErrorKind, Result};
use storage_imaging::Imaging;
use storage_services::deletion::Deletion;
use storage_services::edits::{EditRequest, Edits};
use storage_services::ingest::{Ingest, Outcome, Source};
use storage_services::ledger::Ledger;
use storage_services::part_uploads::{Handle, PartUploads};
use storage_services::quarantine::Quarantine;
use storage_services::resolve::readable;
use storage_services::sweep::Sweep;
use storage_services::transfers::{Kind, TransferRequest, Transfers};
use storage_services::uploads::{Idempotency, IssueRequest, Issued, Uploads};
use storage_testkit::faulty::{Faults, Faulty};

use crate::world::World;

/// What one invocation is asked to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// A client asks for a form, and posts these bytes with it.
    Issue(IssueRequest, Bytes, Option<&'static str>),
    /// A client sends the bytes themselves.
    Direct(IssueRequest, Bytes, Option<&'static str>),
    /// S3 says that an upload arrived.
    Event(ObjectRef),
    /// A client deletes a file; permanently where it says so.
    Delete(FileId, bool),
    /// A client deletes the avatar of the user.
    DeleteAvatar,
    /// A client takes a file out of the trash.
    Restore(FileId),
    /// A client changes the name of a file, and who may read it.
    Edit(FileId, EditRequest),
    /// A client copies, moves or claims a file.
    Transfer(FileId, TransferRequest, Option<&'static str>),
    /// A scanner that works by itself says what it has found in the object with this tag.
    Verdict(ObjectRef, ETag, ScanVerdict),
    /// An administrator lets a file out of quarantine.
    Unquarantine(FileId),
    /// A client begins an upload in parts, sends these bytes as its only part, and completes it.
    BeginParts(IssueRequest, Bytes, Option<&'static str>),
    /// A client asks for the URL of a part.
    SignPart(Handle),
    /// A client says that it has sent these bytes, as this part.
    CompleteParts(Handle, ETag, Bytes),
    /// A client gives up an upload in parts.
    AbortParts(Handle),
    /// The clock of the sweep strikes.
    Sweep,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A form.
    Issued(Box<Issued>),
    /// An upload in parts.
    Begun(Box<Handle>),
    /// A stored file.
    Stored(Box<FileRecord>),
    /// Nothing but success.
    Done,
    /// A refusal; of an event, that it is to be delivered again.
    Refused(ErrorKind),
}

/// One invocation. Everything it sends is recorded, and can be its last.
pub struct Process<'a> {
    world: &'a World,
    /// The recording, and the planned end.
    pub faults: Faults,
}

impl<'a> Process<'a> {
    /// An invocation that is not going to die unless `faults` say so.
    pub fn new(world: &'a World) -> Self {
        Process { world, faults: Faults::new() }
    }

    /// The records of the world, with the faults of this process.
    pub fn ledger(&self) -> Ledger {
        let store = Faulty::new(self.world.store.clone(), self.faults.clone());
        Ledger::new(Arc::new(store), self.world.clock.clone())
    }

    fn storage(&self) -> Arc<dyn ObjectStore> {
        Arc::new(Faulty::new(self.world.storage.clone(), self.faults.clone()))
    }

    fn ingest(&self) -> Ingest {
        let settings = self.world.settings.clone();
        Ingest::new(self.ledger(), self.storage(), Arc::new(Remembering), settings)
            .with_scanner(self.scanner())
    }

    fn scanner(&self) -> Arc<dyn Scanner> {
        Arc::new(Faulty::new(self.world.scanner.clone(), self.faults.clone()))
    }

    fn queue(&self) -> Arc<dyn IngestQueue> {
        Arc::new(Faulty::new(self.world.queue.clone(), self.faults.clone()))
    }

    /// What issues uploads.
    pub fn uploads(&self) -> Uploads {
        Uploads::new(self.ledger(), self.world.settings.clone(), "memory")
    }

    fn parts(&self) -> PartUploads {
        PartUploads::new(self.uploads(), self.storage(), self.world.forms.clone(), self.queue())
    }

    fn deletion(&self) -> Deletion {
        Deletion::new(self.ledger(), self.world.settings.clone(), self.storage())
    }

    fn sweep(&self) -> Sweep {
        Sweep::new(self.ledger(), self.storage(), self.queue(), self.world.settings.clone())
            .with_scanner(self.scanner())
    }

    /// Does it, as the function that is responsible does.
    pub async fn perform(&self, action: &Action) -> Answer {
        // On the heap: the states of all functions together are more than a test's thread has room for.
        Box::pin(self.function(action)).await
    }

    async fn function(&self, action: &Action) -> Answer {
        let caller = self.world.caller();
        let done = |result: Result<()>| match result {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Refused(error.kind()),
        };
        match action {
            Action::Issue(request, _, key) => {
                let presign: Box<dyn PresignPost> =
                    Box::new(Faulty::new(self.world.forms.clone(), self.faults.clone()));
                let uploads = self.uploads();
                match uploads.issue(&caller, request.clone(), idempotency(*key), &*presign).await {
                    Ok(issued) => Answer::Issued(Box::new(issued)),
                    Err(error) => Answer::Refused(error.kind()),
                }
            }
            Action::Direct(request, bytes, key) => match self.direct(request, bytes, *key).await {
                Ok(record) => Answer::Stored(Box::new(record)),
                Err(error) => Answer::Refused(error.kind()),
            },
            Action::Event(object) => self.event(object).await,
            Action::Delete(file, permanent) => {
                done(self.deletion().delete_file(&caller, *file, *permanent).await)
            }
            Action::DeleteAvatar => {
                done(self.deletion().delete_avatar(&caller, EntityKind::Users, self.world.user).await)
            }
            Action::Restore(file) => done(self.deletion().restore(&caller, *file, None).await.map(drop)),
            Action::Edit(file, request) => {
                let edits = Edits::new(self.ledger(), self.world.settings.clone(), self.storage());
                done(edits.edit(&caller, *file, request.clone(), |_| Ok(())).await.map(drop))
            }
            Action::Transfer(file, request, key) => {
                let settings = self.world.settings.clone();
                let transfers = Transfers::new(self.ledger(), settings, self.storage(), "memory");
                // Whoever claims a file is a service.
                let service = request.kind == Kind::Claim;
                let caller = TenantContext { scopes: Scopes { service, ..Scopes::default() }, ..caller };
                let transfer = transfers.transfer(&caller, *file, request.clone(), idempotency(*key));
                match transfer.await {
                    Ok(record) => Answer::Stored(Box::new(record)),
                    Err(error) => Answer::Refused(error.kind()),
                }
            }
            Action::Verdict(object, etag, verdict) => {
                self.handle(&[scan_result(object, etag, verdict).to_string()]).await
            }
            Action::Unquarantine(file) => {
                let caller = TenantContext { scopes: Scopes { admin: true, ..Scopes::default() }, ..caller };
                let settings = self.world.settings.clone();
                let quarantine = Quarantine::new(self.ledger(), settings, self.storage(), self.queue());
                done(quarantine.release(&caller, *file).await.map(drop))
            }
            Action::BeginParts(request, _, key) => {
                match self.parts().begin(&caller, request.clone(), idempotency(*key)).await {
                    Ok(begun) => Answer::Begun(Box::new(begun.handle)),
                    Err(error) => Answer::Refused(error.kind()),
                }
            }
            Action::SignPart(handle) => done(self.parts().sign_parts(&caller, handle, &[1]).await.map(drop)),
            Action::CompleteParts(handle, etag, _) => {
                let parts = [(1, etag.clone())];
                done(self.parts().complete(&caller, handle, &parts).await.map(drop))
            }
            Action::AbortParts(handle) => done(self.parts().abort(&caller, handle).await),
            Action::Sweep => done(self.sweep().run().await.map(drop)),
        }
    }

    /// The record of a direct upload, whose bytes are in the hands of this process.
    pub async fn begin_direct(
        &self,
        request: &IssueRequest,
        bytes: &Bytes,
        key: Option<&'static str>,
    ) -> Result<FileRecord> {
        let caller = self.world.caller();
        let record = self.uploads().begin_direct(&caller, request.clone(), idempotency(key)).await?;
        self.world.watch().sent(record.file_id, bytes);
        Ok(record)
    }

    /// What `direct-upload` does with a form it has read.
    async fn direct(
        &self,
        request: &IssueRequest,
        bytes: &Bytes,
        key: Option<&'static str>,
    ) -> Result<FileRecord> {
        let caller = self.world.caller();
        let record = self.begin_direct(request, bytes, key).await?;
        let record = match record.state {
            FileState::Pending | FileState::Processing => {
                let actor = Actor { name: caller.principal.to_string(), request_id: None };
                let source = Source::Bytes(bytes.clone());
                match self.ingest().run(record.tenant, record.file_id, source, &actor).await? {
                    Outcome::Ready(record)
                    | Outcome::Failed(record)
                    | Outcome::Scanning(record)
                    | Outcome::Quarantined(record) => *record,
                    Outcome::Busy(record) if record.scan.is_some() => *record,
                    Outcome::Busy(_) => return Err(Error::new(ErrorKind::RequestInProgress, "busy")),
                    Outcome::Deferred(_) | Outcome::NotUploaded(_) | Outcome::Gone => {
                        return Err(Error::new(ErrorKind::StateConflict, "gone"));
                    }
                }
            }
            _ => record,
        };
        readable(&record).map(|()| record)
    }

    /// The handler of `process-upload`, with one message of the queue.
    async fn event(&self, object: &ObjectRef) -> Answer {
        self.handle(&[upload(object).to_string()]).await
    }

    async fn handle(&self, bodies: &[String]) -> Answer {
        let state = process_upload::State {
            ingest: self.ingest(),
            ledger: self.ledger(),
            storage: self.storage(),
            queue: self.queue(),
            settings: self.world.settings.clone(),
        };
        match process_upload::handle(&state, LambdaEvent::new(messages(bodies), Context::default())).await {
            Ok(response) if response.failures.is_empty() => Answer::Done,
            _ => Answer::Refused(ErrorKind::NotReady),
        }
    }
}

/// The event of an upload.
fn upload(object: &ObjectRef) -> Value {
    let record = json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Post",
        "s3": { "bucket": { "name": object.bucket.as_str() }, "object": { "key": object.key.as_str() } },
    });
    json!({ "Records": [record] })
}

/// The event of a scan.
fn scan_result(object: &ObjectRef, etag: &ETag, verdict: &ScanVerdict) -> Value {
    let status = if *verdict == ScanVerdict::Clean { "NO_THREATS_FOUND" } else { "THREATS_FOUND" };
    json!({
        "source": "aws.guardduty",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "detail": {
            "s3ObjectDetails": {
                "bucketName": object.bucket.as_str(), "objectKey": object.key.as_str(), "eTag": etag.as_str(),
            },
            "scanResultDetails": { "scanResultStatus": status, "threats": [{ "name": "threat" }] },
        },
    })
}

/// The messages that the queue carries for events.
fn messages(bodies: &[String]) -> Value {
    let message = |(index, body): (usize, &String)| json!({ "messageId": format!("m{index}"), "eventSource": "aws:sqs", "body": body });
    json!({ "Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>() })
}

fn idempotency(key: Option<&str>) -> Option<Idempotency> {
    key.map(|key| Idempotency { key: IdempotencyKey::parse(key).unwrap(), request_hash: "hash".to_owned() })
}

/// The image code, whose results are the same on every run and so are computed once.
#[derive(Debug)]
struct Remembering;

static AVATARS: LazyLock<Mutex<HashMap<(Bytes, AvatarRecipe), ProcessedAvatar>>> =
    LazyLock::new(Mutex::default);

impl ImageProcessor for Remembering {
    fn sniff(&self, head: &[u8]) -> Option<ImageFormat> {
        Imaging.sniff(head)
    }

    fn process_avatar(
        &self,
        source: Bytes,
        limits: &ImageLimits,
        recipe: AvatarRecipe,
    ) -> Result<ProcessedAvatar> {
        let key = (source, recipe);
        if let Some(known) = AVATARS.lock().unwrap().get(&key) {
            return Ok(known.clone());
        }
        let made = Imaging.process_avatar(key.0.clone(), limits, recipe)?;
        AVATARS.lock().unwrap().insert(key, made.clone());
        Ok(made)
    }

    fn inspect(&self, source: Bytes, limits: &ImageLimits) -> Result<ImageInfo> {
        Imaging.inspect(source, limits)
    }
}
