//! `GET /files`: the caller's files, newest first, a page at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use api_tests::{Answer, Form, Person, TestApp, fresh_id};
use serde_json::{Value, json};
use storage_core::ports::{Clock, MetadataStore, Transaction, Write};
use storage_core::record::FileState;
use storage_testkit::records;

const ROUTE: &str = "/api/v1/files";

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let files = json["files"].as_array().unwrap();
    files.iter().map(|file| file["file_id"].as_str().unwrap().to_owned()).collect()
}

/// Every file of a listing, page by page.
async fn all(app: &TestApp, user: &Person, query: &str, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = app.get(user, &format!("{ROUTE}?limit={limit}{query}{cursor}")).await.is(200);
        assert!(ids(&page).len() <= limit);
        found.extend(ids(&page));
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
    panic!("the listing does not end");
}

/// So many texts of one user, oldest first, one second apart.
async fn texts(app: &TestApp, user: &Person, count: usize) -> Vec<String> {
    let mut files = Vec::new();
    for number in 0..count {
        app.clock.advance(Duration::from_secs(1));
        let scope = if number % 3 == 0 { "red" } else { "blue" };
        let form = Form::of_file("a.txt", "text/plain", b"text").field("scope", scope);
        files.push(app.upload(user, form).await);
    }
    files
}

#[tokio::test]
async fn files_are_listed_newest_first_and_once() {
    let app = TestApp::new();
    let (user, colleague) = (app.user(), app.user());
    assert_eq!(app.get(&user, ROUTE).await.is(200).json(), json!({ "files": [] }));
    let mut files = texts(&app, &user, 7).await;
    app.text(&colleague, "theirs.txt", b"text").await;
    files.reverse();
    for limit in [1, 2, 3, 6, 7, 8, 1000] {
        assert_eq!(all(&app, &user, "", limit).await, files, "{limit} a page");
    }
    let json = app.get(&user, ROUTE).await.is(200).json();
    let first = &json["files"][0];
    let record = app.get(&user, &format!("{ROUTE}/{}", files[0])).await.is(200).json();
    assert_eq!(first, &record, "the same view as of the record");
    assert_eq!(app.fetch(first["url"].as_str().unwrap()).unwrap(), "text");
    // A file that is issued between two pages is not on a later one, and nothing is there twice.
    let page = app.get(&user, &format!("{ROUTE}?limit=3")).await.is(200);
    texts(&app, &user, 1).await;
    let next = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let page = app.get(&user, &format!("{ROUTE}?limit=1000&cursor={next}")).await.is(200);
    assert_eq!(ids(&page), files[3..]);
}

#[tokio::test]
async fn filters_narrow_a_listing() {
    let app = TestApp::new();
    let user = app.user();
    let files = texts(&app, &user, 6).await;
    let moment = app.record(&files[2]).await.created_at;
    let export = json!({ "filename": "e.csv", "content_type": "text/csv", "size_bytes": 4,
        "purpose": "export", "external_id": "order 7/ä" });
    app.clock.advance(Duration::from_secs(1));
    let export = app.presign(&user, "/api/v1/files/presigned-upload", &export).await.file;
    app.delete(&user, &format!("{ROUTE}/{}", files[1])).await.is(204);
    app.delete(&user, &format!("{ROUTE}/{}?permanent=true", files[0])).await.is(204);
    let named = |numbers: &[usize]| -> Vec<String> { numbers.iter().map(|at| files[*at].clone()).collect() };
    let table: Vec<(String, Vec<String>)> = vec![
        (String::new(), [vec![export.clone()], named(&[5, 4, 3, 2])].concat()),
        ("state=trashed".into(), named(&[1])),
        ("state=ready".into(), named(&[5, 4, 3, 2])),
        ("state=pending".into(), vec![export.clone()]),
        ("state=failed".into(), vec![]),
        ("purpose=export".into(), vec![export.clone()]),
        ("purpose=attachment".into(), named(&[5, 4, 3, 2])),
        ("purpose=avatar.user".into(), vec![]),
        ("content_type=text/csv".into(), vec![export.clone()]),
        ("content_type=TEXT/PLAIN".into(), named(&[5, 4, 3, 2])),
        ("scope=red".into(), named(&[3])),
        ("scope=blue&state=ready".into(), named(&[5, 4, 2])),
        (format!("created_after={moment}"), [vec![export.clone()], named(&[5, 4, 3])].concat()),
        (format!("created_after={moment}&scope=red"), named(&[3])),
        ("external_id=order%207%2F%C3%A4".into(), vec![export.clone()]),
        ("external_id=order%207%2F%C3%A4&purpose=attachment".into(), vec![]),
        ("external_id=other".into(), vec![]),
        (format!("owner={}", user.id), [vec![export.clone()], named(&[5, 4, 3, 2])].concat()),
    ];
    for (query, expected) in table {
        assert_eq!(all(&app, &user, &format!("&{query}"), 2).await, expected, "{query}");
    }
}

/// Of many files one matches: the pages on the way are short, and the last one has it.
#[tokio::test]
async fn a_rare_match_is_found_without_reading_everything_at_once() {
    let app = TestApp::new();
    let user = app.user();
    let wanted = app.text(&user, "a.txt", b"text").await;
    let template = app.record(&wanted).await;
    app.alter(&wanted, |record| record.scope = Some("rare".to_owned())).await;
    for _ in 0..45 {
        let files = (0..100).map(|_| {
            let mut record = template.clone();
            app.clock.advance(Duration::from_millis(10));
            (record.file_id, record.created_at) = (fresh_id().parse().unwrap(), app.clock.now());
            Write::CreateFile(Box::new(record))
        });
        app.store.commit(Transaction::new(files.collect())).await.unwrap();
    }
    app.store_faults.forget_calls();
    let page = app.get(&user, &format!("{ROUTE}?scope=rare&limit=500")).await.is(200);
    assert_eq!(ids(&page), Vec::<String>::new());
    let read = app.store_faults.count("get_file");
    assert_eq!(read, 2000, "no request reads more");
    assert_eq!(all(&app, &user, "&scope=rare", 500).await, [wanted]);
}

#[tokio::test]
async fn somebody_elses_files_are_for_administrators() {
    let app = TestApp::new();
    let (user, colleague) = (app.user(), app.user());
    let files = texts(&app, &user, 2).await;
    let form = Form::of_file("a.txt", "text/plain", b"text").field("external_id", "e-1");
    let named = app.upload(&user, form).await;
    let of_user = format!("{ROUTE}?owner={}", user.id);
    app.get(&colleague, &of_user).await.refused(403, "FORBIDDEN", "a colleague's");
    assert_eq!(ids(&app.get(&colleague, &format!("{ROUTE}?external_id=e-1")).await.is(200)), [""; 0]);
    for role in ["storage:admin", "storage:service"] {
        let trusted = app.person(app.tenant, &[role]);
        assert_eq!(all(&app, &trusted, &format!("&owner={}", user.id), 2).await.len(), 3);
        assert_eq!(all(&app, &trusted, "", 2).await, [""; 0], "its own, which are none");
        assert_eq!(all(&app, &trusted, "&external_id=e-1", 2).await, [named.as_str()], "whosever it is");
        let foreign = app.person(records::new_tenant(), &[role]);
        assert_eq!(ids(&app.get(&foreign, &of_user).await.is(200)), [""; 0], "of another tenant");
        assert_eq!(ids(&app.get(&foreign, &format!("{ROUTE}?external_id=e-1")).await.is(200)), [""; 0]);
    }
    assert_eq!(files.len(), 2);
}

/// B12.
#[tokio::test]
async fn b12_a_cursor_is_good_for_one_listing_and_one_day() {
    let app = TestApp::new();
    let mut user = app.user();
    texts(&app, &user, 4).await;
    let page = app.get(&user, &format!("{ROUTE}?limit=2&scope=blue")).await.is(200).json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let good = format!("{ROUTE}?scope=blue&limit=1&cursor={cursor}");
    app.get(&user, &good).await.is(200);
    let refused = async |person: &Person, query: &str, case: &str| {
        app.get(person, &format!("{ROUTE}?{query}")).await.refused(400, "INVALID_CURSOR", case);
    };
    for (query, case) in [
        (format!("cursor={cursor}"), "without its filter"),
        (format!("scope=red&cursor={cursor}"), "another filter"),
        (format!("scope=blue&state=ready&cursor={cursor}"), "one more filter"),
        (format!("scope=blue&cursor={}", &cursor[..cursor.len() - 1]), "cut"),
        (format!("scope=blue&cursor={cursor}A"), "longer"),
        ("scope=blue&cursor=".to_owned(), "empty"),
        ("scope=blue&cursor=x".to_owned(), "made up"),
        (format!("scope=blue&cursor={}", "a".repeat(5000)), "long"),
    ] {
        refused(&user, &query, case).await;
    }
    for at in (0..cursor.len()).step_by(7) {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        refused(&user, &format!("scope=blue&cursor={}", String::from_utf8(bytes).unwrap()), "tampered").await;
    }
    let colleague = app.user();
    refused(&colleague, &format!("scope=blue&cursor={cursor}"), "of another owner").await;
    let stranger = Person { tenant: records::new_tenant(), ..user.clone() };
    let stranger = Person { token: app.token(stranger.tenant, stranger.id, &["user"]), ..stranger };
    refused(&stranger, &format!("scope=blue&cursor={cursor}"), "of another tenant").await;
    let admin = app.person(app.tenant, &["storage:admin"]);
    refused(&admin, &format!("scope=blue&cursor={cursor}"), "of the admin's own files").await;
    app.get(&admin, &format!("{good}&owner={}", user.id)).await.is(200);

    app.clock.advance(Duration::from_secs(24 * 3600 - 1));
    user.token = app.token(user.tenant, user.id, &["user"]);
    app.get(&user, &good).await.is(200);
    app.clock.advance(Duration::from_secs(1));
    refused(&user, &format!("scope=blue&limit=1&cursor={cursor}"), "a day old").await;
}

/// B13.
#[tokio::test]
async fn b13_limits_are_1_to_1000_and_other_values_are_words_of_the_documentation() {
    let app = TestApp::new();
    let user = app.user();
    for limit in ["0", "1001", "-1", "1.5", "x", "", "99999999999999999999"] {
        let answer = app.get(&user, &format!("{ROUTE}?limit={limit}")).await;
        answer.refused(400, "INVALID_REQUEST", limit);
    }
    for limit in ["1", "1000"] {
        app.get(&user, &format!("{ROUTE}?limit={limit}")).await.is(200);
    }
    for query in [
        "state=deleting",
        "state=deleted",
        "state=x",
        "purpose=x",
        "content_type=x",
        "created_after=yesterday",
        "scope=..",
        "external_id=",
        "owner=",
        "order=asc",
        "limit=1&limit=2",
    ] {
        app.get(&user, &format!("{ROUTE}?{query}")).await.refused(400, "INVALID_REQUEST", query);
    }
}

/// Tombstones are in the index for a while, and on no page.
#[tokio::test]
async fn no_page_shows_a_tombstone() {
    let app = TestApp::new();
    let user = app.user();
    let files = texts(&app, &user, 9).await;
    for (number, state) in FileState::ALL.iter().enumerate() {
        app.alter(&files[number], |record| record.state = *state).await;
    }
    let listed = app.get(&user, ROUTE).await.is(200).json();
    let states: BTreeSet<&str> =
        listed["files"].as_array().unwrap().iter().map(|file| file["state"].as_str().unwrap()).collect();
    let shown = ["pending", "processing", "scanning", "quarantined", "ready", "failed"];
    assert_eq!(states, shown.into());
    let with_url = listed["files"].as_array().unwrap().iter().filter(|file| file["url"] != Value::Null);
    assert_eq!(with_url.count(), 1, "only what is ready has a URL");
}
