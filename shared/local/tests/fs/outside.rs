//! No key leads out of the root (G50), whatever links somebody planted on its way.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};
use storage_core::key::StorageKey;
use storage_core::ports::{
    CopyRequest, ETag, GetOptions, ListRequest, MultipartBackend, ObjectRef, PutOptions, StorageBackend,
    UploadId,
};
use storage_local::LocalBackend;
use storage_testkit::trials::{Random, Trials};

use crate::{bucket, put_if, volatile_dir};

/// How many keys are tried between two plantings.
const CHUNK: usize = 1000;
/// What everything outside is made of.
const SECRET: &[u8] = b"of somebody else";
/// An upload that exists outside only.
const UPLOAD: &str = "0123456789abcdef0123456789abcdef";

/// Segments that lead elsewhere on some system, that are names on disk of ours, or that are planted.
const SEGMENTS: [&str; 48] = [
    "..",
    ".",
    "",
    "...",
    "%2e%2e",
    "..%2f",
    "..\\",
    "%252e%252e",
    "．．",
    "‥",
    "..;",
    ".. ",
    "~",
    "~root",
    "C:",
    "\\",
    "\0",
    "a\0",
    "a\n",
    "%00",
    "file:",
    "\u{7f}",
    "proc",
    "self",
    "root",
    "outside",
    "objects",
    "staging",
    "uploads",
    "locks",
    "test-bucket",
    "other-bucket",
    "secret",
    "secret@",
    "a@",
    "a+",
    "@",
    "manifest",
    UPLOAD,
    "00001",
    "a",
    "A",
    "é",
    "e\u{301}",
    "*",
    "x.tmp",
    "-rf",
    "$(id)",
];

/// The cases K03 to K10: none of them is a key.
const REFUSED: [&str; 17] = [
    "..",
    ".",
    "a/../b",
    "/a",
    "a//b",
    "a/",
    "../a",
    "a/..",
    "a\0b",
    "a\\b",
    "a\u{1}",
    "a\u{7f}",
    "C:\\x",
    "\\\\srv\\s",
    "file:///x",
    "~root",
    "",
];

/// One planted way: its directories, its file and the key that takes it.
const WAY: [&str; 4] = ["plant", "b", "c", "d@"];

fn planted_key(position: usize) -> String {
    format!("plant{position}/b/c/d")
}

/// What a snapshot knows of a path: mode, size, times of change, link and content.
type Facts = (u32, u64, i64, i64, Option<PathBuf>, Vec<u8>);

/// Everything beneath `dir` but what is in the bucket under test.
fn snapshot(dir: &Path, bucket: &Path, facts: &mut BTreeMap<PathBuf, Facts>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let found = path.symlink_metadata().unwrap();
        let link = found.is_symlink().then(|| std::fs::read_link(&path).unwrap());
        let content = if found.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        if found.is_dir() && path != bucket {
            snapshot(&path, bucket, facts);
        }
        let content = Sha256::digest(content).to_vec();
        facts.insert(path, (found.mode(), found.len(), found.mtime(), found.mtime_nsec(), link, content));
    }
}

/// A root with planted links, beside what they lead to.
struct Place {
    parent: tempfile::TempDir,
    backend: LocalBackend,
}

impl Place {
    /// Position 0 plants links on the ways of keys; each other one also a part of the bucket.
    async fn new(position: usize) -> Self {
        let parent = volatile_dir();
        let outside = LocalBackend::open(&parent.path().join("outside")).unwrap();
        outside.create_bucket(&bucket()).await.unwrap();
        for index in 0..WAY.len() {
            put_if(&outside, &planted_key(index), SECRET, Default::default()).await.unwrap();
        }
        put_if(&outside, "secret", SECRET, Default::default()).await.unwrap();
        let backend = LocalBackend::open(&parent.path().join("root")).unwrap();
        backend.create_bucket(&bucket()).await.unwrap();
        let other = storage_core::ids::BucketName::parse("other-bucket").unwrap();
        backend.create_bucket(&other).await.unwrap();
        let secret = ObjectRef::new(other, StorageKey::parse("secret").unwrap());
        backend.put(&secret, Bytes::from_static(SECRET).into(), PutOptions::default()).await.unwrap();
        let place = Place { parent, backend };
        let (inside, away) = (place.bucket(), place.parent.path().join("outside/test-bucket"));
        std::fs::create_dir(away.join("uploads").join(UPLOAD)).unwrap();
        std::fs::copy(away.join("objects/secret@"), away.join("uploads").join(UPLOAD).join("manifest"))
            .unwrap();
        place.plant_ways(&inside.join("objects"), &away.join("objects"));
        symlink(away.join("uploads").join(UPLOAD), inside.join("uploads").join(UPLOAD)).unwrap();
        match position % 6 {
            1 => replace(&inside.join("staging"), &away.join("staging")),
            2 => replace(&inside.join("uploads"), &away.join("uploads")),
            3 => replace(&inside.join("locks"), &away.join("locks")),
            4 => replace(&inside.join("objects"), &away.join("objects")),
            5 => (0..256).for_each(|shard| {
                for space in ["key", "upload"] {
                    let lock = format!("{space}-{shard:02x}");
                    symlink(away.join(&lock), inside.join("locks").join(&lock)).unwrap();
                }
            }),
            _ => {}
        }
        place
    }

    fn bucket(&self) -> PathBuf {
        self.parent.path().join("root/test-bucket")
    }

    /// Plants a link at each position of a way, to the same position outside; and links in the place of files.
    fn plant_ways(&self, objects: &Path, away: &Path) {
        for position in 0..WAY.len() {
            let (mut here, mut there) = (objects.to_owned(), away.to_owned());
            for (index, name) in WAY[..=position].iter().enumerate() {
                let name = if index == 0 { format!("{name}{position}") } else { (*name).to_owned() };
                (here, there) = (here.join(&name), there.join(&name));
                if index < position {
                    std::fs::create_dir(&here).unwrap();
                }
            }
            symlink(there, here).unwrap();
        }
        let up = Path::new("../../../outside/test-bucket/objects");
        for (name, target) in [
            ("secret@", up.join("secret@")),
            ("root", up.join("../..")),
            ("outside", up.to_owned()),
            ("a@", up.join("made-through-a-link@")),
            ("a", up.join("made-through-a-link")),
            ("self", PathBuf::from(".")),
            ("proc", PathBuf::from("/proc")),
        ] {
            symlink(target, objects.join(name)).unwrap();
        }
    }

    fn snapshot(&self) -> BTreeMap<PathBuf, Facts> {
        let mut facts = BTreeMap::new();
        snapshot(self.parent.path(), &self.bucket(), &mut facts);
        // What happens in the bucket is its own affair; its place is not.
        facts.remove(&self.bucket());
        facts
    }
}

fn replace(path: &Path, target: &Path) {
    std::fs::remove_dir_all(path).unwrap();
    symlink(target, path).unwrap();
}

/// A text that may be a key: a planted way, or segments that lead elsewhere.
fn text(random: &Random) -> String {
    if random.chance(1, 5) {
        let way = planted_key(random.below(WAY.len()));
        return if random.chance(1, 3) { format!("{way}/{}", random.pick(&SEGMENTS)) } else { way };
    }
    let separator = *random.pick(&["/", "/", "/", "/", "/", "//", "\\"]);
    let mut segments: Vec<String> =
        (0..=random.below(4)).map(|_| (*random.pick(&SEGMENTS)).to_owned()).collect();
    match random.below(20) {
        0 => segments.push("l".repeat(70 + random.below(200))),
        1 => segments.push("é/".repeat(500) + "x"),
        _ => {}
    }
    if random.chance(1, 10) {
        segments.insert(0, String::new());
    }
    segments.join(separator)
}

/// One call with this key, whose answer must hold nothing of what is outside.
async fn try_key(backend: &LocalBackend, key: StorageKey, random: &Random) {
    let object = ObjectRef::new(bucket(), key);
    let body = || Bytes::from_static(b"mine").into();
    let upload = UploadId((*random.pick(&[UPLOAD, "..", "../objects", ".", "", "a"])).to_owned());
    match random.below(10) {
        // A refusal is as good as a success: what counts is what it changed.
        0..=2 => drop(backend.put(&object, body(), PutOptions::default()).await),
        3 => drop(backend.delete(&object).await),
        4 => drop(backend.upload_part(&object, &upload, 1, body()).await),
        5 => drop(backend.abort(&object, &upload).await),
        6 => drop(backend.complete(&object, &upload, &[(1, ETag::new("x"))]).await),
        7 => {
            let source = ObjectRef::new(bucket(), StorageKey::parse(&planted_key(random.below(4))).unwrap());
            let options = PutOptions::default();
            let request = CopyRequest { source, destination: object.clone(), source_etag: None, options };
            drop(backend.copy(request).await);
        }
        _ => {}
    }
    if let Ok(read) = backend.get(&object, GetOptions::default()).await {
        assert_eq!(read.collect(100).await.unwrap(), &b"mine"[..], "{} reads what is outside", object.key);
    }
}

/// A listing under a text that need not be a key.
async fn try_prefix(backend: &LocalBackend, prefix: &str, random: &Random) {
    let delimiter = random.chance(1, 2).then_some('/');
    let request = ListRequest { delimiter, limit: 50, ..ListRequest::under(prefix) };
    if let Ok(page) = backend.list(&bucket(), request).await {
        let sizes: Vec<u64> = page.objects.iter().map(|meta| meta.size).collect();
        assert!(sizes.iter().all(|size| *size == 4), "{prefix:?} lists what is outside: {:?}", page.objects);
    }
}

#[tokio::test]
async fn g50_no_key_reaches_what_is_outside_the_root() {
    for text in REFUSED.into_iter().chain([&*"a".repeat(256), &*"a/".repeat(512), &*("a/".repeat(512) + "b")])
    {
        assert!(StorageKey::parse(text).is_err(), "{text:?}");
    }
    let trials = Trials::new("G50", 1_000_000);
    let (mut accepted, mut refused) = (0, 0);
    for (position, seeds) in trials.seeds().chunks(CHUNK).enumerate() {
        let place = Place::new(position).await;
        let before = place.snapshot();
        for seed in seeds {
            let _guard = trials.guard(*seed);
            let random = Random::new(*seed);
            let text = text(&random);
            match StorageKey::parse(&text) {
                Ok(key) => {
                    accepted += 1;
                    try_key(&place.backend, key, &random).await;
                }
                Err(_) => refused += 1,
            }
            if random.chance(1, 20) {
                try_prefix(&place.backend, &text, &random).await;
            }
        }
        let after = place.snapshot();
        for (path, facts) in &before {
            assert_eq!(after.get(path), Some(facts), "{} changed with links at {position}", path.display());
        }
        assert_eq!(before.len(), after.len(), "something was made outside with links at {position}");
    }
    let tenth = trials.count() / 10;
    assert!(accepted > tenth && refused > tenth, "{accepted} keys, {refused} refused");
    trials.report(
        json!({ "accepted": accepted, "refused": refused, "changes_outside": 0, "reads_outside": 0 }),
    );
}
