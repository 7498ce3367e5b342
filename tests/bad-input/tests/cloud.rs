//! Connections to the S3 of a [`Sim`]: by our own backend, by the SDK as anybody uses it, and by bare HTTP.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use storage_aws::{Aws, AwsSettings, S3Backend, Secret};
use test_harness::Sim;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The key id and the secret that the server of `sim` accepts.
pub(crate) fn keys(sim: &Sim) -> (String, String) {
    let environment = sim.environment(&sim.s3_url, &sim.dynamodb_url);
    let value = |wanted: &str| environment.iter().find(|(name, _)| name == wanted).unwrap().1.clone();
    (value("STORAGE_S3_ACCESS_KEY"), value("STORAGE_S3_SECRET_KEY"))
}

/// A connection with these keys.
pub(crate) async fn connect(sim: &Sim, (id, secret): (String, String)) -> Aws {
    let settings = AwsSettings {
        endpoint: Some(sim.s3_url.clone()),
        access_key_id: Some(id),
        secret_access_key: Some(Secret::new(secret)),
        ..AwsSettings::new("us-east-1")
    };
    Aws::connect(&settings).await.unwrap()
}

/// Our backend.
pub(crate) async fn s3(sim: &Sim) -> S3Backend {
    S3Backend::new(&connect(sim, keys(sim)).await)
}

/// The client of the SDK, which takes any text for a key.
pub(crate) fn client(sim: &Sim) -> aws_sdk_s3::Client {
    let (id, secret) = keys(sim);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&sim.s3_url)
        .force_path_style(true)
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// An answer: its status, the code of an error in XML, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A request over a connection of its own, written as it stands: no client corrects its URL.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let (host, target) = url.strip_prefix("http://").expect("plain HTTP").split_once('/').expect("a path");
    let mut request = format!("{method} /{target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let has_length = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if !has_length && matches!(method, "PUT" | "POST") {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let request = [request.as_bytes(), b"\r\n", body].concat();
    let (mut reader, mut writer) = TcpStream::connect(host).await.unwrap().into_split();
    let mut answer = Vec::new();
    // A server that has heard enough answers and closes while the rest is still being written.
    let (_, read) = tokio::join!(writer.write_all(&request), reader.read_to_end(&mut answer));
    assert!(read.is_ok() || !answer.is_empty(), "{method} {target:.100}: {read:?}");
    parse(&answer)
}

fn parse(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer[end + 4..].to_vec();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let text = String::from_utf8_lossy(&body).into_owned();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    Answer { status, code: code.map(|(code, _)| code.to_owned()), body }
}
