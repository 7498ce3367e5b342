//! The gateway over HTTP on 127.0.0.1, with requests signed by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod access;
mod forms;
mod objects;
mod relay;
mod signing;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use storage_core::ids::BucketName;
use storage_local::s3_gateway::{AllowedOrigins, ChannelRelay, ObjectCreated};
use storage_local::{Gateway, LocalBackend, serve};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

const ACCESS_KEY: &str = "local";
const SECRET_KEY: &str = "local-secret";
const BUCKET: &str = "test-bucket";
const ORIGIN: &str = "http://localhost:5173";

/// A running gateway with one bucket.
struct Server {
    host: String,
    backend: LocalBackend,
    events: UnboundedReceiver<ObjectCreated>,
    client: Client<HttpConnector, Full<Bytes>>,
    _root: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
}

impl Server {
    async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let backend = LocalBackend::open(root.path()).unwrap();
        backend.create_bucket(&BucketName::parse(BUCKET).unwrap()).await.unwrap();
        let (sender, events) = unbounded_channel();
        let gateway = Gateway::builder(backend.clone())
            .credentials(ACCESS_KEY, SECRET_KEY)
            .cors(AllowedOrigins::List(vec![ORIGIN.to_owned()]))
            .relay(Arc::new(ChannelRelay(sender)))
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve(listener, gateway, async move {
            let _ = stopped.await;
        }));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Server { host, backend, events, client, _root: root, _stop: stop }
    }

    /// Sends a request signed in its URL. `target` is a path, with a query where there is one.
    async fn signed(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<Bytes> {
        let url = signing::presigned(&self.host, method, target, 60);
        self.send(method, &url, headers, body).await
    }

    async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response<Bytes> {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let (parts, body) = self.client.request(request).await.unwrap().into_parts();
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The status and the error code of an XML answer.
fn failure(response: &Response<Bytes>) -> (u16, String) {
    let text = String::from_utf8_lossy(response.body());
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    (response.status().as_u16(), code.map_or(String::new(), |(code, _)| code.to_owned()))
}
