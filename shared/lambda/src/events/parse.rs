//! Reads SQS batches, S3 events and EventBridge events, wrapped in each other or bare.

use std::fmt;

use serde_json::Value;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{ObjectRef, ScanVerdict, StagedObject};
use storage_core::record::ScannedObject;

use super::sequencer::Sequencer;
use super::{key, scan};

/// The name of the events we enqueue ourselves, in the shape of S3's.
pub const REENQUEUED: &str = "Storage:Reenqueued";

/// An object that may be waiting. Size, tag and time of the event are not kept: a HEAD says what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The bucket the event names.
    pub bucket: BucketName,
    /// The key, decoded.
    pub key: StorageKey,
    /// Its place among the events of this key.
    pub sequencer: Sequencer,
}

impl Hint {
    /// The object, as the ingest port takes it.
    pub fn staged(&self) -> StagedObject {
        StagedObject { object: ObjectRef::new(self.bucket.clone(), self.key.clone()) }
    }
}

/// What a scanner that works by itself found. It is acted on only where exactly this object lies on staging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanResult {
    /// The bucket the event names.
    pub bucket: BucketName,
    /// The key.
    pub key: StorageKey,
    /// Which object under this key.
    pub object: ScannedObject,
    /// What was found.
    pub verdict: ScanVerdict,
}

/// Why a message can never be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Poison {
    /// Its body is not JSON.
    NotJson,
    /// Its body is no event that is known here.
    Shape,
    /// It names no bucket, or one that cannot be.
    Bucket,
    /// It names no key, or one that cannot be.
    Key,
}

impl fmt::Display for Poison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Poison::NotJson => "not_json",
            Poison::Shape => "shape",
            Poison::Bucket => "bucket",
            Poison::Key => "key",
        })
    }
}

/// What one message, or a bare event, brings.
///
/// A message with good and bad records yields two deliveries with its id: the good records are acted on, and the
/// message is reported as failed for the bad ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id to report a failure by; `None` where no queue delivered it.
    pub message_id: Option<String>,
    /// What may be waiting; empty where the message was about something else.
    pub hints: Result<Vec<Hint>, Poison>,
    /// What scans found.
    pub scans: Vec<ScanResult>,
    /// How many records were about something else, for the metric.
    pub ignored: usize,
}

/// Reads the payload of an invocation. It has no failures of its own: what cannot be read is a delivery of poison.
pub fn parse(payload: &Value) -> Vec<Delivery> {
    let records = payload.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !records.is_empty() && records.iter().all(is_message) {
        return records.iter().flat_map(message).collect();
    }
    deliveries(None, event(payload))
}

fn is_message(record: &Value) -> bool {
    record.get("body").is_some() && record.get("s3").is_none()
}

fn message(record: &Value) -> Vec<Delivery> {
    let message_id = record.get("messageId").and_then(Value::as_str).map(str::to_owned);
    let body = record.get("body").and_then(Value::as_str);
    let event = match body.map(serde_json::from_str::<Value>) {
        Some(Ok(body)) => event(&body),
        Some(Err(_)) | None => Found::poison(Poison::NotJson),
    };
    deliveries(message_id, event)
}

/// What was found in one event.
#[derive(Default)]
struct Found {
    hints: Vec<Hint>,
    scans: Vec<ScanResult>,
    poison: Option<Poison>,
    ignored: usize,
}

impl Found {
    fn poison(poison: Poison) -> Self {
        Found { poison: Some(poison), ..Found::default() }
    }

    fn ignored() -> Self {
        Found { ignored: 1, ..Found::default() }
    }

    fn scan(result: Result<ScanResult, Poison>) -> Self {
        match result {
            Ok(scan) => Found { scans: vec![scan], ..Found::default() },
            Err(poison) => Found::poison(poison),
        }
    }

    fn add(&mut self, hint: Result<Option<Hint>, Poison>) {
        match hint {
            Ok(Some(hint)) => self.hints.push(hint),
            Ok(None) => self.ignored += 1,
            Err(poison) => self.poison = Some(poison),
        }
    }
}

fn deliveries(message_id: Option<String>, found: Found) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    if found.poison.is_none() || !found.hints.is_empty() || found.ignored > 0 {
        let (hints, scans, ignored) = (Ok(found.hints), found.scans, found.ignored);
        deliveries.push(Delivery { message_id: message_id.clone(), hints, scans, ignored });
    }
    if let Some(poison) = found.poison {
        deliveries.push(Delivery { message_id, hints: Err(poison), scans: Vec::new(), ignored: 0 });
    }
    deliveries
}

fn event(value: &Value) -> Found {
    let mut found = Found::default();
    let Some(members) = value.as_object() else {
        return if value.is_null() { Found::ignored() } else { Found::poison(Poison::Shape) };
    };
    if let Some(records) = members.get("Records").and_then(Value::as_array) {
        if records.is_empty() {
            return Found::ignored();
        }
        records.iter().for_each(|record| found.add(s3_record(record)));
    } else if scan::is_result(value) {
        return Found::scan(scan::result(value));
    } else if members.contains_key("detail-type") {
        found.add(event_bridge(value));
    } else if members.is_empty() || members.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Found::ignored();
    } else {
        return Found::poison(Poison::Shape);
    }
    found
}

/// One record of an S3 event, or of ours. Only creations are about uploads.
fn s3_record(record: &Value) -> Result<Option<Hint>, Poison> {
    let s3 = record.get("s3").ok_or(Poison::Shape)?;
    let name = record.get("eventName").and_then(Value::as_str).unwrap_or_default();
    let name = name.strip_prefix("s3:").unwrap_or(name);
    if !name.starts_with("ObjectCreated:") && name != REENQUEUED {
        return Ok(None);
    }
    let object = s3.get("object").ok_or(Poison::Key)?;
    let key = object.get("key").and_then(Value::as_str).ok_or(Poison::Key)?;
    hint(s3.get("bucket"), key::decode(key)?, object).map(Some)
}

/// An EventBridge event of S3. Its key is not encoded.
fn event_bridge(event: &Value) -> Result<Option<Hint>, Poison> {
    let is_creation = event.get("detail-type").and_then(Value::as_str) == Some("Object Created");
    if !is_creation || event.get("source").and_then(Value::as_str) != Some("aws.s3") {
        return Ok(None);
    }
    let detail = event.get("detail").ok_or(Poison::Shape)?;
    let object = detail.get("object").ok_or(Poison::Key)?;
    let key = object.get("key").and_then(Value::as_str).ok_or(Poison::Key)?;
    hint(detail.get("bucket"), key::plain(key)?, object).map(Some)
}

fn hint(bucket: Option<&Value>, key: StorageKey, object: &Value) -> Result<Hint, Poison> {
    let name = bucket.and_then(|bucket| bucket.get("name")).and_then(Value::as_str).ok_or(Poison::Bucket)?;
    let bucket = BucketName::parse(name).map_err(|_| Poison::Bucket)?;
    let sequencer = Sequencer::new(object.get("sequencer").and_then(Value::as_str));
    Ok(Hint { bucket, key, sequencer })
}
