//! The console page: the files of `dev/console/`, read afresh for each request, and what the page has to know.

use std::convert::Infallible;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// Scripts and styles are files of ours; pictures and calls go to this machine.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob: http://127.0.0.1:*; connect-src 'self' http://127.0.0.1:*; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is served.
struct Console {
    folder: PathBuf,
    openapi: PathBuf,
    config: String,
}

/// Serves the page until `shutdown` resolves. `facts` are what `config.json` says.
pub(crate) async fn serve(
    listener: TcpListener,
    root: &Path,
    facts: &Value,
    shutdown: impl Future<Output = ()>,
) {
    let console = Arc::new(Console {
        folder: root.join("dev/console"),
        openapi: root.join("docs/openapi.json"),
        config: facts.to_string(),
    });
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            () = &mut shutdown => return,
        };
        let console = console.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = match is_local(request.headers()) {
                true => console.answer(request.method(), request.uri().path()),
                false => respond(StatusCode::MISDIRECTED_REQUEST, "text/plain", Bytes::new()),
            };
            async move { Ok::<_, Infallible>(answer) }
        });
        // A page that goes away early is no failure.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Whether the page was asked for by an address of this machine. A name that somebody else has pointed here would let
/// their page read the tokens.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost"].contains(&name)
}

impl Console {
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            return respond(StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::new());
        }
        let found = match path {
            "/config.json" => Some(("application/json", Bytes::from(self.config.clone()))),
            "/openapi.json" => {
                std::fs::read(&self.openapi).ok().map(|bytes| ("application/json", Bytes::from(bytes)))
            }
            "/" => self.file("index.html"),
            _ => self.file(path.trim_start_matches('/')),
        };
        match found {
            Some((content_type, bytes)) => respond(StatusCode::OK, content_type, bytes),
            None => respond(StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"no such page")),
        }
    }

    /// A file of the folder itself: a plain name with an extension that pages have.
    fn file(&self, name: &str) -> Option<(&'static str, Bytes)> {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let content_type = match name.rsplit_once('.')?.1 {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => return None,
        };
        let bytes = std::fs::read(self.folder.join(name)).ok().filter(|_| plain && !name.starts_with('.'));
        bytes.map(|bytes| (content_type, Bytes::from(bytes)))
    }
}

fn respond(status: StatusCode, content_type: &'static str, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_folder_are_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let console = Console {
            folder: root.join("dev/console"),
            openapi: root.join("nothing.json"),
            config: "{}".to_owned(),
        };
        let status = |path: &str| console.answer(&Method::GET, path).status().as_u16();
        for path in ["/", "/index.html", "/style.css", "/config.json"] {
            assert_eq!(status(path), 200, "{path}");
        }
        for path in
            ["/../Cargo.toml", "/..%2fsrc", "/.hidden.js", "/none.js", "/sub/index.html", "/openapi.json"]
        {
            assert_eq!(status(path), 404, "{path}");
        }
        assert_eq!(console.answer(&Method::POST, "/").status().as_u16(), 405);
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let asked = |host: &'static str| {
            is_local(&HeaderMap::from_iter([(HOST, hyper::header::HeaderValue::from_static(host))]))
        };
        for host in ["127.0.0.1:4000", "localhost:4000", "localhost"] {
            assert!(asked(host), "{host}");
        }
        for host in ["files.example.com:4000", "127.0.0.1.example.com", "localhost.example.com:80", ""] {
            assert!(!asked(host), "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
