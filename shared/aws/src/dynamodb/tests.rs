//! The store against a DynamoDB in this process, and against canned answers. The conformance suite is in the testkit.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use storage_core::ErrorKind;
use storage_core::filename::FileName;
use storage_core::ids::{
    BucketName, EntityId, ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId, WorkerId,
};
use storage_core::key::{EntityKind, StorageKey, VariantSize, Visibility};
use storage_core::ports::{
    CommitError, Conflict, DUE_SHARDS, ETag, MetadataStore, OwnerQuery, Placeholder, SelfTest, SweepReport,
    Transaction, Write,
};
use storage_core::record::{
    AuditEntry, Declared, FileRecord, FileState, IdempotencyRecord, PointerKey, Purpose, StoredVariant,
};
use storage_core::timestamp::Timestamp;
use uuid::Uuid;

use super::{DynamoStore, item, keys};
use crate::settings::{AwsSettings, Secret};
use crate::test_support::{Answer, Canned};

async fn store() -> DynamoStore {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
    let settings = AwsSettings {
        endpoint: Some(endpoint),
        access_key_id: Some("local".to_owned()),
        secret_access_key: Some(Secret::new("local")),
        ..AwsSettings::new("eu-central-1")
    };
    let store = DynamoStore::connect(&settings, "files").await.unwrap();
    store.create_table().await.unwrap();
    store
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + millis)
}

fn key(text: &str) -> StorageKey {
    StorageKey::parse(text).unwrap()
}

fn record() -> FileRecord {
    let tenant = TenantId::from(Uuid::now_v7());
    FileRecord {
        v: 1,
        rev: 1,
        tenant,
        file_id: FileId::generate(),
        state: FileState::Pending,
        purpose: Purpose::Attachment,
        owner: PrincipalId::parse("user#1").unwrap(),
        entity: None,
        scope: None,
        external_id: None,
        bucket: BucketName::parse("acme-files").unwrap(),
        key_prefix: None,
        backend: "s3".to_owned(),
        staging_bucket: BucketName::parse("acme-staging").unwrap(),
        staging_key: None,
        planned_keys: Vec::new(),
        final_key: None,
        etag: None,
        version_id: None,
        multipart: None,
        promotion: None,
        checksum_crc64nvme: None,
        source_sha256: None,
        sha256: None,
        size: None,
        content_type: None,
        original_filename: None,
        renamed: false,
        declared: Declared::default(),
        max_bytes: 25_000_000,
        visibility: Visibility::Private,
        width: None,
        height: None,
        variants: BTreeMap::new(),
        webp: BTreeMap::new(),
        inline_small: None,
        placeholder: None,
        metadata: BTreeMap::new(),
        scan: None,
        quarantine_key: None,
        seq: None,
        lease_owner: None,
        lease_until: None,
        attempts: 0,
        error_code: None,
        created_at: at(0),
        updated_at: at(0),
        expires_at: None,
        clearing_until: None,
        delete_after: None,
        legal_hold: false,
        due_at: None,
        ttl: None,
    }
}

fn full_record() -> FileRecord {
    let variant = |size: VariantSize| StoredVariant {
        key: key(&format!("public/{size}.jpg")),
        content_type: "image/jpeg".to_owned(),
        width: 300,
        height: u32::MAX,
        bytes: u64::MAX,
        etag: ETag::new("v"),
    };
    FileRecord {
        entity: Some(EntityId::from(Uuid::now_v7())),
        scope: Some(String::new()),
        key_prefix: Some(key("base/tenant")),
        external_id: Some(ExternalId::parse("ext#1").unwrap()),
        staging_key: Some(key("temp/uploads/x")),
        planned_keys: vec![key("a/b"), key("c/d")],
        final_key: Some(key("a/b")),
        etag: Some(ETag::new("abc-2")),
        version_id: Some("null".to_owned()),
        source_sha256: Some("00".repeat(32)),
        sha256: Some("ff".repeat(32)),
        size: Some(u64::MAX),
        content_type: Some("image/png".to_owned()),
        original_filename: Some(FileName::parse("ré 😀.png").unwrap()),
        declared: Declared {
            content_type: "image/png".to_owned(),
            size: Some(9_007_199_254_740_993),
            sha256: Some(String::new()),
        },
        width: Some(1),
        height: Some(2),
        variants: VariantSize::ALL.iter().map(|size| (*size, variant(*size))).collect(),
        webp: VariantSize::ALL.iter().map(|size| (*size, variant(*size))).collect(),
        inline_small: Some("data:image/jpeg;base64,AA==".to_owned()),
        placeholder: Some(Placeholder { thumbhash: "AA==".to_owned(), average_color: "#000000".to_owned() }),
        metadata: BTreeMap::from([("k".to_owned(), String::new()), ("PK".to_owned(), "1".to_owned())]),
        seq: Some(7),
        lease_owner: Some(WorkerId::generate()),
        lease_until: Some(at(1)),
        attempts: 5,
        error_code: Some(ErrorKind::ContentMismatch),
        expires_at: Some(at(2)),
        delete_after: Some(at(3)),
        legal_hold: true,
        due_at: Some(at(4)),
        ttl: Some(-1),
        ..record()
    }
}

fn create(record: &FileRecord) -> Write {
    Write::CreateFile(Box::new(record.clone()))
}

fn update(record: &FileRecord) -> Write {
    Write::UpdateFile(Box::new(record.clone()))
}

fn audit(record: &FileRecord, action: &str) -> AuditEntry {
    AuditEntry {
        id: Uuid::now_v7(),
        tenant: record.tenant,
        file_id: record.file_id,
        at: at(0),
        action: action.to_owned(),
        actor: "test".to_owned(),
        from: None,
        to: record.state,
        error_code: None,
        request_id: Some("r".to_owned()),
    }
}

async fn commit(store: &DynamoStore, writes: Vec<Write>) -> Result<(), (usize, Conflict)> {
    match store.commit(Transaction::new(writes)).await {
        Ok(()) => Ok(()),
        Err(CommitError::Conflict(index, conflict)) => Err((index, conflict)),
        Err(CommitError::Store(error)) => panic!("{error:?}"),
    }
}

#[test]
fn records_round_trip_through_items() {
    for record in [record(), full_record()] {
        let item = item::file(&record).unwrap();
        assert_eq!(item::decode::<FileRecord>(item).unwrap(), record);
    }
    // Leaving out one optional field at a time: no field's absence disturbs another.
    let whole = serde_json::to_value(full_record()).unwrap();
    for field in whole.as_object().unwrap().keys() {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(field);
        if let Ok(record) = serde_json::from_value::<FileRecord>(part) {
            assert_eq!(item::decode::<FileRecord>(item::file(&record).unwrap()).unwrap(), record, "{field}");
        }
    }
}

#[test]
fn items_have_the_attributes_of_the_data_model() {
    let record = full_record();
    let item = item::file(&record).unwrap();
    let text = |name: &str| item[name].as_s().unwrap().as_str();
    let (tenant, file) = (record.tenant, record.file_id);
    assert_eq!(text("PK"), format!("F#{tenant}#{file}"));
    assert_eq!(text("SK"), "FILE");
    assert_eq!(text("gsi_owner"), format!("{tenant}#user#1"));
    assert_eq!(text("gsi_owner_at"), format!("{}#{file}", record.created_at));
    assert_eq!(text("gsi_due"), format!("DUE#{}", keys::due_shard(file)));
    assert_eq!(text("due_at"), record.due_at.unwrap().to_string());
    assert_eq!(text("gsi_external_id"), format!("{tenant}#ext#1"));
    assert_eq!(item["size"], AttributeValue::N(u64::MAX.to_string()));
    assert_eq!(item["ttl"], AttributeValue::N("-1".to_owned()));
    assert!(item["variants"].as_m().unwrap().contains_key("small"));
    let gone = FileRecord { state: FileState::Deleted, due_at: None, ..record.clone() };
    let item = item::file(&gone).unwrap();
    assert!(!item.contains_key("gsi_due") && !item.contains_key("due_at"));
    assert!(!item.contains_key("gsi_external_id"));
    let entry = item::audit(&audit(&record, "issued")).unwrap();
    assert!(entry["SK"].as_s().unwrap().starts_with("E#"));
    assert_eq!(entry["ttl"], AttributeValue::N((1_795_000_000 + 400 * 86_400).to_string()));
}

#[tokio::test]
async fn files_are_created_once_and_updated_from_the_revision_that_was_read() {
    let store = store().await;
    store.create_table().await.unwrap();
    store.check().await.unwrap();
    store.warm().await;
    let first = full_record();
    assert_eq!(store.get_file(first.tenant, first.file_id).await.unwrap(), None);
    for audited in [false, true] {
        let record = FileRecord { file_id: FileId::generate(), ..first.clone() };
        let with = |write: Write| {
            let entry = audited.then(|| Write::Audit(audit(&record, "step")));
            entry.into_iter().chain([write]).collect::<Vec<_>>()
        };
        let index = usize::from(audited);
        commit(&store, with(create(&record))).await.unwrap();
        assert_eq!(commit(&store, with(create(&record))).await, Err((index, Conflict::Exists)));
        assert_eq!(store.get_file(record.tenant, record.file_id).await.unwrap().as_ref(), Some(&record));
        let next = FileRecord { rev: 2, state: FileState::Processing, ..record.clone() };
        commit(&store, with(update(&next))).await.unwrap();
        assert_eq!(commit(&store, with(update(&next))).await, Err((index, Conflict::Revision)));
        assert_eq!(store.get_file(record.tenant, record.file_id).await.unwrap(), Some(next));
        let trail = store.audit_trail(record.tenant, record.file_id).await.unwrap();
        assert_eq!(trail.len(), 2 * index, "a refused transaction leaves no entry");
        let unknown = FileRecord { file_id: FileId::generate(), rev: 2, ..record.clone() };
        assert_eq!(commit(&store, with(update(&unknown))).await, Err((index, Conflict::Revision)));
    }
    assert!(commit(&store, Vec::new()).await.is_ok());
}

#[tokio::test]
async fn of_racing_updates_exactly_one_wins() {
    let store = store().await;
    let record = record();
    commit(&store, vec![create(&record)]).await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for size in 0..20 {
        let next = FileRecord { rev: 2, size: Some(size), ..record.clone() };
        let store = store.clone();
        racers.spawn(async move {
            let entry = Write::Audit(audit(&next, "race"));
            commit(&store, vec![update(&next), entry]).await
        });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(store.audit_trail(record.tenant, record.file_id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn pointers_and_their_numbers_do_not_disturb_each_other() {
    let store = store().await;
    let tenant = TenantId::from(Uuid::now_v7());
    let key = PointerKey { tenant, kind: EntityKind::Users, entity: EntityId::from(Uuid::now_v7()) };
    let set = |expected, seq, file| Write::SetPointer { key, expected, seq, file };
    assert_eq!(store.get_pointer(&key).await.unwrap(), None);
    assert_eq!(store.take_seq(&key).await.unwrap(), 1);
    assert_eq!(store.take_seq(&key).await.unwrap(), 2);
    let file = FileId::generate();
    commit(&store, vec![set(None, 2, Some(file))]).await.unwrap();
    assert_eq!(commit(&store, vec![set(None, 2, Some(file))]).await, Err((0, Conflict::Pointer)));
    assert_eq!(store.take_seq(&key).await.unwrap(), 3);
    let pointer = store.get_pointer(&key).await.unwrap().unwrap();
    assert_eq!((pointer.seq, pointer.current_seq, pointer.current_file_id), (3, Some(2), Some(file)));
    let record = record();
    let both = vec![create(&record), set(Some(1), 3, None)];
    assert_eq!(commit(&store, both).await, Err((1, Conflict::Pointer)));
    assert_eq!(store.get_file(record.tenant, record.file_id).await.unwrap(), None);
    commit(&store, vec![create(&record), set(Some(2), 3, None)]).await.unwrap();
    let pointer = store.get_pointer(&key).await.unwrap().unwrap();
    assert_eq!((pointer.seq, pointer.current_seq, pointer.current_file_id), (3, Some(3), None));
}

#[tokio::test]
async fn an_idempotency_key_is_free_again_after_its_expiry() {
    let store = store().await;
    let record = IdempotencyRecord {
        tenant: TenantId::from(Uuid::now_v7()),
        principal: PrincipalId::parse("user#1").unwrap(),
        key: IdempotencyKey::parse("k#1").unwrap(),
        request_hash: "00".repeat(32),
        file_id: FileId::generate(),
        expires_at: at(1000),
    };
    let put = |now| Write::PutIdempotency { record: record.clone(), now };
    commit(&store, vec![put(at(0))]).await.unwrap();
    assert_eq!(commit(&store, vec![put(at(1000))]).await, Err((0, Conflict::Idempotency)));
    let read = store.get_idempotency(record.tenant, &record.principal, &record.key).await.unwrap();
    assert_eq!(read.as_ref(), Some(&record));
    commit(&store, vec![put(at(1001))]).await.unwrap();
}

#[tokio::test]
async fn listings_page_in_order_and_keep_cursors_apart() {
    let store = store().await;
    let tenant = TenantId::from(Uuid::now_v7());
    let mut made = Vec::new();
    for index in 0..7 {
        let due_at = (index != 3).then(|| at(100 - index));
        let record = FileRecord { tenant, created_at: at(index), due_at, ..full_record() };
        commit(&store, vec![create(&record)]).await.unwrap();
        made.push(record);
    }
    let owner = made[0].owner.clone();
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.files_of_owner(OwnerQuery::page(tenant, &owner, cursor, 3)).await.unwrap();
        listed.extend(page.files);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = made.iter().rev().map(|record| record.file_id).collect();
    assert_eq!(listed, newest_first);
    let page = store.files_of_owner(OwnerQuery::page(tenant, &owner, None, 3)).await.unwrap();
    let stranger = PrincipalId::parse("user#2").unwrap();
    for (owner, cursor) in
        [(&stranger, page.next.clone()), (&owner, Some("x".to_owned())), (&owner, Some(String::new()))]
    {
        let error = store.files_of_owner(OwnerQuery::page(tenant, owner, cursor, 3)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCursor);
    }
    assert_eq!(store.due(0, at(100), page.next, 3).await.unwrap_err().kind(), ErrorKind::InvalidCursor);
    let mut due = Vec::new();
    for shard in 0..DUE_SHARDS {
        let mut cursor = None;
        let mut last = String::new();
        loop {
            let page = store.due(shard, at(99), cursor, 1).await.unwrap();
            for (of, file) in page.files {
                assert_eq!(of, tenant);
                let record = made.iter().find(|record| record.file_id == file).unwrap();
                let time = record.due_at.unwrap().to_string();
                assert!(time >= last, "soonest first");
                last = time;
                due.push(file);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    assert_eq!(due.len(), 5, "one has nothing to do, and one is not due yet");
    let external = made[0].external_id.clone().unwrap();
    assert_eq!(store.files_of_external_id(tenant, &external).await.unwrap().len(), 7);
    let gone = FileRecord { rev: 2, state: FileState::Deleted, ..made[0].clone() };
    commit(&store, vec![update(&gone)]).await.unwrap();
    assert_eq!(store.files_of_external_id(tenant, &external).await.unwrap().len(), 6);
}

#[tokio::test]
async fn tenants_reports_and_self_tests_come_back() {
    let store = store().await;
    assert_eq!(store.last_sweep_report().await.unwrap(), None);
    for index in 0..3 {
        let counts = serde_json::json!({ "seen": index, "ratio": 0.5, "by": { "x": [1, -2] }, "none": null });
        store.put_sweep_report(&SweepReport { at: at(index), counts }).await.unwrap();
    }
    let last = store.last_sweep_report().await.unwrap().unwrap();
    assert_eq!(
        last.counts,
        serde_json::json!({ "seen": 2, "ratio": 0.5, "by": { "x": [1, -2] }, "none": null })
    );
    let test = SelfTest { function: "process-upload".to_owned(), at: at(0), passed: true, duration_ms: 7 };
    assert_eq!(store.get_self_test("process-upload").await.unwrap(), None);
    store.put_self_test(&test).await.unwrap();
    assert_eq!(store.get_self_test("process-upload").await.unwrap(), Some(test));
    let tenant = TenantId::from(Uuid::now_v7());
    assert_eq!(store.get_tenant(tenant).await.unwrap(), None);
}

async fn canned(status: u16, body: &'static str) -> (DynamoStore, Canned) {
    let server = Canned::start(move |_| {
        Answer::new(status, body).header("Content-Type", "application/x-amz-json-1.0")
    })
    .await;
    (DynamoStore::connect(&server.settings(), "files").await.unwrap(), server)
}

#[tokio::test]
async fn contention_is_repeated_and_then_an_outage() {
    const CANCELLED: &str = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\",\
        \"CancellationReasons\":[{\"Code\":\"None\"},{\"Code\":\"TransactionConflict\"}]}";
    const THROTTLED: &str =
        "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\"}";
    let record = record();
    let writes = || vec![create(&record), Write::Audit(audit(&record, "issued"))];
    for (status, body) in [(400, CANCELLED), (400, THROTTLED), (500, "{}"), (503, "")] {
        let (store, server) = canned(status, body).await;
        let outcome = store.commit(Transaction::new(writes())).await.unwrap_err();
        let CommitError::Store(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), ErrorKind::MetadataUnavailable);
        let requests = server.requests();
        assert_eq!(requests.len(), 3, "{body}");
        let tokens: Vec<_> = requests
            .iter()
            .map(|request| serde_json::from_slice::<serde_json::Value>(&request.body).unwrap())
            .map(|body| body["ClientRequestToken"].as_str().unwrap().to_owned())
            .collect();
        assert!(tokens.iter().all(|token| token == &tokens[0]), "a repetition is the same transaction");
        assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::MetadataUnavailable, "{body}");
    }
}

#[tokio::test]
async fn a_failed_condition_is_not_repeated_and_a_bad_request_is_our_mistake() {
    const MIXED: &str = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\",\
        \"CancellationReasons\":[{\"Code\":\"TransactionConflict\"},{\"Code\":\"ConditionalCheckFailed\"}]}";
    const MALFORMED: &str =
        "{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"message\":\"m\"}";
    const MISSING: &str = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\"}";
    let record = record();
    let writes = || vec![Write::Audit(audit(&record, "issued")), create(&record)];
    let (store, server) = canned(400, MIXED).await;
    assert_eq!(commit(&store, writes()).await, Err((1, Conflict::Exists)));
    assert_eq!(server.requests().len(), 1);
    for (body, kind) in [(MALFORMED, ErrorKind::Internal), (MISSING, ErrorKind::MetadataUnavailable)] {
        let (store, _server) = canned(400, body).await;
        let outcome = store.commit(Transaction::new(writes())).await.unwrap_err();
        assert!(matches!(outcome, CommitError::Store(error) if error.kind() == kind), "{body}");
        assert_eq!(store.get_file(record.tenant, record.file_id).await.unwrap_err().kind(), kind);
    }
    let settings = AwsSettings {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        connect_timeout: Duration::from_secs(1),
        ..Canned::start(|_| Answer::new(200, "")).await.settings()
    };
    let store = DynamoStore::connect(&settings, "files").await.unwrap();
    assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::MetadataUnavailable);
}
