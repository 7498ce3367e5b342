//! Answers, and what must hold of every error among them.

use axum::body::to_bytes;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use storage_core::ErrorKind;
use uuid::Uuid;

/// The closed list of `api.md`: statuses and their codes.
pub const DOCUMENTED: &[(u16, &str)] = &[
    (
        400,
        "INVALID_REQUEST INVALID_JSON UNKNOWN_FIELD INVALID_FILENAME INVALID_KEY INVALID_ID INVALID_EXPIRY INVALID_CURSOR",
    ),
    (401, "UNAUTHENTICATED TOKEN_EXPIRED"),
    (
        403,
        "FORBIDDEN TENANT_MISMATCH TENANT_REQUIRED TENANT_SUSPENDED INVALID_SIGNATURE URL_EXPIRED FILE_QUARANTINED",
    ),
    (404, "NOT_FOUND"),
    (405, "METHOD_NOT_ALLOWED"),
    (406, "NOT_ACCEPTABLE"),
    (409, "NOT_READY UPLOAD_NOT_FOUND STATE_CONFLICT REQUEST_IN_PROGRESS BUCKET_NOT_EMPTY NAME_TAKEN"),
    (411, "LENGTH_REQUIRED"),
    (412, "PRECONDITION_FAILED"),
    (413, "PAYLOAD_TOO_LARGE"),
    (415, "UNSUPPORTED_MEDIA_TYPE"),
    (416, "INVALID_RANGE"),
    (
        422,
        "INVALID_IMAGE IMAGE_TOO_LARGE CONTENT_MISMATCH SIZE_MISMATCH CHECKSUM_MISMATCH EMPTY_FILE CONTENT_CHANGED OBJECT_CONFLICT IDEMPOTENCY_MISMATCH ATTEMPTS_EXHAUSTED",
    ),
    (429, "RATE_LIMITED"),
    (431, "HEADERS_TOO_LARGE"),
    (500, "INTERNAL"),
    (503, "STORAGE_UNAVAILABLE METADATA_UNAVAILABLE TENANT_NOT_READY STORAGE_NOT_CONFIGURED"),
    (507, "QUOTA_EXCEEDED"),
];

/// What no error may hold: names of buckets, keys and resources, words of an SDK, of our code and of the doubles.
const DENIED: &[&str] = &[
    "canary",
    "temp/",
    "private/",
    "public/",
    "quarantine/",
    "arn:",
    "aws",
    "amazon",
    "s3",
    "dynamo",
    "sdk",
    "::",
    ".rs",
    "/tmp",
    "panic",
    "model",
    "fault",
    "worker",
    "lease",
    "cdn.test",
];

/// The members `details` may have.
const DETAILS: &[&str] = &[
    "part_number",
    "min_bytes",
    "max_per_minute",
    "limit",
    "stored_bytes",
    "reserved_bytes",
    "max_files",
    "files",
    "field",
    "max_bytes",
    "size_bytes",
    "presign_route",
    "limit",
    "stored_bytes",
    "reserved_bytes",
    "max_files",
    "files",
];

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Reads a response; an error that breaks the rules of errors panics.
    pub(crate) async fn read(response: Response, deliberate: bool) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body");
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        assert!(answer.headers.contains_key("x-request-id"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(!answer.headers.contains_key("set-cookie"));
        if answer.status >= 400 && !deliberate {
            answer.check_error();
        }
        answer
    }

    /// G61 and G62: one shape, a documented code with its status and its fixed sentence, and nothing from inside.
    fn check_error(&self) {
        let text = String::from_utf8(self.body.to_vec()).expect("errors are text");
        let body: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("an error that is not JSON: {text}"));
        let id = body["requestId"].as_str().expect("a request id").to_owned();
        assert_eq!(self.header("x-request-id"), Some(id.as_str()), "{text}");
        let members = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(members(&body), ["error", "message", "requestId"], "{text}");
        let error = &body["error"];
        let mut inner = vec!["code", "message", "request_id"];
        if let Some(details) = error.get("details") {
            inner.insert(1, "details");
            assert!(members(details).iter().all(|name| DETAILS.contains(&name.as_str())), "{text}");
        }
        assert_eq!(members(error), inner, "{text}");
        assert_eq!(error["request_id"], body["requestId"]);
        assert_eq!(error["message"], body["message"]);

        let code = error["code"].as_str().expect("a code");
        let kind = ErrorKind::from_code(code).unwrap_or_else(|| panic!("{code} is not on the closed list"));
        assert_eq!(error["message"], kind.message());
        let (status, _) =
            DOCUMENTED.iter().find(|(_, codes)| codes.split(' ').any(|known| known == code)).unwrap();
        assert_eq!(self.status, *status, "{code}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("retry-after").is_some(), matches!(status, 429 | 503), "{code}");
        assert_eq!(self.header("www-authenticate").is_some(), *status == 401, "{code}");

        // The route to go to and the field the client itself sent are meant to be there.
        let field = error["details"]["field"].as_str().unwrap_or_default();
        let shown = text.replace(&id, "").replace("/api/v1/files/presigned-upload", "");
        let shown = shown.replace(&format!("\"{field}\""), "").to_ascii_lowercase();
        for word in DENIED {
            assert!(!shown.contains(word), "an error shows {word:?}: {text}");
        }
        let is_id =
            |window: &[u8]| std::str::from_utf8(window).is_ok_and(|text| Uuid::try_parse(text).is_ok());
        assert!(!shown.as_bytes().windows(36).any(is_id), "an error shows an id: {text}");
    }

    /// The body as JSON; null where there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&self.body).expect("a JSON body")
        }
    }

    /// The value of a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header in ASCII"))
    }

    /// The code of an error; empty for anything else.
    pub fn code(&self) -> String {
        let body = if self.status >= 400 { self.json() } else { Value::Null };
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The same answer, which must have this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The same answer, which must be this error. `case` says which one it was.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str, case: &str) -> Self {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!((self.status, self.code().as_str()), (status, code), "{case}: {body}");
        self
    }

    /// The body with the request id replaced, so that two errors can be compared byte by byte.
    pub fn anonymous_body(&self) -> String {
        let id = self.header("x-request-id").unwrap_or_default();
        String::from_utf8_lossy(&self.body).replace(id, "REQUEST")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use storage_core::ids::FileId;

    use super::*;

    const ID: &str = "9b2d7f7e-6f0b-4c55-9d0e-3b1a52a0c111";

    /// An error as it should be, after `change`.
    fn error(status: u16, code: &str, change: impl Fn(&mut Value, &mut HeaderMap)) -> Answer {
        let message = ErrorKind::from_code(code).map_or("An error.", ErrorKind::message);
        let mut body = json!({
            "error": { "code": code, "message": message, "request_id": ID },
            "message": message,
            "requestId": ID,
        });
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("content-type", "application/json"), ("cache-control", "no-store"), ("x-request-id", ID)]
        {
            headers.insert(name, value.parse().unwrap());
        }
        change(&mut body, &mut headers);
        Answer { status, headers, body: body.to_string().into() }
    }

    fn holds(answer: &Answer) -> bool {
        std::panic::catch_unwind(|| answer.check_error()).is_ok()
    }

    #[test]
    fn g61_g62_the_check_of_errors_refuses_what_it_should() {
        let details = |value: Value| {
            move |body: &mut Value, _: &mut HeaderMap| body["error"]["details"] = value.clone()
        };
        assert!(holds(&error(404, "NOT_FOUND", |_, _| {})));
        assert!(holds(&error(400, "UNKNOWN_FIELD", details(json!({ "field": "lease_owner" })))));
        let file = FileId::generate().to_string();
        let broken = [
            error(400, "NOT_FOUND", |_, _| {}),
            error(418, "TEAPOT", |_, _| {}),
            error(503, "STORAGE_UNAVAILABLE", |_, _| {}),
            error(401, "UNAUTHENTICATED", |_, _| {}),
            error(404, "NOT_FOUND", |body, _| body["cause"] = json!("x")),
            error(404, "NOT_FOUND", |body, _| body["error"]["stack"] = json!("x")),
            error(404, "NOT_FOUND", |body, _| body["error"]["message"] = json!("No key private/x.")),
            error(404, "NOT_FOUND", |body, _| body["requestId"] = json!("another")),
            error(404, "NOT_FOUND", |_, headers| drop(headers.remove("cache-control"))),
            error(404, "NOT_FOUND", details(json!({ "bucket": "x" }))),
            error(404, "NOT_FOUND", details(json!({ "max_bytes": "canary-files" }))),
            error(404, "NOT_FOUND", details(json!({ "max_bytes": "arn:aws:s3:::x" }))),
            error(404, "NOT_FOUND", details(json!({ "max_bytes": file }))),
        ];
        for answer in &broken {
            assert!(!holds(answer), "{answer:?}");
        }
    }
}
