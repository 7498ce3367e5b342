//! Uploads through the real functions, which run with the memory that the template gives them and what a debug build
//! maps besides.

use std::path::Path;
use std::time::{Duration, Instant};

use bad_input_tests::table::images::{Upload, Way};
use serde_json::{Value, json};
use storage_core::ids::{EntityId, FileId, PrincipalId};
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, GetOptions, MetadataStore, ObjectMeta, ObjectRef, OwnerQuery, PutOptions, StorageBackend,
    SystemClock, Transaction, Write,
};
use storage_core::record::{Declared, FileRecord};
use storage_testkit::jwt::Issuer;
use storage_testkit::loud::loudly;
use storage_testkit::records::{principal, sample_file};
use storage_testkit::{images, trials};
use test_harness::{Binaries, Ended, Function, Limits, Reply, Request, Sim, build};
use uuid::Uuid;

pub(crate) const MB: u64 = 1024 * 1024;
/// What a debug build maps of itself, and the stacks and arenas that it reserves and never touches.
const MAPPED: u64 = 384 * MB;
/// The function that answers for a file once it is judged.
const READER: &str = "resolve-url";

/// The functions that take uploads, and what lies behind them.
pub(crate) struct Bench {
    pub(crate) sim: Sim,
    programs: Binaries,
    direct: Option<Process>,
    queue: Option<Process>,
    reader: Option<Process>,
    /// Whether a function has panicked that does not run any more.
    panicked: bool,
}

/// A running function.
struct Process {
    function: Function,
    /// What it holds once it has done everything once.
    baseline: u64,
}

/// What became of one upload.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The status of the answer, or of the file afterwards.
    pub(crate) status: u16,
    /// The code of the error.
    pub(crate) code: Option<String>,
    /// The record afterwards.
    pub(crate) record: Option<FileRecord>,
    /// The most memory above the baseline, in bytes; 0 where there is no `/proc`.
    pub(crate) memory: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Seen {
    /// The state of the record.
    pub(crate) fn state(&self) -> Option<&'static str> {
        self.record.as_ref().map(|record| record.state.as_str())
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let programs = tokio::task::spawn_blocking(|| build(&["local"])).await.unwrap();
        Bench { sim: Sim::start().await, programs, direct: None, queue: None, reader: None, panicked: false }
    }

    /// Ends the functions, so that the next upload meets a fresh process. A panic in their logs is not forgotten.
    pub(crate) fn restart(&mut self) {
        self.panicked = self.has_panicked();
        self.direct = None;
        self.queue = None;
    }

    /// Uploads `bytes` as `upload` says, by one way that is not [`Way::Both`].
    pub(crate) async fn upload(&mut self, way: Way, upload: &Upload, bytes: &[u8]) -> Result<Seen, Ended> {
        match way {
            Way::Direct => self.direct(upload, bytes).await,
            _ => self.presigned(upload, bytes).await,
        }
    }

    async fn direct(&mut self, upload: &Upload, bytes: &[u8]) -> Result<Seen, Ended> {
        let user = Uuid::new_v4();
        let event = self.form(user, upload, bytes);
        if self.direct.is_none() {
            let function = self.function("direct-upload").await;
            let warm = Request::new("POST", "/api/v1/files/upload").token(&self.token(Uuid::new_v4()));
            let warm = warm.file("warm.jpg", "image/jpeg", &images::jpeg(160, 120, 1)).event();
            self.direct = Some(Process::warmed(function, warm).await?);
        }
        let process = self.direct.as_mut().unwrap();
        let (answer, memory, took) = process.invoke(event).await?;
        let reply = Reply::read(&answer);
        let file = match reply.json()["file_id"].as_str() {
            Some(id) => Some(FileId::parse(id).unwrap()),
            // An error names no file; this user has uploaded at most this one.
            None => {
                let owner = PrincipalId::parse(&user.to_string()).unwrap();
                let page = self
                    .sim
                    .store
                    .files_of_owner(OwnerQuery::page(self.sim.tenant, &owner, None, 9))
                    .await
                    .unwrap();
                page.files.into_iter().next()
            }
        };
        let record = match file {
            Some(file) => self.sim.store.get_file(self.sim.tenant, file).await.unwrap(),
            None => None,
        };
        Ok(Seen { status: reply.status, code: reply.code(), record, memory, took })
    }

    fn form(&self, user: Uuid, upload: &Upload, bytes: &[u8]) -> Value {
        let path = match upload.purpose.entity_kind() {
            Some(kind) => format!("/api/v1/{kind}/{user}/avatar"),
            None => "/api/v1/files/upload".to_owned(),
        };
        // The type that a browser sends where it knows none.
        let declared = if upload.declared.is_empty() { "application/octet-stream" } else { upload.declared };
        Request::new("POST", &path).token(&self.token(user)).file(upload.name, declared, bytes).event()
    }

    async fn presigned(&mut self, upload: &Upload, bytes: &[u8]) -> Result<Seen, Ended> {
        let user = Uuid::new_v4();
        let record = self.issued(user, upload).await;
        let key = record.staging_key.clone().unwrap();
        let staging = ObjectRef::new(self.sim.staging(), key.clone());
        let body = Body::Bytes(bytes.to_vec().into());
        self.sim.storage.put(&staging, body, PutOptions::default()).await.unwrap();
        if self.queue.is_none() {
            let function = self.function("process-upload").await;
            self.queue = Some(Process::warmed(function, json!({ "Records": [] })).await?);
        }
        let event = arrived(staging.bucket.as_str(), &key, bytes.len());
        let (answer, memory, took) = self.queue.as_mut().unwrap().invoke(event).await?;
        assert_eq!(answer["batchItemFailures"], json!([]), "an upload is judged, not put off");

        let file = format!("/api/v1/files/{}", record.file_id);
        let record = self.sim.store.get_file(self.sim.tenant, record.file_id).await.unwrap();
        let is_ready = record.as_ref().is_some_and(|record| record.state.as_str() == "ready");
        // A refused file answers with its code from then on; an accepted one was created.
        let (status, code) = match is_ready {
            true => (201, None),
            false => {
                let request = Request::new("GET", &format!("{file}/download")).token(&self.token(user));
                if self.reader.is_none() {
                    let function = self.function(READER).await;
                    self.reader = Some(Process::warmed(function, request.event()).await?);
                }
                let (answer, ..) = self.reader.as_mut().unwrap().invoke(request.event()).await?;
                let reply = Reply::read(&answer);
                (reply.status, reply.code())
            }
        };
        Ok(Seen { status, code, record, memory, took })
    }

    /// The record of a form that was issued to `user`.
    async fn issued(&self, user: Uuid, upload: &Upload) -> FileRecord {
        let sample = sample_file(self.sim.tenant, SystemClock.now());
        let nonce = Uuid::new_v4().simple();
        let staging = format!("temp/uploads/{}/{}/{nonce}", sample.tenant, sample.file_id);
        let is_avatar = upload.purpose.entity_kind().is_some();
        let mut record = FileRecord {
            purpose: upload.purpose,
            owner: principal(&user.to_string()),
            entity: is_avatar.then(|| EntityId::from(user)),
            bucket: self.sim.files(),
            backend: "s3".to_owned(),
            staging_bucket: self.sim.staging(),
            staging_key: Some(StorageKey::parse(&staging).unwrap()),
            declared: Declared { content_type: upload.declared.to_owned(), size: None, sha256: None },
            max_bytes: if is_avatar { 5 * MB } else { 100 * MB },
            ..sample
        };
        if let Some(pointer) = record.pointer_key() {
            record.seq = Some(self.sim.store.take_seq(&pointer).await.unwrap());
        }
        let write = Write::CreateFile(Box::new(record.clone()));
        self.sim.store.commit(Transaction::new(vec![write])).await.unwrap();
        record
    }

    /// A token of this user.
    fn token(&self, user: Uuid) -> String {
        let claims = Issuer::claims(self.sim.tenant, &user.to_string(), SystemClock.now());
        self.sim.issuer.token(&claims)
    }

    async fn function(&self, name: &str) -> Function {
        let environment = self.sim.environment(&self.sim.s3_url, &self.sim.dynamodb_url);
        // The watchdog is this bench's own: a function that is told of 10 s does not begin a file.
        let limits = Limits { address_space: Some(memory_of(name) + MAPPED), time: Duration::from_secs(120) };
        Function::start(&self.programs.program(name), &environment, limits).await
    }

    /// Whether a function has ever panicked here, also where the panic was caught.
    pub(crate) fn has_panicked(&self) -> bool {
        let mut running = [&self.direct, &self.queue, &self.reader].into_iter().flatten();
        self.panicked || running.any(|process| process.function.log().contains("panicked"))
    }

    /// Everything that is stored of a file: keys, what is known of them, and their bytes.
    pub(crate) async fn stored(&self, record: &FileRecord) -> Vec<(StorageKey, ObjectMeta, Vec<u8>)> {
        let mut found = Vec::new();
        for key in record.final_keys() {
            let object = ObjectRef::new(record.bucket.clone(), key.clone());
            let read = self.sim.storage.get(&object, GetOptions::default()).await.unwrap();
            let meta = read.meta.clone();
            found.push((key.clone(), meta, read.collect(100 * MB).await.unwrap().to_vec()));
        }
        found
    }
}

impl Process {
    async fn warmed(mut function: Function, event: Value) -> Result<Self, Ended> {
        function.invoke(event).await?;
        function.forget_peak_memory();
        if !cfg!(target_os = "linux") {
            loudly("SKIPPED: the memory of a function is not looked at, as only Linux has /proc");
        }
        let baseline = peak(&function);
        Ok(Process { function, baseline })
    }

    /// One event under the watchdog: the answer, the memory above the baseline, and how long it took.
    async fn invoke(&mut self, event: Value) -> Result<(Value, u64, Duration), Ended> {
        self.function.forget_peak_memory();
        let started = Instant::now();
        let Ok(answer) = tokio::time::timeout(watchdog(), self.function.invoke(event)).await else {
            self.function.kill().await;
            return Err(Ended::TimedOut);
        };
        let took = started.elapsed();
        // A function that has ended has no peak any more.
        let answer = answer?;
        Ok((answer, peak(&self.function).saturating_sub(self.baseline), took))
    }
}

/// The most memory that a running function held, in bytes; 0 where there is no `/proc`.
fn peak(function: &Function) -> u64 {
    match function.peak_memory() {
        None if cfg!(target_os = "linux") => panic!("a running function has a VmHWM"),
        peak => peak.unwrap_or(0),
    }
}

/// What S3 says of an upload, in a batch of one message.
fn arrived(bucket: &str, key: &StorageKey, size: usize) -> Value {
    let body = json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-20T12:00:00.000Z",
        "eventName": "ObjectCreated:Post",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": { "key": key.as_str(), "size": size, "eTag": "0", "sequencer": "01" },
        },
    }]});
    json!({ "Records": [{
        "messageId": "message",
        "receiptHandle": "receipt",
        "body": body.to_string(),
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:ingest",
        "awsRegion": "us-east-1",
    }]})
}

/// How long a file may take: the campaign runs on a machine that does nothing else.
pub(crate) fn watchdog() -> Duration {
    Duration::from_secs(if trials::count(2) == 2 { 2 } else { 10 })
}

/// The `MemorySize` of a function, in bytes, as the template says; where it says nothing, what it says for all.
fn memory_of(function: &str) -> u64 {
    const NAME: &str = "MemorySize: ";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let own = template
        .split("AWS::Serverless::Function\n")
        .find(|part| part.lines().any(|line| line.trim().ends_with(&format!("{{ Binary: {function} }}"))));
    let text = own.filter(|part| part.contains(NAME)).unwrap_or(&template);
    let number = text.split(NAME).nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    number.parse::<u64>().unwrap() * MB
}
