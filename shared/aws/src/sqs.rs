//! The queue that wakes `process-upload`, on SQS.
//!
//! A message has the shape of an S3 event, so that the function parses one shape whoever sent it.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use storage_core::ports::{IngestQueue, ObjectRef, StagedObject};
use storage_core::{Error, ErrorKind, Result};

use crate::client::Aws;
use crate::settings::AwsSettings;

/// S3 encodes keys in events; a space as `%20` is read like its `+`.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The body of a message about `object`: one record of an S3 event, named `Storage:Reenqueued`.
pub fn reenqueued_event(object: &ObjectRef) -> String {
    let key = utf8_percent_encode(object.key.as_str(), KEY).to_string();
    json!({
        "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "Storage:Reenqueued",
            "s3": { "bucket": { "name": object.bucket }, "object": { "key": key } },
        }]
    })
    .to_string()
}

/// An SQS queue.
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue at `url` over a connection that other ports share.
    pub fn new(aws: &Aws, url: impl Into<String>) -> Self {
        SqsQueue { client: aws.sqs(), url: url.into() }
    }

    /// The queue with a connection of its own.
    pub async fn connect(settings: &AwsSettings, url: impl Into<String>) -> Result<Self> {
        Ok(Self::new(&Aws::connect(settings).await?, url))
    }
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqsQueue").field("url", &self.url).finish_non_exhaustive()
    }
}

#[async_trait]
impl IngestQueue for SqsQueue {
    /// `StorageUnavailable` where the queue did not take the message; it may have arrived all the same, which is harmless.
    async fn enqueue(&self, staged: StagedObject) -> Result<()> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(reenqueued_event(&staged.object))
            .send()
            .await
            .map_err(|cause| Error::new(ErrorKind::StorageUnavailable, "SendMessage").with_cause(cause))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use storage_core::ids::BucketName;
    use storage_core::key::StorageKey;

    use super::*;
    use crate::test_support::{Answer, Canned};

    #[test]
    fn a_message_is_an_s3_event_with_an_encoded_key() {
        let bucket = BucketName::parse("acme-staging").unwrap();
        let object = ObjectRef::new(bucket, StorageKey::parse("temp/a b+c/é%2e").unwrap());
        let event: Value = serde_json::from_str(&reenqueued_event(&object)).unwrap();
        let record = &event["Records"][0];
        assert_eq!(record["eventSource"], "aws:s3");
        assert_eq!(record["s3"]["bucket"]["name"], "acme-staging");
        assert_eq!(record["s3"]["object"]["key"], "temp/a%20b%2Bc/%C3%A9%252e");
    }

    #[tokio::test]
    async fn a_message_is_sent_to_the_queue_and_a_refusal_is_an_outage() {
        let body = r#"{"MessageId":"1","MD5OfMessageBody":"x"}"#;
        let server = Canned::start(move |_| Answer::new(200, body)).await;
        let url = format!("{}/111122223333/ingest", server.endpoint);
        let queue = SqsQueue::connect(&server.settings(), &url).await.unwrap();
        let bucket = BucketName::parse("acme-staging").unwrap();
        let object = ObjectRef::new(bucket, StorageKey::parse("temp/x").unwrap());
        queue.enqueue(StagedObject { object: object.clone() }).await.unwrap();
        let sent: Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
        assert_eq!(sent["QueueUrl"], url);
        assert_eq!(sent["MessageBody"], reenqueued_event(&object));
        let server = Canned::start(|_| Answer::new(503, "")).await;
        let queue = SqsQueue::connect(&server.settings(), &url).await.unwrap();
        let error = queue.enqueue(StagedObject { object }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
        assert_eq!(server.requests().len(), 3);
    }
}
