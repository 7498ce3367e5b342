//! S3 and DynamoDB on this machine: the gateway over the local backend, and `dynoxide` in memory.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use storage_aws::{AwsSettings, DynamoStore, Secret};
use storage_core::ids::{BucketName, FileId, TenantId};
use storage_core::ports::MetadataStore;
use storage_core::record::FileRecord;
use storage_local::LocalBackend;
use storage_local::s3_gateway::{ChannelRelay, Gateway, ObjectCreated, serve};
use storage_testkit::jwt::{AUDIENCE, ISSUER, Issuer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

/// The bucket of final objects.
const FILES: &str = "sim-files";
/// The staging bucket.
const STAGING: &str = "sim-staging";
const TABLE: &str = "sim";
const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "AKIASIMSIMSIMSIMSIMS";
const SECRET_KEY: &str = "sim-secret-key-canary-7Jq2";

/// A fresh world. Dropping it ends its servers and removes its files.
pub struct Sim {
    /// The tenant that everything belongs to.
    pub tenant: TenantId,
    /// Signs tokens that the functions accept.
    pub issuer: Arc<Issuer>,
    /// The objects, seen past every fault.
    pub storage: LocalBackend,
    /// The records, seen past every fault.
    pub store: DynamoStore,
    /// What S3 tells of uploads; nothing delivers them by itself.
    pub events: UnboundedReceiver<ObjectCreated>,
    /// Where S3 listens.
    pub s3_url: String,
    /// Where DynamoDB listens.
    pub dynamodb_url: String,
    database: dynoxide::Database,
    folder: TempDir,
    /// Ends both servers, with every connection, when it is dropped.
    _stop: watch::Sender<bool>,
}

impl Sim {
    /// Starts the servers, and makes the buckets and the table.
    pub async fn start() -> Self {
        Sim::with_issuer(Arc::new(Issuer::es256())).await
    }

    /// The same for functions that know `issuer` from an earlier world.
    pub async fn with_issuer(issuer: Arc<Issuer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = LocalBackend::open(folder.path()).unwrap();
        for bucket in [FILES, STAGING] {
            storage.create_bucket(&BucketName::parse(bucket).unwrap()).await.unwrap();
        }
        let (relay, events) = unbounded_channel();
        let gateway = Gateway::builder(storage.clone())
            .credentials(ACCESS_KEY, SECRET_KEY)
            .relay(Arc::new(ChannelRelay(relay)))
            .build();
        let (s3, s3_url) = listen().await;
        let (dynamodb, dynamodb_url) = listen().await;
        let database = dynoxide::Database::memory().unwrap();
        let served = database.clone();
        let (stop, stopped) = watch::channel(false);
        let (s3_ends, dynamodb_ends) = (ended(stopped.clone()), ended(stopped));
        tokio::spawn(async move { serve(s3, gateway, s3_ends).await.unwrap() });
        tokio::spawn(async move {
            dynoxide::server::serve_with_shutdown(dynamodb, served, dynamodb_ends).await.unwrap();
        });
        let settings = AwsSettings {
            endpoint: Some(dynamodb_url.clone()),
            access_key_id: Some(ACCESS_KEY.to_owned()),
            secret_access_key: Some(Secret::new(SECRET_KEY)),
            ..AwsSettings::new(REGION)
        };
        let store = DynamoStore::connect(&settings, TABLE).await.unwrap();
        store.create_table().await.unwrap();
        Sim {
            tenant: TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap(),
            issuer,
            storage,
            store,
            events,
            s3_url,
            dynamodb_url,
            database,
            folder,
            _stop: stop,
        }
    }

    /// Every file record there is, by a scan of the table.
    pub async fn records(&self) -> Vec<FileRecord> {
        let mut records = Vec::new();
        let mut start = Value::Null;
        loop {
            let request = json!({ "TableName": TABLE, "ConsistentRead": true, "ExclusiveStartKey": start });
            let page = self.database.scan(serde_json::from_value(request).unwrap()).unwrap();
            let page = serde_json::to_value(page).unwrap();
            for item in page["Items"].as_array().into_iter().flatten() {
                let (pk, sk) = (item["PK"]["S"].as_str().unwrap_or_default(), &item["SK"]["S"]);
                if let (Some(ids), "FILE") = (pk.strip_prefix("F#"), sk.as_str().unwrap_or_default()) {
                    let (tenant, file) = ids.split_once('#').unwrap();
                    let (tenant, file) = (TenantId::parse(tenant).unwrap(), FileId::parse(file).unwrap());
                    records.extend(self.store.get_file(tenant, file).await.unwrap());
                }
            }
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                return records;
            }
        }
    }

    /// The folder of the local backend.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The bucket of final objects.
    pub fn files(&self) -> BucketName {
        BucketName::parse(FILES).unwrap()
    }

    /// The staging bucket.
    pub fn staging(&self) -> BucketName {
        BucketName::parse(STAGING).unwrap()
    }

    /// What a function is told: S3 and DynamoDB at these addresses, which may be those of a proxy.
    pub fn environment(&self, s3_url: &str, dynamodb_url: &str) -> Vec<(String, String)> {
        let jwks: Value = self.issuer.jwks();
        [
            ("STORAGE_ENVIRONMENT", "development"),
            ("STORAGE_BACKEND", "s3"),
            ("STORAGE_BUCKET", FILES),
            ("STORAGE_SHARED_BUCKET", STAGING),
            ("STORAGE_S3_REGION", REGION),
            ("STORAGE_S3_ENDPOINT", s3_url),
            ("STORAGE_S3_ACCESS_KEY", ACCESS_KEY),
            ("STORAGE_S3_SECRET_KEY", SECRET_KEY),
            ("STORAGE_TABLE", TABLE),
            ("STORAGE_DYNAMODB_ENDPOINT", dynamodb_url),
            ("STORAGE_INGEST_INVOKE_URL", "http://127.0.0.1:9/process-upload"),
            ("STORAGE_JWT_ISSUER", ISSUER),
            ("STORAGE_JWT_AUDIENCE", AUDIENCE),
            ("STORAGE_JWKS", &jwks.to_string()),
            ("STORAGE_PUBLIC_BASE_URL", "https://api.test"),
            ("STORAGE_ISSUES_PER_MINUTE", "0"),
            ("STORAGE_LOG_FORMAT", "json"),
            ("STORAGE_LOG_LEVEL", "trace"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// Resolves when the world is dropped.
async fn ended(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}
