//! The gateway: the route table of the root manifest decides which function gets a request.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request};
use tower::ServiceExt;

/// The root manifest, whose route table a contract test compares with `template.yaml`.
const MANIFEST: &str = include_str!("../../../Cargo.toml");

/// One route of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path with `{variables}`.
    pub path: &'static str,
    /// The function that owns it.
    pub function: &'static str,
}

/// Every route of the API, without its preflights.
pub fn routes() -> Vec<Route> {
    table().into_iter().filter(|route| route.method != Method::OPTIONS).collect()
}

/// The paths whose preflights are answered.
pub fn preflights() -> Vec<Route> {
    table().into_iter().filter(|route| route.method == Method::OPTIONS).collect()
}

fn table() -> Vec<Route> {
    let (_, table) =
        MANIFEST.split_once("[workspace.metadata.lambda.watch.router]").expect("the route table");
    let lines = table.lines().skip(1).take_while(|line| !line.starts_with('['));
    let mut routes = Vec::new();
    for line in lines.filter(|line| line.starts_with('"')) {
        let (path, owners) = line[1..].split_once("\" = ").expect("a path");
        for owner in owners.split("method = \"").skip(1) {
            let (method, rest) = owner.split_once('"').expect("a method");
            let function = rest.split('"').nth(1).expect("a function");
            routes.push(Route { method: method.parse().expect("a method"), path, function });
        }
    }
    routes
}

impl Route {
    /// Whether the path itself must hold something that was sealed here: such routes have tests of their own.
    pub fn is_sealed(&self) -> bool {
        self.path.contains("{ticket}") || self.path.contains("{upload_id}")
    }

    fn takes(&self, path: &str) -> bool {
        let (pattern, path): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), path.split('/').collect());
        pattern.len() == path.len()
            && pattern
                .iter()
                .zip(path)
                .all(|(part, text)| *part == text || (part.starts_with('{') && !text.is_empty()))
    }

    fn variables(&self) -> usize {
        self.path.matches('{').count()
    }
}

/// Every function behind one door.
pub struct Gateway {
    routes: Vec<Route>,
    functions: BTreeMap<&'static str, Router>,
}

impl Gateway {
    /// Over these functions, by name.
    pub fn new(functions: BTreeMap<&'static str, Router>) -> Self {
        Gateway { routes: table(), functions }
    }

    /// The answer of the function that owns the route.
    ///
    /// The most specific path wins. What no route takes goes to the function of the path, or to any function where the
    /// path is unknown too: it must answer 405 or 404 in our shape.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        let path = request.uri().path();
        let mut paths: Vec<_> = self.routes.iter().filter(|route| route.takes(path)).collect();
        paths.sort_by_key(|route| route.variables());
        let owner = paths.iter().find(|route| route.method == request.method()).or_else(|| paths.first());
        let function = owner.map_or("resolve-url", |route| route.function);
        let router = self.functions.get(function).unwrap_or_else(|| panic!("{function} is not composed"));
        match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
