//! Many writers at once, in threads and in processes, and writers that are killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::ports::{ListRequest, StorageBackend, WriteCondition};
use storage_local::LocalBackend;

use crate::{Fixture, bucket, object, put_if};

/// How many of `racers` concurrent writes under `condition` succeed; the others fail by it.
async fn winners(backend: &LocalBackend, key: &str, racers: usize, condition: &WriteCondition) -> usize {
    let mut writes = tokio::task::JoinSet::new();
    for racer in 0..racers {
        let (backend, key, condition) = (backend.clone(), key.to_owned(), condition.clone());
        // No two writes of a test have the same bytes: they would have the same tag, and both could match it.
        let bytes = format!("{racer} {condition:?}");
        writes.spawn(async move { put_if(&backend, &key, bytes.as_bytes(), condition).await });
    }
    let mut won = 0;
    while let Some(write) = writes.join_next().await {
        match write.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error:?}"),
        }
    }
    won
}

#[tokio::test(flavor = "multi_thread")]
async fn of_60_racing_creates_and_updates_one_wins() {
    let fixture = Fixture::new().await;
    for round in 0..5 {
        let key = format!("race/{round}");
        assert_eq!(winners(&fixture.backend, &key, 60, &WriteCondition::CreateOnly).await, 1);
        let etag = fixture.backend.head(&object(&key)).await.unwrap().etag;
        assert_eq!(winners(&fixture.backend, &key, 60, &WriteCondition::IfMatch(etag)).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_and_deletes_of_neighbours_do_not_disturb_each_other() {
    let fixture = Fixture::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let backend = fixture.backend.clone();
        tasks.spawn(async move {
            // Each delete of the last object removes the directories that another write is about to use.
            for _ in 0..100 {
                let key = format!("deep/er/{task}");
                put_if(&backend, &key, key.as_bytes(), WriteCondition::None).await.unwrap();
                assert_eq!(backend.head(&object(&key)).await.unwrap().size, key.len() as u64);
                backend.delete(&object(&key)).await.unwrap();
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(fixture.backend.list(&bucket(), ListRequest::under("")).await.unwrap(), Default::default());
}

/// How many objects the processes race for.
const ROUNDS: usize = 60;

/// Starts this test binary again to run `name` in a process of its own.
fn child(name: &str, root: &Path) -> Child {
    child_of(Command::new(std::env::current_exe().unwrap()), name, root)
}

/// The same through `command`, which ends in the path of this test binary.
pub(crate) fn child_of(mut command: Command, name: &str, root: &Path) -> Child {
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", root.display()).unwrap();
    child
}

pub(crate) fn root_from_parent() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[tokio::test]
async fn of_60_racing_creates_in_4_processes_one_wins() {
    let fixture = Fixture::new().await;
    let mut children: Vec<Child> =
        (0..4).map(|_| child("races::child_that_races", fixture.root.path())).collect();
    let mut outputs: Vec<_> =
        children.iter_mut().map(|child| BufReader::new(child.stdout.take().unwrap()).lines()).collect();
    for output in &mut outputs {
        assert!(output.any(|line| line.unwrap().contains("ready")));
    }
    for child in &mut children {
        writeln!(child.stdin.as_mut().unwrap(), "go").unwrap();
    }
    let mut won = 0;
    for output in &mut outputs {
        let line = output.find_map(|line| Some(line.unwrap().split_once("won ")?.1.to_owned())).unwrap();
        won += line.parse::<usize>().unwrap();
    }
    assert_eq!(won, ROUNDS, "one of 60 in each round");
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by of_60_racing_creates_in_4_processes_one_wins"]
async fn child_that_races() {
    let backend = LocalBackend::open(Path::new(&root_from_parent())).unwrap();
    println!("ready");
    root_from_parent();
    let mut won = 0;
    for round in 0..ROUNDS {
        won += winners(&backend, &format!("race/{round}"), 15, &WriteCondition::CreateOnly).await;
    }
    println!("won {won}");
}

#[tokio::test]
async fn g53_a_killed_writer_leaves_the_old_or_the_new_content() {
    let fixture = Fixture::new().await;
    fixture.put("k", &content(b'0')).await;
    for round in 0..30_u64 {
        let mut writer = child("races::child_that_writes", fixture.root.path());
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("writing")));
        tokio::time::sleep(Duration::from_micros(round * 997 % 20_000)).await;
        writer.kill().unwrap();
        writer.wait().unwrap();
        let found = fixture.read("k").await.unwrap();
        assert!([b'0', b'1', b'2'].iter().any(|&byte| found == content(byte)), "mixed content");
        assert_eq!(found.len(), 8_000_000);
    }
}

fn content(byte: u8) -> Vec<u8> {
    vec![byte; 8_000_000]
}

#[tokio::test]
#[ignore = "run by g53_a_killed_writer_leaves_the_old_or_the_new_content"]
async fn child_that_writes() {
    let backend = LocalBackend::open(Path::new(&root_from_parent())).unwrap();
    println!("writing");
    for byte in [b'1', b'2'].into_iter().cycle() {
        put_if(&backend, "k", &content(byte), WriteCondition::None).await.unwrap();
    }
}
