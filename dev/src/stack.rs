//! Starting and stopping everything.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage_aws::{AwsSettings, DynamoStore, Secret};
use storage_core::ids::{BucketName, TenantId, TenantSlug};
use storage_core::ports::{Clock, MetadataStore, SystemClock};
use storage_core::tenant::{Isolation, TenantRecord, TenantState};
use storage_local::s3_gateway::{AllowedOrigins, Gateway, HttpRelay, serve};
use storage_local::{ClamdDaemon, LocalBackend};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::keys::Keys;
use crate::pump::Pump;
use crate::watch::{FUNCTIONS, Watch};
use crate::workspace::Local;
use crate::{Outcome, clamd, console, during, screen, tokens};

const STAGING_BUCKET: &str = "stowage-staging";
const FILES_BUCKET: &str = "stowage-files";
const TABLE: &str = "stowage";
const REGION: &str = "us-east-1";
/// Large files are worth trying here: 10 GB.
const ATTACHMENT_BYTES: &str = "10737418240";
/// How long the first answer of a function may take, with its start.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the sweep runs.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// A running stack.
pub(crate) struct Stack {
    local: Local,
    watch: Watch,
    stop: watch::Sender<bool>,
    servers: Vec<tokio::task::JoinHandle<()>>,
    clamd: Option<ClamdDaemon>,
    pub(crate) facts: Value,
}

/// Starts the stack, shows it, and stops it at Ctrl-C or SIGTERM.
pub(crate) async fn run_until_interrupted() -> Outcome<()> {
    let mut interrupt =
        during("signals", tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()))?;
    let mut terminate =
        during("signals", tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()))?;
    let mut stack = tokio::select! {
        stack = Stack::start() => stack?,
        _ = interrupt.recv() => return Err("interrupted while starting".to_owned()),
        _ = terminate.recv() => return Err("terminated while starting".to_owned()),
    };
    let mut shown = stack.facts.clone();
    shown["data"] = json!(stack.local.path(""));
    screen::ready(&shown);
    let result = tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        reason = stack.watch.ended() => Err(reason),
    };
    screen::step("stopping ...");
    stack.stop().await;
    result
}

impl Stack {
    /// Starts everything and waits until it answers.
    pub(crate) async fn start() -> Outcome<Self> {
        let mut local = Local::open()?;
        local.lock()?;
        let _ = std::fs::remove_file(local.facts());
        let keys = Keys::load_or_make(&local)?;
        let (stop, stopped) = watch::channel(false);
        let mut servers = Vec::new();

        let s3_listener = listen("STOWAGE_S3_PORT").await?;
        let dynamodb_listener = listen("STOWAGE_DYNAMODB_PORT").await?;
        // The emulator binds its port itself: this one is free now, and taken again in a moment.
        let api_listener = listen("STOWAGE_API_PORT").await?;
        let console_listener = listen("STOWAGE_CONSOLE_PORT").await?;
        let console_url = url(&console_listener)?;
        let (s3_url, dynamodb_url) = (url(&s3_listener)?, url(&dynamodb_listener)?);
        let (api_url, api_port) = (url(&api_listener)?, during("port", api_listener.local_addr())?.port());
        drop(api_listener);

        screen::step("starting S3 and DynamoDB ...");
        let database = local.path("dynamodb.sqlite");
        let database = during("DynamoDB", dynoxide::Database::new(&database.to_string_lossy()))?;
        let ended = wait_for(stopped.clone());
        servers.push(tokio::spawn(async move {
            if let Err(message) =
                dynoxide::server::serve_with_shutdown(dynamodb_listener, database, ended).await
            {
                screen::error(&message);
            }
        }));
        let storage = during("storage", LocalBackend::open(&local.path("storage")))?;
        let buckets = [STAGING_BUCKET, FILES_BUCKET, "acme-uploads", "globex-uploads"];
        for bucket in buckets {
            let name = during("bucket", BucketName::parse(bucket))?;
            during("bucket", storage.create_bucket(&name).await)?;
        }
        let invoke_url = format!("{api_url}/2015-03-31/functions/process-upload/invocations");
        let gateway = gateway(storage, &keys, &invoke_url)?;
        let ended = wait_for(stopped.clone());
        servers.push(tokio::spawn(async move {
            if let Err(error) = serve(s3_listener, gateway, ended).await {
                screen::error(&error.log_line());
            }
        }));

        let settings = AwsSettings {
            endpoint: Some(dynamodb_url.clone()),
            access_key_id: Some(keys.access_key.clone()),
            secret_access_key: Some(Secret::new(&keys.secret_key)),
            ..AwsSettings::new(REGION)
        };
        let store = during("DynamoDB", DynamoStore::connect(&settings, TABLE).await)?;
        during("the table", store.create_table().await)?;
        put_tenants(&store, &keys).await?;

        let mut environment = environment(&local, &keys, &api_url, &s3_url, &dynamodb_url, &invoke_url)?;
        let (clamd, told) = clamd::start(&local).await;
        environment.extend(told);
        let watch = Watch::start(&local, api_port, &environment).await?;
        let facts = json!({
            "api_url": api_url,
            "console_url": console_url,
            "s3_url": s3_url,
            "dynamodb_url": dynamodb_url,
            "tenant": { "uuid": keys.tenant, "slug": tokens::SLUG },
            "user_id": keys.user,
            "agent_id": keys.agent,
            "tokens": tokens::make(&keys)?,
        });
        let mut stack = Stack { local, watch, stop, servers, clamd, facts };
        if let Err(message) = stack.wait_until_ready(&api_url).await {
            stack.stop().await;
            return Err(message);
        }
        let publish_url = format!("{api_url}/2015-03-31/functions/publish-event/invocations");
        let (place, sink) = (stack.local.path("events.place"), stack.local.path("events.jsonl"));
        let pump = Pump::new(&dynamodb_url, &publish_url, place, sink)?;
        stack.servers.push(tokio::spawn(pump.run(TABLE, stopped.clone())));
        let (root, facts) = (stack.local.root().to_path_buf(), stack.facts.clone());
        let ended = wait_for(stopped.clone());
        stack.servers.push(tokio::spawn(async move {
            console::serve(console_listener, &root, &facts, ended).await;
        }));
        stack.servers.push(tokio::spawn(sweep(api_url, stopped)));
        stack.local.write("dev.json", &during("facts", serde_json::to_string_pretty(&stack.facts))?)?;
        Ok(stack)
    }

    /// Stops every child and every server; data stays.
    pub(crate) async fn stop(self) {
        let _ = std::fs::remove_file(self.local.facts());
        self.watch.stop().await;
        if let Some(clamd) = self.clamd {
            clamd.stop().await;
        }
        let _ = self.stop.send(true);
        for server in self.servers {
            let _ = tokio::time::timeout(Duration::from_secs(3), server).await;
        }
    }

    /// Calls every function once, so that the first real request finds it running.
    async fn wait_until_ready(&mut self, api_url: &str) -> Outcome<()> {
        let client = client()?;
        let started = std::time::Instant::now();
        for function in FUNCTIONS {
            screen::step(&format!("waiting for {function} ..."));
            loop {
                let answer = tokio::select! {
                    answer = wake(&client, api_url, function) => answer,
                    reason = self.watch.ended() => return Err(reason),
                };
                match answer {
                    Ok(()) => break,
                    Err(reason) if started.elapsed() > PATIENCE => {
                        return Err(format!(
                            "{function} does not answer ({reason}); see functions.log beside dev.json"
                        ));
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
        Ok(())
    }
}

/// One harmless call of a function.
async fn wake(client: &reqwest::Client, api_url: &str, function: &str) -> Result<(), String> {
    let invoke = format!("{api_url}/2015-03-31/functions/{function}/invocations");
    let request = match function {
        "process-upload" | "scheduled-cleanup" => client.post(invoke).body("{}"),
        "publish-event" => client.post(invoke).body("[]"),
        "manage-storage" => client.get(format!("{api_url}/api/v1/admin/usage")),
        "health" => client.get(format!("{api_url}/api/v1/health")),
        "resolve-url" => client.get(format!("{api_url}/api/v1/files/{}", uuid::Uuid::now_v7())),
        "edit-file" => client.patch(format!("{api_url}/api/v1/files/{}", uuid::Uuid::now_v7())),
        "delete-file" => client.delete(format!("{api_url}/api/v1/files/{}", uuid::Uuid::now_v7())),
        "complete-upload" => client.post(format!("{api_url}/api/v1/files/{}/complete", uuid::Uuid::now_v7())),
        "issue-upload" => client.post(format!("{api_url}/api/v1/files/presigned-upload")),
        _ => client.post(format!("{api_url}/api/v1/files/upload")),
    };
    let response = request.send().await.map_err(|error| error.to_string())?;
    // Without a token a function answers 401: that it answers is all that matters here.
    match response.status().as_u16() {
        404 | 500..=599 => Err(format!("status {}", response.status())),
        _ => Ok(()),
    }
}

/// Runs the sweep as the schedule does in the cloud.
async fn sweep(api_url: String, stopped: watch::Receiver<bool>) {
    let Ok(client) = client() else { return };
    let mut timer = tokio::time::interval(SWEEP_EVERY);
    timer.tick().await;
    let mut ended = std::pin::pin!(wait_for(stopped));
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = timer.tick() => {
                let url = format!("{api_url}/2015-03-31/functions/scheduled-cleanup/invocations");
                if let Err(error) = client.post(url).body("{}").send().await {
                    screen::error(&format!("the sweep did not run: {error}"));
                }
            }
        }
    }
}

pub(crate) fn client() -> Outcome<reqwest::Client> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    during("HTTP client", builder.timeout(Duration::from_secs(120)).build())
}

/// A port named by the environment, or a free one.
#[expect(
    clippy::disallowed_methods,
    reason = "the ports of the development stack are no configuration of a function"
)]
async fn listen(variable: &str) -> Outcome<TcpListener> {
    let port = match std::env::var(variable) {
        Ok(text) => during(&format!("{variable}={text} is no port"), text.parse::<u16>())?,
        Err(_) => 0,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    during(&format!("cannot listen on {address}"), TcpListener::bind(address).await)
}

fn url(listener: &TcpListener) -> Outcome<String> {
    Ok(format!("http://{}", during("port", listener.local_addr())?))
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn gateway(storage: LocalBackend, keys: &Keys, invoke_url: &str) -> Outcome<Gateway> {
    let relay = during("relay", HttpRelay::new(invoke_url))?;
    Ok(Gateway::builder(storage)
        .credentials(&keys.access_key, &keys.secret_key)
        .cors(AllowedOrigins::Any)
        .relay(Arc::new(relay))
        .build())
}

async fn put_tenants(store: &DynamoStore, keys: &Keys) -> Outcome<()> {
    for (tenant, slug) in [(keys.tenant, tokens::SLUG), (keys.other_tenant, tokens::OTHER_SLUG)] {
        let record = TenantRecord {
            tenant: TenantId::from(tenant),
            slug: during("slug", TenantSlug::parse(slug))?,
            bucket: during("bucket", BucketName::parse(&format!("{slug}-uploads")))?,
            isolation: Isolation::Bucket,
            state: TenantState::Active,
            limits: Default::default(),
            created_at: SystemClock.now(),
        };
        during("tenants", store.put_tenant(&record).await)?;
    }
    Ok(())
}

/// What the functions are told.
fn environment(
    local: &Local,
    keys: &Keys,
    api_url: &str,
    s3_url: &str,
    dynamodb_url: &str,
    invoke_url: &str,
) -> Outcome<Vec<(String, String)>> {
    let root = local.path("storage");
    let pairs = [
        ("STORAGE_ENVIRONMENT", "development"),
        ("STORAGE_BACKEND", "local"),
        ("STORAGE_LOCAL_ROOT", &*root.to_string_lossy()),
        ("STORAGE_BUCKET", FILES_BUCKET),
        ("STORAGE_SHARED_BUCKET", STAGING_BUCKET),
        ("STORAGE_S3_REGION", REGION),
        ("STORAGE_S3_ENDPOINT", s3_url),
        ("STORAGE_S3_ACCESS_KEY", &keys.access_key),
        ("STORAGE_S3_SECRET_KEY", &keys.secret_key),
        ("STORAGE_ATTACHMENT_MAX_BYTES", ATTACHMENT_BYTES),
        ("STORAGE_TABLE", TABLE),
        ("STORAGE_DYNAMODB_ENDPOINT", dynamodb_url),
        ("STORAGE_INGEST_INVOKE_URL", invoke_url),
        ("STORAGE_ISOLATION_MODE", "bucket"),
        ("STORAGE_JWT_ISSUER", tokens::ISSUER),
        ("STORAGE_JWT_AUDIENCE", tokens::AUDIENCE),
        ("STORAGE_JWKS", &keys.jwks()?),
        ("STORAGE_SEAL_KEYS", &keys.seal_keys),
        ("STORAGE_PUBLIC_BASE_URL", api_url),
        ("STORAGE_ALLOWED_ORIGINS", "*"),
        ("STORAGE_LOG_FORMAT", "text"),
    ];
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}
