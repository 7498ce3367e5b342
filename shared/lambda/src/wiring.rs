//! Small constructors from the configuration. A function calls only those of what it needs, and links only that.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use storage_aws::{
    Aws, AwsSettings, CloudFrontKey, CloudFrontSigner, DynamoStore, GuardDutyTags, PostSigner, PresignSigner,
    Retries, S3Backend, SecretReader, SqsQueue, Window,
};
use storage_core::ports::{
    Clock, IngestQueue, MetadataStore, NoScanner, ObjectStore, PresignParts, PresignPost, Scanner,
    SystemClock, UrlSigner,
};
use storage_core::{Error, ErrorKind, Result};
use storage_services::ledger::Ledger;
use storage_services::settings::Settings;

use crate::config::{
    Backend, ClamdSocket, Config, Redacted, RetryMode, SealKey, SecretSource, StorageClass, parse_seal_keys,
};
use crate::http::auth::{Authenticator, FetchJwks};
use crate::seal::Sealer;

/// The connections of one function: made once at start, and shared by everything that needs them.
#[derive(Clone, Debug)]
pub struct Clients {
    config: Arc<Config>,
    s3: Aws,
    metadata: Aws,
}

impl Clients {
    /// Connects with the configuration's endpoints, credentials and limits. Nothing is sent yet.
    pub async fn new(config: &Arc<Config>) -> Result<Self> {
        let s3 = Aws::connect(&aws_settings(config)).await?;
        let metadata =
            s3.with_endpoint(config.metadata.dynamodb_endpoint.as_ref().map(|url| url.as_str()))?;
        Ok(Clients { config: config.clone(), s3, metadata })
    }
}

fn aws_settings(config: &Config) -> AwsSettings {
    let s3 = &config.s3;
    let keys = s3.credentials.as_ref();
    AwsSettings {
        endpoint: s3.endpoint.as_ref().map(|url| url.to_string()),
        access_key_id: keys.map(|(id, _)| id.expose().to_owned()),
        secret_access_key: keys.map(|(_, secret)| storage_aws::Secret::new(secret.expose())),
        bucket_owner: config.buckets.owner.clone(),
        storage_class: match config.buckets.storage_class {
            StorageClass::Standard => None,
            class => Some(class.as_str().to_owned()),
        },
        verify_ssl: s3.verify_ssl,
        max_retries: s3.max_retries,
        retries: match s3.retry_mode {
            RetryMode::Standard => Retries::Standard,
            RetryMode::Adaptive => Retries::Adaptive,
        },
        timeout: s3.timeout,
        call_timeout: Some(s3.timeout),
        max_pool_connections: s3.max_pool_connections,
        ..AwsSettings::new(&s3.region)
    }
}

/// The services' part of the configuration.
pub fn settings(config: &Config) -> Arc<Settings> {
    let (buckets, limits) = (&config.buckets, &config.limits);
    Arc::new(Settings {
        base_path: buckets.base_path.clone(),
        isolation: config.tenancy.isolation,
        multi_tenancy: config.tenancy.multi_tenancy,
        default_visibility: buckets.default_visibility,
        upload_life: config.delivery.presign_expiry,
        avatar_max_bytes: limits.avatar_max_bytes,
        attachment_max_bytes: limits.attachment_max_bytes,
        post_max_bytes: limits.post_max_bytes,
        tenant_max_bytes: limits.tenant_max_bytes,
        issues_per_minute: limits.issues_per_minute,
        direct_max_bytes: limits.direct_max_bytes,
        image_limits: limits.images,
        avatar_webp: config.delivery.avatar_webp,
        scanned: config.scan.scanned.clone(),
        export_life: config.cleanup.export_life,
        trash_life: config.cleanup.retention,
        sweep_enabled: config.cleanup.enabled,
        ..Settings::new(buckets.staging.clone(), buckets.files.clone(), config.tenancy.default_tenant)
    })
}

/// The word for the storage in records.
pub fn backend_name(config: &Config) -> &'static str {
    match config.backend {
        Backend::Local => "local",
        Backend::S3 => "s3",
    }
}

/// The metadata, with its connection opened: init has CPU to spare, the first request has not.
pub async fn ledger(clients: &Clients) -> Result<Ledger> {
    let store = DynamoStore::new(&clients.metadata, &clients.config.metadata.table);
    warm(store.warm()).await;
    Ok(Ledger::new(Arc::new(store) as Arc<dyn MetadataStore>, clock()))
}

/// The clock that records are judged by.
#[cfg(not(feature = "switches"))]
fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

#[cfg(feature = "switches")]
fn clock() -> Arc<dyn Clock> {
    Arc::new(crate::switches::ShiftedClock::from_env())
}

/// The longest a function waits at start for a connection to open. A server that does not answer is the first request's
/// problem: Lambda ends an init that takes 10 s.
const WARM_UP: Duration = Duration::from_secs(1);

async fn warm(connection: impl Future<Output = ()>) {
    if tokio::time::timeout(WARM_UP, connection).await.is_err() {
        tracing::warn!("a connection could not be opened at start");
    }
}

/// The object storage of a function that most requests need nothing of: its connection opens when it is used.
pub fn storage_on_demand(clients: &Clients) -> Result<Arc<dyn ObjectStore>> {
    match clients.config.backend {
        Backend::S3 => Ok(Arc::new(S3Backend::new(&clients.s3))),
        Backend::Local => local_storage(&clients.config),
    }
}

/// The object storage.
pub async fn storage(clients: &Clients) -> Result<Arc<dyn ObjectStore>> {
    match clients.config.backend {
        Backend::S3 => {
            let backend = S3Backend::new(&clients.s3);
            warm(backend.warm(&clients.config.buckets.files)).await;
            Ok(Arc::new(backend))
        }
        Backend::Local => local_storage(&clients.config),
    }
}

#[cfg(feature = "local")]
fn local_storage(config: &Config) -> Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(storage_local::fs::LocalBackend::open(&config.local_root)?))
}

#[cfg(not(feature = "local"))]
fn local_storage(_config: &Config) -> Result<Arc<dyn ObjectStore>> {
    Err(Error::new(
        ErrorKind::StorageNotConfigured,
        "STORAGE_BACKEND=local needs a build with the feature `local`",
    ))
}

/// What scans uploads, whatever the policy says now: some may have been issued under another one.
pub fn scanner(clients: &Clients, storage: &Arc<dyn ObjectStore>) -> Result<Arc<dyn Scanner>> {
    match (&clients.config.scan.clamd, clients.config.backend) {
        (Some(socket), _) => clamd(socket, storage.clone()),
        (None, Backend::S3) => Ok(Arc::new(GuardDutyTags::new(S3Backend::new(&clients.s3)))),
        (None, Backend::Local) => Ok(Arc::new(NoScanner)),
    }
}

#[cfg(feature = "local")]
fn clamd(socket: &ClamdSocket, storage: Arc<dyn ObjectStore>) -> Result<Arc<dyn Scanner>> {
    let address = match socket {
        ClamdSocket::Unix(path) => storage_local::ClamdAddress::Unix(path.clone()),
        ClamdSocket::Tcp(address) => storage_local::ClamdAddress::Tcp(*address),
    };
    Ok(Arc::new(storage_local::Clamd::new(address, storage)))
}

#[cfg(not(feature = "local"))]
fn clamd(_socket: &ClamdSocket, _storage: Arc<dyn ObjectStore>) -> Result<Arc<dyn Scanner>> {
    Err(Error::new(ErrorKind::StorageNotConfigured, "STORAGE_CLAMD needs a build with the feature `local`"))
}

/// The signer of upload forms. In development it signs for the gateway, which is S3 to browsers.
pub async fn presign_post(clients: &Clients) -> Result<Arc<dyn PresignPost>> {
    Ok(Arc::new(PostSigner::new(&clients.s3)?))
}

/// The signer of the calls of uploads in parts.
pub async fn presign_parts(clients: &Clients) -> Result<Arc<dyn PresignParts>> {
    Ok(Arc::new(PostSigner::new(&clients.s3)?))
}

/// The signer of readers' URLs: CloudFront where there is a distribution, else presigned S3.
pub async fn url_signer(clients: &Clients) -> Result<Arc<dyn UrlSigner>> {
    let delivery = &clients.config.delivery;
    let window = Window::new(delivery.url_window, delivery.url_life)?;
    let Some(cdn) = &delivery.cdn else {
        let backend = Arc::new(S3Backend::new(&clients.s3));
        return Ok(Arc::new(PresignSigner::new(backend, window)));
    };
    let pem = secret(clients, &cdn.private_keys).await?;
    let keys = split_pems(pem.expose())
        .map(|pem| CloudFrontKey::parse(&cdn.key_pair_id, &storage_aws::Secret::new(pem)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(CloudFrontSigner::new(&cdn.domain, keys, window)?))
}

/// What seals ids, cursors and tickets.
///
/// Without configured keys, which only development may be, each start makes its own: what was sealed before does not
/// open any more, and no other function opens it.
pub async fn sealer(clients: &Clients) -> Result<Arc<Sealer>> {
    let keys = match &clients.config.seal_keys {
        Some(source) => {
            let text = secret(clients, source).await?;
            parse_seal_keys(text.expose())
                .map_err(|why| Error::new(ErrorKind::StorageNotConfigured, format!("the seal keys: {why}")))?
        }
        None => {
            tracing::warn!("no seal keys are set: what this process seals opens nowhere else");
            vec![SealKey { id: "random".to_owned(), key: Redacted::new(random_key()?) }]
        }
    };
    Ok(Arc::new(Sealer::new(&keys)?))
}

fn random_key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::new(ErrorKind::Internal, "no random numbers"))?;
    Ok(key)
}

async fn secret(clients: &Clients, source: &SecretSource) -> Result<storage_aws::Secret> {
    match source {
        SecretSource::Inline(secret) => Ok(storage_aws::Secret::new(secret.expose())),
        SecretSource::Ssm(name) => {
            SecretReader::new(&clients.s3.with_endpoint(None)?).read_secret(name).await
        }
    }
}

/// The PEM blocks of a text that holds one or two.
fn split_pems(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("-----BEGIN ").skip(1).map(|block| format!("-----BEGIN {block}"))
}

/// The way to wake `process-upload`.
pub async fn queue(clients: &Clients) -> Result<Arc<dyn IngestQueue>> {
    let metadata = &clients.config.metadata;
    if let Some(url) = &metadata.ingest_invoke_url {
        return local_queue(url.as_str());
    }
    match &metadata.ingest_queue_url {
        Some(url) => Ok(Arc::new(SqsQueue::new(&clients.s3.with_endpoint(None)?, url.as_str()))),
        None => Err(Error::new(ErrorKind::StorageNotConfigured, "no STORAGE_INGEST_QUEUE_URL")),
    }
}

#[cfg(feature = "local")]
fn local_queue(url: &str) -> Result<Arc<dyn IngestQueue>> {
    Ok(Arc::new(storage_local::s3_gateway::InvokeQueue::new(url)?))
}

#[cfg(not(feature = "local"))]
fn local_queue(_url: &str) -> Result<Arc<dyn IngestQueue>> {
    Err(Error::new(ErrorKind::StorageNotConfigured, "STORAGE_INGEST_INVOKE_URL needs the feature `local`"))
}

/// How long fetching a JWK set may take.
const JWKS_TIMEOUT: Duration = Duration::from_secs(3);

/// What lets callers in, with the issuer's keys at hand: fetching them takes a connection of its own.
pub async fn authenticator(config: &Config) -> Result<Arc<Authenticator>> {
    let source = config.auth.jwks_url.as_ref().map(|url| {
        let fetcher = storage_aws::Fetcher::new(JWKS_TIMEOUT);
        Arc::new(PublishedKeys { fetcher, url: url.to_string() }) as Arc<dyn FetchJwks>
    });
    let authenticator = Authenticator::new(&config.auth, &config.tenancy, source, Arc::new(SystemClock))?;
    warm(authenticator.warm()).await;
    Ok(Arc::new(authenticator))
}

/// The issuer's key set at its configured URL.
#[derive(Debug)]
struct PublishedKeys {
    fetcher: storage_aws::Fetcher,
    url: String,
}

#[async_trait]
impl FetchJwks for PublishedKeys {
    async fn fetch(&self) -> Result<Bytes> {
        self.fetcher.fetch(&self.url).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use storage_core::ids::TenantId;
    use storage_core::timestamp::Timestamp;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::seal::Kind;

    /// A DynamoDB whose table is empty. It answers `{}` to everything, and counts its connections.
    async fn empty_table() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::<AtomicUsize>::default();
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer_nothing(stream));
            }
        });
        (url, connections)
    }

    async fn answer_nothing(stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        let mut length = 0;
        while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                stream.read_exact(&mut vec![0; length]).await.unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            }
            line.clear();
        }
    }

    /// A configuration of development with this DynamoDB.
    fn with_dynamodb(url: &str) -> Arc<Config> {
        let lookup = |name: &str| match name {
            "STORAGE_S3_ACCESS_KEY" | "STORAGE_S3_SECRET_KEY" => Some("not-a-real-key".to_owned()),
            "STORAGE_DYNAMODB_ENDPOINT" => Some(url.to_owned()),
            _ => None,
        };
        Arc::new(Config::from_lookup(lookup).unwrap())
    }

    #[tokio::test]
    async fn the_first_request_finds_the_connection_to_the_metadata_open() {
        let (url, connections) = empty_table().await;
        let clients = Clients::new(&with_dynamodb(&url)).await.unwrap();
        let ledger = ledger(&clients).await.unwrap();
        assert_eq!(connections.load(Ordering::Relaxed), 1, "opened at start");
        let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
        assert!(ledger.store.get_tenant(tenant).await.unwrap().is_none());
        assert_eq!(connections.load(Ordering::Relaxed), 1, "a request opens none");
    }

    #[tokio::test]
    async fn metadata_that_is_down_does_not_keep_a_function_from_starting() {
        // Bound and let go again: nobody listens there.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let clients = Clients::new(&with_dynamodb(&format!("http://{address}"))).await.unwrap();
        ledger(&clients).await.unwrap();
    }

    async fn made(seal_keys: Option<&str>) -> Result<Arc<Sealer>> {
        let lookup = |name: &str| match name {
            "STORAGE_SEAL_KEYS" => seal_keys.map(str::to_owned),
            "STORAGE_S3_ACCESS_KEY" | "STORAGE_S3_SECRET_KEY" => Some("not-a-real-key".to_owned()),
            _ => None,
        };
        let config = Config::from_lookup(lookup)
            .map_err(|errors| Error::new(ErrorKind::StorageNotConfigured, errors.to_string()))?;
        sealer(&Clients::new(&Arc::new(config)).await?).await
    }

    #[tokio::test]
    async fn sealers_open_each_others_texts_under_configured_keys_only() {
        let (now, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1000));
        let opens = |first: &Sealer, second: &Sealer| {
            let text = first.seal(Kind::Cursor, &7, until).unwrap();
            second.open::<i32>(Kind::Cursor, &text, now).is_ok_and(|claims| claims == 7)
        };
        let keys = Some("k1:3q2+796tvu/erb7v3q2+78rxs9X6TRaZpVb0Qm1nKxU=");
        assert!(opens(&made(keys).await.unwrap(), &made(keys).await.unwrap()));
        let random = made(None).await.unwrap();
        assert!(opens(&random, &random));
        assert!(!opens(&random, &made(None).await.unwrap()), "two starts share a random key");
    }
}
