//! What a queue is told about a batch.

use serde::Serialize;

/// The messages to deliver again. An empty list means that all is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    /// One entry for each message that failed.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<BatchItemFailure>,
}

/// A message that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchItemFailure {
    /// Its id.
    #[serde(rename = "itemIdentifier")]
    pub message_id: String,
}

impl BatchResponse {
    /// Asks for a message again; once, however often it failed.
    pub fn fail(&mut self, message_id: &str) {
        if !self.failures.iter().any(|failure| failure.message_id == message_id) {
            self.failures.push(BatchItemFailure { message_id: message_id.to_owned() });
        }
    }
}
