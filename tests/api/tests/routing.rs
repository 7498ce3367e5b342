//! Routes, methods, headers, queries and ids: what is not exactly right is refused.

use std::collections::BTreeSet;

use api_tests::{Form, TestApp, fresh_id, preflights, routes};
use serde_json::{Value, json};

fn path_of(route: &api_tests::Route) -> String {
    let path = route.path.replace("{id}", &fresh_id());
    path.replace("{kind}", "users").replace("{file}", "small.jpg")
}

/// The gateway's table and the functions' routers agree: the owner of a route serves it.
#[tokio::test]
async fn every_route_of_the_table_is_served_by_its_function() {
    let app = TestApp::new();
    let user = app.user();
    let table = routes();
    assert_eq!(
        table.len(),
        table.iter().map(|route| (route.method.as_str(), route.path)).collect::<BTreeSet<_>>().len()
    );
    assert!(table.len() > 20, "{}", table.len());
    for route in &table {
        let answer =
            app.request(route.method.as_str(), &path_of(route), Some(&user.token), &Value::Null).await;
        assert_ne!(answer.status, 405, "{route:?}");
        let health = app.request(route.method.as_str(), &path_of(route), None, &Value::Null).await;
        assert_eq!(
            health.status == 200,
            route.function == "health",
            "{route:?}: an unknown path is 404, not 401"
        );
    }
}

/// Whether `path` is `pattern` with another text in the place of its variable.
fn is_one_more(pattern: &str, path: &str) -> bool {
    pattern.strip_suffix("{id}").is_some_and(|stem| {
        path.strip_prefix(stem).is_some_and(|rest| !rest.contains('/') && !rest.contains('{'))
    })
}

/// H14: other methods on known paths are 405 and nothing overrides a method.
#[tokio::test]
async fn h14_methods_are_exact() {
    let app = TestApp::new();
    let user = app.user();
    let table = routes();
    let paths: BTreeSet<&str> = table.iter().map(|route| route.path).collect();
    for pattern in paths {
        let path = path_of(table.iter().find(|route| route.path == pattern).unwrap());
        // A path with a variable of another route is that route to the gateway.
        let takes =
            |method: &str| table.iter().any(|route| route.method.as_str() == method && route.path == pattern);
        for method in ["TRACE", "PROPFIND", "PUT", "PATCH", "CONNECT"] {
            if takes(method) {
                assert_eq!(method, "PATCH", "{pattern}");
                continue;
            }
            // The gateway would take it for the path of one file, whose id this is none.
            if method == "PATCH"
                && table.iter().any(|route| route.method == "PATCH" && is_one_more(route.path, pattern))
            {
                continue;
            }
            let call = app.call(method, &path).by(&user).header("x-http-method-override", "GET");
            call.send().await.refused(405, "METHOD_NOT_ALLOWED", &format!("{method} {path}"));
        }
    }
    let form = Form::of_file("a.txt", "text/plain", b"text");
    let made = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.is(201).json();
    let path = format!("/api/v1/files/{}", made["file_id"].as_str().unwrap());
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        app.call("GET", &path).by(&user).header(name, "DELETE").send().await.is(200);
    }
    assert_eq!(app.get(&user, &path).await.is(200).json()["state"], "ready", "it was not deleted");
}

/// H16: spellings of other routes lead nowhere.
#[tokio::test]
async fn h16_paths_are_read_as_they_are() {
    let app = TestApp::new();
    let user = app.user();
    let id = fresh_id();
    for path in [
        "/api/v1/files/%2e%2e/health",
        "/api/v1//health",
        "//api/v1/health",
        "/api/v1/files/../health",
        "/api/v1/health/",
        "/API/v1/health",
        "/api/v1/files/x%00",
        "/api/v1/files/%252e%252e",
        &format!("/api/v1/files/{id}/"),
        &format!("/api/v1/files/{id}%2fdownload"),
        &format!("/api/v1/admins/{id}/avatar"),
        &format!("/api/v1/storage/avatars/admins/{id}/small.jpg"),
        &format!("/api/v1/storage/avatars/users/{id}/tiny.jpg"),
        &format!("/api/v1/storage/avatars/users/{id}/small"),
        "/",
    ] {
        let answer = app.get(&user, path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
}

/// H15: headers that mean something once are there once.
#[tokio::test]
async fn h15_repeated_and_joined_headers_are_refused() {
    let app = TestApp::new();
    let user = app.user();
    let token = format!("Bearer {}", user.token);
    let (tenant, joined) = (app.tenant.to_string(), format!("{0},{0}", app.tenant));
    let tokens = format!("{token}, {token}");
    let table: &[&[(&str, &str)]] = &[
        &[("authorization", &token), ("authorization", &token)],
        &[("authorization", &tokens)],
        &[("authorization", &token), ("x-tenant-id", &tenant), ("x-tenant-id", &tenant)],
        &[("authorization", &token), ("x-tenant-id", &joined)],
    ];
    for route in routes() {
        for headers in table {
            let mut call = app.call(route.method.as_str(), &path_of(&route));
            for (name, value) in *headers {
                call = call.header(name, value);
            }
            call.send().await.refused(400, "INVALID_REQUEST", &format!("{route:?} {headers:?}"));
        }
    }
    assert_eq!(app.store_faults.calls().len(), 0, "refused before anything is read");
}

/// H18: a name once, with whole escapes and no names of others.
#[tokio::test]
async fn h18_queries_are_strict() {
    let app = TestApp::new();
    let user = app.user();
    let avatar = format!("/api/v1/users/{}/avatar", user.id);
    let file = format!("/api/v1/files/{}", fresh_id());
    let download = format!("{file}/download");
    let tenant = app.tenant;
    let table = [
        (&avatar, "size=medium&size=large".to_owned()),
        (&avatar, "size=medium&%73ize=medium".to_owned()),
        (&avatar, "size=medium&other=1".to_owned()),
        (&avatar, "size=%zz".to_owned()),
        (&avatar, "size=%00".to_owned()),
        (&avatar, "size=tiny".to_owned()),
        (&avatar, "size=".to_owned()),
        (&avatar, format!("tenant={tenant}&tenant={tenant}")),
        (&download, "disposition=attachment&disposition=inline".to_owned()),
        (&download, "disposition=maybe".to_owned()),
        (&download, "response-content-type=text/html".to_owned()),
    ];
    for (path, query) in table {
        app.get(&user, &format!("{path}?{query}")).await.refused(400, "INVALID_REQUEST", &query);
    }
    for query in ["permanent=true&permanent=true", "permanent=yes", "permanent=1", "force=true"] {
        app.delete(&user, &format!("{file}?{query}")).await.refused(400, "INVALID_REQUEST", query);
    }
    app.get(&user, &format!("{download}?name=a%0D%0Ab")).await.refused(
        400,
        "INVALID_REQUEST",
        "a name with CRLF",
    );
    app.get(&user, &format!("{download}?name=...")).await.refused(400, "INVALID_FILENAME", "no name is left");
    app.get(&user, &format!("{download}?disposition=inline&name=a.txt")).await.refused(
        404,
        "NOT_FOUND",
        "it is read",
    );
}

/// The same limits for both batches.
#[tokio::test]
async fn batches_take_two_hundred_items() {
    let app = TestApp::new();
    let user = app.user();
    for (path, member, item) in [
        ("/api/v1/files/urls", "ids", json!(fresh_id())),
        ("/api/v1/avatars/urls", "avatars", json!({ "kind": "users", "id": fresh_id() })),
    ] {
        let body = |count: usize| json!({ member: vec![item.clone(); count] });
        let found = app.post(&user, path, &body(200)).await.is(200).json();
        assert_eq!(found["results"].as_array().unwrap().len(), 200);
        app.post(&user, path, &body(201)).await.refused(400, "INVALID_REQUEST", path);
        assert_eq!(app.post(&user, path, &body(0)).await.is(200).json(), json!({ "results": [] }));
    }
}

/// A browser's preflight is answered on every path, for the origins of the configuration and without a token.
#[tokio::test]
async fn h13_preflights_are_answered_on_every_path() {
    let origin = "https://app.example.com";
    let app = TestApp::with(&[("STORAGE_ALLOWED_ORIGINS", origin)]);
    let (preflights, routes) = (preflights(), routes());
    let answered: BTreeSet<&str> = preflights.iter().map(|route| route.path).collect();
    assert_eq!(answered, routes.iter().map(|route| route.path).collect());
    let origins =
        [(origin, true), ("https://evil", false), ("null", false), ("https://app.example.com.evil", false)];
    for route in preflights {
        for (sent, allowed) in origins {
            let call = app.call("OPTIONS", &path_of(&route)).header("origin", sent);
            let answer = call.header("access-control-request-method", "POST").send().await.is(204);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                allowed.then_some(sent),
                "{route:?} {sent}"
            );
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        }
    }
}
