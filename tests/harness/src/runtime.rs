//! The Lambda runtime API of one process: it hands out events and takes answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What a function said of one event: its answer, or the error it reported.
pub(crate) type Answered = Result<Value, Value>;

pub(crate) struct Invocation {
    pub(crate) payload: Value,
    pub(crate) deadline: Duration,
    pub(crate) answer: oneshot::Sender<Answered>,
}

/// The server. Dropping it closes the door.
pub(crate) struct Runtime {
    pub(crate) address: String,
    pub(crate) events: mpsc::UnboundedSender<Invocation>,
    server: tokio::task::JoinHandle<()>,
}

struct State {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Answered>>>,
}

impl Runtime {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let state = Arc::new(State { waiting: tokio::sync::Mutex::new(waiting), running: Mutex::default() });
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = state.clone();
                let service = service_fn(move |request| {
                    let state = state.clone();
                    async move { Ok::<_, Infallible>(state.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Runtime { address, events, server }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    async fn answer(&self, request: http::Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default().to_owned();
        if request.method() == Method::GET && path == "invocation/next" {
            return self.next().await;
        }
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let said: Value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        let mut parts = path.trim_start_matches("invocation/").split('/');
        let (id, what) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if let Some(answer) = self.running.lock().unwrap().remove(id) {
            // A test that no longer waits does not want the answer.
            let _ = answer.send(if what == "response" { Ok(said) } else { Err(said) });
        }
        status(StatusCode::ACCEPTED)
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let Some(invocation) = self.waiting.lock().await.recv().await else {
            return status(StatusCode::GONE);
        };
        let mut running = self.running.lock().unwrap();
        let id = format!("00000000-0000-4000-8000-{:012x}", invocation_number());
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + invocation.deadline;
        running.insert(id.clone(), invocation.answer);
        Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:111122223333:function:test",
            )
            .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000")
            .body(Full::from(invocation.payload.to_string()))
            .unwrap()
    }
}

fn invocation_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
