//! G25 and G26: what belongs to somebody else cannot be told from what is not there.

use api_tests::{Answer, Form, Person, TestApp, fresh_id, photo};
use serde_json::{Value, json};
use storage_testkit::records;

/// Every route that names a file.
const FILE_ROUTES: &[(&str, &str)] = &[
    ("GET", "/api/v1/files/{id}"),
    ("GET", "/api/v1/files/{id}/download"),
    ("GET", "/api/v1/files/{id}/download?disposition=attachment&name=a.txt"),
    ("GET", "/api/v1/download/{id}"),
    ("POST", "/api/v1/files/{id}/complete"),
    ("DELETE", "/api/v1/files/{id}"),
    ("DELETE", "/api/v1/files/{id}?permanent=true"),
    ("DELETE", "/api/v1/delete/{id}"),
    ("PATCH", "/api/v1/files/{id}"),
    ("POST", "/api/v1/files/{id}/copy"),
    ("POST", "/api/v1/files/{id}/move"),
    ("POST", "/api/v1/files/{id}/restore"),
];

/// A body that the route takes.
fn body_of(method: &str) -> Value {
    if method == "PATCH" { json!({ "filename": "b.txt", "is_public": true }) } else { Value::Null }
}

/// Files of one owner in every state a client can bring about.
async fn files(app: &TestApp, owner: &Person) -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    for state in ["pending", "uploaded", "ready", "failed", "trashed", "deleting"] {
        let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
        let issued = app.presign(owner, "/api/v1/files/presigned-upload", &body).await;
        if state != "pending" {
            app.post_form(&issued, b"text").await.unwrap();
        }
        if state == "failed" {
            app.put(&issued.staging, b"longer").await;
        }
        if matches!(state, "ready" | "failed" | "trashed" | "deleting") {
            app.deliver_event(&issued.staging).await;
        }
        let path = format!("/api/v1/files/{}", issued.file);
        match state {
            "trashed" => app.delete(owner, &path).await.is(204),
            "deleting" => app.delete(owner, &format!("{path}?permanent=true")).await.is(204),
            _ => app.get(owner, &path).await.is(200),
        };
        files.push((state, issued.file));
    }
    files
}

/// The answer with every id of the case replaced, and the calls it took.
async fn ask(
    app: &TestApp,
    caller: &Person,
    method: &str,
    path: &str,
    body: &Value,
    id: &str,
) -> (String, Vec<String>) {
    app.store_faults.forget_calls();
    app.storage_faults.forget_calls();
    let answer: Answer = app.request(method, path, Some(&caller.token), body).await;
    let calls = [app.store_faults.lines(), app.storage_faults.lines()].concat();
    let shown = format!("{} {:?} {}", answer.status, answer.header("cache-control"), answer.anonymous_body());
    (shown.replace(id, "ID"), calls.into_iter().map(|call| call.replace(id, "ID")).collect())
}

/// G26: for a stranger of another tenant the same calls are made and the same bytes answered. Within a tenant, the
/// file of a colleague is as absent as one that never was.
#[tokio::test]
async fn g26_k02_foreign_and_missing_files_are_one_answer_and_the_same_calls() {
    let app = TestApp::new();
    let owner = app.user();
    let files = files(&app, &owner).await;
    let stranger = app.person(records::new_tenant(), &["user"]);
    let foreign_admin =
        app.person(records::new_tenant(), &["storage:admin", "agent:write", "storage:service"]);
    let colleague = app.user();
    let before = (app.store.files(), app.storage.keys());
    for caller in [&stranger, &foreign_admin, &colleague] {
        for (state, file) in &files {
            for (method, route) in FILE_ROUTES {
                let missing = fresh_id();
                let case = format!("{method} {route} of a {state} file");
                let path = |id: &str| route.replace("{id}", id);
                let body = body_of(method);
                let foreign = ask(&app, caller, method, &path(file), &body, file).await;
                let missing = ask(&app, caller, method, &path(&missing), &body, &missing).await;
                assert!(
                    foreign.0.starts_with("404 ") && foreign.0.contains("NOT_FOUND"),
                    "{case}: {}",
                    foreign.0
                );
                assert_eq!(foreign, missing, "{case}");
            }
            let body = |id: &str| json!({ "ids": [id, id] });
            for route in ["/api/v1/files/urls", "/api/v1/files/delete"] {
                let missing = fresh_id();
                let foreign = ask(&app, caller, "POST", route, &body(file), file).await;
                let missing = ask(&app, caller, "POST", route, &body(&missing), &missing).await;
                assert!(foreign.0.contains("NOT_FOUND"));
                assert_eq!(foreign, missing, "{route}, {state}");
            }
            let listed = app.get(caller, "/api/v1/files?limit=1000").await.is(200).json();
            assert_eq!(listed, json!({ "files": [] }), "{state}");
        }
    }
    assert_eq!((app.store.files(), app.storage.keys()), before, "nothing of the owner's was touched");
    let served = app.get(&owner, &format!("/api/v1/files/{}/download", files[2].1)).await.is(302);
    assert_eq!(app.fetch(served.header("location").unwrap()).unwrap(), "text");
}

/// An admin of the own tenant and a service see what a colleague does not.
#[tokio::test]
async fn g25_trusted_callers_of_the_own_tenant_are_no_strangers() {
    let app = TestApp::new();
    let owner = app.user();
    let file = &files(&app, &owner).await[2].1;
    for role in ["storage:admin", "storage:service"] {
        let trusted = app.person(app.tenant, &[role]);
        app.get(&trusted, &format!("/api/v1/files/{file}/download")).await.is(302);
    }
}

/// G25 for avatars: the entity of another tenant has none, whoever asks and however.
#[tokio::test]
async fn g25_avatars_of_another_tenant_are_not_there() {
    let app = TestApp::new();
    let owner = app.user();
    let manager = app.person(app.tenant, &["agent:write"]);
    for (kind, writer) in [("users", &owner), ("agents", &manager)] {
        let entity = writer.id.to_string();
        let route = format!("/api/v1/{kind}/{entity}/avatar");
        let form = Form::of_file("a.jpg", "image/jpeg", &photo(16, 1));
        let made = app.call("POST", &route).by(writer).form(form).send().await.is(201).json();
        let before = (app.store.files(), app.storage.keys());
        let stranger = app.person(records::new_tenant(), &["user"]);
        let admin = app.person(records::new_tenant(), &["storage:admin", "agent:write", "storage:service"]);
        for caller in [&stranger, &admin] {
            for suffix in ["", "?size=small", "/info"] {
                let missing = fresh_id();
                let path = |id: &str| format!("/api/v1/{kind}/{id}/avatar{suffix}");
                let foreign = ask(&app, caller, "GET", &path(&entity), &Value::Null, &entity).await;
                assert_eq!(foreign, ask(&app, caller, "GET", &path(&missing), &Value::Null, &missing).await);
            }
            let missing = fresh_id();
            let body = |id: &str| json!({ "avatars": [{ "kind": kind, "id": id }] });
            let foreign = ask(&app, caller, "POST", "/api/v1/avatars/urls", &body(&entity), &entity).await;
            assert!(foreign.0.contains("NOT_FOUND"), "{}", foreign.0);
            assert_eq!(
                foreign,
                ask(&app, caller, "POST", "/api/v1/avatars/urls", &body(&missing), &missing).await
            );
            // The record behind the avatar is a file like any other.
            let file = made["file_id"].as_str().unwrap();
            app.get(caller, &format!("/api/v1/files/{file}")).await.refused(404, "NOT_FOUND", kind);
            app.delete(caller, &format!("/api/v1/files/{file}")).await.refused(404, "NOT_FOUND", kind);
        }
        // A deletion by a foreign admin is one in its own tenant, where there is nothing.
        app.delete(&admin, &route).await.is(204);
        app.delete(&stranger, &route).await.refused(403, "FORBIDDEN", "not its own avatar");
        assert_eq!((app.store.files(), app.storage.keys()), before);
        app.get(writer, &route).await.is(302);
        let colleague = app.user();
        app.get(&colleague, &route).await.is(302);
        let path = format!("/api/v1/files/{}", made["file_id"].as_str().unwrap());
        app.get(&colleague, &path).await.is(200);
        app.delete(&colleague, &path).await.refused(
            404,
            "NOT_FOUND",
            "a colleague sees an avatar and does not delete it",
        );
    }
}
