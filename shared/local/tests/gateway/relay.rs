//! Events: what is told after a write, and how it reaches the function.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use storage_core::ErrorKind;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{IngestQueue, ObjectRef, StagedObject};
use storage_local::s3_gateway::{HttpRelay, InvokeQueue, ObjectCreated};
use tokio::net::TcpListener;

use crate::{BUCKET, Server};

#[tokio::test]
async fn creations_under_the_staging_prefix_are_events_and_others_are_not() {
    let mut server = Server::start().await;
    let target = format!("/{BUCKET}/temp/uploads/a%20b");
    server.signed("PUT", &format!("/{BUCKET}/elsewhere"), &[], b"x").await;
    server.signed("PUT", &target, &[], b"hello").await;
    server.signed("PUT", &target, &[("if-none-match", "*")], b"refused").await;
    server.signed("DELETE", &format!("{target}-none"), &[], b"").await;
    let from = [("x-amz-copy-source", target.as_str())];
    server.signed("PUT", &format!("/{BUCKET}/temp/uploads/copy"), &from, b"").await;
    let put = server.events.recv().await.unwrap();
    let copy = server.events.recv().await.unwrap();
    assert_eq!((put.how, put.object.key.as_str(), put.size), ("Put", "temp/uploads/a b", Some(5)));
    assert_eq!((copy.how, copy.object.key.as_str(), copy.size), ("Copy", "temp/uploads/copy", Some(5)));
    assert!(put.sequencer < copy.sequencer);
    assert!(server.events.try_recv().is_err());
    let record = &put.to_s3_json()["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["bucket"]["name"], BUCKET);
    assert_eq!(record["s3"]["object"]["key"], "temp/uploads/a+b");
    assert_eq!(record["s3"]["object"]["eTag"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(record["s3"]["object"]["size"], 5);
}

/// A function that gives these answers in turn, the last one for ever, and keeps what it was sent.
async fn emulator(answers: Vec<(u16, &'static str)>) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/2015-03-31/functions/f/invocations", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = received.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (kept, answers) = (kept.clone(), answers.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (kept, answers) = (kept.clone(), answers.clone());
                async move {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let mut kept = kept.lock().unwrap();
                    let (status, answer) = answers[kept.len().min(answers.len() - 1)];
                    kept.push(serde_json::from_slice(&body).unwrap());
                    let mut response = Response::new(Full::new(Bytes::from(answer)));
                    *response.status_mut() = status.try_into().unwrap();
                    Ok::<_, Infallible>(response)
                }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, received)
}

fn staged() -> ObjectRef {
    ObjectRef::new(BucketName::parse(BUCKET).unwrap(), StorageKey::parse("temp/uploads/x").unwrap())
}

async fn event() -> ObjectCreated {
    let mut server = Server::start().await;
    server.signed("PUT", &format!("/{BUCKET}/temp/uploads/x"), &[], b"x").await;
    server.events.recv().await.unwrap()
}

#[tokio::test]
async fn an_event_is_delivered_until_the_function_takes_it() {
    let refused = r#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#;
    let answers = vec![
        (500, "{}"),
        (200, refused),
        (200, r#"{"errorType":"E"}"#),
        (200, r#"{"batchItemFailures":[]}"#),
    ];
    let (url, received) = emulator(answers).await;
    let relay = HttpRelay::new(&url).unwrap().first_pause(Duration::from_millis(1));
    relay.deliver(&event().await).await.unwrap();
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 4);
    for (index, batch) in received.iter().enumerate() {
        let message = &batch["Records"][0];
        assert_eq!(message["messageId"], received[0]["Records"][0]["messageId"]);
        assert_eq!(message["attributes"]["ApproximateReceiveCount"], (index + 1).to_string());
        assert_eq!(message["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:ingest");
        let event: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
        assert_eq!(event["Records"][0]["s3"]["object"]["key"], "temp/uploads/x");
    }
}

#[tokio::test]
async fn an_event_is_given_up_after_five_deliveries_or_a_refusal() {
    let event = event().await;
    for (status, deliveries) in [(500, 5), (404, 1)] {
        let (url, received) = emulator(vec![(status, "")]).await;
        let relay = HttpRelay::new(&url).unwrap().first_pause(Duration::from_millis(1));
        relay.deliver(&event).await.unwrap_err();
        assert_eq!(received.lock().unwrap().len(), deliveries);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let relay = HttpRelay::new(&format!("http://{nobody}/")).unwrap().first_pause(Duration::from_millis(1));
    assert_eq!(relay.deliver(&event).await.unwrap_err().kind(), ErrorKind::StorageUnavailable);
    for url in ["", "/path", "https://127.0.0.1/", "not a url"] {
        assert_eq!(HttpRelay::new(url).unwrap_err().kind(), ErrorKind::InvalidRequest, "{url}");
    }
}

#[tokio::test]
async fn the_queue_invokes_the_function_with_a_hint() {
    let (url, received) = emulator(vec![(200, "null")]).await;
    let queue = InvokeQueue::new(&url).unwrap();
    queue.enqueue(StagedObject { object: staged() }).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while received.lock().unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "no delivery");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let batch = received.lock().unwrap()[0].clone();
    let event: Value = serde_json::from_str(batch["Records"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(event["Records"][0]["s3"]["object"]["key"], "temp/uploads/x");
    assert_eq!(event["Records"][0]["eventName"], "ObjectCreated:Put");
}
