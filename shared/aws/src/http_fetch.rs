//! A small GET for key sets (JWKS), over the HTTP client the SDK has linked already.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::{Bytes, BytesMut};
use storage_core::{Error, ErrorKind, Result};

/// The most bytes of an answer.
pub const FETCH_LIMIT: usize = 64 * 1024;

/// Fetches small documents.
#[derive(Debug)]
pub struct Fetcher {
    connector: Connector,
    timeout: Duration,
}

impl Fetcher {
    /// A fetcher whose calls take at most `timeout`, body included.
    pub fn new(timeout: Duration) -> Self {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(timeout).read_timeout(timeout).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        Fetcher { connector, timeout }
    }

    /// The document at an `https` or `http` URL: a 200 of at most [`FETCH_LIMIT`] bytes.
    ///
    /// Redirects are not followed: where keys come from is configured, and nobody else says. `Internal` for every failure;
    /// nothing is repeated here, because callers have the old document and their own limits.
    pub async fn fetch(&self, url: &str) -> Result<Bytes> {
        tokio::time::timeout(self.timeout, self.get(url))
            .await
            .map_err(|cause| failed("GET timed out").with_cause(cause))?
    }

    async fn get(&self, url: &str) -> Result<Bytes> {
        let parsed = url::Url::parse(url).map_err(|cause| failed("GET: no URL").with_cause(cause))?;
        if !matches!(parsed.scheme(), "https" | "http") {
            return Err(failed("GET: neither https nor http"));
        }
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(parsed.as_str()).map_err(|cause| failed("GET: no URI").with_cause(cause))?;
        let answer = self.connector.call(request).await.map_err(|cause| failed("GET").with_cause(cause))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(failed(format!("GET answered {status}")));
        }
        let mut body = ByteStream::new(answer.into_body());
        let mut document = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|cause| failed("GET: body").with_cause(cause))?;
            if document.len() + chunk.len() > FETCH_LIMIT {
                return Err(failed("GET: the document is too large"));
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document.freeze())
    }
}

fn failed(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Answer, Canned};

    #[tokio::test]
    async fn only_a_small_200_is_a_document() {
        let server = Canned::start(|request| match request.target.as_str() {
            "/small" => Answer::new(200, "{\"keys\":[]}"),
            "/limit" => Answer::new(200, vec![b'x'; FETCH_LIMIT]),
            "/large" => Answer::new(200, vec![b'x'; FETCH_LIMIT + 1]),
            "/moved" => Answer::new(302, "").header("Location", "/small"),
            _ => Answer::new(404, ""),
        })
        .await;
        let fetcher = Fetcher::new(Duration::from_secs(5));
        let fetch = async |path: &str| fetcher.fetch(&format!("{}{path}", server.endpoint)).await;
        assert_eq!(fetch("/small").await.unwrap(), "{\"keys\":[]}");
        assert_eq!(fetch("/limit").await.unwrap().len(), FETCH_LIMIT);
        for path in ["/large", "/moved", "/missing"] {
            assert_eq!(fetch(path).await.unwrap_err().kind(), ErrorKind::Internal, "{path}");
        }
        for url in ["", "file:///etc/passwd", "http://127.0.0.1:9/"] {
            assert!(fetcher.fetch(url).await.is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_silent_server_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let error = Fetcher::new(Duration::from_millis(50)).fetch(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}
