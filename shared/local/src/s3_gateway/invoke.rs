//! Hands events to `process-upload` in the Lambda emulator: what S3 and SQS do in the cloud.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use storage_core::ports::{IngestQueue, StagedObject};
use storage_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::event::{EventRelay, ObjectCreated};

/// How often a message is delivered before it is given up, as the queue's redrive policy has it.
const DELIVERIES: u32 = 5;
/// The pause before the second delivery; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// One delivery: longer than the function may run, because the emulator answers when it is done.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The most of an answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// A relay that invokes a function by HTTP, each event as a batch of one SQS message.
#[derive(Clone, Debug)]
pub struct HttpRelay {
    invoke_url: Uri,
    first_pause: Duration,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// The port to the queue, in development: it invokes the function instead of queueing.
#[derive(Clone, Debug)]
pub struct InvokeQueue(HttpRelay);

impl HttpRelay {
    /// A relay to `invoke_url`, such as `http://127.0.0.1:9000/2015-03-31/functions/process-upload/invocations`.
    /// `InvalidRequest` for anything but a plain `http` URL.
    pub fn new(invoke_url: &str) -> Result<Self> {
        let invoke_url: Uri = invoke_url
            .parse()
            .map_err(|cause| Error::new(ErrorKind::InvalidRequest, "invoke URL").with_cause(cause))?;
        if invoke_url.scheme_str() != Some("http") || invoke_url.host().is_none() {
            return Err(Error::new(ErrorKind::InvalidRequest, "invoke URL is not http"));
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(HttpRelay { invoke_url, first_pause: FIRST_PAUSE, client })
    }

    /// The same with another pause before the second delivery.
    #[must_use]
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// Delivers an event up to five times, until the function takes it.
    pub async fn deliver(&self, event: &ObjectCreated) -> Result<()> {
        let message_id = Uuid::new_v4().to_string();
        let body = event.to_s3_json().to_string();
        let mut pause = self.first_pause;
        for delivery in 1..=DELIVERIES {
            match self.invoke(&batch(&message_id, &body, delivery)).await {
                Ok(()) => return Ok(()),
                Err(error) if delivery == DELIVERIES || !error.retryable() => return Err(error),
                Err(error) => {
                    tracing::debug!(delivery, error = %error.log_line(), "an event was not taken");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        Err(Error::new(ErrorKind::Internal, "no delivery"))
    }

    /// Delivers in a task of its own. An event that is given up is logged; the sweep finds its object again.
    fn spawn(&self, event: ObjectCreated) {
        let relay = self.clone();
        tokio::spawn(async move {
            if let Err(error) = relay.deliver(&event).await {
                tracing::warn!(error = %error.log_line(), "an event was given up");
            }
        });
    }

    async fn invoke(&self, batch: &Value) -> Result<()> {
        let failed = |context: &str| Error::new(ErrorKind::StorageUnavailable, context);
        let request = Request::post(self.invoke_url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(batch.to_string())))
            .map_err(|cause| Error::new(ErrorKind::Internal, "invocation").with_cause(cause))?;
        let exchange = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|cause| failed("the function cannot be reached").with_cause(cause))?;
            let status = response.status();
            let answer = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|cause| failed("the function's answer broke off").with_cause(cause))?;
            Ok::<_, Error>((status, answer.to_bytes()))
        };
        let (status, answer) = tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| failed("the function takes too long"))??;
        if status.is_client_error() {
            return Err(Error::new(ErrorKind::InvalidRequest, format!("the emulator answered {status}")));
        }
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        let refused = answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
        if !status.is_success() || refused || !answer["errorType"].is_null() {
            return Err(failed("the function failed"));
        }
        Ok(())
    }
}

impl EventRelay for HttpRelay {
    fn relay(&self, event: ObjectCreated) {
        self.spawn(event);
    }
}

impl InvokeQueue {
    /// A queue that invokes `invoke_url`; see [`HttpRelay::new`].
    pub fn new(invoke_url: &str) -> Result<Self> {
        HttpRelay::new(invoke_url).map(InvokeQueue)
    }
}

#[async_trait]
impl IngestQueue for InvokeQueue {
    /// Returns before the delivery: the emulator answers when the function is done, and the function may itself enqueue.
    async fn enqueue(&self, staged: StagedObject) -> Result<()> {
        self.0.spawn(ObjectCreated::hint(staged.object));
        Ok(())
    }
}

fn batch(message_id: &str, body: &str, delivery: u32) -> Value {
    json!({ "Records": [{
        "messageId": message_id,
        "receiptHandle": message_id,
        "body": body,
        "attributes": { "ApproximateReceiveCount": delivery.to_string() },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:ingest",
        "awsRegion": "us-east-1",
    }] })
}
