//! G55: deletion is idempotent and final, at whatever moment of an ingest it comes.

use std::sync::Arc;

use api_tests::{Form, Issued, Person, TestApp, photo};
use serde_json::{Value, json};
use storage_testkit::faulty::ANY;

/// A presigned upload whose bytes lie on staging: an avatar or a text.
async fn uploaded(app: &TestApp, user: &Person, avatar: bool) -> Issued {
    let bytes = if avatar { photo(48, 1) } else { "text".into() };
    let (route, kind) = if avatar {
        (format!("/api/v1/users/{}/avatar", user.id), "image/jpeg")
    } else {
        ("/api/v1/files/presigned-upload".to_owned(), "text/plain")
    };
    let body = json!({ "filename": "f", "content_type": kind, "size_bytes": bytes.len() });
    let issued = app.presign(user, &route, &body).await;
    app.post_form(&issued, &bytes).await.unwrap();
    issued
}

/// Whatever is tried, the file is gone and stays gone, and so are its bytes.
async fn check_gone(app: &TestApp, user: &Person, issued: &Issued, case: &str) {
    let path = format!("/api/v1/files/{}", issued.file);
    for round in 0..2 {
        app.get(user, &path).await.refused(404, "NOT_FOUND", case);
        app.get(user, &format!("{path}/download")).await.refused(404, "NOT_FOUND", case);
        app.post(user, &format!("{path}/complete"), &Value::Null).await.refused(404, "NOT_FOUND", case);
        app.get(user, &format!("/api/v1/users/{}/avatar", user.id)).await.refused(404, "NOT_FOUND", case);
        let found =
            app.post(user, "/api/v1/files/urls", &json!({ "ids": [issued.file] })).await.is(200).json();
        assert_eq!(found["results"][0]["error"], "NOT_FOUND", "{case}");
        assert_eq!(app.keys(&[]), Vec::<String>::new(), "{case}");
        app.delete(user, &format!("{path}?permanent=true")).await.is(204);
        if round == 0 {
            // The browser sends its form once more, and the event of that comes late and twice.
            app.put(&issued.staging, b"late bytes").await;
            for _ in 0..2 {
                assert!(app.deliver_event(&issued.staging).await.is_empty(), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn g55_a_deleted_file_never_comes_back_from_any_state() {
    for avatar in [true, false] {
        for state in ["pending", "uploaded", "ready", "failed"] {
            let app = TestApp::new();
            let user = app.user();
            let issued = uploaded(&app, &user, avatar).await;
            match state {
                "pending" => app.remove(&issued.staging).await,
                "ready" => assert!(app.deliver_event(&issued.staging).await.is_empty()),
                "failed" => {
                    app.put(&issued.staging, b"too long to be what was declared").await;
                    app.deliver_event(&issued.staging).await;
                }
                _ => {}
            }
            let case = format!("avatar {avatar}, {state}");
            for _ in 0..2 {
                app.delete(&user, &format!("/api/v1/files/{}?permanent=true", issued.file)).await.is(204);
            }
            check_gone(&app, &user, &issued, &case).await;
        }
    }
}

/// The deletion comes just before each call that the ingest makes to storage or metadata.
#[tokio::test]
async fn g55_a_deletion_between_any_two_steps_of_an_ingest_is_final() {
    for avatar in [true, false] {
        let steps = {
            let app = TestApp::new();
            let user = app.user();
            let issued = uploaded(&app, &user, avatar).await;
            app.storage_faults.forget_calls();
            app.store_faults.forget_calls();
            app.deliver_event(&issued.staging).await;
            [app.storage_faults.count(ANY), app.store_faults.count(ANY)]
        };
        assert!(steps.iter().all(|count| *count >= 5), "{steps:?}");
        for (port, count) in steps.into_iter().enumerate() {
            for step in 1..=count {
                let app = Arc::new(TestApp::new());
                let user = app.user();
                let issued = uploaded(&app, &user, avatar).await;
                let (inner, caller, path) =
                    (app.clone(), user.clone(), format!("/api/v1/files/{}", issued.file));
                let faults = if port == 0 { &app.storage_faults } else { &app.store_faults };
                faults.before(ANY, step, move || async move {
                    inner.delete(&caller, &format!("{path}?permanent=true")).await.is(204);
                });
                let case = format!("avatar {avatar}, port {port}, before call {step} of {count}");
                assert!(app.deliver_event(&issued.staging).await.is_empty(), "{case}");
                let trail = app.trail(&issued.file).await;
                assert_eq!(trail.last().map(String::as_str), Some("deleted"), "{case}: {trail:?}");
                check_gone(&app, &user, &issued, &case).await;
            }
        }
    }
}

/// A deletion of the avatar wins over every upload that was issued before it, and over none issued after it.
#[tokio::test]
async fn g55_a_deleted_avatar_is_not_brought_back_by_an_upload_issued_before() {
    let app = TestApp::new();
    let user = app.user();
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let form = Form::of_file("me.jpg", "image/jpeg", &photo(48, 9));
    app.call("POST", &route).by(&user).form(form).send().await.is(201);
    let before = uploaded(&app, &user, true).await;
    app.delete(&user, &route).await.is(204);
    app.deliver_event(&before.staging).await;
    check_gone(&app, &user, &before, "issued before the deletion").await;
    let after = uploaded(&app, &user, true).await;
    app.deliver_event(&after.staging).await;
    app.get(&user, &route).await.is(302);
}

/// The trash: gone for readers, kept for a restore, and what is on hold is not deleted at all.
#[tokio::test]
async fn a_trashed_file_is_not_served_and_a_held_one_is_not_deleted() {
    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, false).await;
    app.deliver_event(&issued.staging).await;
    let path = format!("/api/v1/files/{}", issued.file);
    app.alter(&issued.file, |record| record.legal_hold = true).await;
    for query in ["", "?permanent=true"] {
        app.delete(&user, &format!("{path}{query}")).await.refused(409, "STATE_CONFLICT", "on hold");
    }
    app.get(&user, &format!("{path}/download")).await.is(302);
    app.alter(&issued.file, |record| record.legal_hold = false).await;
    for _ in 0..2 {
        app.delete(&user, &path).await.is(204);
    }
    app.get(&user, &format!("{path}/download")).await.refused(404, "NOT_FOUND", "in the trash");
    assert_eq!(app.get(&user, &path).await.is(200).json()["state"], "trashed");
    assert_eq!(app.keys(&[]).len(), 2, "the file and its document wait for a restore");
    app.delete(&user, &format!("{path}?permanent=true")).await.is(204);
    check_gone(&app, &user, &issued, "purged").await;
}

/// G40: from the moment of the deletion on nobody gets a URL, and of what was deleted for good old URLs lead nowhere.
#[tokio::test]
async fn g40_a_deleted_private_file_gets_no_url_and_loses_its_bytes() {
    for (avatar, permanent) in [(false, false), (false, true), (true, true)] {
        let app = TestApp::new();
        let user = app.user();
        let issued = uploaded(&app, &user, avatar).await;
        app.deliver_event(&issued.staging).await;
        let path = format!("/api/v1/files/{}", issued.file);
        let shown = app.get(&user, &path).await.is(200).json();
        assert_eq!(shown["is_public"], false);
        let mut urls = vec![shown["url"].as_str().unwrap().to_owned()];
        urls.push(
            app.get(&user, &format!("{path}/download")).await.is(302).header("location").unwrap().to_owned(),
        );
        let ids = json!({ "ids": [issued.file] });
        let batch = app.post(&user, "/api/v1/files/urls", &ids).await.is(200).json();
        urls.push(batch["results"][0]["url"].as_str().unwrap().to_owned());
        assert!(urls.iter().all(|url| app.fetch(url).is_some()), "{urls:?}");

        let query = if permanent { "?permanent=true" } else { "" };
        app.delete(&user, &format!("{path}{query}")).await.is(204);
        for download in [format!("{path}/download"), format!("/api/v1/download/{}", issued.file)] {
            app.get(&user, &download).await.refused(404, "NOT_FOUND", &download);
        }
        let batch = app.post(&user, "/api/v1/files/urls", &ids).await.is(200).json();
        assert_eq!(batch["results"][0]["error"], "NOT_FOUND");
        assert!(batch["results"][0].get("url").is_none(), "{batch}");
        let listed = app.get(&user, "/api/v1/files").await.is(200).json();
        assert!(!listed.to_string().contains(".cdn.test"), "{listed}");
        match permanent {
            true => {
                app.get(&user, &path).await.refused(404, "NOT_FOUND", "the record");
                assert!(urls.iter().all(|url| app.fetch(url).is_none()), "old URLs lead nowhere");
                assert_eq!(app.keys(&[]), Vec::<String>::new());
            }
            // What waits for a restore is there, and its old URLs end by themselves.
            false => assert!(app.get(&user, &path).await.is(200).json().get("url").is_none()),
        }
        if avatar {
            let route = format!("/api/v1/users/{}/avatar", user.id);
            app.get(&user, &route).await.refused(404, "NOT_FOUND", "the avatar");
            let info = app.get(&user, &format!("{route}/info")).await.is(200).json();
            assert_eq!(info["sizes"], json!({}));
        }
    }
}
