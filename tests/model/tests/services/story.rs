//! One operation after the other, done by the services and by the model, and what is compared after each.

use bytes::Bytes;
use model_tests::{Step, observe};
use storage_core::ErrorKind;
use storage_core::ids::{FileId, WorkerId};
use storage_core::ports::{AvatarRecipe, ImageLimits, ImageProcessor};
use storage_core::record::FileState;
use storage_core::state::Event;
use storage_imaging::Imaging;
use storage_services::ingest::{Outcome, Source};
use storage_services::sweep::Counts;
use storage_testkit::images::jpeg;
use storage_testkit::trials::Random;

use super::sweeping::Swept;
use super::system::{Answer, Content, MINUTE, System};
use super::world::{World, sha256};

/// Files of one sequence, once they are there.
const FILES: usize = 4;

/// A story: the services, what is expected of them, and the files by number.
pub(super) struct Story {
    pub(super) world: World,
    pub(super) expected: System,
    ids: Vec<FileId>,
    random: Random,
    /// The file that the last operation was about: more often than not the next one is, too.
    focus: usize,
}

impl Story {
    /// Nothing has happened yet.
    pub(super) fn new(world: World, random: Random) -> Self {
        Story { world, expected: System::default(), ids: Vec::new(), random, focus: 0 }
    }

    /// The bytes that `content` stands for, of file `index`.
    fn bytes(&self, index: usize, content: Content) -> Bytes {
        if self.expected.files[index].avatar {
            let good = jpeg(16, 16, index as u64);
            match content {
                Content::Good => good,
                Content::Short => good.slice(..good.len() - 1),
                Content::Other | Content::Foreign => vec![b'x'; good.len()].into(),
            }
        } else {
            Bytes::from(match content {
                Content::Good => format!("the text of file {index:02}"),
                Content::Other => format!("a forgery of file {index:02}")[..19].to_owned(),
                Content::Foreign => "%PDF-1.7 file, not text"[..19].to_owned(),
                Content::Short => format!("the text of file {index}"),
            })
        }
    }

    fn content(&self) -> Content {
        match self.random.below(8) {
            0 => Content::Other,
            1 => Content::Foreign,
            2 => Content::Short,
            _ => Content::Good,
        }
    }

    async fn issue(&mut self, staged: bool) -> usize {
        let (avatar, digest, index) = (self.random.chance(1, 2), self.random.chance(1, 3), self.ids.len());
        self.expected.issue(avatar, digest, staged);
        let good = self.bytes(index, Content::Good);
        self.ids.push(self.world.issue(avatar, digest, staged, &good).await.file_id);
        self.focus = index;
        index
    }

    async fn ingest(&mut self, index: usize, direct: Option<Content>) {
        let source = direct.map_or(Source::Staging, |content| Source::Bytes(self.bytes(index, content)));
        let expected = self.expected.ingest(index, direct);
        let outcome = match self.world.ingest(self.ids[index], source).await {
            Outcome::Ready(_) => Answer::Ready,
            Outcome::Failed(_) => Answer::Failed,
            Outcome::Busy(_) | Outcome::Deferred(_) => Answer::Busy,
            Outcome::NotUploaded(_) => Answer::NotUploaded,
            Outcome::Gone | Outcome::Scanning(_) | Outcome::Quarantined(_) => Answer::Gone,
        };
        assert_eq!(outcome, expected);
    }

    fn wait(&mut self) {
        let minutes = *self.random.pick(&[1, 5, 10, 11, 15, 16, 31, 75, 100, 30 * 24 * 60, 8 * 24 * 60]);
        let mut now = self.expected.now + minutes * MINUTE;
        // Objects bear the real time. Where it decides whether one is old enough, nothing is said.
        if (74 * MINUTE..81 * MINUTE).contains(&now) {
            now = 81 * MINUTE;
        }
        self.expected.now = now;
        self.world.set_second(now);
    }

    /// One operation, its name, and the file it is about.
    pub(super) async fn operate(&mut self) -> (String, usize) {
        let choice = if self.ids.is_empty() { 0 } else { self.random.below(20) };
        if choice < 3 && self.ids.len() < FILES {
            if choice < 2 || self.ids.is_empty() {
                let index = self.issue(true).await;
                return (format!("issue {index}"), index);
            }
            let index = self.issue(false).await;
            // The function dies before it has done anything, or holds the bytes to the end.
            if self.random.chance(1, 4) {
                return (format!("begin {index}"), index);
            }
            let content = self.content();
            self.ingest(index, Some(content)).await;
            return (format!("direct {index} {content:?}"), index);
        }
        let elsewhere = self.random.chance(2, 5);
        let index = if elsewhere { self.random.below(self.ids.len()) } else { self.focus };
        self.focus = index;
        let (file, now) = (self.ids[index], self.expected.now);
        let name = match choice {
            0..6 if self.expected.files[index].model.staged => {
                let content = self.content();
                let record = self.world.record(file).await;
                self.world.post(&record, &self.bytes(index, content)).await;
                self.expected.files[index].staging = Some(content);
                format!("post {index} {content:?}")
            }
            0..11 => {
                self.ingest(index, None).await;
                format!("ingest {index}")
            }
            11 => {
                let step = Step::Claim { worker: 0 };
                let next = self.expected.files[index].model.step(&step, now);
                assert_eq!(self.world.apply(file, Event::Claim(WorkerId::generate())).await, next.is_ok());
                self.expected.files[index].model = next.unwrap_or(self.expected.files[index].model.clone());
                format!("claim and die {index}")
            }
            12 => {
                let expected = self.expected.restore(index);
                let restored = self.world.restore(file).await;
                assert_eq!(restored.map_err(|error| error.kind()), expected);
                format!("restore {index}")
            }
            13 => {
                let model = &mut self.expected.files[index].model;
                (model.held, model.rev) = (!model.held, model.rev + 1);
                self.world.hold(file, model.held).await;
                format!("hold {index}")
            }
            14 => {
                let permanent = self.random.chance(1, 2);
                let expected = self.expected.delete_file(index, permanent);
                let deleted = self.world.delete_file(file, permanent).await;
                assert_eq!(
                    deleted.map_err(|error| assert_eq!(error.kind(), ErrorKind::StateConflict)),
                    expected
                );
                format!("delete {index} {permanent}")
            }
            15 => {
                let expected = self.expected.delete_avatar();
                let deleted = self.world.delete_avatar().await;
                assert_eq!(
                    deleted.map_err(|error| assert_eq!(error.kind(), ErrorKind::StateConflict)),
                    expected
                );
                "delete the avatar".to_owned()
            }
            16 | 17 => {
                assert_eq!(swept(&self.world.sweep().await), self.expected.sweep());
                "sweep".to_owned()
            }
            _ => {
                self.wait();
                format!("wait until {}", self.expected.now)
            }
        };
        (name, index)
    }

    /// Compares every record with what is expected of it; of `touched`, or of all, also what lies around it.
    pub(super) async fn compare(&self, touched: Option<usize>) {
        for (index, expected) in self.expected.files.iter().enumerate() {
            let file = self.ids[index];
            let record = self.world.record(file).await;
            assert_eq!(observe(&record, self.world.start), expected.model, "file {index}");
            if touched.is_none_or(|touched| touched == index) {
                let finals = if expected.avatar { 7 } else { 2 };
                let there =
                    (usize::from(expected.staging.is_some()), if expected.finals { finals } else { 0 });
                assert_eq!(self.world.objects(&record).await, there, "objects of file {index}");
                self.compare_readable(index).await;
            }
        }
        let pointer = self.world.pointer().await;
        assert_eq!(pointer.current_file_id, self.expected.current.map(|index| self.ids[index]));
        assert_eq!((pointer.current_seq, pointer.seq), (self.expected.current_seq, self.expected.last_seq));
    }

    async fn compare_readable(&self, index: usize) {
        let expected = &self.expected.files[index];
        let read = self.world.read(self.ids[index]).await;
        match expected.model.state {
            FileState::Ready => {
                let uploaded = self.bytes(index, expected.shown.unwrap());
                let served = if expected.avatar {
                    Imaging
                        .process_avatar(uploaded, &ImageLimits::default(), AvatarRecipe::default())
                        .unwrap()
                        .original
                } else {
                    uploaded
                };
                assert_eq!(sha256(&read.unwrap()), sha256(&served), "file {index}");
            }
            state => {
                let kind = match state {
                    FileState::Pending | FileState::Processing => ErrorKind::NotReady,
                    FileState::Failed => expected.model.code.unwrap(),
                    _ => ErrorKind::NotFound,
                };
                assert_eq!(read.unwrap_err().kind(), kind, "file {index}");
            }
        }
        if !expected.avatar {
            return;
        }
        let avatar = self.world.avatar().await;
        assert_eq!(avatar.file_id, self.expected.current.map(|index| self.ids[index]));
        let generation = avatar.file_id.map(|file| file.to_string()).unwrap_or_default();
        assert!(avatar.sizes.values().all(|size| size.url.url.contains(&generation)));
    }
}

fn swept(counts: &Counts) -> Swept {
    assert!(counts.errors == 0 && !counts.stopped, "{counts:?}");
    Swept {
        examined: counts.examined,
        enqueued: counts.enqueued,
        expired: counts.expired,
        failed: counts.failed,
        finished: counts.finished,
        objects_removed: counts.objects_removed,
        staging_removed: counts.staging_removed,
    }
}
