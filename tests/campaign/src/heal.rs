//! Time passes, and the sweep runs every ten minutes, until there is nothing left to do.

use storage_core::ports::{ListRequest, StorageBackend};
use storage_core::record::{FileRecord, FileState};

use crate::trial::Trial;

/// How often the sweep runs.
const TICK: u64 = 600;
/// The longest that anything may take to heal, in minutes: 49 hours, and a tick.
const BOUND: u64 = 49 * 60 + 10;

/// Heals, and tells how many minutes that took; `None` where it never ends.
pub(crate) async fn heal(trial: &mut Trial<'_>) -> Option<u64> {
    let began = trial.minutes();
    loop {
        let taken = trial.minutes() - began;
        let due = trial
            .sim
            .records()
            .await
            .iter()
            .filter(|record| unsettled(record))
            .filter_map(|record| record.due_at)
            .min();
        let staging = trial.sim.storage.list(&trial.sim.staging(), ListRequest::under("")).await.unwrap();
        if due.is_none() && staging.objects.is_empty() {
            return Some(taken);
        }
        if taken > BOUND {
            return None;
        }
        // The ticks at which nothing is due are left out.
        let idle = due.map_or(0, |due| due.since(trial.now()).as_secs()).div_ceil(TICK);
        let idle = if staging.objects.is_empty() { idle } else { 1 };
        trial.wait(idle.max(1) * TICK);
        trial.sweep().await;
    }
}

/// A trashed file is at rest for weeks.
fn unsettled(record: &FileRecord) -> bool {
    record.state != FileState::Trashed
}
