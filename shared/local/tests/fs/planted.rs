//! What somebody put where files belong: links, pipes, sockets, devices, directories (L01 to L05, G50).

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode};
use storage_core::ErrorKind;
use storage_core::ports::{ListRequest, PutOptions, StorageBackend, WriteCondition};
use storage_local::LocalBackend;

use crate::{Fixture, bucket, loudly, object, put_if, tree};

async fn is_nothing(fixture: &Fixture, key: &str) {
    let deadline = Duration::from_secs(5);
    let read = tokio::time::timeout(deadline, fixture.read(key)).await;
    assert_eq!(read.expect("no hang"), None, "{key}");
    assert!(!fixture.backend.exists(&object(key)).await.unwrap(), "{key}");
}

#[tokio::test]
async fn l01_links_are_missing_objects_and_nothing_outside_is_read_or_written() {
    let outside = tempfile::tempdir().unwrap();
    let fixture = Fixture::new().await;
    // Even a link to a real object, with all its bytes in order, is not followed.
    let victim = Fixture::new().await;
    victim.put("secret", b"secret").await;
    victim.put("dir/secret", b"secret").await;
    let objects = fixture.objects();
    symlink(victim.objects().join("secret@"), objects.join("secret@")).unwrap();
    symlink(victim.objects().join("dir"), objects.join("dir")).unwrap();
    symlink(objects.join("loop@"), objects.join("loop@")).unwrap();
    symlink("/nowhere", objects.join("dangling@")).unwrap();
    symlink("/proc/self/environ", objects.join("environ@")).unwrap();
    symlink(outside.path(), objects.join("out")).unwrap();
    let before = (tree(victim.root.path()), tree(outside.path()));
    for key in ["secret", "dir/secret", "loop", "dangling", "environ", "out/x"] {
        is_nothing(&fixture, key).await;
    }
    let listed = fixture.backend.list(&bucket(), ListRequest::under("")).await.unwrap();
    assert_eq!(listed, Default::default());

    // Writing through a linked directory is refused; writing over a linked file replaces the link.
    let put = fixture.backend.put(&object("out/x"), Bytes::new().into(), PutOptions::default()).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::StorageUnavailable);
    for key in ["secret", "loop", "dangling", "environ"] {
        put_if(&fixture.backend, key, b"new", WriteCondition::CreateOnly).await.unwrap();
        assert_eq!(fixture.read(key).await.unwrap(), &b"new"[..]);
    }
    for key in ["dir/secret", "out/x", "secret"] {
        fixture.backend.delete(&object(key)).await.unwrap();
    }
    assert_eq!((tree(victim.root.path()), tree(outside.path())), before);
    assert_eq!(victim.read("secret").await.unwrap(), &b"secret"[..]);
    assert_eq!(victim.read("dir/secret").await.unwrap(), &b"secret"[..]);
}

#[tokio::test]
async fn l01_a_linked_bucket_or_part_of_one_is_no_bucket() {
    let fixture = Fixture::new().await;
    let victim = Fixture::new().await;
    victim.put("secret", b"secret").await;
    std::fs::rename(fixture.objects(), fixture.root.path().join("moved")).unwrap();
    symlink(victim.objects(), fixture.objects()).unwrap();
    let error = fixture.backend.head(&object("secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    std::fs::remove_dir_all(fixture.root.path().join("test-bucket")).unwrap();
    symlink(victim.root.path().join("test-bucket"), fixture.root.path().join("test-bucket")).unwrap();
    let error = fixture.backend.head(&object("secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
}

#[tokio::test]
async fn l02_pipes_sockets_and_directories_are_missing_objects_without_a_hang() {
    let fixture = Fixture::new().await;
    let objects = fixture.objects();
    rustix::fs::mknodat(CWD, objects.join("pipe@"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(objects.join("socket@")).unwrap();
    std::fs::create_dir(objects.join("dir@")).unwrap();
    std::fs::create_dir(objects.join("full@")).unwrap();
    std::fs::write(objects.join("full@/x@"), "x").unwrap();
    std::fs::write(objects.join("plain"), "x").unwrap();
    let device = rustix::fs::makedev(1, 5);
    let place = objects.join("device@");
    if let Err(error) = rustix::fs::mknodat(CWD, place, FileType::CharacterDevice, Mode::RWXU, device) {
        loudly(&format!("SKIPPED l02: no device is read, as only root can make one ({error})"));
    }
    for key in ["pipe", "socket", "dir", "full", "device", "plain/x"] {
        is_nothing(&fixture, key).await;
    }
    let listed = fixture.backend.list(&bucket(), ListRequest::under("")).await.unwrap();
    assert_eq!(listed, Default::default());
    for key in ["dir", "full", "pipe", "socket", "device", "plain/x"] {
        fixture.backend.delete(&object(key)).await.unwrap();
    }
    assert!(objects.join("full@/x@").exists());
}

#[tokio::test]
async fn a_damaged_file_is_an_error_of_its_own_and_does_not_break_listings() {
    let fixture = Fixture::new().await;
    fixture.put("a", b"a").await;
    std::fs::write(fixture.objects().join("b@"), "not sealed").unwrap();
    std::fs::copy(fixture.objects().join("a@"), fixture.objects().join("c@")).unwrap();
    for key in ["b", "c"] {
        assert_eq!(fixture.backend.head(&object(key)).await.unwrap_err().kind(), ErrorKind::Internal);
    }
    let listed = fixture.backend.list(&bucket(), ListRequest::under("")).await.unwrap();
    assert_eq!(listed.objects.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["a"]);
    fixture.put("b", b"b").await;
    assert_eq!(fixture.read("b").await.unwrap(), &b"b"[..]);
}

#[tokio::test]
async fn l03_a_file_swapped_for_a_link_while_it_is_read_never_shows_the_outside() {
    let fixture = Fixture::new().await;
    let victim = Fixture::new().await;
    victim.put("k", b"secret").await;
    fixture.put("k", b"public").await;
    let place = fixture.objects().join("k@");
    let (kept, link) = (fixture.root.path().join("kept"), fixture.root.path().join("link"));
    std::fs::copy(&place, &kept).unwrap();
    let target = victim.objects().join("k@");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let swapper = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            symlink(&target, &link).unwrap();
            std::fs::rename(&link, &place).unwrap();
            std::fs::copy(&kept, &link).unwrap();
            std::fs::rename(&link, &place).unwrap();
        }
    });
    let (mut found, mut missing) = (0, 0);
    for _ in 0..10_000 {
        match fixture.read("k").await {
            Some(bytes) => {
                assert_eq!(bytes, &b"public"[..]);
                found += 1;
            }
            None => missing += 1,
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(found > 0 && missing > 0, "both states were met: {found} {missing}");
}

#[tokio::test]
async fn l05_a_linked_root_works_and_stale_files_are_removed_at_open() {
    let fixture = Fixture::new().await;
    fixture.put("k", b"k").await;
    let link = fixture.root.path().with_extension("link");
    symlink(fixture.root.path(), &link).unwrap();
    let stale = |path: &Path| {
        std::fs::write(path, "x").unwrap();
        let old = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    };
    stale(&fixture.staging().join("old"));
    std::fs::write(fixture.staging().join("fresh"), "x").unwrap();
    let backend = LocalBackend::open(&link).unwrap();
    assert_eq!(tree(&fixture.staging()), [fixture.staging().join("fresh")]);
    assert_eq!(backend.head(&object("k")).await.unwrap().size, 1);
    std::fs::remove_file(link).unwrap();
}
