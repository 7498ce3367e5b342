//! A scanner that knows what a test has told it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use storage_core::Result;
use storage_core::ports::{ETag, ObjectMeta, ObjectRef, ScanVerdict, Scanner};

/// Verdicts by the tag of the object, and one for everything else: none, until a test says otherwise.
#[derive(Debug, Default)]
pub struct MemoryScanner {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: BTreeMap<String, ScanVerdict>,
    others: Option<ScanVerdict>,
}

impl MemoryScanner {
    /// Nothing is known of anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of everything that no other word was said about, this is known from now on.
    pub fn answer(&self, verdict: Option<ScanVerdict>) {
        self.state.lock().unwrap().others = verdict;
    }

    /// Of the object with this tag, this is known from now on.
    pub fn found(&self, etag: &ETag, verdict: ScanVerdict) {
        self.state.lock().unwrap().known.insert(etag.as_str().to_owned(), verdict);
    }
}

#[async_trait]
impl Scanner for MemoryScanner {
    async fn verdict(&self, _object: &ObjectRef, meta: &ObjectMeta) -> Result<Option<ScanVerdict>> {
        let state = self.state.lock().unwrap();
        Ok(state.known.get(meta.etag.as_str()).or(state.others.as_ref()).cloned())
    }
}
