//! The scheduled sweep: one run an invocation, its report kept in the table and in one log line.

use std::sync::Arc;

use lambda_runtime::{Error as RuntimeError, LambdaEvent};
use serde_json::Value;
use storage_core::Result;
use storage_lambda::config::Config;
use storage_lambda::wiring;
use storage_services::sweep::{Counts, Sweep};

/// What this function needs: the ledger, the storage, and the queue to hand work on.
pub struct State {
    /// Sweeps.
    pub sweep: Sweep,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let (ledger, storage) = (wiring::ledger(&clients).await?, wiring::storage(&clients).await?);
        let queue = wiring::queue(&clients).await?;
        let scanner = wiring::scanner(&clients, &storage)?;
        Ok(State {
            sweep: Sweep::new(ledger, storage, queue, wiring::settings(&config)).with_scanner(scanner),
        })
    }
}

/// One invocation. Its event says nothing.
pub async fn handle(state: &State, _event: LambdaEvent<Value>) -> Result<Counts, RuntimeError> {
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
