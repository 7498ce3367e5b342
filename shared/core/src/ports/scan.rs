//! The port to whatever scans uploads for malware.

use async_trait::async_trait;

use super::storage::{ObjectMeta, ObjectRef};
use crate::error::Result;

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanVerdict {
    /// Nothing.
    Clean,
    /// Something.
    Infected {
        /// Its name, in the words of the scanner.
        threat: String,
    },
    /// The object cannot be scanned, now or ever. That is no reason to believe in it.
    Error,
}

/// Scans objects, or knows what a scanner that works by itself has found.
///
/// - **A verdict is about exactly the object that `meta` describes**, by its tag and version. Where that object was
///   replaced or removed meanwhile the answer is `PreconditionFailed` or `NotFound`, or `None`, and never the verdict of
///   another.
/// - **`None` is no verdict**: the scan has not begun, or goes on. Asking again is free of effects.
/// - **Only the scanner's own word is `Clean`.** A scanner that cannot be reached or does not answer in time is an error
///   that can be retried (`StorageUnavailable`); what it cannot scan or answers in words that are not known is
///   [`ScanVerdict::Error`].
#[async_trait]
pub trait Scanner: Send + Sync + std::fmt::Debug {
    /// What was found in this object, as `meta` describes it.
    async fn verdict(&self, object: &ObjectRef, meta: &ObjectMeta) -> Result<Option<ScanVerdict>>;
}

/// Scans nothing. What has to be scanned waits for its deadline, and goes to quarantine.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoScanner;

#[async_trait]
impl Scanner for NoScanner {
    async fn verdict(&self, _object: &ObjectRef, _meta: &ObjectMeta) -> Result<Option<ScanVerdict>> {
        Ok(None)
    }
}
