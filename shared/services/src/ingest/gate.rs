//! The gate before any look at the content: what has to be scanned is not read before it was found clean.

use storage_core::Result;
use storage_core::record::{FileState, ScannedObject};
use storage_core::state::{Event, Finding};

use super::{Job, Outcome};

/// What the gate lets happen.
pub(super) enum Gate {
    /// The content may be looked at, as long as it is the one that was scanned.
    Open,
    /// Nothing more is to be done here.
    Closed(Outcome),
    /// The verdict came just as the wait for it began: somebody has to take the lease again.
    Again,
}

impl Job<'_> {
    /// Asks what is known of the upload that lies on staging now.
    pub(super) async fn gate(&mut self) -> Result<Gate> {
        self.scanned = None;
        let Some(scan) = self.record.scan.clone().filter(|_| !self.record.is_released()) else {
            return Ok(Gate::Open);
        };
        let Some((object, meta)) = self.staged().await? else { return self.lost().await.map(Gate::Closed) };
        // What is refused for its size costs no scan.
        if let Err(code) = self.check_size(meta.size) {
            return self.fail(code).await.map(Gate::Closed);
        }
        let seen = ScannedObject::from(&meta);
        if !scan.clears(&seen) {
            let verdict = self.ingest.scans.ask(&object, &meta).await?;
            return match verdict {
                Some(verdict) => match self.ingest.scans.finding(&self.record, seen.clone(), verdict) {
                    None => self.pass(seen).await,
                    Some(finding) => self.condemn(finding).await,
                },
                None => self.await_scan(seen).await,
            };
        }
        self.scanned = Some(seen);
        Ok(Gate::Open)
    }

    /// Keeps the clean verdict, so that whoever comes next need not ask again.
    async fn pass(&mut self, seen: ScannedObject) -> Result<Gate> {
        match self.apply(Event::Scanned(self.worker, seen.clone())).await? {
            Some(_) => {
                self.scanned = Some(seen);
                Ok(Gate::Open)
            }
            None => self.lost().await.map(Gate::Closed),
        }
    }

    async fn condemn(&mut self, finding: Finding) -> Result<Gate> {
        match self.apply(Event::Condemn(self.worker, finding)).await? {
            Some(record) => {
                self.ingest.scans.lock_away(&record, self.actor).await;
                Ok(Gate::Closed(Outcome::Quarantined(Box::new(record))))
            }
            None => self.lost().await.map(Gate::Closed),
        }
    }

    /// Leaves the upload to a scanner that works by itself. What that sent a moment ago found nobody waiting, so it is
    /// asked once more.
    async fn await_scan(&mut self, seen: ScannedObject) -> Result<Gate> {
        let Some(record) = self.apply(Event::AwaitScan(self.worker, seen)).await? else {
            return self.lost().await.map(Gate::Closed);
        };
        let record = match self.ingest.scans.settle(&record, self.actor).await {
            Ok(record) => record,
            Err(error) => {
                tracing::warn!(file.id = %record.file_id, error.kind = %error.kind(), "left for the sweep to ask");
                record
            }
        };
        match record.state {
            FileState::Processing => Ok(Gate::Again),
            _ => Ok(Gate::Closed(self.ingest.settled(record))),
        }
    }
}
