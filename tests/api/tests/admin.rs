//! What administrators ask: histories and usage, of their own tenant only.

use api_tests::{Form, TestApp, fresh_id};
use serde_json::json;
use storage_core::ports::MetadataStore;
use storage_core::tenant::{PurposeLimits, TenantLimits, TenantRecord};
use storage_testkit::records;

#[tokio::test]
async fn the_history_of_a_file_is_for_administrators_of_its_tenant() {
    let app = TestApp::new();
    let (user, admin) = (app.user(), app.person(app.tenant, &["storage:admin"]));
    let form = Form::of_file("a.txt", "text/plain", b"text");
    let made = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.is(201).json();
    let file = made["file_id"].as_str().unwrap();
    app.delete(&user, &format!("/api/v1/files/{file}?permanent=true")).await.is(204);

    let path = format!("/api/v1/admin/audit?file_id={file}");
    let trail = app.get(&admin, &path).await.is(200).json();
    let actions: Vec<_> = trail["entries"].as_array().unwrap().iter().map(|line| &line["action"]).collect();
    assert_eq!(actions, ["issued", "claimed", "ready", "deleted"]);
    assert_eq!(trail["entries"][2]["to"], "ready");
    app.get(&user, &path).await.refused(403, "FORBIDDEN", "a user");
    let elsewhere = app.person(records::new_tenant(), &["storage:admin"]);
    app.get(&elsewhere, &path).await.refused(404, "NOT_FOUND", "another tenant's");
    let missing = format!("/api/v1/admin/audit?file_id={}", fresh_id());
    app.get(&admin, &missing).await.refused(404, "NOT_FOUND", "none");
    app.get(&admin, "/api/v1/admin/audit?file_id=x").await.refused(400, "INVALID_ID", "no id");
    app.get(&admin, "/api/v1/admin/audit").await.refused(400, "INVALID_REQUEST", "no query");
}

#[tokio::test]
async fn usage_follows_every_step_of_a_file() {
    let app = TestApp::new();
    let (user, admin) = (app.user(), app.person(app.tenant, &["storage:admin"]));
    let purposes = [(
        storage_core::record::Purpose::Attachment,
        PurposeLimits { max_bytes: Some(50), max_file_bytes: None },
    )];
    let limits = TenantLimits { max_bytes: Some(100), purposes: purposes.into(), ..TenantLimits::default() };
    let record = TenantRecord {
        slug: storage_core::ids::TenantSlug::parse("acme").unwrap(),
        bucket: storage_core::ids::BucketName::parse(api_tests::BUCKET).unwrap(),
        limits,
        ..records::sample_tenant(app.tenant)
    };
    app.store.put_tenant(&record).await.unwrap();
    let usage = async || {
        let usage = app.get(&admin, "/api/v1/admin/usage").await.is(200).json();
        [&usage["used_bytes"], &usage["reserved_bytes"], &usage["files"]]
            .map(|number| number.as_u64().unwrap())
    };
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 30 });
    let issue = "/api/v1/files/presigned-upload";
    assert_eq!(usage().await, [0, 0, 0]);
    let issued = app.presign(&user, issue, &body).await;
    assert_eq!(usage().await, [0, 30, 1]);
    let refused = app.post(&user, issue, &body).await.refused(507, "QUOTA_EXCEEDED", "30 of 50 are taken");
    let details = refused.json()["error"]["details"].clone();
    let numbers = json!({ "limit": "purpose", "max_bytes": 50, "stored_bytes": 0, "reserved_bytes": 30, "size_bytes": 30 });
    assert_eq!(details, numbers);
    assert_eq!(usage().await, [0, 30, 1], "what was refused counts nothing");
    app.post_form(&issued, &[b'x'; 30]).await.unwrap();
    app.post(&user, &format!("/api/v1/files/{}/complete", issued.file), &serde_json::Value::Null)
        .await
        .is(200);
    assert_eq!(usage().await, [30, 0, 1]);
    app.delete(&user, &format!("/api/v1/files/{}", issued.file)).await.is(204);
    assert_eq!(usage().await, [30, 0, 1], "what can be restored still counts");
    app.delete(&user, &format!("/api/v1/files/{}?permanent=true", issued.file)).await.is(204);
    assert_eq!(usage().await, [0, 0, 0]);
    app.presign(&user, issue, &body).await;
    app.get(&user, "/api/v1/admin/usage").await.refused(403, "FORBIDDEN", "a user");
}
