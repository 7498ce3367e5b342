//! E01 to E16, over the reference models and over the real function with S3 and DynamoDB on this machine.

mod crowd;
mod model;
mod real;

use api_tests::{batch, s3_event};
use bad_input_tests::Case;
use bad_input_tests::table::events::{CASES, Event, Message};
use serde_json::Value;
use storage_core::ports::ObjectRef;
use storage_core::record::{FileRecord, FileState};
use storage_lambda::events;

/// What the upload of every case holds.
const TEXT: &[u8] = b"honest text";

/// Where cases run.
trait World {
    /// An upload of [`TEXT`] that waits: its file, and its object.
    async fn upload(&mut self) -> (String, ObjectRef);
    /// Invokes `process-upload`; the messages to deliver again come back.
    async fn deliver(&mut self, payload: Value) -> Vec<String>;
    async fn record(&self, file: &str) -> FileRecord;
    async fn replace(&self, record: FileRecord);
    async fn put(&self, object: &ObjectRef, bytes: &[u8]);
    async fn remove(&self, object: &ObjectRef);
    async fn exists(&self, object: &ObjectRef) -> bool;
}

/// Every case that a world can bring about by itself.
async fn check_all(world: &mut impl World) {
    for case in CASES {
        if !matches!(case.input.event, Event::Crowd | Event::Forbidden) {
            check(world, case).await;
        }
    }
}

async fn check(world: &mut impl World, case: &Case<Message>) {
    let (id, what, Message { event, comes_back }) = (case.id, case.what, case.input);
    let (file, object) = world.upload().await;
    let message = batch(&[event.body(&object, &s3_event(&object))]);
    match event {
        Event::Settled(state) => settle(world, &file, &object, state).await,
        Event::Gone => world.remove(&object).await,
        _ => {}
    }
    let before = world.record(&file).await;
    let returned = world.deliver(message.clone()).await;
    assert_eq!(returned, if comes_back { vec!["m0".to_owned()] } else { Vec::new() }, "{id} {what}");

    let after = world.record(&file).await;
    assert_eq!(Some(after.state.as_str()), case.expect.state, "{id} {what}");
    match (event, case.expect.state) {
        (Event::Settled(_), _) => {
            assert_eq!(after, before, "{id} {what}");
            assert!(!world.exists(&object).await, "{id} {what}: the object stays");
        }
        (_, Some("ready")) => {
            let sha256 = api_tests::sha256(TEXT);
            assert_eq!((after.size, after.sha256.as_deref()), (Some(11), Some(&*sha256)), "{id} {what}");
            assert!(!world.exists(&object).await, "{id} {what}: the object stays");
        }
        _ => {
            assert_eq!(after, before, "{id} {what}");
            assert_eq!(world.exists(&object).await, !matches!(event, Event::Gone), "{id} {what}");
        }
    }
    // Delivered once more, whatever was done is done and nothing else happens.
    world.deliver(message).await;
    assert_eq!(world.record(&file).await, after, "{id} {what}: again");
}

/// Brings the file into `state`, with an object on staging that came after.
async fn settle(world: &mut impl World, file: &str, object: &ObjectRef, state: &str) {
    if state == "ready" {
        world.deliver(batch(&[s3_event(object).to_string()])).await;
        assert_eq!(world.record(file).await.state, FileState::Ready);
    } else {
        let mut record = world.record(file).await;
        record.state = *FileState::ALL.iter().find(|known| known.as_str() == state).unwrap();
        record.rev += 1;
        world.replace(record).await;
    }
    world.put(object, b"a stray").await;
}

/// E03: the key of an S3 event is decoded exactly once.
#[test]
fn e03_a_key_is_decoded_as_s3_encodes_it() {
    let case = CASES.iter().find(|case| case.id == "E03a").unwrap();
    let Event::Key(key) = case.input.event else { panic!("{case:?}") };
    let event = serde_json::json!({ "Records": [{ "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "bucket" }, "object": { "key": key } } }] });
    let hints = events::parse(&event).remove(0).hints.unwrap();
    assert_eq!(hints[0].key.as_str(), "a b c+dé");
}
