//! Limits of a process (G54, L06): too many open files and files that may not grow, at every step of every call.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use storage_core::ports::{
    CopyRequest, GetOptions, ListRequest, MultipartBackend, PutOptions, StorageBackend, WriteCondition,
};
use storage_core::{ErrorKind, Result};
use storage_local::LocalBackend;

use crate::races::{child_of, root_from_parent};
use crate::{bucket, loudly, object, put_if, tree, volatile_dir};

/// More than the most files that a call holds open at once.
const STEPS: u64 = 12;

fn open_files() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1
}

#[tokio::test]
async fn g54_too_many_open_files_is_an_outage_and_leaves_nothing() {
    if !cfg!(target_os = "linux") {
        return loudly("SKIPPED g54: open files are not limited, as only Linux lists them in /proc");
    }
    let root = volatile_dir();
    let executable = Command::new(std::env::current_exe().unwrap());
    let child = child_of(executable, "limits::child_with_few_files", root.path());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("checked every step"), "{text}");
}

#[tokio::test]
#[ignore = "run by g54_too_many_open_files_is_an_outage_and_leaves_nothing"]
async fn child_with_few_files() {
    let root = root_from_parent();
    let root = Path::new(&root);
    let backend = LocalBackend::open(root).unwrap();
    backend.create_bucket(&bucket()).await.unwrap();
    put_if(&backend, "deep/k", b"old", WriteCondition::None).await.unwrap();
    let upload = backend.create(&object("parts"), PutOptions::default()).await.unwrap();
    let part =
        backend.upload_part(&object("parts"), &upload, 1, Bytes::from_static(b"p").into()).await.unwrap();
    let kept = tree(&root.join("test-bucket/objects"));
    let limit = getrlimit(Resource::Nofile);
    for call in ["put", "overwrite", "create", "part", "complete", "copy", "get", "head", "list", "delete"] {
        let mut refused = 0;
        for files in 0..=STEPS {
            let current = Some(open_files() + files);
            setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).unwrap();
            let answer: Result<()> = match call {
                "put" => put_if(&backend, "new/er/k", b"new", WriteCondition::CreateOnly).await.map(drop),
                "overwrite" => put_if(&backend, "deep/k", b"old", WriteCondition::None).await.map(drop),
                "create" => backend.create(&object("k"), PutOptions::default()).await.map(drop),
                "part" => {
                    let body = Bytes::from_static(b"p").into();
                    backend.upload_part(&object("parts"), &upload, 1, body).await.map(drop)
                }
                "complete" => {
                    backend.complete(&object("parts"), &upload, &[(1, part.etag.clone())]).await.map(drop)
                }
                "copy" => {
                    let (source, destination) = (object("deep/k"), object("copy/k"));
                    let options = PutOptions::default();
                    backend
                        .copy(CopyRequest { source, destination, source_etag: None, options })
                        .await
                        .map(drop)
                }
                "get" => match backend.get(&object("deep/k"), GetOptions::default()).await {
                    Ok(read) => read.collect(9).await.map(drop),
                    Err(error) => Err(error),
                },
                "head" => backend.head(&object("deep/k")).await.map(drop),
                "list" => backend.list(&bucket(), ListRequest::under("")).await.map(drop),
                _ => backend.delete(&object("no/such/k")).await,
            };
            setrlimit(Resource::Nofile, limit).unwrap();
            let Err(error) = answer else { break };
            assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{call} with {files} files: {error:?}");
            refused += 1;
            let objects: Vec<_> =
                tree(&root.join("test-bucket/objects")).into_iter().filter(|path| path.is_file()).collect();
            let kept: Vec<_> = kept.iter().filter(|path| path.is_file()).cloned().collect();
            assert_eq!(objects, kept, "{call} with {files} files");
            let staged = tree(&root.join("test-bucket/staging"));
            assert_eq!(staged, Vec::<std::path::PathBuf>::new(), "{call} with {files} files");
        }
        assert!((1..STEPS).contains(&refused), "{call} was refused {refused} times");
        let read = backend.get(&object("deep/k"), GetOptions::default()).await.unwrap();
        assert_eq!(read.collect(9).await.unwrap(), &b"old"[..]);
        for key in ["new/er/k", "copy/k", "parts"] {
            backend.delete(&object(key)).await.unwrap();
        }
    }
    println!("checked every step");
}

#[tokio::test]
async fn g54_a_file_that_may_not_grow_is_no_room_and_leaves_nothing() {
    let root = volatile_dir();
    let mut command = Command::new("sh");
    // Without the trap the signal would end the process before the call could fail.
    command.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]);
    command.arg(std::env::current_exe().unwrap());
    let child = child_of(command, "limits::child_with_small_files", root.path());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("checked the size"), "{text}");
}

#[tokio::test]
#[ignore = "run by g54_a_file_that_may_not_grow_is_no_room_and_leaves_nothing"]
async fn child_with_small_files() {
    let root = root_from_parent();
    let root = Path::new(&root);
    let backend = LocalBackend::open(root).unwrap();
    backend.create_bucket(&bucket()).await.unwrap();
    put_if(&backend, "k", b"old", WriteCondition::None).await.unwrap();
    let kept = tree(root);
    for key in ["k", "new/k"] {
        let refused = put_if(&backend, key, &[7; 500_000], WriteCondition::None).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QuotaExceeded, "{refused:?}");
        assert_eq!(tree(root), kept, "a partial file stays");
    }
    let read = backend.get(&object("k"), GetOptions::default()).await.unwrap();
    assert_eq!(read.collect(9).await.unwrap(), &b"old"[..]);
    println!("checked the size");
}
