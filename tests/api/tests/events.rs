//! Events are hints: what they say is not believed, what is not an upload is ignored, and a bad one fails alone.

use std::sync::Arc;
use std::time::Duration;

use api_tests::{BUCKET, Issued, Person, STAGING, TestApp, batch, photo, s3_event};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ids::{BucketName, FileId};
use storage_core::key::{KeySpace, ObjectKey, STAGING_PREFIX, StorageKey};
use storage_core::ports::ObjectRef;
use storage_core::record::FileState;
use storage_core::state::LEASE;
use tokio::sync::Notify;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// A text file whose bytes lie on staging.
async fn uploaded(app: &TestApp, user: &Person, text: &str) -> Issued {
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": text.len() });
    let issued = app.presign(user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, text.as_bytes()).await.unwrap();
    issued
}

async fn state(app: &TestApp, file: &str) -> &'static str {
    app.record(file).await.state.as_str()
}

/// G10: sizes, tags, sequencers and names that are wrong change nothing about what becomes of the upload.
#[tokio::test]
async fn g10_what_an_event_says_about_the_object_is_not_believed() {
    let table: &[(&str, Value)] = &[
        ("/Records/0/s3/object/size", json!(0)),
        ("/Records/0/s3/object/size", json!(99_999_999_999_u64)),
        ("/Records/0/s3/object/size", json!("ten")),
        ("/Records/0/s3/object/size", Value::Null),
        ("/Records/0/s3/object/eTag", json!("00000000000000000000000000000000")),
        ("/Records/0/s3/object/eTag", json!("d41d8cd98f00b204e9800998ecf8427e-3")),
        ("/Records/0/s3/object/eTag", Value::Null),
        ("/Records/0/s3/object/sequencer", json!("zz")),
        ("/Records/0/eventName", json!("ObjectCreated:CompleteMultipartUpload")),
        ("/Records/0/eventTime", json!("1970-01-01T00:00:00.000Z")),
        ("/Records/0/awsRegion", json!("mars-north-1")),
    ];
    for (pointer, value) in table {
        let app = TestApp::new();
        let user = app.user();
        let issued = uploaded(&app, &user, "honest text").await;
        let mut event = s3_event(&issued.staging);
        *event.pointer_mut(pointer).expect("the event has it") = value.clone();
        assert!(app.deliver(batch(&[event.to_string()])).await.is_empty(), "{pointer} {value}");
        let record = app.record(&issued.file).await;
        assert_eq!((record.state.as_str(), record.size), ("ready", Some(11)), "{pointer} {value}");
        assert_eq!(record.sha256.as_deref(), Some(&*api_tests::sha256(b"honest text")));
    }
}

/// Every place of a document, its members last.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{here}/{name}");
        found.push(place.clone());
        places(value, &place, found);
    }
}

/// G10 field by field: whatever stands in a field, the file becomes what it is or stays as it was, and the honest event
/// afterwards is as good as ever.
#[tokio::test]
async fn g10_no_field_of_an_event_decides_what_a_file_becomes() {
    let (mut all, mut acted, mut left) = (Vec::new(), 0, 0);
    let sample = ObjectRef::new(BucketName::parse(STAGING).unwrap(), StorageKey::parse("temp/x").unwrap());
    places(&s3_event(&sample), "", &mut all);
    assert!(all.len() > 20, "{all:?}");
    let strange =
        [Value::Null, json!(-1), json!(1e300), json!(""), json!("\u{0}%zz"), json!([]), json!({ "a": [1] })];
    for place in &all {
        for value in strange.iter().map(Some).chain([None]) {
            let app = TestApp::new();
            let user = app.user();
            let issued = uploaded(&app, &user, "honest text").await;
            let before = app.record(&issued.file).await;
            let mut event = s3_event(&issued.staging);
            let (parent, name) = place.rsplit_once('/').unwrap();
            match (event.pointer_mut(parent).unwrap(), value) {
                (Value::Object(members), None) => drop(members.remove(name)),
                (Value::Array(items), None) => drop(items.remove(name.parse().unwrap())),
                (parent, Some(value)) => *parent.pointer_mut(&format!("/{name}")).unwrap() = value.clone(),
                _ => unreachable!("only objects and lists have places"),
            }
            let again = app.deliver(batch(&[event.to_string()])).await;
            let record = app.record(&issued.file).await;
            if record == before {
                left += 1;
            } else {
                acted += 1;
                assert_eq!(again, Vec::<String>::new(), "{place} {value:?}: done, and so not again");
            }
            if app.keys(&[]).iter().any(|key| key.starts_with("staging/")) {
                assert_eq!(record, before, "{place} {value:?}");
                assert!(app.deliver_event(&issued.staging).await.is_empty());
            }
            let record = app.record(&issued.file).await;
            assert_eq!((record.state.as_str(), record.size), ("ready", Some(11)), "{place} {value:?}");
            assert_eq!(record.sha256.as_deref(), Some(&*api_tests::sha256(b"honest text")));
        }
    }
    assert!(acted > 80 && left > 20, "{acted} events were taken and {left} were not");
}

/// G10 the other way round: an event that says what was declared does not make it true.
#[tokio::test]
async fn g10_an_honest_looking_event_does_not_make_a_false_upload_true() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "honest text").await;
    app.put(&issued.staging, b"something longer than declared").await;
    let mut event = s3_event(&issued.staging);
    event["Records"][0]["s3"]["object"]["size"] = json!(11);
    assert!(app.deliver(batch(&[event.to_string()])).await.is_empty());
    assert_eq!(app.record(&issued.file).await.error_code, Some(ErrorKind::SizeMismatch));

    // And one that comes before its object, or without one, changes nothing.
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 3 });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    let before = app.record(&issued.file).await;
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    assert_eq!(app.record(&issued.file).await, before);
}

/// G10 and G33: the bucket of the event is not the place that is read.
#[tokio::test]
async fn g10_an_event_of_another_bucket_touches_nothing() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "honest text").await;
    let before = (app.store.files(), app.storage.keys());
    app.storage_faults.forget_calls();
    for bucket in [BUCKET, "somebody-elses", "canary-staging-2"] {
        let object = ObjectRef::new(BucketName::parse(bucket).unwrap(), issued.staging.key.clone());
        assert!(app.deliver_event(&object).await.is_empty(), "{bucket}");
    }
    assert_eq!(app.storage_faults.calls().len(), 0, "no bucket was asked");
    assert_eq!((app.store.files(), app.storage.keys()), before);
    app.deliver_event(&issued.staging).await;
    assert_eq!(state(&app, &issued.file).await, "ready");
    let read: Vec<String> =
        app.storage_faults.lines().into_iter().filter(|line| line.starts_with("head")).collect();
    assert!(!read.is_empty() && read.iter().all(|line| line.contains(STAGING)), "{read:?}");
}

/// E14: a key that looks like an upload and that no record waits for is removed, and nothing else is.
#[tokio::test]
async fn a_stray_upload_is_removed_and_its_neighbour_is_not() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "honest text").await;
    let own = issued.staging.key.as_str();
    let other_nonce = format!("{}{}", &own[..own.len() - 32], "0".repeat(32));
    let other_file = own.replace(&issued.file, &FileId::generate().to_string());
    for stray in [other_nonce, other_file] {
        let object = ObjectRef::new(issued.staging.bucket.clone(), StorageKey::parse(&stray).unwrap());
        app.put(&object, b"stray").await;
        assert!(app.deliver_event(&object).await.is_empty());
        assert_eq!(app.keys(&[]), ["staging/temp/uploads/tenant/file1/nonce"]);
    }
    assert_eq!(state(&app, &issued.file).await, "pending");
}

/// G07: events of everything the system itself writes are ignored, from either bucket, and none matches the filter.
#[tokio::test]
async fn g07_nothing_the_system_writes_sets_it_off() {
    assert!(
        TEMPLATE.contains(&format!("{{ Name: prefix, Value: {STAGING_PREFIX} }}")),
        "the filter of the template"
    );
    let app = TestApp::new();
    let user = app.user();
    uploaded(&app, &user, "text").await;
    for (name, kind, bytes) in [("a.txt", "text/plain", "text".into()), ("a.jpg", "image/jpeg", photo(64, 1))]
    {
        for public in ["true", "false"] {
            let form = api_tests::Form::of_file(name, kind, &bytes).field("is_public", public);
            app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.is(201);
        }
    }
    let manager = app.person(app.tenant, &["agent:write"]);
    for (entity, writer, public) in [("users", &user, "true"), ("agents", &manager, "false")] {
        let form = api_tests::Form::of_file("a.jpg", "image/jpeg", &photo(64, 1)).field("is_public", public);
        let route = format!("/api/v1/{entity}/{}/avatar", writer.id);
        app.call("POST", &route).by(writer).form(form).send().await.is(201);
    }
    let quarantine = ObjectKey::Quarantine { tenant: app.tenant, file: FileId::generate() };
    let mut written: Vec<String> = app.storage.keys();
    written.retain(|key| key.starts_with(BUCKET));
    let mut keys: Vec<String> = written.iter().map(|key| key.split_once('/').unwrap().1.to_owned()).collect();
    assert_eq!(keys.len(), 4 * 2 + 2 * 7, "attachments with their documents, and two avatars");
    keys.push(quarantine.path(&KeySpace::default()).to_string());

    let before = (app.store.files(), app.storage.keys());
    app.storage_faults.forget_calls();
    for key in keys {
        assert!(!key.starts_with(STAGING_PREFIX), "{key} matches the filter");
        for bucket in [BUCKET, STAGING] {
            let object = ObjectRef::new(BucketName::parse(bucket).unwrap(), StorageKey::parse(&key).unwrap());
            assert!(app.deliver_event(&object).await.is_empty(), "{bucket} {key}");
        }
    }
    assert_eq!((app.store.files(), app.storage.keys()), before);
    assert_eq!(app.storage_faults.calls().len(), 0);
}

/// Makes a bad message of a good one.
type Spoil = fn(&str) -> String;

/// G08: each poison in each place of a batch fails alone, and the nine others are done once.
#[tokio::test]
async fn g08_one_bad_message_of_ten_fails_alone_in_every_place() {
    let poisons: [(&str, Spoil); 5] = [
        ("no JSON", |_| "{not json".to_owned()),
        ("an empty body", |_| String::new()),
        ("another document", |_| json!({ "what": "is this" }).to_string()),
        ("a key that is no text", |body| body.replace("temp/uploads/", "temp/%FF/")),
        ("a key that leads out", |body| body.replace("temp/uploads/", "temp/uploads/../")),
    ];
    for (poison, spoil) in poisons {
        for place in 0..10 {
            let app = TestApp::new();
            let user = app.user();
            let mut bodies = Vec::new();
            let mut files = Vec::new();
            for index in 0..10 {
                let issued = uploaded(&app, &user, &format!("text {index}")).await;
                bodies.push(s3_event(&issued.staging).to_string());
                files.push(issued.file);
            }
            let honest = std::mem::take(&mut bodies[place]);
            bodies[place] = spoil(&honest);
            assert_eq!(app.deliver(batch(&bodies)).await, [format!("m{place}")], "{poison}");
            for (index, file) in files.iter().enumerate() {
                let expected = if index == place { "pending" } else { "ready" };
                assert_eq!(state(&app, file).await, expected, "{poison} at {place}, file {index}");
                let attempts = app.record(file).await.attempts;
                assert_eq!(attempts, u32::from(index != place), "{poison} at {place}, file {index}");
            }
        }
    }
}

/// G08 for a failure that passes: only its message comes again, and then it succeeds.
#[tokio::test]
async fn g08_one_failed_ingest_of_ten_is_delivered_again_alone() {
    for place in 0..10 {
        let app = TestApp::new();
        let user = app.user();
        let mut bodies = Vec::new();
        for index in 0..10 {
            bodies.push(s3_event(&uploaded(&app, &user, &format!("text {index}")).await.staging).to_string());
        }
        app.storage_faults.fail("copy", place + 1, ErrorKind::StorageUnavailable);
        assert_eq!(app.deliver(batch(&bodies)).await, [format!("m{place}")]);
        let ready = app.store.files().iter().filter(|record| record.state.as_str() == "ready").count();
        assert_eq!(ready, 9);
        assert!(app.deliver(batch(&bodies[place..=place])).await.is_empty());
        assert!(app.store.files().iter().all(|record| record.state.as_str() == "ready"));
        assert_eq!(app.keys(&[]).len(), 20, "a file and a document each, nothing on staging");
    }
}

/// How often the queue delivers a message before it goes to the dead letters.
fn max_receive_count() -> usize {
    let (_, rest) = TEMPLATE.split_once("maxReceiveCount: ").expect("the queue has one");
    rest.lines().next().unwrap().parse().expect("a number")
}

/// Delivers a message as the queue does: again while it fails, and never more often than the queue would. How often it
/// was delivered, and whether it is among the dead letters then.
async fn delivered(app: &TestApp, body: &str) -> (usize, bool) {
    for nth in 1..=max_receive_count() {
        if app.deliver(batch(&[body.to_owned()])).await.is_empty() {
            return (nth, false);
        }
    }
    (max_receive_count(), true)
}

/// G09: what nobody can read is tried so often and no more, and touches no record.
#[tokio::test]
async fn g09_a_message_that_nobody_can_read_becomes_a_dead_letter() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "text").await;
    let before = app.record(&issued.file).await;
    for body in ["{not json", "", "[]", "{\"what\":\"is this\"}", "{\"Records\":7}"] {
        assert_eq!(delivered(&app, body).await, (5, true), "{body}");
    }
    assert_eq!(app.record(&issued.file).await, before);
    app.deliver_event(&issued.staging).await;
    assert_eq!(state(&app, &issued.file).await, "ready");
}

/// G09: an upload that fails each time through a fault of its own takes an attempt each time. With the last one the message
/// is a dead letter, and the record says why.
#[tokio::test]
async fn g09_an_upload_that_always_fails_ends_with_its_last_delivery() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "text").await;
    app.storage_faults.fail_from("copy", 1, ErrorKind::Internal);
    app.storage_faults.forget_calls();
    let body = s3_event(&issued.staging).to_string();
    assert_eq!(delivered(&app, &body).await, (max_receive_count(), true));
    assert_eq!(app.storage_faults.count("copy"), max_receive_count(), "one try for each delivery");
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::AttemptsExhausted)));
    assert_eq!(record.attempts as usize, max_receive_count());
    assert_eq!(app.keys(&[]), Vec::<String>::new(), "its bytes are gone");
    let path = format!("/api/v1/files/{}", issued.file);
    assert_eq!(app.get(&user, &path).await.is(200).json()["error_code"], "ATTEMPTS_EXHAUSTED");
    // A dead letter that somebody sends again changes nothing, though all is well now.
    app.storage_faults.heal();
    assert_eq!(delivered(&app, &body).await, (1, false));
    assert_eq!(app.record(&issued.file).await, record);
}

/// G09: an upload that its workers die of is tried as often, whoever delivers it: the queue, or the sweep after each lease.
#[tokio::test]
async fn g09_an_upload_that_workers_die_of_ends_after_as_many_deaths() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "text").await;
    let mut deaths = 0;
    for _ in 0..max_receive_count() + 2 {
        let dying = Arc::new(Notify::new());
        let told = dying.clone();
        app.storage_faults.heal();
        app.storage_faults.before("copy", 1, move || async move {
            told.notify_one();
            std::future::pending::<()>().await;
        });
        tokio::select! {
            biased;
            () = dying.notified() => deaths += 1,
            failures = app.deliver_event(&issued.staging) => assert_eq!(failures, Vec::<String>::new()),
        }
        // The queue delivers it again while the lease of the dead is alive: somebody may be at work.
        app.clock.advance(Duration::from_secs(720));
        assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
        app.clock.advance(LEASE);
        app.sweep_now().await;
        drop(app.take_queued());
    }
    assert_eq!(deaths, max_receive_count());
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::AttemptsExhausted)));
    assert_eq!(app.keys(&[]), Vec::<String>::new(), "its bytes are gone");
}
