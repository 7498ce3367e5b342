//! Events as S3 and SQS write them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use storage_core::ports::{ETag, ObjectRef};

/// What S3 leaves as it is in the keys of its events.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// A key as an S3 event carries it: a space is `+`, everything else that is not plain is %XX.
pub fn encode_key(key: &str) -> String {
    utf8_percent_encode(key, PLAIN).to_string().replace("%20", "+")
}

/// The event of one form upload. Whatever it says about the object, nothing may be believed.
pub fn s3_event(object: &ObjectRef) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-20T12:00:01.000Z",
        "eventName": "ObjectCreated:Post",
        "userIdentity": { "principalId": "AWS:EXAMPLE" },
        "requestParameters": { "sourceIPAddress": "192.0.2.1" },
        "responseElements": { "x-amz-request-id": "0000000000000000" },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "ingest",
            "bucket": {
                "name": object.bucket.as_str(),
                "ownerIdentity": { "principalId": "EXAMPLE" },
                "arn": format!("arn:aws:s3:::{}", object.bucket),
            },
            "object": {
                "key": encode_key(object.key.as_str()),
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }] })
}

/// An SQS batch of these bodies; the first message is `m0`.
pub fn batch(bodies: &[String]) -> Value {
    let message = |(index, body): (usize, &String)| {
        json!({
            "messageId": format!("m{index}"),
            "receiptHandle": format!("receipt-{index}"),
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:ingest",
            "awsRegion": "us-east-1",
        })
    };
    json!({ "Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>() })
}

/// What GuardDuty says, by EventBridge, about the object with this tag.
pub fn scan_event(object: &ObjectRef, etag: &ETag, status: &str) -> Value {
    let threats = match status {
        "THREATS_FOUND" => json!([{ "name": "EICAR-Test-File (not a virus)", "itemPaths": null }]),
        _ => Value::Null,
    };
    json!({
        "version": "0",
        "id": "72c7d362-737a-6dce-fc78-9e27a0171419",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "account": "111122223333",
        "time": "2026-11-20T12:00:09Z",
        "region": "us-east-1",
        "resources": ["arn:aws:guardduty:us-east-1:111122223333:malware-protection-plan/b4c7f4645ab"],
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": if status == "UNSUPPORTED" { "SKIPPED" } else { "COMPLETED" },
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": object.bucket.as_str(),
                "objectKey": object.key.as_str(),
                "eTag": etag.as_str(),
                "versionId": object.version_id,
                "s3Throttled": false,
            },
            "scanResultDetails": { "scanResultStatus": status, "threats": threats },
        },
    })
}
