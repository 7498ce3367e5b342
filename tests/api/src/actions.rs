//! What clients, browsers, S3 and time do to the app, and what can be seen of it from outside.

use std::time::Duration;

use bytes::Bytes;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use storage_core::ErrorKind;
use storage_core::ids::{BucketName, FileId};
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, MetadataStore, ObjectRef, PutOptions, StorageBackend, Transaction, Write,
};
use storage_core::record::FileRecord;
use storage_core::state::{LEASE, SETTLE};
use storage_services::sweep::Counts;

use crate::{Answer, BUCKET, Call, Form, Person, STAGING, TestApp, batch, s3_event, scan_event, scanner};

impl TestApp {
    /// A request to be filled in.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call::new(self, method, path)
    }

    /// A whole request: JSON in, unless it is null.
    pub async fn request(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let mut call = self.call(method, path);
        if let Some(token) = token {
            call = call.token(token);
        }
        if !body.is_null() {
            call = call.json(body);
        }
        call.send().await
    }

    /// GET by this person.
    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.request("GET", path, Some(&person.token), &Value::Null).await
    }

    /// POST of JSON by this person.
    pub async fn post(&self, person: &Person, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(&person.token), body).await
    }

    /// DELETE by this person.
    pub async fn delete(&self, person: &Person, path: &str) -> Answer {
        self.request("DELETE", path, Some(&person.token), &Value::Null).await
    }

    /// PATCH of JSON by this person.
    pub async fn patch(&self, person: &Person, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path, Some(&person.token), body).await
    }

    /// A small text of this person that is ready; its id.
    pub async fn text(&self, person: &Person, name: &str, bytes: &[u8]) -> String {
        self.upload(person, Form::of_file(name, "text/plain", bytes)).await
    }

    /// What this person sends in a form, once it is ready; its id.
    pub async fn upload(&self, person: &Person, form: Form) -> String {
        let answer = self.call("POST", "/api/v1/files/upload").by(person).form(form).send().await.is(201);
        answer.json()["file_id"].as_str().expect("a file id").to_owned()
    }

    /// Asks for a presigned form and keeps what it says.
    pub async fn presign(&self, person: &Person, path: &str, body: &Value) -> Issued {
        Issued::read(&self.post(person, path, body).await.is(201))
    }

    /// Sends a form as a browser would, to a storage that holds it to its policy.
    pub async fn post_form(&self, issued: &Issued, bytes: &[u8]) -> Result<(), &'static str> {
        let key = issued.json["upload_fields"]["key"].as_str().expect("the form names its key");
        let (policy, expires_at) = self.forms.policy(key).ok_or("AccessDenied")?;
        if issued.json["upload_fields"]["Content-Type"] != policy.content_type
            || self.clock.now() >= expires_at
        {
            return Err("AccessDenied");
        }
        match bytes.len() as u64 {
            size if size < policy.min_bytes => Err("EntityTooSmall"),
            size if size > policy.max_bytes => Err("EntityTooLarge"),
            _ => {
                self.put(&policy.object, bytes).await;
                Ok(())
            }
        }
    }

    /// Puts bytes in a place, whatever was there.
    pub async fn put(&self, object: &ObjectRef, bytes: &[u8]) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            scanner().secret(text);
        }
        let body = Body::Bytes(Bytes::copy_from_slice(bytes));
        self.storage.put(object, body, PutOptions::default()).await.unwrap();
    }

    /// Takes an object away, as a lifecycle rule would.
    pub async fn remove(&self, object: &ObjectRef) {
        self.storage.delete(object).await.unwrap();
    }

    /// Delivers the S3 event of an upload in an SQS batch; the messages to deliver again come back.
    pub async fn deliver_event(&self, object: &ObjectRef) -> Vec<String> {
        self.deliver(batch(&[s3_event(object).to_string()])).await
    }

    /// Delivers the S3 event of an upload to an invocation that has so much time; the messages to deliver again come back.
    pub async fn deliver_within(&self, object: &ObjectRef, time: Duration) -> Vec<String> {
        let mut context = Context::default();
        context.deadline = (self.clock.now() + time).as_millis().unsigned_abs();
        self.invoke(batch(&[s3_event(object).to_string()]), context).await
    }

    /// Invokes `process-upload` with this payload.
    pub async fn deliver(&self, payload: Value) -> Vec<String> {
        self.invoke(payload, Context::default()).await
    }

    async fn invoke(&self, payload: Value, context: Context) -> Vec<String> {
        let event = LambdaEvent::new(payload, context);
        let response =
            process_upload::handle(&self.process, event).await.expect("a batch never fails as a whole");
        let response = serde_json::to_value(&response).unwrap();
        let failures = response["batchItemFailures"].as_array().expect("the list SQS reads");
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// Lets so much time pass that every lease and grace is over, sweeps, and delivers what the sweep enqueues.
    pub async fn sweep_later(&self) {
        self.clock.advance(LEASE + SETTLE + Duration::from_secs(1));
        let counts = self.sweep.run().await.expect("a sweep");
        assert_eq!((counts.errors, counts.stopped), (0, false), "{counts:?}");
        for staged in self.queue.take() {
            assert_eq!(self.deliver_event(&staged.object).await, Vec::<String>::new());
        }
    }

    /// Invokes `publish-event` with these records of the table's stream; the events it makes of them.
    pub async fn publish(&self, records: &Value) -> Result<Vec<Value>, String> {
        let event = LambdaEvent::new(records.clone(), Context::default());
        let events = publish_event::handle(&self.publish, event).await.map_err(|error| error.to_string())?;
        Ok(events.iter().map(|event| serde_json::to_value(event).unwrap()).collect())
    }

    /// Delivers what GuardDuty says about the object that lies there now; the messages to deliver again come back.
    pub async fn deliver_scan(&self, object: &ObjectRef, status: &str) -> Vec<String> {
        let meta = self.storage.head(object).await.expect("an object");
        let scanned = object.clone().at(meta.version_id);
        self.deliver(batch(&[scan_event(&scanned, &meta.etag, status).to_string()])).await
    }

    /// Sweeps once, now.
    pub async fn sweep_now(&self) -> Counts {
        self.sweep.run().await.expect("a sweep")
    }

    /// Takes what waits in the queue.
    pub fn take_queued(&self) -> Vec<ObjectRef> {
        self.queue.take().into_iter().map(|staged| staged.object).collect()
    }

    /// What the queue holds is delivered.
    pub async fn deliver_queued(&self) {
        for staged in self.queue.take() {
            assert_eq!(self.deliver_event(&staged.object).await, Vec::<String>::new());
        }
    }

    /// Lets a file out of quarantine, as an administrator of the tenant.
    pub async fn release(&self, file: &str) -> Result<FileRecord, ErrorKind> {
        let admin = self.person(self.tenant, &["storage:admin"]);
        let answer = self.post(&admin, &format!("/api/v1/admin/files/{file}/release"), &Value::Null).await;
        if answer.status == 202 {
            assert_eq!(answer.json()["state"], "processing");
            return Ok(self.record(file).await);
        }
        Err(serde_json::from_value(Value::String(answer.code())).expect("a code of the closed list"))
    }

    /// The record of a file of the app's tenant.
    pub async fn record(&self, file: &str) -> FileRecord {
        let file = FileId::parse(file).unwrap();
        self.store.get_file(self.tenant, file).await.unwrap().expect("a record")
    }

    /// Rewrites a record, to a state that no route leads to.
    pub async fn alter(&self, file: &str, change: impl FnOnce(&mut FileRecord)) {
        let mut record = self.record(file).await;
        change(&mut record);
        record.rev += 1;
        let write = Write::UpdateFile(Box::new(record));
        self.store.commit(Transaction::new(vec![write])).await.unwrap();
    }

    /// What happened to a file, oldest first.
    pub async fn trail(&self, file: &str) -> Vec<String> {
        let file = FileId::parse(file).unwrap();
        let trail = self.store.audit_trail(self.tenant, file).await.unwrap();
        trail.into_iter().map(|entry| entry.action).collect()
    }

    /// Every stored key as `files/...` or `staging/...`, in order. Ids are replaced: tenants and people by the names
    /// given, files by `file1`, `file2` in the order of issue, the secret part of staging keys by `nonce`.
    pub fn keys(&self, names: &[(&dyn ToString, &str)]) -> Vec<String> {
        let mut names: Vec<_> = names.iter().map(|(id, name)| (id.to_string(), (*name).to_owned())).collect();
        names.push((self.tenant.to_string(), "tenant".to_owned()));
        names.push((BUCKET.to_owned(), "files".to_owned()));
        names.push((STAGING.to_owned(), "staging".to_owned()));
        let mut files: Vec<_> = self.store.files().into_iter().map(|record| record.file_id).collect();
        files.sort_unstable();
        names.extend(
            files.iter().enumerate().map(|(index, file)| (file.to_string(), format!("file{}", index + 1))),
        );
        let mut keys = self.storage.keys();
        for key in &mut keys {
            for (id, name) in &names {
                *key = key.replace(id, name);
            }
            let nonce = key.rsplit('/').next().filter(|last| last.len() == 32).map(str::to_owned);
            if let Some(nonce) = nonce {
                *key = key.replace(&nonce, "nonce");
            }
        }
        keys.sort_unstable();
        keys
    }

    /// What a reader gets at one of our URLs; `None` where nothing is.
    pub fn fetch(&self, url: &str) -> Option<Bytes> {
        let rest = url.strip_prefix("https://").expect("a URL of ours");
        let (bucket, path) = rest.split_once(".cdn.test/").expect("a URL of ours");
        let key = path.split('?').next().unwrap_or_default();
        let object = ObjectRef::new(BucketName::parse(bucket).unwrap(), StorageKey::parse(key).unwrap());
        self.storage.bytes(&object)
    }
}

/// A presigned upload.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The id of the file to be.
    pub file: String,
    /// The staging object.
    pub staging: ObjectRef,
    /// The whole answer.
    pub json: Value,
}

impl Issued {
    /// An upload that is known by its file and its staging key.
    pub fn from_parts(file: &str, key: &str) -> Self {
        let staging = ObjectRef::new(BucketName::parse(STAGING).unwrap(), StorageKey::parse(key).unwrap());
        Issued { file: file.to_owned(), staging, json: Value::Null }
    }

    /// From the answer of an issuing route.
    pub fn read(answer: &Answer) -> Self {
        let json = answer.json();
        let key = StorageKey::parse(json["key"].as_str().expect("a staging key")).unwrap();
        let staging = ObjectRef::new(BucketName::parse(STAGING).unwrap(), key);
        Issued { file: json["file_id"].as_str().expect("a file id").to_owned(), staging, json }
    }
}
