//! Requests: built as clients build them, or as badly as a test wants.

use axum::body::Body;
use bytes::Bytes;
use futures_util::Stream;
use http::Request;
use serde_json::Value;

use crate::{Answer, Person, TestApp, scanner};

/// A request that has not been sent.
pub struct Call<'a> {
    app: &'a TestApp,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
}

impl<'a> Call<'a> {
    pub(crate) fn new(app: &'a TestApp, method: &str, path: &str) -> Self {
        Call {
            app,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Body::empty(),
        }
    }

    /// With the token of this person.
    #[must_use]
    pub fn by(self, person: &Person) -> Self {
        self.token(&person.token)
    }

    /// With this token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With one more header, even if it is there already.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match name {
            "authorization" => scanner().token(value.strip_prefix("Bearer ").unwrap_or(value)),
            "idempotency-key" | "cookie" => scanner().secret(value),
            _ => {}
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        scanner().members(body);
        self.bytes("application/json", body.to_string())
    }

    /// With a body of this type, whose length is declared.
    #[must_use]
    pub fn bytes(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        if let Ok(text) = std::str::from_utf8(&body) {
            scanner().secret(text);
        }
        let mut call =
            self.header("content-type", content_type).header("content-length", &body.len().to_string());
        call.body = Body::from(body);
        call
    }

    /// With a form.
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        let (content_type, body) = form.finish();
        self.bytes(&content_type, body)
    }

    /// With a body that is a stream; what it declares is up to the test.
    #[must_use]
    pub fn stream<S>(mut self, stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        self.body = Body::from_stream(stream);
        self
    }

    /// Sends it, and checks the answer by the rules of every answer.
    pub async fn send(self) -> Answer {
        let mut builder = Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(self.body).expect("a request that can be sent");
        // Readiness answers 503 with a report instead of an error.
        let deliberate = self.path == "/api/v1/health/ready";
        Answer::read(self.app.gateway.answer(request).await, deliberate).await
    }
}

/// A `multipart/form-data` body.
#[derive(Default)]
pub struct Form {
    body: Vec<u8>,
}

/// What parts the fields. It is in no file of the tests.
const BOUNDARY: &str = "stowage-test-boundary";

impl Form {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// A form with one file.
    pub fn of_file(name: &str, content_type: &str, bytes: &[u8]) -> Self {
        Form::new().file(name, content_type, bytes)
    }

    /// With a text field.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{name}\""), value.as_bytes())
    }

    /// With a file under the name `file`; an empty type declares none.
    #[must_use]
    pub fn file(self, name: &str, content_type: &str, bytes: &[u8]) -> Self {
        scanner().name(name);
        let mut headers = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        if !content_type.is_empty() {
            headers.push_str(&format!("\r\nContent-Type: {content_type}"));
        }
        self.part(&headers, bytes)
    }

    fn part(mut self, headers: &str, body: &[u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(body) {
            scanner().secret(text);
        }
        self.body.extend_from_slice(format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").as_bytes());
        self.body.extend_from_slice(body);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The content type and the body.
    pub fn finish(mut self) -> (String, Bytes) {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body.into())
    }
}
