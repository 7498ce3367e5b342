//! `make demo`: a photo goes up, is thumbnailed, served, replaced and deleted, each step with its time.

use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::stack::{Stack, client};
use crate::workspace::Local;
use crate::{Outcome, during, screen};

const PHOTO: &[u8] = include_bytes!("../assets/photo.jpg");

/// Runs the demo against the running stack, or starts one for it.
pub(crate) async fn run() -> Outcome<()> {
    let local = Local::open()?;
    if let Some(facts) = running(&local).await {
        return Demo::new(facts)?.walk().await;
    }
    screen::step("no stack is running: starting one for the demo");
    let stack = Stack::start().await?;
    let result = match Demo::new(stack.facts.clone()) {
        Ok(demo) => demo.walk().await,
        Err(message) => Err(message),
    };
    stack.stop().await;
    result
}

/// The facts of a stack that answers.
async fn running(local: &Local) -> Option<Value> {
    let facts: Value = serde_json::from_str(&std::fs::read_to_string(local.facts()).ok()?).ok()?;
    let health = format!("{}/api/v1/health", facts["api_url"].as_str()?);
    let answer = client().ok()?.get(health).send().await.ok()?;
    answer.status().is_success().then_some(facts)
}

struct Demo {
    client: Client,
    api: String,
    token: String,
    user: String,
}

impl Demo {
    fn new(facts: Value) -> Outcome<Self> {
        let text = |pointer: &str| {
            let value = facts.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            value.ok_or_else(|| format!(".local/dev.json has no {pointer}"))
        };
        Ok(Demo {
            client: client()?,
            api: format!("{}/api/v1", text("/api_url")?),
            token: text("/tokens/user")?,
            user: text("/user_id")?,
        })
    }

    async fn walk(&self) -> Outcome<()> {
        let avatar = format!("/users/{}/avatar", self.user);
        let photo =
            json!({ "filename": "photo.jpg", "content_type": "image/jpeg", "size_bytes": PHOTO.len() });

        let issued = self.step("ask for an upload", self.json(Method::POST, &avatar, Some(&photo))).await?;
        let file = text(&issued, "/file_id")?;
        self.step("post the photo straight to S3", self.post_form(&issued)).await?;
        self.step("event: validate, make thumbnails", self.until_ready(&file)).await?;
        let info =
            self.step("look the avatar up", self.json(Method::GET, &format!("{avatar}/info"), None)).await?;
        for size in ["small", "medium", "large", "original"] {
            let url = text(&info, &format!("/sizes/{size}/url"))?;
            self.step(&format!("download {size}"), self.download(&url)).await?;
            screen::line(&format!("      {url}"));
        }
        let direct = self.step("replace it in one request", self.direct(&avatar)).await?;
        if text(&direct, "/file_id")? == file {
            return Err("the replacement has the old id".to_owned());
        }
        self.step("delete it", self.call(Method::DELETE, &avatar, None)).await?;
        let gone = self.step("it is gone", self.call(Method::GET, &avatar, None)).await;
        match gone {
            Err(message) if message.contains("404") => {}
            Ok(_) => return Err("a deleted avatar is still served".to_owned()),
            Err(message) => return Err(message),
        }
        screen::line("done: every step worked");
        Ok(())
    }

    /// Runs a step and prints how long it took.
    async fn step<T>(&self, name: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let started = Instant::now();
        let result = work.await;
        screen::line(&format!("{:>7.0} ms  {name}", started.elapsed().as_secs_f64() * 1000.0));
        result
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Response> {
        let mut request =
            self.client.request(method.clone(), format!("{}{path}", self.api)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = during(path, request.send().await)?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            let text = response.text().await.unwrap_or_default();
            return Err(format!("{method} {path} answered {status}: {text}"));
        }
        Ok(response)
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Value> {
        during(path, self.call(method, path, body).await?.json().await)
    }

    async fn post_form(&self, issued: &Value) -> Outcome<()> {
        let fields = issued["upload_fields"].as_object().ok_or("no upload_fields")?;
        let form = fields.iter().fold(Form::new(), |form, (name, value)| {
            form.text(name.clone(), value.as_str().unwrap_or_default().to_owned())
        });
        let form = form.part("file", Part::bytes(PHOTO).file_name("photo.jpg"));
        let posted = self.client.post(text(issued, "/upload_url")?).multipart(form).send().await;
        let status = during("the upload", posted)?.status();
        if status.is_success() { Ok(()) } else { Err(format!("S3 answered {status}")) }
    }

    async fn until_ready(&self, file: &str) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let record = self.json(Method::GET, &format!("/files/{file}"), None).await?;
            match record["state"].as_str() {
                Some("ready") => return Ok(()),
                Some("pending" | "processing") if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
                state => return Err(format!("the file is {state:?}, error {:?}", record["error_code"])),
            }
        }
    }

    async fn direct(&self, avatar: &str) -> Outcome<Value> {
        let form = Form::new().part("file", Part::bytes(PHOTO).file_name("photo.jpg"));
        let request =
            self.client.post(format!("{}{avatar}", self.api)).bearer_auth(&self.token).multipart(form);
        let response = during("the direct upload", request.send().await)?;
        let status = response.status();
        let body: Value = during("the direct upload", response.json().await)?;
        if status.is_success() { Ok(body) } else { Err(format!("direct upload answered {status}: {body}")) }
    }

    async fn download(&self, url: &str) -> Outcome<usize> {
        let response = during("the download", self.client.get(url).send().await)?;
        let status = response.status();
        let bytes = during("the download", response.bytes().await)?;
        if status.is_success() && !bytes.is_empty() {
            Ok(bytes.len())
        } else {
            Err(format!("{url} answered {status}"))
        }
    }
}

fn text(value: &Value, pointer: &str) -> Outcome<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| format!("the answer has no {pointer}"))
}
