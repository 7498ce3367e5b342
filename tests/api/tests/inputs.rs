//! Bad input on the routes that list, change, copy, move, claim and restore files, that issue many uploads or uploads in
//! parts, and that hand out tickets. Wherever it is refused nothing is made, changed or removed.

use api_tests::{Answer, Person, TestApp, fresh_id};
use serde_json::{Value, json};
use storage_services::settings::MB;

/// What there is before and must be there afterwards.
fn everything(app: &TestApp) -> (Vec<storage_core::record::FileRecord>, Vec<String>) {
    (app.store.files(), app.storage.keys())
}

/// The routes with a body, each with one that it takes. A body of the second kind may be left out.
struct Routes {
    required: Vec<(&'static str, String, Value)>,
    optional: Vec<(&'static str, String, Value)>,
}

impl Routes {
    fn all(&self) -> impl Iterator<Item = &(&'static str, String, Value)> {
        self.required.iter().chain(&self.optional)
    }
}

/// A file, an upload in parts, and the routes of both.
async fn routes(app: &TestApp, user: &Person) -> Routes {
    let file = format!("/api/v1/files/{}", app.text(user, "a.txt", b"text").await);
    let upload = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let begun = json!({ "filename": "a.bin", "type": "application/octet-stream" });
    let begun = app.post(user, "/api/v1/s3/multipart", &begun).await.is(200).json();
    let complete = format!("/api/v1/s3/multipart/{}/complete", begun["uploadId"].as_str().unwrap());
    let part = json!({ "PartNumber": 1, "ETag": "\"x\"" });
    Routes {
        required: vec![
            ("PATCH", file.clone(), json!({ "filename": "b.txt" })),
            ("POST", "/api/v1/files/presigned-upload".to_owned(), json!({ "files": [upload] })),
            ("POST", "/api/v1/s3/multipart".to_owned(), json!({ "filename": "a.bin" })),
            ("POST", complete, json!({ "parts": [part] })),
        ],
        optional: vec![
            ("POST", "/api/v1/uploads/tickets".to_owned(), json!({ "scope": "project-1" })),
            ("POST", format!("{file}/copy"), json!({ "scope": "project-1" })),
            ("POST", format!("{file}/move"), json!({ "scope": "project-1" })),
            ("POST", format!("{file}/claim"), json!({ "is_public": true })),
            ("POST", format!("{file}/restore"), json!({})),
        ],
    }
}

/// A user who may do everything, so that no body is refused for who sends it.
fn anybody(app: &TestApp) -> Person {
    app.person(app.tenant, &["storage:admin", "storage:service"])
}

async fn send(app: &TestApp, user: &Person, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    app.call(method, path).by(user).bytes("application/json", body.into()).send().await
}

#[tokio::test]
async fn b01_b02_b03_bodies_of_changes_are_one_plain_object() {
    let app = TestApp::new();
    let user = anybody(&app);
    let routes = routes(&app, &user).await;
    let before = everything(&app);
    for (method, path, good) in routes.all() {
        let text = good.to_string();
        let inner = text.strip_prefix('{').unwrap();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("null", b"null".to_vec()),
            ("array", format!("[{text}]").into()),
            ("text", b"\"x\"".to_vec()),
            ("number", b"1".to_vec()),
            ("spaces", b"  ".to_vec()),
            ("truncated", text.as_bytes()[..text.len() - 1].to_vec()),
            ("trailing comma", format!("{},}}", &text[..text.len() - 1]).into()),
            ("byte order mark", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
            ("UTF-16", utf16),
            ("two documents", format!("{text}{text}").into()),
            ("comment", format!("{text}//").into()),
            ("deep objects", format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)).into()),
            ("17 levels", format!("{}1{}", "{\"a\":".repeat(17), "}".repeat(17)).into()),
            ("duplicate members", format!("{{\"x\":1,\"x\":1,{inner}").replace(",}", "}").into()),
            (
                "duplicates further in",
                format!("{{\"x\":[{{\"a\":1,\"a\":1}}],{inner}").replace(",}", "}").into(),
            ),
            ("bad UTF-8", b"{\"filename\":\"\xFF\"}".to_vec()),
            ("a lone surrogate", b"{\"filename\":\"\\ud800\"}".to_vec()),
        ];
        for (case, body) in cases {
            let answer = send(&app, &user, method, path, body).await;
            answer.refused(400, "INVALID_JSON", &format!("{method} {path} {case}"));
        }
        for name in ["acl", "storage_class", "bucket", "tenant_uuid", "key\u{e9}"] {
            let mut body = good.clone();
            body[name] = json!("private");
            let answer = send(&app, &user, method, path, body.to_string()).await;
            answer.refused(400, "UNKNOWN_FIELD", &format!("{method} {path} {name}"));
        }
        let most = if path.ends_with("/complete") { MB as usize } else { 64 * 1024 };
        let padded = format!("{text}{}", " ".repeat(most + 1 - text.len()));
        let answer = send(&app, &user, method, path, padded).await;
        answer.refused(413, "PAYLOAD_TOO_LARGE", &format!("{method} {path}"));
    }
    for (method, path, _) in &routes.required {
        let answer = send(&app, &user, method, path, "").await;
        answer.refused(400, "INVALID_JSON", &format!("{method} {path} without a body"));
    }
    assert_eq!(everything(&app), before);
}

#[tokio::test]
async fn h01_h07_bodies_of_changes_are_json_as_it_is() {
    let app = TestApp::new();
    let user = anybody(&app);
    let routes = routes(&app, &user).await;
    let before = everything(&app);
    for (method, path, good) in routes.all() {
        let what = format!("{method} {path}");
        for content_type in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/json; charset=latin1",
            "application/jsonx",
            "application/merge-patch+json",
        ] {
            let call = app.call(method, path).by(&user).bytes(content_type, good.to_string());
            call.send().await.refused(415, "UNSUPPORTED_MEDIA_TYPE", &format!("{what} {content_type}"));
        }
        for bad in ["application/json\t", &format!("application/json;{}", " ".repeat(300))] {
            let call = app.call(method, path).by(&user).bytes(bad, good.to_string());
            call.send().await.refused(400, "INVALID_REQUEST", &format!("{what} {bad:?}"));
        }
        for encoding in ["gzip", "br", "identity, gzip"] {
            let call = app.call(method, path).by(&user).header("content-encoding", encoding);
            let answer = call.bytes("application/json", good.to_string()).send().await;
            answer.refused(415, "UNSUPPORTED_MEDIA_TYPE", &format!("{what} {encoding}"));
        }
    }
    assert_eq!(everything(&app), before);
}

#[tokio::test]
async fn h10_keys_of_changes_are_short_and_visible() {
    let app = TestApp::new();
    let user = anybody(&app);
    let routes = routes(&app, &user).await;
    let bulk = ("POST", "/api/v1/files/delete".to_owned(), json!({ "ids": [fresh_id()] }));
    let changes = routes.optional.iter().filter(|(_, path, _)| !path.ends_with("/tickets"));
    let keyed = changes.chain([&routes.required[1], &bulk]);
    let before = everything(&app);
    for (method, path, good) in keyed {
        let what = format!("{method} {path}");
        for bad in ["", "a b", "\u{e9}", &"a".repeat(256), &"a".repeat(1000)] {
            let call = app.call(method, path).by(&user).header("idempotency-key", bad);
            call.json(good).send().await.refused(400, "INVALID_REQUEST", &format!("{what} {bad:?}"));
        }
        let call = app.call(method, path).by(&user).header("idempotency-key", "a");
        let answer = call.header("idempotency-key", "b").json(good).send().await;
        answer.refused(400, "INVALID_REQUEST", &format!("{what} two keys"));
    }
    assert_eq!(everything(&app), before);
}

#[tokio::test]
async fn h18_queries_of_changes_and_lists_are_strict() {
    let app = TestApp::new();
    let user = anybody(&app);
    let routes = routes(&app, &user).await;
    let before = everything(&app);
    for (method, path, good) in routes.all() {
        for query in ["x=1", "permanent=true", "%zz"] {
            let answer = send(&app, &user, method, &format!("{path}?{query}"), good.to_string()).await;
            answer.refused(400, "INVALID_REQUEST", &format!("{method} {path}?{query}"));
        }
    }
    for query in
        ["limit=1&limit=1", "limit=1&%6cimit=1", "prefix=a", "tenant=x", "scope=a&scope=b", "x", "owner=%00"]
    {
        app.get(&user, &format!("/api/v1/files?{query}")).await.refused(400, "INVALID_REQUEST", query);
    }
    let begun = &routes.required[3].1;
    let upload = begun.strip_suffix("/complete").unwrap();
    for query in ["key=a&key=a", "partNumber=1", "x=1"] {
        for rest in ["", "/1", "/batch"] {
            let path = format!("{upload}{rest}?{query}");
            app.get(&user, &path).await.refused(400, "INVALID_REQUEST", &path);
        }
        app.delete(&user, &format!("{upload}?{query}")).await.refused(400, "INVALID_REQUEST", query);
    }
    let many: Vec<String> = (1..=1001).map(|number| number.to_string()).collect();
    for query in [
        "",
        "partNumbers=",
        "partNumbers=1&partNumbers=2",
        "partNumbers=1,,2",
        "partNumbers=1,2,",
        "partNumbers=0",
        "partNumbers=10001",
        "partNumbers=%2B1",
        &format!("partNumbers={}", many.join(",")),
    ] {
        let path = format!("{upload}/batch?{query}");
        app.get(&user, &path).await.refused(400, "INVALID_REQUEST", &query[..query.len().min(40)]);
    }
    for query in [
        "",
        "type=text%2Fplain",
        "filename=a&filename=b",
        "filename=a&x=1",
        "filename=a&metadata=1",
        "filename=a&metadata%5Bsize%5D=x",
        "filename=a&metadata%5Bsize=1",
        "filename=%zz",
    ] {
        let path = format!("/api/v1/s3/params?{query}");
        app.get(&user, &path).await.refused(400, "INVALID_REQUEST", query);
    }
    assert_eq!(everything(&app), before);
}

#[tokio::test]
async fn h16_paths_of_changes_are_read_as_they_are() {
    let app = TestApp::new();
    let user = anybody(&app);
    let routes = routes(&app, &user).await;
    let before = everything(&app);
    for (method, path, good) in routes.all() {
        let (parent, last) = path.rsplit_once('/').unwrap();
        for wrong in [
            format!("{path}/"),
            format!("{parent}//{last}"),
            format!("{parent}/./{last}"),
            format!("{parent}/%2e%2e/{last}"),
            format!("{parent}/{last}%2f"),
            format!("{parent}/{last}%00"),
            path.replace("/api/", "/API/"),
        ] {
            let answer = send(&app, &user, method, &wrong, good.to_string()).await;
            assert!(matches!(answer.status, 400 | 403 | 404 | 405), "{method} {wrong}: {answer:?}");
        }
    }
    for id in ["x", "..", "0", "%20", "019ac0de00007000800000000000000g", &format!("{}%20", fresh_id())] {
        for (method, verb) in
            [("PATCH", ""), ("POST", "/copy"), ("POST", "/move"), ("POST", "/claim"), ("POST", "/restore")]
        {
            let answer =
                send(&app, &user, method, &format!("/api/v1/files/{id}{verb}"), "{\"filename\":\"a\"}").await;
            answer.refused(400, "INVALID_ID", &format!("{method} {id} {verb}"));
        }
    }
    assert_eq!(everything(&app), before);
}

/// N02, N03, N05, N07 and N12 for names that are given later; N01, N06, N08 and N09 as they are kept.
#[tokio::test]
async fn names_that_are_given_later_are_held_to_the_same() {
    let app = TestApp::new();
    let user = anybody(&app);
    let file = app.text(&user, "a.txt", b"text").await;
    let path = format!("/api/v1/files/{file}");
    let before = everything(&app);
    let (long, emoji, marks) = ("a".repeat(256), "\u{1F600}".repeat(255), "\u{301}".repeat(255));
    for bad in
        ["", "   ", "...", "a\0b", "a\r\nSet-Cookie: a=b", "a\u{85}b", "a\u{7f}", &long, &emoji, &marks]
    {
        let body = json!({ "filename": bad });
        app.patch(&user, &path, &body).await.refused(400, "INVALID_FILENAME", bad);
        for verb in ["copy", "move"] {
            app.post(&user, &format!("{path}/{verb}"), &body).await.refused(400, "INVALID_FILENAME", bad);
        }
    }
    for bad in [json!(1), json!(["a"]), json!({ "a": "b" }), json!(true)] {
        let body = json!({ "filename": bad });
        app.patch(&user, &path, &body).await.refused(400, "INVALID_REQUEST", &bad.to_string());
        app.post(&user, &format!("{path}/copy"), &body).await.refused(
            400,
            "INVALID_REQUEST",
            &bad.to_string(),
        );
    }
    assert_eq!(everything(&app), before);
    for (given, kept) in [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("e\u{301}.txt", "\u{e9}.txt"),
        ("a\u{202e}b\u{200b}.txt", "ab.txt"),
        (".htaccess", ".htaccess"),
        ("CON", "_CON"),
        ("%00.jpg", "%00.jpg"),
    ] {
        let body = json!({ "filename": given });
        assert_eq!(app.patch(&user, &path, &body).await.is(200).json()["filename"], kept);
        assert_eq!(app.post(&user, &format!("{path}/copy"), &body).await.is(201).json()["filename"], kept);
    }
}

/// B05, B06, B10 and B11 for each upload of a batch: what can be told of one item is told there.
#[tokio::test]
async fn b05_b06_b10_each_upload_of_a_batch_has_its_own_answer() {
    let app = TestApp::new();
    let user = app.user();
    let route = "/api/v1/files/presigned-upload";
    let good = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4 });
    let with = |name: &str, value: Value| {
        let mut item = good.clone();
        item[name] = value;
        item
    };
    let large = "x".repeat(2049);
    for (item, code) in [
        (with("size_bytes", json!(0)), "EMPTY_FILE"),
        (with("size_bytes", json!(104_857_601)), "PAYLOAD_TOO_LARGE"),
        (with("content_type", json!("../x")), "INVALID_REQUEST"),
        (with("content_type", json!("image/*")), "UNSUPPORTED_MEDIA_TYPE"),
        (with("expires_in", json!(0)), "INVALID_EXPIRY"),
        (with("expires_in", json!(604_801)), "INVALID_EXPIRY"),
        (with("filename", json!("..")), "INVALID_FILENAME"),
        (with("scope", json!("../x")), "INVALID_REQUEST"),
        (with("sha256", json!("abc")), "INVALID_REQUEST"),
        (with("purpose", json!("avatar.user")), "INVALID_REQUEST"),
        (with("metadata", json!({ "a": large })), "INVALID_REQUEST"),
        (with("metadata", json!({ "a\r\nb": "x" })), "INVALID_REQUEST"),
        (with("metadata", json!({ "identified": "x" })), "UNKNOWN_FIELD"),
    ] {
        let body = json!({ "files": [good, item, good] });
        let files = app.post(&user, route, &body).await.is(201).json()["files"].clone();
        assert_eq!(files[1], json!({ "error": code }), "{item}");
        assert!(files[0]["upload_url"].is_string() && files[2]["upload_url"].is_string(), "{item}");
    }
    let made = app.store.files().len();
    assert_eq!(made, 26, "two of each batch");
    // What is no upload at all is the answer to the whole.
    for (item, code) in [
        (with("size_bytes", json!(-1)), "INVALID_REQUEST"),
        (with("size_bytes", json!(1.5)), "INVALID_REQUEST"),
        (with("size_bytes", json!("10")), "INVALID_REQUEST"),
        (with("metadata", json!([])), "INVALID_REQUEST"),
        (with("state", json!("ready")), "UNKNOWN_FIELD"),
        (json!("a.txt"), "INVALID_REQUEST"),
        (json!({ "filename": "a.txt" }), "INVALID_REQUEST"),
    ] {
        let body = json!({ "files": [good, item] });
        app.post(&user, route, &body).await.refused(400, code, &item.to_string());
    }
    for body in [json!({ "files": {} }), json!({ "files": null }), json!({ "files": "a" })] {
        app.post(&user, route, &body).await.refused(400, "INVALID_REQUEST", &body.to_string());
    }
    let both = json!({ "files": [good], "filename": "a.txt" });
    app.post(&user, route, &both).await.refused(400, "UNKNOWN_FIELD", "one and many");
    assert_eq!(app.store.files().len(), made);
}

/// B05, B06 and B11 for uploads in parts, whose uploaders put everything into metadata.
#[tokio::test]
async fn b05_b06_b11_uploads_in_parts_are_held_to_the_same() {
    let app = TestApp::new();
    let user = app.user();
    let begin = async |body: &Value| app.post(&user, "/api/v1/s3/multipart", body).await;
    let meta = |name: &str, value: Value| json!({ "filename": "a.bin", "metadata": { name: value } });
    for (body, status, code) in [
        (meta("size", json!(0)), 422, "EMPTY_FILE"),
        (meta("size", json!("0")), 422, "EMPTY_FILE"),
        (meta("size", json!(-1)), 400, "INVALID_REQUEST"),
        (meta("size", json!(1.5)), 400, "INVALID_REQUEST"),
        (meta("size", json!("ten")), 400, "INVALID_REQUEST"),
        (meta("size", json!("1e3")), 400, "INVALID_REQUEST"),
        (meta("size", json!([10])), 400, "INVALID_REQUEST"),
        (meta("size", json!(104_857_601)), 413, "PAYLOAD_TOO_LARGE"),
        (meta("sha256", json!("abc")), 400, "INVALID_REQUEST"),
        (meta("purpose", json!("anything")), 400, "INVALID_REQUEST"),
        (meta("entity_id", json!("x")), 400, "INVALID_ID"),
        (meta("scope", json!("../x")), 400, "INVALID_REQUEST"),
        (meta("is_public", json!("yes")), 400, "INVALID_REQUEST"),
        (meta("title", json!("a\0")), 400, "INVALID_REQUEST"),
        (meta("title", json!("x".repeat(2048))), 400, "INVALID_REQUEST"),
        (meta("title", json!({ "a": 1 })), 400, "INVALID_REQUEST"),
        (json!({ "filename": "a", "type": "../x" }), 400, "INVALID_REQUEST"),
        (json!({ "filename": "a", "type": "image/*" }), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (json!({ "filename": "a", "type": 1 }), 400, "INVALID_REQUEST"),
        (json!({ "filename": "a", "metadata": [] }), 400, "INVALID_REQUEST"),
        (json!({ "filename": "..." }), 400, "INVALID_FILENAME"),
        (json!({ "type": "text/plain" }), 400, "INVALID_REQUEST"),
    ] {
        begin(&body).await.refused(status, code, &body.to_string()[..body.to_string().len().min(90)]);
    }
    assert_eq!(app.store.files(), []);
    assert_eq!(app.storage.open_parts(), []);
    let title = "gr\u{f6}\u{df}e \u{5927}\u{5c0f}";
    // What is the system's own is nothing that a page could set, nor is a name that no metadata has.
    let body =
        json!({ "filename": "a.bin", "metadata": { "title": title, "identified": "true", "Key": "x" } });
    begin(&body).await.is(200);
    assert_eq!(app.store.files()[0].metadata, [("title".to_owned(), title.to_owned())].into());
}

/// The list of parts that ends an upload, item by item.
#[tokio::test]
async fn lists_of_parts_are_numbers_and_tags() {
    let app = TestApp::new();
    let user = app.user();
    let begun = json!({ "filename": "a.bin" });
    let begun = app.post(&user, "/api/v1/s3/multipart", &begun).await.is(200).json();
    let path = format!("/api/v1/s3/multipart/{}/complete", begun["uploadId"].as_str().unwrap());
    let before = everything(&app);
    for (part, code) in [
        (json!({ "PartNumber": 1 }), "INVALID_REQUEST"),
        (json!({ "ETag": "x" }), "INVALID_REQUEST"),
        (json!({ "PartNumber": "1", "ETag": "x" }), "INVALID_REQUEST"),
        (json!({ "PartNumber": 1.5, "ETag": "x" }), "INVALID_REQUEST"),
        (json!({ "PartNumber": -1, "ETag": "x" }), "INVALID_REQUEST"),
        (json!({ "PartNumber": 65_537, "ETag": "x" }), "INVALID_REQUEST"),
        (json!({ "PartNumber": 1, "ETag": null }), "INVALID_REQUEST"),
        (json!({ "PartNumber": 1, "ETag": 7 }), "INVALID_REQUEST"),
        (json!({ "PartNumber": 1, "ETag": "x", "Size": "5" }), "INVALID_REQUEST"),
        (json!({ "PartNumber": 1, "ETag": "x", "Checksum": "5" }), "UNKNOWN_FIELD"),
        (json!({ "partNumber": 1, "eTag": "x" }), "UNKNOWN_FIELD"),
        (json!([1, "x", null]), "INVALID_REQUEST"),
        (json!("x"), "INVALID_REQUEST"),
        (json!(null), "INVALID_REQUEST"),
    ] {
        let answer = app.post(&user, &path, &json!({ "parts": [part] })).await;
        answer.refused(400, code, &part.to_string());
    }
    for parts in [json!(null), json!({}), json!("x"), json!(1)] {
        let answer = app.post(&user, &path, &json!({ "parts": parts })).await;
        answer.refused(400, "INVALID_REQUEST", &parts.to_string());
    }
    app.post(&user, &path, &json!({})).await.refused(400, "INVALID_REQUEST", "no list");
    assert_eq!(everything(&app), before);
}

/// B11 for metadata that is given later, and what else a change may not say.
#[tokio::test]
async fn b11_changes_are_held_to_the_same() {
    let app = TestApp::new();
    let user = anybody(&app);
    let path = format!("/api/v1/files/{}", app.text(&user, "a.txt", b"text").await);
    let before = everything(&app);
    for (metadata, code) in [
        (json!({ "a": "x".repeat(2048) }), "INVALID_REQUEST"),
        (json!({ "a\r\nb": "x" }), "INVALID_REQUEST"),
        (json!({ "": "x" }), "INVALID_REQUEST"),
        (json!({ "Name": "x" }), "INVALID_REQUEST"),
        (json!({ "a": "x\0" }), "INVALID_REQUEST"),
        (json!({ "a": 1 }), "INVALID_REQUEST"),
        (json!({ "a": null }), "INVALID_REQUEST"),
        (json!([]), "INVALID_REQUEST"),
        (json!("x"), "INVALID_REQUEST"),
        (json!({ "identified": "true" }), "UNKNOWN_FIELD"),
    ] {
        let body = json!({ "metadata": metadata });
        let what = metadata.to_string()[..metadata.to_string().len().min(40)].to_owned();
        app.patch(&user, &path, &body).await.refused(400, code, &what);
        app.post(&user, &format!("{path}/copy"), &body).await.refused(400, code, &what);
    }
    for (verb, body) in [
        ("copy", json!({ "scope": "../x" })),
        ("copy", json!({ "scope": "" })),
        ("copy", json!({ "external_id": "" })),
        ("copy", json!({ "external_id": "a\0" })),
        ("copy", json!({ "is_public": "true" })),
        ("move", json!({ "scope": ".x" })),
        ("move", json!({ "owner_id": "" })),
        ("move", json!({ "owner_id": "a\0b" })),
        ("move", json!({ "external_id": "\u{85}" })),
        ("claim", json!({ "owner_id": "" })),
        ("claim", json!({ "is_public": 1 })),
    ] {
        let answer = app.post(&user, &format!("{path}/{verb}"), &body).await;
        answer.refused(400, "INVALID_REQUEST", &format!("{verb} {body}"));
    }
    app.patch(&user, &path, &json!({})).await.refused(400, "INVALID_REQUEST", "nothing to change");
    app.patch(&user, &path, &json!({ "filename": null })).await.refused(400, "INVALID_REQUEST", "nothing");
    assert_eq!(everything(&app), before);
    let metadata = json!({ "title": "gr\u{f6}\u{df}e", "a-b_9": "x".repeat(2000) });
    let body = json!({ "metadata": metadata });
    assert_eq!(app.patch(&user, &path, &body).await.is(200).json()["metadata"], metadata);
}

/// B14: what looks like a pattern is a text like others.
#[tokio::test]
async fn b14_filters_are_taken_literally() {
    let app = TestApp::new();
    let user = app.user();
    for (scope, external) in [("a_c", "e_1"), ("abc", "ex1"), ("a.c", "e%1"), ("a-c", "e*1")] {
        let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": 4, "scope": scope,
            "external_id": external });
        app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
    }
    let found = async |query: &str| {
        let listed = app.get(&user, &format!("/api/v1/files?{query}")).await.is(200).json();
        let files = listed["files"].as_array().unwrap().clone();
        files.iter().map(|file| file["scope"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for scope in ["a_c", "abc", "a.c", "a-c"] {
        assert_eq!(found(&format!("scope={scope}")).await, [scope]);
    }
    for (external, scope) in [("e_1", "a_c"), ("ex1", "abc"), ("e%251", "a.c"), ("e*1", "a-c")] {
        assert_eq!(found(&format!("external_id={external}")).await, [scope]);
    }
    for none in ["scope=a", "scope=ab", "external_id=e", "external_id=ex"] {
        assert_eq!(found(none).await, Vec::<String>::new(), "{none}");
    }
    for bad in ["scope=%25", "scope=*", "scope=..%2Fx", "scope=", "external_id="] {
        app.get(&user, &format!("/api/v1/files?{bad}")).await.refused(400, "INVALID_REQUEST", bad);
    }
}

/// What a ticket can be bound to, and for how long.
#[tokio::test]
async fn b10_tickets_are_bound_to_what_there_is() {
    let app = TestApp::new();
    let user = app.user();
    for (body, code) in [
        (json!({ "expires_in": 1e19 }), "INVALID_EXPIRY"),
        (json!({ "expires_in": 1.5 }), "INVALID_EXPIRY"),
        (json!({ "purpose": "anything" }), "INVALID_REQUEST"),
        (json!({ "purpose": 1 }), "INVALID_REQUEST"),
        (json!({ "entity_id": "x", "purpose": "avatar.user" }), "INVALID_ID"),
        (json!({ "scope": "../x" }), "INVALID_REQUEST"),
        (json!({ "is_public": "true" }), "INVALID_REQUEST"),
    ] {
        let answer = app.post(&user, "/api/v1/uploads/tickets", &body).await;
        answer.refused(400, code, &body.to_string());
    }
}
