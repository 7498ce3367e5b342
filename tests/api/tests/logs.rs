//! G60: nothing secret and nothing personal is logged. Every test of this binary searches what is logged meanwhile; these
//! show that the search can find something, and walk what the others do not.

use std::process::{Command, Stdio};

use api_tests::{EMAIL, Form, Scanner, TestApp, photo, scanner};
use serde_json::{Value, json};
use storage_core::ErrorKind;

/// A caller whose very name is an e-mail address, with metadata that are one too, through both ways of uploading.
#[tokio::test]
async fn g60_people_and_their_files_are_not_named() {
    let app = TestApp::new();
    let mut claims = app.claims(app.tenant, app.user().id);
    claims["sub"] = json!(EMAIL);
    claims["name"] = json!("Canary Person-4711");
    scanner().secret("Canary Person-4711");
    let token = app.sign(&claims);
    let before = scanner().lines();
    let body = json!({
        "filename": "canary of Ms. Person.txt", "content_type": "text/plain", "size_bytes": 11,
        "external_id": "canary-external-id", "scope": "canary-scope", "metadata": { "mail": EMAIL },
    });
    let route = "/api/v1/files/presigned-upload";
    let issued = app.request("POST", route, Some(&token), &body).await.is(201);
    let issued = api_tests::Issued::read(&issued);
    app.post_form(&issued, b"canary text").await.unwrap();
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    let file = format!("/api/v1/files/{}", issued.file);
    app.request("GET", &file, Some(&token), &Value::Null).await.is(200);
    let named = format!("{file}/download?disposition=attachment&name=canary-of-a-download.txt");
    scanner().secret("canary-of-a-download.txt");
    app.request("GET", &named, Some(&token), &Value::Null).await.is(302);
    let form = Form::of_file("canary of Ms. Person.jpg", "image/jpeg", &photo(16, 1));
    app.call("POST", "/api/v1/files/upload").token(&token).form(form).send().await.is(201);
    app.request("DELETE", &file, Some(&token), &Value::Null).await.is(204);
    let lines = scanner().lines() - before;
    assert!(lines >= 12, "a line in each format for each of six requests: {lines}");
}

/// Failures say more than successes: each operation of the storage and of the metadata fails once.
#[tokio::test]
async fn g60_failures_name_nobody_either() {
    for operation in ["put", "copy", "head", "get", "delete", "commit", "get_file", "take_seq", "due", "list"]
    {
        for nth in 1..=2 {
            let app = TestApp::new();
            let user = app.user();
            let body = json!({
                "filename": "canary of Ms. Person.jpg", "content_type": "image/jpeg",
                "size_bytes": photo(16, 1).len(),
            });
            let route = format!("/api/v1/users/{}/avatar", user.id);
            let issued = app.presign(&user, &route, &body).await;
            app.post_form(&issued, &photo(16, 1)).await.unwrap();
            app.storage_faults.fail(operation, nth, ErrorKind::StorageUnavailable);
            app.store_faults.fail(operation, nth, ErrorKind::MetadataUnavailable);
            app.deliver_event(&issued.staging).await;
            app.post(&user, &format!("/api/v1/files/{}/complete", issued.file), &Value::Null).await;
            let form = Form::of_file("canary of Ms. Person.jpg", "image/jpeg", &photo(16, 1));
            app.call("POST", &route).by(&user).form(form).send().await;
            app.delete(&user, &route).await;
            app.storage_faults.heal();
            app.store_faults.heal();
            app.sweep_later().await;
        }
    }
}

/// Tokens that are refused are looked at most closely, and are somebody's all the same.
#[tokio::test]
async fn g60_refused_tokens_are_not_shown() {
    let app = TestApp::new();
    let user = app.user();
    let before = scanner().lines();
    let mut halves: Vec<&str> = user.token.split('.').collect();
    halves[2] = "canarycanarycanarycanarycanarycanarycanary";
    let tokens = [
        halves.join("."),
        format!("{}.{}.", halves[0], halves[1]),
        user.token.replace('.', " "),
        format!("{}canary", user.token),
        "canary-that-is-no-token-at-all".to_owned(),
    ];
    for token in &tokens {
        let answer = app.call("GET", "/api/v1/files/x").token(token).send().await;
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    }
    assert!(scanner().lines() >= before + 4 * tokens.len(), "the reasons were logged, at level debug");
}

#[test]
fn g60_the_scanner_finds_what_is_planted() {
    let scanner = Scanner::default();
    scanner.token("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ");
    scanner.name("me.jpg");
    scanner.secret("{\"filename\":\"x\"}");
    scanner.secret(&"0123456789abcdef".repeat(4));
    scanner.members(&json!({ "filename": "of-nobody.txt", "metadata": { "a": "somebody@mail.example" } }));
    for leak in [
        "token=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ",
        "claims eyJzdWIiOiJjYW5hcnkifQ",
        "signature c2lnbmF0dXJlLWNhbmFyeQ",
        "put me.jpg",
        "{\"message\":\"me.jpg\"}",
        "{\"message\":\"{\\\"filename\\\":\\\"x\\\"}\"}",
        "cut 0123456789abcdef0123456789abcdef01234567",
        "of-nobody.txt",
        "mail somebody@mail.example",
    ] {
        assert!(scanner.find(leak).is_some(), "{leak}");
    }
    for good in
        ["", "me", "resume.jpg", "me.jpgs", "0123456789abcdef", "request answered", "eyJhbGciOiJFUzI1NiJ8"]
    {
        assert_eq!(scanner.find(good), None, "{good}");
    }
}

/// A leak in a test of this binary is noticed: the process of such a test ends at once.
#[test]
fn g60_a_leak_ends_the_process() {
    for (test, leaks) in [("a_leak", true), ("no_leak", false)] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", &format!("logs::planted::{test}")]).stdin(Stdio::null());
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), !leaks, "{test}: {told}");
        assert_eq!(told.contains("a log line shows \"planted-canary.txt\""), leaks, "{test}: {told}");
    }
}

mod planted {
    use super::*;

    #[tokio::test]
    #[ignore = "run by g60_a_leak_ends_the_process"]
    async fn a_leak() {
        let app = TestApp::new();
        let form = Form::of_file("planted-canary.txt", "text/plain", b"text");
        app.call("POST", "/api/v1/files/upload").by(&app.user()).form(form).send().await.is(201);
        tracing::trace!(target: "storage_core::filename", "planted-canary.txt");
    }

    #[tokio::test]
    #[ignore = "run by g60_a_leak_ends_the_process"]
    async fn no_leak() {
        let app = TestApp::new();
        let form = Form::of_file("planted-canary.txt", "text/plain", b"text");
        app.call("POST", "/api/v1/files/upload").by(&app.user()).form(form).send().await.is(201);
        tracing::trace!(target: "storage_core::filename", "nothing");
        tracing::trace!(target: "aws_smithy_runtime::client", "planted-canary.txt");
    }
}
