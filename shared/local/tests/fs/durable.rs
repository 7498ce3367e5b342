//! What is on disk when a write is acknowledged, by the order of the system calls (G53): the data before the name
//! appears, and the folder before the answer.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use storage_core::ports::{MultipartBackend, PutOptions, WriteCondition};
use storage_local::LocalBackend;

use crate::races::{child_of, root_from_parent};
use crate::{bucket, loudly, object, put_if};

/// The calls that make names and bytes durable or visible, and what a child says.
const CALLS: &str = "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,\
    write,pwrite64,writev,pwritev,copy_file_range,sendfile,ftruncate";
/// The calls that change what a file holds.
const CHANGES: [&str; 7] =
    ["write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile", "ftruncate"];

/// A system call that succeeded.
#[derive(Debug)]
struct Call {
    name: String,
    /// The arguments, open files with their paths.
    arguments: String,
    /// The lines of the trace at which it began and at which it ended.
    began: usize,
    ended: usize,
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    fn syncs(&self, path: &str) -> bool {
        self.is(&["fsync", "fdatasync"]) && self.arguments.contains(&format!("<{path}>"))
    }
}

/// The calls of a trace by `strace -f -y`, whose lines are a process and a call, or one of two halves of a call.
fn calls(trace: &str) -> Vec<Call> {
    let mut halves: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((process, text)) = text.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix("<unfinished ...>") {
            halves.insert(process, (line, begun.trim_end().to_owned()));
            continue;
        }
        let (began, text) = match text.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => {
                let Some((began, begun)) = halves.remove(process) else { continue };
                (began, begun + end)
            }
            None => (line, text.to_owned()),
        };
        let Some((call, result)) = text.rsplit_once(" = ") else { continue };
        if let Some((name, arguments)) = call.split_once('(').filter(|_| !result.starts_with('-')) {
            calls.push(Call { name: name.to_owned(), arguments: arguments.to_owned(), began, ended: line });
        }
    }
    calls
}

/// The path behind the first open file of these arguments, and what follows it.
fn path_in(arguments: &str) -> (&str, &str) {
    arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).unwrap()
}

/// The text between the first quotes.
fn quoted(arguments: &str) -> &str {
    arguments.split('"').nth(1).unwrap()
}

/// Whether strace may trace here.
pub(crate) fn can_trace() -> bool {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

#[tokio::test]
async fn g53_data_and_folder_are_synced_before_a_write_is_acknowledged() {
    if !can_trace() {
        loudly(
            "SKIPPED g53: the order of system calls is not looked at, as strace is missing or may not trace",
        );
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-qq", "-s", "64", "-e", CALLS, "-o"]).arg(trace.path());
    command.arg(std::env::current_exe().unwrap());
    let child = child_of(command, "durable::child_that_acknowledges", root.path());
    assert!(child.wait_with_output().unwrap().status.success());
    let trace = std::fs::read_to_string(trace.path()).unwrap();
    let calls = calls(&trace);
    let acknowledged: Vec<&Call> = calls
        .iter()
        .filter(|call| call.is(&["write"]) && quoted(&call.arguments).contains("acknowledged"))
        .collect();
    assert_eq!(acknowledged.len(), WRITES.len(), "{trace}");
    let mut before = 0;
    for (acknowledgement, what) in acknowledged.into_iter().zip(WRITES) {
        let publish = calls.iter().find(|call| {
            call.began > before
                && call.is(&["rename", "renameat", "renameat2", "link", "linkat"])
                && call.arguments.contains("/staging>")
        });
        let publish = publish.unwrap_or_else(|| panic!("{what}: nothing is published\n{trace}"));
        let (staging, rest) = path_in(&publish.arguments);
        let staged = format!("{staging}/{}", quoted(rest));
        let folder = path_in(rest).0;
        let in_order = |first: &dyn Fn(&Call) -> bool, then: &dyn Fn(&Call) -> bool, until: &Call| {
            let last_write = calls.iter().rfind(|call| call.ended < until.began && first(call));
            let last_write = last_write.unwrap_or_else(|| panic!("{what}: nothing to sync\n{trace}"));
            calls.iter().any(|call| call.began > last_write.ended && call.ended < until.began && then(call))
        };
        let writes = |call: &Call| call.is(&CHANGES) && call.arguments.contains(&format!("<{staged}>"));
        assert!(
            in_order(&writes, &|call| call.syncs(&staged), publish),
            "{what}: its bytes are not on disk when its name appears\n{trace}"
        );
        assert!(
            in_order(&|call| call.began == publish.began, &|call| call.syncs(folder), acknowledgement),
            "{what}: its name is not on disk when it is acknowledged\n{trace}"
        );
        // A folder that the write made is a name in the folder above.
        for made in calls.iter().filter(|call| {
            call.is(&["mkdir", "mkdirat"]) && call.began > before && call.ended < publish.began
        }) {
            let above = path_in(&made.arguments).0;
            assert!(
                in_order(&|call| call.began == made.began, &|call| call.syncs(above), publish),
                "{what}: the folder it is in is not on disk\n{trace}"
            );
        }
        before = acknowledgement.ended;
    }
}

/// What the child writes, and then says that it did.
const WRITES: [&str; 5] =
    ["a new object", "an object in new folders", "an overwrite", "a copy", "an upload in parts"];

#[tokio::test]
#[ignore = "run by g53_data_and_folder_are_synced_before_a_write_is_acknowledged"]
async fn child_that_acknowledges() {
    let backend = LocalBackend::open(Path::new(&root_from_parent())).unwrap();
    backend.create_bucket(&bucket()).await.unwrap();
    #[cfg(feature = "switches")]
    switch_off();
    for what in WRITES {
        match what {
            "a new object" => drop(put_if(&backend, "k", b"1", WriteCondition::None).await.unwrap()),
            "an object in new folders" => {
                put_if(&backend, "new/er/k", &[7; 600_000], WriteCondition::CreateOnly).await.unwrap();
            }
            "an overwrite" => drop(put_if(&backend, "new/er/k", b"2", WriteCondition::None).await.unwrap()),
            "a copy" => copy(&backend).await,
            _ => upload(&backend).await,
        }
        println!("acknowledged {what}");
    }
}

async fn copy(backend: &LocalBackend) {
    let (source, destination) = (object("k"), object("copies/k"));
    let request = storage_core::ports::CopyRequest {
        source,
        destination,
        source_etag: None,
        options: PutOptions::default(),
    };
    storage_core::ports::StorageBackend::copy(backend, request).await.unwrap();
}

/// Only the last part of it is looked at: that the object is as durable as every other.
async fn upload(backend: &LocalBackend) {
    let target = object("parts/k");
    let upload = backend.create(&target, PutOptions::default()).await.unwrap();
    let part = backend.upload_part(&target, &upload, 1, Bytes::from_static(b"part").into()).await.unwrap();
    backend.complete(&target, &upload, &[(1, part.etag)]).await.unwrap();
}

/// Switches off the safeguard that the environment names, as a function of a campaign does.
#[cfg(feature = "switches")]
#[expect(clippy::disallowed_methods, reason = "what a campaign switches off is named as it is to functions")]
fn switch_off() {
    use storage_core::safeguards::Safeguard;
    if let Ok(name) = std::env::var("STORAGE_TEST_SAFEGUARD_OFF") {
        Safeguard::parse(&name).expect("the name of a safeguard").switch_off();
    }
}
