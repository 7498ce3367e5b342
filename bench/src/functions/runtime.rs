//! The Lambda runtime API of one process: it notes when the process first asks for work, hands out one event at a time, and
//! says how long the answer took.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::Result;

/// What a process said of one event.
#[derive(Debug)]
pub(super) struct Answered {
    /// From handing out the event to holding all of the answer.
    pub(super) took: Duration,
    /// The answer, or the error it reported.
    pub(super) body: Bytes,
}

/// The server. Dropping it closes the door.
pub(super) struct Runtime {
    /// Host and port, for `AWS_LAMBDA_RUNTIME_API`.
    pub(super) address: String,
    events: mpsc::UnboundedSender<Event>,
    first_poll: Option<oneshot::Receiver<Instant>>,
    server: tokio::task::JoinHandle<()>,
}

struct Event {
    payload: Bytes,
    answer: oneshot::Sender<Answered>,
}

struct Running {
    since: Instant,
    answer: oneshot::Sender<Answered>,
}

struct State {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    running: Mutex<Option<Running>>,
    first_poll: Mutex<Option<oneshot::Sender<Instant>>>,
}

impl Runtime {
    /// Listens on a port of its own.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let (polled, first_poll) = oneshot::channel();
        let state = Arc::new(State {
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            first_poll: Mutex::new(Some(polled)),
        });
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // An answer must not wait for the acknowledgement of its first half.
                let _ = stream.set_nodelay(true);
                let state = state.clone();
                let service = service_fn(move |request| {
                    let state = state.clone();
                    async move { Ok::<_, Infallible>(state.serve(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Runtime { address, events, first_poll: Some(first_poll), server })
    }

    /// When the process first asked for work. Only the first call answers.
    pub(super) async fn first_poll(&mut self) -> Result<Instant> {
        Ok(self.first_poll.take().ok_or("the first poll was waited for already")?.await?)
    }

    /// Hands out one event and waits for its answer.
    pub(super) async fn invoke(&self, payload: Bytes) -> Result<Answered> {
        let (answer, answered) = oneshot::channel();
        self.events.send(Event { payload, answer })?;
        Ok(answered.await?)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    async fn serve(&self, request: http::Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::GET {
            return self.next().await;
        }
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        if let Some(running) = lock(&self.running).take() {
            // A measurement that was given up does not want the answer.
            let _ = running.answer.send(Answered { took: running.since.elapsed(), body });
        }
        status(StatusCode::ACCEPTED)
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        if let Some(polled) = lock(&self.first_poll).take() {
            let _ = polled.send(Instant::now());
        }
        let Some(event) = self.waiting.lock().await.recv().await else { return status(StatusCode::GONE) };
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + DEADLINE;
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000")
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header("lambda-runtime-invoked-function-arn", ARN)
            .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000")
            .header("content-type", "application/json")
            .body(Full::from(event.payload));
        *lock(&self.running) = Some(Running { since: Instant::now(), answer: event.answer });
        response.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// What an invocation is told it may take.
const DEADLINE: Duration = Duration::from_secs(29);
const ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:bench";

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
