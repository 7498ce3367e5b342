//! The life of an avatar, with the stored keys after each action.

use std::time::Duration;

use api_tests::{Person, TestApp, photo};
use serde_json::json;
use storage_core::ports::{Clock, ObjectRef};
use storage_core::record::FileState;

/// Whose avatar, and who may change it.
struct Subject {
    kind: &'static str,
    entity: String,
    writer: Person,
}

fn subjects(app: &TestApp) -> [Subject; 2] {
    let user = app.user();
    let manager = app.person(app.tenant, &["agent:write"]);
    let agent = app.user().id;
    [
        Subject { kind: "users", entity: user.id.to_string(), writer: user },
        Subject { kind: "agents", entity: agent.to_string(), writer: manager },
    ]
}

/// The seven objects of one generation.
fn stored(kind: &str, file: &str) -> Vec<String> {
    let folder = format!("files/tenant/private/avatars/{kind}/entity/{file}");
    let names =
        ["large.jpg", "large.webp", "medium.jpg", "medium.webp", "original.jpg", "small.jpg", "small.webp"];
    names.map(|name| format!("{folder}/{name}")).into()
}

/// Presigned: record, form, bytes, event; then every way to read it, another one, and two deletions.
#[tokio::test]
async fn an_avatar_lives_and_its_keys_are_known_after_each_step() {
    for index in 0..2 {
        let app = TestApp::new();
        let [users, agents] = subjects(&app);
        let Subject { kind, entity, writer } = if index == 0 { users } else { agents };
        let route = format!("/api/v1/{kind}/{entity}/avatar");
        let keys = || app.keys(&[(&entity, "entity")]);

        let bytes = photo(400, 1);
        let body = json!({ "filename": "me.jpg", "content_type": "image/jpeg", "size_bytes": bytes.len() });
        let issued = app.presign(&writer, &route, &body).await;
        assert_eq!(issued.json["method"], "POST");
        assert_eq!(
            (&issued.json["expires_in"], &issued.json["max_bytes"]),
            (&json!(3600), &json!(bytes.len()))
        );
        assert_eq!(keys(), Vec::<String>::new(), "the record comes before any byte");
        app.get(&writer, &route).await.refused(404, "NOT_FOUND", "before any byte");

        app.post_form(&issued, &bytes).await.unwrap();
        assert_eq!(keys(), ["staging/temp/uploads/tenant/file1/nonce"]);
        app.get(&writer, &route).await.refused(404, "NOT_FOUND", "before it is ready");

        assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
        assert_eq!(keys(), stored(kind, "file1"), "staging is empty");
        reads(&app, &writer, &route, &issued.file).await;

        let other = photo(300, 2);
        let body = json!({ "filename": "me.jpg", "content_type": "image/jpeg", "size_bytes": other.len() });
        let replacement = app.presign(&writer, &route, &body).await;
        app.post_form(&replacement, &other).await.unwrap();
        let waiting = "staging/temp/uploads/tenant/file2/nonce".to_owned();
        assert_eq!(keys(), [stored(kind, "file1"), vec![waiting]].concat());
        app.deliver_event(&replacement.staging).await;
        assert_eq!(
            keys(),
            [stored(kind, "file1"), stored(kind, "file2")].concat(),
            "the sweep removes the old one"
        );
        assert_eq!(app.record(&issued.file).await.state, FileState::Deleting);
        app.get(&writer, &format!("/api/v1/files/{}/download", issued.file)).await.refused(
            404,
            "NOT_FOUND",
            "replaced",
        );
        app.sweep_later().await;
        assert_eq!(keys(), stored(kind, "file2"), "the old generation is gone");
        reads(&app, &writer, &route, &replacement.file).await;

        for _ in 0..2 {
            let deleted = app.delete(&writer, &route).await.is(204);
            assert!(deleted.body.is_empty());
            assert_eq!(keys(), Vec::<String>::new());
        }
        app.get(&writer, &route).await.refused(404, "NOT_FOUND", "after the deletion");
        let info = app.get(&writer, &format!("{route}/info")).await.is(200).json();
        assert_eq!(info, json!({ "has_custom_avatar": false, "state": "none", "sizes": {} }));
        assert_eq!(app.trail(&issued.file).await, ["issued", "claimed", "ready", "replaced"]);
        assert_eq!(app.trail(&replacement.file).await, ["issued", "claimed", "ready", "deleted"]);
    }
}

/// Every reading route leads to the bytes of this generation.
async fn reads(app: &TestApp, reader: &Person, route: &str, file: &str) {
    let record = app.record(file).await;
    let mut urls = Vec::new();
    for size in ["original", "small", "medium", "large"] {
        let redirect = app.get(reader, &format!("{route}?size={size}")).await.is(302);
        let location = redirect.header("location").unwrap().to_owned();
        assert!(location.contains(&format!("/{file}/{size}.")), "{location}");
        assert_eq!(redirect.header("cache-control"), Some("private, max-age=60"));
        let served = app.fetch(&location).expect("the redirect leads to bytes");
        let variant = &record.variants[&storage_core::key::VariantSize::from_word(size).unwrap()];
        assert_eq!(served.len() as u64, variant.bytes);
        urls.push(location);
    }
    let default = app.get(reader, route).await.is(302);
    assert_eq!(default.header("location"), Some(urls[2].as_str()), "medium is what an <img> gets");

    let call =
        app.call("GET", &format!("{route}?size=large")).by(reader).header("accept", "application/json");
    let found = call.send().await.is(200).json();
    assert_eq!(found["url"], urls[3].as_str());
    let quarter = app.clock.now() + Duration::from_secs(900);
    assert_eq!(found["expires_at"], quarter.to_string());

    let info = app.get(reader, &format!("{route}/info")).await.is(200).json();
    assert_eq!((&info["has_custom_avatar"], &info["state"]), (&json!(true), &json!("ready")));
    assert_eq!(info["file_id"], file);
    assert_eq!(info["avatar_url"], format!("https://api.test{route}?tenant={}", app.tenant));
    assert!(info["inline_small"].as_str().unwrap().starts_with("data:image/jpeg;base64,"));
    assert!(info["placeholder"].is_object(), "{info}");
    for (index, size) in ["original", "small", "medium", "large"].iter().enumerate() {
        let shown = &info["sizes"][size];
        let side = [record.width.unwrap(), 32, 150, 300][index];
        assert_eq!((&shown["width"], &shown["height"]), (&json!(side), &json!(side)), "{size}");
        assert_eq!(shown["url"], urls[index].as_str());
        assert_eq!(shown["bytes"], app.fetch(&urls[index]).unwrap().len());
        assert!(shown["etag"].as_str().unwrap().starts_with('"'));
    }

    let words: Vec<&str> = route.split('/').collect();
    let stable = format!("/api/v1/storage/avatars/{}/{}", words[3], words[4]);
    for name in ["medium.png", "medium.webp"] {
        let redirect = app.get(reader, &format!("{stable}/{name}")).await.is(302);
        assert_eq!(redirect.header("location"), Some(urls[2].as_str()));
    }
    let items = json!({ "avatars": [
        { "kind": words[3], "id": words[4], "size": "small" },
        { "kind": words[3], "id": api_tests::fresh_id() },
        { "kind": words[3], "id": "x" },
    ] });
    let found = app.post(reader, "/api/v1/avatars/urls", &items).await.is(200).json();
    assert_eq!(found["results"][0]["url"], urls[1].as_str());
    assert_eq!(found["results"][1]["error"], "NOT_FOUND");
    assert_eq!(found["results"][2]["error"], "INVALID_ID");
}

/// Nobody else's avatar can be changed, and agents need their role.
#[tokio::test]
async fn only_those_who_may_change_an_avatar_do() {
    let app = TestApp::new();
    let (user, other) = (app.user(), app.user());
    let manager = app.person(app.tenant, &["agent:write"]);
    let admin = app.person(app.tenant, &["storage:admin"]);
    let body = json!({ "filename": "me.jpg", "content_type": "image/jpeg", "size_bytes": 3 });
    let users = format!("/api/v1/users/{}/avatar", user.id);
    let agents = format!("/api/v1/agents/{}/avatar", app.user().id);
    let table = [
        (&users, &user, true),
        (&users, &other, false),
        (&users, &manager, false),
        (&users, &admin, true),
        (&agents, &user, false),
        (&agents, &manager, true),
        (&agents, &admin, true),
    ];
    for (route, caller, may) in table {
        let before = app.store.files().len();
        let (issued, deleted) = (app.post(caller, route, &body).await, app.delete(caller, route).await);
        if may {
            assert_eq!((issued.status, deleted.status), (201, 204), "{route}");
        } else {
            issued.refused(403, "FORBIDDEN", route);
            deleted.refused(403, "FORBIDDEN", route);
        }
        assert_eq!(app.store.files().len() - before, usize::from(may), "no record of what was refused");
    }
}

/// G12 over HTTP: a form posted again after the file is ready changes nothing that is served, and does not stay.
#[tokio::test]
async fn g12_a_form_sent_twice_serves_the_first_bytes() {
    let app = TestApp::new();
    let user = app.user();
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let bytes = photo(64, 1);
    let body = json!({ "filename": "me.jpg", "content_type": "image/jpeg", "size_bytes": bytes.len() });
    let issued = app.presign(&user, &route, &body).await;
    app.post_form(&issued, &bytes).await.unwrap();
    app.deliver_event(&issued.staging).await;
    let url = app.get(&user, &format!("{route}?size=original")).await.header("location").unwrap().to_owned();
    let served = app.fetch(&url).unwrap();

    let staging: &ObjectRef = &issued.staging;
    app.put(staging, b"something else entirely").await;
    app.deliver_event(staging).await;
    assert_eq!(app.fetch(&url), Some(served));
    assert_eq!(app.keys(&[(&user.id, "entity")]), stored("users", "file1"));
}
