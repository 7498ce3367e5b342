//! G15: what is declared and what comes must agree, in the request itself and later on staging.

use api_tests::{Answer, Form, Person, TestApp, photo, sha256};
use serde_json::{Value, json};
use storage_testkit::images;

/// A lie, or an honest file that is not acceptable.
struct Case {
    name: &'static str,
    avatar: bool,
    content_type: &'static str,
    /// Declared size, if another than the true one.
    size: Option<usize>,
    sha256: Option<String>,
    bytes: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn cases() -> Vec<Case> {
    let jpeg = photo(64, 1).to_vec();
    let case = |name, avatar, content_type, bytes: &[u8], code| Case {
        name,
        avatar,
        content_type,
        size: None,
        sha256: None,
        bytes: bytes.to_vec(),
        status: if code == "UNSUPPORTED_MEDIA_TYPE" { 415 } else { 422 },
        code,
    };
    let lie = Some(sha256(b"something else"));
    vec![
        Case {
            size: Some(jpeg.len() + 1),
            ..case("avatar size", true, "image/jpeg", &jpeg, "SIZE_MISMATCH")
        },
        Case { size: Some(9), ..case("file size", false, "text/plain", b"plain text", "SIZE_MISMATCH") },
        Case { sha256: lie.clone(), ..case("avatar digest", true, "image/jpeg", &jpeg, "CHECKSUM_MISMATCH") },
        Case { sha256: lie, ..case("file digest", false, "text/plain", b"plain text", "CHECKSUM_MISMATCH") },
        case("I31 jpeg as png", true, "image/png", &jpeg, "CONTENT_MISMATCH"),
        case("jpeg as pdf", false, "application/pdf", &jpeg, "CONTENT_MISMATCH"),
        case("I02 one byte", true, "image/jpeg", &[0xFF], "UNSUPPORTED_MEDIA_TYPE"),
        case("I03 a cut header", true, "image/jpeg", &jpeg[..20], "INVALID_IMAGE"),
        case("I04 half a file", true, "image/jpeg", &jpeg[..jpeg.len() / 2], "INVALID_IMAGE"),
        case(
            "I06 huge",
            true,
            "image/jpeg",
            &images::with_declared_size(&jpeg, 64_250, 64_250),
            "IMAGE_TOO_LARGE",
        ),
        case("I24 svg", true, "image/png", b"<svg onload=\"alert(1)\"/>", "UNSUPPORTED_MEDIA_TYPE"),
        case("I26 html", true, "image/jpeg", b"<!doctype html><p>", "UNSUPPORTED_MEDIA_TYPE"),
    ]
}

fn routes(user: &Person, avatar: bool) -> [String; 2] {
    if avatar {
        let route = format!("/api/v1/users/{}/avatar", user.id);
        [route.clone(), route]
    } else {
        ["/api/v1/files/presigned-upload".to_owned(), "/api/v1/files/upload".to_owned()]
    }
}

/// The verdict stays on the record and is what every later question gets.
async fn check_refused(app: &TestApp, user: &Person, file: &str, case: &Case, how: &str) {
    let name = format!("{how} {}", case.name);
    let shown = app.get(user, &format!("/api/v1/files/{file}")).await.is(200).json();
    assert_eq!((&shown["state"], &shown["error_code"]), (&json!("failed"), &json!(case.code)), "{name}");
    assert_eq!(shown["url"], Value::Null);
    let again: [Answer; 2] = [
        app.get(user, &format!("/api/v1/files/{file}/download")).await,
        app.post(user, &format!("/api/v1/files/{file}/complete"), &Value::Null).await,
    ];
    for answer in again {
        answer.refused(case.status, case.code, &name);
    }
    assert_eq!(app.keys(&[]), Vec::<String>::new(), "{name}: its bytes are gone");
}

#[tokio::test]
async fn g15_presigned_lies_fail_with_their_code_by_complete_and_by_event() {
    for case in cases() {
        for by_event in [false, true] {
            let app = TestApp::new();
            let user = app.user();
            let [route, _] = routes(&user, case.avatar);
            let size = case.size.unwrap_or(case.bytes.len());
            let mut body =
                json!({ "filename": "f.jpg", "content_type": case.content_type, "size_bytes": size });
            if let Some(digest) = &case.sha256 {
                body["sha256"] = json!(digest);
            }
            let issued = app.presign(&user, &route, &body).await;
            // Not by the form, which would hold the client to the size: a signed PUT or a broken storage would not.
            app.put(&issued.staging, &case.bytes).await;
            if by_event {
                assert!(
                    app.deliver_event(&issued.staging).await.is_empty(),
                    "{}: a refusal is final",
                    case.name
                );
            } else {
                let path = format!("/api/v1/files/{}/complete", issued.file);
                app.post(&user, &path, &Value::Null).await.refused(case.status, case.code, case.name);
            }
            check_refused(&app, &user, &issued.file, &case, if by_event { "event" } else { "complete" })
                .await;
        }
    }
}

#[tokio::test]
async fn g15_direct_lies_fail_with_their_code_in_the_answer() {
    // The size of a direct upload is that of its body, so there is no other one to lie about.
    for case in cases().into_iter().filter(|case| case.size.is_none()) {
        let app = TestApp::new();
        let user = app.user();
        let [_, route] = routes(&user, case.avatar);
        let mut form = Form::of_file("f.jpg", case.content_type, &case.bytes);
        if let Some(digest) = &case.sha256 {
            form = form.field("sha256", digest);
        }
        let answer = app.call("POST", &route).by(&user).form(form).send().await;
        answer.refused(case.status, case.code, case.name);
        let file = app.store.files()[0].file_id.to_string();
        check_refused(&app, &user, &file, &case, "direct").await;
    }
}

/// I01 and H04: nothing and too little are refused before a record is made.
#[tokio::test]
async fn g15_empty_files_are_refused_and_leave_no_record() {
    let app = TestApp::new();
    let user = app.user();
    for avatar in [true, false] {
        let [presigned, direct] = routes(&user, avatar);
        let body = json!({ "filename": "a.png", "content_type": "image/png", "size_bytes": 0 });
        app.post(&user, &presigned, &body).await.refused(422, "EMPTY_FILE", "declared");
        let form = Form::of_file("a.png", "image/png", b"");
        app.call("POST", &direct).by(&user).form(form).send().await.refused(422, "EMPTY_FILE", "direct");
    }
    assert_eq!(app.store.files().len(), 0);
}

/// I36 and I28 over HTTP: what is served holds no place and no comment, wherever it was uploaded.
#[tokio::test]
async fn g44_delivered_avatars_hold_nothing_but_pixels() {
    let app = TestApp::new();
    let user = app.user();
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let planted = images::with_comment(&images::with_exif_gps(&photo(120, 5), 6, 52, 13), b"<script>canary");
    let form = Form::of_file("me.jpg", "image/jpeg", &planted);
    let made = app.call("POST", &route).by(&user).form(form).send().await.is(201).json();
    for (size, shown) in made["sizes"].as_object().unwrap() {
        for url in [&shown["url"], &shown["webp"]["url"]] {
            let Some(url) = url.as_str() else { continue };
            let served = app.fetch(url).unwrap();
            let holds = |needle: &[u8]| served.windows(needle.len()).any(|window| window == needle);
            assert!(!holds(b"canary") && !holds(b"<script"), "{size}");
            assert!(!holds(&[0x88, 0x25, 0, 4]), "{size} has a GPS directory");
        }
    }
}
