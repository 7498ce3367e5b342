//! The backend against a server that checks every signature, policy and condition: `s3s-fs`, in this process.
#![expect(clippy::unwrap_used, reason = "a step that fails is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use storage_aws::{Aws, AwsSettings, PostSigner, S3Backend, Secret};
use storage_core::ErrorKind;
use storage_core::filename::{Disposition, FileName};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, Clock, CopyRequest, ETag, GetOptions, ListRequest, MultipartBackend, ObjectRef, PostRequest,
    PresignPost, PresignUrl, PresignedPost, PutOptions, RangeRequest, StorageBackend, SystemClock,
    WriteCondition,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Server {
    aws: Aws,
    backend: S3Backend,
    address: String,
    _root: tempfile::TempDir,
}

async fn server() -> Server {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("acme-files")).unwrap();
    let mut builder = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
    builder.set_auth(s3s::auth::SimpleAuth::from_single("AKIDEXAMPLE", "secret"));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ended = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let settings = AwsSettings {
        endpoint: Some(format!("http://{address}")),
        access_key_id: Some("AKIDEXAMPLE".to_owned()),
        secret_access_key: Some(Secret::new("secret")),
        ..AwsSettings::new("eu-central-1")
    };
    let aws = Aws::connect(&settings).await.unwrap();
    Server { backend: S3Backend::new(&aws), aws, address, _root: root }
}

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::parse("acme-files").unwrap(), StorageKey::parse(key).unwrap())
}

fn body(text: &'static str) -> Body {
    Body::from(Bytes::from_static(text.as_bytes()))
}

/// Sends a request as it stands and gives the status of the answer.
async fn send(address: &str, head: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn post(server: &Server, form: &PresignedPost, file: &[u8]) -> u16 {
    let mut bytes = Vec::new();
    for (name, value) in &form.fields {
        let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        bytes.extend_from_slice(part.as_bytes());
    }
    let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n";
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(file);
    bytes.extend_from_slice(b"\r\n--edge--\r\n");
    let path = form.url.strip_prefix(&format!("http://{}", server.address)).unwrap();
    send(
        &server.address,
        &format!("POST {path} HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=edge"),
        &bytes,
    )
    .await
}

#[tokio::test]
async fn objects_and_what_is_beside_them_come_back() {
    let server = server().await;
    let options = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: BTreeMap::from([("name".to_owned(), "é  % ".to_owned())]),
        ..PutOptions::default()
    };
    let source = object("a/ü b+c%2e&=");
    let stored = server.backend.put(&source, body("0123456789"), options.clone()).await.unwrap();
    let read = server.backend.get(&source, GetOptions::default()).await.unwrap();
    assert_eq!(read.meta.etag, stored.etag);
    assert_eq!(read.meta.content_type.as_deref(), Some("text/plain"));
    assert_eq!(read.meta.metadata, options.metadata);
    assert_eq!(read.collect(10).await.unwrap(), "0123456789");
    let range = GetOptions { range: Some(RangeRequest::Suffix(3)), if_match: None };
    assert_eq!(server.backend.get(&source, range).await.unwrap().collect(3).await.unwrap(), "789");
    let beyond = GetOptions { range: Some(RangeRequest::From(10)), if_match: None };
    assert_eq!(server.backend.get(&source, beyond).await.unwrap_err().kind(), ErrorKind::InvalidRange);
    let copy = |source_etag| CopyRequest {
        source: source.clone(),
        destination: object("b/x"),
        source_etag: Some(source_etag),
        options: PutOptions::default(),
    };
    server.backend.copy(copy(stored.etag)).await.unwrap();
    let wrong = server.backend.copy(copy(ETag::new("00"))).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::PreconditionFailed);
    server.backend.delete(&source).await.unwrap();
    server.backend.delete(&source).await.unwrap();
    assert!(!server.backend.exists(&source).await.unwrap());
    let missing = server.backend.get(&source, GetOptions::default()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let nowhere = ObjectRef::new(BucketName::parse("no-such-bucket").unwrap(), source.key.clone());
    assert_eq!(server.backend.exists(&nowhere).await.unwrap_err().kind(), ErrorKind::StorageUnavailable);
}

#[tokio::test]
async fn conditions_and_streams_hold() {
    let server = server().await;
    let create = || PutOptions { condition: WriteCondition::CreateOnly, ..PutOptions::default() };
    let stored = server.backend.put(&object("a/b"), body("one"), create()).await.unwrap();
    let refused = server.backend.put(&object("a/b"), body("two"), create()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PreconditionFailed);
    let matching = |etag| PutOptions { condition: WriteCondition::IfMatch(etag), ..PutOptions::default() };
    server.backend.put(&object("a/b"), body("two"), matching(stored.etag.clone())).await.unwrap();
    let refused = server.backend.put(&object("a/b"), body("x"), matching(stored.etag)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PreconditionFailed);
    let chunk = Bytes::from(vec![7; 100_000]);
    let stream = |count: usize| {
        let chunks = std::iter::repeat_n(chunk.clone(), count).map(Ok);
        Body::Stream { length: 5_000_000, stream: Box::pin(futures_util::stream::iter(chunks)) }
    };
    server.backend.put(&object("s"), stream(50), PutOptions::default()).await.unwrap();
    assert_eq!(server.backend.head(&object("s")).await.unwrap().size, 5_000_000);
    for count in [0, 49, 51] {
        let error = server.backend.put(&object("t"), stream(count), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SizeMismatch, "{count}");
        assert!(!server.backend.exists(&object("t")).await.unwrap(), "{count}");
    }
}

#[tokio::test]
async fn listings_and_parts_work() {
    let server = server().await;
    let bucket = BucketName::parse("acme-files").unwrap();
    for key in ["a/1", "a/2", "a/b/3", "a/c/4", "b"] {
        server.backend.put(&object(key), body("x"), PutOptions::default()).await.unwrap();
    }
    let mut request = ListRequest { delimiter: Some('/'), limit: 2, ..ListRequest::under("a/") };
    let mut found = Vec::new();
    loop {
        let page = server.backend.list(&bucket, request.clone()).await.unwrap();
        found.extend(page.objects.into_iter().map(|meta| meta.key.to_string()).chain(page.prefixes));
        request.cursor = page.next;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a/1", "a/2", "a/b/", "a/c/"]);
    let target = object("m");
    let upload = server.backend.create(&target, PutOptions::default()).await.unwrap();
    let part = server.backend.upload_part(&target, &upload, 1, body("hello")).await.unwrap();
    let parts = server.backend.parts(&target, &upload).await.unwrap();
    assert_eq!(parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(), [(1, 5)]);
    server.backend.complete(&target, &upload, &[(1, part.etag)]).await.unwrap();
    let read = server.backend.get(&target, GetOptions::default()).await.unwrap();
    assert_eq!(read.collect(5).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_form_uploads_what_was_signed_and_nothing_else() {
    let server = server().await;
    let signer = PostSigner::new(&server.aws).unwrap();
    let request = PostRequest {
        object: object("temp/uploads/x"),
        content_type: "image/png".to_owned(),
        min_bytes: 2,
        max_bytes: 5,
        expires_in: Duration::from_secs(60),
    };
    let form = signer.presign_post(request.clone(), SystemClock.now()).await.unwrap();
    assert_eq!(post(&server, &form, b"hello").await, 201);
    assert_eq!(server.backend.head(&object("temp/uploads/x")).await.unwrap().size, 5);
    for file in [b"h" as &[u8], b"hello!"] {
        assert!(matches!(post(&server, &form, file).await, 400..500));
    }
    for (field, value) in [
        ("key", "temp/uploads/y"),
        ("Content-Type", "text/html"),
        ("success_action_status", "200"),
        ("x-amz-meta-a", "b"),
        ("x-amz-signature", &"0".repeat(64)),
    ] {
        let mut changed = form.clone();
        changed.fields.insert(field.to_owned(), value.to_owned());
        assert!(matches!(post(&server, &changed, b"hello").await, 400..500), "{field}");
    }
    assert!(!server.backend.exists(&object("temp/uploads/y")).await.unwrap());
    let old = signer.presign_post(request, SystemClock.now() - Duration::from_secs(3600)).await.unwrap();
    assert!(matches!(post(&server, &old, b"hello").await, 400..500), "expired");
}

#[tokio::test]
async fn a_presigned_url_is_good_for_what_was_signed_and_nothing_else() {
    let server = server().await;
    let now = SystemClock.now();
    let minute = Duration::from_secs(60);
    let target = object("a/ü b");
    let put = server.backend.presign_put(&target, "text/plain", 5, minute, now).await.unwrap();
    let path = |url: &str| url.strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned();
    let typed = |kind: &str| format!("PUT {} HTTP/1.1\r\nContent-Type: {kind}", path(&put.url));
    assert_eq!(send(&server.address, &typed("text/html"), b"hello").await, 403);
    assert_eq!(send(&server.address, &typed("text/plain"), b"hello!").await, 403);
    assert_eq!(send(&server.address, &typed("text/plain"), b"hello").await, 200);
    let name = FileName::parse("ré.txt").unwrap();
    let get = server
        .backend
        .presign_get(&target, Some((Disposition::Attachment, name)), minute, now)
        .await
        .unwrap();
    assert_eq!(send(&server.address, &format!("GET {} HTTP/1.1", path(&get.url)), b"").await, 200);
    assert_eq!(send(&server.address, &format!("PUT {} HTTP/1.1", path(&get.url)), b"").await, 403);
    let changed = get.url.replace("attachment", "inline");
    assert_eq!(send(&server.address, &format!("GET {} HTTP/1.1", path(&changed)), b"").await, 403);
}
