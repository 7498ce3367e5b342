//! G60 for the real binaries: an avatar and a file go through every function at level `trace`, and what the functions
//! print shows no secret, nothing that was signed, and nobody's name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use acceptance_tests::text;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use storage_core::ids::EntityId;
use storage_core::ports::{Clock, SystemClock};
use storage_testkit::images;
use storage_testkit::jwt::Issuer;
use test_harness::{Binaries, Function, Limits, Reply, Request, Sim, build};

const EMAIL: &str = "canary.person@mail.example";
const NAME: &str = "canary of Ms. Person";
const DEV_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kid":"dev"}"#;
const DEV_KEY_SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
/// 32 random bytes, which seal nothing else.
const SEAL_KEY: &str = "q7K1v0Zr9mXw3tYb8uNcE5dLhJ2sGfPaR6oQiVxTzkM=";

static PROGRAMS: LazyLock<Binaries> = LazyLock::new(|| build(&["local"]));

/// Asks for everything, of our crates and of the ones that talk most.
const FILTERS: [&str; 2] = [
    "trace",
    "trace,aws_smithy_runtime=trace,aws_smithy_runtime_api=trace,aws_sigv4=trace,aws_sdk_s3=trace,\
     aws_sdk_dynamodb=trace,hyper=trace,hyper_util=trace,lambda_http=trace,lambda_runtime=trace",
];

/// The functions over one world, and what they must not print.
struct Walk {
    sim: Sim,
    environment: Vec<(String, String)>,
    functions: BTreeMap<&'static str, Function>,
    token: String,
    user: EntityId,
    canaries: Vec<String>,
}

impl Walk {
    async fn start(filter: &str, format: &str) -> Self {
        let sim = Sim::start().await;
        let mut environment = sim.environment(&sim.s3_url, &sim.dynamodb_url);
        let seal_keys = format!("a:{SEAL_KEY}");
        for (name, value) in [
            ("STORAGE_LOG_LEVEL", filter),
            ("STORAGE_LOG_FORMAT", format),
            ("STORAGE_SEAL_KEYS", &seal_keys),
            ("STORAGE_JWT_DEV_KEY", DEV_KEY),
        ] {
            environment.retain(|(known, _)| known != name);
            environment.push((name.to_owned(), value.to_owned()));
        }
        let secret = environment.iter().find(|(name, _)| name == "STORAGE_S3_SECRET_KEY").unwrap().1.clone();
        let user = EntityId::from(uuid::Uuid::new_v4());
        let mut claims = Issuer::claims(sim.tenant, &user.to_string(), SystemClock.now());
        claims["email"] = json!(EMAIL);
        claims["name"] = json!(NAME);
        let token = sim.issuer.token(&claims);
        let mut canaries: Vec<String> =
            [EMAIL, NAME, &secret, SEAL_KEY, DEV_KEY_SECRET].map(str::to_owned).into();
        canaries.extend(token.split('.').map(str::to_owned));
        Walk { sim, environment, functions: BTreeMap::new(), token, user, canaries }
    }

    /// Hands an event to a function, which is started when it is needed first.
    async fn invoke(&mut self, function: &'static str, event: Value) -> Value {
        if !self.functions.contains_key(function) {
            let program = PROGRAMS.program(function);
            let started = Function::start(&program, &self.environment, Limits::default()).await;
            self.functions.insert(function, started);
        }
        let function = self.functions.get_mut(function).unwrap();
        function.invoke(event).await.unwrap_or_else(|ended| panic!("{ended:?}: {}", function.log()))
    }

    async fn send(&mut self, function: &'static str, request: Request) -> Reply {
        let request = request.token(&self.token);
        Reply::read(&self.invoke(function, request.event()).await)
    }

    /// Everything a URL carries besides its path is a secret.
    fn signed(&mut self, url: &str) {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        self.canaries.extend(query.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let public = ["X-Amz-Algorithm", "X-Amz-Expires", "X-Amz-Date", "X-Amz-SignedHeaders", "x-id"];
            (!public.contains(&name)).then(|| value.to_owned())
        }));
    }

    /// Posts bytes by an issued form, as a browser does, and delivers the event.
    async fn upload(&mut self, issued: &Value, bytes: &[u8]) {
        for secret in ["policy", "x-amz-signature", "x-amz-credential"] {
            self.canaries.push(text(&issued["upload_fields"], &format!("/{secret}")).to_owned());
        }
        let fields = issued["upload_fields"].as_object().unwrap();
        let form = fields.iter().fold(Form::new(), |form, (name, value)| {
            form.text(name.clone(), value.as_str().unwrap().to_owned())
        });
        let form = form.part("file", Part::bytes(bytes.to_vec()).file_name(NAME));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let posted = client.post(text(issued, "/upload_url")).multipart(form).send().await.unwrap();
        assert_eq!(posted.status(), 201);
        let event = self.sim.events.recv().await.unwrap().to_s3_json();
        let message = json!({ "messageId": "m0", "body": event.to_string(), "eventSource": "aws:sqs" });
        let answer = self.invoke("process-upload", json!({ "Records": [message] })).await;
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    }

    /// What the functions have printed, searched. Every function has printed something.
    async fn search(&self) {
        for (function, process) in &self.functions {
            let log = process.printed("\n").await;
            let plain = log.replace("\\\"", "\"").replace("\\\\", "\\");
            assert!(!log.is_empty(), "{function} prints nothing, so nothing was searched");
            for canary in &self.canaries {
                assert!(canary.len() >= 8, "{canary} could be anything");
                let cut: String = canary.chars().take(40).collect();
                for shown in [&log, &plain] {
                    let line = shown.lines().find(|line| line.contains(&cut));
                    assert!(line.is_none(), "{function} prints {canary}: {}", line.unwrap());
                }
            }
        }
    }
}

/// One avatar by form and one direct, one file by form: issued, ingested, resolved, completed, deleted, swept.
async fn walk(filter: &str, format: &str) {
    let mut walk = Walk::start(filter, format).await;
    let avatar = format!("/api/v1/users/{}/avatar", walk.user);

    let photo = images::jpeg(64, 64, 1);
    let body =
        json!({ "filename": format!("{NAME}.jpg"), "content_type": "image/jpeg", "size_bytes": photo.len() });
    let issued = walk.send("direct-upload", Request::new("POST", &avatar).json(&body)).await;
    assert_eq!(issued.status, 201, "{:?}", issued.json());
    walk.upload(&issued.json(), &photo).await;
    let direct = Request::new("POST", &avatar).file(&format!("{NAME}.jpg"), "image/jpeg", &photo);
    assert_eq!(walk.send("direct-upload", direct).await.status, 201);
    let shown = walk.send("resolve-url", Request::new("GET", &avatar)).await;
    assert_eq!(shown.status, 302, "{:?}", shown.json());
    walk.signed(shown.header("location").unwrap());

    walk.canaries.push("canary-content-4711".to_owned());
    let content = b"canary-content-4711";
    let body = json!({
        "filename": format!("{NAME}.txt"), "content_type": "text/plain", "size_bytes": content.len(),
        "metadata": { "mail": EMAIL, "note": "canary-note-4711" }, "external_id": "canary-external-4711",
    });
    walk.canaries.extend(["canary-note-4711".to_owned(), "canary-external-4711".to_owned()]);
    let request = Request::new("POST", "/api/v1/files/presigned-upload").json(&body);
    let request = request.header("idempotency-key", "canary-key-4711");
    walk.canaries.push("canary-key-4711".to_owned());
    let issued = walk.send("issue-upload", request).await;
    assert_eq!(issued.status, 201, "{:?}", issued.json());
    let issued = issued.json();
    walk.upload(&issued, content).await;
    let file = format!("/api/v1/files/{}", text(&issued, "/file_id"));
    let completed = walk.send("complete-upload", Request::new("POST", &format!("{file}/complete"))).await;
    assert_eq!(completed.status, 200, "{:?}", completed.json());
    walk.signed(text(&completed.json(), "/url"));
    let download = walk.send("resolve-url", Request::new("GET", &format!("{file}/download"))).await;
    assert_eq!(download.status, 302);
    walk.signed(download.header("location").unwrap());

    // What is wrong is logged with its reason.
    let refused =
        Request::new("POST", "/api/v1/files/presigned-upload").body("application/json", "{\"canary-b");
    assert_eq!(walk.send("issue-upload", refused).await.status, 400);
    walk.canaries.push("{\"canary-b".to_owned());
    let mut forged = walk.token.clone();
    forged.truncate(forged.len() - 4);
    let forged = Request::new("GET", &file).token(&forged).event();
    assert_eq!(Reply::read(&walk.invoke("resolve-url", forged).await).status, 401);

    assert_eq!(walk.send("delete-file", Request::new("DELETE", &file)).await.status, 204);
    assert_eq!(walk.send("delete-file", Request::new("DELETE", &avatar)).await.status, 204);
    walk.invoke("scheduled-cleanup", json!({ "source": "aws.events" })).await;
    assert!(walk.canaries.len() >= 20, "{:?}", walk.canaries);
    assert_eq!(walk.functions.len(), 7);
    let found = walk.functions["issue-upload"].printed("request refused").await;
    walk.search().await;
    assert!(found.contains("request refused"), "our own crates are written below INFO: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g60_the_binaries_print_no_secret_and_no_name_as_json() {
    walk(FILTERS[1], "json").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g60_the_binaries_print_no_secret_and_no_name_as_text() {
    walk(FILTERS[0], "text").await;
}

/// An S3 that refuses the signature says in its answer what was signed; one that is not there is a chain of causes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g60_failures_of_s3_are_printed_without_what_was_sent() {
    for (variable, value) in [
        ("STORAGE_S3_SECRET_KEY", "canary-of-another-secret-key"),
        ("STORAGE_S3_ENDPOINT", "http://127.0.0.1:9"),
        ("STORAGE_DYNAMODB_ENDPOINT", "http://127.0.0.1:9"),
    ] {
        let mut walk = Walk::start(FILTERS[0], "json").await;
        walk.environment.retain(|(name, _)| name != variable);
        walk.environment.push((variable.to_owned(), value.to_owned()));
        walk.canaries.push("canary-of-another-secret-key".to_owned());
        walk.canaries.extend(["AWS4-HMAC-SHA256".to_owned(), "canary-content-4711".to_owned()]);
        let request = Request::new("POST", "/api/v1/files/upload").file(
            &format!("{NAME}.txt"),
            "text/plain",
            b"canary-content-4711",
        );
        let answer = walk.send("direct-upload", request).await;
        assert_eq!(answer.status, 503, "{variable}: {:?}", answer.json());
        let found = walk.functions["direct-upload"].printed("request failed").await;
        walk.search().await;
        assert!(found.contains("request failed"), "{variable}: the failure is in the log: {found}");
    }
}

/// The search can fail: what is printed and planted is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "prints request answered")]
async fn g60_the_search_finds_what_is_printed() {
    let mut walk = Walk::start(FILTERS[0], "json").await;
    walk.send("resolve-url", Request::new("GET", "/api/v1/files/x")).await;
    walk.canaries.push("request answered".to_owned());
    walk.functions["resolve-url"].printed("request answered").await;
    walk.search().await;
}
