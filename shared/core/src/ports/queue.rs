//! The port to the queue that wakes `process-upload`.

use async_trait::async_trait;

use super::storage::ObjectRef;
use crate::error::Result;

/// A staging object that may be waiting to be ingested. It is a hint: the record and a HEAD say what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedObject {
    /// The object.
    pub object: ObjectRef,
}

/// Hands staging objects to `process-upload`. At least once, in no order.
#[async_trait]
pub trait IngestQueue: Send + Sync + std::fmt::Debug {
    /// Enqueues one object; success means that it will be delivered.
    async fn enqueue(&self, staged: StagedObject) -> Result<()>;
}
