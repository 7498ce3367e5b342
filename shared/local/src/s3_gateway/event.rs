//! What was created, as S3 says it: the event, its JSON, and who is told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use storage_core::key::STAGING_PREFIX;
use storage_core::ports::{Clock, ETag, ObjectRef, SystemClock};
use storage_core::timestamp::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

/// S3 leaves these as they are in the key of an event; a space becomes `+`.
const KEY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

/// An object was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The object.
    pub object: ObjectRef,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// Its tag, where it is known.
    pub etag: Option<ETag>,
    /// How, as the event's name says it: `Put`, `Post`, `Copy` or `CompleteMultipartUpload`.
    pub how: &'static str,
    /// When.
    pub time: Timestamp,
    /// A number in hex digits that only grows.
    pub sequencer: String,
}

impl ObjectCreated {
    /// An event that says no more than that there is an object.
    pub(super) fn hint(object: ObjectRef) -> Self {
        let time = SystemClock.now();
        let sequencer = sequencer(&AtomicU64::new(0));
        ObjectCreated { object, size: None, etag: None, how: "Put", time, sequencer }
    }

    /// The JSON of S3's notification, with the key URL-encoded as S3 does it.
    pub fn to_s3_json(&self) -> Value {
        let bucket = self.object.bucket.as_str();
        let key = utf8_percent_encode(self.object.key.as_str(), KEY).to_string().replace(' ', "+");
        let mut object = json!({ "key": key, "sequencer": self.sequencer });
        if let Some(size) = self.size {
            object["size"] = size.into();
        }
        if let Some(etag) = &self.etag {
            object["eTag"] = etag.as_str().into();
        }
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": self.time.to_string(),
            "eventName": format!("ObjectCreated:{}", self.how),
            "userIdentity": { "principalId": "local" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": {},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "local",
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": { "principalId": "local" },
                    "arn": format!("arn:aws:s3:::{bucket}"),
                },
                "object": object,
            },
        }] })
    }
}

/// Learns of created objects. It is called after the write and must return at once.
pub trait EventRelay: Send + Sync + fmt::Debug {
    /// Takes one event.
    fn relay(&self, event: ObjectCreated);
}

/// A relay into a channel, for tests that watch, delay or drop events.
#[derive(Clone, Debug)]
pub struct ChannelRelay(pub UnboundedSender<ObjectCreated>);

impl EventRelay for ChannelRelay {
    fn relay(&self, event: ObjectCreated) {
        // A test that dropped its receiver does not want events.
        let _ = self.0.send(event);
    }
}

/// Sends events of the staging prefix to the relay.
#[derive(Debug)]
pub(super) struct Events {
    relay: Option<Arc<dyn EventRelay>>,
    last: AtomicU64,
}

impl Events {
    pub(super) fn new(relay: Option<Arc<dyn EventRelay>>) -> Self {
        Events { relay, last: AtomicU64::new(0) }
    }

    pub(super) fn created(&self, how: &'static str, object: &ObjectRef, size: u64, etag: &ETag) {
        let Some(relay) = &self.relay else { return };
        if object.key.as_str().starts_with(STAGING_PREFIX) {
            relay.relay(ObjectCreated {
                object: object.clone(),
                size: Some(size),
                etag: Some(etag.clone()),
                how,
                time: SystemClock.now(),
                sequencer: sequencer(&self.last),
            });
        }
    }
}

/// The time in nanoseconds, or one more than the last number where the clock stands or goes back.
fn sequencer(last: &AtomicU64) -> String {
    let now = u64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(0);
    let next = |last: u64| now.max(last.saturating_add(1));
    let (Ok(before) | Err(before)) =
        last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    format!("{:016X}", next(before))
}

#[cfg(test)]
mod tests {
    use storage_core::ids::BucketName;
    use storage_core::key::StorageKey;

    use super::*;

    #[test]
    fn keys_are_encoded_as_s3_does_and_decode_to_themselves() {
        let object =
            |key: &str| ObjectRef::new(BucketName::parse("abc").unwrap(), StorageKey::parse(key).unwrap());
        for (key, encoded) in [
            ("a b+c/d\u{e9}", "a+b%2Bc/d%C3%A9"),
            ("%41/\u{2603}", "%2541/%E2%98%83"),
            ("x-_.*/(1)", "x-_.*/%281%29"),
        ] {
            let json = ObjectCreated::hint(object(key)).to_s3_json();
            assert_eq!(json["Records"][0]["s3"]["object"]["key"], encoded);
        }
    }

    #[test]
    fn sequencers_grow_even_where_the_clock_stands() {
        let last = AtomicU64::new(u64::MAX - 10);
        let numbers: Vec<String> = (0..5).map(|_| sequencer(&last)).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
