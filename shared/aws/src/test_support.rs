//! A tiny HTTP server with canned answers, which remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::settings::{AwsSettings, Secret};

/// A request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// An error document of S3.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Answer::new(
            status,
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>"),
        )
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A running server. It stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct Canned {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Canned {
    pub(crate) async fn start(answer: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (requests.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move { serve(stream, log, move |request| answer(request)).await });
            }
        });
        Canned { endpoint, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// Settings for this server, in a region of its own: retry budgets are shared per region.
    pub(crate) fn settings(&self) -> AwsSettings {
        static REGIONS: AtomicU32 = AtomicU32::new(0);
        AwsSettings {
            endpoint: Some(self.endpoint.clone()),
            access_key_id: Some("AKIDEXAMPLE".to_owned()),
            secret_access_key: Some(Secret::new("secret-canary")),
            bucket_owner: Some("111122223333".to_owned()),
            max_retries: 2,
            ..AwsSettings::new(format!("test-{}", REGIONS.fetch_add(1, Ordering::Relaxed)))
        }
    }
}

/// One request per connection, so that every call is seen.
async fn serve(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Recorded>>>,
    answer: impl Fn(&Recorded) -> Answer,
) -> Option<()> {
    let mut bytes = Vec::new();
    let head = loop {
        let mut chunk = [0; 8192];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let mut request = Recorded {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        ..Recorded::default()
    };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if request.headers.contains_key("expect") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    let length: usize = request.header("content-length").unwrap_or("0").parse().ok()?;
    request.body = bytes.split_off(head + 4);
    while request.body.len() < length {
        let mut chunk = [0; 8192];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        request.body.extend_from_slice(&chunk[..read]);
    }
    let answer = answer(&request);
    let is_head = request.method == "HEAD";
    log.lock().unwrap().push(request);
    let mut text = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    if !answer.headers.iter().any(|(name, _)| *name == "Content-Length") && answer.status != 204 {
        text.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    if !is_head {
        stream.write_all(&answer.body).await.ok()?;
    }
    stream.shutdown().await.ok()
}
