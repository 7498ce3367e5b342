//! G12, G13 and G16: what is served is what was checked, whatever else is uploaded in the same place and whenever.

use std::sync::Arc;

use api_tests::{Issued, Person, TestApp, photo, sha256};
use bytes::Bytes;
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::record::{FileRecord, FileState};
use storage_testkit::trials::{Random, Trials};

/// An upload to be disturbed, and everything that was ever posted with its form.
struct Upload {
    app: Arc<TestApp>,
    user: Person,
    issued: Issued,
    avatar: bool,
    contents: Vec<Bytes>,
}

impl Upload {
    async fn issue(avatar: bool, contents: Vec<Bytes>) -> Self {
        let app = Arc::new(TestApp::new());
        let user = app.user();
        let (route, kind) = match avatar {
            true => (format!("/api/v1/users/{}/avatar", user.id), "image/jpeg"),
            false => ("/api/v1/files/presigned-upload".to_owned(), "text/plain"),
        };
        let size = contents[0].len();
        let body = json!({ "filename": "a.x", "content_type": kind, "size_bytes": size });
        let issued = app.presign(&user, &route, &body).await;
        Upload { app, user, issued, avatar, contents }
    }

    /// Posts one of the contents with the form, as often as the form lives.
    async fn post(&self, index: usize) {
        self.app.post_form(&self.issued, &self.contents[index]).await.unwrap();
    }

    /// The same from inside a call.
    fn replay(&self, index: usize) -> impl Future<Output = ()> + Send + use<> {
        let (app, issued, bytes) = (self.app.clone(), self.issued.clone(), self.contents[index].clone());
        async move { app.post_form(&issued, &bytes).await.unwrap() }
    }

    async fn finalise(&self, by_event: bool) {
        if by_event {
            self.app.deliver_event(&self.issued.staging).await;
        } else {
            let route = format!("/api/v1/files/{}/complete", self.issued.file);
            self.app.post(&self.user, &route, &Value::Null).await;
        }
    }

    async fn record(&self) -> FileRecord {
        self.app.record(&self.issued.file).await
    }

    /// What a reader gets, which is nothing before the file is ready.
    async fn served(&self) -> Option<Bytes> {
        let path = match self.avatar {
            true => format!("/api/v1/users/{}/avatar?size=original", self.user.id),
            false => format!("/api/v1/files/{}/download", self.issued.file),
        };
        let answer = self.app.get(&self.user, &path).await;
        let url = answer.header("location").filter(|_| answer.status == 302)?;
        Some(self.app.fetch(url).expect("a redirect leads to bytes"))
    }

    /// The recorded digest is that of the served bytes, and the recorded source was posted.
    async fn check(&self, seed: u64) -> Option<Bytes> {
        let (record, served) = (self.record().await, self.served().await);
        assert_eq!(served.is_some(), record.state == FileState::Ready, "{seed}: {}", record.state);
        let bytes = served?;
        assert_eq!(record.sha256.as_deref(), Some(&*sha256(&bytes)), "{seed}: another digest is recorded");
        assert_eq!(record.size, Some(bytes.len() as u64), "{seed}");
        let source = record.source_sha256.or(record.sha256);
        let posted = |content: &Bytes| source.as_deref() == Some(&*sha256(content));
        assert!(self.contents.iter().any(posted), "{seed}: bytes that nobody posted");
        Some(bytes)
    }
}

/// Contents of one length: texts, or photos with something behind their end.
fn contents(random: &Random, avatar: bool) -> Vec<Bytes> {
    let mut contents: Vec<Vec<u8>> = (0..4)
        .map(|index| match avatar {
            true => photo(32, random.next()).to_vec(),
            false => format!("text {index} of {:016x}\n", random.next()).into_bytes(),
        })
        .collect();
    let length = contents.iter().map(Vec::len).max().unwrap_or_default();
    contents.iter_mut().for_each(|content| content.resize(length, b' '));
    contents.into_iter().map(Bytes::from).collect()
}

/// G12: one form, posted again with other bytes at random moments before, during and after the ingest.
#[tokio::test]
async fn g12_a_replayed_form_never_changes_what_is_served() {
    let trials = Trials::new("G12", 10_000);
    let (mut ready, mut refused, mut replaced) = (0, 0, 0);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let avatar = random.chance(1, 2);
        let upload = Upload::issue(avatar, contents(&random, avatar)).await;
        upload.post(0).await;
        let undisturbed = upload.contents[0].clone();
        for _ in 0..=random.below(3) {
            let index = 1 + random.below(3);
            let ports = [&upload.app.storage_faults, &upload.app.store_faults];
            let (port, nth) = (*random.pick(&ports), 1 + random.below(12));
            let replay = upload.replay(index);
            match random.chance(1, 2) {
                true => port.before("*", nth, move || replay),
                false => port.after("*", nth, move || replay),
            }
        }
        upload.finalise(random.chance(1, 2)).await;
        let first = upload.check(seed).await;
        for _ in 0..3 {
            upload.post(random.below(4)).await;
            upload.finalise(random.chance(1, 2)).await;
            let now = upload.check(seed).await;
            assert!(first.is_none() || now == first, "{seed}: the content of a ready file changed");
        }
        upload.app.storage_faults.heal();
        upload.app.store_faults.heal();
        // Every upload has its event, however late.
        upload.finalise(true).await;
        upload.app.sweep_later().await;
        let last = upload.check(seed).await;
        assert!(first.is_none() || last == first, "{seed}: the sweep changed a ready file");
        let record = upload.record().await;
        match record.state {
            FileState::Ready => ready += 1,
            FileState::Failed => {
                assert_eq!(record.error_code, Some(ErrorKind::ContentChanged), "{seed}");
                refused += 1;
            }
            state => panic!("{seed}: the file is {state} in the end"),
        }
        replaced += usize::from(record.source_sha256.or(record.sha256) != Some(sha256(&undisturbed)));
        let keys = upload.app.keys(&[]);
        assert!(!keys.iter().any(|key| key.starts_with("staging/")), "{seed}: {keys:?}");
    }
    assert!(ready > 0 && replaced > 0, "{ready} ready, {replaced} with later bytes");
    trials.report(json!({ "ready": ready, "refused": refused, "wrong_bytes": 0 }));
}

/// G13: bytes of a type that is not allowed take the place of the good ones after the HEAD and before the copy.
#[tokio::test]
async fn g13_a_swap_between_head_and_copy_is_noticed() {
    let trials = Trials::new("G13", 2_000);
    let mut codes = std::collections::BTreeMap::new();
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let avatar = random.chance(1, 3);
        let mut contents = contents(&random, avatar);
        let length = contents[0].len();
        // What must never be served: no text and no photo.
        let forbidden: Vec<Bytes> = (0..4_u8)
            .map(|index| {
                let mut bytes = b"MZ\x90\x00".to_vec();
                bytes.resize(length, index);
                bytes.into()
            })
            .collect();
        contents.truncate(1);
        contents.extend(forbidden.clone());
        let upload = Upload::issue(avatar, contents).await;
        upload.post(0).await;
        // A photo is read as a whole and written from memory; a file is copied where it lies.
        let operation = if avatar { "get" } else { "copy" };
        let swaps = 1 + random.below(4);
        for nth in 1..=swaps {
            let replay = upload.replay(if nth % 2 == 0 { 0 } else { 1 + random.below(4) });
            upload.app.storage_faults.before(operation, nth, move || replay);
        }
        let by_event = random.chance(1, 2);
        upload.finalise(by_event).await;
        let served = upload.check(seed).await;
        if let Some(bytes) = &served {
            assert!(!forbidden.contains(bytes), "{seed}: bytes that were never checked are served");
            assert_eq!(sha256(bytes), upload.record().await.sha256.unwrap());
        }
        let copies = upload.app.storage_faults.lines();
        let mut copies = copies.iter().filter(|line| line.starts_with("copy staging"));
        assert!(copies.all(|line| line.contains("(pinned)")), "{seed}: a copy that took whatever was there");
        let record = upload.record().await;
        assert!(matches!(record.state, FileState::Ready | FileState::Failed), "{seed}: {}", record.state);
        let code = record.error_code.map_or("READY", ErrorKind::code);
        *codes.entry(code).or_insert(0) += 1;
    }
    assert!(codes.keys().any(|code| *code != "READY"), "some swap was noticed: {codes:?}");
    trials.report(json!({ "ended": codes, "wrong_bytes": 0 }));
}

/// G16: more bytes than were declared, in a place where no policy held them back: never readable, and soon gone.
#[tokio::test]
async fn g16_an_upload_over_the_limit_is_never_readable_and_does_not_stay() {
    const LIMIT: usize = 5 * 1024 * 1024;
    for how in ["event", "complete", "nobody"] {
        for avatar in [true, false] {
            let good = if avatar { photo(32, 1) } else { Bytes::from_static(b"text") };
            let mut upload = Upload::issue(avatar, vec![good]).await;
            let mut large = upload.contents[0].to_vec();
            large.resize(LIMIT + 1, b' ');
            upload.contents.push(large.into());
            let staging = &upload.issued.staging;
            let refused = upload.app.post_form(&upload.issued, &upload.contents[1]).await;
            assert_eq!(refused, Err("EntityTooLarge"), "the policy holds it back first");
            upload.app.put(staging, &upload.contents[1]).await;
            assert_eq!(upload.served().await, None);
            match how {
                "nobody" => {
                    // Longer than the form lives, and what the record waits for after that.
                    upload.app.clock.advance(std::time::Duration::from_secs(2 * 3600));
                    upload.app.sweep_later().await;
                    upload.app.sweep_later().await;
                }
                how => upload.finalise(how == "event").await,
            }
            let record = upload.record().await;
            assert!(
                matches!(record.state, FileState::Failed | FileState::Deleting | FileState::Deleted),
                "{how} {avatar}: {}",
                record.state
            );
            if how != "nobody" {
                assert_eq!(record.error_code, Some(ErrorKind::SizeMismatch), "{how} {avatar}");
            }
            assert_eq!(upload.app.keys(&[]), Vec::<String>::new(), "{how} {avatar}");
        }
    }
}
