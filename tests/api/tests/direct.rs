//! Uploads in the request itself.

use api_tests::{Form, TestApp, photo, sha256};
use serde_json::json;

#[tokio::test]
async fn an_avatar_in_a_form_is_ready_in_the_answer() {
    let app = TestApp::new();
    let manager = app.person(app.tenant, &["agent:write"]);
    let user = app.user();
    let agent = app.user().id;
    for (kind, entity, writer) in [("users", user.id, &user), ("agents", agent, &manager)] {
        let route = format!("/api/v1/{kind}/{entity}/avatar");
        let bytes = photo(400, 7);
        let form = Form::of_file("me.jpg", "image/jpeg", &bytes).field("sha256", &sha256(&bytes));
        let made = app.call("POST", &route).by(writer).form(form).send().await.is(201).json();
        assert_eq!((&made["state"], &made["content_type"]), (&json!("ready"), &json!("image/jpeg")));
        assert_eq!((&made["width"], &made["is_public"]), (&json!(400), &json!(false)));
        assert_eq!(made["filename"], "me.jpg");
        assert_eq!(made["owner_id"], writer.id.to_string());
        for (size, side) in [("original", 400), ("small", 32), ("medium", 150), ("large", 300)] {
            let shown = &made["sizes"][size];
            assert_eq!((&shown["width"], &shown["height"]), (&json!(side), &json!(side)), "{kind} {size}");
            let served = app.fetch(shown["url"].as_str().unwrap()).expect("the URL leads to bytes");
            assert_eq!(shown["bytes"], served.len());
            let redirect = app.get(writer, &format!("{route}?size={size}")).await.is(302);
            assert_eq!(redirect.header("location"), shown["url"].as_str());
        }
        let original = app.fetch(made["url"].as_str().unwrap()).unwrap();
        assert_eq!(made["sha256"], sha256(&original), "the digest of what is served");
        app.delete(writer, &route).await.is(204);
        assert_eq!(app.keys(&[]), Vec::<String>::new(), "nothing was ever on staging");
    }
}

#[tokio::test]
async fn an_attachment_in_a_form_is_ready_in_the_answer_and_under_the_alias() {
    let app = TestApp::new();
    let user = app.user();
    for (index, route) in ["/api/v1/files/upload", "/api/v1/upload"].into_iter().enumerate() {
        let form = Form::of_file("notes.txt", "text/plain", b"one two\nthree\n")
            .field("owner_id", &user.id.to_string())
            .field("metadata", r#"{"topic":"größe"}"#)
            .field("scope", "project-1")
            .field("external_id", &format!("ext-{index}"));
        let made = app.call("POST", route).by(&user).form(form).send().await.is(201).json();
        let id = made["file_id"].as_str().unwrap();
        assert_eq!((&made["state"], &made["size_bytes"]), (&json!("ready"), &json!(14)));
        assert_eq!(
            (&made["content_type"], &made["metadata"]),
            (&json!("text/plain"), &json!({ "topic": "größe" }))
        );
        assert_eq!((&made["scope"], &made["purpose"]), (&json!("project-1"), &json!("attachment")));
        assert_eq!(made["expires_at"], "2026-11-20T12:15:00.000Z");
        assert_eq!(app.fetch(made["url"].as_str().unwrap()).unwrap(), "one two\nthree\n");
        for download in [format!("/api/v1/files/{id}/download"), format!("/api/v1/download/{id}")] {
            let redirect = app.get(&user, &download).await.is(302);
            assert_eq!(redirect.header("location"), made["url"].as_str());
            assert_eq!(redirect.header("cache-control"), Some("private, no-store"));
        }
        let record = app.get(&user, &format!("/api/v1/files/{id}")).await.is(200);
        let etag = record.header("etag").unwrap().to_owned();
        let shown = record.json();
        assert_eq!((&shown["external_id"], &shown["url"]), (&json!(format!("ext-{index}")), &made["url"]));
        let call = app.call("GET", &format!("/api/v1/files/{id}")).by(&user).header("if-none-match", &etag);
        assert!(call.send().await.is(304).body.is_empty());
        let found = app.post(&user, "/api/v1/files/urls", &json!({ "ids": [id, "x"] })).await.is(200).json();
        assert_eq!(found["results"][0]["url"], made["url"]);
        assert_eq!(found["results"][1]["error"], "INVALID_ID");
    }
    let month = "files/tenant/private/attachments/2026/11";
    let documents = "files/tenant/private/attachments/processed";
    let expected = [
        format!("{month}/file1.txt"),
        format!("{month}/file2.txt"),
        format!("{documents}/file1_metadata.json"),
        format!("{documents}/file2_metadata.json"),
    ];
    assert_eq!(app.keys(&[]), expected);
    let files: Vec<String> = app.store.files().iter().map(|record| record.file_id.to_string()).collect();
    app.delete(&user, &format!("/api/v1/files/{}", files[0])).await.is(204);
    app.get(&user, &format!("/api/v1/download/{}", files[0])).await.refused(404, "NOT_FOUND", "trashed");
    assert_eq!(app.keys(&[]), expected, "the trash keeps its bytes");
    for _ in 0..2 {
        app.delete(&user, &format!("/api/v1/delete/{}?permanent=true", files[0])).await.is(204);
        app.delete(&user, &format!("/api/v1/files/{}?permanent=true", files[1])).await.is(204);
        assert_eq!(app.keys(&[]), Vec::<String>::new());
    }
}

/// Naming another owner is refused, and so is what is no metadata.
#[tokio::test]
async fn fields_of_a_form_are_judged_before_anything_is_made() {
    let app = TestApp::new();
    let user = app.user();
    let table = [
        ("owner_id", app.user().id.to_string(), 403, "FORBIDDEN"),
        ("is_public", "yes".to_owned(), 400, "INVALID_REQUEST"),
        ("metadata", "[]".to_owned(), 400, "INVALID_REQUEST"),
        ("metadata", r#"{"a":1}"#.to_owned(), 400, "INVALID_REQUEST"),
        ("metadata", r#"{"A b":"x"}"#.to_owned(), 400, "INVALID_REQUEST"),
        ("scope", "../x".to_owned(), 400, "INVALID_REQUEST"),
        ("sha256", "xyz".to_owned(), 400, "INVALID_REQUEST"),
        ("external_id", "a\u{7f}b".to_owned(), 400, "INVALID_REQUEST"),
    ];
    for (name, value, status, code) in table {
        let form = Form::of_file("a.txt", "text/plain", b"text").field(name, &value);
        let answer = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await;
        answer.refused(status, code, &format!("{name}={value}"));
    }
    assert_eq!((app.store.files().len(), app.keys(&[]).len()), (0, 0));
}
