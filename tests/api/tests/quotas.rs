//! Quotas of tenants: never more is taken than there is room for, however much is asked for at once, and the counters are
//! what the records say.

use std::sync::Arc;
use std::time::Duration;

use api_tests::{Answer, Issued, Person, TestApp};
use futures_util::future::join_all;
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ids::{BucketName, TenantSlug};
use storage_core::ports::MetadataStore;
use storage_core::record::{FileState, Purpose};
use storage_core::tenant::{PurposeLimits, TenantLimits, TenantRecord};
use storage_core::usage::Usage;
use storage_testkit::records;
use tokio::sync::Barrier;

const ISSUE: &str = "/api/v1/files/presigned-upload";
/// How many uploads are asked for at one moment.
const ASKED: usize = 50;
/// For how many of them there is room.
const ROOM: usize = 10;
const SIZE: usize = 100;

async fn limit(app: &TestApp, limits: TenantLimits) {
    let record = TenantRecord {
        slug: TenantSlug::parse("acme").unwrap(),
        bucket: BucketName::parse(api_tests::BUCKET).unwrap(),
        limits,
        ..records::sample_tenant(app.tenant)
    };
    app.store.put_tenant(&record).await.unwrap();
}

/// An app whose tenant has room for ten of these uploads, and not for a byte more.
async fn app() -> TestApp {
    let app = TestApp::new();
    let max_bytes = Some((ROOM * SIZE) as u64);
    limit(&app, TenantLimits { max_bytes, ..TenantLimits::default() }).await;
    app
}

fn wanted() -> Value {
    json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": SIZE })
}

/// What the counters say, which must be what the records say.
async fn counted(app: &TestApp) -> Usage {
    let told = app.store.get_usage(app.tenant).await.unwrap().total();
    let records = app.store.files();
    let sum = records.iter().fold(Usage::default(), |sum, record| sum.plus(Usage::of(record)));
    assert_eq!(told, sum, "the counters are not what the records say");
    told
}

async fn ask(app: &TestApp, users: &[Person]) -> Vec<Answer> {
    let body = wanted();
    join_all(users.iter().map(|user| app.post(user, ISSUE, &body))).await
}

/// How many were taken; every other was told why, with the numbers, and left a record that counts nothing.
async fn taken(app: &TestApp, answers: &[Answer]) -> usize {
    let (taken, refused): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.status == 201);
    for answer in &refused {
        assert_eq!(answer.status, 507, "{answer:?}");
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], "QUOTA_EXCEEDED");
        let details = &error["details"];
        assert_eq!((&details["limit"], &details["size_bytes"]), (&json!("tenant"), &json!(SIZE)));
        assert_eq!((&details["max_bytes"], &details["stored_bytes"]), (&json!(ROOM * SIZE), &json!(0)));
        let reserved = details["reserved_bytes"].as_u64().unwrap() as usize;
        assert!(reserved + SIZE > ROOM * SIZE, "{details}: there was room");
    }
    let usage = counted(app).await;
    let expected = i64::try_from(taken.len()).unwrap();
    assert_eq!((usage.files, usage.reserved, usage.stored), (expected, expected * SIZE as i64, 0));
    for record in app.store.files().iter().filter(|record| record.state != FileState::Pending) {
        assert_eq!((record.state, record.error_code), (FileState::Failed, Some(ErrorKind::QuotaExceeded)));
    }
    taken.len()
}

/// All of them see room for themselves before the first is written. Each sees afterwards what came before it.
#[tokio::test]
async fn uploads_asked_for_at_one_moment_are_taken_while_there_is_room() {
    let app = app().await;
    let users: Vec<Person> = (0..ASKED).map(|_| app.user()).collect();
    let barrier = Arc::new(Barrier::new(ASKED));
    for nth in 1..=ASKED {
        let barrier = barrier.clone();
        app.store_faults.before("commit", nth, move || async move {
            barrier.wait().await;
        });
    }
    let answers = ask(&app, &users).await;
    assert_eq!(taken(&app, &answers).await, ROOM);
    assert_eq!(app.store.files().len(), ASKED, "all of them had seen room");
    let again = app.post(&users[0], ISSUE, &wanted()).await.refused(507, "QUOTA_EXCEEDED", "one more");
    let details = json!({ "limit": "tenant", "max_bytes": ROOM * SIZE, "stored_bytes": 0,
        "reserved_bytes": ROOM * SIZE, "size_bytes": SIZE });
    assert_eq!(again.json()["error"]["details"], details);
}

/// The worst order: all are written before any is compared. Then none is taken, rather than one too many, and the room is
/// there for whoever asks next.
#[tokio::test]
async fn uploads_that_see_each_other_are_refused_rather_than_one_too_many_taken() {
    let app = app().await;
    let users: Vec<Person> = (0..ASKED).map(|_| app.user()).collect();
    for (operation, first) in [("commit", 1), ("get_usage", ASKED + 1)] {
        let barrier = Arc::new(Barrier::new(ASKED));
        for nth in first..first + ASKED {
            let barrier = barrier.clone();
            app.store_faults.before(operation, nth, move || async move {
                barrier.wait().await;
            });
        }
    }
    let answers = ask(&app, &users).await;
    let first = taken(&app, &answers).await;
    assert!(first <= ROOM, "{first}");
    let answers = ask(&app, &users).await;
    let rest = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(first + rest, ROOM, "what was refused takes no room");
    assert_eq!(counted(&app).await.files, i64::try_from(ROOM).unwrap());
}

/// The same on threads, in whatever order they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn threads_never_reserve_more_than_there_is_room_for() {
    for _ in 0..10 {
        let app = Arc::new(app().await);
        let asked = (0..ASKED).map(|_| {
            let (app, user) = (app.clone(), app.user());
            tokio::spawn(async move { app.post(&user, ISSUE, &wanted()).await })
        });
        let answers: Vec<Answer> =
            join_all(asked.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect();
        let taken = taken(&app, &answers).await;
        assert!(taken <= ROOM, "{taken}");
    }
}

/// What was reserved is given back when the upload is refused, deleted or never comes; what is stored stays counted.
#[tokio::test]
async fn a_reservation_ends_with_its_upload() {
    let app = app().await;
    let user = app.user();
    let usage = async || {
        let usage = counted(&app).await;
        (usage.reserved, usage.stored, usage.files)
    };
    let size = SIZE as i64;
    let issue = async || app.presign(&user, ISSUE, &wanted()).await;
    let (kept, refused, deleted, expired) = (issue().await, issue().await, issue().await, issue().await);
    assert_eq!(usage().await, (4 * size, 0, 4));
    app.post_form(&kept, &[b'x'; SIZE]).await.unwrap();
    app.deliver_event(&kept.staging).await;
    assert_eq!(usage().await, (3 * size, size, 4));
    app.put(&refused.staging, b"too short").await;
    app.deliver_event(&refused.staging).await;
    assert_eq!(app.record(&refused.file).await.error_code, Some(ErrorKind::SizeMismatch));
    assert_eq!(usage().await, (2 * size, size, 3));
    app.delete(&user, &format!("/api/v1/files/{}", deleted.file)).await.is(204);
    assert_eq!(usage().await, (size, size, 2));
    app.clock.advance(Duration::from_secs(2 * 3600));
    app.sweep_later().await;
    assert_eq!(app.trail(&expired.file).await, ["issued", "expired"]);
    assert_eq!(usage().await, (0, size, 1));
    let user = Person { token: app.token(user.tenant, user.id, &["user"]), ..user };
    app.delete(&user, &format!("/api/v1/files/{}?permanent=true", kept.file)).await.is(204);
    assert_eq!(usage().await, (0, 0, 0));
}

/// Every limit that holds has its name and its numbers in the answer.
#[tokio::test]
async fn a_refusal_names_the_limit_and_the_numbers() {
    let purpose =
        |max_bytes| [(Purpose::Attachment, PurposeLimits { max_bytes, max_file_bytes: None })].into();
    for (limits, expected) in [
        (
            TenantLimits { max_bytes: Some(250), ..TenantLimits::default() },
            json!({ "limit": "tenant", "max_bytes": 250, "stored_bytes": 100, "reserved_bytes": 100, "size_bytes": 100 }),
        ),
        (
            TenantLimits { purposes: purpose(Some(299)), ..TenantLimits::default() },
            json!({ "limit": "purpose", "max_bytes": 299, "stored_bytes": 100, "reserved_bytes": 100, "size_bytes": 100 }),
        ),
        (
            TenantLimits { max_files: Some(2), ..TenantLimits::default() },
            json!({ "limit": "files", "max_files": 2, "files": 2 }),
        ),
    ] {
        let app = TestApp::new();
        limit(&app, limits).await;
        let user = app.user();
        let stored = app.presign(&user, ISSUE, &wanted()).await;
        app.post_form(&stored, &[b'x'; SIZE]).await.unwrap();
        app.deliver_event(&stored.staging).await;
        app.presign(&user, ISSUE, &wanted()).await;
        let refused = app.post(&user, ISSUE, &wanted()).await.refused(507, "QUOTA_EXCEEDED", "a third");
        assert_eq!(refused.json()["error"]["details"], expected);
        assert_eq!(counted(&app).await.files, 2);
    }
}

/// An upload of undeclared size reserves nothing. It is compared when it has arrived, and goes where it does not fit.
#[tokio::test]
async fn an_undeclared_size_is_compared_when_it_has_arrived() {
    let app = app().await;
    let user = app.user();
    let begin = async || {
        let body = json!({ "filename": "a.bin", "type": "application/octet-stream" });
        let json = app.post(&user, "/api/v1/s3/multipart", &body).await.is(200).json();
        Issued::from_parts(json["file_id"].as_str().unwrap(), json["key"].as_str().unwrap())
    };
    let (first, second) = (begin().await, begin().await);
    assert_eq!(counted(&app).await, Usage { files: 2, ..Usage::default() });
    for (issued, state) in [(&first, FileState::Ready), (&second, FileState::Failed)] {
        app.put(&issued.staging, &vec![0xFE; 600]).await;
        assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
        assert_eq!(app.record(&issued.file).await.state, state);
        assert_eq!(app.storage.bytes(&issued.staging), None);
    }
    assert_eq!(app.record(&second.file).await.error_code, Some(ErrorKind::QuotaExceeded));
    assert_eq!(counted(&app).await, Usage { stored: 600, files: 1, reserved: 0 });
}
