//! JSON bodies, on every route that takes one.

use api_tests::{Answer, Person, TestApp, fresh_id};
use serde_json::{Value, json};

/// The routes that take JSON, with a body that each accepts.
pub(crate) fn json_routes(user: &Person) -> Vec<(String, Value)> {
    let upload = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 10 });
    vec![
        ("/api/v1/files/presigned-upload".to_owned(), upload.clone()),
        (format!("/api/v1/users/{}/avatar", user.id), upload.clone()),
        (format!("/api/v1/agents/{}/avatar", fresh_id()), upload),
        ("/api/v1/files/urls".to_owned(), json!({ "ids": [] })),
        ("/api/v1/files/delete".to_owned(), json!({ "ids": [] })),
        ("/api/v1/avatars/urls".to_owned(), json!({ "avatars": [] })),
        ("/api/v1/s3/multipart".to_owned(), json!({ "filename": "a.png" })),
        ("/api/v1/s3/sign".to_owned(), json!({ "method": "POST", "key": "a.png" })),
    ]
}

async fn send(app: &TestApp, user: &Person, path: &str, body: impl Into<bytes::Bytes>) -> Answer {
    app.call("POST", path).by(user).bytes("application/json", body).send().await
}

#[tokio::test]
async fn b01_b02_b03_only_one_plain_object_is_json() {
    let app = TestApp::new();
    let user = app.person(app.tenant, &["storage:admin"]);
    for (path, good) in json_routes(&user) {
        let text = good.to_string();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        let wide = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let comma = format!("{},}}", &text[..text.len() - 1]);
        let twice = format!("{},{}", &text[..text.len() - 1], &text[1..]);
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("empty", vec![]),
            ("null", b"null".to_vec()),
            ("array", format!("[{text}]").into()),
            ("text", b"\"x\"".to_vec()),
            ("number", b"1".to_vec()),
            ("truncated", text.as_bytes()[..text.len() - 1].to_vec()),
            ("trailing comma", comma.into()),
            ("byte order mark", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
            ("UTF-16", utf16),
            ("two documents", format!("{text}{text}").into()),
            ("comment", format!("{text}//").into()),
            ("single quotes", text.replace('"', "'").into()),
            ("deep objects", deep.into()),
            ("deep arrays", wide.into()),
            ("duplicate members", twice.into()),
            ("bad UTF-8", [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xFF\"}"].concat()),
        ];
        for (case, body) in cases {
            send(&app, &user, &path, body).await.refused(400, "INVALID_JSON", &format!("{path} {case}"));
        }
        let padded = |size: usize| format!("{text}{}", " ".repeat(size - text.len()));
        send(&app, &user, &path, padded(64 * 1024 + 1)).await.refused(413, "PAYLOAD_TOO_LARGE", &path);
        let before = app.store.files().len();
        assert!(matches!(send(&app, &user, &path, padded(64 * 1024)).await.status, 200 | 201), "{path}");
        assert!(app.store.files().len() <= before + 1);
        for content_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", ""]
        {
            let answer = app.call("POST", &path).by(&user).bytes(content_type, text.clone()).send().await;
            answer.refused(415, "UNSUPPORTED_MEDIA_TYPE", &format!("{path} {content_type}"));
        }
        for missing in good.as_object().unwrap().keys() {
            let mut body = good.clone();
            body.as_object_mut().unwrap().remove(missing);
            let answer = app.post(&user, &path, &body).await.refused(400, "INVALID_REQUEST", &path);
            assert_eq!(answer.json()["error"]["details"]["field"], missing.as_str());
        }
    }
}

/// Changes one member of an upload, on both routes that issue, and tells the answers.
async fn issue_with(member: &str, raw: &str) -> [Answer; 2] {
    let app = TestApp::new();
    let user = app.user();
    let members = [("filename", "\"a.png\""), ("content_type", "\"image/png\""), ("size_bytes", "10")];
    let mut texts: Vec<String> = members
        .iter()
        .filter(|(name, _)| *name != member)
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    texts.push(format!("\"{member}\":{raw}"));
    let body = format!("{{{}}}", texts.join(","));
    let file = send(&app, &user, "/api/v1/files/presigned-upload", body.clone()).await;
    let avatar = send(&app, &user, &format!("/api/v1/users/{}/avatar", user.id), body).await;
    let made = [&file, &avatar].into_iter().filter(|answer| answer.status == 201).count();
    assert_eq!(app.store.files().len(), made, "a record for each that was taken, and no other");
    [file, avatar]
}

#[tokio::test]
async fn b05_sizes_are_whole_numbers_within_the_limit() {
    for (raw, status, code) in [
        ("0", 422, "EMPTY_FILE"),
        ("-1", 400, "INVALID_REQUEST"),
        ("1.5", 400, "INVALID_REQUEST"),
        ("\"10\"", 400, "INVALID_REQUEST"),
        ("1e30", 400, "INVALID_REQUEST"),
        ("9223372036854775808", 400, "INVALID_REQUEST"),
        ("null", 400, "INVALID_REQUEST"),
        ("true", 400, "INVALID_REQUEST"),
        ("104857601", 413, "PAYLOAD_TOO_LARGE"),
        ("9223372036854775807", 413, "PAYLOAD_TOO_LARGE"),
    ] {
        for answer in issue_with("size_bytes", raw).await {
            answer.refused(status, code, raw);
        }
    }
    let [file, avatar] = issue_with("size_bytes", "5242881").await;
    file.is(201);
    let details = avatar.refused(413, "PAYLOAD_TOO_LARGE", "5 MB + 1").json()["error"]["details"].clone();
    assert_eq!(details, json!({ "max_bytes": 5_242_880, "size_bytes": 5_242_881 }));
    for (raw, avatar_status) in [("1", 201), ("5242880", 201), ("104857600", 413)] {
        let [file, avatar] = issue_with("size_bytes", raw).await;
        file.is(201);
        avatar.is(avatar_status);
    }
}

#[tokio::test]
async fn b06_types_are_types_and_those_of_avatars_are_images() {
    let long = format!("\"text/{}\"", "a".repeat(252));
    for bad in
        ["\"../x\"", "\"\"", "\"text\"", "\"text/\"", "\"/html\"", "\"a/b/c\"", "\"image\\t/png\"", &long]
    {
        for answer in issue_with("content_type", bad).await {
            answer.refused(400, "INVALID_REQUEST", bad);
        }
    }
    for answer in issue_with("content_type", "\"image/*\"").await {
        answer.refused(415, "UNSUPPORTED_MEDIA_TYPE", "a wildcard");
    }
    for opaque in
        ["\"text/html\"", "\"image/svg+xml\"", "\"application/x-sh\"", "\"image/bmp\"", "\"image/avif\""]
    {
        let [file, avatar] = issue_with("content_type", opaque).await;
        file.is(201);
        avatar.refused(415, "UNSUPPORTED_MEDIA_TYPE", opaque);
    }
    for answer in issue_with("content_type", "\"IMAGE/PNG; charset=x\"").await {
        let issued = answer.is(201).json();
        assert_eq!(issued["upload_fields"]["Content-Type"], "image/png");
    }
}

#[tokio::test]
async fn g38_b10_expiries_are_in_range() {
    for bad in ["0", "-5", "604801", "1e19", "1.5", "18446744073709551616"] {
        for answer in issue_with("expires_in", bad).await {
            answer.refused(400, "INVALID_EXPIRY", bad);
        }
    }
    for (raw, seconds) in [("1", 1), ("604800", 604_800)] {
        for answer in issue_with("expires_in", raw).await {
            assert_eq!(answer.is(201).json()["expires_in"], seconds);
        }
    }
}

#[tokio::test]
async fn b11_metadata_is_small_and_named_plainly() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2048));
    for bad in [
        &*large,
        "{\"a\\r\\nb\":\"x\"}",
        "{\"\":\"x\"}",
        "{\"Name\":\"x\"}",
        "{\"a\":\"x\\u0000\"}",
        "{\"a\":1}",
        "[]",
        "\"x\"",
    ] {
        let [file, avatar] = issue_with("metadata", bad).await;
        file.refused(400, "INVALID_REQUEST", &bad[..bad.len().min(30)]);
        avatar.refused(400, "UNKNOWN_FIELD", "avatars have none");
    }
    let app = TestApp::new();
    let user = app.user();
    let metadata = json!({ "title": "größe 大小", "a-b_9": "x".repeat(2000) });
    let body =
        json!({ "filename": "a", "content_type": "text/plain", "size_bytes": 1, "metadata": metadata });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    let shown = app.get(&user, &format!("/api/v1/files/{}", issued.file)).await.is(200).json();
    assert_eq!(shown["metadata"], metadata, "returned as sent");
}

/// The rest of what a presigned upload may say.
#[tokio::test]
async fn the_optional_members_are_kept_or_refused() {
    for (member, raw) in [
        ("purpose", "\"avatar.user\""),
        ("purpose", "\"anything\""),
        ("scope", "\"../x\""),
        ("scope", "\"\""),
        ("external_id", "\"\""),
        ("external_id", "\"a\\u0000\""),
        ("sha256", "\"abc\""),
        ("is_public", "\"true\""),
    ] {
        let [file, _] = issue_with(member, raw).await;
        file.refused(400, "INVALID_REQUEST", &format!("{member} {raw}"));
    }
    let app = TestApp::new();
    let user = app.user();
    let body = json!({
        "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4, "is_public": true, "purpose": "export",
        "scope": "project-1", "external_id": "ext", "sha256": api_tests::sha256(b"text").to_uppercase(),
    });
    let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    app.post(&user, "/api/v1/files/presigned-upload", &body).await.refused(409, "NAME_TAKEN", "external_id");
    app.post_form(&issued, b"text").await.unwrap();
    app.deliver_event(&issued.staging).await;
    let shown = app.get(&user, &format!("/api/v1/files/{}", issued.file)).await.is(200).json();
    let expected =
        [("state", "ready"), ("purpose", "export"), ("scope", "project-1"), ("external_id", "ext")];
    for (member, value) in expected {
        assert_eq!(shown[member], value);
    }
    assert_eq!((&shown["is_public"], &shown["expires_at"]), (&json!(true), &Value::Null));
    assert!(shown["url"].as_str().unwrap().contains("/public/attachments/"));
}
