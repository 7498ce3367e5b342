//! What must hold at the end of a trial, whatever happened in it.

use std::collections::BTreeSet;

use storage_core::ids::FileId;
use storage_core::ports::{
    AvatarRecipe, ImageLimits, ImageProcessor, ListRequest, MetadataStore, StorageBackend,
};
use storage_core::record::{FileRecord, FileState};
use storage_imaging::Imaging;
use test_harness::{Request, SECRETS};

use crate::content::{Flaw, Purpose, sha256};
use crate::findings::Kind;
use crate::trial::{Deleted, Trial};

/// Every step of the state machine; nothing leads back from a tombstone.
const EDGES: &[(Option<FileState>, FileState)] = &[
    (None, FileState::Pending),
    (Some(FileState::Pending), FileState::Processing),
    (Some(FileState::Pending), FileState::Deleting),
    (Some(FileState::Processing), FileState::Ready),
    (Some(FileState::Processing), FileState::Failed),
    (Some(FileState::Processing), FileState::Deleting),
    (Some(FileState::Ready), FileState::Trashed),
    (Some(FileState::Ready), FileState::Deleting),
    (Some(FileState::Trashed), FileState::Deleting),
    (Some(FileState::Failed), FileState::Deleting),
    (Some(FileState::Deleting), FileState::Deleted),
];

/// Checks everything.
pub(crate) async fn check(trial: &mut Trial<'_>) {
    // Whatever comes again now comes too late.
    for upload in 0..trial.uploads.len() {
        if !trial.uploads[upload].direct {
            trial.deliver(upload).await;
        }
    }
    let records = trial.sim.records().await;
    for record in &records {
        rests(trial, record);
        served(trial, record).await;
        edges(trial, record).await;
    }
    for upload in 0..trial.uploads.len() {
        promised(trial, upload, &records);
    }
    orphans(trial, &records).await;
    shown(trial, &records).await;
    let (token, logs) = (trial.token.clone(), trial.logs().await);
    let signature = token.rsplit('.').next().unwrap_or_default();
    for secret in [signature, "photo.jpg"].iter().chain(SECRETS) {
        if logs.contains(*secret) {
            trial.find(Kind::LoggedSecret, *secret);
        }
    }
    if logs.contains("panicked") {
        trial.find(Kind::Panicked, "a function panicked");
    }
}

/// Nothing is left half done.
fn rests(trial: &mut Trial<'_>, record: &FileRecord) {
    let at_rest = matches!(
        record.state,
        FileState::Ready | FileState::Trashed | FileState::Failed | FileState::Deleted
    );
    if !at_rest {
        trial.find(Kind::Stuck, format!("{} is {}", record.file_id, record.state));
    }
    if !trial.disturbed && record.attempts > 1 {
        trial.find(Kind::SharedLease, format!("{} took {} attempts", record.file_id, record.attempts));
    }
}

/// What a ready record names is there, and is what was validated.
async fn served(trial: &mut Trial<'_>, record: &FileRecord) {
    // What can be restored is kept as well as what is served.
    if !matches!(record.state, FileState::Ready | FileState::Trashed) {
        return;
    }
    let Some(key) = &record.final_key else {
        trial.find(Kind::Lost, format!("{} is ready without a key", record.file_id));
        return;
    };
    let Some(bytes) = trial.bytes(&record.bucket, key).await else {
        trial.find(Kind::Lost, format!("{} has no bytes", record.file_id));
        return;
    };
    if Some(sha256(&bytes)) != record.sha256 {
        trial.find(Kind::WrongBytes, format!("{} serves other bytes", record.file_id));
    }
    let id = record.file_id.to_string();
    let Some(upload) = trial.uploads.iter().find(|upload| upload.id == id) else { return };
    let source = upload.contents.iter().find(|content| Some(sha256(&content.bytes)) == record.source_sha256);
    let Some(source) = source.cloned() else {
        trial.find(Kind::WrongBytes, format!("{id} was never uploaded"));
        return;
    };
    if source.flaw != Flaw::None {
        trial.find(Kind::Unvalidated, format!("{id} is ready with {:?}", source.flaw));
        return;
    }
    if upload.purpose == Purpose::Attachment {
        if record.sha256 != record.source_sha256 {
            trial.find(Kind::WrongBytes, format!("{id} is no copy of what was uploaded"));
        }
        return;
    }
    // Thumbnails are a function of the source.
    let recipe = AvatarRecipe { webp: true };
    let Ok(expected) = Imaging.process_avatar(source.bytes, &ImageLimits::default(), recipe) else {
        trial.find(Kind::Unvalidated, format!("{id} is no picture"));
        return;
    };
    if bytes != expected.original {
        trial.find(Kind::WrongBytes, format!("{id} has another original"));
    }
    let base = expected.variants.into_iter().map(|variant| (&record.variants, variant));
    for (all, variant) in base.chain(expected.webp.into_iter().map(|variant| (&record.webp, variant))) {
        let stored = all.get(&variant.size);
        let bytes = match stored {
            Some(stored) => trial.bytes(&record.bucket, &stored.key).await,
            None => None,
        };
        match bytes {
            None => trial.find(Kind::Lost, format!("{id} has no {:?} as {:?}", variant.size, variant.format)),
            Some(bytes) if bytes != variant.bytes => {
                trial.find(
                    Kind::WrongBytes,
                    format!("{id} has another {:?} as {:?}", variant.size, variant.format),
                );
            }
            Some(_) => {}
        }
    }
}

/// The history has only steps that there are, and each begins where another ended.
async fn edges(trial: &mut Trial<'_>, record: &FileRecord) {
    let trail = trial.sim.store.audit_trail(record.tenant, record.file_id).await.unwrap();
    let (mut from, mut to) = (Vec::new(), vec![FileState::Pending]);
    for entry in trail {
        if !EDGES.contains(&(entry.from, entry.to)) {
            trial.find(Kind::IllegalEdge, format!("{}: {:?} to {}", entry.file_id, entry.from, entry.to));
        }
        from.extend(entry.from);
        to.extend(entry.from.map(|_| entry.to));
    }
    // Lines of one millisecond by two processes have no order; that they join has none either.
    from.push(record.state);
    from.sort_unstable_by_key(FileState::to_string);
    to.sort_unstable_by_key(FileState::to_string);
    if from != to {
        trial.find(Kind::IllegalEdge, format!("{}: from {from:?} to {to:?}", record.file_id));
    }
}

/// What the client was told is so.
fn promised(trial: &mut Trial<'_>, upload: usize, records: &[FileRecord]) {
    let known = &trial.uploads[upload];
    let id = FileId::parse(&known.id).unwrap();
    let Some(record) = records.iter().find(|record| record.file_id == id) else {
        let what = format!("{id} has no record");
        return trial.find(Kind::Lost, what);
    };
    let readable = record.state == FileState::Ready;
    match known.deleted {
        Deleted::Yes if record.state != FileState::Deleted => {
            return trial.find(Kind::Resurrected, format!("{id} is {}", record.state));
        }
        Deleted::Softly if readable => {
            return trial.find(Kind::Resurrected, format!("{id} is ready"));
        }
        Deleted::No => {}
        _ => return,
    }
    let good = !known.contents.is_empty() && known.contents.iter().all(|content| content.flaw == Flaw::None);
    let kept = good || known.acknowledged;
    if known.purpose == Purpose::Attachment {
        if kept && !readable {
            trial.find(Kind::Lost, format!("{id} is {} ({:?})", record.state, record.error_code));
        }
        return;
    }
    // Of avatars, the one that was issued last is shown, unless the avatar was deleted after that.
    let deletes = |acknowledged: bool| {
        trial
            .avatar_deleted
            .iter()
            .any(|delete| delete.before > upload && delete.acknowledged == acknowledged)
    };
    let newer = trial.uploads[upload + 1..].iter().any(|other| {
        other.purpose == Purpose::Avatar && other.deleted == Deleted::No && !other.contents.is_empty()
    });
    if (deletes(true) || newer) && readable {
        trial.find(Kind::OldAvatar, format!("{id} is still ready"));
    } else if !deletes(true) && !deletes(false) && !newer && kept && !readable {
        trial.find(Kind::Lost, format!("{id} is {} ({:?})", record.state, record.error_code));
    }
}

/// Every object is named by a record that is alive.
async fn orphans(trial: &mut Trial<'_>, records: &[FileRecord]) {
    let alive = records.iter().filter(|record| matches!(record.state, FileState::Ready | FileState::Trashed));
    let named: BTreeSet<String> =
        alive.flat_map(|record| record.final_keys().map(|key| key.to_string())).collect();
    for bucket in [trial.sim.files(), trial.sim.staging()] {
        let page = trial.sim.storage.list(&bucket, ListRequest::under("")).await.unwrap();
        for object in page.objects {
            if !named.contains(object.key.as_str()) {
                trial.find(Kind::Orphan, format!("{bucket}/{}", object.key));
            }
        }
    }
}

/// Every size of an avatar that a reader is told is of one upload.
pub(crate) async fn one_generation(trial: &mut Trial<'_>) -> Option<String> {
    let path = format!("/api/v1/users/{}/avatar/info", trial.user);
    let reply = trial.send(&trial.stack.resolve, Request::new("GET", &path)).await;
    let Some(reply) = reply.filter(|reply| matches!(reply.status, 200 | 404)) else {
        trial.find(Kind::Lost, "no answer about the avatar");
        return None;
    };
    let info = reply.json();
    let sizes = info["sizes"].as_object()?;
    let files: BTreeSet<&str> = sizes
        .values()
        .filter_map(|size| size["url"].as_str())
        .filter_map(|url| url.split('?').next()?.rsplit('/').nth(1))
        .collect();
    if files.len() > 1 {
        trial.find(Kind::WrongBytes, format!("sizes of {} uploads in one answer", files.len()));
    }
    files.first().map(|file| (*file).to_owned())
}

/// The avatar that a reader is told is the one that is ready, and there is at most one.
async fn shown(trial: &mut Trial<'_>, records: &[FileRecord]) {
    let shown = one_generation(trial).await;
    let ready: Vec<String> = records
        .iter()
        .filter(|record| record.state == FileState::Ready && record.entity.is_some())
        .map(|record| record.file_id.to_string())
        .collect();
    if shown.iter().collect::<Vec<_>>() != ready.iter().collect::<Vec<_>>() {
        trial.find(Kind::OldAvatar, format!("{shown:?} is shown, {ready:?} are ready"));
    }
}
