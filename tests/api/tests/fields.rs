//! G24 and G27: clients cannot say what the server owns, and cannot point at a place.

use std::collections::BTreeSet;

use api_tests::{Form, Person, TestApp, fresh_id, routes};
use serde_json::{Value, json};
use storage_testkit::records;

use crate::json::json_routes;

/// Every member of a record, of a tenant and of what documents name otherwise.
fn server_owned() -> BTreeSet<String> {
    let record = records::full_file(records::new_tenant(), records::sample_time());
    let record = serde_json::to_value(&record).unwrap();
    let mut names: BTreeSet<String> = record.as_object().unwrap().keys().cloned().collect();
    assert!(names.len() >= 35, "the sample record has every member: {names:?}");
    names.extend(
        [
            "gen",
            "scan",
            "identified",
            "tenant_uuid",
            "tenant_slug",
            "prefix",
            "key",
            "upload_url",
            "x",
            "__proto__",
        ]
        .map(str::to_owned),
    );
    for name in ["state", "tenant_uuid", "final_key", "scan", "identified", "gen", "bucket", "key"] {
        assert!(names.contains(name), "{name} is the server's");
    }
    names
}

/// What each JSON route takes, by the documentation.
fn documented(path: &str) -> &'static [&'static str] {
    match path {
        "/api/v1/files/presigned-upload" => &[
            "filename",
            "content_type",
            "size_bytes",
            "is_public",
            "purpose",
            "scope",
            "external_id",
            "sha256",
            "metadata",
            "expires_in",
            "unassigned",
        ],
        "/api/v1/uploads/tickets" => &["purpose", "entity_id", "scope", "is_public", "expires_in"],
        "/api/v1/s3/multipart" => &["filename", "type", "metadata"],
        "/api/v1/s3/sign" => &[
            "method",
            "key",
            "uploadId",
            "partNumber",
            "contentType",
            "expiresIn",
            "filename",
            "size",
            "metadata",
            "form",
        ],
        "/api/v1/files/urls" => &["ids"],
        "/api/v1/files/delete" => &["ids", "permanent"],
        "/api/v1/avatars/urls" => &["avatars"],
        _ => &["filename", "content_type", "size_bytes", "is_public", "sha256", "expires_in"],
    }
}

/// The forms.
fn form_routes(user: &Person) -> Vec<String> {
    let avatar = |kind: &str| format!("/api/v1/{kind}/{}/avatar", user.id);
    vec!["/api/v1/files/upload".to_owned(), "/api/v1/upload".to_owned(), avatar("users"), avatar("agents")]
}

#[tokio::test]
async fn g24_unknown_and_server_owned_members_are_refused_on_every_json_route() {
    let app = TestApp::new();
    let user = app.person(app.tenant, &["storage:admin"]);
    let mut refusals = 0;
    for (path, good) in json_routes(&user) {
        assert!(
            matches!(app.post(&user, &path, &good).await.status, 200 | 201),
            "{path}: the body is good without"
        );
        let before = app.store.files().len();
        for name in server_owned() {
            if documented(&path).contains(&name.as_str()) {
                continue;
            }
            for value in [json!("x"), Value::Null, json!({})] {
                let mut body = good.clone();
                body[&name] = value;
                let answer = app.post(&user, &path, &body).await.refused(
                    400,
                    "UNKNOWN_FIELD",
                    &format!("{path} {name}"),
                );
                assert_eq!(answer.json()["error"]["details"]["field"], name.as_str());
                refusals += 1;
            }
        }
        assert_eq!(app.store.files().len(), before, "{path}: nothing was made of them");
    }
    assert!(refusals > 400, "{refusals}");
    // Inside the items of a batch too.
    let items = json!({ "avatars": [{ "kind": "users", "id": user.id.to_string(), "bucket": "x" }] });
    app.post(&user, "/api/v1/avatars/urls", &items).await.refused(400, "UNKNOWN_FIELD", "an item");
    let upload = json!({ "filename": "a", "content_type": "text/plain", "size_bytes": 1,
        "metadata": { "identified": "true" } });
    let answer = app.post(&user, "/api/v1/files/presigned-upload", &upload).await;
    answer.refused(400, "UNKNOWN_FIELD", "metadata.identified");
}

#[tokio::test]
async fn g24_unknown_and_server_owned_fields_are_refused_in_every_form() {
    let app = TestApp::new();
    let user = app.person(app.tenant, &["storage:admin"]);
    let allowed = ["is_public", "sha256", "metadata", "scope", "external_id", "owner_id"];
    for path in form_routes(&user) {
        for name in server_owned() {
            if allowed.contains(&name.as_str()) {
                continue;
            }
            let form = Form::of_file("a.jpg", "image/jpeg", &api_tests::photo(16, 1)).field(&name, "x");
            let answer = app.call("POST", &path).by(&user).form(form).send().await;
            answer.refused(400, "UNKNOWN_FIELD", &format!("{path} {name}"));
        }
    }
    assert_eq!((app.store.files().len(), app.storage.keys().len()), (0, 0));
}

/// Every route that takes a body is in one of the tables above, or is known to look at none.
#[tokio::test]
async fn g24_no_route_with_a_body_is_forgotten() {
    let app = TestApp::new();
    let user = app.person(app.tenant, &["storage:admin"]);
    let shape = |path: &str| {
        let segments = path.split('/').map(|part| if part.len() == 36 { "{id}" } else { part });
        segments.collect::<Vec<_>>().join("/")
    };
    let json = json_routes(&user).into_iter().map(|(path, _)| shape(&path));
    let mut tested: BTreeSet<String> =
        json.chain(form_routes(&user).iter().map(|path| shape(path))).collect();
    tested.insert("/api/v1/files/{id}/complete".to_owned());
    let tickets = "/api/v1/uploads/tickets";
    tested.insert(tickets.to_owned());
    app.post(&user, tickets, &json!({ "tenant": "x" })).await.refused(400, "UNKNOWN_FIELD", tickets);
    for path in ["/api/v1/cleanup", "/api/v1/admin/files/{id}/release"] {
        tested.insert(path.to_owned());
        let called = path.replace("{id}", &api_tests::fresh_id());
        app.post(&user, &called, &json!({ "tenant": "x" })).await.refused(400, "UNKNOWN_FIELD", path);
    }
    // What is in the path of these is sealed: a body they do not know is refused before it is opened.
    let sealed = "/api/v1/s3/multipart/{upload_id}/complete";
    tested.insert(sealed.to_owned());
    let answer = app.post(&user, &sealed.replace("{upload_id}", "x"), &json!({ "parts": [], "x": 1 })).await;
    answer.refused(400, "UNKNOWN_FIELD", sealed);
    tested.extend(CHANGES.iter().map(|(_, path, ..)| (*path).to_owned()));
    tested.remove("/api/v1/files/{id}");
    let posts = routes().into_iter().filter(|route| route.method == "POST");
    let posts = posts.filter(|route| !route.path.contains("{ticket}"));
    assert_eq!(posts.map(|route| route.path.to_owned()).collect::<BTreeSet<_>>(), tested);

    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, b"text").await.unwrap();
    let complete = format!("/api/v1/files/{}/complete", issued.file);
    let answer = app.post(&user, &complete, &json!({ "bucket": "x", "key": "y", "state": "ready" })).await;
    answer.refused(400, "UNKNOWN_FIELD", "complete");
    assert_eq!(app.keys(&[]).len(), 1, "nothing was ingested: {:?}", app.keys(&[]));
}

/// The routes that change a file, and what their bodies may say.
const CHANGES: &[(&str, &str, &[&str])] = &[
    ("PATCH", "/api/v1/files/{id}", &["filename", "is_public", "metadata"]),
    ("POST", "/api/v1/files/{id}/copy", &["filename", "scope", "is_public", "external_id", "metadata"]),
    ("POST", "/api/v1/files/{id}/move", &["scope", "owner_id", "filename", "external_id"]),
    ("POST", "/api/v1/files/{id}/claim", &["owner_id", "is_public"]),
    ("POST", "/api/v1/files/{id}/restore", &[]),
];

#[tokio::test]
async fn g24_changes_of_a_file_refuse_what_they_do_not_know() {
    let app = TestApp::new();
    let user = app.person(app.tenant, &["storage:admin"]);
    let file = app.text(&user, "a.txt", b"text").await;
    let before = (app.record(&file).await, app.store.files().len(), app.keys(&[]));
    for (method, path, known) in CHANGES {
        let path = path.replace("{id}", &file);
        for name in server_owned() {
            if known.contains(&name.as_str()) {
                continue;
            }
            for value in [json!("x"), Value::Null, json!({})] {
                let body = json!({ &name: value });
                let answer = app.request(method, &path, Some(&user.token), &body).await;
                let answer = answer.refused(400, "UNKNOWN_FIELD", &format!("{method} {path} {name}"));
                assert_eq!(answer.json()["error"]["details"]["field"], name.as_str());
            }
        }
        for (case, body) in
            [("array", "[]"), ("two", "{}{}"), ("null", "null"), ("twice", "{\"a\":1,\"a\":1}")]
        {
            let call = app.call(method, &path).by(&user).bytes("application/json", body);
            call.send().await.refused(400, "INVALID_JSON", &format!("{method} {path} {case}"));
        }
    }
    assert_eq!((app.record(&file).await, app.store.files().len(), app.keys(&[])), before);
}

/// G27: a place in a query is refused on every route.
#[tokio::test]
async fn g27_bucket_key_and_prefix_in_a_query_reach_nothing() {
    for route in routes().into_iter().filter(|route| route.function != "health") {
        for name in ["bucket", "key", "prefix", "tenant_uuid", "owner"] {
            // A ticket is judged first; a key has to agree with the sealed id beside it.
            if route.path.contains("{ticket}") || (route.is_sealed() && name == "key") {
                continue;
            }
            // Whose files to list is a question; where they lie is none.
            if (route.path, name) == ("/api/v1/files", "owner") {
                continue;
            }
            let app = TestApp::new();
            let user = app.person(app.tenant, &["storage:admin"]);
            let form = Form::of_file("a.jpg", "image/jpeg", &api_tests::photo(16, 1));
            let avatar = format!("/api/v1/users/{}/avatar", user.id);
            let made = app.call("POST", &avatar).by(&user).form(form).send().await.is(201).json();
            let id = if route.path.contains("/files/")
                || route.path.contains("load/")
                || route.path.contains("delete/")
            {
                made["file_id"].as_str().unwrap().to_owned()
            } else {
                user.id.to_string()
            };
            let path =
                route.path.replace("{id}", &id).replace("{kind}", "users").replace("{file}", "small.jpg");
            let body = json_routes(&user).into_iter().find(|(known, _)| *known == path).map(|(_, body)| body);
            let send = async |query: &str| {
                let body = body.clone().unwrap_or_else(|| match route.path {
                    "/api/v1/agents/{id}/avatar" if route.method == "POST" => json_routes(&user)[1].1.clone(),
                    path if path.ends_with("{upload_id}/complete") => json!({ "parts": [] }),
                    _ => Value::Null,
                });
                app.request(route.method.as_str(), &format!("{path}{query}"), Some(&user.token), &body).await
            };
            let answer = send(&format!("?{name}=canary-elsewhere")).await;
            answer.refused(400, "INVALID_REQUEST", &format!("{route:?} {name}"));
            let calls = [app.storage_faults.lines(), app.store_faults.lines()].concat();
            assert!(!calls.iter().any(|line| line.contains("elsewhere")), "{route:?}: {calls:?}");
        }
    }
}

/// G27 for ids: a key in place of an id is not looked up.
#[tokio::test]
async fn g27_a_key_in_place_of_an_id_is_no_id() {
    let app = TestApp::new();
    let user = app.user();
    let key = format!("private%2Favatars%2Fusers%2F{}%2F{}", user.id, fresh_id());
    for path in [
        format!("/api/v1/files/{key}"),
        format!("/api/v1/download/{key}"),
        format!("/api/v1/users/{key}/avatar"),
    ] {
        app.get(&user, &path).await.refused(400, "INVALID_ID", &path);
    }
    let found = app
        .post(&user, "/api/v1/files/urls", &json!({ "ids": ["private/attachments/x"] }))
        .await
        .is(200)
        .json();
    assert_eq!(found["results"][0]["error"], "INVALID_ID");
}
