//! The app: every function composed over one world, with short ways to do what clients and S3 do.

use std::sync::Arc;

use bytes::Bytes;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use storage_core::ids::{BucketName, FileId, TenantId};
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, MetadataStore, ObjectRef, PresignPost, PutOptions, StorageBackend, Transaction, UrlSigner,
    Write,
};
use storage_core::record::FileRecord;
use storage_imaging::Imaging;
use storage_lambda::config::Config;
use storage_lambda::http::HttpSettings;
use storage_lambda::http::auth::Authenticator;
use storage_lambda::wiring;
use storage_services::deletion::Deletion;
use storage_services::ingest::Ingest;
use storage_services::ledger::Ledger;
use storage_services::resolve::Resolver;
use storage_services::uploads::Uploads;
use storage_testkit::clock::ManualClock;
use storage_testkit::faulty::{Faults, Faulty};
use storage_testkit::jwt::{AUDIENCE, ISSUER, Issuer};
use storage_testkit::memory::{MemoryBackend, MemoryStore};

use crate::{Answer, Call, Forms, Gateway, PathSigner, Person, batch, s3_event};

/// The bucket of final objects. No error may show this name.
pub const BUCKET: &str = "canary-files";
/// The staging bucket. No error may show this name either.
pub const STAGING: &str = "canary-staging";

/// The whole system in one process.
pub struct TestApp {
    /// The clock of tokens, records and objects.
    pub clock: Arc<ManualClock>,
    /// The metadata.
    pub store: Arc<MemoryStore>,
    /// The objects.
    pub storage: Arc<MemoryBackend>,
    /// What goes wrong with the metadata, and what was asked of it.
    pub store_faults: Faults,
    /// What goes wrong with the storage, and what was asked of it.
    pub storage_faults: Faults,
    /// The forms that were signed.
    pub forms: Arc<Forms>,
    /// The tenant of [`TestApp::user`].
    pub tenant: TenantId,
    pub(crate) issuer: Issuer,
    pub(crate) gateway: Gateway,
    process: process_upload::State,
}

impl Default for TestApp {
    fn default() -> Self {
        Self::new()
    }
}

impl TestApp {
    /// A development stack with nothing in it.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same with other environment variables.
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let issuer = Issuer::es256();
        let config = Arc::new(config(&issuer, variables));
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::new());
        let buckets = [&config.buckets.staging, &config.buckets.files];
        let storage = Arc::new(MemoryBackend::with_clock(&buckets, clock.clone()));
        let (store_faults, storage_faults) = (Faults::new(), Faults::new());
        let forms = Arc::new(Forms::default());

        let ledger = Ledger::new(Arc::new(Faulty::new(store.clone(), store_faults.clone())), clock.clone());
        let backend: Arc<dyn StorageBackend> = Arc::new(Faulty::new(storage.clone(), storage_faults.clone()));
        let authenticator =
            Arc::new(Authenticator::new(&config.auth, &config.tenancy, None, clock.clone()).unwrap());
        let http = HttpSettings::from(config.as_ref());
        let settings = wiring::settings(&config);
        let uploads = Uploads::new(ledger.clone(), settings.clone(), wiring::backend_name(&config));
        let ingest = Ingest::new(ledger.clone(), backend.clone(), Arc::new(Imaging), settings.clone());
        let signer: Arc<dyn UrlSigner> = Arc::new(PathSigner);
        let resolver = Resolver::new(ledger.clone(), settings.clone(), signer);
        let presign: Arc<dyn PresignPost> = forms.clone();

        let functions = [
            (
                "issue-upload",
                issue_upload::router(issue_upload::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    uploads: uploads.clone(),
                    presign: presign.clone(),
                    clock: clock.clone(),
                }),
            ),
            (
                "direct-upload",
                direct_upload::router(direct_upload::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    uploads,
                    ingest: ingest.clone(),
                    resolver: resolver.clone(),
                    presign,
                    clock: clock.clone(),
                    settings: settings.clone(),
                }),
            ),
            (
                "complete-upload",
                complete_upload::router(complete_upload::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    ingest: ingest.clone(),
                    resolver: resolver.clone(),
                }),
            ),
            (
                "resolve-url",
                resolve_url::router(resolve_url::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    resolver,
                    public_base_url: config.delivery.public_base_url.as_deref().unwrap_or_default().into(),
                }),
            ),
            (
                "delete-file",
                delete_file::router(delete_file::State {
                    authenticator,
                    http,
                    deletion: Deletion::new(ledger.clone(), settings.clone(), backend.clone()),
                }),
            ),
            (
                "health",
                health::router(health::State {
                    checks: Arc::new(health::Checks::new(&config, ledger.clone(), backend.clone())),
                    config,
                }),
            ),
        ];
        TestApp {
            clock,
            store,
            storage: storage.clone(),
            store_faults,
            storage_faults,
            forms,
            tenant: TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap(),
            issuer,
            gateway: Gateway::new(functions.into()),
            process: process_upload::State { ingest, ledger, storage: backend, settings },
        }
    }

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

    /// Invokes `process-upload` with this payload.
    pub async fn deliver(&self, payload: Value) -> Vec<String> {
        let event = LambdaEvent::new(payload, Context::default());
        let response =
            process_upload::handle(&self.process, event).await.expect("a batch never fails as a whole");
        let response = serde_json::to_value(&response).unwrap();
        let failures = response["batchItemFailures"].as_array().expect("the list SQS reads");
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
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
    /// From the answer of an issuing route.
    pub fn read(answer: &Answer) -> Self {
        let json = answer.json();
        let key = StorageKey::parse(json["key"].as_str().expect("a staging key")).unwrap();
        let staging = ObjectRef::new(BucketName::parse(STAGING).unwrap(), key);
        Issued { file: json["file_id"].as_str().expect("a file id").to_owned(), staging, json }
    }
}

/// A development configuration whose tokens come from `issuer`.
fn config(issuer: &Issuer, variables: &[(&str, &str)]) -> Config {
    let jwks = issuer.jwks().to_string();
    let base = [
        ("STORAGE_ENVIRONMENT", "development"),
        ("STORAGE_BACKEND", "s3"),
        ("STORAGE_BUCKET", BUCKET),
        ("STORAGE_SHARED_BUCKET", STAGING),
        ("STORAGE_JWT_ISSUER", ISSUER),
        ("STORAGE_JWT_AUDIENCE", AUDIENCE),
        ("STORAGE_JWKS", &jwks),
        ("STORAGE_PUBLIC_BASE_URL", "https://api.test"),
    ];
    let lookup = |name: &str| {
        let found = variables.iter().chain(&base).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    match Config::from_lookup(lookup) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}
