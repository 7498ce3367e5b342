//! Whom a request acts for: the token decides, and on every route.

use api_tests::{Answer, Form, Person, TestApp, fresh_id, photo, routes};
use serde_json::{Value, json};
use storage_core::ids::{TenantId, TenantSlug};
use storage_core::ports::MetadataStore;
use storage_core::tenant::{TenantRecord, TenantState};
use storage_testkit::records;

/// A request to each route that asks who is calling, with this token and these headers.
async fn everywhere(app: &TestApp, token: &str, headers: &[(&str, &str)]) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    let routes = routes().into_iter().filter(|route| route.function != "health");
    for route in routes.filter(|route| !route.path.contains("{ticket}")) {
        let path =
            route.path.replace("{id}", &fresh_id()).replace("{kind}", "users").replace("{file}", "small.jpg");
        let mut call = app.call(route.method.as_str(), &path).token(token);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        answers.push((format!("{} {}", route.method, route.path), call.send().await));
    }
    assert!(answers.len() > 15);
    answers
}

async fn refused_everywhere(app: &TestApp, token: &str, headers: &[(&str, &str)], status: u16, code: &str) {
    for (route, answer) in everywhere(app, token, headers).await {
        answer.refused(status, code, &route);
    }
}

/// An upload by this token; the tenant of its record, if there is one.
async fn tenant_of_upload(app: &TestApp, token: &str, header: Option<&str>) -> Result<TenantId, String> {
    let form = Form::of_file("a.txt", "text/plain", b"text");
    let mut call = app.call("POST", "/api/v1/files/upload").token(token).form(form);
    if let Some(value) = header {
        call = call.header("x-tenant-id", value);
    }
    let answer = call.send().await;
    if answer.status != 201 {
        return Err(answer.code());
    }
    let id = answer.json()["file_id"].as_str().unwrap().to_owned();
    Ok(app.store.files().iter().find(|record| record.file_id.to_string() == id).unwrap().tenant)
}

/// G28: the header may repeat the token's tenant and not change it.
#[tokio::test]
async fn g28_the_header_repeats_the_token_or_is_refused() {
    let app = TestApp::new();
    let user = app.user();
    let other = records::new_tenant().to_string();
    refused_everywhere(&app, &user.token, &[("x-tenant-id", &other)], 403, "TENANT_MISMATCH").await;
    let admin = app.person(app.tenant, &["storage:admin", "storage:service"]);
    refused_everywhere(&app, &admin.token, &[("x-tenant-id", &other)], 403, "TENANT_MISMATCH").await;
    refused_everywhere(&app, &user.token, &[("x-tenant-id", "acme")], 400, "INVALID_REQUEST").await;
    for same in [app.tenant.to_string(), app.tenant.to_string().to_uppercase()] {
        assert_eq!(tenant_of_upload(&app, &user.token, Some(&same)).await, Ok(app.tenant));
    }
}

/// G29 and J15: without a tenant in the token only a service may name one.
#[tokio::test]
async fn g29_without_a_tenant_nothing_is_done_unless_a_service_names_one() {
    let app = TestApp::new();
    let person = app.user();
    let without = |roles: Value| {
        let mut claims = app.claims(app.tenant, person.id);
        claims.as_object_mut().unwrap().remove("tenant_uuid");
        claims.as_object_mut().unwrap().remove("tenant_slug");
        claims["roles"] = roles;
        app.sign(&claims)
    };
    let tenant = records::new_tenant();
    let named = tenant.to_string();
    let ordinary = without(json!(["user", "storage:admin"]));
    refused_everywhere(&app, &ordinary, &[], 403, "TENANT_REQUIRED").await;
    refused_everywhere(&app, &ordinary, &[("x-tenant-id", &named)], 403, "TENANT_REQUIRED").await;
    let service = without(json!(["storage:service"]));
    let issue = "/api/v1/files/presigned-upload";
    for (route, answer) in everywhere(&app, &service, &[]).await {
        // There the body may say that nobody knows yet whose the file is.
        if !route.ends_with(issue) {
            answer.refused(403, "TENANT_REQUIRED", &route);
        }
    }
    let mut upload = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    app.call("POST", issue).token(&service).json(&upload).send().await.refused(403, "TENANT_REQUIRED", issue);
    upload["unassigned"] = json!(true);
    app.call("POST", issue).token(&ordinary).json(&upload).send().await.refused(
        403,
        "TENANT_REQUIRED",
        issue,
    );
    app.call("POST", issue).by(&person).json(&upload).send().await.refused(403, "FORBIDDEN", issue);
    assert_eq!(tenant_of_upload(&app, &service, Some(&named)).await, Ok(tenant));
    assert_eq!(app.store.files().len(), 1);
}

/// J13: what is no tenant in a token is none; a UUID in upper case is one.
#[tokio::test]
async fn j13_a_malformed_tenant_claim_is_no_tenant() {
    let app = TestApp::new();
    let person = app.user();
    let table = [
        ("tenant_uuid", json!("acme")),
        ("tenant_uuid", json!("00000000-0000-0000-0000-000000000000")),
        ("tenant_uuid", json!([app.tenant.to_string()])),
        ("tenant_uuid", json!(1)),
        ("tenant_uuid", Value::Null),
        ("tenant_slug", json!("a/../b")),
    ];
    for (name, value) in table {
        let mut claims = app.claims(app.tenant, person.id);
        claims[name] = value.clone();
        let answer = tenant_of_upload(&app, &app.sign(&claims), None).await;
        assert_eq!(answer, Err("TENANT_REQUIRED".to_owned()), "{name} {value}");
    }
    let mut claims = app.claims(app.tenant, person.id);
    claims["tenant_uuid"] = json!(app.tenant.to_string().to_uppercase());
    assert_eq!(tenant_of_upload(&app, &app.sign(&claims), None).await, Ok(app.tenant));
    claims["metadata"] = json!({ "tenant_uuid": records::new_tenant().to_string() });
    assert_eq!(tenant_of_upload(&app, &app.sign(&claims), None).await, Err("TENANT_MISMATCH".to_owned()));
}

async fn put_tenant(app: &TestApp, slug: &str, state: TenantState) {
    let slug = TenantSlug::parse(slug).unwrap();
    let record = records::sample_tenant(app.tenant);
    let bucket = storage_core::ids::BucketName::parse("canary-own").unwrap();
    app.storage.add_bucket(&bucket);
    app.store.put_tenant(&TenantRecord { slug, bucket, state, ..record }).await.unwrap();
}

/// J16, J19 and G30: the mapping record is found by the UUID, and its word is final.
#[tokio::test]
async fn g30_j16_j19_the_mapping_record_decides() {
    let app = TestApp::new();
    let user = app.user();
    for (slug, state, code) in [
        ("another", TenantState::Active, "TENANT_MISMATCH"),
        ("acme", TenantState::Suspended, "TENANT_SUSPENDED"),
        ("acme", TenantState::Deleting, "TENANT_SUSPENDED"),
        ("acme", TenantState::Creating, "TENANT_NOT_READY"),
    ] {
        put_tenant(&app, slug, state).await;
        assert_eq!(tenant_of_upload(&app, &user.token, None).await, Err(code.to_owned()));
        let avatar = format!("/api/v1/users/{}/avatar", user.id);
        assert_eq!(app.get(&user, &avatar).await.code(), code);
        assert_eq!(app.delete(&user, &avatar).await.code(), code);
        assert_eq!(app.get(&user, &format!("/api/v1/files/{}", fresh_id())).await.code(), code);
    }
    assert_eq!((app.store.files().len(), app.storage.keys().len()), (0, 0));
    put_tenant(&app, "acme", TenantState::Active).await;
    assert_eq!(tenant_of_upload(&app, &user.token, None).await, Ok(app.tenant));
    assert!(app.storage.keys().iter().all(|key| key.starts_with("canary-own/")), "{:?}", app.storage.keys());
}

/// A tenant that is suspended meanwhile: its public avatars are an `<img>`'s too.
#[tokio::test]
async fn j19_a_suspended_tenants_avatars_are_not_shown_to_anyone() {
    let app = TestApp::new();
    let user = app.user();
    let avatar = format!("/api/v1/users/{}/avatar", user.id);
    let form = Form::of_file("a.jpg", "image/jpeg", &photo(16, 1)).field("is_public", "true");
    app.call("POST", &avatar).by(&user).form(form).send().await.is(201);
    let anyone = format!("{avatar}?tenant={}", app.tenant);
    app.request("GET", &anyone, None, &Value::Null).await.is(302);
    put_tenant(&app, "acme", TenantState::Suspended).await;
    app.request("GET", &anyone, None, &Value::Null).await.refused(404, "NOT_FOUND", "anyone");
}

/// A single-tenant installation does not look at tenants at all.
#[tokio::test]
async fn a_single_tenant_has_everything() {
    let default = TenantId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let app = TestApp::with(&[("STORAGE_ENABLE_MULTI_TENANCY", "false")]);
    let user: Person = app.user();
    assert_eq!(tenant_of_upload(&app, &user.token, None).await, Ok(default));
    let other = records::new_tenant().to_string();
    assert_eq!(tenant_of_upload(&app, &user.token, Some(&other)).await, Err("TENANT_MISMATCH".to_owned()));
}
