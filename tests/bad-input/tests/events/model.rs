//! The cases over the reference models.

use api_tests::{Person, TestApp, batch, s3_event};
use bad_input_tests::table::events::{CASES, Event};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ports::{Clock, MetadataStore, ObjectRef, StorageBackend, Transaction, Write};
use storage_core::record::FileRecord;

use super::{TEXT, World, check_all};

const ROUTE: &str = "/api/v1/files/presigned-upload";

impl World for (TestApp, Person) {
    async fn upload(&mut self) -> (String, ObjectRef) {
        let (app, user) = self;
        let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": TEXT.len() });
        let issued = app.presign(user, ROUTE, &body).await;
        app.post_form(&issued, TEXT).await.unwrap();
        (issued.file, issued.staging)
    }

    async fn deliver(&mut self, payload: Value) -> Vec<String> {
        self.0.deliver(payload).await
    }

    async fn record(&self, file: &str) -> FileRecord {
        self.0.record(file).await
    }

    async fn replace(&self, record: FileRecord) {
        let write = Write::UpdateFile(Box::new(record));
        self.0.store.commit(Transaction::new(vec![write])).await.unwrap();
    }

    async fn put(&self, object: &ObjectRef, bytes: &[u8]) {
        self.0.put(object, bytes).await;
    }

    async fn remove(&self, object: &ObjectRef) {
        self.0.remove(object).await;
    }

    async fn exists(&self, object: &ObjectRef) -> bool {
        self.0.storage.exists(object).await.unwrap()
    }
}

fn world() -> (TestApp, Person) {
    let app = TestApp::new();
    let user = app.user();
    (app, user)
}

#[tokio::test]
async fn e01_to_e16_messages_do_what_the_table_says() {
    check_all(&mut world()).await;
}

/// E01 without a queue around it.
#[tokio::test]
async fn e01_bare_events_about_nothing_are_ignored() {
    let mut world = world();
    for case in CASES.iter().filter(|case| case.id.starts_with("E01")) {
        let Event::Text(text) = case.input.event else { panic!("{case:?}") };
        let bare = serde_json::from_str(text).unwrap();
        assert_eq!(world.deliver(bare).await, Vec::<String>::new(), "{}", case.id);
    }
}

/// E03 and E06: a prefix with characters that S3 encodes, and with an escape that is none.
#[tokio::test]
async fn e03_e06_uploads_under_a_prefix_of_any_characters_are_found_by_both_kinds_of_event() {
    for event in [Event::Bridge, Event::With("/Records/0/eventName", r#""ObjectCreated:Post""#)] {
        let app = TestApp::with(&[("STORAGE_BUCKET_PATH", "a b+c%41dé")]);
        let user = app.user();
        let mut world = (app, user);
        let (file, object) = world.upload().await;
        assert!(object.key.as_str().starts_with("a b+c%41dé/temp/"));
        let body = event.body(&object, &s3_event(&object));
        assert_eq!(world.deliver(batch(&[body])).await, Vec::<String>::new());
        assert_eq!(world.record(&file).await.state.as_str(), "ready", "{event:?}");
    }
}

/// E15: whichever call S3 refuses, nothing is lost: the message comes back, and the next delivery takes it.
#[tokio::test]
async fn e15_an_object_that_s3_refuses_comes_back_and_is_taken_later() {
    let case = CASES.iter().find(|case| matches!(case.input.event, Event::Forbidden)).unwrap();
    assert!(case.input.comes_back);
    for nth in 1..=2 {
        let mut world = world();
        let (file, object) = world.upload().await;
        let message = batch(&[case.input.event.body(&object, &s3_event(&object))]);
        // A 403 of S3 is an outage of ours: no client can do anything about it.
        world.0.storage_faults.fail("head", nth, ErrorKind::StorageUnavailable);
        assert_eq!(world.deliver(message.clone()).await, ["m0"]);
        let record = world.record(&file).await;
        assert_eq!(record.state.as_str(), ["pending", "processing"][nth - 1]);
        let free = record.lease_until.is_none_or(|until| until <= world.0.clock.now());
        assert!(free, "the next worker need not wait");
        assert!(world.exists(&object).await);
        assert_eq!(world.deliver(message).await, Vec::<String>::new());
        assert_eq!(Some(world.record(&file).await.state.as_str()), case.expect.state);
    }
}
