//! The enrichment of the pipe from the table's stream to the event bus: of each new outbox item it makes one event. An event
//! that a file is ready carries a URL that is signed here and now, because an item may wait and a URL does not.

mod attributes;

use std::sync::Arc;

use lambda_runtime::{Error as RuntimeError, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use storage_core::Result;
use storage_core::outbox::{FileEvent, OutboxItem};
use storage_core::ports::ResolvedUrl;
use storage_core::record::FileState;
use storage_core::timestamp::Timestamp;
use storage_lambda::config::Config;
use storage_lambda::wiring;
use storage_services::ledger::Ledger;
use storage_services::resolve::Resolver;

/// What this function needs: records, and a signer of URLs.
pub struct State {
    /// Reads records.
    pub ledger: Ledger,
    /// Signs.
    pub resolver: Resolver,
}

impl State {
    /// From the configuration.
    pub async fn from_config(config: Arc<Config>) -> Result<Self> {
        let clients = wiring::Clients::new(&config).await?;
        let ledger = wiring::ledger(&clients).await?;
        let signer = wiring::url_signer(&clients).await?;
        Ok(State { resolver: Resolver::new(ledger.clone(), wiring::settings(&config), signer), ledger })
    }
}

/// What subscribers get.
#[derive(Debug, Serialize)]
pub struct Event {
    /// The same however often it is sent: whoever gets it twice knows by it.
    id: String,
    /// `file.ready`, `file.rejected` or `file.deleted`.
    r#type: FileEvent,
    /// When it happened.
    time: Timestamp,
    /// The file.
    subject: String,
    /// The item, and the URL of a file that is ready.
    data: Data,
}

#[derive(Debug, Serialize)]
struct Data {
    #[serde(flatten)]
    item: OutboxItem,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_expires_at: Option<Timestamp>,
}

/// One invocation: a batch of stream records in, their events out. An outage fails the batch, which comes again.
pub async fn handle(state: &State, event: LambdaEvent<Value>) -> Result<Vec<Event>, RuntimeError> {
    let records = match event.payload {
        Value::Array(records) => records,
        _ => Vec::new(),
    };
    let mut events = Vec::with_capacity(records.len());
    for record in &records {
        let image = &record["dynamodb"]["NewImage"];
        let Some(item) = attributes::plain(image).and_then(|image| serde_json::from_value(image).ok()) else {
            tracing::error!("a stream record that is no outbox item is dropped");
            continue;
        };
        events.push(publish(state, item).await.map_err(|error| {
            tracing::warn!(error.kind = %error.kind(), error.cause = %error.log_line(), "events wait");
            RuntimeError::from(error.kind().message())
        })?);
    }
    Ok(events)
}

async fn publish(state: &State, item: OutboxItem) -> Result<Event> {
    let mut data = Data { item, url: None, url_expires_at: None };
    if data.item.event == FileEvent::Ready {
        match url(state, &data.item).await {
            Ok(Some(url)) => (data.url, data.url_expires_at) = (Some(url.url), url.expires_at),
            Ok(None) => {}
            Err(error) if error.retryable() => return Err(error),
            // Waiting would not help, and everything behind it would wait too.
            Err(error) => {
                tracing::error!(file.id = %data.item.file_id, error.cause = %error.log_line(), "an event has no URL");
            }
        }
    }
    Ok(Event {
        id: data.item.id.to_string(),
        r#type: data.item.event,
        time: data.item.at,
        subject: data.item.file_id.to_string(),
        data,
    })
}

/// Where the file is to be read. It may be deleted by now: then there is nothing to read any more, and a later event says
/// so.
async fn url(state: &State, item: &OutboxItem) -> Result<Option<ResolvedUrl>> {
    let record = state.ledger.store.get_file(item.tenant, item.file_id).await?;
    match record.filter(|record| record.state == FileState::Ready) {
        Some(record) => state.resolver.ready_url(&record, None, None).await.map(Some),
        None => Ok(None),
    }
}
