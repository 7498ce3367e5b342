//! Our own gateway over the local backend: S3 as browsers and functions see it in development.

use storage_aws::S3Backend;
use storage_local::{Gateway, LocalBackend, serve};
use tokio::net::TcpListener;

use crate::aws::{ACCESS_KEY, SECRET_KEY, s3_on};

/// The S3 backend over the gateway over `local`. The server ends with the runtime of the test.
pub async fn gateway(local: LocalBackend) -> S3Backend {
    s3_on(&gateway_on(local).await).await
}

/// The endpoint of the gateway over `local`.
pub async fn gateway_on(local: LocalBackend) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let gateway = Gateway::builder(local).credentials(ACCESS_KEY, SECRET_KEY).build();
    tokio::spawn(serve(listener, gateway, std::future::pending()));
    endpoint
}
