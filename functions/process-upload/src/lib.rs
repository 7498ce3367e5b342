//! Ingests uploads when S3 says that they arrived. An event is a hint: size, tag and even the bucket in it are never
//! believed, only the key's form decides which record is read, and the record decides everything else.

mod self_test;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error as RuntimeError, LambdaEvent};
use serde_json::Value;
use storage_core::ids::{BucketName, FileId, TenantId};
use storage_core::key::{KeySpace, ObjectKey, StorageKey};
use storage_core::ports::{ImageProcessor, IngestQueue, ObjectRef, ObjectStore, ScanVerdict, StagedObject};
use storage_core::record::{FileRecord, FileState};
use storage_core::state::Actor;
use storage_core::timestamp::Timestamp;
use storage_core::{ErrorKind, Result};
use storage_imaging::Imaging;
use storage_lambda::config::Config;
use storage_lambda::events::{self, BatchResponse, Delivery, Hint, ScanResult};
use storage_lambda::wiring;
use storage_services::ingest::{Ingest, Outcome, Source, Time};
use storage_services::ledger::Ledger;
use storage_services::settings::Settings;

/// The name of this function in the audit trail.
const NAME: &str = "process-upload";
/// What a file may take at worst, with slow storage and its commit.
const ENOUGH: Duration = Duration::from_secs(45);

/// What this function needs: ingest, and the storage for strays.
pub struct State {
    /// Ingests.
    pub ingest: Ingest,
    /// Reads records.
    pub ledger: Ledger,
    /// Removes uploads that nobody waits for.
    pub storage: Arc<dyn ObjectStore>,
    /// Takes what is left of a file when the time is over.
    pub queue: Arc<dyn IngestQueue>,
    /// The staging bucket and the prefix of its keys.
    pub settings: Arc<Settings>,
}

impl State {
    /// From the configuration. A function whose image code does not work does not start.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, storage) = (wiring::ledger(&clients).await?, wiring::storage(&clients).await?);
        let images: Arc<dyn ImageProcessor> = Arc::new(Imaging);
        self_test::run(images.as_ref(), &ledger).await?;
        let settings = wiring::settings(&config);
        let scanner = wiring::scanner(&clients, &storage)?;
        let ingest = Ingest::new(ledger.clone(), storage.clone(), images, settings.clone());
        let ingest = ingest.with_scanner(scanner);
        let queue = wiring::queue(&clients).await?;
        Ok(State { ingest, ledger, storage, queue, settings })
    }
}

/// One invocation: a batch whose failed messages come back, and no others.
pub async fn handle(state: &State, event: LambdaEvent<Value>) -> Result<BatchResponse, RuntimeError> {
    let mut response = BatchResponse::default();
    let mut bare_failure = None;
    for delivery in events::parse(&event.payload) {
        let result = match is_short(event.context.deadline, state.ledger.clock.now()) {
            true => {
                Err(storage_core::Error::new(ErrorKind::NotReady, "too little time is left for another file"))
            }
            false => deliver(state, &delivery, until(event.context.deadline, state.ledger.clock.now())).await,
        };
        if let Err(error) = result {
            tracing::warn!(
                message.id = delivery.message_id.as_deref(),
                error.kind = %error.kind(),
                error.cause = %error.log_line(),
                "delivery failed"
            );
            match &delivery.message_id {
                Some(id) => response.fail(id),
                None => bare_failure = Some(error),
            }
        }
    }
    match bare_failure {
        // A bare event has no message to hand back: failing the invocation is what makes S3 send it again.
        Some(error) => Err(error.kind().message().into()),
        None => Ok(response),
    }
}

/// Whether the invocation ends too soon to begin another file: its message comes back to a fresh invocation. Emulators
/// give a deadline that is no time of day, which means none.
fn is_short(deadline_ms: u64, now: Timestamp) -> bool {
    let now_ms = now.as_millis().unsigned_abs();
    deadline_ms.checked_sub(now_ms).is_some_and(|left| left < ENOUGH.as_millis() as u64)
}

/// When to stop with a file that takes several invocations; `None` where the deadline is no time of day.
fn until(deadline_ms: u64, now: Timestamp) -> Option<Timestamp> {
    let deadline = Timestamp::from_millis(i64::try_from(deadline_ms).unwrap_or(i64::MAX));
    (deadline > now).then(|| deadline - ENOUGH)
}

async fn deliver(state: &State, delivery: &Delivery, until: Option<Timestamp>) -> Result<()> {
    match &delivery.hints {
        Ok(hints) => {
            for hint in hints {
                take(state, hint, until).await?;
            }
            for scan in &delivery.scans {
                judge(state, scan, until).await?;
            }
            Ok(())
        }
        Err(poison) => {
            Err(storage_core::Error::new(ErrorKind::InvalidRequest, format!("poison: {poison:?}")))
        }
    }
}

/// The upload under a key, with the file it becomes. Keys that no upload has are ignored, so nothing this system writes can
/// set it off.
fn upload(state: &State, bucket: &BucketName, key: &StorageKey) -> Option<(TenantId, FileId, ObjectRef)> {
    let space = KeySpace { base: state.settings.base_path.clone(), tenant: None };
    let Ok(ObjectKey::Staging { tenant, file, nonce }) = ObjectKey::parse(&space, key.as_str()) else {
        tracing::info!("an event of a key that is no upload is ignored");
        return None;
    };
    if *bucket != state.settings.staging_bucket {
        tracing::warn!(tenant.id = %tenant, file.id = %file, "an event of another bucket is ignored");
        return None;
    }
    let key = ObjectKey::Staging { tenant, file, nonce }.path(&space);
    Some((tenant, file, ObjectRef::new(state.settings.staging_bucket.clone(), key)))
}

/// One object.
async fn take(state: &State, hint: &Hint, until: Option<Timestamp>) -> Result<()> {
    let Some((tenant, file, staged)) = upload(state, &hint.bucket, &hint.key) else { return Ok(()) };
    let record = state.ledger.store.get_file(tenant, file).await?;
    if record.is_none_or(|record| !waits_for(&record, &staged.key)) {
        tracing::warn!(tenant.id = %tenant, file.id = %file, "an upload that no record waits for is removed");
        return state.storage.delete(&staged).await;
    }
    ingest(state, tenant, file, staged, until).await
}

/// Brings a file as far as it can be brought now.
async fn ingest(
    state: &State,
    tenant: TenantId,
    file: FileId,
    staged: ObjectRef,
    until: Option<Timestamp>,
) -> Result<()> {
    let (actor, time) = (Actor::function(NAME), Time::Until(until));
    let outcome = state.ingest.run_for(tenant, file, Source::Staging, &actor, time).await?;
    match outcome {
        // The upload was removed as part of the outcome, or nothing was there.
        Outcome::Ready(_) | Outcome::Gone | Outcome::NotUploaded(_) => Ok(()),
        // The next invocation goes on where this one stopped.
        Outcome::Deferred(_) => state.queue.enqueue(StagedObject { object: staged }).await,
        Outcome::Failed(_) => state.storage.delete(&staged).await,
        // The verdict wakes it again; what is in quarantine has been moved there.
        Outcome::Scanning(_) | Outcome::Quarantined(_) => Ok(()),
        // Its worker finishes it, or its lease runs out and the sweep sends it again.
        Outcome::Busy(_) => Ok(()),
    }
}

/// One result of a scan. Where nobody waits for it, or not for one about these bytes, it is dropped; a file that is on its
/// way to waiting for it asks for it itself.
async fn judge(state: &State, scan: &ScanResult, until: Option<Timestamp>) -> Result<()> {
    let Some((tenant, file, staged)) = upload(state, &scan.bucket, &scan.key) else { return Ok(()) };
    let known = state.ledger.store.get_file(tenant, file).await?;
    let record = known.filter(|record| record.staging_key.as_ref() == Some(&staged.key));
    let actor = Actor::function(NAME);
    let judged = match &record {
        Some(record) => {
            state.ingest.scans().deliver(record, &scan.object, scan.verdict.clone(), &actor).await?
        }
        None => None,
    };
    let goes_on = match (&judged, &record) {
        (Some(judged), _) => judged.state == FileState::Processing,
        (None, Some(record)) => {
            record.scan.is_some() && matches!(record.state, FileState::Pending | FileState::Processing)
        }
        (None, None) => false,
    };
    if judged.is_none() {
        tracing::warn!(
            tenant.id = %tenant,
            file.id = %file,
            file.state = record.as_ref().map(|record| record.state.as_str()),
            scan.clean = scan.verdict == ScanVerdict::Clean,
            scan.dropped = 1_u64,
            "a verdict that nobody waits for is dropped"
        );
    }
    if goes_on { ingest(state, tenant, file, staged, until).await } else { Ok(()) }
}

/// Whether an object under this key is, or was, the upload of the record. What is in quarantine or in the bin has its bytes
/// elsewhere, unless they are yet to be moved: what came to staging after them is a stray.
fn waits_for(record: &FileRecord, key: &StorageKey) -> bool {
    let settled =
        matches!(record.state, FileState::Quarantined | FileState::Trashed) && !record.awaits_move();
    record.staging_key.as_ref() == Some(key) && !settled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_begun_that_cannot_be_finished() {
        let now = Timestamp::from_millis(1_795_176_000_000);
        let deadline = |left_ms: i64| (now.as_millis() + left_ms).unsigned_abs();
        assert!(is_short(deadline(44_999), now));
        assert!(!is_short(deadline(45_000), now));
        assert!(!is_short(600_000, now), "an emulator's deadline is no time of day");
        assert!(!is_short(0, now));
    }
}
