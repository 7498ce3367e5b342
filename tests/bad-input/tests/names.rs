//! N01 to N14: every name by both ways of uploading, and what is left of it in the record, the key and the header.

use std::path::Path;
use std::sync::LazyLock;

use api_tests::{Answer, Form, Person, TestApp, fresh_id, photo, sha256};
use bad_input_tests::Case;
use bad_input_tests::table::names::{CASES, Name, Sent};
use bytes::Bytes;
use serde_json::{Value, json};
use storage_core::key::{KeySpace, ObjectKey};

use crate::skip;

const PRESIGN: &str = "/api/v1/files/presigned-upload";
const DIRECT: &str = "/api/v1/files/upload";
const NAUGHTY: &str = "../../../shared/corpus/naughty-strings/blns.json";

/// What a name is given to in a form.
static PHOTO: LazyLock<Bytes> = LazyLock::new(|| photo(16, 1));

fn request(name: &str) -> Value {
    json!({ "filename": name, "content_type": "text/plain", "size_bytes": 4 })
}

/// Whether a name can stand between the quotes of a form's header as it is.
fn fits_a_form(name: &str) -> bool {
    !name.chars().any(|character| character.is_control() || matches!(character, '"' | '\\'))
}

/// Takes a name the long way: a form is issued, posted and ingested, and the record is read.
async fn presigned(app: &TestApp, user: &Person, name: &str) -> Result<Value, Answer> {
    let answer = app.post(user, PRESIGN, &request(name)).await;
    if answer.status != 201 {
        return Err(answer);
    }
    let issued = api_tests::Issued::read(&answer);
    app.post_form(&issued, b"text").await.unwrap();
    assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
    check_key(app, &issued.file, name).await;
    Ok(app.get(user, &format!("/api/v1/files/{}", issued.file)).await.is(200).json())
}

/// Takes a name the short way: in the form itself, with the bytes of a photo.
async fn direct(app: &TestApp, user: &Person, name: &str) -> Result<Value, Answer> {
    let form = Form::of_file(name, "image/jpeg", &PHOTO);
    let answer = app.call("POST", DIRECT).by(user).form(form).send().await;
    if answer.status != 201 {
        return Err(answer);
    }
    let made = answer.json();
    let file = made["file_id"].as_str().unwrap();
    let key = check_key(app, file, name).await;
    assert!(key.ends_with(".jpg"), "the extension is that of the content: {key}");
    assert_eq!(app.record(file).await.sha256.as_deref(), Some(&*sha256(&PHOTO)));
    Ok(app.get(user, &format!("/api/v1/files/{file}")).await.is(200).json())
}

/// Takes a name as that of a file that has another one.
async fn renamed(app: &TestApp, user: &Person, file: &str, name: &str) -> Result<Value, Answer> {
    let answer = app.patch(user, &format!("/api/v1/files/{file}"), &json!({ "filename": name })).await;
    if answer.status != 200 {
        return Err(answer);
    }
    check_key(app, file, name).await;
    Ok(answer.json())
}

/// The key of a ready file is one that our own code writes: made of ids, with nothing of the name in it.
async fn check_key(app: &TestApp, file: &str, name: &str) -> String {
    let record = app.record(file).await;
    assert_eq!(record.state.as_str(), "ready", "{name:?}");
    let key = record.final_key.expect("a key").to_string();
    let space = KeySpace { base: None, tenant: Some(app.tenant) };
    assert!(matches!(ObjectKey::parse(&space, &key), Ok(ObjectKey::Attachment { .. })), "{key}");
    key
}

/// One name of one case, by every way that can say it.
async fn check(app: &TestApp, user: &Person, file: &str, case: &Case<Name>, name: &str) {
    let (id, what) = (case.id, case.what);
    let shown = case.input.shown.unwrap_or(name);
    let mut answers = vec![presigned(app, user, name).await, renamed(app, user, file, name).await];
    if fits_a_form(name) {
        answers.push(direct(app, user, name).await);
    }
    for answer in answers {
        match (answer, case.expect.code) {
            (Ok(record), None) => assert_eq!(record["filename"], shown, "{id} {what}"),
            (Err(answer), Some(code)) => {
                answer.refused(case.expect.status, code, &format!("{id} {what} {name:.20?}"));
            }
            (Ok(record), Some(_)) => panic!("{id} {what}: accepted as {record}"),
            (Err(answer), None) => panic!("{id} {what}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn n01_to_n11_n14_names_get_what_the_table_says() {
    let app = TestApp::new();
    let user = app.user();
    let admin = app.person(app.tenant, &["storage:admin"]);
    let file = app.text(&user, "a.txt", b"text").await;
    for case in CASES {
        let files = app.store.files().len();
        for name in case.input.sent.names() {
            check(&app, &user, &file, case, &name).await;
            if let Some(code) = case.expect.code {
                let route = format!("/api/v1/users/{}/avatar", fresh_id());
                let answer = app.post(&admin, &route, &request(&name)).await;
                answer.refused(case.expect.status, code, case.id);
            }
        }
        assert!(case.expect.code.is_none() || app.store.files().len() == files, "{}", case.id);
    }
}

/// N04: the header of the download is one line whose quotes are those of the header, and says the exact name too.
#[tokio::test]
async fn n04_the_header_of_a_download_holds_the_name_and_nothing_of_it_gets_out() {
    let case = CASES.iter().find(|case| case.id == "N04").unwrap();
    let Sent::Text(name) = case.input.sent else { panic!("{case:?}") };
    let app = TestApp::new();
    let user = app.user();
    let record = presigned(&app, &user, name).await.unwrap();
    let path =
        format!("/api/v1/files/{}/download?disposition=attachment", record["file_id"].as_str().unwrap());
    let header = async |path: &str| {
        let redirect = app.get(&user, path).await.is(302);
        let (_, query) = redirect.header("location").unwrap().split_once("?disposition=").unwrap();
        let value = query.split('&').next().unwrap();
        percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned()
    };
    assert_eq!(
        header(&path).await,
        "attachment; filename=\"_; filename=_evil.exe\"; filename*=UTF-8''%22%3B%20filename%3D%22evil.exe"
    );
    // A caller's own name for one download is held to the same rules.
    assert_eq!(
        header(&format!("{path}&name=..%2Fa%22b.txt")).await,
        "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"
    );
}

#[tokio::test]
async fn n12_a_lone_surrogate_is_no_json() {
    let app = TestApp::new();
    let user = app.user();
    for case in CASES {
        let Sent::Json(text) = case.input.sent else { continue };
        let body = format!(r#"{{"filename":{text},"content_type":"text/plain","size_bytes":4}}"#);
        let answer = app.call("POST", PRESIGN).by(&user).bytes("application/json", body).send().await;
        answer.refused(case.expect.status, case.expect.code.unwrap(), case.id);
    }
    assert_eq!(app.store.files().len(), 0);
}

/// N13: what is shown of a naughty name is a name that is taken again and shown the same.
#[tokio::test]
async fn n13_naughty_strings_are_taken_or_refused_and_come_back_as_json() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(NAUGHTY);
    let Ok(list) = std::fs::read(&path) else {
        return skip("N13", "there is no ../shared/corpus/naughty-strings");
    };
    let list: Vec<String> = serde_json::from_slice(&list).unwrap();
    assert_eq!(list.len(), 515);
    let app = TestApp::with(&[("STORAGE_ISSUES_PER_MINUTE", "0")]);
    let user = app.user();
    let (mut taken, mut refused) = (0, 0);
    for name in &list {
        let first = presigned(&app, &user, name).await;
        if fits_a_form(name) {
            match (&first, direct(&app, &user, name).await) {
                (Ok(first), Ok(second)) => assert_eq!(first["filename"], second["filename"], "{name:?}"),
                (Err(_), Err(answer)) => drop(answer.refused(400, "INVALID_FILENAME", name)),
                (first, second) => panic!("{name:?}: {first:?} and {second:?}"),
            }
        }
        match first {
            Err(answer) => {
                answer.refused(400, "INVALID_FILENAME", name);
                refused += 1;
            }
            Ok(record) => {
                taken += 1;
                let shown = record["filename"].as_str().unwrap();
                if shown == name {
                    continue;
                }
                let again = presigned(&app, &user, shown).await.unwrap();
                // A reserved name is still one behind its `_` where it has a colon.
                let reserved = again["filename"] == format!("_{shown}") && shown.contains(':');
                assert!(again["filename"] == shown || reserved, "{shown:?} {again}");
            }
        }
    }
    assert_eq!(taken + refused, 515);
    assert!(taken > 400 && refused > 0, "{taken} {refused}");
}
