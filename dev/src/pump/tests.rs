//! The pump over a real stream: from a commit in the table to the event in the file.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lambda_runtime::{Context, LambdaEvent};
use storage_aws::{AwsSettings, DynamoStore, Secret};
use storage_core::ErrorKind;
use storage_core::ids::{BucketName, FileId, TenantId, WorkerId};
use storage_core::key::StorageKey;
use storage_core::ports::{
    Clock, MetadataStore, ResolvedUrl, SystemClock, Transaction, UrlSigner, UrlTarget, Write,
};
use storage_core::state::{Actor, Event, Ingested};
use storage_core::timestamp::Timestamp;
use storage_services::ledger::{Applied, Ledger};
use storage_services::resolve::Resolver;
use storage_services::settings::Settings;
use storage_testkit::records;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const TABLE: &str = "told";

/// A DynamoDB server with one table, and a place for what the pump keeps.
struct World {
    url: String,
    store: DynamoStore,
    folder: PathBuf,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl World {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let database = dynoxide::Database::memory().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let server = tokio::spawn(async move {
            let ended = async move {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            dynoxide::server::serve_with_shutdown(listener, database, ended).await.unwrap();
        });
        let settings = AwsSettings {
            endpoint: Some(url.clone()),
            access_key_id: Some("dev".to_owned()),
            secret_access_key: Some(Secret::new("dev")),
            ..AwsSettings::new("us-east-1")
        };
        let store = DynamoStore::connect(&settings, TABLE).await.unwrap();
        store.create_table().await.unwrap();
        let folder = std::env::temp_dir().join(format!("stowage-pump-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        World { url, store, folder, stop, server }
    }

    fn pump(&self, publish_url: &str) -> Pump {
        Pump::new(&self.url, publish_url, self.folder.join("place"), self.folder.join("events.jsonl"))
            .unwrap()
    }

    fn place(&self) -> String {
        std::fs::read_to_string(self.folder.join("place")).unwrap_or_default()
    }

    fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("events.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn stop(self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.stop.send(true).unwrap();
        self.server.await.unwrap();
    }
}

/// The stream is read from its beginning, and from where the last run stopped.
#[tokio::test]
async fn a_new_table_has_a_stream_that_is_read_on_from_its_place() {
    let world = World::start().await;
    let pump = world.pump("http://127.0.0.1:9");
    let next = pump.step(TABLE, None).await.unwrap();
    assert!(next.is_some());
    let test = storage_core::ports::SelfTest {
        function: "f".to_owned(),
        at: Timestamp::from_millis(0),
        passed: true,
        duration_ms: 1,
    };
    world.store.put_self_test(&test).await.unwrap();
    pump.step(TABLE, next).await.unwrap();
    let kept = world.place();
    assert!(!kept.is_empty(), "what is no event is passed over, and its place is kept");
    pump.step(TABLE, None).await.unwrap();
    assert_eq!(world.place(), kept, "nothing is read twice");
    assert_eq!(world.events(), Vec::<Value>::new());
    world.stop().await;
}

/// URLs that show their object.
#[derive(Debug)]
struct PathSigner;

#[async_trait]
impl UrlSigner for PathSigner {
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> storage_core::Result<ResolvedUrl> {
        let url = format!("https://cdn.test/{}", target.object.key);
        Ok(ResolvedUrl { url, expires_at: Some(now) })
    }
}

/// Serves `publish-event` over this store, as `cargo lambda watch` does; its URL.
async fn publisher(ledger: Ledger) -> String {
    let bucket = |name| BucketName::parse(name).unwrap();
    let settings = Settings::new(bucket("staging"), bucket("files"), TenantId::UNASSIGNED);
    let resolver = Resolver::new(ledger.clone(), Arc::new(settings), Arc::new(PathSigner));
    let state = Arc::new(publish_event::State { ledger, resolver });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let state = state.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let state = state.clone();
                async move {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let records: Value = serde_json::from_slice(&body).unwrap();
                    let event = LambdaEvent::new(records, Context::default());
                    let events = publish_event::handle(&state, event).await.unwrap();
                    let body = Bytes::from(serde_json::to_vec(&events).unwrap());
                    Ok::<_, Infallible>(Response::new(Full::new(body)))
                }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

/// Takes a new upload to its end, as its functions would: what becomes of it is up to `last`.
async fn ended(ledger: &Ledger, tenant: TenantId, last: impl FnOnce(WorkerId) -> Event) -> FileId {
    let record = records::sample_file(tenant, SystemClock.now());
    let file = record.file_id;
    ledger.store.commit(Transaction::new(vec![Write::CreateFile(Box::new(record))])).await.unwrap();
    let worker = WorkerId::generate();
    apply(ledger, tenant, file, Event::Claim(worker)).await;
    apply(ledger, tenant, file, last(worker)).await;
    file
}

async fn apply(ledger: &Ledger, tenant: TenantId, file: FileId, event: Event) {
    let applied = ledger.apply(tenant, file, event, &Actor::function("test")).await.unwrap();
    assert!(matches!(applied, Applied::Written(_)), "{applied:?}");
}

#[tokio::test]
async fn what_a_commit_tells_becomes_the_same_event_as_often_as_it_is_sent() {
    let world = World::start().await;
    let ledger = Ledger::new(Arc::new(world.store.clone()), Arc::new(SystemClock));
    let pump = world.pump(&publisher(ledger.clone()).await);
    let tenant = records::new_tenant();
    let ingested = Ingested {
        final_key: Some(StorageKey::parse("private/attachments/2026/11/x.txt").unwrap()),
        size: 1000,
        content_type: "text/plain".to_owned(),
        ..Ingested::default()
    };
    let ready = ended(&ledger, tenant, |worker| Event::Promote(worker, Box::new(ingested.clone()))).await;
    let refused = ended(&ledger, tenant, |worker| Event::Fail(worker, ErrorKind::ContentMismatch)).await;
    pump.step(TABLE, None).await.unwrap();
    let deleted = ended(&ledger, tenant, |worker| Event::Promote(worker, Box::new(ingested))).await;
    apply(&ledger, tenant, deleted, Event::Delete).await;
    pump.step(TABLE, None).await.unwrap();

    let events = world.events();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["subject"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        told,
        [
            ("file.ready", ready.to_string()),
            ("file.rejected", refused.to_string()),
            ("file.ready", deleted.to_string()),
            ("file.deleted", deleted.to_string()),
        ]
    );
    assert_eq!(events[0]["data"]["url"], "https://cdn.test/private/attachments/2026/11/x.txt");
    assert_eq!((&events[0]["data"]["size"], &events[0]["data"]["rev"]), (&json!(1000), &json!(3)));
    assert_eq!(events[1]["data"]["error_code"], "CONTENT_MISMATCH");
    assert!(events[2]["data"].get("url").is_none(), "it was gone by then");
    assert_eq!(events[3]["data"]["permanent"], true);

    // A pump that has lost its place sends everything again: the same events, by their ids.
    std::fs::remove_file(world.folder.join("place")).unwrap();
    pump.step(TABLE, None).await.unwrap();
    let again = world.events();
    assert_eq!(again.len(), 8);
    let names = |events: &[Value]| -> Vec<(Value, Value, Value)> {
        events
            .iter()
            .map(|event| (event["id"].clone(), event["type"].clone(), event["time"].clone()))
            .collect()
    };
    assert_eq!(names(&again[4..]), names(&events));
    world.stop().await;
}

/// While nobody publishes, the place stays where it is, and nothing is lost.
#[tokio::test]
async fn what_cannot_be_sent_now_is_sent_later() {
    let world = World::start().await;
    let ledger = Ledger::new(Arc::new(world.store.clone()), Arc::new(SystemClock));
    let tenant = records::new_tenant();
    let refused = ended(&ledger, tenant, |worker| Event::Fail(worker, ErrorKind::SizeMismatch)).await;
    world.pump("http://127.0.0.1:9").step(TABLE, None).await.unwrap_err();
    assert_eq!((world.place(), world.events()), (String::new(), vec![]));
    world.pump(&publisher(ledger).await).step(TABLE, None).await.unwrap();
    let events = world.events();
    assert_eq!((events.len(), &events[0]["subject"]), (1, &json!(refused.to_string())));
    world.stop().await;
}
