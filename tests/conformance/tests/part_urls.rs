//! The calls of an upload in parts, made with presigned URLs and nothing else, on a server that we have not written and on
//! our own gateway.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::time::Duration;

use conformance_tests::{fixture, gateway_on, local, s3_on, s3s_fs_on, signer_for};
use storage_aws::{PostSigner, S3Backend};
use storage_core::ErrorKind;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Clock, GetOptions, MultipartBackend, ObjectRef, PresignParts, RawCall, StorageBackend, SystemClock,
    UploadId,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1024 * 1024;
const MINUTE: Duration = Duration::from_secs(60);

/// A server, the backend on it, and who signs calls to it.
struct Server {
    name: &'static str,
    endpoint: String,
    backend: S3Backend,
    signer: PostSigner,
    object: ObjectRef,
}

impl Server {
    async fn on(name: &'static str, endpoint: String) -> Self {
        let (backend, signer) = (s3_on(&endpoint).await, signer_for(&endpoint).await);
        let key = StorageKey::parse("temp/uploads/ü b/x+y=1.bin").unwrap();
        let object = ObjectRef::new(fixture(name).bucket, key);
        Server { name, endpoint, backend, signer, object }
    }

    async fn sign(&self, call: RawCall) -> String {
        let now = SystemClock.now();
        let signed = self.signer.presign_call(&self.object, &call, None, MINUTE, now).await.unwrap();
        assert!(signed.headers.is_empty(), "a browser need send no header");
        signed.url
    }

    /// Sends a request as a browser would: its status, its tag and its body.
    async fn send(&self, method: &str, url: &str, body: &[u8]) -> (u16, String, String) {
        let host = self.endpoint.strip_prefix("http://").unwrap();
        let path = url.strip_prefix(&self.endpoint).expect("a URL of this server");
        let mut stream = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses need not read the rest.
        let _sent = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{}: {method}", self.name));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let tag = head.lines().find(|line| line.to_ascii_lowercase().starts_with("etag:"));
        let tag = tag.map_or("", |line| line[5..].trim());
        (status, tag.to_owned(), body.to_owned())
    }

    async fn begin(&self) -> UploadId {
        let url = self.sign(RawCall::Create).await;
        let (status, _, body) = self.send("POST", &url, b"").await;
        assert_eq!(status, 200, "{}: {body}", self.name);
        UploadId(between(&body, "<UploadId>", "</UploadId>").to_owned())
    }

    async fn send_part(&self, upload: &UploadId, number: u16, bytes: &[u8]) -> String {
        let url = self.sign(RawCall::Part(upload.clone(), number)).await;
        let (status, etag, body) = self.send("PUT", &url, bytes).await;
        assert_eq!(status, 200, "{}: {body}", self.name);
        assert!(!etag.is_empty(), "{}: the browser needs the tag", self.name);
        etag
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap().0
}

fn list_of(parts: &[(u16, &str)]) -> String {
    let part = |(number, etag): &(u16, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
         </CompleteMultipartUpload>"
    )
}

/// Runs `test` on both servers.
async fn on_both(test: impl AsyncFn(&Server)) {
    let root = tempfile::tempdir().unwrap();
    let foreign = s3s_fs_on(root.path(), &fixture("s3s-fs")).await;
    test(&Server::on("s3s-fs", foreign).await).await;
    let root = tempfile::tempdir().unwrap();
    let own = gateway_on(local(root.path()).await).await;
    test(&Server::on("our gateway", own).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_parts_are_uploaded_listed_and_completed_by_their_urls() {
    on_both(async |server| {
        let upload = server.begin().await;
        let (one, two) = (vec![1; 5 * MIB], b"the rest".to_vec());
        // In the wrong order, and the second part twice.
        server.send_part(&upload, 2, b"something else").await;
        let first = server.send_part(&upload, 1, &one).await;
        let second = server.send_part(&upload, 2, &two).await;
        let url = server.sign(RawCall::Parts(upload.clone())).await;
        let (status, _, listed) = server.send("GET", &url, b"").await;
        assert_eq!(status, 200, "{}: {listed}", server.name);
        assert_eq!(listed.matches("<PartNumber>").count(), 2, "{}: {listed}", server.name);
        assert!(listed.contains(&format!("<Size>{}</Size>", 5 * MIB)), "{}: {listed}", server.name);

        let list = list_of(&[(1, &first), (2, &second)]);
        let url = server.sign(RawCall::Complete(upload.clone())).await;
        let (status, _, body) = server.send("POST", &url, list.as_bytes()).await;
        assert_eq!(status, 200, "{}: {body}", server.name);
        assert!(body.contains("CompleteMultipartUploadResult"), "{}: {body}", server.name);
        let read = server.backend.get(&server.object, GetOptions::default()).await.unwrap();
        let bytes = read.collect(6 * MIB as u64).await.unwrap();
        assert!(bytes == [one, two].concat(), "{}: {} bytes", server.name, bytes.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_aborted_by_its_url() {
    on_both(async |server| {
        let upload = server.begin().await;
        server.send_part(&upload, 1, b"a part").await;
        let url = server.sign(RawCall::Abort(upload.clone())).await;
        let (status, _, body) = server.send("DELETE", &url, b"").await;
        assert_eq!(status, 204, "{}: {body}", server.name);
        let url = server.sign(RawCall::Complete(upload)).await;
        let (status, _, body) = server.send("POST", &url, list_of(&[(1, "\"x\"")]).as_bytes()).await;
        assert!((400..600).contains(&status) || body.contains("<Error>"), "{}: {status}", server.name);
        assert!(!server.backend.exists(&server.object).await.unwrap(), "{}", server.name);
    })
    .await;
}

/// G36: the signature binds method, key, upload and part; whatever is changed, nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g36_the_url_of_a_part_is_good_for_that_part_alone() {
    on_both(async |server| {
        let (upload, other) = (server.begin().await, server.begin().await);
        let url = server.sign(RawCall::Part(upload.clone(), 1)).await;
        let key = "x%2By%3D1.bin";
        assert!(url.contains(key) && url.contains("partNumber=1&") && url.contains(&upload.0), "{url}");
        let forged = [
            ("another part", url.replace("partNumber=1&", "partNumber=2&")),
            ("a longer number", url.replace("partNumber=1&", "partNumber=10&")),
            ("another upload", url.replace(&upload.0, &other.0)),
            ("another key", url.replace(key, "x%2By%3D2.bin")),
            ("another bucket", url.replace("conformance-one", "conformance-other")),
            ("a longer life", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")),
            ("one more parameter", format!("{url}&x-id=UploadPart")),
            ("no part", url.replace("partNumber=1&", "")),
            ("no upload", url.replace(&format!("uploadId={}&", upload.0), "")),
        ];
        for (what, forged) in &forged {
            assert_ne!(*forged, url, "{what} is a change");
            let (status, _, body) = server.send("PUT", forged, b"forged").await;
            assert_eq!(status, 403, "{}, {what}: {body}", server.name);
        }
        for method in ["GET", "DELETE", "POST"] {
            let (status, _, body) = server.send(method, &url, b"").await;
            assert_eq!(status, 403, "{}, {method}: {body}", server.name);
        }
        let (call, then) = (RawCall::Part(upload.clone(), 1), SystemClock.now() - 2 * MINUTE);
        let expired = server.signer.presign_call(&server.object, &call, None, MINUTE, then).await.unwrap();
        let (status, _, body) = server.send("PUT", &expired.url, b"late").await;
        assert_eq!(status, 403, "{}, expired: {body}", server.name);
        for upload in [&upload, &other] {
            let parts = server.backend.parts(&server.object, upload).await.unwrap();
            assert!(parts.is_empty(), "{}: {parts:?}", server.name);
        }
        let missing = server.backend.head(&server.object).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{}", server.name);
        assert_eq!(server.send("PUT", &url, b"as signed").await.0, 200, "{}", server.name);
    })
    .await;
}
