//! What runs on a schedule: the sweep, and once a night the recount. One run an invocation, its report in one log line.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error as RuntimeError, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use storage_core::Result;
use storage_core::timestamp::Timestamp;
use storage_lambda::config::Config;
use storage_lambda::wiring;
use storage_services::recount::{Recount, Recounted};
use storage_services::sweep::{Counts, Sweep};

/// What this function needs: the ledger, the storage, and the queue to hand work on.
pub struct State {
    /// Sweeps.
    pub sweep: Sweep,
    /// Counts anew.
    pub recount: Recount,
}

/// What one invocation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Done {
    /// It swept.
    Swept(Counts),
    /// It counted.
    Recounted(Recounted),
}

/// What is left of an invocation when a recount gives up: enough to say so.
const MARGIN: Duration = Duration::from_secs(5);

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, storage) = (wiring::ledger(&clients).await?, wiring::storage(&clients).await?);
        let queue = wiring::queue(&clients).await?;
        let scanner = wiring::scanner(&clients, &storage)?;
        Ok(State {
            recount: Recount::new(ledger.clone()),
            sweep: Sweep::new(ledger, storage, queue, wiring::settings(&config)).with_scanner(scanner),
        })
    }
}

/// One invocation: a recount where its event says `{"task":"recount"}`, else a sweep.
pub async fn handle(state: &State, event: LambdaEvent<Value>) -> Result<Done, RuntimeError> {
    if event.payload.get("task").and_then(Value::as_str) == Some("recount") {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(0);
        return recount(state, Timestamp::from_millis(deadline.saturating_sub(margin)))
            .await
            .map(Done::Recounted);
    }
    sweep(state).await.map(Done::Swept)
}

async fn recount(state: &State, until: Timestamp) -> Result<Recounted, RuntimeError> {
    let found = state.recount.run(until).await.map_err(|error| {
        tracing::error!(error.kind = %error.kind(), error.cause = %error.log_line(), "the recount failed");
        RuntimeError::from(error.kind().message())
    })?;
    tracing::info!(
        files = found.files,
        tenants = found.tenants,
        corrected = found.corrected,
        changed = found.changed,
        finished = found.finished,
        "recount finished"
    );
    match found.finished {
        true => Ok(found),
        // Nobody looks at counters before they are wrong: the alarm of errors says so.
        false => Err(RuntimeError::from("the recount ran out of time; nothing is corrected")),
    }
}

async fn sweep(state: &State) -> Result<Counts, RuntimeError> {
    let counts = state.sweep.run().await.map_err(|error| {
        tracing::error!(error.kind = %error.kind(), error.cause = %error.log_line(), "the sweep failed");
        RuntimeError::from(error.kind().message())
    })?;
    tracing::info!(
        examined = counts.examined,
        enqueued = counts.enqueued,
        expired = counts.expired,
        failed = counts.failed,
        quarantined = counts.quarantined,
        scan_timeouts = counts.scan_timeouts,
        finished = counts.finished,
        objects_removed = counts.objects_removed,
        staging_removed = counts.staging_removed,
        errors = counts.errors,
        stopped = counts.stopped,
        "sweep finished"
    );
    Ok(counts)
}
