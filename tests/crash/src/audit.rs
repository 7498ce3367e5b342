//! What must hold: at every step for readers, and at the end for every object, record and line of history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ids::FileId;
use storage_core::key::{EntityKind, StorageKey};
use storage_core::ports::{MetadataStore, ObjectRef, ResolvedUrl, StorageBackend, UrlSigner, UrlTarget};
use storage_core::record::{FileRecord, FileState};
use storage_core::timestamp::Timestamp;
use storage_services::ledger::Ledger;
use storage_services::resolve::{Reader, Resolver};

use crate::watch::{FINAL_BOUND, Fault, PARTS_BOUND, STAGING_BOUND, sha256};
use crate::world::World;

use FileState::{Deleted, Deleting, Failed, Pending, Processing, Quarantined, Ready, Scanning, Trashed};

/// Every edge that the audit trail of a file may show, written out once more and not taken from the state machine.
const EDGES: [(Option<FileState>, &str, FileState); 28] = [
    (None, "issued", Pending),
    (None, "issued", Processing),
    (Some(Pending), "claimed", Processing),
    (Some(Pending), "expired", Deleting),
    (Some(Pending), "deleted", Deleting),
    (Some(Processing), "ready", Ready),
    (Some(Processing), "failed", Failed),
    (Some(Failed), "reopened", Processing),
    (Some(Processing), "superseded", Deleting),
    (Some(Processing), "deleted", Deleting),
    (Some(Processing), "scan-awaited", Scanning),
    (Some(Processing), "quarantined", Quarantined),
    (Some(Scanning), "acquitted", Processing),
    (Some(Scanning), "quarantined", Quarantined),
    (Some(Scanning), "scan-timed-out", Quarantined),
    (Some(Quarantined), "unquarantined", Processing),
    (Some(Quarantined), "purged", Deleting),
    (Some(Scanning), "deleted", Deleting),
    (Some(Quarantined), "deleted", Deleting),
    (Some(Failed), "deleted", Deleting),
    (Some(Ready), "trashed", Trashed),
    (Some(Ready), "replaced", Deleting),
    (Some(Ready), "replaced", Trashed),
    (Some(Ready), "deleted", Deleting),
    (Some(Trashed), "restored", Ready),
    (Some(Trashed), "purged", Deleting),
    (Some(Trashed), "deleted", Deleting),
    (Some(Deleting), "bytes-gone", Deleted),
];

impl World {
    /// What readers see now, and what lies about now.
    pub async fn look(&self) {
        self.look_at_the_avatar().await;
        let things = self.lying_about();
        let mut watch = self.watch();
        for record in self.store.files() {
            if record.state == Ready && watch.ended.contains(&record.file_id) {
                watch.found(Fault::Resurrected, format!("{} is readable after its end", record.file_id));
            }
            if record.state == Ready && watch.condemned.contains(&record.file_id) {
                watch.found(
                    Fault::Illegal,
                    format!("{} is readable, and was not found clean", record.file_id),
                );
            }
        }
        watch.lying_about(self.now(), things);
    }

    async fn look_at_the_avatar(&self) {
        let ledger = Ledger::new(self.store.clone(), self.clock.clone());
        let resolver = Resolver::new(ledger, self.settings.clone(), Arc::new(PathSigner));
        let caller = self.caller();
        let reader = Reader::Caller(&caller);
        let info = resolver.avatar_info(&reader, EntityKind::Users, self.user).await.unwrap();
        let Some(file) = info.file_id else { return };
        let seq = self.record(file).await.seq.unwrap_or_default();
        let name = file.to_string();
        let mut watch = self.watch();
        if info.sizes.len() != 4 || !info.sizes.values().all(|size| size.url.url.contains(&name)) {
            watch.found(Fault::WrongBytes, format!("{file} is not one generation: {:?}", info.sizes));
        }
        if seq < watch.shown || watch.ended.contains(&file) {
            let shown = watch.shown;
            watch.found(Fault::Resurrected, format!("avatar {seq} is shown again after {shown}"));
        }
        watch.shown = watch.shown.max(seq);
    }

    /// Whether something lies in the staging bucket that is not to stay there: all but what is locked away.
    pub fn has_strays(&self) -> bool {
        let files = self.store.files();
        let locked = files.iter().filter(|record| record.state == Quarantined);
        let kept: BTreeSet<&str> =
            locked.filter_map(|record| Some(record.quarantine_key.as_ref()?.as_str())).collect();
        let keys = self.storage.keys();
        let staged = keys.iter().filter_map(|key| key.strip_prefix(self.settings.staging_bucket.as_str()));
        staged.map(|key| key.trim_start_matches('/')).any(|key| !kept.contains(key))
    }

    /// Everything that must not stay, with the longest it may.
    fn lying_about(&self) -> BTreeMap<String, Duration> {
        let mut things = BTreeMap::new();
        let mut named = BTreeSet::new();
        for record in self.store.files() {
            // What is locked away, or has been let out and not been read yet, lies where it is to lie.
            if record.state == Quarantined || (record.state == Processing && record.is_released()) {
                named.extend(
                    record.quarantine_key.iter().map(|key| format!("{}/{key}", record.staging_bucket)),
                );
            }
            match record.state {
                Pending | Processing | Scanning => {
                    // What is sent in parts may take a day.
                    let life = record.expires_at.map(|end| end.since(record.created_at));
                    let is_long = life.is_some_and(|life| life > STAGING_BOUND);
                    let bound = if is_long { PARTS_BOUND } else { STAGING_BOUND };
                    things.insert(format!("unfinished record {}", record.file_id), bound);
                }
                Deleting => {
                    things.insert(format!("deleting record {}", record.file_id), FINAL_BOUND);
                }
                Ready | Trashed => {
                    named.extend(record.live_keys().map(|key| format!("{}/{key}", record.bucket)));
                }
                Failed | Quarantined | Deleted => {}
            }
        }
        // One without parts holds nothing, and ends by the bucket's lifecycle.
        for (key, parts) in self.storage.open_parts() {
            if parts > 0 {
                things.insert(format!("parts of {key}"), PARTS_BOUND);
            }
        }
        for key in self.storage.keys() {
            if named.contains(&key) {
                continue;
            }
            if key.starts_with(self.settings.staging_bucket.as_str()) {
                things.insert(key, STAGING_BOUND);
            } else {
                things.insert(key, FINAL_BOUND);
            }
        }
        things
    }

    /// Everything at the end, when nothing is left for the sweep to do.
    pub async fn audit(&self) {
        self.watch().left_over();
        let pointer = self.pointer().await;
        for record in self.store.files() {
            if matches!(record.state, Ready | Trashed) {
                self.audit_bytes(&record).await;
            }
            self.audit_promise(&record, pointer.current_seq);
            if record.state == Ready
                && record.seq.is_some()
                && pointer.current_file_id != Some(record.file_id)
            {
                let words = format!("avatar {} is readable, and not the current one", record.file_id);
                self.watch().found(Fault::Illegal, words);
            }
            self.audit_trail(&record).await;
        }
    }

    /// Served bytes are the validated ones, and those were uploaded for this file.
    async fn audit_bytes(&self, record: &FileRecord) {
        let digest = |key: &StorageKey| {
            let object = ObjectRef::new(record.bucket.clone(), key.clone());
            self.storage.bytes(&object).map(|bytes| sha256(&bytes))
        };
        let mut wrong = Vec::new();
        let served = record.final_key.as_ref().and_then(digest);
        if served.is_none() || (served != record.sha256 && !self.is_large(record)) {
            wrong.push(format!("{} serves {served:?} for {:?}", record.file_id, record.sha256));
        }
        for (size, variant) in record.variants.iter().chain(&record.webp) {
            let object = ObjectRef::new(record.bucket.clone(), variant.key.clone());
            let stored = self.storage.head(&object).await.ok();
            let noted = stored.as_ref().and_then(|meta| meta.metadata.get("sha256").cloned());
            let is_whole = stored.as_ref().is_some_and(|meta| meta.etag == variant.etag);
            if !is_whole || noted.is_none() || noted != digest(&variant.key) {
                wrong.push(format!("{size:?} of {} is {stored:?}", record.file_id));
            }
        }
        for key in record.live_keys().filter(|key| digest(key).is_none()) {
            wrong.push(format!("{key} is named and not there"));
        }
        let mut watch = self.watch();
        let source = self.source_of(record).unwrap_or_default();
        let uploaded = watch.uploads.get(&record.file_id).is_some_and(|known| known.contains(&source));
        if !uploaded && !watch.copied.contains(&source) {
            wrong.push(format!("nobody uploaded the source of {}", record.file_id));
        }
        for words in wrong {
            watch.found(Fault::WrongBytes, words);
        }
    }

    /// Whether nobody has read all of a file, so that its digest is not known.
    fn is_large(&self, record: &FileRecord) -> bool {
        record.sha256.is_none() && record.size.is_some_and(|size| size > self.settings.inline_max_bytes)
    }

    /// SHA-256 of what was uploaded; of a large file it is that of what is served.
    fn source_of(&self, record: &FileRecord) -> Option<String> {
        if !self.is_large(record) {
            return record.source_sha256.clone();
        }
        let object = ObjectRef::new(record.bucket.clone(), record.final_key.clone()?);
        self.storage.bytes(&object).map(|bytes| sha256(&bytes))
    }

    /// What was acknowledged is served, unless it was deleted, replaced or to be refused.
    fn audit_promise(&self, record: &FileRecord, current: Option<u64>) {
        let mut watch = self.watch();
        let file = record.file_id;
        let is_over = matches!(record.state, Trashed | Deleting | Deleted);
        let replaced = matches!((record.seq, current), (Some(own), Some(current)) if own < current);
        // What became another file ends where that one is readable.
        let another = |other: &FileRecord| {
            other.state == Ready
                && (other.tenant, other.file_id) != (record.tenant, file)
                && other.source_sha256 == record.source_sha256
        };
        let left = watch.leaving.contains(&file) && self.store.files().iter().any(another);
        // The destination of a claim that broke off has the id of its source, which is there.
        let source = |other: &FileRecord| {
            other.state == Ready && other.file_id == file && other.tenant != record.tenant
        };
        let broke_off = record.state != Ready && self.store.files().iter().any(source);
        let excused = (is_over && (watch.doomed.contains(&file) || replaced || left)) || broke_off;
        if let Some(&code) = watch.refused.get(&file) {
            let told = record.state == Failed && record.error_code == Some(code);
            if !told && !excused {
                watch.found(Fault::Illegal, format!("{file} is {:?}, not refused with {code}", record.state));
            }
            return;
        }
        if watch.condemned.contains(&file) && !matches!(record.state, Quarantined | Deleting | Deleted) {
            watch.found(Fault::Illegal, format!("{file} is {:?}, not locked away", record.state));
        }
        let Some(source) = watch.promised.get(&file).cloned() else { return };
        let served = record.state == Ready && self.source_of(record) == Some(source);
        if !served && !excused {
            watch.found(Fault::Lost, format!("{file} is lost: {:?} {:?}", record.state, record.error_code));
        }
    }

    /// Only legal edges, each beginning where the last one ended, and the last one ending in the record's state.
    async fn audit_trail(&self, record: &FileRecord) {
        let trail = self.store.audit_trail(record.tenant, record.file_id).await.unwrap();
        let mut state = None;
        let mut wrong = Vec::new();
        for entry in &trail {
            let edge = (entry.from, entry.action.as_str(), entry.to);
            if !EDGES.contains(&edge) || entry.from != state {
                wrong.push(format!("{} went {edge:?} from {state:?}", record.file_id));
            }
            state = Some(entry.to);
        }
        if state != Some(record.state) {
            wrong.push(format!("{} is {:?} and its trail ends in {state:?}", record.file_id, record.state));
        }
        let mut watch = self.watch();
        for words in wrong {
            watch.found(Fault::Illegal, words);
        }
    }

    /// The files that anybody could read, and every object there is.
    pub fn snapshot(&self) -> (Vec<FileId>, Vec<String>) {
        let ready = self.store.files().into_iter().filter(|record| record.state == Ready);
        (ready.map(|record| record.file_id).collect(), self.storage.keys())
    }
}

/// URLs that show their object.
#[derive(Debug)]
struct PathSigner;

#[async_trait]
impl UrlSigner for PathSigner {
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> Result<ResolvedUrl> {
        let url = format!("https://cdn.test/{}/{}", target.tenant, target.object.key);
        Ok(ResolvedUrl { url, expires_at: Some(now + Duration::from_secs(900)) })
    }
}
