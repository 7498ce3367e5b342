//! What stands between one process and its S3 and DynamoDB: it sees every call, and does to it what is planned.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::plan::{Call, Fate, Plan};
use crate::stack::WATCHDOG;

/// Where the calls of every process go at the moment.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// The S3 of this world, as `http://host:port`.
    pub(crate) s3: RwLock<String>,
    /// The DynamoDB of this world.
    pub(crate) dynamodb: RwLock<String>,
}

/// The two doors of one process.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) plan: Arc<Plan>,
    pub(crate) s3_url: String,
    pub(crate) dynamodb_url: String,
}

/// Which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    S3,
    DynamoDb,
}

impl Proxy {
    /// Opens the doors, to wherever `targets` points when a call comes. They stay open as long as the program runs.
    pub(crate) async fn open(targets: &Arc<Targets>) -> Self {
        let plan = Arc::new(Plan::default());
        let s3_url = serve(Door::S3, targets.clone(), plan.clone()).await;
        let dynamodb_url = serve(Door::DynamoDb, targets.clone(), plan.clone()).await;
        Proxy { plan, s3_url, dynamodb_url }
    }
}

async fn serve(door: Door, targets: Arc<Targets>, plan: Arc<Plan>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let passage = Arc::new(Passage {
        door,
        targets,
        plan,
        client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http(),
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let passage = passage.clone();
            let service = service_fn(move |request| {
                let passage = passage.clone();
                async move { passage.pass(request).await }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

struct Passage {
    door: Door,
    targets: Arc<Targets>,
    plan: Arc<Plan>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// The whole answer of a server.
type Answer = Response<Full<Bytes>>;

impl Passage {
    /// An `Err` cuts the connection.
    async fn pass(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Answer> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request::from_parts(head, body);
        // A call that is late still arrives in the world it was made in.
        let target = self.target();
        let call = self.call(&request);
        let (fate, killer) = self.plan.enter(call);
        let kill = || {
            if let Some(killer) = killer {
                killer.kill();
            }
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        };
        match fate {
            Fate::Pass => self.forward(&target, request).await,
            Fate::KillBefore => kill(),
            Fate::KillForwarded => {
                self.forward(&target, request).await?;
                kill()
            }
            Fate::Unavailable => Ok(self.unavailable()),
            Fate::Reset => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            Fate::LoseReply => {
                self.forward(&target, request).await?;
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            }
            Fate::OkWithError => Ok(answer(StatusCode::OK, "application/xml", SERVER_ERROR)),
            Fate::Hold(gate) => {
                // The call is on its way, whatever becomes of the process that made it.
                let late = tokio::spawn(async move {
                    gate.wait().await;
                    self.forward(&target, request).await
                });
                late.await.map_err(io::Error::other)?
            }
        }
    }

    fn call(&self, request: &Request<Bytes>) -> Call {
        match self.door {
            Door::S3 if request.method() != Method::PUT => Call::Other,
            Door::S3 if request.headers().contains_key("x-amz-copy-source") => Call::Copy,
            Door::S3 => Call::Put,
            Door::DynamoDb => Call::Other,
        }
    }

    fn target(&self) -> String {
        let target = match self.door {
            Door::S3 => &self.targets.s3,
            Door::DynamoDb => &self.targets.dynamodb,
        };
        target.read().unwrap().clone()
    }

    async fn forward(&self, target: &str, request: Request<Bytes>) -> io::Result<Answer> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map(|path| path.as_str()).unwrap_or("/");
        head.uri = format!("{target}{path}").parse::<Uri>().map_err(io::Error::other)?;
        head.headers.remove(header::CONNECTION);
        let response = self.client.request(Request::from_parts(head, Full::from(body))).await;
        let (head, body) = response.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(head, Full::from(body)))
    }

    fn unavailable(&self) -> Answer {
        match self.door {
            Door::S3 => answer(StatusCode::SERVICE_UNAVAILABLE, "application/xml", SLOW_DOWN),
            Door::DynamoDb => {
                answer(StatusCode::INTERNAL_SERVER_ERROR, "application/x-amz-json-1.0", DYNAMODB_ERROR)
            }
        }
    }
}

const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
const SERVER_ERROR: &str =
    "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>x</Message></Error>";
const DYNAMODB_ERROR: &str =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\",\"message\":\"x\"}";

fn answer(status: StatusCode, content_type: &str, body: &'static str) -> Answer {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .body(Full::from(body))
        .unwrap()
}

/// What the sweep sends to `process-upload`, kept until somebody delivers it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    messages: Arc<Mutex<Vec<serde_json::Value>>>,
    arrived: Arc<tokio::sync::Notify>,
}

impl Queue {
    /// Opens the queue's door, and tells its URL.
    pub(crate) async fn open(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/process-upload", listener.local_addr().unwrap());
        let queue = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let queue = queue.clone();
                let service = service_fn(move |request| {
                    let queue = queue.clone();
                    async move { Ok::<_, Infallible>(queue.take_in(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        url
    }

    async fn take_in(&self, request: Request<Incoming>) -> Answer {
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        self.messages.lock().unwrap().push(serde_json::from_slice(&body).unwrap_or_default());
        self.arrived.notify_waiters();
        answer(StatusCode::OK, "application/json", "{\"batchItemFailures\":[]}")
    }

    /// Forgets the messages of another world.
    pub(crate) fn clear(&self) {
        self.messages.lock().unwrap().clear();
    }

    /// Waits until `count` messages are there, and takes them all.
    pub(crate) async fn take(&self, count: usize) -> Vec<serde_json::Value> {
        let messages = tokio::time::timeout(WATCHDOG, self.wait(count)).await;
        messages.expect("what the sweep enqueues arrives")
    }

    async fn wait(&self, count: usize) -> Vec<serde_json::Value> {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            {
                let mut messages = self.messages.lock().unwrap();
                if messages.len() >= count {
                    return std::mem::take(&mut *messages);
                }
            }
            arrived.await;
        }
    }
}
