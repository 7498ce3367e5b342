//! G64: what is down says so, and what does not need it still works.

use api_tests::{Answer, Form, Person, TestApp, fresh_id, photo, routes};
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ports::{Clock, MetadataStore, SelfTest};

/// A good request to every route that needs the metadata.
async fn every_route(app: &TestApp, caller: &Person) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    let upload = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 10 });
    for route in routes().into_iter().filter(|route| route.function != "health" && !route.is_sealed()) {
        let names_entity = ["/users/", "/agents/", "{kind}"].iter().any(|part| route.path.contains(part));
        let id = if names_entity { caller.id.to_string() } else { fresh_id() };
        let path = route.path.replace("{id}", &id).replace("{kind}", "users");
        let path = path.replace("/audit", &format!("/audit?file_id={}", fresh_id()));
        let path = path.replace("/params", "/params?filename=a.txt&type=text/plain");
        let call = app.call(route.method.as_str(), &path.replace("{file}", "small.jpg")).by(caller);
        let call = match (route.method.as_str(), route.path) {
            ("POST", "/api/v1/files/urls" | "/api/v1/files/delete") => {
                call.json(&json!({ "ids": [fresh_id()] }))
            }
            ("POST", "/api/v1/avatars/urls") => {
                call.json(&json!({ "avatars": [{ "kind": "users", "id": fresh_id() }] }))
            }
            // A ticket says who may upload and asks nobody.
            ("POST", "/api/v1/uploads/tickets") => continue,
            ("POST", "/api/v1/s3/multipart") => call.json(&json!({ "filename": "a", "type": "text/plain" })),
            ("POST", "/api/v1/s3/sign") => call.json(&json!({ "method": "POST", "key": "a.txt" })),
            ("POST", path) if path.ends_with("/upload") => {
                call.form(Form::of_file("a.txt", "text/plain", b"text"))
            }
            ("PATCH", _) => call.json(&json!({ "filename": "b.png" })),
            ("POST", "/api/v1/cleanup") => call,
            ("POST", path) if path.contains("/files/{id}/") => call,
            ("POST", _) => call.json(&upload),
            _ => call,
        };
        answers.push((format!("{} {}", route.method, route.path), call.send().await));
    }
    assert!(answers.len() > 15);
    answers
}

fn check_down(answer: Answer, code: &str, case: &str) {
    let answer = answer.refused(503, code, case);
    let seconds: u64 = answer.header("retry-after").expect("when to come back").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{case}: {seconds}");
}

async fn ready(app: &TestApp) -> Answer {
    app.request("GET", "/api/v1/health/ready", None, &Value::Null).await
}

async fn alive(app: &TestApp) {
    let answer = app.request("GET", "/api/v1/health", None, &Value::Null).await.is(200);
    assert_eq!(answer.json(), json!({ "status": "ok" }));
}

#[tokio::test]
async fn g64_without_metadata_every_route_says_so_and_health_says_dynamodb() {
    let app = TestApp::new();
    let admin = app.person(app.tenant, &["storage:admin"]);
    app.store.set_available(false);
    for (route, answer) in every_route(&app, &admin).await {
        check_down(answer, "METADATA_UNAVAILABLE", &route);
    }
    alive(&app).await;
    let report = ready(&app).await.is(503).json();
    assert_eq!((&report["status"], &report["checks"]["s3"]["status"]), (&json!("unavailable"), &json!("ok")));
    assert_eq!(report["checks"]["dynamodb"]["status"], "failed");
    assert_eq!(report["checks"]["dynamodb"]["error"], "METADATA_UNAVAILABLE");
    assert_eq!(app.storage.keys().len(), 0, "no byte without a record");

    app.store.set_available(true);
    for (route, answer) in every_route(&app, &admin).await {
        assert_ne!(answer.status, 503, "{route}: it works again");
    }
}

#[tokio::test]
async fn g64_without_storage_reads_go_on_and_writes_say_so() {
    let app = TestApp::new();
    let user = app.user();
    let avatar = format!("/api/v1/users/{}/avatar", user.id);
    let form = || Form::of_file("a.jpg", "image/jpeg", &photo(16, 1));
    app.call("POST", &avatar).by(&user).form(form()).send().await.is(201);
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, b"text").await.unwrap();
    let before = app.storage.keys();

    app.storage.set_available(false);
    let report = ready(&app).await.is(503).json();
    assert_eq!(report["checks"]["s3"]["status"], "failed");
    assert_eq!(report["checks"]["s3"]["error"], "STORAGE_UNAVAILABLE");
    assert_eq!(report["checks"]["dynamodb"]["status"], "ok");
    alive(&app).await;
    // What needs only the records.
    app.get(&user, &avatar).await.is(302);
    app.get(&user, &format!("{avatar}/info")).await.is(200);
    app.get(&user, &format!("/api/v1/files/{}", issued.file)).await.is(200);
    app.post(&user, "/api/v1/files/presigned-upload", &body).await.is(201);
    // What needs the bytes.
    let complete = format!("/api/v1/files/{}/complete", issued.file);
    check_down(app.post(&user, &complete, &Value::Null).await, "STORAGE_UNAVAILABLE", "complete");
    check_down(
        app.call("POST", &avatar).by(&user).form(form()).send().await,
        "STORAGE_UNAVAILABLE",
        "avatar",
    );
    let file = Form::of_file("a.txt", "text/plain", b"text");
    let answer = app.call("POST", "/api/v1/files/upload").by(&user).form(file).send().await;
    check_down(answer, "STORAGE_UNAVAILABLE", "file");
    assert_eq!(app.deliver_event(&issued.staging).await, ["m0"], "the event comes again");
    // A deletion is committed, and the sweep removes the bytes later.
    app.delete(&user, &avatar).await.is(204);
    app.get(&user, &avatar).await.refused(404, "NOT_FOUND", "deleted all the same");
    assert_eq!(app.storage.keys(), before);

    app.storage.set_available(true);
    app.get(&user, &avatar).await.refused(404, "NOT_FOUND", "and not brought back");
    assert_eq!(app.post(&user, &complete, &Value::Null).await.is(200).json()["state"], "ready");
}

/// A reply that is lost on the way is no failure where the write happened, and no second effect.
#[tokio::test]
async fn g20_lost_replies_do_not_double_or_lose_an_upload() {
    for nth in 1..=3 {
        let app = TestApp::new();
        let user = app.user();
        app.store_faults.lose_reply("commit", nth, ErrorKind::MetadataUnavailable);
        let form = Form::of_file("a.txt", "text/plain", b"text");
        let made = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.is(201).json();
        assert_eq!((made["state"].as_str(), app.store.files().len()), (Some("ready"), 1), "commit {nth}");
        assert_eq!(app.keys(&[]).len(), 2);
        let trail = app.trail(made["file_id"].as_str().unwrap()).await;
        assert_eq!(trail, ["issued", "claimed", "ready"], "commit {nth}");
    }
}

/// Readiness knows what `process-upload` found about itself.
#[tokio::test]
async fn readiness_tells_the_verdict_and_the_age_of_the_self_test() {
    for passed in [true, false] {
        let app = TestApp::new();
        let test =
            SelfTest { function: "process-upload".to_owned(), at: app.clock.now(), passed, duration_ms: 3 };
        app.store.put_self_test(&test).await.unwrap();
        app.clock.advance(std::time::Duration::from_secs(90));
        let report = ready(&app).await.is(if passed { 200 } else { 503 }).json();
        let check = &report["checks"]["process-upload"];
        if passed {
            assert_eq!((&check["status"], &check["age_s"]), (&json!("ok"), &json!(90)));
        } else {
            assert_eq!(
                (&check["status"], &report["checks"]["s3"]["status"]),
                (&json!("failed"), &json!("ok"))
            );
        }
    }
}

/// Storage that is switched off answers nothing else, and health goes on.
#[tokio::test]
async fn storage_that_is_switched_off_says_so_on_every_route() {
    let app = TestApp::with(&[("STORAGE_ENABLED", "false")]);
    let user = app.user();
    for (route, answer) in every_route(&app, &user).await {
        check_down(answer, "STORAGE_NOT_CONFIGURED", &route);
    }
    alive(&app).await;
    ready(&app).await.is(200);
    assert_eq!(app.store_faults.calls().len() + app.storage_faults.calls().len(), 0);
}
