//! What EventBridge Pipes does in the cloud: reads the table's stream, has `publish-event` make events of it, and sends them
//! on - here to the terminal and to `events.jsonl`. At least once: the place in the stream is kept after the sending.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{Outcome, during, screen};

/// How often the stream is looked at.
const PACE: Duration = Duration::from_millis(500);

/// The form of a signature.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";

/// A reader of the stream of one table.
pub(crate) struct Pump {
    client: reqwest::Client,
    dynamodb_url: String,
    publish_url: String,
    /// Where the last sequence number that was sent is kept.
    place: PathBuf,
    /// Where events are appended.
    sink: PathBuf,
}

impl Pump {
    /// Over this server; `publish_url` invokes the function.
    pub(crate) fn new(dynamodb_url: &str, publish_url: &str, place: PathBuf, sink: PathBuf) -> Outcome<Self> {
        let (dynamodb_url, publish_url) = (dynamodb_url.to_owned(), publish_url.to_owned());
        Ok(Pump { client: crate::stack::client()?, dynamodb_url, publish_url, place, sink })
    }

    /// Runs until the stack stops. What cannot be sent now is sent later.
    pub(crate) async fn run(self, table: &str, mut stopped: watch::Receiver<bool>) {
        let mut timer = tokio::time::interval(PACE);
        let mut iterator: Option<String> = None;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                _ = timer.tick() => {}
            }
            match self.step(table, iterator.take()).await {
                Ok(next) => iterator = next,
                Err(message) => screen::error(&format!("events wait: {message}")),
            }
        }
    }

    /// One look at the stream; the iterator to go on with.
    async fn step(&self, table: &str, iterator: Option<String>) -> Outcome<Option<String>> {
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => self.iterator(table).await?,
        };
        let page = self.call("GetRecords", json!({ "ShardIterator": iterator, "Limit": 100 })).await?;
        let records = page["Records"].as_array().cloned().unwrap_or_default();
        let told: Vec<Value> = records.iter().filter(|record| is_told(record)).cloned().collect();
        if !told.is_empty() {
            let answer = self.client.post(&self.publish_url).json(&told).send().await;
            let answer = during("publish-event", answer.and_then(reqwest::Response::error_for_status))?;
            let events: Vec<Value> = during("publish-event", answer.json().await)?;
            self.send(&events)?;
        }
        if let Some(last) = records.last().and_then(|record| record["dynamodb"]["SequenceNumber"].as_str()) {
            during("the place in the stream", std::fs::write(&self.place, last))?;
        }
        Ok(page["NextShardIterator"].as_str().map(str::to_owned))
    }

    /// Where the last run stopped, or the beginning.
    async fn iterator(&self, table: &str) -> Outcome<String> {
        let streams = self.call("ListStreams", json!({ "TableName": table })).await?;
        let arn = streams["Streams"][0]["StreamArn"].as_str().ok_or("the table has no stream")?.to_owned();
        let stream = self.call("DescribeStream", json!({ "StreamArn": arn })).await?;
        let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
        let mut request = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        if let Ok(last) = std::fs::read_to_string(&self.place) {
            request["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
            request["SequenceNumber"] = json!(last);
        }
        let found = self.call("GetShardIterator", request).await?;
        found["ShardIterator"].as_str().map(str::to_owned).ok_or_else(|| "no place in the stream".to_owned())
    }

    async fn call(&self, operation: &str, body: Value) -> Outcome<Value> {
        let request = self
            .client
            .post(&self.dynamodb_url)
            .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            // The server in this process asks for a signature and looks at none.
            .header("authorization", SIGNED)
            .header("x-amz-date", "20260101T000000Z")
            .body(body.to_string());
        let answer = during(operation, request.send().await)?;
        let text = during(operation, during(operation, answer.error_for_status())?.text().await)?;
        during(operation, serde_json::from_str(&text))
    }

    /// The terminal gets a line an event, without the URL, which is a secret.
    fn send(&self, events: &[Value]) -> Outcome<()> {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.sink);
        let mut file = during("events.jsonl", file)?;
        for event in events {
            during("events.jsonl", writeln!(file, "{event}"))?;
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let why =
                event["data"]["error_code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
            screen::step(&format!("{} {}{why}", text("type"), text("subject")));
        }
        Ok(())
    }
}

/// The filter of the pipe: new outbox items.
fn is_told(record: &Value) -> bool {
    let sort = record["dynamodb"]["Keys"]["SK"]["S"].as_str().unwrap_or_default();
    record["eventName"] == "INSERT" && sort.starts_with("O#")
}

#[cfg(test)]
mod tests;
