//! Scan results of GuardDuty Malware Protection, as EventBridge delivers them.

use serde_json::Value;
use storage_core::ids::BucketName;
use storage_core::ports::ETag;
use storage_core::record::ScannedObject;

use super::key;
use super::parse::{Poison, ScanResult};

/// Whether an event tells of a scan. Everybody in the account can put events on its bus, but none with this source.
pub(super) fn is_result(event: &Value) -> bool {
    event.get("source").and_then(Value::as_str) == Some("aws.guardduty")
        && event.get("detail-type").and_then(Value::as_str)
            == Some("GuardDuty Malware Protection Object Scan Result")
}

/// What it tells. An event without the tag of the object tells nothing: it could be about another upload.
pub(super) fn result(event: &Value) -> Result<ScanResult, Poison> {
    let detail = event.get("detail").ok_or(Poison::Shape)?;
    let object = detail.get("s3ObjectDetails").ok_or(Poison::Shape)?;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let bucket = BucketName::parse(text("bucketName").ok_or(Poison::Bucket)?).map_err(|_| Poison::Bucket)?;
    let key = key::plain(text("objectKey").ok_or(Poison::Key)?)?;
    let etag = text("eTag").filter(|etag| !etag.is_empty()).ok_or(Poison::Shape)?;
    let found = detail.get("scanResultDetails").ok_or(Poison::Shape)?;
    let status = found.get("scanResultStatus").and_then(Value::as_str).ok_or(Poison::Shape)?;
    let threat = found.pointer("/threats/0/name").and_then(Value::as_str);
    Ok(ScanResult {
        bucket,
        key,
        object: ScannedObject { etag: ETag::new(etag), version_id: text("versionId").map(str::to_owned) },
        verdict: storage_aws::guard_duty_verdict(status, threat),
    })
}
