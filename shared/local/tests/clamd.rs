//! The scanner against the real daemon, and against daemons that misbehave. Where Debian's `clamav-daemon` is missing the
//! first part says so and is left out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{Body, ObjectMeta, ObjectRef, PutOptions, ScanVerdict, Scanner, StorageBackend};
use storage_local::{Clamd, ClamdAddress, ClamdDaemon, ClamdLimits};
use storage_testkit::memory::MemoryBackend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The harmless file that every scanner finds, put together here so that this file is not it.
fn eicar() -> Vec<u8> {
    format!("{}{}", r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").into_bytes()
}

struct Store {
    storage: Arc<MemoryBackend>,
    object: ObjectRef,
}

impl Store {
    async fn with(bytes: impl Into<Bytes>) -> (Self, ObjectMeta) {
        let bucket = BucketName::parse("staging").unwrap();
        let storage = Arc::new(MemoryBackend::new(&[&bucket]));
        let object = ObjectRef::new(bucket, StorageKey::parse("temp/uploads/x").unwrap());
        let store = Store { storage, object };
        let meta = store.put(bytes).await;
        (store, meta)
    }

    async fn put(&self, bytes: impl Into<Bytes>) -> ObjectMeta {
        self.storage.put(&self.object, Body::Bytes(bytes.into()), PutOptions::default()).await.unwrap();
        self.storage.head(&self.object).await.unwrap()
    }

    fn clamd(&self, address: ClamdAddress) -> Clamd {
        Clamd::new(address, self.storage.clone())
    }
}

/// A daemon in a folder of its own; `None`, said loudly, where there is no such program.
async fn daemon(folder: &tempfile::TempDir) -> Option<ClamdDaemon> {
    if !ClamdDaemon::is_installed() {
        storage_testkit::loud::loudly("SKIPPED: clamd is missing (apt-get install clamav-daemon)");
        return None;
    }
    Some(ClamdDaemon::start(folder.path()).await.unwrap())
}

#[tokio::test]
async fn g49_the_real_daemon_finds_the_test_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(daemon) = daemon(&folder).await else { return };
    let (store, meta) = Store::with(eicar()).await;
    let clamd = store.clamd(daemon.address());
    let found = clamd.verdict(&store.object, &meta).await.unwrap();
    assert!(
        matches!(&found, Some(ScanVerdict::Infected { threat }) if threat.contains("Eicar")),
        "{found:?}"
    );

    let large = vec![b'x'; 5 * 1024 * 1024 + 1];
    for clean in [b"a harmless text".to_vec(), large] {
        let meta = store.put(clean).await;
        assert_eq!(clamd.verdict(&store.object, &meta).await.unwrap(), Some(ScanVerdict::Clean));
    }
    // Another upload has taken the place of the one that was asked about.
    let error = clamd.verdict(&store.object, &meta).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    daemon.stop().await;
    let meta = store.put(eicar()).await;
    let error = clamd.verdict(&store.object, &meta).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "a daemon that is gone finds nothing");
}

#[tokio::test]
async fn what_is_over_the_limit_is_not_sent_and_not_clean() {
    let (store, meta) = Store::with("0123456789").await;
    let limits = ClamdLimits { max_bytes: 9, ..ClamdLimits::default() };
    let nowhere = ClamdAddress::Unix("/nowhere/clamd.sock".into());
    let clamd = store.clamd(nowhere).with_limits(limits);
    assert_eq!(clamd.verdict(&store.object, &meta).await.unwrap(), Some(ScanVerdict::Error));
}

/// A daemon that does with each connection what the test says.
async fn double<F>(act: impl Fn(TcpStream) -> F + Send + 'static) -> ClamdAddress
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            act(stream).await;
        }
    });
    ClamdAddress::Tcp(address)
}

/// Reads a whole stream as the protocol has it, and gives back what was in it.
async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut command = [0; 10];
    stream.read_exact(&mut command).await.unwrap();
    assert_eq!(&command, b"zINSTREAM\0");
    let mut all = Vec::new();
    loop {
        let length = stream.read_u32().await.unwrap() as usize;
        if length == 0 {
            return all;
        }
        assert!(length <= 64 * 1024, "a piece of {length} bytes");
        let start = all.len();
        all.resize(start + length, 0);
        stream.read_exact(&mut all[start..]).await.unwrap();
    }
}

#[tokio::test]
async fn every_byte_is_sent_once_in_pieces() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let (store, meta) = Store::with(bytes.clone()).await;
    let expected = Arc::new(bytes);
    let address = double(move |mut stream| {
        let expected = expected.clone();
        async move {
            let verdict = if receive(&mut stream).await == *expected { "OK" } else { "Changed FOUND" };
            stream.write_all(format!("stream: {verdict}\0").as_bytes()).await.unwrap();
        }
    })
    .await;
    let verdict = store.clamd(address).verdict(&store.object, &meta).await.unwrap();
    assert_eq!(verdict, Some(ScanVerdict::Clean));
}

/// G49: silence, a hung-up line and words that are not known are no clean verdict.
#[tokio::test]
async fn g49_a_daemon_that_misbehaves_has_found_nothing_clean() {
    let (store, meta) = Store::with(vec![b'x'; 8 * 1024 * 1024]).await;
    let hangs_up = double(async |stream| drop(stream)).await;
    let says_nothing = double(async |mut stream| drop(receive(&mut stream).await)).await;
    let silent = double(async |mut stream| {
        receive(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let deaf = double(async |stream| {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let limits = ClamdLimits {
        piece: Duration::from_millis(300),
        verdict: Duration::from_millis(300),
        ..ClamdLimits::default()
    };
    for (case, address) in
        [("hangs up", hangs_up), ("says nothing", says_nothing), ("is silent", silent), ("is deaf", deaf)]
    {
        let clamd = store.clamd(address).with_limits(limits);
        let error = clamd.verdict(&store.object, &meta).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{case}");
    }
    // It says OK before it has heard everything.
    let hasty = double(async |mut stream| {
        let _ = stream.write_all(b"stream: OK\0").await;
        let mut some = [0; 1000];
        let _ = stream.read_exact(&mut some).await;
    })
    .await;
    let clamd = store.clamd(hasty).with_limits(limits);
    assert_eq!(clamd.verdict(&store.object, &meta).await.unwrap_err().kind(), ErrorKind::StorageUnavailable);
    let refuses = double(async |mut stream| {
        receive(&mut stream).await;
        let _ = stream.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
    })
    .await;
    let clamd = store.clamd(refuses).with_limits(limits);
    assert_eq!(clamd.verdict(&store.object, &meta).await.unwrap(), Some(ScanVerdict::Error));
}
