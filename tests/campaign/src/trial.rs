//! One trial: a world, its clients, and what they were told.

use std::sync::Arc;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{Body, Clock, ObjectRef, PutOptions, StorageBackend, SystemClock};
use storage_core::timestamp::Timestamp;
use storage_testkit::jwt::Issuer;
use storage_testkit::trials::Random;
use test_harness::{Ended, Reply, Request, Sim};
use tokio::task::JoinHandle;

use crate::content::{Content, Flaw, Purpose, SIZE};
use crate::findings::{Finding, Kind, Tally};
use crate::plan::Fault;
use crate::stack::{Process, Stack};

/// How long an upload form works, with what an upload may take.
const FORM_LIFE: u64 = 3600;

/// A file as its client knows it.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) purpose: Purpose,
    pub(crate) form: Value,
    /// Everything that reached the staging bucket in time, or came in the request itself.
    pub(crate) contents: Vec<Content>,
    /// Whether the client was told that the file is ready.
    pub(crate) acknowledged: bool,
    pub(crate) deleted: Deleted,
    pub(crate) direct: bool,
}

/// What a client knows of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// Nobody asked for it.
    No,
    /// Somebody asked and has no answer.
    Perhaps,
    /// It can be restored.
    Softly,
    /// It is gone for good.
    Yes,
}

/// A deletion of the user's avatar: how many uploads were issued before, and whether it was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvatarDeleted {
    pub(crate) before: usize,
    pub(crate) acknowledged: bool,
}

/// A trial under way.
pub(crate) struct Trial<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) sim: Sim,
    pub(crate) random: Random,
    pub(crate) user: String,
    pub(crate) token: String,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) avatar_deleted: Vec<AvatarDeleted>,
    /// Whether anything happened that may cost an attempt.
    pub(crate) disturbed: bool,
    pub(crate) findings: Vec<Finding>,
    pub(crate) tally: &'a mut Tally,
    /// Seconds that the functions' clock is ahead.
    ahead: u64,
    client: reqwest::Client,
}

/// An invocation under way.
pub(crate) type Running = JoinHandle<Result<Value, Ended>>;

impl<'a> Trial<'a> {
    pub(crate) async fn begin(stack: &'a Stack, seed: u64, tally: &'a mut Tally) -> Self {
        let sim = stack.world().await;
        let user = uuid::Uuid::new_v4().to_string();
        let claims = Issuer::claims(sim.tenant, &user, SystemClock.now());
        Trial {
            stack,
            random: Random::new(seed),
            token: sim.issuer.token(&claims),
            sim,
            user,
            uploads: Vec::new(),
            avatar_deleted: Vec::new(),
            disturbed: false,
            findings: Vec::new(),
            tally,
            ahead: 0,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn find(&mut self, kind: Kind, what: impl Into<String>) {
        self.findings.push(Finding { kind, what: what.into() });
    }

    /// The functions' time.
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.ahead)
    }

    /// Minutes since the trial began.
    pub(crate) fn minutes(&self) -> u64 {
        self.ahead / 60
    }

    /// Lets time pass for the functions.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.ahead += seconds;
        self.stack.set_clock(self.ahead);
    }

    /// Starts an invocation.
    pub(crate) fn start(&self, process: &Process, payload: Value) -> Running {
        let worker = process.worker.clone();
        tokio::spawn(async move { worker.lock_owned().await.invoke(payload).await })
    }

    /// Sends a request to a function; `None` where no answer came back.
    pub(crate) async fn send(&self, process: &Process, request: Request) -> Option<Reply> {
        let answered = self.start(process, request.token(&self.token).event()).await.unwrap();
        answered.ok().map(|answer| Reply::read(&answer))
    }

    /// The request for a form, and who answers it.
    pub(crate) fn presign(&self, purpose: Purpose) -> (Process, Request) {
        let body = json!({ "filename": "photo.jpg", "content_type": "image/jpeg", "size_bytes": SIZE });
        match purpose {
            Purpose::Avatar => {
                let path = format!("/api/v1/users/{}/avatar", self.user);
                (self.stack.direct.clone(), Request::new("POST", &path).json(&body))
            }
            Purpose::Attachment => {
                let request = Request::new("POST", "/api/v1/files/presigned-upload").json(&body);
                (self.stack.issue.clone(), request)
            }
        }
    }

    /// Keeps what a client was told about a new upload, and gives its number.
    pub(crate) fn issued(&mut self, purpose: Purpose, reply: &Reply) -> usize {
        assert_eq!(reply.status, 201, "{reply:?}");
        let form = reply.json();
        let id = form["file_id"].as_str().expect("a file id").to_owned();
        self.uploads.push(Upload {
            id,
            purpose,
            form,
            contents: Vec::new(),
            acknowledged: false,
            deleted: Deleted::No,
            direct: false,
        });
        self.uploads.len() - 1
    }

    /// Issues an upload without any fault.
    pub(crate) async fn issue(&mut self, purpose: Purpose) -> usize {
        let (process, request) = self.presign(purpose);
        let reply = self.send(&process, request).await.expect("an answer");
        self.issued(purpose, &reply)
    }

    /// The staging object of an upload.
    pub(crate) fn staging(&self, upload: usize) -> ObjectRef {
        let key = StorageKey::parse(self.uploads[upload].form["key"].as_str().expect("a key")).unwrap();
        ObjectRef::new(self.sim.staging(), key)
    }

    /// Sends bytes as a browser does. What no form allows is put there as if it did.
    pub(crate) async fn upload(&mut self, upload: usize, content: Content) {
        if content.flaw == Flaw::TooLong {
            let body = Body::Bytes(content.bytes.clone());
            self.sim.storage.put(&self.staging(upload), body, PutOptions::default()).await.unwrap();
        } else {
            let form = &self.uploads[upload].form;
            let fields = form["upload_fields"].as_object().expect("fields");
            let body = fields.iter().fold(Form::new(), |body, (name, value)| {
                body.text(name.clone(), value.as_str().unwrap_or_default().to_owned())
            });
            let body = body.part("file", Part::bytes(content.bytes.to_vec()).file_name("photo.jpg"));
            let url: reqwest::Url = form["upload_url"].as_str().expect("a URL").parse().unwrap();
            let url = format!("{}{}", self.sim.s3_url, url.path());
            let status = self.client.post(url).multipart(body).send().await.unwrap().status();
            assert!(status.is_success(), "the form is refused: {status}");
        }
        if self.ahead < FORM_LIFE {
            self.uploads[upload].contents.push(content);
        }
    }

    /// The event of an upload in an SQS batch.
    pub(crate) fn event(&self, upload: usize) -> Value {
        let staging = self.staging(upload);
        let body = json!({ "Records": [{
            "eventName": "ObjectCreated:Post",
            "s3": {
                "bucket": { "name": staging.bucket.as_str() },
                "object": { "key": staging.key.as_str(), "size": 1, "eTag": "x", "sequencer": "01" },
            },
        }] });
        json!({ "Records": [{
            "messageId": "m0",
            "body": body.to_string(),
            "attributes": { "ApproximateReceiveCount": "1" },
            "eventSource": "aws:sqs",
        }] })
    }

    /// Delivers the event to the second worker, which is never held.
    pub(crate) async fn deliver(&self, upload: usize) {
        let _ = self.start(&self.stack.process[1], self.event(upload)).await.unwrap();
    }

    /// The client asks for the end of its upload.
    pub(crate) async fn complete(&mut self, upload: usize) {
        let path = format!("/api/v1/files/{}/complete", self.uploads[upload].id);
        let reply = self.send(&self.stack.complete, Request::new("POST", &path)).await;
        if reply.is_some_and(|reply| reply.status == 200 && reply.json()["state"] == "ready") {
            self.uploads[upload].acknowledged = true;
        }
    }

    /// The client deletes a file, and is told so or not.
    pub(crate) async fn delete(&mut self, upload: usize, permanent: bool) {
        let query = if permanent { "?permanent=true" } else { "" };
        let path = format!("/api/v1/files/{}{query}", self.uploads[upload].id);
        let reply = self.send(&self.stack.delete, Request::new("DELETE", &path)).await;
        let told = reply.is_some_and(|reply| reply.status == 204);
        let upload = &mut self.uploads[upload];
        upload.deleted = match (told, upload.deleted) {
            (false, Deleted::No) => Deleted::Perhaps,
            (false, known) => known,
            (true, Deleted::Yes) => Deleted::Yes,
            // Only a file that is ready can be restored, and only if it is no avatar.
            (true, _) if !permanent && upload.purpose == Purpose::Attachment => Deleted::Softly,
            (true, _) => Deleted::Yes,
        };
    }

    /// The user deletes the avatar, and is told so or not.
    pub(crate) async fn delete_avatar(&mut self) {
        let path = format!("/api/v1/users/{}/avatar", self.user);
        let reply = self.send(&self.stack.delete, Request::new("DELETE", &path)).await;
        let acknowledged = reply.is_some_and(|reply| reply.status == 204);
        self.avatar_deleted.push(AvatarDeleted { before: self.uploads.len(), acknowledged });
    }

    /// One run of the sweep, whose messages go to the second worker.
    pub(crate) async fn sweep(&mut self) {
        let Ok(counts) = self.start(&self.stack.cleanup, json!({})).await.unwrap() else { return };
        let enqueued = counts["enqueued"].as_u64().unwrap_or_default() as usize;
        for message in self.stack.queue.take(enqueued).await {
            let _ = self.start(&self.stack.process[1], message).await.unwrap();
        }
    }

    /// Counts the fault that happened to `process`, if one did.
    pub(crate) fn count(&mut self, process: &Process) -> Option<Fault> {
        let fault = process.plan.disarm()?;
        let kills = match fault {
            Fault::KillBefore => Some("before"),
            Fault::KillForwarded => Some("forwarded"),
            Fault::KillAfterReply => Some("after_reply"),
            _ => None,
        };
        match kills {
            Some(point) => *self.tally.kills.entry(point).or_default() += 1,
            None => *self.tally.faults.entry(fault.name()).or_default() += 1,
        }
        self.disturbed |= fault != Fault::Hold;
        Some(fault)
    }

    /// The bytes of an object, past every fault.
    pub(crate) async fn bytes(&self, bucket: &BucketName, key: &StorageKey) -> Option<bytes::Bytes> {
        let object = ObjectRef::new(bucket.clone(), key.clone());
        let read = self.sim.storage.get(&object, Default::default()).await.ok()?;
        read.collect(1 << 24).await.ok()
    }

    /// What every process has printed since the last trial.
    pub(crate) async fn logs(&self) -> String {
        let mut logs = String::new();
        for process in self.stack.processes() {
            let mut worker = Arc::clone(&process.worker).lock_owned().await;
            logs.push_str(&worker.take_log());
        }
        logs
    }
}
