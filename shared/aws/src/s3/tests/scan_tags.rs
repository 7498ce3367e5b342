//! Which tag of which version is asked for, and what it means.

use storage_core::ErrorKind;
use storage_core::ports::{ETag, ObjectMeta, ScanVerdict, Scanner};
use storage_core::timestamp::Timestamp;

use super::*;
use crate::s3::scan_tag::{GuardDutyTags, guard_duty_verdict};

fn meta(version: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        key: object("temp/uploads/x").key,
        size: 3,
        etag: ETag::new("abc"),
        last_modified: Timestamp::from_millis(0),
        content_type: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        version_id: version.map(str::to_owned),
        checksum_crc64nvme: None,
    }
}

type Tags<'a> = &'a [(&'a str, &'a str)];

fn tagging(tags: Tags<'_>) -> Answer {
    let tags: String = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
        .collect();
    Answer::new(200, format!("<?xml version=\"1.0\"?><Tagging><TagSet>{tags}</TagSet></Tagging>"))
}

async fn verdict(answer: Answer) -> (Result<Option<ScanVerdict>>, Vec<Recorded>) {
    let (backend, server) = backend(move |_| answer.clone()).await;
    let scanner = GuardDutyTags::new(backend);
    (scanner.verdict(&object("temp/uploads/x"), &meta(Some("v 1"))).await, server.requests())
}

#[tokio::test]
async fn g49_only_the_tag_of_a_scan_without_threats_is_clean() {
    const STATUS: &str = "GuardDutyMalwareScanStatus";
    let infected = || Some(ScanVerdict::Infected { threat: "unnamed".to_owned() });
    let table: [(Tags<'_>, Option<ScanVerdict>); 12] = [
        (&[], None),
        (&[("other", "NO_THREATS_FOUND")], None),
        (&[("guarddutymalwarescanstatus", "NO_THREATS_FOUND")], None),
        (&[(STATUS, "NO_THREATS_FOUND")], Some(ScanVerdict::Clean)),
        (&[("a", "b"), (STATUS, "NO_THREATS_FOUND")], Some(ScanVerdict::Clean)),
        (&[(STATUS, "THREATS_FOUND")], infected()),
        (&[(STATUS, "UNSUPPORTED")], Some(ScanVerdict::Error)),
        (&[(STATUS, "ACCESS_DENIED")], Some(ScanVerdict::Error)),
        (&[(STATUS, "FAILED")], Some(ScanVerdict::Error)),
        (&[(STATUS, "no_threats_found")], Some(ScanVerdict::Error)),
        (&[(STATUS, "SOMETHING_NEW")], Some(ScanVerdict::Error)),
        (&[(STATUS, "")], Some(ScanVerdict::Error)),
    ];
    for (tags, expected) in table {
        let (found, requests) = verdict(tagging(tags)).await;
        assert_eq!(found.unwrap(), expected, "{tags:?}");
        let [request] = &requests[..] else { panic!("{requests:?}") };
        assert!(request.target.starts_with("/acme-files/temp/uploads/x?"), "{}", request.target);
        assert!(request.target.contains("tagging") && request.target.contains("versionId=v%201"));
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"));
    }
    let named = guard_duty_verdict("THREATS_FOUND", Some("EICAR"));
    assert_eq!(named, ScanVerdict::Infected { threat: "EICAR".to_owned() });
}

#[tokio::test]
async fn g49_no_answer_is_no_verdict() {
    for (status, code) in [(404, "NoSuchVersion"), (404, "NoSuchKey")] {
        let (found, _) = verdict(Answer::error(status, code)).await;
        assert_eq!(found.unwrap(), None, "{code}");
    }
    for (status, code) in [(403, "AccessDenied"), (404, "NoSuchBucket"), (500, "InternalError")] {
        let (found, _) = verdict(Answer::error(status, code)).await;
        assert_eq!(found.unwrap_err().kind(), ErrorKind::StorageUnavailable, "{code}");
    }
    // Without a version the tag could be that of another upload, so it is not even asked for.
    let (backend, server) = backend(|_| tagging(&[("GuardDutyMalwareScanStatus", "NO_THREATS_FOUND")])).await;
    let found = GuardDutyTags::new(backend).verdict(&object("temp/uploads/x"), &meta(None)).await;
    assert_eq!((found.unwrap(), server.requests().len()), (Some(ScanVerdict::Error), 0));
}

/// A copy of the tag on a final object would need a permission that no function has, and would say nothing there.
#[tokio::test]
async fn a_copy_leaves_the_tags_of_its_source_behind() {
    let (backend, server) = backend(well).await;
    backend.copy(copy("temp/uploads/x", PutOptions::default())).await.unwrap();
    assert_eq!(server.requests()[0].header("x-amz-tagging-directive"), Some("REPLACE"));
    assert_eq!(server.requests()[0].header("x-amz-tagging"), None);
}
