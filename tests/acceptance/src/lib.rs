//! A client of the running stack: what a browser and a backend do, and nothing a user could not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test helper fails by panicking")]

pub mod stack;

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How long an upload may take to become ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// One caller of the API.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
    token: Option<String>,
}

impl Api {
    /// A caller with this token.
    pub fn new(api_url: &str, token: Option<&str>) -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.timeout(Duration::from_secs(120)).build().unwrap();
        Api { client, base: format!("{api_url}/api/v1"), token: token.map(str::to_owned) }
    }

    /// Sends a request.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// Sends a request and reads the JSON of its answer.
    pub async fn json(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let response = self.send(method, path, body).await;
        let status = response.status();
        let bytes = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Issues an avatar upload.
    pub async fn issue_avatar(&self, user: &str, size: usize) -> Value {
        let body = json!({ "filename": "photo.jpg", "content_type": "image/jpeg", "size_bytes": size });
        let (status, issued) = self.json(Method::POST, &format!("/users/{user}/avatar"), Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{issued}");
        issued
    }

    /// Posts the form as a browser does: the fields first, the file last.
    pub async fn post_form(&self, issued: &Value, bytes: &Bytes) -> StatusCode {
        let fields = issued["upload_fields"].as_object().unwrap();
        let form = fields.iter().fold(Form::new(), |form, (name, value)| {
            form.text(name.clone(), value.as_str().unwrap().to_owned())
        });
        let form = form.part("file", Part::bytes(bytes.to_vec()).file_name("photo.jpg"));
        let url = issued["upload_url"].as_str().unwrap();
        self.client.post(url).multipart(form).send().await.unwrap().status()
    }

    /// Sends a file in the request itself.
    pub async fn post_file(&self, path: &str, bytes: &Bytes) -> (StatusCode, Value) {
        let form = Form::new().part("file", Part::bytes(bytes.to_vec()).file_name("photo.jpg"));
        let request = self.client.post(format!("{}{path}", self.base)).multipart(form);
        let request = self.token.iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Asks for the record until its state is one of `states`.
    pub async fn until(&self, file: &str, states: &[&str]) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut ticks = tokio::time::interval(Duration::from_millis(25));
        loop {
            ticks.tick().await;
            let (status, record) = self.json(Method::GET, &format!("/files/{file}"), None).await;
            assert_eq!(status, StatusCode::OK, "{record}");
            if states.contains(&record["state"].as_str().unwrap()) {
                return record;
            }
            assert!(Instant::now() < deadline, "still {record}");
        }
    }

    /// Downloads what a URL serves.
    pub async fn download(&self, url: &str) -> (StatusCode, Bytes) {
        let response = self.client.get(url).send().await.unwrap();
        (response.status(), response.bytes().await.unwrap())
    }

    /// Downloads one size of an avatar by way of the redirect.
    pub async fn avatar(&self, user: &str, size: &str) -> Bytes {
        let response = self.send(Method::GET, &format!("/users/{user}/avatar?size={size}"), None).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let (status, bytes) = self.download(&location).await;
        assert_eq!(status, StatusCode::OK);
        bytes
    }
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The text at a JSON pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// The side and the RGB pixels of a square JPEG.
pub fn pixels(jpeg: &[u8]) -> (usize, Vec<u8>) {
    let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(jpeg));
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    assert_eq!(width, height);
    (width, pixels)
}
