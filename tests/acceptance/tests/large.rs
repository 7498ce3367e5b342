//! A file of 5 GB through the running stack: up in parts, promoted in the background, and down again, while no process
//! holds more of it than it needs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use acceptance_tests::stack::{self, Stack};
use acceptance_tests::{Api, text};
use futures_util::{StreamExt, stream};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use storage_testkit::loud::loudly;

const GIB: u64 = 1024 * 1024 * 1024;
/// Above what one copy of S3 moves, and no multiple of anything.
const SIZE: u64 = 5 * GIB + 12_345;
/// The most resident memory of a process, in bytes.
const MOST: u64 = 150 * 1024 * 1024;
/// How many parts are sent at once.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes 16 GB; `make test-large` runs it"]
async fn five_gigabytes_go_up_and_come_back_in_little_memory() {
    if !stack::has_cargo_lambda() {
        loudly("SKIPPED: cargo lambda is not installed, so nothing runs end to end");
        return;
    }
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large");
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data).unwrap();
    let (file, sha256) = sparse(&data.join("large.bin"));
    // ClamAV takes no file of this size, so where it is installed the file would be locked away.
    let stack = Stack::start_with(&data, &[("STORAGE_SCAN", "off")]).await;
    let user = Api::new(text(&stack.facts, "/api_url"), Some(text(&stack.facts, "/tokens/user")));
    let client = Client::builder().no_proxy().build().unwrap();

    let body =
        json!({ "filename": "large.bin", "content_type": "application/octet-stream", "size_bytes": SIZE });
    let (status, issued) = user.json(Method::POST, "/files/presigned-upload", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{issued}");
    let upload = text(&issued, "/multipart/upload_id");
    let part_size = issued["multipart"]["part_size"].as_u64().unwrap();
    let count = u16::try_from(SIZE.div_ceil(part_size)).unwrap();
    let sent = stream::iter(1..=count).map(|number| {
        let (user, client, file) = (&user, &client, &file);
        async move {
            let path = format!("/s3/multipart/{upload}/{number}");
            let (status, signed) = user.json(Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{signed}");
            let from = u64::from(number - 1) * part_size;
            let mut bytes = vec![0; usize::try_from(part_size.min(SIZE - from)).unwrap()];
            file.read_exact_at(&mut bytes, from).unwrap();
            let answer = client.put(text(&signed, "/url")).body(bytes).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "part {number}");
            json!({ "PartNumber": number, "ETag": answer.headers()["etag"].to_str().unwrap() })
        }
    });
    let parts: Vec<Value> = sent.buffered(AT_ONCE).collect().await;
    let path = format!("/s3/multipart/{upload}/complete");
    let (status, joined) = user.json(Method::POST, &path, Some(json!({ "parts": parts }))).await;
    assert_eq!(status, StatusCode::OK, "{joined}");

    let id = text(&issued, "/file_id");
    let record = ready(&user, id).await;
    assert_eq!(record["size_bytes"], SIZE, "{record}");
    let download = user.send(Method::GET, &format!("/files/{id}/download"), None).await;
    let mut answer = client.get(download.headers()["location"].to_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut digest = Sha256::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        digest.update(&chunk);
    }
    assert_eq!(hex::encode(digest.finalize()), sha256);

    let peaks = peaks(&stack);
    let shown: Vec<String> = peaks.iter().map(|(name, bytes)| format!("{name} {} MB", bytes >> 20)).collect();
    loudly(&format!("peaks of resident memory: {}", shown.join(", ")));
    assert!(peaks.keys().any(|name| name.starts_with("process-upload")), "{peaks:?}");
    assert!(peaks.keys().any(|name| name.starts_with("stowage-dev")), "{peaks:?}");
    for (name, bytes) in &peaks {
        assert!(*bytes < MOST, "{name}: {bytes}");
    }
    assert!(stack.interrupt().await);
    std::fs::remove_dir_all(&data).unwrap();
}

/// A file that is nearly all holes, and its SHA-256.
fn sparse(path: &Path) -> (File, String) {
    let file = File::options().create_new(true).read(true).write(true).open(path).unwrap();
    file.set_len(SIZE).unwrap();
    for mark in 0..64_u64 {
        file.write_all_at(format!("mark {mark}").as_bytes(), mark * (SIZE / 64)).unwrap();
    }
    let (mut digest, mut chunk, mut at) = (Sha256::new(), vec![0; 4 * 1024 * 1024], 0);
    while at < SIZE {
        let length = usize::try_from((SIZE - at).min(chunk.len() as u64)).unwrap();
        file.read_exact_at(&mut chunk[..length], at).unwrap();
        digest.update(&chunk[..length]);
        at += length as u64;
    }
    (file, hex::encode(digest.finalize()))
}

/// The record, once the copy in the background has ended.
async fn ready(user: &Api, id: &str) -> Value {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let (status, record) = user.json(Method::GET, &format!("/files/{id}"), None).await;
        assert_eq!(status, StatusCode::OK, "{record}");
        match text(&record, "/state") {
            "ready" => return record,
            "pending" | "processing" => {}
            _ => panic!("{record}"),
        }
        assert!(started.elapsed() < Duration::from_secs(900), "still {record}");
    }
}

/// The most resident memory of each process of the stack, by name, in bytes. Compilers are no part of it.
fn peaks(stack: &Stack) -> BTreeMap<String, u64> {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    let mut found: BTreeMap<u32, (String, u64)> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let number = |name: &str| field(name)?.trim_end_matches(" kB").parse::<u64>().ok();
        parents.insert(pid, number("PPid:").and_then(|parent| u32::try_from(parent).ok()).unwrap_or(0));
        let peak = number("VmHWM:").unwrap_or(0) * 1024;
        found.insert(pid, (field("Name:").unwrap_or_default().to_owned(), peak));
    }
    let ours = |mut pid: u32| loop {
        match pid {
            0 | 1 => return false,
            _ if pid == stack.pid() => return true,
            _ => pid = parents.get(&pid).copied().unwrap_or(0),
        }
    };
    let mut peaks = BTreeMap::new();
    for (pid, (name, bytes)) in found {
        if ours(pid) && !["cargo", "rustc"].contains(&name.as_str()) {
            let peak = peaks.entry(name).or_insert(0);
            *peak = bytes.max(*peak);
        }
    }
    peaks
}
