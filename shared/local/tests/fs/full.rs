//! A full and a read-only file system (G54, L06), in a mount namespace of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use storage_core::ErrorKind;
use storage_core::ports::{GetOptions, MultipartBackend, PutOptions, StorageBackend, WriteCondition};
use storage_local::LocalBackend;

use crate::races::{child_of, root_from_parent};
use crate::{bucket, loudly, object, put_if, tree};

/// Mounts 1 MB on the directory `$0` and runs the rest of the arguments there.
const MOUNT: &str = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";

fn mounted(dir: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT]).arg(dir);
    command
}

#[tokio::test]
async fn g54_full_and_read_only_file_systems_have_their_codes_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let probe = mounted(dir.path()).arg("true").stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        loudly("SKIPPED g54: no disk is full or read-only, as this machine lets nobody mount in a namespace");
        return;
    }
    let mut command = mounted(dir.path());
    command.arg(std::env::current_exe().unwrap());
    let output = child_of(command, "full::child_on_a_small_disk", dir.path()).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("checked both"), "{text}");
}

#[tokio::test]
#[ignore = "run by g54_full_and_read_only_file_systems_have_their_codes_and_leave_nothing"]
async fn child_on_a_small_disk() {
    let root = root_from_parent();
    let root = Path::new(&root);
    let backend = LocalBackend::open(root).unwrap();
    backend.create_bucket(&bucket()).await.unwrap();
    put_if(&backend, "k", b"old", WriteCondition::None).await.unwrap();
    let upload = backend.create(&object("big"), PutOptions::default()).await.unwrap();
    let (kept, big) = (tree(root), vec![7; 2_000_000]);

    let full = put_if(&backend, "k", &big, WriteCondition::None).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
    let full = put_if(&backend, "new/k", &big, WriteCondition::None).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
    let full = backend.upload_part(&object("big"), &upload, 1, Bytes::from(big).into()).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
    assert_eq!(tree(root), kept, "a partial file stays");
    let read = backend.get(&object("k"), GetOptions::default()).await.unwrap();
    assert_eq!(read.collect(9).await.unwrap(), &b"old"[..]);

    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(root).status().unwrap().success());
    let read_only = put_if(&backend, "k", b"new", WriteCondition::None).await.unwrap_err();
    assert_eq!(read_only.kind(), ErrorKind::StorageUnavailable);
    let read_only = backend.delete(&object("k")).await.unwrap_err();
    assert_eq!(read_only.kind(), ErrorKind::StorageUnavailable);
    assert_eq!(backend.head(&object("k")).await.unwrap().size, 3);
    println!("checked both");
}
