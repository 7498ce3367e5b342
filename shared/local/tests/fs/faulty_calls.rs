//! Single system calls that fail (G54, L06): a bad disk, a quota, a full or a read-only one, at any step of a write.

use std::path::Path;
use std::process::Command;

use storage_core::ports::{ListRequest, StorageBackend, WriteCondition};
use storage_core::{Error, ErrorKind};
use storage_local::LocalBackend;

use crate::durable::can_trace;
use crate::races::{child_of, root_from_parent};
use crate::{bucket, loudly, object, put_if, tree, volatile_dir};

/// The steps of a write that can fail, with what each can fail with.
const FAULTS: [(&str, &[&str]); 3] = [
    ("fsync", &["EIO", "ENOSPC", "EDQUOT"]),
    ("/^rename", &["EIO", "ENOSPC", "EROFS"]),
    ("mkdirat", &["EIO", "EROFS"]),
];
/// How many calls of a kind a child makes at most, those before the backend is open with them.
const CALLS: usize = 16;

#[tokio::test]
async fn l06_a_system_call_that_fails_is_told_and_leaves_one_whole_object() {
    if !can_trace() {
        loudly("SKIPPED l06: no system call is made to fail, as strace is missing or may not trace");
        return;
    }
    let root = volatile_dir();
    let backend = LocalBackend::open(root.path()).unwrap();
    backend.create_bucket(&bucket()).await.unwrap();
    for (call, errors) in FAULTS {
        for error in errors {
            let (mut told, mut last) = (0, 0);
            for nth in 1..=CALLS {
                put_if(&backend, "k", b"old", WriteCondition::None).await.unwrap();
                let mut command = Command::new("strace");
                let inject = format!("inject={call}:error={error}:when={nth}");
                command.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
                command.arg(std::env::current_exe().unwrap());
                let child = child_of(command, "faulty_calls::child_whose_call_fails", root.path());
                let output = child.wait_with_output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && text.contains("checked"), "{inject}: {text}");
                let kind = match *error {
                    "ENOSPC" | "EDQUOT" => ErrorKind::QuotaExceeded,
                    _ => ErrorKind::StorageUnavailable,
                };
                let mut kinds = text.lines().filter_map(|line| line.strip_prefix("told "));
                assert!(kinds.all(|found| found == kind.to_string()), "{inject}: {text}");
                // The other process sees the same.
                let listed = backend.list(&bucket(), ListRequest::under("")).await.unwrap().objects;
                for meta in &listed {
                    assert_eq!(backend.head(&object(meta.key.as_str())).await.unwrap().size, meta.size);
                    backend.delete(&object(meta.key.as_str())).await.unwrap();
                }
                let staged = tree(&root.path().join("test-bucket/staging"));
                assert_eq!(staged, Vec::<std::path::PathBuf>::new(), "{inject}");
                told += usize::from(text.contains("told"));
                last = if text.contains("told") { nth } else { last };
            }
            assert!(told > 0 && last < CALLS, "{call} failed {told} times, last at {last}");
        }
    }
}

#[tokio::test]
#[ignore = "run by l06_a_system_call_that_fails_is_told_and_leaves_one_whole_object"]
async fn child_whose_call_fails() {
    let backend = match LocalBackend::open(Path::new(&root_from_parent())) {
        Ok(backend) => backend,
        Err(error) => {
            assert_told(&error);
            println!("checked");
            return;
        }
    };
    for (key, old) in [("k", Some(&b"old"[..])), ("new/er/k", None)] {
        let written = put_if(&backend, key, b"new!", WriteCondition::None).await;
        let found = match backend.get(&object(key), Default::default()).await {
            Ok(read) => Some(read.collect(9).await.unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
                None
            }
        };
        match written {
            Ok(_) => assert_eq!(found.as_deref(), Some(&b"new!"[..]), "{key}"),
            Err(error) => {
                assert_told(&error);
                // A folder that cannot be synced after the rename leaves the new object: unacknowledged, and whole.
                assert!(found.as_deref() == old || found.as_deref() == Some(b"new!"), "{key}: {found:?}");
            }
        }
    }
    println!("checked");
}

/// The failure has a code of its own: no room, or an outage.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn assert_told(error: &Error) {
    let told = [ErrorKind::StorageUnavailable, ErrorKind::QuotaExceeded];
    assert!(told.contains(&error.kind()), "{error:?}");
    println!("told {}", error.kind());
}
