//! L01 to L06: what lies on disk where an object belongs, read through the backend and through the local S3 server.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bad_input_tests::Case;
use bad_input_tests::table::local::{CASES, Planted};
use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use storage_core::Result;
use storage_core::key::StorageKey;
use storage_core::ports::{Body, GetOptions, ObjectRef, PutOptions, StorageBackend};
use storage_lambda::http::error::status;
use storage_local::LocalBackend;
use test_harness::Sim;

use crate::cloud::s3;
use crate::skip;

/// What an object outside holds, and nobody may see.
const SECRET: &[u8] = b"secret";

/// The key whose place is planted, and where it is kept.
const KEY: &str = "folder/k";

/// Two worlds: the one that is read, and the one outside of it.
struct Worlds {
    sim: Sim,
    outside: Sim,
}

impl Worlds {
    async fn start() -> Self {
        let worlds = Worlds { sim: Sim::start().await, outside: Sim::start().await };
        put(&worlds.outside.storage, &worlds.object(KEY), SECRET).await.unwrap();
        worlds
    }

    fn object(&self, key: &str) -> ObjectRef {
        ObjectRef::new(self.sim.files(), StorageKey::parse(key).unwrap())
    }

    fn place(&self) -> PathBuf {
        place(&self.sim)
    }
}

fn bucket(sim: &Sim) -> PathBuf {
    sim.folder().join(sim.files().as_str())
}

fn place(sim: &Sim) -> PathBuf {
    bucket(sim).join("objects/folder/k@")
}

async fn put(backend: &LocalBackend, object: &ObjectRef, bytes: &[u8]) -> Result<()> {
    let body = Body::Bytes(Bytes::copy_from_slice(bytes));
    backend.put(object, body, PutOptions::default()).await.map(drop)
}

async fn read(backend: &dyn StorageBackend, object: &ObjectRef) -> Result<Bytes> {
    backend.get(object, GetOptions::default()).await?.collect(99).await
}

/// Plants it; `false` where this machine does not allow it.
fn plant(worlds: &Worlds, planted: Planted) -> bool {
    let (place, victim) = (worlds.place(), place(&worlds.outside));
    let folder = place.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    let node = |kind, device| mknodat(CWD, &place, kind, Mode::RWXU, device).is_ok();
    match planted {
        Planted::LinkToFile => symlink(victim, place).unwrap(),
        Planted::LinkToFolder => {
            fs::remove_dir(folder).unwrap();
            symlink(victim.parent().unwrap(), folder).unwrap();
        }
        Planted::LinkToBucket => {
            fs::remove_dir_all(bucket(&worlds.sim)).unwrap();
            symlink(bucket(&worlds.outside), bucket(&worlds.sim)).unwrap();
        }
        Planted::DanglingLink => symlink("/nowhere", place).unwrap(),
        Planted::Loop => symlink(&place, &place).unwrap(),
        Planted::Environment => symlink("/proc/self/environ", place).unwrap(),
        Planted::Pipe => return node(FileType::Fifo, 0),
        Planted::Socket => drop(UnixListener::bind(place).unwrap()),
        Planted::Device => return node(FileType::CharacterDevice, makedev(1, 5)),
        Planted::Folder => fs::create_dir(place).unwrap(),
        Planted::HardLink => fs::hard_link(victim, place).unwrap(),
        Planted::RemovedRoot => fs::remove_dir_all(worlds.sim.folder()).unwrap(),
        Planted::Swapped
        | Planted::LinkedRoot
        | Planted::FullDisk
        | Planted::FailingDisk
        | Planted::UsedQuota
        | Planted::NoDescriptors => {}
    }
    true
}

/// Reads the object both ways, in time, and compares with the table.
async fn check(worlds: &Worlds, case: &Case<Planted>) {
    let object = worlds.object(KEY);
    // Behind the server a bucket that is none is `NoSuchBucket`, which is an outage to the function that asks.
    let server = s3(&worlds.sim).await;
    let ways: [&dyn StorageBackend; 2] = [&worlds.sim.storage, &server];
    for backend in ways {
        let tried = format!("{} {}", case.id, backend.name());
        let found = tokio::time::timeout(Duration::from_secs(10), read(backend, &object)).await;
        match (found.expect("no hang"), case.expect.code) {
            (Ok(bytes), None) => assert_eq!(bytes, SECRET, "{tried}"),
            (Err(error), Some(code)) => {
                let found = (status(error.kind()).as_u16(), error.kind().code());
                assert_eq!(found, (case.expect.status, code), "{tried}: {error:?}");
            }
            (found, _) => panic!("{tried}: {found:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l01_l02_l04_l05_what_is_no_object_is_not_read_and_nothing_outside_is_shown() {
    for case in CASES {
        if case.input.elsewhere().is_some()
            || matches!(case.input, Planted::LinkedRoot | Planted::NoDescriptors)
        {
            continue;
        }
        let worlds = Worlds::start().await;
        if !plant(&worlds, case.input) {
            skip(case.id, "this machine does not let this user make one");
            continue;
        }
        check(&worlds, case).await;
        if case.input != Planted::RemovedRoot {
            // Whatever a write does to it, nothing outside changes.
            let _ = put(&worlds.sim.storage, &worlds.object(KEY), b"written").await;
            worlds.sim.storage.delete(&worlds.object(KEY)).await.ok();
        }
        let kept = read(&worlds.outside.storage, &worlds.object(KEY)).await.unwrap();
        assert_eq!(kept, SECRET, "{}: the outside is as it was", case.id);
    }
}

#[tokio::test]
async fn l04_files_and_folders_are_for_their_owner_alone() {
    let worlds = Worlds::start().await;
    let path = place(&worlds.outside);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let folders = path.ancestors().skip(1).take_while(|folder| *folder != worlds.outside.folder());
    for folder in folders {
        assert_eq!(fs::metadata(folder).unwrap().mode() & 0o777, 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn l05_a_root_that_is_a_link_works() {
    let case = CASES.iter().find(|case| case.input == Planted::LinkedRoot).unwrap();
    let worlds = Worlds::start().await;
    let link = worlds.sim.folder().join("root");
    symlink(worlds.outside.folder(), &link).unwrap();
    let backend = LocalBackend::open(&link).unwrap();
    assert_eq!(read(&backend, &worlds.object(KEY)).await.unwrap(), SECRET, "{}", case.id);
    put(&backend, &worlds.object("other"), b"written").await.unwrap();
}

/// L06: a process that may open no more files answers with an outage, and goes on as soon as it may.
#[tokio::test]
async fn l06_no_more_open_files_is_an_outage_that_passes() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "local::child_without_descriptors", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "run by l06_no_more_open_files_is_an_outage_that_passes"]
async fn child_without_descriptors() {
    let case = CASES.iter().find(|case| case.input == Planted::NoDescriptors).unwrap();
    let expected = (case.expect.status, case.expect.code);
    let root = tempfile::tempdir().unwrap();
    let backend = LocalBackend::open(root.path()).unwrap();
    let bucket = storage_core::ids::BucketName::parse("test-bucket").unwrap();
    backend.create_bucket(&bucket).await.unwrap();
    let object = ObjectRef::new(bucket, StorageKey::parse(KEY).unwrap());
    put(&backend, &object, b"old").await.unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = File::open(root.path()) {
        hoard.push(file);
    }
    let failures = [
        put(&backend, &object, b"new").await.unwrap_err(),
        read(&backend, &object).await.unwrap_err(),
        backend.delete(&object).await.unwrap_err(),
    ];
    drop(hoard);
    for error in failures {
        assert_eq!((status(error.kind()).as_u16(), Some(error.kind().code())), expected);
    }
    assert_eq!(read(&backend, &object).await.unwrap(), &b"old"[..], "nothing partial");
    put(&backend, &object, b"new").await.unwrap();
    assert_eq!(read(&backend, &object).await.unwrap(), &b"new"[..]);
}

/// The cases that another crate tries are tried there: the test that the table names exists.
#[test]
fn l03_l06_the_tests_that_the_table_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for case in CASES {
        let Some((file, test)) = case.input.elsewhere().and_then(|test| test.split_once("::")) else {
            continue;
        };
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&format!("async fn {test}(")), "{}: {file} has no {test}", case.id);
    }
}
