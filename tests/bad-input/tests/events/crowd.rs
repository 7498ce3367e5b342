//! E13: events of 10,000 records.

use std::time::Duration;

use api_tests::{TestApp, batch, s3_event};
use bad_input_tests::table::events::{CASES, Event};
use serde_json::{Value, json};
use storage_core::ids::FileId;
use storage_core::key::StorageKey;
use storage_core::ports::{Clock, ObjectRef};
use storage_core::timestamp::Timestamp;
use storage_testkit::trials::Trials;
use test_harness::Limits;

use super::World;
use super::real::Real;

/// Uploads that wait, among so many events.
const UPLOADS: usize = 10;

/// The events of `count` objects: of the uploads that wait, evenly among those of files that nobody knows.
async fn crowd(world: &mut impl World, count: usize) -> (Vec<String>, Vec<Value>) {
    let (mut files, mut events) = (Vec::new(), Vec::new());
    for index in 0..count {
        if index % (count / UPLOADS) == 0 && files.len() < UPLOADS {
            let (file, object) = world.upload().await;
            events.push(s3_event(&object));
            files.push((file, object));
        } else {
            let (file, object) = &files[0];
            let key = object.key.as_str().replace(file.as_str(), &FileId::generate().to_string());
            let stray = ObjectRef::new(object.bucket.clone(), StorageKey::parse(&key).unwrap());
            events.push(s3_event(&stray));
        }
    }
    assert_eq!((files.len(), events.len()), (UPLOADS, count));
    (files.into_iter().map(|(file, _)| file).collect(), events)
}

async fn assert_all(world: &impl World, files: &[String], state: &str) {
    for file in files {
        assert_eq!(world.record(file).await.state.as_str(), state);
    }
}

fn messages(events: &[Value]) -> Value {
    batch(&events.iter().map(Value::to_string).collect::<Vec<_>>())
}

/// One event of 10,000 records, and 10,000 messages of one: all are taken.
#[tokio::test]
async fn e13_ten_thousand_records_are_all_taken() {
    assert!(CASES.iter().any(|case| matches!(case.input.event, Event::Crowd)));
    let app = TestApp::new();
    let user = app.user();
    let mut world = (app, user);
    let (files, events) = crowd(&mut world, 10_000).await;
    let records: Vec<&Value> = events.iter().map(|event| &event["Records"][0]).collect();
    let one = batch(&[json!({ "Records": records }).to_string()]);
    assert_eq!(world.deliver(one).await, Vec::<String>::new());
    assert_all(&world, &files, "ready").await;

    let (files, events) = crowd(&mut world, 10_000).await;
    assert_eq!(world.deliver(messages(&events)).await, Vec::<String>::new());
    assert_all(&world, &files, "ready").await;
}

/// Time that ends midway: what was taken is done, and what was not begun comes back untouched.
#[tokio::test]
async fn e13_what_is_left_when_time_ends_midway_comes_back() {
    const TAKEN: usize = 3;
    let app = TestApp::new();
    let (user, clock) = (app.user(), app.clock.clone());
    let start = clock.now();
    let mut world = (app, user);
    let (files, events) = crowd(&mut world, UPLOADS).await;
    // Invocations of the app end at the epoch: once the clock shows it, no time is left. That is so as soon as the last
    // file that is taken has been removed from staging.
    world.0.storage_faults.after("delete", TAKEN, move || async move {
        clock.set(Timestamp::from_millis(0));
    });
    let returned = world.deliver(messages(&events)).await;
    let left: Vec<String> = (TAKEN..UPLOADS).map(|index| format!("m{index}")).collect();
    assert_eq!(returned, left);
    assert_all(&world, &files[..TAKEN], "ready").await;
    assert_all(&world, &files[TAKEN..], "pending").await;

    world.0.clock.set(start);
    assert_eq!(world.deliver(messages(&events)).await, Vec::<String>::new());
    assert_all(&world, &files, "ready").await;
}

/// With too little time every message comes back untouched, and with enough all are taken: none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn e13_what_an_invocation_has_no_time_for_comes_back() {
    let trials = Trials::new("E13", 10_000);
    let mut world = Real::start(Limits { time: Duration::from_secs(45), ..Limits::default() }).await;
    let (files, events) = crowd(&mut world, trials.count()).await;
    let returned = world.deliver(messages(&events)).await;
    let all: Vec<String> = (0..events.len()).map(|index| format!("m{index}")).collect();
    assert_eq!(returned, all);
    assert_all(&world, &files, "pending").await;

    world.restart(Limits { time: Duration::from_secs(600), ..Limits::default() }).await;
    assert_eq!(world.deliver(messages(&events)).await, Vec::<String>::new());
    assert_all(&world, &files, "ready").await;
    trials.report(json!({ "lost": 0 }));
}
