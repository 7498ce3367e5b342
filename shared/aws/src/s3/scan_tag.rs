//! GuardDuty Malware Protection, which scans what lands on staging by itself and says what it found in two ways: an event,
//! and a tag on the version it scanned. This reads the tag, and knows what the words of both mean.

use async_trait::async_trait;
use aws_sdk_s3::error::ProvideErrorMetadata;
use storage_core::Result;
use storage_core::ports::{ObjectMeta, ObjectRef, ScanVerdict, Scanner};

use super::S3Backend;
use super::error::map;

/// The tag that GuardDuty sets. The policy of the bucket lets nobody else set one.
const TAG: &str = "GuardDutyMalwareScanStatus";
/// The one status that is clean.
const CLEAN: &str = "NO_THREATS_FOUND";
/// The status of a threat, whose name only the event has.
const INFECTED: &str = "THREATS_FOUND";

/// What a status of GuardDuty means, as tag or in an event. `UNSUPPORTED`, `ACCESS_DENIED`, `FAILED` and words of the
/// future are errors: the object was not scanned.
pub fn guard_duty_verdict(status: &str, threat: Option<&str>) -> ScanVerdict {
    match status {
        CLEAN => ScanVerdict::Clean,
        INFECTED => ScanVerdict::Infected { threat: threat.unwrap_or("unnamed").to_owned() },
        _ => ScanVerdict::Error,
    }
}

/// Reads the verdicts of GuardDuty from the tags of objects.
#[derive(Clone, Debug)]
pub struct GuardDutyTags {
    s3: S3Backend,
}

impl GuardDutyTags {
    /// Over this connection.
    pub fn new(s3: S3Backend) -> Self {
        GuardDutyTags { s3 }
    }
}

#[async_trait]
impl Scanner for GuardDutyTags {
    async fn verdict(&self, object: &ObjectRef, meta: &ObjectMeta) -> Result<Option<ScanVerdict>> {
        // Tags belong to a version. Without one the tag of another upload could pass for that of this one.
        let Some(version) = &meta.version_id else {
            tracing::error!(bucket = %object.bucket, "a bucket without versions cannot be scanned");
            return Ok(Some(ScanVerdict::Error));
        };
        let answer = self
            .s3
            .client
            .get_object_tagging()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .version_id(version)
            .set_expected_bucket_owner(self.s3.owner.clone())
            .send()
            .await;
        let tags = match answer {
            Ok(answer) => answer.tag_set,
            Err(failure) => {
                let code = failure.as_service_error().and_then(|error| error.code());
                // The version is gone: nothing is known of it, and nobody will read it.
                if matches!(code, Some("NoSuchVersion" | "NoSuchKey")) {
                    return Ok(None);
                }
                return Err(map("GetObjectTagging", failure));
            }
        };
        let status = tags.iter().find(|tag| tag.key == TAG);
        Ok(status.map(|tag| guard_duty_verdict(&tag.value, None)))
    }
}
