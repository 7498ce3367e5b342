//! The cases over the function itself: its binary, S3 and DynamoDB.

use serde_json::{Value, json};
use storage_core::ids::FileId;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, MetadataStore, ObjectRef, PutOptions, StorageBackend, SystemClock, Transaction, Write,
};
use storage_core::record::FileRecord;
use storage_testkit::jwt::Issuer;
use test_harness::{Binaries, Function, Limits, Reply, Request, Sim, build};

use super::{TEXT, World, check_all};

/// The function that issues, the one that is tried, and what they talk to.
pub(super) struct Real {
    sim: Sim,
    binaries: Binaries,
    issue: Function,
    process: Function,
    token: String,
}

impl Real {
    /// With so much time for an invocation of `process-upload`.
    pub(super) async fn start(limits: Limits) -> Self {
        let sim = Sim::start().await;
        let binaries = build(&["local"]);
        let environment = sim.environment(&sim.s3_url, &sim.dynamodb_url);
        let issue = Function::start(&binaries.program("issue-upload"), &environment, Limits::default()).await;
        let process = Function::start(&binaries.program("process-upload"), &environment, limits).await;
        let subject = "22222222-2222-4222-8222-222222222222";
        let token = sim.issuer.token(&Issuer::claims(sim.tenant, subject, SystemClock.now()));
        Real { sim, binaries, issue, process, token }
    }

    /// The same world with another process of `process-upload`.
    pub(super) async fn restart(&mut self, limits: Limits) {
        let environment = self.sim.environment(&self.sim.s3_url, &self.sim.dynamodb_url);
        self.process = Function::start(&self.binaries.program("process-upload"), &environment, limits).await;
    }
}

impl World for Real {
    async fn upload(&mut self) -> (String, ObjectRef) {
        let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": TEXT.len() });
        let request = Request::new("POST", "/api/v1/files/presigned-upload").token(&self.token).json(&body);
        let reply = Reply::read(&self.issue.invoke(request.event()).await.unwrap());
        assert_eq!(reply.status, 201, "{}", self.issue.log());
        let issued = reply.json();
        let key = StorageKey::parse(issued["key"].as_str().unwrap()).unwrap();
        let object = ObjectRef::new(self.sim.staging(), key);
        self.put(&object, TEXT).await;
        (issued["file_id"].as_str().unwrap().to_owned(), object)
    }

    async fn deliver(&mut self, payload: Value) -> Vec<String> {
        let answer = self.process.invoke(payload).await;
        let answer = answer.unwrap_or_else(|ended| panic!("{ended:?}\n{}", self.process.log()));
        let failures = answer["batchItemFailures"].as_array().expect("the list that SQS reads");
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    async fn record(&self, file: &str) -> FileRecord {
        let file = FileId::parse(file).unwrap();
        self.sim.store.get_file(self.sim.tenant, file).await.unwrap().expect("a record")
    }

    async fn replace(&self, record: FileRecord) {
        let write = Write::UpdateFile(Box::new(record));
        self.sim.store.commit(Transaction::new(vec![write])).await.unwrap();
    }

    async fn put(&self, object: &ObjectRef, bytes: &[u8]) {
        let body = Body::Bytes(bytes::Bytes::copy_from_slice(bytes));
        self.sim.storage.put(object, body, PutOptions::default()).await.unwrap();
    }

    async fn remove(&self, object: &ObjectRef) {
        self.sim.storage.delete(object).await.unwrap();
    }

    async fn exists(&self, object: &ObjectRef) -> bool {
        self.sim.storage.exists(object).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e01_to_e16_the_function_itself_does_what_the_table_says() {
    let mut world = Real::start(Limits::default()).await;
    check_all(&mut world).await;
    assert!(world.process.is_running(), "{}", world.process.log());
}
