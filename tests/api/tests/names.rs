//! N01 to N14: what becomes of a file name, from the request to the record and to the header of a download.

use std::path::Path;

use api_tests::{Answer, Form, TestApp, photo};
use serde_json::{Value, json};
use storage_core::key::{KeySpace, ObjectKey};

const ROUTE: &str = "/api/v1/files/presigned-upload";

async fn issue(app: &TestApp, name: &str) -> Answer {
    let user = app.user();
    let body = json!({ "filename": name, "content_type": "text/plain", "size_bytes": 4 });
    let answer = app.post(&user, ROUTE, &body).await;
    if answer.status == 201 {
        let issued = answer.json();
        let shown =
            app.get(&user, &format!("/api/v1/files/{}", issued["file_id"].as_str().unwrap())).await.is(200);
        let mut answer = answer;
        answer.body = shown.body;
        let key = ObjectKey::parse(&KeySpace::default(), issued["key"].as_str().unwrap());
        assert!(
            matches!(key, Ok(ObjectKey::Staging { .. })),
            "a key is made of ids and nothing else: {issued}"
        );
        return answer;
    }
    answer
}

#[tokio::test]
async fn n01_n06_n08_to_n11_n14_names_are_shown_as_text_and_never_as_paths() {
    let app = TestApp::new();
    let table = [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.txt", "a.txt"),
        ("a\u{202E}gpj.exe", "agpj.exe"),
        ("a\u{200B}b\u{2066}c\u{FEFF}.txt", "abc.txt"),
        ("e\u{301}.txt", "é.txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul.txt", "_nul.txt"),
        ("COM1", "_COM1"),
        ("LPT9.tar.gz", "_LPT9.tar.gz"),
        ("COM\u{b9}", "_COM\u{b9}"),
        ("x:ads", "_x:ads"),
        ("a.", "a"),
        ("a ", "a"),
        (" a . . ", "a"),
        (".htaccess", ".htaccess"),
        ("-rf", "-rf"),
        ("~", "~"),
        ("$(id)", "$(id)"),
        ("%00.jpg", "%00.jpg"),
        ("photo.jpg.php", "photo.jpg.php"),
        ("photo.php%00.jpg", "photo.php%00.jpg"),
        ("р\u{430}ssport.pdf", "р\u{430}ssport.pdf"),
        ("<script>alert(1)<", "<script>alert(1)<"),
        ("👩‍💻.txt", "👩💻.txt"),
    ];
    for (sent, shown) in table {
        let record = issue(&app, sent).await.is(201).json();
        assert_eq!(record["filename"], shown, "{sent:?}");
    }
    let longest = "a".repeat(255);
    assert_eq!(issue(&app, &longest).await.is(201).json()["filename"], longest);
}

#[tokio::test]
async fn n02_n03_n05_n07_names_that_cannot_be_shown_are_refused() {
    let app = TestApp::new();
    let mut bad: Vec<String> =
        ["", " ", "   ", ".", "..", "...", " . . ", "a/", "..\\", "\u{200B}", "\u{202E}.\u{202C}"]
            .map(str::to_owned)
            .into();
    bad.extend(
        (0..=0x1F).chain(0x7F..=0x9F).map(|control| format!("a{}b", char::from_u32(control).unwrap())),
    );
    bad.extend(["\r\nSet-Cookie: a=b".to_owned(), "a\0.jpg".to_owned(), "a".repeat(256), "😀".repeat(255)]);
    bad.push(format!("e{}", "\u{327}".repeat(255)));
    for name in &bad {
        issue(&app, name).await.refused(400, "INVALID_FILENAME", &format!("{name:.20?}"));
        let route = format!("/api/v1/users/{}/avatar", api_tests::fresh_id());
        let admin = app.person(app.tenant, &["storage:admin"]);
        let body = json!({ "filename": name, "content_type": "image/png", "size_bytes": 4 });
        app.post(&admin, &route, &body).await.refused(400, "INVALID_FILENAME", &format!("{name:.20?}"));
    }
    assert_eq!(app.store.files().len(), 0);
}

/// What a redirect asks the storage to answer with, as the query has it.
fn disposition(redirect: &Answer) -> &str {
    let (_, query) = redirect.header("location").unwrap().split_once("?disposition=").unwrap();
    query.split('&').next().unwrap()
}

/// N04: a quote cannot leave its header, and the exact name is in the header all the same.
#[tokio::test]
async fn n04_a_name_cannot_break_out_of_its_header() {
    let app = TestApp::new();
    let user = app.user();
    let name = "\"; filename=\"evil.exe";
    let body = json!({ "filename": name, "content_type": "text/plain", "size_bytes": 4 });
    let issued = app.presign(&user, ROUTE, &body).await;
    app.post_form(&issued, b"text").await.unwrap();
    app.deliver_event(&issued.staging).await;
    let path = format!("/api/v1/files/{}/download?disposition=attachment", issued.file);
    let redirect = app.get(&user, &path).await.is(302);
    let query = disposition(&redirect);
    let header = percent_encoding::percent_decode_str(query).decode_utf8().unwrap();
    let expected =
        "attachment; filename=\"_; filename=_evil.exe\"; filename*=UTF-8''%22%3B%20filename%3D%22evil.exe";
    assert_eq!(header, expected);
    assert_eq!(header.matches('"').count(), 2);

    // A caller's own name for one download is held to the same rules.
    let redirect = app.get(&user, &format!("{path}&name=..%2Fa%22b.txt")).await.is(302);
    let query = disposition(&redirect);
    let header = percent_encoding::percent_decode_str(query).decode_utf8().unwrap();
    assert_eq!(header, "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt");
}

/// N11 and I32: the extension of the object is that of its content.
#[tokio::test]
async fn n11_the_extension_of_a_key_comes_from_the_content() {
    for name in ["photo.jpg.php", "photo.php%00.jpg", "evil.exe", "noextension"] {
        let app = TestApp::new();
        let user = app.user();
        let form = Form::of_file(name, "image/jpeg", &photo(16, 1));
        let made = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.is(201).json();
        assert_eq!(made["content_type"], "image/jpeg");
        let path = made["url"].as_str().unwrap().split('?').next().unwrap();
        assert!(path.ends_with(".jpg"), "{made}");
    }
}

/// N12.
#[tokio::test]
async fn n12_a_lone_surrogate_is_no_json() {
    let app = TestApp::new();
    let user = app.user();
    let body = r#"{"filename":"a\ud800b","content_type":"text/plain","size_bytes":4}"#;
    let answer = app.call("POST", ROUTE).by(&user).bytes("application/json", body).send().await;
    answer.refused(400, "INVALID_JSON", "lone surrogate");
}

/// N13: the Big List of Naughty Strings where it is at hand, and a handful of it anywhere.
#[tokio::test]
async fn n13_naughty_strings_are_taken_or_refused_and_come_back_as_json() {
    let corpus =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/naughty-strings/blns.json");
    let handful = json!([
        "undefined",
        "NULL",
        "1/0",
        "0x0",
        "'; DROP TABLE users",
        "田中さんにあげて下さい",
        "ﷺ",
        "\u{2028}"
    ]);
    let list: Value = match std::fs::read(corpus) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(_) => handful,
    };
    let (mut taken, mut refused) = (0, 0);
    let app = TestApp::new();
    for name in list.as_array().unwrap() {
        let answer = issue(&app, name.as_str().unwrap()).await;
        if answer.status == 201 {
            // What is shown is stable: the name that comes back is taken again, unchanged.
            let shown = answer.json()["filename"].as_str().unwrap().to_owned();
            let again = issue(&app, &shown).await.is(201).json();
            let reserved = shown.starts_with('_') && again["filename"] == format!("_{shown}");
            assert!(again["filename"] == shown.as_str() || reserved, "{shown:?} {again}");
            taken += 1;
        } else {
            answer.refused(400, "INVALID_FILENAME", &name.to_string());
            refused += 1;
        }
    }
    assert!(taken >= 7 && taken + refused == list.as_array().unwrap().len(), "{taken} {refused}");
}
