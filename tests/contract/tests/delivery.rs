//! What is said about the life of a deleted file's bytes at the edge is what the templates and the objects say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contract_tests::{cloudformation, read, template};
use serde_json::Value;
use storage_core::ids::FileId;
use storage_core::key::{Extension, ObjectKey, Visibility};
use storage_core::state::MAX_ATTEMPTS;
use storage_core::timestamp::Timestamp;

/// The documentation says "an hour".
const HOUR: u64 = 3600;

/// The seconds of a directive of a `Cache-Control`.
fn seconds(header: &str, directive: &str) -> Option<u64> {
    header.split(", ").find_map(|part| part.strip_prefix(directive)?.strip_prefix('=')?.parse().ok())
}

fn ttl(delivery: &Value, policy: &str) -> [u64; 3] {
    let config = &delivery["Resources"][policy]["Properties"]["CachePolicyConfig"];
    ["MinTTL", "DefaultTTL", "MaxTTL"].map(|name| config[name].as_u64().unwrap())
}

/// G40: nobody invalidates anything, so what the edge may keep is what a deletion takes at most.
#[test]
fn g40_the_edge_keeps_a_private_file_for_the_hour_that_is_documented() {
    let delivery = cloudformation("infra/delivery.yaml");
    for policy in ["PrivateCache", "PublicCache"] {
        assert_eq!(ttl(&delivery, policy), [0, HOUR, HOUR], "{policy}");
    }
    let key = |visibility| {
        let extension = Extension::parse("txt").unwrap();
        let at = Timestamp::from_millis(1_795_176_000_000);
        ObjectKey::attachment(visibility, at, FileId::generate(), extension)
    };
    let private = key(Visibility::Private).cache_control();
    assert_eq!((seconds(private, "max-age"), seconds(private, "s-maxage")), (Some(HOUR), None), "{private}");
    assert!(private.starts_with("private"), "no cache in between keeps it");
    let public = key(Visibility::Public).cache_control();
    assert_eq!(seconds(public, "s-maxage"), Some(HOUR), "{public}");

    let headers = &delivery["Resources"]["PrivateHeaders"]["Properties"]["ResponseHeadersPolicyConfig"];
    let items = headers["CustomHeadersConfig"]["Items"].as_array().unwrap();
    let cache = items.iter().find(|item| item["Header"] == "Cache-Control").unwrap();
    assert_eq!((&cache["Value"], &cache["Override"]), (&"private, no-store".into(), &true.into()));

    let behaviours = &delivery["Resources"]["Distribution"]["Properties"]["DistributionConfig"];
    let policies: Vec<&Value> = behaviours["CacheBehaviors"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&behaviours["DefaultCacheBehavior"]])
        .map(|behaviour| &behaviour["CachePolicyId"]["Ref"])
        .collect();
    assert_eq!(policies.len(), 3);
    assert!(policies.iter().all(|policy| *policy == "PrivateCache" || *policy == "PublicCache"));

    let api = read("docs/API.md");
    for said in [
        "bytes that were deleted for good are gone from the edge within an hour",
        "nothing is invalidated",
        &format!("| private bytes straight from S3 | `{private}` |"),
        &format!("| public bytes | `{public}` |"),
        "| private bytes through CloudFront | `private, no-store`; the edge keeps its copy for an hour |",
    ] {
        assert!(api.replace('\n', " ").contains(said), "docs/API.md says: {said}");
    }
}

/// G09: a message is tried as often as a file is, and goes where somebody is told of it.
#[test]
fn g09_a_message_is_delivered_as_often_as_a_file_is_tried() {
    let template = template();
    let queue = &template["Resources"]["IngestQueue"]["Properties"];
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], MAX_ATTEMPTS);
    assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"]["GetAtt"], "IngestDeadLetterQueue.Arn");
    let alarms = contract_tests::resources(&template, "AWS::CloudWatch::Alarm");
    let watched = alarms.values().any(|alarm| alarm.to_string().contains("IngestDeadLetterQueue"));
    assert!(watched, "nobody is told of what is in the dead letter queue");
    let operations = read("docs/OPERATIONS.md");
    assert!(operations.contains("### ingest-dlq-depth"), "docs/OPERATIONS.md says what to do with it");
}
