//! Avatars in the encoding that a client can show, and a picture for those who have none.

use api_tests::{Answer, Form, Person, TestApp, fresh_id, photo, scanner};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use storage_core::key::VariantSize;
use storage_testkit::images::inspect::{dimensions, excess};
use storage_testkit::images::{self, parts};

/// What Chrome sends for an `<img>`.
const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

async fn upload(app: &TestApp, user: &Person, content_type: &str, bytes: &Bytes) -> (String, Value) {
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let form = Form::of_file("me", content_type, bytes);
    let record = app.call("POST", &route).by(user).form(form).send().await.is(201).json();
    (route, record)
}

async fn ask(app: &TestApp, user: &Person, path: &str, accept: Option<&str>) -> Answer {
    let mut call = app.call("GET", path).by(user);
    if let Some(accept) = accept {
        call = call.header("accept", accept);
    }
    call.send().await
}

/// Where a redirect leads to: `medium.webp`.
fn file_of(answer: &Answer) -> String {
    let location = answer.header("location").unwrap();
    location.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_avatar_is_shown_in_a_format_that_the_client_accepts() {
    let app = TestApp::new();
    let (photographed, drawn, converted) = (app.user(), app.user(), app.user());
    let pixels = images::pixels(80, 60, 3, 1);
    let sources = [
        (&photographed, "image/jpeg", photo(400, 1)),
        (&drawn, "image/png", images::png(300, 300, 1)),
        (&converted, "image/webp", parts::webp(&pixels, 80, 60).into()),
    ];
    for (user, content_type, bytes) in &sources {
        upload(&app, user, content_type, bytes).await;
    }
    // Whose avatar, the query, `Accept`, and what is shown; 406 where nothing is.
    let table = [
        (&photographed, "", None, "medium.jpg"),
        (&photographed, "", Some("*/*"), "medium.jpg"),
        (&photographed, "", Some("image/*"), "medium.jpg"),
        (&photographed, "", Some(BROWSER), "medium.webp"),
        (&photographed, "", Some("image/webp;q=0, */*"), "medium.jpg"),
        (&photographed, "format=auto", None, "medium.jpg"),
        (&photographed, "format=auto", Some(BROWSER), "medium.webp"),
        (&photographed, "format=jpeg", Some(BROWSER), "medium.jpg"),
        (&photographed, "format=webp", None, "medium.webp"),
        (&photographed, "format=webp", Some("image/png"), "medium.webp"),
        (&photographed, "size=small&format=webp", None, "small.webp"),
        (&photographed, "size=large", Some(BROWSER), "large.webp"),
        // An original is kept as it came.
        (&photographed, "size=original", Some(BROWSER), "original.jpg"),
        (&photographed, "size=original&format=jpeg", None, "original.jpg"),
        (&photographed, "size=original&format=webp", None, "406"),
        // Transparency: what is no WebP is PNG, and never JPEG.
        (&drawn, "", None, "medium.png"),
        (&drawn, "", Some(BROWSER), "medium.webp"),
        (&drawn, "format=webp", None, "medium.webp"),
        (&drawn, "format=jpeg", None, "406"),
        (&drawn, "size=original&format=jpeg", Some(BROWSER), "406"),
        (&converted, "", None, "medium.jpg"),
        (&converted, "size=original", None, "original.webp"),
        (&converted, "size=original&format=webp", None, "original.webp"),
        (&converted, "size=original&format=jpeg", None, "406"),
    ];
    for (user, query, accept, shown) in table {
        let case = format!("{query:?} {accept:?}");
        let route = format!("/api/v1/users/{}/avatar?{query}", user.id);
        let answer = ask(&app, user, &route, accept).await;
        if shown == "406" {
            answer.refused(406, "NOT_ACCEPTABLE", &case);
            continue;
        }
        let answer = answer.is(302);
        assert_eq!(file_of(&answer), shown, "{case}");
        assert_eq!(answer.header("vary"), Some("accept, authorization"), "{case}");
        let bytes = app.fetch(answer.header("location").unwrap()).expect("the redirect leads to bytes");
        assert_eq!(bytes.starts_with(b"RIFF"), shown.ends_with("webp"), "{case}");
        if !shown.starts_with("original") {
            assert_eq!(excess(&bytes), None, "{case}");
        }
    }
    // In JSON the same URL; the older path listens to `Accept` too.
    let route = format!("/api/v1/users/{}/avatar", photographed.id);
    for (accept, shown) in
        [("application/json", "medium.jpg"), ("application/json, image/webp", "medium.webp")]
    {
        let found = ask(&app, &photographed, &route, Some(accept)).await.is(200).json();
        assert!(found["url"].as_str().unwrap().contains(shown), "{found}");
    }
    let stable = format!("/api/v1/storage/avatars/users/{}/large.jpg", photographed.id);
    for (accept, shown) in [(None, "large.jpg"), (Some(BROWSER), "large.webp")] {
        assert_eq!(file_of(&ask(&app, &photographed, &stable, accept).await.is(302)), shown);
    }
}

#[tokio::test]
async fn info_and_batches_name_the_webp_beside_the_base() {
    let app = TestApp::new();
    let user = app.user();
    let (route, uploaded) = upload(&app, &user, "image/jpeg", &photo(400, 1)).await;
    let record = app.record(uploaded["file_id"].as_str().unwrap()).await;
    let info = app.get(&user, &format!("{route}/info")).await.is(200).json();
    for sizes in [&info["sizes"], &uploaded["sizes"]] {
        assert!(sizes["original"]["webp"].is_null());
        for (name, side) in [("small", 32), ("medium", 150), ("large", 300)] {
            let (base, webp) = (&sizes[name], &sizes[name]["webp"]);
            assert_eq!((&base["content_type"], &base["width"]), (&json!("image/jpeg"), &json!(side)));
            assert!(base["url"].as_str().unwrap().contains(&format!("/{name}.jpg")));
            let served = app.fetch(webp["url"].as_str().unwrap()).unwrap();
            assert_eq!(dimensions(&served), (side, side));
            assert_eq!(webp["bytes"], served.len());
            assert_eq!(webp["expires_at"], base["expires_at"]);
            let stored = &record.webp[&VariantSize::from_word(name).unwrap()];
            assert_eq!(webp["etag"], stored.etag.quoted());
        }
    }
    assert_eq!(info["file_id"], uploaded["file_id"], "one generation");

    let id = user.id.to_string();
    let item = |more: Value| {
        let mut item = json!({ "kind": "users", "id": id });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let items = json!({ "avatars": [
        item(json!({})),
        item(json!({ "format": "auto", "size": "small" })),
        item(json!({ "format": "webp", "size": "large" })),
        item(json!({ "format": "jpeg" })),
        item(json!({ "format": "webp", "size": "original" })),
        item(json!({ "format": "png" })),
        json!({ "kind": "users", "id": fresh_id(), "format": "webp" }),
    ] });
    for (accept, first) in
        [("application/json", ["medium.jpg", "small.jpg"]), (BROWSER, ["medium.webp", "small.webp"])]
    {
        let call = app.call("POST", "/api/v1/avatars/urls").by(&user).header("accept", accept).json(&items);
        let results = call.send().await.is(200).json();
        let results = results["results"].as_array().unwrap();
        for (result, shown) in results.iter().zip([first[0], first[1], "large.webp", "medium.jpg"]) {
            assert!(result["url"].as_str().unwrap().contains(shown), "{result} {shown}");
        }
        let errors: Vec<_> = results[4..].iter().map(|result| result["error"].as_str().unwrap()).collect();
        assert_eq!(errors, ["NOT_ACCEPTABLE", "INVALID_REQUEST", "NOT_FOUND"]);
    }
    let unknown = json!({ "avatars": [item(json!({ "fallback": "initials" }))] });
    app.post(&user, "/api/v1/avatars/urls", &unknown).await.refused(400, "UNKNOWN_FIELD", "in a batch");
}

/// An avatar of the time before there was WebP, and one of an installation that makes none.
#[tokio::test]
async fn avatars_without_webp_are_shown_as_they_are() {
    let off = TestApp::with(&[("STORAGE_AVATAR_WEBP", "false")]);
    let on = TestApp::new();
    for (app, is_old) in [(&on, true), (&off, false)] {
        let user = app.user();
        let (route, uploaded) = upload(app, &user, "image/jpeg", &photo(64, 1)).await;
        let file = uploaded["file_id"].as_str().unwrap();
        if is_old {
            app.alter(file, |record| record.webp.clear()).await;
        }
        let stored = serde_json::to_value(app.record(file).await).unwrap();
        assert!(stored.get("webp").is_none(), "the record has no such member");
        for (query, accept) in
            [("", None), ("", Some(BROWSER)), ("format=auto", Some(BROWSER)), ("format=jpeg", None)]
        {
            let answer = ask(app, &user, &format!("{route}?{query}"), accept).await.is(302);
            assert_eq!(file_of(&answer), "medium.jpg", "{query} {accept:?}");
        }
        let path = format!("{route}?format=webp");
        ask(app, &user, &path, Some(BROWSER)).await.refused(406, "NOT_ACCEPTABLE", "there is none");
        // The fallback is for who has no avatar, not for who has it in another format.
        let path = format!("{route}?format=webp&fallback=initials");
        ask(app, &user, &path, Some(BROWSER)).await.refused(406, "NOT_ACCEPTABLE", "there is an avatar");
        let info = app.get(&user, &format!("{route}/info")).await.is(200).json();
        assert_eq!(info["has_custom_avatar"], true);
        for size in ["original", "small", "medium", "large"] {
            assert!(
                info["sizes"][size]["url"].is_string() && info["sizes"][size]["webp"].is_null(),
                "{info}"
            );
        }
        app.delete(&user, &route).await.is(204);
        assert!(app.keys(&[]).is_empty(), "planned keys are removed, whatever the record shows");
    }
}

/// What every fallback picture is.
fn is_picture(answer: Answer, side: u32) -> Bytes {
    let answer = answer.is(200);
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(answer.header("vary"), Some("accept, authorization"));
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert!(answer.header("location").is_none());
    assert_eq!(dimensions(&answer.body), (side, side));
    answer.body
}

#[tokio::test]
async fn who_has_no_avatar_is_shown_by_initials() {
    let app = TestApp::new();
    let user = app.user();
    // Names are nobody's business: no line of the log shows one.
    ["Ada+Lovelace", "Ada Lovelace"].into_iter().for_each(|name| scanner().secret(name));
    for kind in ["users", "agents"] {
        let route = format!("/api/v1/{kind}/{}/avatar", user.id);
        app.get(&user, &route).await.refused(404, "NOT_FOUND", "without a fallback");
        for (query, side) in [
            ("", 150),
            ("&size=small", 32),
            ("&size=medium", 150),
            ("&size=large", 300),
            ("&size=original", 300),
            ("&format=jpeg", 150),
            ("&format=webp", 150),
        ] {
            is_picture(
                ask(&app, &user, &format!("{route}?fallback=initials{query}"), Some(BROWSER)).await,
                side,
            );
        }
        let named = async |name: &str| {
            let path = format!("{route}?fallback=initials{name}");
            is_picture(app.get(&user, &path).await, 150)
        };
        let (silhouette, ada) = (named("").await, named("&name=Ada+Lovelace").await);
        assert_ne!(silhouette, ada);
        assert_eq!(ada, named("&name=%20ada%20Byron%20King%20LOVELACE").await);
        assert_eq!(
            named("&name=Jos%C3%A9").await,
            named("&name=Jose%CC%81").await,
            "one name in two spellings"
        );
        assert_eq!(
            silhouette,
            named("&name=%E7%8E%8B%E5%B0%8F%E6%98%8E").await,
            "letters that are not drawn"
        );

        let call = app.call("GET", &format!("{route}?fallback=initials&name=Ada+Lovelace"));
        let answer = call.by(&user).header("accept", "application/json").send().await.is(200);
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(answer.header("vary"), Some("accept, authorization"));
        let found = answer.json();
        assert_eq!(found.as_object().unwrap().len(), 2);
        assert_eq!(found["fallback"], "initials");
        let data = found["url"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
        assert_eq!(STANDARD.decode(data).unwrap(), ada);
    }
    // The colour belongs to the id.
    let other = app.user();
    let pictures = [&user.id, &other.id].map(|id| format!("/api/v1/users/{id}/avatar?fallback=initials"));
    let mut colours = Vec::new();
    for path in &pictures {
        let picture = is_picture(app.get(&user, path).await, 150);
        let palette = picture.windows(4).position(|window| window == b"PLTE").unwrap() + 4;
        colours.push(picture[palette..palette + 3].to_vec());
    }
    assert_eq!(colours.len(), 2);

    // Once there is an avatar, it is what is shown.
    let (route, _) = upload(&app, &user, "image/jpeg", &photo(64, 1)).await;
    let shown = ask(&app, &user, &format!("{route}?fallback=initials&name=Ada"), Some(BROWSER)).await.is(302);
    assert_eq!(file_of(&shown), "medium.webp");
    app.delete(&user, &route).await.is(204);
    is_picture(app.get(&user, &format!("{route}?fallback=initials")).await, 150);
}

/// A private avatar, none, and one of another tenant look alike to whoever has no token.
#[tokio::test]
async fn the_fallback_does_not_tell_whether_there_is_a_private_avatar() {
    let app = TestApp::new();
    let user = app.user();
    let elsewhere = "22222222-2222-4222-8222-222222222222";
    let anonymous = async |query: &str, accept: &str| {
        let path = format!("/api/v1/users/{}/avatar?{query}", user.id);
        app.call("GET", &path).header("accept", accept).send().await
    };
    let visible = |answer: Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        (answer.status, format!("{headers:?}"), answer.body)
    };
    let own = format!("tenant={}&fallback=initials&name=Ada", app.tenant);
    let foreign = format!("tenant={elsewhere}&fallback=initials&name=Ada");
    for accept in [BROWSER, "application/json"] {
        let missing = visible(anonymous(&own, accept).await.is(200));
        let (route, _) = upload(&app, &user, "image/jpeg", &photo(64, 1)).await;
        let private = visible(anonymous(&own, accept).await.is(200));
        assert_eq!(private, missing, "{accept}");
        assert_eq!(visible(anonymous(&foreign, accept).await.is(200)), missing, "{accept}");
        for format in ["webp", "jpeg"] {
            let query = format!("{own}&format={format}");
            assert_eq!(visible(anonymous(&query, accept).await.is(200)), missing, "{accept} {format}");
        }
        app.delete(&user, &route).await.is(204);
    }
    // Without a tenant there is no answer, and a token that is sent is judged.
    anonymous("fallback=initials", BROWSER).await.refused(401, "UNAUTHENTICATED", "no tenant");
    let path = format!("/api/v1/users/{}/avatar?{own}", user.id);
    app.call("GET", &path).token("a.b.c").send().await.refused(401, "UNAUTHENTICATED", "a bad token");
    // A public one is shown.
    let form = Form::of_file("me.jpg", "image/jpeg", &photo(64, 1)).field("is_public", "true");
    let route = format!("/api/v1/users/{}/avatar", user.id);
    app.call("POST", &route).by(&user).form(form).send().await.is(201);
    assert_eq!(file_of(&anonymous(&own, BROWSER).await.is(302)), "medium.webp");
}

#[tokio::test]
async fn what_is_not_known_is_refused_before_anything_is_looked_up() {
    let app = TestApp::new();
    let user = app.user();
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let (long, longest) = ("a".repeat(101), "%C3%A9".repeat(100));
    let before = app.store_faults.calls().len();
    for query in [
        "format=",
        "format=WEBP",
        "format=jpg",
        "format=png",
        "format=avif",
        "format=webp&format=jpeg",
        "fallback=",
        "fallback=Initials",
        "fallback=404",
        "fallback=initials&fallback=initials",
        "fallback=initials&name=",
        &format!("fallback=initials&name={long}"),
        "fallback=initials&name=a%0Ab",
        "fallback=initials&name=%FF",
        "name=Ada",
        "fallback=initials&size=64",
        "fallback=initials&colour=red",
        "q=80",
    ] {
        app.get(&user, &format!("{route}?{query}")).await.refused(400, "INVALID_REQUEST", query);
    }
    assert_eq!(app.store_faults.calls().len(), before);
    is_picture(app.get(&user, &format!("{route}?fallback=initials&name={longest}")).await, 150);
    for other in [format!("{route}/info"), format!("/api/v1/storage/avatars/users/{}/medium.jpg", user.id)] {
        for query in ["format=webp", "fallback=initials", "name=Ada"] {
            app.get(&user, &format!("{other}?{query}")).await.refused(400, "INVALID_REQUEST", query);
        }
    }
}

/// An outage is an outage: a picture in its place would be kept for a minute as if there were no avatar.
#[tokio::test]
async fn an_outage_is_not_answered_with_a_fallback() {
    let app = TestApp::new();
    let user = app.user();
    let (route, _) = upload(&app, &user, "image/jpeg", &photo(64, 1)).await;
    app.store.set_available(false);
    let answer = app.get(&user, &format!("{route}?fallback=initials")).await;
    answer.refused(503, "METADATA_UNAVAILABLE", "an outage");
}
