//! Requests without a token: a public avatar is shown, and nothing else.

use api_tests::{Form, TestApp, photo, routes};
use serde_json::{Value, json};

#[tokio::test]
async fn an_img_sees_public_avatars_of_the_tenant_it_names_and_no_others() {
    let app = TestApp::new();
    let (open, closed) = (app.user(), app.user());
    for (user, public) in [(&open, "true"), (&closed, "false")] {
        let form = Form::of_file("me.jpg", "image/jpeg", &photo(64, 1)).field("is_public", public);
        app.call("POST", &format!("/api/v1/users/{}/avatar", user.id))
            .by(user)
            .form(form)
            .send()
            .await
            .is(201);
    }
    let ask = async |path: String| app.request("GET", &path, None, &Value::Null).await;
    let route = |id: &dyn std::fmt::Display| format!("/api/v1/users/{id}/avatar");
    let tenant = app.tenant;

    let shown = ask(format!("{}?tenant={tenant}&size=small", route(&open.id))).await.is(302);
    let location = shown.header("location").unwrap();
    assert!(location.contains("/public/avatars/users/"), "{location}");
    assert!(app.fetch(location).is_some());
    assert_eq!(shown.header("cross-origin-resource-policy"), Some("cross-origin"));
    let info = ask(format!("{}/info?tenant={tenant}", route(&open.id))).await.is(200).json();
    assert_eq!(info["has_custom_avatar"], true);
    assert!(info["sizes"]["small"]["expires_at"].is_null(), "a public URL does not expire");

    // Private, missing, and of a tenant that does not know the user: one answer.
    let private =
        ask(format!("{}?tenant={tenant}", route(&closed.id))).await.refused(404, "NOT_FOUND", "private");
    let missing =
        ask(format!("{}?tenant={tenant}", route(&app.user().id))).await.refused(404, "NOT_FOUND", "missing");
    let elsewhere = format!("{}?tenant=22222222-2222-4222-8222-222222222222", route(&open.id));
    let elsewhere = ask(elsewhere).await.refused(404, "NOT_FOUND", "another tenant");
    assert_eq!(private.anonymous_body(), missing.anonymous_body());
    assert_eq!(elsewhere.anonymous_body(), missing.anonymous_body());
    let private = ask(format!("{}/info?tenant={tenant}", route(&closed.id))).await.is(200);
    let missing = ask(format!("{}/info?tenant={tenant}", route(&app.user().id))).await.is(200);
    assert_eq!(private.body, missing.body);

    ask(route(&open.id)).await.refused(401, "UNAUTHENTICATED", "no tenant");
    ask(format!("{}?tenant=acme", route(&open.id))).await.refused(400, "INVALID_ID", "a slug is no tenant");
    // A token that is sent is judged, even where none is needed.
    let path = format!("{}?tenant={tenant}", route(&open.id));
    app.call("GET", &path).token("a.b.c").send().await.refused(401, "UNAUTHENTICATED", "a bad token");
    let stranger = app.person(storage_testkit::records::new_tenant(), &[]);
    app.get(&stranger, &path).await.refused(403, "TENANT_MISMATCH", "a token of another tenant");
    app.get(&closed, &path).await.is(302);
}

/// Every route but health asks for a token, whatever else is wrong with the request.
#[tokio::test]
async fn no_other_route_answers_without_a_token() {
    let app = TestApp::new();
    let body = json!({ "bucket": "x" });
    for route in routes() {
        let path = route.path.replace("{id}", &api_tests::fresh_id());
        let path = path.replace("{kind}", "users").replace("{file}", "small.jpg");
        for authorization in [None, Some("Basic dTpw"), Some("Bearer "), Some("Bearer a.b.c"), Some("Bearer")]
        {
            let mut call = app.call(route.method.as_str(), &path);
            if let Some(value) = authorization {
                call = call.header("authorization", value);
            }
            if route.method == "POST" {
                call = call.json(&body);
            }
            let answer = call.send().await;
            if route.function == "health" {
                answer.is(200);
            } else if route.path.contains("{ticket}") {
                // The ticket takes the place of the token, and a token beside it is one too many.
                let two = authorization.is_some();
                let (status, code) = if two { (400, "INVALID_REQUEST") } else { (403, "INVALID_SIGNATURE") };
                answer.refused(status, code, &format!("{} {path} {authorization:?}", route.method));
            } else {
                answer.refused(401, "UNAUTHENTICATED", &format!("{} {path} {authorization:?}", route.method));
            }
        }
    }
    assert_eq!(app.store.files().len(), 0);
    assert!(app.store_faults.calls().iter().all(|call| ["check", "get_self_test"].contains(&call.operation)));
}
