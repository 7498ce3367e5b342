//! G60: nothing secret and nothing personal is logged. Every test of this binary searches what is logged meanwhile; these
//! show that the search can find something, and walk what the others do not.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use api_tests::{BUCKET, Call, EMAIL, Form, Issued, STAGING, Scanner, TestApp, photo, scanner};
use async_trait::async_trait;
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ids::BucketName;
use storage_core::ports::{IngestQueue, StagedObject};
use storage_services::ledger::Ledger;
use storage_services::settings::Settings;
use storage_services::sweep::Sweep;
use storage_testkit::faulty::Faulty;

/// G60 for callers and their files.
#[test]
fn g60_people_and_their_files_are_not_named() {
    let (passed, told) = alone("counted::people");
    assert!(passed, "{told}");
}

/// G60 for tokens that are refused.
#[test]
fn g60_refused_tokens_are_not_shown() {
    let (passed, told) = alone("counted::tokens");
    assert!(passed, "{told}");
}

/// Runs one test of this module in a process of its own: whether it passed, and what it said.
fn alone(test: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", &format!("logs::{test}")]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    let ran = said.contains("running 1 test");
    assert!(ran, "there is no such test: {said}");
    (output.status.success(), said)
}

/// Tests that count the lines of their process.
mod counted {
    use super::*;

    /// A caller whose very name is an e-mail address, with metadata that are one too, through both ways of uploading.
    #[tokio::test]
    #[ignore = "run by g60_people_and_their_files_are_not_named"]
    async fn people() {
        let app = TestApp::new();
        let mut claims = app.claims(app.tenant, app.user().id);
        claims["sub"] = json!(EMAIL);
        claims["name"] = json!("Canary Person-4711");
        scanner().secret("Canary Person-4711");
        let token = app.sign(&claims);
        let body = json!({
            "filename": "canary of Ms. Person.txt", "content_type": "text/plain", "size_bytes": 11,
            "external_id": "canary-external-id", "scope": "canary-scope", "metadata": { "mail": EMAIL },
        });
        let mut lines = Lines::new();
        let route = "/api/v1/files/presigned-upload";
        let issued = app.request("POST", route, Some(&token), &body).await.is(201);
        lines.at_least(2, "the form");
        let issued = Issued::read(&issued);
        app.post_form(&issued, b"canary text").await.unwrap();
        assert!(app.deliver_event(&issued.staging).await.is_empty());
        lines.at_least(2, "the event");
        let file = format!("/api/v1/files/{}", issued.file);
        app.request("GET", &file, Some(&token), &Value::Null).await.is(200);
        lines.at_least(2, "the file");
        let named = format!("{file}/download?disposition=attachment&name=canary-of-a-download.txt");
        scanner().secret("canary-of-a-download.txt");
        app.request("GET", &named, Some(&token), &Value::Null).await.is(302);
        lines.at_least(2, "the download");
        let form = Form::of_file("canary of Ms. Person.jpg", "image/jpeg", &photo(16, 1));
        app.call("POST", "/api/v1/files/upload").token(&token).form(form).send().await.is(201);
        lines.at_least(2, "the upload");
        app.request("DELETE", &file, Some(&token), &Value::Null).await.is(204);
        lines.at_least(2, "the deletion");
    }

    /// Tokens that are refused are looked at most closely, and are somebody's all the same.
    #[tokio::test]
    #[ignore = "run by g60_refused_tokens_are_not_shown"]
    async fn tokens() {
        let app = TestApp::new();
        let user = app.user();
        let mut halves: Vec<&str> = user.token.split('.').collect();
        halves[2] = "canarycanarycanarycanarycanarycanarycanary";
        let tokens = [
            halves.join("."),
            format!("{}.{}.", halves[0], halves[1]),
            user.token.replace('.', " "),
            format!("{}canary", user.token),
            "canary-that-is-no-token-at-all".to_owned(),
        ];
        let mut lines = Lines::new();
        for token in &tokens {
            let answer = app.call("GET", "/api/v1/files/x").token(token).send().await;
            assert!(matches!(answer.status, 400 | 401), "{answer:?}");
            lines.at_least(4, "the answer, and its reason at level debug");
        }
    }

    /// How many lines this process has logged, in both formats together.
    struct Lines(usize);

    impl Lines {
        fn new() -> Self {
            Lines(scanner().lines())
        }

        /// So many more than before.
        fn at_least(&mut self, count: usize, of: &str) {
            let now = scanner().lines();
            assert!(now >= self.0 + count, "{} lines of {of}", now - self.0);
            self.0 = now;
        }
    }
}

/// Failures say more than successes: each operation of the storage and of the metadata fails once, in whatever calls it.
#[tokio::test]
async fn g60_failures_name_nobody_either() {
    for operation in [
        "put",
        "copy",
        "head",
        "get",
        "delete",
        "list",
        "commit",
        "get_file",
        "get_pointer",
        "take_seq",
        "due",
    ] {
        // A sweep lists the staging bucket once.
        for nth in 1..=if operation == "list" { 1 } else { 2 } {
            let round = Round::new(operation, nth).await;
            let app = &round.app;
            let lines = app.storage_faults.lines().into_iter().chain(app.store_faults.lines());
            let calls: Vec<String> = lines.filter(|line| line.starts_with(operation)).collect();
            assert!(round.failed(), "call {nth} of {operation} did not fail: {calls:#?}");
            app.storage_faults.heal();
            app.store_faults.heal();
            app.sweep_later().await;
        }
    }
}

/// What happens around one planned fault.
struct Round {
    app: TestApp,
    operation: &'static str,
    nth: usize,
}

impl Round {
    /// Uploads, completes, replaces, deletes and sweeps, while the `nth` call of `operation` fails.
    async fn new(operation: &'static str, nth: usize) -> Round {
        let round = Round { app: TestApp::new(), operation, nth };
        let app = &round.app;
        let user = app.user();
        let body = json!({
            "filename": "canary of Ms. Person.jpg", "content_type": "image/jpeg",
            "size_bytes": photo(16, 1).len(),
        });
        let route = format!("/api/v1/users/{}/avatar", user.id);
        let avatar = app.presign(&user, &route, &body).await;
        app.post_form(&avatar, &photo(16, 1)).await.unwrap();
        let mut files = Vec::new();
        for name in ["canary of Ms. Person.txt", "canary of Mr. Person.txt"] {
            let body = json!({ "filename": name, "content_type": "text/plain", "size_bytes": 11 });
            let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
            app.post_form(&issued, b"canary text").await.unwrap();
            files.push(issued);
        }
        for faults in [&app.storage_faults, &app.store_faults] {
            faults.forget_calls();
        }
        app.storage_faults.fail(operation, nth, ErrorKind::StorageUnavailable);
        app.store_faults.fail(operation, nth, ErrorKind::MetadataUnavailable);

        round.event(&avatar).await;
        let complete = format!("/api/v1/files/{}/complete", avatar.file);
        round.request("complete", app.call("POST", &complete).by(&user)).await;
        let form = Form::of_file("canary of Ms. Person.jpg", "image/jpeg", &photo(16, 1));
        round.request("upload", app.call("POST", &route).by(&user).form(form)).await;
        round.request("delete", app.call("DELETE", &route).by(&user)).await;
        for file in &files {
            round.event(file).await;
        }
        round.sweep().await;
        round
    }

    /// Whether the planned call was made. The reference models have no operation of the same name.
    fn failed(&self) -> bool {
        let app = &self.app;
        app.storage_faults.count(self.operation) + app.store_faults.count(self.operation) >= self.nth
    }

    /// The step that ran into the fault says so, and no other does. That bytes are not deleted now is nobody's failure:
    /// the sweep comes back for them.
    fn check(&self, step: &str, before: bool, refused: bool) {
        let hit = !before && self.failed();
        let expected = hit && (self.operation != "delete" || step == "sweep");
        assert_eq!(refused, expected, "{step}, while call {} of {} fails", self.nth, self.operation);
    }

    async fn event(&self, issued: &Issued) {
        let before = self.failed();
        let failures = self.app.deliver_event(&issued.staging).await;
        self.check("event", before, !failures.is_empty());
    }

    async fn request(&self, step: &str, call: Call<'_>) {
        let before = self.failed();
        let answer = call.send().await;
        assert!(answer.status < 300 || answer.status == 503, "{step}: {answer:?}");
        self.check(step, before, answer.status == 503);
    }

    /// A sweep after every lease and grace, with the same faults.
    async fn sweep(&self) {
        let (app, before) = (&self.app, self.failed());
        app.clock.advance(Duration::from_secs(24 * 3600));
        let store = Arc::new(Faulty::new(app.store.clone(), app.store_faults.clone()));
        let storage = Arc::new(Faulty::new(app.storage.clone(), app.storage_faults.clone()));
        let bucket = |name| BucketName::parse(name).unwrap();
        let settings = Settings::new(bucket(STAGING), bucket(BUCKET), app.tenant);
        let sweep =
            Sweep::new(Ledger::new(store, app.clock.clone()), storage, Arc::new(NoQueue), Arc::new(settings));
        let refused = sweep.run().await.map_or(true, |counts| counts.errors > 0 || counts.stopped);
        self.check("sweep", before, refused);
    }
}

/// Everything was delivered before.
#[derive(Debug)]
struct NoQueue;

#[async_trait]
impl IngestQueue for NoQueue {
    async fn enqueue(&self, _: StagedObject) -> storage_core::Result<()> {
        Ok(())
    }
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
        let (passed, told) = alone(&format!("planted::{test}"));
        assert_eq!(passed, !leaks, "{test}: {told}");
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
